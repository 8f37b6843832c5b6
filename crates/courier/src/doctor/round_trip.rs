//! A letter from the mailbox to itself, out by its own outgoing side and found by its incoming one. It shows what no
//! question shows: *Send As* at Exchange, rules that move mail, and whether answers would find their ticket.
//!
//! The desk knows the letter by its mark before it leaves (`intake/round_trip`), so that whoever fetches it first makes
//! no ticket of it.
mod letter;
mod returned;

use super::chart::{Broken, Chart, Link, Part};
use super::server::limited;
use super::{graph, pop3};
use crate::Courier;
use crate::alias;
use crate::connect::Access;
use crate::trouble::{Trouble, sentence};
use desk::intake::round_trip;
use desk::mailboxes::mailbox::{Mailbox, Protocol, Shape};
use letter::{Letter, send, subject};
use mail::explain::Class;
use mail::nature::Nature;
use mail::sending::dkim::{self, Signature};
use returned::{for_alias, returned, threads, written_as};
use std::time::Duration;
use tokio::time::Instant;
use wire::Credential;
use wire::imap::{self, Fetched, Folder};
use wire::letter::Room;
use wire::net::Watched;

/// Most letters are back within seconds; some servers look at each for a minute.
const WAIT: Duration = Duration::from_secs(120);
/// Between two looks, at first and later.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(4);
const LOOKS_SOON: u32 = 15;
/// Looks that may fail before the server counts as the trouble.
const FAILURES_MAX: u32 = 3;
/// The letter has a thousand bytes; what servers add is less than this.
pub(super) const LETTER_BYTES_MAX: u64 = 256 * 1024;

pub(super) struct Both<'a> {
    pub incoming: &'a Access,
    pub outgoing: &'a Access,
}

/// The signatures that the letter came back with.
pub(super) async fn examine(
    courier: &Courier,
    mailbox: &Mailbox,
    both: Both<'_>,
    chart: &mut Chart,
) -> Result<Vec<Signature>, Broken> {
    chart.turn_to(Part::RoundTrip);
    let held = crate::hold::refused(courier, "no letter is sent").await;
    held.map_err(|held| chart.bad(Link::Sent, held))?;
    let (id, random, now) = (mailbox.id, courier.random(), courier.now());
    let begun = courier.write(move |tx| round_trip::begin(tx, id, random, now)).await;
    let (mark, trip_id) = begun.map_err(|error| chart.bad(Link::Sent, error.into()))?;
    let letter = Letter::new(mailbox, &mark, now);
    send(courier, mailbox, both.outgoing, &letter, chart).await?;
    let sent = Instant::now();
    let found = wait(courier, mailbox, both.incoming, &mark, trip_id, chart).await?;
    let message = mail::message::parse(&found.bytes);
    if message.auto_reply.kind == Nature::Bounce {
        return Err(chart.bad(Link::Returned, came_as_report(&message)));
    }
    returned(mailbox, &found.place, sent.elapsed(), chart);
    for_alias(mailbox, &message, chart);
    written_as(mailbox, both.outgoing.place.provider, &message, chart);
    threads(&letter.message_id, message.message_id.as_deref(), chart);
    Ok(dkim::signatures(&message.headers))
}

/// The letter, and where it was found.
struct Found {
    bytes: Vec<u8>,
    place: Place,
}

enum Place {
    /// Fetched like other mail before it could be looked for.
    Fetched,
    /// In this folder, from where it was removed or not.
    Folder { name: String, is_junk: bool, removed: bool },
}

async fn wait(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    mark: &str,
    trip_id: i64,
    chart: &mut Chart,
) -> Result<Found, Broken> {
    let until = Instant::now() + WAIT;
    let (mut looks, mut failures) = (0, 0);
    let mut session = None;
    loop {
        match fetched(courier, trip_id).await {
            Ok(Some(bytes)) => return Ok(Found { bytes, place: Place::Fetched }),
            Ok(None) => {}
            Err(error) => return Err(chart.bad(Link::Returned, error.into())),
        }
        chart.record.take(); // the last look is enough
        match limited(&access.place, look(courier, mailbox, access, mark, &mut session, chart)).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => failures = 0,
            Err(trouble) => {
                (session, failures) = (None, failures + 1);
                if failures >= FAILURES_MAX {
                    return Err(chart.bad(Link::Returned, trouble));
                }
            }
        }
        if Instant::now() > until {
            return Err(chart.bad(Link::Returned, not_back(mailbox, access.place.provider, mark)));
        }
        looks += 1;
        // By POP3 each look is another sign-in.
        let soon = looks < LOOKS_SOON && mailbox.protocol != Protocol::Pop3;
        tokio::time::sleep(if soon { SOON } else { LATER }).await;
    }
}

async fn fetched(courier: &Courier, trip_id: i64) -> desk::Result<Option<Vec<u8>>> {
    let Some(blob) = courier.read(move |tx| round_trip::returned(tx, trip_id)).await? else {
        return Ok(None);
    };
    courier.blocking(move |desk| desk.store.get(&blob.place, &blob.hash)).await.map(Some)
}

