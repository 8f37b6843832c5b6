//! A day at the desk: mail arrives, agents act, the clock is moved by hand, the thread is compared as text.
use crate::mail::Mail;
use desk::db::Tx;
use desk::intake::filing::{self, Prepared};
use desk::intake::inbox::{self, Arrival, Outcome, Recorded};
use desk::intake::joining;
use desk::intake::replay::{self, Difference, Range, Scratch};
use desk::mailboxes::{cursor, cursor::Cursor, mailbox};
use desk::outgoing::delivery::{self, Sending};
use desk::outgoing::outbox::{self, Attempt, Fate};
use desk::outgoing::reply::{self, NewNote, NewReply, Placed, Then};
use desk::people::{agent, agent::NewAgent, agent::Role, viewer::Viewer};
use desk::site::event::{self, Subject};
use desk::testing::TestDesk;
use desk::tickets::{entry, entry::Entry, queue, queue::Queue, seen, ticket, ticket::Ticket};
use desk::{Actor, By, Error, Refusal, Result, params};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

pub const MINUTE: i64 = 60_000;
pub const SUPPORT: &str = "support@desk.example";

pub struct Day {
    pub desk: TestDesk,
    now: Cell<i64>,
    serial: Cell<u32>,
    agents: RefCell<HashMap<String, i64>>,
    mailboxes: RefCell<HashMap<String, i64>>,
}
impl Day {
    /// Eight in the morning: support@desk.example, and two agents, Bob and Maya.
    pub fn new() -> Day {
        let day = Day {
            desk: TestDesk::new(),
            now: Cell::new(1_772_438_400_000),
            serial: Cell::new(0),
            agents: RefCell::default(),
            mailboxes: RefCell::default(),
        };
        day.mailbox(SUPPORT, "Support");
        day.hire("Bob", Role::Agent);
        day.hire("Maya", Role::Administrator);
        day
    }
    pub fn now(&self) -> i64 {
        self.now.get()
    }
    /// The clock goes on; every act takes a minute by itself.
    pub fn later(&self, ms: i64) -> i64 {
        self.now.set(self.now.get() + ms);
        self.now.get()
    }
    pub fn read<T>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T>) -> T {
        self.desk.db.read(f).unwrap()
    }
    pub fn write<T>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T>) -> T {
        self.desk.db.write(f).unwrap()
    }
    pub fn try_write<T>(&self, f: impl Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.desk.db.write(f)
    }
    pub fn mailbox(&self, address: &str, name: &str) -> i64 {
        let by = By::system(self.now());
        let id = self.write(|tx| {
            let id = mailbox::create(tx, &by, address, name, 1)?;
            tx.execute(
                "UPDATE mailbox SET out_host = 'smtp.desk.example', out_active = 1, out_authentication = 'password',
                     active = 1, in_host = 'imap.desk.example', in_authentication = 'password' WHERE id = $1",
                params![id],
            )?;
            Ok(id)
        });
        self.mailboxes.borrow_mut().insert(address.to_owned(), id);
        id
    }
    pub fn mailbox_id(&self, address: &str) -> i64 {
        self.mailboxes.borrow()[address]
    }
    pub fn hire(&self, name: &str, role: Role) -> i64 {
        let by = By::system(self.now());
        let email = format!("{}@desk.example", name.to_lowercase());
        let new = NewAgent { email, name: name.to_owned(), role, password_hash: "$argon2id$none".to_owned() };
        let id = self.write(|tx| agent::create(tx, &by, &new));
        self.agents.borrow_mut().insert(name.to_owned(), id);
        id
    }
    pub fn agent(&self, name: &str) -> Agent<'_> {
        Agent { day: self, id: self.agents.borrow()[name], name: name.to_owned() }
    }

    // MAIL IN ------------------------------------------------------------------------------------
    /// A letter arrives at support@ and is filed.
    pub fn receive(&self, letter: Mail) -> Outcome {
        self.receive_at(SUPPORT, letter)
    }
    pub fn receive_at(&self, mailbox: &str, letter: Mail) -> Outcome {
        let serial = self.next_serial();
        self.receive_raw(mailbox, &letter.raw(serial), letter.silent)
    }
    pub fn next_serial(&self) -> u32 {
        self.serial.set(self.serial.get() + 1);
        self.serial.get()
    }
    pub fn receive_raw(&self, mailbox: &str, raw: &[u8], silent: bool) -> Outcome {
        self.later(MINUTE);
        let uid = self.next_uid(mailbox);
        let recorded = self.fetch(mailbox, "INBOX", 1, &[(uid, raw)], silent);
        assert_eq!(recorded, Recorded { new: 1, known: 0 }, "the letter is new to its mailbox");
        self.file_all().pop().expect("one letter was filed")
    }
    pub fn next_uid(&self, mailbox: &str) -> u32 {
        let mailbox_id = self.mailbox_id(mailbox);
        self.read(|tx| cursor::find(tx, mailbox_id, "INBOX")).map_or(1, |cursor| cursor.uid_last + 1)
    }
    pub fn arrival(&self, uid: u32, raw: &[u8], silent: bool) -> Arrival {
        Arrival {
            uid,
            received_at: self.now(),
            stored: self.desk.store.put(raw).unwrap(),
            content_key: ::mail::message::content_key(raw),
            message_id: ::mail::message::parse(raw).message_id,
            head: inbox::Head::of(&::mail::message::parse(raw)),
            marks: desk::intake::round_trip::marks(&::mail::message::parse(raw)),
            silent,
            same_as: None,
        }
    }
    pub fn claim_mailbox(&self, mailbox: &str) -> mailbox::Claim {
        let (id, now) = (self.mailbox_id(mailbox), self.now());
        // A lease of nothing, so that the next round of the test need not wait.
        self.write(|tx| mailbox::claim(tx, id, now, 0, "test")).expect("nobody else fetches")
    }
    pub fn fetch(
        &self,
        mailbox: &str,
        folder: &str,
        uid_validity: u32,
        mails: &[(u32, &[u8])],
        silent: bool,
    ) -> Recorded {
        let claim = self.claim_mailbox(mailbox);
        let arrivals: Vec<Arrival> = mails.iter().map(|(uid, raw)| self.arrival(*uid, raw, silent)).collect();
        let uid_last = mails.iter().map(|(uid, _)| *uid).max().unwrap_or(0);
        let cursor = Cursor { folder: folder.to_owned(), uid_validity, uid_last, start_after_uid: 0 };
        let now = self.now();
        self.write(|tx| inbox::record(tx, &claim, &cursor, &arrivals, now))
    }
    /// The filing round: everything that is due.
    pub fn file_all(&self) -> Vec<Outcome> {
        let now = self.now();
        let claims = self.write(|tx| inbox::claim_due(tx, now, MINUTE, "test", 100));
        let prepared: Vec<Prepared> = claims.iter().map(|claim| self.prepare(claim)).collect();
        let messages: Vec<_> = claims.iter().zip(&prepared).collect();
        self.write(|tx| filing::file_all(tx, &messages, now))
    }
    pub fn prepare(&self, claim: &inbox::Claim) -> Prepared {
        let raw = self.desk.store.get(&claim.place, &claim.hash).unwrap();
        filing::prepare(&self.desk.store, &raw).unwrap()
    }

    // MAIL OUT -----------------------------------------------------------------------------------
    /// The sending round: what is due goes out, each recipient's fate as told. The bytes of each letter.
    pub fn send_all(&self, fate: impl Fn(&str) -> Fate) -> Vec<Vec<u8>> {
        self.send_with(|recipients, now| Attempt {
            fates: recipients.iter().map(|r| (r.clone(), fate(r))).collect(),
            error: None,
            unsure: false,
            next_at: Some(now + 5 * MINUTE),
        })
    }
    pub fn send_with(&self, attempt: impl Fn(&[String], i64) -> Attempt) -> Vec<Vec<u8>> {
        let now = self.later(MINUTE);
        let claims = self.write(|tx| outbox::claim_due(tx, now, MINUTE, "test", 50));
        let mut sent = Vec::new();
        for claim in claims {
            let material = self.read(|tx| outbox::material(tx, claim.outbox_id));
            let bytes = match &material.fixed {
                Some(blob) => self.desk.store.get(&blob.place, &blob.hash).unwrap(),
                None => {
                    let bytes = ::mail::compose::compose(&material.draft);
                    let stored = self.desk.store.put(&bytes).unwrap();
                    assert!(self.write(|tx| outbox::fix_bytes(tx, &claim, &stored)));
                    bytes
                }
            };
            let attempt = attempt(&material.recipients, now);
            assert!(self.write(|tx| outbox::settle(tx, &claim, &attempt, now)), "nobody else sends");
            sent.push(bytes);
        }
        sent
    }
    pub fn delivers(&self) -> Vec<Vec<u8>> {
        self.send_all(|_| Fate::Sent { answer: "250 2.0.0 accepted".to_owned() })
    }
    /// When the next letter is due, or its lease ends.
    pub fn next_due(&self) -> Option<i64> {
        self.read(|tx| {
            let (due,) = tx.one::<(Option<i64>,)>(
                "SELECT min(CASE WHEN due_at < leased_until THEN leased_until ELSE due_at END) FROM outbox WHERE state = 'queued'",
                params![],
            )?;
            Ok(due)
        })
    }
    pub fn outbox(&self, id: i64) -> outbox::Outbox {
        self.read(|tx| outbox::find(tx, id)).expect("the row is there")
    }
    /// `ann@example.org sent, bert@example.org failed`
    pub fn deliveries(&self, outbox_id: i64) -> String {
        let row = self.outbox(outbox_id);
        let parts: Vec<String> =
            row.deliveries.iter().map(|d| format!("{} {}", d.recipient, d.state.as_str())).collect();
        parts.join(", ")
    }

    // LOOKING ------------------------------------------------------------------------------------
    pub fn ticket(&self, number: &str) -> Ticket {
        self.read(|tx| ticket::find(tx, &Viewer::Operator, number)).expect("the ticket is there")
    }
    pub fn entries(&self, number: &str) -> Vec<Entry> {
        let id = self.ticket(number).id;
        self.read(|tx| entry::list(tx, &Viewer::Operator, id, None, 100))
    }
    /// Message-ID of a ticket's last entry that has one.
    pub fn last_id(&self, number: &str) -> String {
        self.entries(number).into_iter().rev().find_map(|e| e.message_id).expect("an entry with an id")
    }
    /// The ticket as people read it.
    pub fn thread(&self, number: &str) -> String {
        let ticket = self.ticket(number);
        let mut head = format!("#{} {} · {}", ticket.number, ticket.subject, ticket.state.as_str());
        head += &ticket.assignee.map(|(_, name)| format!(" · {name}")).unwrap_or_default();
        head +=
            &ticket.refers_to.map(|n| format!(" · refers to #{n}, from someone else")).unwrap_or_default();
        head += &ticket.joined_to.map(|n| format!(" · joined to #{n}")).unwrap_or_default();
        let mut lines: Vec<(i64, i64, String)> = Vec::new();
        for event in self.read(|tx| event::list(tx, Subject::Ticket(ticket.id), 100)) {
            if event.kind != "opened" {
                lines.push((event.at, 0, event_line(&event)));
            }
        }
        let entries = self.read(|tx| entry::list(tx, &Viewer::Operator, ticket.id, None, 100));
        let sendings = self.read(|tx| delivery::of_entries(tx, entries.iter().map(|entry| entry.id)));
        for entry in &entries {
            lines.push((entry.at, entry.id, entry_line(entry, sendings.get(&entry.id))));
        }
        lines.sort();
        let lines: Vec<String> =
            std::iter::once(head).chain(lines.into_iter().map(|(_, _, line)| line)).collect();
        lines.join("\n")
    }
    /// Participants, then those who are offered in brackets.
    pub fn people(&self, number: &str) -> String {
        let id = self.ticket(number).id;
        let r = self.read(|tx| reply::recipients(tx, id));
        let offered: Vec<&str> = r.offered.iter().map(|p| p.address.as_str()).collect();
        format!("{} | {} | ({})", r.to, r.cc, offered.join(", "))
    }
    pub fn numbers(&self, viewer: &Viewer, queue: Queue) -> String {
        let page = self.read(|tx| queue::page(tx, viewer, queue, None, 50));
        page.lines.iter().map(|line| line.number.as_str()).collect::<Vec<_>>().join(" ")
    }
    /// The check finds nothing, and all of the day's mail would come out the same once more.
    pub fn is_whole(&self) {
        assert_eq!(desk::check::check(&self.desk).unwrap().faults, []);
        let differences = self.replayed();
        assert!(differences.is_empty(), "comes out otherwise when it is filed again: {differences:#?}");
    }
    /// What comes out otherwise.
    pub fn replayed(&self) -> Vec<Difference> {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::make(&self.desk.db, folder.path()).unwrap();
        let came = self.read(|tx| replay::next(tx, &Range::default(), 0, 1000));
        let again = came.iter().map(|came| {
            let raw = self.desk.store.get(&came.claim.place, &came.claim.hash).unwrap();
            scratch.file(&self.desk.db, came, Ok(filing::unkept(filing::parse(&raw)).unwrap())).unwrap()
        });
        again.flatten().collect()
    }
}
fn event_line(event: &event::Event) -> String {
    let who = match &event.actor {
        Actor::Agent { name, .. } | Actor::Requester { name, .. } | Actor::Rule { name } => name.clone(),
        Actor::System => "Postern".to_owned(),
    };
    let said = |key: &str| event.data.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    match event.kind.as_str() {
        "assigned" => format!("— assigned to {} by {who}", said("agent")),
        "joined" => format!("— joined to #{} by {who}", said("into")),
        "took_in" => format!("— took in #{} by {who}", said("from")),
        "also_received" => format!("— also received at {}", said("mailbox")),
        "not_sent" | "bounced" | "delayed" => {
            format!("— {} {}: {}", event.kind, said("recipient"), said("answer"))
        }
        kind => format!("— {kind} by {who}"),
    }
}
fn entry_line(entry: &Entry, sending: Option<&Sending>) -> String {
    let who =
        entry.from_name.clone().filter(|n| !n.is_empty()).or(entry.from_address.clone()).unwrap_or_default();
    let text = entry.reply_text.trim().replace('\n', " / ");
    match entry.kind {
        entry::Kind::Message if entry.nature == "none" => format!("{who}: {text}"),
        entry::Kind::Message => format!("{who} ({}): {text}", entry.nature),
        entry::Kind::Note => format!("{who} notes: {text}"),
        entry::Kind::Reply => {
            let deliveries = sending.iter().flat_map(|sending| &sending.deliveries);
            let states: Vec<String> =
                deliveries.map(|d| format!("{} {}", d.recipient, d.state.as_str())).collect();
            format!("{who} replies: {text} [{}]", states.join(", "))
        }
    }
}

