//! Who may write to a ticket besides its requester: on the Cc line of its first message, or let in by
//! an agent. People or a Reply-To that come later are only offered.
use crate::db::{self, FromRow, Query, ROWS_MAX, Row, powers_of_two};
use crate::mailboxes::mailbox;
use crate::people::person::{self, Person};
use crate::{By, Result, db::Tx, params, row};
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
    let own = mailbox::own_addresses(tx)?.into_iter().collect();
    let named = named(people, &own);
    if named.is_empty() {
        return Ok(());
    }
    let there = there(tx, ticket_id)?;
    let new: Vec<New> = wanted(&there, named, standing)
        .into_iter()
        .map(|(key, person)| New::of(by, ticket_id, key, person, standing))
        .collect();
    insert(tx, &new)
}
/// Those of these people who may be added to a ticket, by the key of the address, each once.
pub(crate) fn named<'p>(people: &'p [Person], own: &HashSet<String>) -> Vec<(String, &'p Person)> {
    let mut seen: HashSet<String> = HashSet::new();
    let mut named: Vec<(String, &Person)> = Vec::new();
    for person in people.iter().filter(|person| mail::address::is_valid_mailbox(person.address.trim())) {
        let key = mail::address::key(&person.address);
        if !own.contains(&key) && seen.insert(key.clone()) {
            named.push((key, person));
        }
    }
    named
}
/// Those of them who are to be added beside those who are there.
pub(crate) fn wanted<'p>(
    there: &There,
    mut named: Vec<(String, &'p Person)>,
    standing: Standing,
) -> Vec<(String, &'p Person)> {
    named.retain(|(key, _)| there.get(key) != Some(&None));
    named.truncate(PEOPLE_MAX);
    named.retain(|(key, _)| match there.get(key) {
        Some(Some(Standing::Offered)) => standing == Standing::Participant,
        Some(_) => false,
        None => true,
    });
    if standing == Standing::Offered {
        // An agent's own act is not cut.
        let count = there.values().flatten().count();
        named.truncate(usize::try_from(TICKET_MAX).unwrap_or(0).saturating_sub(count));
    }
    named
}
/// Who is to be added.
#[derive(Debug)]
pub(crate) struct New {
    ticket_id: i64,
    key: String,
    address: String,
    name: Option<String>,
    standing: Standing,
    added_by: String,
    at: i64,
}
impl New {
    pub(crate) fn of(by: &By, ticket_id: i64, key: String, person: &Person, standing: Standing) -> New {
        let (address, name) = (person.address.trim().to_owned(), person.name.as_deref().map(person::name));
        New { ticket_id, key, address, name, standing, added_by: by.name().to_owned(), at: by.at }
    }
}
/// Each once a ticket.
pub(crate) fn insert(tx: &mut Tx<'_>, all: &[New]) -> Result<()> {
    for some in powers_of_two(all, ROWS_MAX) {
        let mut query = Query::new(
            "INSERT INTO participant (ticket_id, address_key, address, name, standing, added_by, at) VALUES ",
        );
        query.bind_rows(some.iter().map(|new| {
            let (name, standing) = (new.name.as_deref(), new.standing.as_str());
            row![new.ticket_id, &new.key, &new.address, name, standing, &new.added_by, new.at]
        }));
        query.push(
            " ON CONFLICT (ticket_id, address_key) DO UPDATE SET standing = excluded.standing,
                 added_by = excluded.added_by, at = excluded.at, name = COALESCE(participant.name, excluded.name)
             WHERE participant.standing = 'offered' AND excluded.standing = 'participant'",
        );
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}
/// Of these tickets and these addresses (by their keys): who may write to which, besides the requesters.
pub(crate) fn who_may_write(
    tx: &mut Tx<'_>,
    ticket_ids: &[i64],
    keys: &[String],
) -> Result<Vec<(i64, String)>> {
    let mut all = Vec::new();
    for (tickets, keys) in ticket_ids.chunks(512).flat_map(|t| keys.chunks(512).map(move |k| (t, k))) {
        let mut query = Query::new(
            "SELECT ticket_id, address_key FROM participant WHERE standing = 'participant' AND address_key IN ",
        );
        query.bind_list(keys.iter().map(String::as_str));
        query.push(" AND ticket_id IN ").bind_list(tickets.iter().copied());
        all.extend(tx.all::<(i64, String)>(query.sql(), query.params())?);
    }
    Ok(all)
}
/// Who is on a ticket, by the key of the address. `None`: the requester.
pub(crate) type There = HashMap<String, Option<Standing>>;

pub(crate) fn there(tx: &mut Tx<'_>, ticket_id: i64) -> Result<There> {
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
