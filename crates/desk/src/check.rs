//! Integrity: every raw message has its entry or its reason, every blob its hash, every outbox row a
//! state, every secret opens, and what servers were found to hold is here. It reads in pages, each in a snapshot of its own, so that it may run beside a server at work; it
//! changes nothing.
use crate::db::{self, FromRow};
use crate::files::store::Store;
use crate::mailboxes::balance::{self, Balance};
use crate::mailboxes::mailbox::{self, Mailbox};
use crate::site::sealed;
use crate::site::vault::DoesNotOpen;
use crate::tickets::index;
use crate::{Desk, Result, params};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: &'static str,
    pub what: String,
    pub remedy: String,
}
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub inbox: i64,
    pub entries: i64,
    pub blobs: i64,
    pub outbox: i64,
    pub secrets: i64,
    /// Of mailboxes that are not removed, by their addresses: as they were compared last.
    pub folders: Vec<(String, Balance)>,
    pub faults: Vec<Fault>,
}
const PAGE: i64 = 500;
/// More are not listed: whoever has ten thousand faults has one, and needs a backup.
const FAULTS_MAX: usize = 10_000;

/// Reads everything, in pages; changes nothing.
pub fn check(desk: &Desk) -> Result<Report> {
    let mut report = Report::default();
    let Report { faults, .. } = &mut report;
    let inbox = pages(desk, INBOX, |row| inbox_row(faults, row))?;
    let entries = pages(desk, ENTRIES, |row| entry_row(faults, row))?;
    words(desk, faults)?;
    let blobs = pages(desk, BLOBS, |row| blob_row(faults, &desk.store, row))?;
    let outbox = pages(desk, OUTBOX, |row| outbox_row(faults, row))?;
    pages(desk, TICKETS, |row| ticket_row(faults, row))?;
    pages(desk, CURSORS, |row| cursor_row(faults, row))?;
    let folders = folders(desk, faults)?;
    let secrets = secrets(desk, faults)?;
    faults.truncate(FAULTS_MAX);
    Ok(Report { inbox, entries, blobs, outbox, secrets, folders, ..report })
}

/// Reads all rows of a statement (`$1`: ids after this one, `$2`: how many) whose first column is the id.
fn pages<T: FromRow + Paged>(desk: &Desk, sql: &'static str, mut each: impl FnMut(T)) -> Result<i64> {
    let (mut after, mut count) = (0_i64, 0);
    loop {
        let rows: Vec<T> = desk.db.read(|tx| tx.all(sql, params![after, PAGE]))?;
        let Some(last) = rows.last() else { return Ok(count) };
        after = last.id();
        count += i64::try_from(rows.len()).unwrap_or(i64::MAX);
        rows.into_iter().for_each(&mut each);
    }
}
trait Paged {
    fn id(&self) -> i64;
}
macro_rules! paged {
    ($(($($t:ident),*))*) => {$(
        impl<$($t),*> Paged for (i64, $($t),*) {
            fn id(&self) -> i64 { self.0 }
        }
    )*};
}
paged! { (B) (B, C) (B, C, D) (B, C, D, E) (B, C, D, E, F) (B, C, D, E, F, G) }

const BACKUP: &str = "Stop Postern and restore the database and the files from one backup; keep this copy for the report of the fault.";

const INBOX: &str = "SELECT i.id, i.state, i.reason, m.address,
        CASE WHEN e.id IS NOT NULL AND e.inbox_id = i.id AND e.ticket_id = i.ticket_id THEN 1 ELSE 0 END
    FROM inbox i JOIN mailbox m ON m.id = i.mailbox_id LEFT JOIN entry e ON e.id = i.entry_id
    WHERE i.id > $1 ORDER BY i.id LIMIT $2";
fn inbox_row(
    faults: &mut Vec<Fault>,
    (id, state, reason, mailbox, has_entry): (i64, String, String, String, bool),
) {
    match state.as_str() {
        "filed" if !has_entry => faults.push(Fault {
            kind: "inbox_without_entry",
            what: format!("Message {id} of {mailbox} counts as filed, but is no entry of its ticket."),
            remedy: BACKUP.to_owned(),
        }),
        "ignored" | "held" | "failed" if reason.is_empty() => faults.push(Fault {
            kind: "inbox_without_reason",
            what: format!("Message {id} of {mailbox} is {state} without a reason."),
            remedy: format!("`postern inbox retry {id}` files it again."),
        }),
        _ => {}
    }
}

const ENTRIES: &str = "SELECT e.id, t.number, e.kind,
        CASE WHEN e.raw_blob_id IS NOT NULL THEN 1 ELSE 0 END,
        CASE WHEN i.entry_id = e.id AND i.state = 'filed' THEN 1 ELSE 0 END,
        CASE WHEN o.id IS NOT NULL THEN 1 ELSE 0 END
    FROM entry e JOIN ticket t ON t.id = e.ticket_id LEFT JOIN inbox i ON i.id = e.inbox_id
    LEFT JOIN outbox o ON o.entry_id = e.id WHERE e.id > $1 ORDER BY e.id LIMIT $2";
