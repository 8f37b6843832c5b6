//! The person for whom something is read, and so what may be seen.
use super::agent::Role;
use crate::db::Query;

/// Every read for a person takes one; its scope is in the SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// An agent sees every ticket of the desk.
    Agent { id: i64, name: String, role: Role },
    /// The operator at the command line of the server. Never made by a page.
    Operator,
}

impl Viewer {
    pub fn agent_id(&self) -> Option<i64> {
        match self {
            Viewer::Agent { id, .. } => Some(*id),
            Viewer::Operator => None,
        }
    }
    /// Writes the condition under which this viewer may see a row of `ticket t`: the scope stands in the
    /// SQL of every read, so that narrowing it is a change of this function alone.
    pub fn scope(&self, query: &mut Query<'_>) {
        match self {
            Viewer::Agent { .. } | Viewer::Operator => query.push("true"),
        };
    }
}
