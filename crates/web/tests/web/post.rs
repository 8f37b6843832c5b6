//! The post of the office: letters come in and are filed, replies go out to a server that says what it likes.
use crate::office::Office;
use desk::By;
use desk::db::Tx;
use desk::intake::filing;
use desk::intake::inbox::{self, Arrival, Outcome};
use desk::mailboxes::{cursor, cursor::Cursor, mailbox};
use desk::outgoing::outbox::{self, Attempt, Fate};

pub const SUPPORT: &str = "support@contoso.example";
const MINUTE: i64 = 60_000;

/// A letter as text: header fields, a blank line, the body.
pub fn letter(from: &str, subject: &str, body: &str) -> String {
    letter_with(from, subject, "Content-Type: text/plain; charset=utf-8", body)
}
pub fn html_letter(from: &str, subject: &str, html: &str) -> String {
    letter_with(from, subject, "Content-Type: text/html; charset=utf-8", html)
}
/// `more`: further header fields, a line each.
pub fn letter_with(from: &str, subject: &str, more: &str, body: &str) -> String {
    let id: u32 = format!("{from}{subject}{more}{body}")
        .bytes()
        .fold(7, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte));
    format!(
        "From: {from}\r\nTo: {SUPPORT}\r\nSubject: {subject}\r\nMessage-ID: <{id}@customer.example>\r\n\
         Date: Tue, 24 Nov 2026 11:00:00 +0000\r\nMIME-Version: 1.0\r\n{more}\r\n\r\n{}\r\n",
        body.replace('\n', "\r\n")
    )
}

impl Office {
    /// An office with a mailbox that fetches and sends.
    pub fn with_post() -> Office {
        let office = Office::staffed();
        office.furnish_post();
        office
    }
    pub fn furnish_post(&self) {
        let by = By::system(self.clock.now());
        self.write(move |tx| {
            let id = mailbox::create(tx, &by, SUPPORT, "Contoso Support", 1)?;
            tx.execute(
                "UPDATE mailbox SET out_host = 'smtp.contoso.example', out_active = 1, out_authentication = 'password',
                     active = 1, in_host = 'imap.contoso.example', in_authentication = 'password' WHERE id = $1",
                desk::params![id],
            )?;
            Ok(())
        });
    }
    pub fn read<T: Send>(&self, f: impl Fn(&mut Tx<'_>) -> desk::Result<T> + Sync) -> T {
        std::thread::scope(|scope| scope.spawn(|| self.desk.db.read(&f)).join()).unwrap().unwrap()
    }
    /// A letter comes in a minute later and is filed; the number of its ticket.
    pub fn receives(&self, letter: &str) -> String {
        self.clock.advance(MINUTE);
        let (now, raw) = (self.clock.now(), letter.as_bytes());
        let store = self.desk.store.clone();
        let arrival = |uid| Arrival {
            uid,
            received_at: now,
            stored: store.put(raw).unwrap(),
            content_key: mail::message::content_key(raw),
            message_id: mail::message::parse(raw).message_id,
            head: inbox::Head::default(),
            marks: Vec::new(),
            silent: false,
            same_as: None,
        };
        self.write(|tx| {
            let id = mailbox::find_by_address(tx, SUPPORT)?.unwrap().id;
            let claim = mailbox::claim(tx, id, now, 0, "test")?.unwrap();
            let uid = cursor::find(tx, id, "INBOX")?.map_or(1, |cursor| cursor.uid_last + 1);
            let cursor =
                Cursor { folder: "INBOX".to_owned(), uid_validity: 1, uid_last: uid, start_after_uid: 0 };
            inbox::record(tx, &claim, &cursor, &[arrival(uid)], now)
        });
        let outcome = self.write(|tx| {
            let claim = inbox::claim_due(tx, now, MINUTE, "test", 1)?.pop().unwrap();
            let prepared = filing::prepare(&store, &store.get(&claim.place, &claim.hash)?)?;
            filing::file_alone(tx, &claim, &prepared, now)
        });
        match outcome {
            Outcome::Filed { ticket_id, .. } => {
                self.read(|tx| desk::tickets::ticket::find_for_system(tx, ticket_id)).unwrap().number
            }
            other => panic!("not filed: {other:?}"),
        }
    }
    /// Everything that is due goes out; each recipient's fate as told.
    pub fn sends(&self, fate: impl Fn(&str) -> Fate + Sync) -> Vec<String> {
        self.clock.advance(MINUTE);
        let now = self.clock.now();
        let claims = self.write(|tx| outbox::claim_due(tx, now, MINUTE, "test", 50));
        let mut sent = Vec::new();
        for claim in claims {
            let material = self.read(|tx| outbox::material(tx, claim.outbox_id));
            let bytes = mail::compose::compose(&material.draft);
            if material.fixed.is_none() {
                let stored = self.desk.store.put(&bytes).unwrap();
                self.write(|tx| outbox::fix_bytes(tx, &claim, &stored));
            }
            let attempt = Attempt {
                fates: material.recipients.iter().map(|to| (to.clone(), fate(to))).collect(),
                error: None,
                unsure: false,
                next_at: Some(now + 5 * MINUTE),
            };
            assert!(self.write(|tx| outbox::settle(tx, &claim, &attempt, now)), "nobody else sends");
            sent.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        sent
    }
    pub fn outbox(&self) -> Vec<outbox::Outbox> {
        self.read(|tx| outbox::list(tx, None, None, 100))
    }
}

/// A server that takes everything.
pub fn accepted(_to: &str) -> Fate {
    Fate::Sent { answer: "250 2.0.0 accepted".to_owned() }
}
/// With its brackets, as it stands in the header of a letter.
pub fn message_id(letter: &str) -> String {
    let line = letter.lines().find(|line| line.to_ascii_lowercase().starts_with("message-id:")).unwrap();
    line.split_once(':').unwrap().1.trim().to_owned()
}
