//! What an entry is found by, and the index of the entries that were not indexed when they were made.
use super::words;
use crate::db::{self, Db, FromRow, Row, Tx};
use crate::people::person::Person;
use crate::{Result, params};

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

/// Entries in one transaction of `add_missing`.
const INDEXED: i64 = 200;

/// Indexes the entries that the search does not find: after a copy from the other kind of database.
pub(crate) fn add_missing(db: &Db) -> Result<()> {
    let mut after = 0;
    loop {
        let last = db.write(|tx| {
            let missing = tx.all::<Missing>(MISSING, params![after, INDEXED])?;
            let mut unindexed = Unindexed::default();
            for entry in &missing {
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
            add(tx, &unindexed)?;
            Ok::<_, crate::Error>(missing.last().map(|entry| entry.id))
        })?;
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

const MISSING: &str = "SELECT e.id, t.subject || ' ' || t.number, e.subject, e.from_name, e.from_address, e.to_list, e.cc_list, e.text
    FROM entry e JOIN ticket t ON t.id = e.ticket_id
    WHERE e.id > $1 AND NOT EXISTS (SELECT 1 FROM entry_words w WHERE w.rowid = e.id) ORDER BY e.id LIMIT $2";
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
