//! One matter, with number, subject and state.
use crate::{By, Result, db::Tx, people::viewer::Viewer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Closed,
}
#[derive(Clone, Debug)]
pub struct Ticket {
    pub id: i64,
    pub number: String,
    pub subject: String,
    pub state: State,
    pub department: String,
    pub mailbox_id: Option<i64>,
    pub mailbox: Option<String>,
    pub requester_id: i64,
    pub requester_name: Option<String>,
    pub requester_address: String,
    pub assignee: Option<(i64, String)>,
    /// Number of the ticket whose id its first message carried, from someone else.
    pub refers_to: Option<String>,
    /// Number of the ticket it was joined to.
    pub joined_to: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub closed_at: Option<i64>,
    pub last_entry_id: Option<i64>,
    pub entries: i64,
    pub unsent: i64,
}
/// A new ticket, opened by filing.
#[derive(Clone, Debug)]
pub struct NewTicket {
    pub subject: String,
    pub department_id: i64,
    pub mailbox_id: Option<i64>,
    pub requester_id: i64,
    pub requester_address: String,
    pub refers_to_id: Option<i64>,
}
/// Its id and number.
pub fn open(tx: &mut Tx<'_>, by: &By, new: &NewTicket) -> Result<(i64, String)> {
    let _ = (tx, by, new);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, viewer: &Viewer, number: &str) -> Result<Option<Ticket>> {
    let _ = (tx, viewer, number);
    todo!()
}
pub fn find_for_system(tx: &mut Tx<'_>, id: i64) -> Result<Option<Ticket>> {
    let _ = (tx, id);
    todo!()
}
/// `None` unassigns.
pub fn assign(tx: &mut Tx<'_>, by: &By, ticket_id: i64, agent_id: Option<i64>) -> Result<()> {
    let _ = (tx, by, ticket_id, agent_id);
    todo!()
}
/// Twice is once: closing a closed ticket changes nothing and writes no event.
pub fn close(tx: &mut Tx<'_>, by: &By, ticket_id: i64) -> Result<()> {
    let _ = (tx, by, ticket_id);
    todo!()
}
/// Keeps the assignee.
pub fn reopen(tx: &mut Tx<'_>, by: &By, ticket_id: i64) -> Result<()> {
    let _ = (tx, by, ticket_id);
    todo!()
}
/// *Join*: the entries of a ticket that refers to another move there; its requester becomes a
/// participant; the emptied ticket is closed and leads on.
pub fn join(tx: &mut Tx<'_>, by: &By, ticket_id: i64, into_id: i64) -> Result<()> {
    let _ = (tx, by, ticket_id, into_id);
    todo!()
}
/// An agent has dealt with deliveries that failed: the ticket leaves *Not sent*.
pub fn dismiss_unsent(tx: &mut Tx<'_>, by: &By, ticket_id: i64) -> Result<()> {
    let _ = (tx, by, ticket_id);
    todo!()
}
/// Other tickets of the requester: how many in all and open.
pub fn count_of_requester(tx: &mut Tx<'_>, viewer: &Viewer, requester_id: i64) -> Result<(i64, i64)> {
    let _ = (tx, viewer, requester_id);
    todo!()
}
