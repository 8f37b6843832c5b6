//! What an agent has begun to write.
use super::entry::Kind;
use crate::{Result, db::Tx};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub text: String,
    /// As typed.
    pub to: String,
    pub cc: String,
    /// Files already uploaded: their store hashes, names, types and sizes.
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
/// `kind`: Reply or Note. An empty draft is removed.
pub fn save(tx: &mut Tx<'_>, agent_id: i64, ticket_id: i64, kind: Kind, draft: &Draft) -> Result<()> {
    let _ = (tx, agent_id, ticket_id, kind, draft);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, agent_id: i64, ticket_id: i64, kind: Kind) -> Result<Option<Draft>> {
    let _ = (tx, agent_id, ticket_id, kind);
    todo!()
}
pub fn remove(tx: &mut Tx<'_>, agent_id: i64, ticket_id: i64, kind: Kind) -> Result<()> {
    let _ = (tx, agent_id, ticket_id, kind);
    todo!()
}