/// An agent at work.
pub struct Agent<'d> {
    day: &'d Day,
    pub id: i64,
    name: String,
}
impl Agent<'_> {
    pub fn viewer(&self) -> Viewer {
        Viewer::Agent { id: self.id, name: self.name.clone(), role: Role::Agent }
    }
    pub fn by(&self) -> By {
        let actor = Actor::Agent { id: self.id, name: self.name.clone() };
        By { actor, at: self.day.later(MINUTE) }
    }
    /// A reply as the page sends it when nobody touched To and Cc.
    pub fn draft(&self, number: &str, text: &str) -> NewReply {
        let mut random = [0; 16];
        random[..4].copy_from_slice(&self.day.next_serial().to_be_bytes());
        NewReply {
            ticket_number: number.to_owned(),
            text: text.to_owned(),
            to: None,
            cc: None,
            attachments: Vec::new(),
            draft_files: Vec::new(),
            seen_entry_id: None,
            form_id: None,
            random,
            then: Then::Nothing,
        }
    }
    pub fn sends(&self, new: &NewReply) -> Result<Placed> {
        let (viewer, by) = (self.viewer(), self.by());
        self.day.try_write(|tx| reply::send(tx, &viewer, &by, new))
    }
    pub fn refused(&self, new: &NewReply) -> Refusal {
        match self.sends(new) {
            Err(Error::Refused(refusal)) => refusal,
            other => panic!("a rule should refuse, but: {other:?}"),
        }
    }
    pub fn replies(&self, number: &str, text: &str) -> Placed {
        self.sends(&self.draft(number, text)).unwrap()
    }
    pub fn notes(&self, number: &str, text: &str) -> i64 {
        let (viewer, by) = (self.viewer(), self.by());
        let new = NewNote {
            ticket_number: number.to_owned(),
            text: text.to_owned(),
            attachments: Vec::new(),
            draft_files: Vec::new(),
            form_id: None,
        };
        self.day.write(|tx| reply::note(tx, &viewer, &by, &new))
    }
    pub fn closes(&self, number: &str) {
        let (id, by) = (self.day.ticket(number).id, self.by());
        self.day.write(|tx| ticket::close(tx, &by, id));
    }
    pub fn takes(&self, number: &str) {
        let (id, by) = (self.day.ticket(number).id, self.by());
        self.day.write(|tx| ticket::assign(tx, &by, id, Some(self.id)));
    }
    pub fn joins(&self, number: &str, into: &str) -> Result<()> {
        let (id, into, by) = (self.day.ticket(number).id, self.day.ticket(into).id, self.by());
        self.day.try_write(|tx| joining::join(tx, &by, id, into))
    }
    /// Opens the ticket's page: nothing on it is news any more.
    pub fn looks(&self, number: &str) -> i64 {
        let ticket = self.day.ticket(number);
        let (last, at) = (ticket.last_entry_id.unwrap(), self.day.now());
        self.day.write(|tx| seen::look(tx, self.id, ticket.id, last, at));
        last
    }
    /// Numbers of the open tickets that are bold for this agent.
    pub fn news(&self) -> String {
        let viewer = self.viewer();
        let page = self.day.read(|tx| queue::page(tx, &viewer, Queue::Open, None, 50));
        let bold: Vec<&str> =
            page.lines.iter().filter(|line| line.news).map(|line| line.number.as_str()).collect();
        bold.join(" ")
    }
}
