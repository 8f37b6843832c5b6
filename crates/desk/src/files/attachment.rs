//! A file that came or went with an entry.
use super::{blob, blob::Blob, store::Stored};
use crate::db::{self, FromRow, Query, ROWS_MAX, Row, Tx, powers_of_two};
use crate::{Result, params, people::viewer::Viewer, row};
use std::collections::HashMap;

#[derive(Clone, Debug)]
pub struct Attachment {
    pub id: i64,
    pub entry_id: i64,
    pub name: String,
    pub media_type: String,
    pub size_bytes: i64,
    pub inline: bool,
    pub content_id: Option<String>,
}
/// A file to attach: its bytes are in the store already.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    pub stored: Stored,
    pub name: String,
    pub media_type: String,
    pub inline: bool,
    pub content_id: Option<String>,
}
pub fn add(tx: &mut Tx<'_>, entry_id: i64, files: &[NewAttachment]) -> Result<()> {
    let files: Vec<(i64, &[NewAttachment])> = vec![(entry_id, files)];
    let stored: Vec<&Stored> = files.iter().flat_map(|(_, files)| files.iter().map(|f| &f.stored)).collect();
    let blobs = blob::name_all(tx, &stored)?;
    add_all(tx, &files, &blobs)
}
/// Those of many entries, whose contents are named.
pub(crate) fn add_all(
    tx: &mut Tx<'_>,
    files: &[(i64, &[NewAttachment])],
    blobs: &HashMap<[u8; 32], i64>,
) -> Result<()> {
    let mut rows = Vec::new();
    for (entry_id, files) in files {
        for (position, file) in (0_i64..).zip(*files) {
            rows.push((*entry_id, position, blob::named(blobs, &file.stored)?, file));
        }
    }
    for some in powers_of_two(&rows, ROWS_MAX) {
        let mut query = Query::new(
            "INSERT INTO attachment (entry_id, position, blob_id, name, media_type, size_bytes, inline, content_id) VALUES ",
        );
        query.bind_rows(some.iter().map(|(entry_id, position, blob_id, file)| {
            let size_bytes = blob::size_in_row(file.stored.size_bytes);
            let content_id = file.content_id.as_deref();
            row![
                *entry_id,
                *position,
                *blob_id,
                &file.name,
                &file.media_type,
                size_bytes,
                file.inline,
                content_id
            ]
        }));
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}
pub fn list(tx: &mut Tx<'_>, entry_id: i64) -> Result<Vec<Attachment>> {
    Ok(tx.all(
        "SELECT id, entry_id, name, media_type, size_bytes, inline, content_id FROM attachment
         WHERE entry_id = $1 ORDER BY position, id LIMIT 1000",
        params![entry_id],
    )?)
}
/// Of several entries in one query, each entry's in their order.
pub fn list_of(tx: &mut Tx<'_>, entry_ids: impl ExactSizeIterator<Item = i64>) -> Result<Vec<Attachment>> {
    if entry_ids.len() == 0 {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        "SELECT id, entry_id, name, media_type, size_bytes, inline, content_id FROM attachment WHERE entry_id IN ",
    );
    query.bind_list(entry_ids).push(" ORDER BY entry_id, position");
    Ok(tx.all(query.sql(), query.params())?)
}
/// By ticket number and attachment id, within what the viewer may see.
pub fn find(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    ticket_number: &str,
    id: i64,
) -> Result<Option<(Attachment, Blob)>> {
    let mut query = Query::new(
        "SELECT a.id, a.entry_id, a.name, a.media_type, a.size_bytes, a.inline, a.content_id,
                b.id, b.hash, b.size_bytes, b.place
         FROM attachment a
         JOIN entry e ON e.id = a.entry_id
         JOIN ticket t ON t.id = e.ticket_id
         JOIN blob b ON b.id = a.blob_id
         WHERE a.id = ",
    );
    query.bind(id).push(" AND t.number = ").bind(ticket_number).push(" AND ");
    viewer.scope(&mut query);
    let found: Option<Found> = tx.maybe(query.sql(), query.params())?;
    Ok(found.map(|Found(attachment, blob)| (attachment, blob)))
}

impl FromRow for Attachment {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let mut c = row.columns();
        Ok(Attachment {
            id: c.take()?,
            entry_id: c.take()?,
            name: c.take()?,
            media_type: c.take()?,
            size_bytes: c.take()?,
            inline: c.take()?,
            content_id: c.take()?,
        })
    }
}
struct Found(Attachment, Blob);
impl FromRow for Found {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let blob = Blob { id: row.get(7)?, hash: row.get(8)?, size_bytes: row.get(9)?, place: row.get(10)? };
        Ok(Found(Attachment::from_row(row)?, blob))
    }
}
