//! A file that came or went with an entry.
use super::{blob, blob::Blob, store::Stored};
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::{Result, params, people::viewer::Viewer};

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
    for (position, file) in (0_i64..).zip(files) {
        let blob_id = blob::name(tx, &file.stored)?;
        tx.execute(
            "INSERT INTO attachment (entry_id, blob_id, position, name, media_type, size_bytes, inline, content_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                entry_id,
                blob_id,
                position,
                &file.name,
                &file.media_type,
                blob::size_in_row(file.stored.size_bytes),
                file.inline,
                file.content_id.as_deref()
            ],
        )?;
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
