//! Who may write to a ticket besides its requester: on the Cc line of its first message, or let in by
//! an agent. People or a Reply-To that come later are only offered.
use crate::db::{self, FromRow, Query, Row};
use crate::mailboxes::mailbox;
use crate::people::person::{Person, one_line};
use crate::{By, Result, db::Tx, params};

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
}
#[derive(Clone, Debug)]
pub struct Participant {
    pub person: Person,
    pub standing: Standing,
    pub added_by: String,
}
impl FromRow for Participant {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let standing = match row.get::<&str>(2)? {
            "participant" => Standing::Participant,
            "offered" => Standing::Offered,
            other => return Err(db::Error::Decode(format!("{other:?} is no standing of a participant"))),
        };
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
    let mut left_out = mailbox::own_addresses(tx)?;
    left_out.extend(requester_keys(tx, ticket_id)?);
    let mut wanted: Vec<(String, &Person)> = Vec::new();
    for person in people {
        let key = mail::address::key(&person.address);
        let usable = mail::address::is_valid_mailbox(person.address.trim());
        if usable && !left_out.contains(&key) && wanted.len() < PEOPLE_MAX {
            left_out.push(key.clone());
            wanted.push((key, person));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let (count,) =
        tx.one::<(i64,)>("SELECT count(*) FROM participant WHERE ticket_id = $1", params![ticket_id])?;
    let mut query = Query::new(
        "INSERT INTO participant (ticket_id, address_key, address, name, standing, added_by, at) VALUES ",
    );
    let room = match standing {
        Standing::Participant => wanted.len(), // an agent's own act is not cut
        Standing::Offered => usize::try_from(TICKET_MAX - count).unwrap_or(0).min(wanted.len()),
    };
    if room == 0 {
        return Ok(());
    }
    for (i, (key, person)) in wanted.into_iter().take(room).enumerate() {
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
fn requester_keys(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Vec<String>> {
    let keys = tx.all::<(String,)>(
        "SELECT a.address_key FROM ticket t JOIN requester_address a ON a.requester_id = t.requester_id
         WHERE t.id = $1 LIMIT 100",
        params![ticket_id],
    )?;
    Ok(keys.into_iter().map(|(key,)| key).collect())
}
