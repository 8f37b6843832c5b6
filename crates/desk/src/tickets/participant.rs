//! Who may write to a ticket besides its requester: on the Cc line of its first message, or let in by
//! an agent. People or a Reply-To that come later are only offered.
use crate::db::{self, FromRow, Query, Row};
use crate::mailboxes::mailbox;
use crate::people::person::{Person, one_line};
use crate::{By, Result, db::Tx, params};
use std::collections::{HashMap, HashSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Participant,
    Offered,
}
impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Standing::Participant => "participant",
            Standing::Offered => "offered",
        }
    }
    fn read(word: &str) -> Result<Standing, db::Error> {
        match word {
            "participant" => Ok(Standing::Participant),
            "offered" => Ok(Standing::Offered),
            other => Err(db::Error::Decode(format!("{other:?} is no standing of a participant"))),
        }
    }
}
#[derive(Clone, Debug)]
pub struct Participant {
    pub person: Person,
    pub standing: Standing,
    pub added_by: String,
}
impl FromRow for Participant {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let standing = Standing::read(row.get(2)?)?;
        Ok(Participant {
            person: Person { name: row.get(0)?, address: row.get(1)? },
            standing,
            added_by: row.get(3)?,
        })
    }
}
/// How many people one letter can bring; a letter to more is a mailing, and nobody reads such a list.
pub const PEOPLE_MAX: usize = 50;
/// How many a ticket keeps in all.
const TICKET_MAX: i64 = 200;
/// An agent's own act may bring more; the database knows those past this.
const THERE_MAX: i64 = 1000;

/// In the order in which they came, at most 200.
pub fn list(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Vec<Participant>> {
    Ok(tx.all(
        "SELECT name, address, standing, added_by FROM participant WHERE ticket_id = $1
         ORDER BY at, address_key LIMIT $2",
        params![ticket_id, TICKET_MAX],
    )?)
}
/// Keeps the higher standing; own mailboxes and the requester are left out. At most 50 at a time.
pub fn add(tx: &mut Tx<'_>, by: &By, ticket_id: i64, people: &[Person], standing: Standing) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let own = mailbox::own_addresses(tx)?;
    add_beside(tx, by, ticket_id, people, standing, &own)
}
/// The same for who has `mailbox::own_addresses` at hand.
pub(crate) fn add_beside(
    tx: &mut Tx<'_>,
    by: &By,
    ticket_id: i64,
    people: &[Person],
    standing: Standing,
    own: &[String],
) -> Result<()> {
    let mut keys: HashSet<String> = own.iter().cloned().collect();
    let mut wanted: Vec<(String, &Person)> = Vec::new();
    for person in people.iter().filter(|person| mail::address::is_valid_mailbox(person.address.trim())) {
        let key = mail::address::key(&person.address);
        if keys.insert(key.clone()) {
            wanted.push((key, person));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let there: HashMap<String, Option<Standing>> = there(tx, ticket_id)?;
    wanted.retain(|(key, _)| there.get(key) != Some(&None));
    wanted.truncate(PEOPLE_MAX);
    wanted.retain(|(key, _)| match there.get(key) {
        Some(Some(Standing::Offered)) => standing == Standing::Participant,
        Some(_) => false,
        None => true,
    });
    if standing == Standing::Offered {
        // An agent's own act is not cut.
        let count = there.values().flatten().count();
        wanted.truncate(usize::try_from(TICKET_MAX).unwrap_or(0).saturating_sub(count));
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let mut query = Query::new(
        "INSERT INTO participant (ticket_id, address_key, address, name, standing, added_by, at) VALUES ",
    );
    for (i, (key, person)) in wanted.into_iter().enumerate() {
        query.push(if i == 0 { "(" } else { ", (" }).bind(ticket_id).push(", ").bind(key);
        query.push(", ").bind(person.address.trim()).push(", ").bind(person.name.as_deref().map(one_line));
        query.push(", ").bind(standing.as_str()).push(", ").bind(by.name()).push(", ").bind(by.at).push(")");
    }
    query.push(
        " ON CONFLICT (ticket_id, address_key) DO UPDATE SET standing = excluded.standing,
             added_by = excluded.added_by, at = excluded.at, name = COALESCE(participant.name, excluded.name)
         WHERE participant.standing = 'offered' AND excluded.standing = 'participant'",
    );
    tx.execute(query.sql(), query.params())?;
    Ok(())
}
/// The requester (any of their addresses) or a participant. Nobody without an address.
pub fn may_write(tx: &mut Tx<'_>, ticket_id: i64, address: &str) -> Result<bool> {
    let key = mail::address::key(address);
    if key.is_empty() {
        return Ok(false);
    }
    Ok(tx
        .one::<(bool,)>(
            "SELECT EXISTS (SELECT 1 FROM ticket t JOIN requester_address a ON a.requester_id = t.requester_id
                            WHERE t.id = $1 AND a.address_key = $2)
                 OR EXISTS (SELECT 1 FROM participant p
                            WHERE p.ticket_id = $1 AND p.address_key = $2 AND p.standing = 'participant')",
            params![ticket_id, &key],
        )?
        .0)
}
/// Who is on the ticket already, by the key of the address. `None`: the requester.
fn there(tx: &mut Tx<'_>, ticket_id: i64) -> Result<HashMap<String, Option<Standing>>> {
    let others = tx.all::<(String, Option<String>)>(
        "SELECT address_key, standing FROM (
             SELECT address_key, standing FROM participant WHERE ticket_id = $1 LIMIT $2) AS others
         UNION ALL
         SELECT address_key, NULL FROM (
             SELECT a.address_key FROM ticket t JOIN requester_address a ON a.requester_id = t.requester_id
             WHERE t.id = $1 LIMIT 100) AS requester",
        params![ticket_id, THERE_MAX],
    )?;
    let mut there = HashMap::new();
    for (key, standing) in others {
        there.insert(key, standing.as_deref().map(Standing::read).transpose()?);
    }
    Ok(there)
}
