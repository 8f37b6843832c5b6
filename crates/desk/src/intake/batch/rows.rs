//! Rows that filing makes and that are written together, many with one statement: each message alone would cost a
//! dozen round trips to the database.
use crate::Result;
use crate::db::Tx;
use crate::files::attachment::{self, NewAttachment};
use crate::files::blob;
use crate::files::store::Stored;
use crate::intake::outcome::{self, Settled};
use crate::people::requester::Senders;
use crate::site::event::{self, NewEvent};
use crate::site::sequence::TicketNumbers;
use crate::tickets::entry::{self, Written};
use crate::tickets::index::{self, Unindexed};
use crate::tickets::participant;
use crate::tickets::reference::References;
use crate::tickets::ticket::{self, Opened, Tail};
use std::collections::BTreeMap;

/// An entry with what hangs on it.
#[derive(Debug)]
pub(super) struct Entry {
    pub written: Written,
    /// Subject and number of its ticket, by which it is found too.
    pub ticket: String,
    pub html: Option<Stored>,
    pub files: Vec<NewAttachment>,
}
impl Entry {
    fn parts(&self) -> impl Iterator<Item = &Stored> {
        self.html.iter().chain(self.files.iter().map(|file| &file.stored))
    }
}

#[derive(Debug, Default)]
pub(super) struct Rows {
    pub numbers: TicketNumbers,
    /// In the order in which they were opened.
    pub opened: BTreeMap<i64, Opened>,
    entries: Vec<Entry>,
    /// Of tickets that are there.
    tails: BTreeMap<i64, Tail>,
    pub references: References,
    pub people: Vec<participant::New>,
    pub events: Vec<NewEvent<'static>>,
    pub settled: Vec<Settled>,
}

impl Rows {
    pub(super) fn add_entry(&mut self, id: i64, entry: Entry) {
        let ticket_id = entry.written.ticket_id();
        let tail = match self.opened.get_mut(&ticket_id) {
            Some(opened) => &mut opened.tail,
            None => self.tails.entry(ticket_id).or_insert_with(|| Tail::of(ticket_id)),
        };
        tail.add(id, entry.written.shown());
        self.entries.push(entry);
    }
    /// Of the entries that wait.
    pub(super) fn text_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.written.text_bytes()).sum()
    }

    /// Each kind after those that it refers to.
    pub(super) fn write(&mut self, tx: &mut Tx<'_>, senders: &mut Senders) -> Result<()> {
        self.numbers.write(tx)?;
        senders.write(tx)?;
        let opened: Vec<Opened> = std::mem::take(&mut self.opened).into_values().collect();
        ticket::insert(tx, &opened)?;
        self.write_entries(tx)?;
        let tails: Vec<Tail> = std::mem::take(&mut self.tails).into_values().collect();
        ticket::grow(tx, &tails)?;
        self.references.write(tx)?;
        participant::insert(tx, &std::mem::take(&mut self.people))?;
        event::append_all(tx, &std::mem::take(&mut self.events))?;
        let settled = std::mem::take(&mut self.settled);
        let in_time = outcome::settle_all(tx, &settled)?;
        if u64::try_from(settled.len()).is_ok_and(|all| all == in_time) {
            return Ok(());
        }
        // Their rows were ours when the batch began, and PostgreSQL would have refused to serialize.
        Err(anyhow::anyhow!("a message was filed by somebody else meanwhile").into())
    }

    fn write_entries(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let entries = std::mem::take(&mut self.entries);
        let blobs = blob::name_all(tx, &Vec::from_iter(entries.iter().flat_map(Entry::parts)))?;
        let (mut rows, mut files) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut unindexed = Unindexed::default();
        for Entry { mut written, ticket, html, files: own } in entries {
            if let Some(html) = html {
                written.has_html(blob::named(&blobs, &html)?);
            }
            unindexed.push(written.id(), written.found_by(&ticket));
            files.push((written.id(), own));
            rows.push(written);
        }
        entry::insert(tx, &rows)?;
        let files: Vec<(i64, &[NewAttachment])> =
            files.iter().map(|(id, files)| (*id, files.as_slice())).collect();
        attachment::add_all(tx, &files, &blobs)?;
        index::add(tx, &unindexed)
    }
}