fn entry_row(
    faults: &mut Vec<Fault>,
    (id, number, kind, has_raw, is_the_inbox_entry, has_outbox): (i64, String, String, bool, bool, bool),
) {
    let mut fault = |kind, what: &str| {
        faults.push(Fault {
            kind,
            what: format!("Entry {id} of ticket #{number} {what}"),
            remedy: BACKUP.to_owned(),
        });
    };
    match kind.as_str() {
        "message" if !has_raw => fault("entry_without_raw", "came by mail and has no raw message."),
        "message" if !is_the_inbox_entry => {
            fault("entry_not_of_inbox", "came from a message that was filed elsewhere, or twice.");
        }
        "reply" if !has_outbox => {
            fault("reply_without_outbox", "is a reply that was never queued for sending.")
        }
        _ => {}
    }
}

/// An index that is damaged is one fault, and keeps nothing else from being looked at.
fn words(desk: &Desk, faults: &mut Vec<Fault>) -> Result<()> {
    let fault =
        |kind, what: String, remedy: &str| Fault { kind, what, remedy: format!("{remedy} {REBUILD}") };
    let damaged = |why: &str| {
        let what = format!("The index of words, by which entries are found, is damaged: {why}.");
        fault("words_damaged", what, "The entries themselves are whole.")
    };
    if let Some(why) = index::damage(&desk.db)? {
        faults.push(damaged(&why));
        return Ok(());
    }
    let missing_before = desk.db.read(index::missing_before)?.unwrap_or(0);
    if missing_before > 1 {
        let what = format!(
            "Entries before number {missing_before} are not found by their words yet: the index was made anew."
        );
        faults.push(fault("words_missing", what, "A server that runs adds them by itself."));
    }
    let looked = pages(desk, UNFOUND, |(id, number): (i64, String)| {
        if id >= missing_before {
            let what = format!("Entry {id} of ticket #{number} is in no search index.");
            faults.push(fault("entry_without_words", what, "It is not found by its words."));
        }
    });
    match looked {
        Err(crate::Error::Db(db::Error::Words(why))) => faults.push(damaged(&why)),
        other => drop(other?),
    }
    Ok(())
}
const REBUILD: &str = "`postern index rebuild` makes the index anew.";

/// Only those at fault: pages of them end by themselves.
const UNFOUND: &str = "SELECT e.id, t.number FROM entry e JOIN ticket t ON t.id = e.ticket_id
    WHERE e.id > $1 AND NOT EXISTS (SELECT 1 FROM entry_words w WHERE w.rowid = e.id) ORDER BY e.id LIMIT $2";

const BLOBS: &str = "SELECT id, hash, size_bytes, place FROM blob WHERE id > $1 ORDER BY id LIMIT $2";
fn blob_row(
    faults: &mut Vec<Fault>,
    store: &Store,
    (id, hash, size_bytes, place): (i64, Vec<u8>, i64, String),
) {
    let why = match store.look_at(&place, &hash) {
        Ok(bytes) if i64::try_from(bytes) == Ok(size_bytes) => return,
        Ok(bytes) => format!("is {bytes} bytes long and not {size_bytes}"),
        Err(error) => format!("cannot be read: {error}"),
    };
    let remedy = "`postern restore DIR --files` writes it back, where DIR is the folder of a backup. Copy no file over it: what came \
                  later is in the same one."
        .to_owned();
    faults.push(Fault { kind: "blob_broken", what: format!("File {id} ({place}) {why}."), remedy });
}

const OUTBOX: &str = "SELECT o.id, o.state, COALESCE(t.number, ''), CASE WHEN o.blob_id IS NULL THEN 0 ELSE 1 END,
        (SELECT count(*) FROM delivery d WHERE d.outbox_id = o.id),
        CASE WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.outbox_id = o.id AND d.state IN ('queued', 'deferred')) THEN 'queued'
             WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.outbox_id = o.id AND d.state IN ('sent', 'bounced')) THEN 'sent'
             WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.outbox_id = o.id AND d.state = 'failed') THEN 'failed'
             ELSE 'cancelled' END
    FROM outbox o LEFT JOIN ticket t ON t.id = o.ticket_id WHERE o.id > $1 ORDER BY o.id LIMIT $2";
fn outbox_row(
    faults: &mut Vec<Fault>,
    (id, state, number, has_bytes, deliveries, should_be): (i64, String, String, bool, i64, String),
) {
    if deliveries == 0 {
        let what = format!("Outgoing message {id} of ticket #{number} has no recipient.");
        faults.push(Fault { kind: "outbox_without_delivery", what, remedy: BACKUP.to_owned() });
    } else if state != should_be {
        let what = format!(
            "Outgoing message {id} of ticket #{number} is {state}, but its recipients say {should_be}."
        );
        let remedy =
            format!("Look at the ticket, then `postern outbox retry {id}` or `postern outbox cancel {id}`.");
        faults.push(Fault { kind: "outbox_state", what, remedy });
    }
    if state == "sent" && !has_bytes {
        let what =
            format!("Outgoing message {id} of ticket #{number} was sent, but its bytes were not kept.");
        faults.push(Fault { kind: "outbox_without_bytes", what, remedy: BACKUP.to_owned() });
    }
}

