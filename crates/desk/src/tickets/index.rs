//! What an entry is found by, and the index of the entries that were not indexed when they were made, or whose index was
//! damaged.
use super::words;
use crate::db::{self, Db, FromRow, Row, Tx, WORDS_MISSING};
use crate::people::person::Person;
use crate::site::setting;
use crate::{Result, params};
use anyhow::Context as _;

/// What an entry is found by.
pub(crate) struct FoundBy<'a, P> {
    /// Its subject and number.
    pub ticket: &'a str,
    pub subject: &'a str,
    pub writer: &'a str,
    pub address: &'a str,
    pub people: P,
    pub text: &'a str,
}
impl<'a, P: Iterator<Item = &'a Person>> FoundBy<'a, P> {
    fn words(self) -> String {
        let FoundBy { ticket, subject, writer, address, people, text } = self;
        let mut words = format!("{ticket} {subject} {writer} {address} ");
        for person in people {
            words.extend([person.name.as_deref().unwrap_or_default(), " ", &person.address, " "]);
        }
        words + text
    }
}

/// Entries that were added and are not found yet, with their words: to be handed to [`add`] before the transaction ends.
#[derive(Debug, Default)]
pub(crate) struct Unindexed(Vec<(i64, String)>);
impl Unindexed {
    pub(crate) fn push<'a>(
        &mut self,
        entry_id: i64,
        found_by: FoundBy<'a, impl Iterator<Item = &'a Person>>,
    ) {
        self.0.push((entry_id, found_by.words()));
    }
}
pub(crate) fn add(tx: &mut Tx<'_>, entries: &Unindexed) -> Result<()> {
    words::index(tx, &entries.0)
}

/// Entries in one transaction.
const INDEXED: i64 = 200;

/// Indexes the entries that the search does not find: after a copy from the other kind of database.
pub(crate) fn add_missing(db: &Db) -> Result<()> {
    let mut after = 0;
    loop {
        let last = db.write(|tx| {
            let missing = tx.all::<Missing>(MISSING, params![after, INDEXED])?;
            add_all(tx, &missing)?;
            Ok::<_, crate::Error>(missing.last().map(|entry| entry.id))
        })?;
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// The index was made anew, and entries before this id are not in it yet. `None`: all are.
pub fn missing_before(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    let Some(text) = setting::find(tx, WORDS_MISSING)? else { return Ok(None) };
    Ok(Some(text.parse().with_context(|| format!("the setting {WORDS_MISSING} is not understood"))?))
}

/// A step of filling the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    pub entries: usize,
    /// Entries before this id are still missing; `None`: none is.
    pub rest: Option<i64>,
}

/// Indexes some of those that are missing, the newest first, since these are looked for most.
pub fn fill(tx: &mut Tx<'_>) -> Result<Filled> {
    let Some(before) = missing_before(tx)? else { return Ok(Filled::default()) };
    let mut missing = tx.all::<Missing>(MISSING_BEFORE, params![before, INDEXED])?;
    let rest = missing.last().map(|entry| entry.id);
    match rest {
        Some(rest) => setting::set(tx, WORDS_MISSING, &rest.to_string())?,
        None => {
            setting::forget(tx, WORDS_MISSING)?;
            tx.wake("mailbox"); // the strip says so
        }
    }
    missing.reverse();
    add_all(tx, &missing)?;
    Ok(Filled { entries: missing.len(), rest })
}

/// What is wrong with the index, as far as the database can say.
pub fn damage(db: &Db) -> Result<Option<String>> {
    match db.read(words::damage) {
        Err(crate::Error::Db(db::Error::Words(said))) => Ok(Some(said)),
        other => other,
    }
}

fn add_all(tx: &mut Tx<'_>, missing: &[Missing]) -> Result<()> {
    let mut unindexed = Unindexed::default();
    for entry in missing {
        let people: Vec<Person> = [&entry.to_list, &entry.cc_list]
            .into_iter()
            .flat_map(|list| serde_json::from_str::<Vec<Person>>(list).unwrap_or_default())
            .collect();
        let name = entry.from_name.as_deref().filter(|name| !name.is_empty());
        let address = entry.from_address.as_deref().unwrap_or_default();
        let found_by = FoundBy {
            ticket: &entry.ticket,
            subject: &entry.subject,
            writer: name.unwrap_or(address),
            address,
            people: people.iter(),
            text: &entry.text,
        };
        unindexed.push(entry.id, found_by);
    }
    add(tx, &unindexed)
}

const MISSING: &str = "SELECT e.id, t.subject || ' ' || t.number, e.subject, e.from_name, e.from_address, e.to_list, e.cc_list, e.text
    FROM entry e JOIN ticket t ON t.id = e.ticket_id
    WHERE e.id > $1 AND NOT EXISTS (SELECT 1 FROM entry_words w WHERE w.rowid = e.id) ORDER BY e.id LIMIT $2";
const MISSING_BEFORE: &str = "SELECT e.id, t.subject || ' ' || t.number, e.subject, e.from_name, e.from_address, e.to_list, e.cc_list, e.text
    FROM entry e JOIN ticket t ON t.id = e.ticket_id
    WHERE e.id < $1 AND NOT EXISTS (SELECT 1 FROM entry_words w WHERE w.rowid = e.id) ORDER BY e.id DESC LIMIT $2";
struct Missing {
    id: i64,
    ticket: String,
    subject: String,
    from_name: Option<String>,
    from_address: Option<String>,
    to_list: String,
    cc_list: String,
    text: String,
}
impl FromRow for Missing {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let mut columns = row.columns();
        Ok(Missing {
            id: columns.take()?,
            ticket: columns.take()?,
            subject: columns.take()?,
            from_name: columns.take()?,
            from_address: columns.take()?,
            to_list: columns.take()?,
            cc_list: columns.take()?,
            text: columns.take()?,
        })
    }
}
