//! What an agent has begun to write: one draft an agent, ticket and kind. Sending removes it.
use super::entry::Kind;
use crate::db::{self, FromRow, Row};
use crate::{Result, db::Tx, params};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub text: String,
    /// As typed.
    pub to: String,
    pub cc: String,
    /// Files already uploaded: their blobs, names, types and sizes.
    pub files: Vec<DraftFile>,
    pub saved_at: i64,
}
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DraftFile {
    pub blob_id: i64,
    pub name: String,
    pub media_type: String,
    pub size_bytes: i64,
}
impl FromRow for Draft {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Draft {
            text: row.get(0)?,
            to: row.get(1)?,
            cc: row.get(2)?,
            files: serde_json::from_str(row.get(3)?).map_err(|e| db::Error::Decode(e.to_string()))?,
            saved_at: row.get(4)?,
        })
    }
}
/// `kind`: Reply or Note. A draft without text and files is removed: To and Cc alone are what the
/// composer shows by itself.
pub fn save(tx: &mut Tx<'_>, agent_id: i64, ticket_id: i64, kind: Kind, draft: &Draft) -> Result<()> {
    if draft.text.trim().is_empty() && draft.files.is_empty() {
        return remove(tx, agent_id, ticket_id, kind);
    }
    tx.execute(
        "INSERT INTO draft (agent_id, ticket_id, kind, text, to_list, cc_list, files, saved_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (agent_id, ticket_id, kind) DO UPDATE SET text = excluded.text, to_list = excluded.to_list,
             cc_list = excluded.cc_list, files = excluded.files, saved_at = excluded.saved_at",
        params![
            agent_id,
            ticket_id,
            kind.as_str(),
            &draft.text,
            &draft.to,
            &draft.cc,
            serde_json::to_string(&draft.files)?,
            draft.saved_at,
        ],
    )?;
    Ok(())
}
pub fn find(tx: &mut Tx<'_>, agent_id: i64, ticket_id: i64, kind: Kind) -> Result<Option<Draft>> {
    Ok(tx.maybe(
        "SELECT text, to_list, cc_list, files, saved_at FROM draft WHERE agent_id = $1 AND ticket_id = $2 AND kind = $3",
        params![agent_id, ticket_id, kind.as_str()],
    )?)
}
pub fn remove(tx: &mut Tx<'_>, agent_id: i64, ticket_id: i64, kind: Kind) -> Result<()> {
    tx.execute(
        "DELETE FROM draft WHERE agent_id = $1 AND ticket_id = $2 AND kind = $3",
        params![agent_id, ticket_id, kind.as_str()],
    )?;
    Ok(())
}