const TICKETS: &str = "SELECT t.id, t.number, t.entries, (SELECT count(*) FROM entry e WHERE e.ticket_id = t.id), t.unsent,
        (SELECT count(*) FROM outbox o JOIN delivery d ON d.outbox_id = o.id
         WHERE o.ticket_id = t.id AND d.state IN ('failed', 'bounced') AND d.dismissed_at IS NULL),
        CASE WHEN COALESCE(t.last_entry_id, 0) = COALESCE((SELECT max(e.id) FROM entry e WHERE e.ticket_id = t.id), 0)
             THEN 1 ELSE 0 END
    FROM ticket t WHERE t.id > $1 ORDER BY t.id LIMIT $2";
fn ticket_row(
    faults: &mut Vec<Fault>,
    (_, number, entries, counted, unsent, failed, last_is_right): (i64, String, i64, i64, i64, i64, bool),
) {
    let mut fault = |kind, what: String| {
        let remedy = "The ticket itself is whole; its line in the lists is wrong until somebody writes to it. Report this fault.";
        faults.push(Fault { kind, what: format!("Ticket #{number} {what}"), remedy: remedy.to_owned() });
    };
    if entries != counted {
        fault("ticket_entries", format!("says it has {entries} entries and has {counted}."));
    }
    if unsent != failed {
        fault("ticket_unsent", format!("says that {unsent} deliveries failed; {failed} did."));
    }
    if !last_is_right {
        fault("ticket_last_entry", "names an entry as its last that is not.".to_owned());
    }
}

/// Reading stands before a message that the server puts off, while those behind it are recorded.
const CURSORS: &str = "SELECT f.id, m.address, f.name, f.uid_last,
        (SELECT max(i.uid) FROM inbox i WHERE i.mailbox_id = f.mailbox_id AND i.folder = f.name AND i.uid_validity = f.uid_validity
            AND i.uid < COALESCE((SELECT min(p.uid) FROM put_off p WHERE p.mailbox_id = f.mailbox_id AND p.folder = f.name
                AND p.uid_validity = f.uid_validity AND p.uid > f.uid_last), 4294967296))
    FROM folder f JOIN mailbox m ON m.id = f.mailbox_id WHERE f.id > $1 ORDER BY f.id LIMIT $2";
fn cursor_row(
    faults: &mut Vec<Fault>,
    (_, address, folder, uid_last, highest): (i64, String, String, i64, Option<i64>),
) {
    if let Some(highest) = highest.filter(|highest| *highest > uid_last) {
        faults.push(Fault {
            kind: "cursor_behind",
            what: format!(
                "{address}, folder {folder}: read up to {uid_last}, but message {highest} is here."
            ),
            remedy: format!("`postern mailbox fetch {address}` reads on; nothing is filed twice."),
        });
    }
}

/// What their servers hold and nothing here accounts for; this command asks no server.
fn folders(desk: &Desk, faults: &mut Vec<Fault>) -> Result<Vec<(String, Balance)>> {
    let read = desk.db.read(|tx| {
        let mailboxes = mailbox::list(tx, None, mailbox::LIST_MAX)?;
        let balances = balance::of(tx, &mailboxes)?;
        Ok::<_, crate::Error>((mailboxes, balances))
    });
    let (mailboxes, mut balances) = read?;
    let of = |mailbox: Mailbox| {
        let balances = balances.remove(&mailbox.id).unwrap_or_default();
        balances.into_iter().map(move |balance| (mailbox.address.clone(), balance))
    };
    let folders: Vec<(String, Balance)> = mailboxes.into_iter().flat_map(of).collect();
    for (address, balance) in folders.iter().filter(|(_, balance)| balance.counts.unaccounted > 0) {
        faults.push(Fault {
            kind: "unaccounted",
            what: format!("{address}: {}", balance.lacks()),
            remedy: format!(
                "`postern mailbox fetch {address} --unaccounted` fetches them; nothing is doubled."
            ),
        });
    }
    Ok(folders)
}

/// Each is opened, which looks at all of its bytes; nothing of what is in it is said.
fn secrets(desk: &Desk, faults: &mut Vec<Fault>) -> Result<i64> {
    let mut count = 0;
    sealed::each_batch(&desk.db, |values| {
        for value in values {
            count += 1;
            let Err(why) = value.sealed_by(Some(&desk.vault)) else { continue };
            let served = desk.db.read(|tx| value.mailboxes(tx))?.join(", ");
            let of = if served.is_empty() { String::new() } else { format!(" of {served}") };
            let remedy = match &why {
                DoesNotOpen::UnknownKey(_) => {
                    "If that key is kept anywhere, add it to the key file as a further line. If it is lost, "
                }
                DoesNotOpen::Damaged(_) => "Restore the database from a backup, or else: ",
            };
            faults.push(Fault {
                kind: "secret_does_not_open",
                what: format!("The secret {}{of} does not open: {why}.", value.row()),
                remedy: format!("{remedy}`postern key forget` drops what does not open, and says what is to be entered again."),
            });
        }
        Ok(())
    })?;
    Ok(count)
}
