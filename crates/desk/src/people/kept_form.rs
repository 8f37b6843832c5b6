//! What was typed into a form whose session had ended: given back after the same person signs in again.
use crate::{Result, db::Tx, params};

const LIFE_MS: i64 = 24 * 60 * 60 * 1000;
const KEPT_MAX: i64 = 20;

#[derive(Clone, Debug)]
pub struct KeptForm {
    pub id: String,
    pub place: String,
    /// Names and values, secrets left out.
    pub fields: Vec<(String, String)>,
    /// Files that came along: in the store, and named as blobs, before the form is kept.
    pub files: Vec<KeptFile>,
}
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeptFile {
    pub blob_id: i64,
    pub name: String,
    pub media_type: String,
    pub size_bytes: i64,
}
/// `agent_id` is whose session it was. At most 20 an agent are kept, for a day.
pub fn keep(tx: &mut Tx<'_>, agent_id: i64, form: &KeptForm, at: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO kept_form (id, agent_id, place, fields, blobs, at) VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            &form.id,
            agent_id,
            &form.place,
            serde_json::to_string(&form.fields)?,
            serde_json::to_string(&form.files)?,
            at
        ],
    )?;
    tx.execute("DELETE FROM kept_form WHERE at < $1", params![at - LIFE_MS])?;
    tx.execute(
        "DELETE FROM kept_form WHERE agent_id = $1 AND id NOT IN
             (SELECT id FROM kept_form WHERE agent_id = $1 ORDER BY at DESC, id LIMIT $2)",
        params![agent_id, KEPT_MAX],
    )?;
    Ok(())
}
/// Takes it out: it is given back once, to the agent it belongs to.
pub fn take(tx: &mut Tx<'_>, id: &str, agent_id: i64) -> Result<Option<KeptForm>> {
    let found: Option<(String, String, String)> = tx.maybe(
        "DELETE FROM kept_form WHERE id = $1 AND agent_id = $2 RETURNING place, fields, blobs",
        params![id, agent_id],
    )?;
    let Some((place, fields, files)) = found else { return Ok(None) };
    let (fields, files) = (serde_json::from_str(&fields)?, serde_json::from_str(&files)?);
    Ok(Some(KeptForm { id: id.to_owned(), place, fields, files }))
}
