//! What was typed into a form whose session had ended: given back after the same person signs in again.
use crate::{Result, db::Tx};

#[derive(Clone, Debug)]
pub struct KeptForm {
    pub id: String,
    pub place: String,
    /// Names and values, secrets left out.
    pub fields: Vec<(String, String)>,
}
/// `agent_id` is whose session it was. At most 20 an agent are kept, for a day.
pub fn keep(tx: &mut Tx<'_>, agent_id: i64, form: &KeptForm, at: i64) -> Result<()> {
    let _ = (tx, agent_id, form, at);
    todo!()
}
/// Takes it out: it is given back once, to the agent it belongs to.
pub fn take(tx: &mut Tx<'_>, id: &str, agent_id: i64) -> Result<Option<KeptForm>> {
    let _ = (tx, id, agent_id);
    todo!()
}