/// In the folders that are fetched, in INBOX and in Junk.
async fn look(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    mark: &str,
    session: &mut Option<(imap::Session, Vec<Folder>)>,
    chart: &Chart,
) -> wire::Result<Option<Found>> {
    if mailbox.protocol == Protocol::Pop3 {
        let found = pop3::find(courier, access, mark, chart).await?;
        return Ok(found.map(|(bytes, removed)| Found {
            bytes,
            place: Place::Folder { name: mailbox.folder_or_inbox().to_owned(), is_junk: false, removed },
        }));
    }
    if mailbox.protocol == Protocol::Graph {
        let found = graph::find(courier, mailbox, access, mark, chart).await?;
        return Ok(found.map(|found| Found {
            bytes: found.bytes,
            place: Place::Folder { name: found.folder, is_junk: found.is_junk, removed: found.removed },
        }));
    }
    if session.is_none() {
        let opened = open(courier, access, chart).await?;
        *session = Some(opened);
    }
    let Some((session, folders)) = session else { return Ok(None) };
    let junk = folders.iter().find(|folder| folder.attributes.iter().any(|attribute| attribute == "junk"));
    let mut names: Vec<&str> = mailbox.folders().collect();
    let has_inbox = names.iter().any(|name| name.eq_ignore_ascii_case("INBOX"));
    names.extend(Some("INBOX").filter(|_| !has_inbox));
    names.extend(junk.map(|junk| junk.name.as_str()).filter(|junk| !mailbox.fetches(junk)));
    for name in names {
        match session.examine(name).await {
            Ok(_) => {}
            Err(error) if error.kind() == wire::Kind::Rejected && !mailbox.fetches(name) => continue,
            Err(error) => return Err(error),
        }
        let is_junk = junk.is_some_and(|junk| junk.name == name);
        // A server may search as it likes, and an answer to the letter quotes its subject.
        for uid in session.uids_with_subject(mark).await?.into_iter().rev().take(LOOKED_AT_MAX) {
            let Some(bytes) = one(session, uid).await?.filter(|bytes| is_our_letter(bytes, mark)) else {
                continue;
            };
            let removed = remove(session, name, uid).await;
            return Ok(Some(Found {
                bytes,
                place: Place::Folder { name: name.to_owned(), is_junk, removed },
            }));
        }
    }
    Ok(None)
}

pub(super) const LOOKED_AT_MAX: usize = 5;

/// Nothing is removed from a folder but the letter itself, whose subject is the whole subject and which answers nothing,
/// or the delivery report about it: one about another letter is mail that nobody has fetched yet.
pub(super) fn is_our_letter(bytes: &[u8], mark: &str) -> bool {
    let letter = mail::message::parse(bytes);
    let is_report = || !letter.bounces.is_empty() && round_trip::marks(&letter).iter().any(|one| one == mark);
    (letter.subject.trim() == subject(mark) && letter.in_reply_to.is_empty()) || is_report()
}

async fn open(
    courier: &Courier,
    access: &Access,
    chart: &Chart,
) -> wire::Result<(imap::Session, Vec<Folder>)> {
    let credential = credential(courier, access).await?;
    let watched = Watched::new(courier.net(), &chart.record);
    let stream = courier.net().connect(&access.server).await?;
    let mut session = imap::Session::over(stream, &access.server, &watched).await?;
    session.login(&credential).await?;
    let folders = session.list().await?;
    Ok((session, folders))
}

pub(super) async fn credential(courier: &Courier, access: &Access) -> wire::Result<Credential> {
    let unready =
        |trouble: Trouble| wire::Error::transient("sign in", &access.server.host).remedy(trouble.reason);
    access.credential(courier).await.map_err(unready)
}

async fn one(session: &mut imap::Session, uid: u32) -> wire::Result<Option<Vec<u8>>> {
    let mut bytes = None;
    let mut fetch = session.fetch(&[uid], &Room::in_memory(LETTER_BYTES_MAX)).await?;
    while let Some(fetched) = fetch.next().await? {
        if let Fetched::Message { letter, .. } = fetched {
            bytes = letter.into_bytes();
        }
    }
    Ok(bytes)
}

/// It has done its work. Where it cannot be removed it stays, and is said to.
async fn remove(session: &mut imap::Session, folder: &str, uid: u32) -> bool {
    session.select(folder).await.is_ok() && matches!(session.delete(&[uid]).await, Ok(imap::Removal::Done))
}

fn not_back(mailbox: &Mailbox, provider: &str, mark: &str) -> Trouble {
    if let Shape::Alias { opens } = &mailbox.shape {
        let reason = format!(
            "The server took a letter to {}, but within {} s none came into the mailbox of {opens}: it may be no alias of it.",
            mailbox.address,
            WAIT.as_secs()
        );
        let remedy = alias::where_aliases_are(mailbox, provider);
        return Trouble::new(Class::Configuration, "not_returned", reason, remedy);
    }
    Trouble::new(
        Class::Configuration,
        "not_returned",
        format!(
            "The server took the letter, but within {} s it came neither to {} nor to INBOX or Junk.",
            WAIT.as_secs(),
            mailbox.folders().collect::<Vec<_>>().join(", ")
        ),
        format!(
            "Look for “{}” in all folders of the mailbox, for a rule that moves or forwards its mail, and in the server's \
             trace of messages. Some servers take longer with the first letter: check once more in ten minutes.",
            subject(mark)
        ),
    )
}

fn came_as_report(message: &mail::Message) -> Trouble {
    let said = message.bounces.iter().map(|bounce| bounce.diagnostic.trim()).find(|said| !said.is_empty());
    let mut trouble = Trouble::new(
        Class::Configuration,
        "bounced",
        "A delivery report came back in place of the letter.",
        "Mend what the report says; the mailbox's own server did not take the letter for it.",
    );
    if let Some(said) = said {
        trouble.detail = sentence(&format!("It says: “{said}”"));
        if let Some((known, _)) = mail::explain::delivery("other", said) {
            (trouble.reason, trouble.remedy) = (format!("{} {}", trouble.reason, known.cause), known.remedy);
        }
    }
    trouble
}
