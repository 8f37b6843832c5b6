//! A letter from the mailbox to itself, out by its own outgoing side and found by its incoming one. It shows what no
//! question shows: *Send As* at Exchange, rules that move mail, and whether answers would find their ticket.
//!
//! The desk knows the letter by its mark before it leaves (`intake/round_trip`), so that whoever fetches it first makes
//! no ticket of it.
use super::chart::{Broken, Chart, Link, Part};
use super::outgoing::{is_about_the_sender, no_send_as};
use super::pop3;
use super::server::limited;
use crate::Courier;
use crate::connect::Way;
use crate::trouble::{Trouble, sentence};
use desk::intake::round_trip;
use desk::mailboxes::mailbox::{Mailbox, Protocol};
use mail::explain::Class;
use mail::nature::Nature;
use mail::provider::Family;
use mail::sending::dkim::{self, Signature};
use std::time::Duration;
use tokio::time::Instant;
use wire::Credential;
use wire::imap::{self, Fetched, Folder};
use wire::net::Watched;
use wire::smtp::{self, Envelope, Fate};

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

pub(super) struct Ways<'a> {
    pub incoming: &'a Way,
    pub outgoing: &'a Way,
}

/// The signatures that the letter came back with.
pub(super) async fn examine(
    courier: &Courier,
    mailbox: &Mailbox,
    ways: Ways<'_>,
    chart: &mut Chart,
) -> Result<Vec<Signature>, Broken> {
    chart.turn_to(Part::RoundTrip);
    let (id, random, now) = (mailbox.id, courier.random(), courier.now());
    let begun = courier.write(move |tx| round_trip::begin(tx, id, random, now)).await;
    let (mark, trip_id) = begun.map_err(|error| chart.bad(Link::Sent, error.into()))?;
    let letter = Letter::new(mailbox, &mark, now);
    send(courier, mailbox, ways.outgoing, &letter, chart).await?;
    let sent = Instant::now();
    let found = wait(courier, mailbox, ways.incoming, &mark, trip_id, chart).await?;
    let message = mail::message::parse(&found.bytes);
    if message.auto_reply.kind == Nature::Bounce {
        return Err(chart.bad(Link::Returned, came_as_report(&message)));
    }
    returned(mailbox, &found.place, sent.elapsed(), chart);
    written_as(mailbox, ways.outgoing.place.provider, &message, chart);
    threads(&letter.message_id, message.message_id.as_deref(), chart);
    Ok(dkim::signatures(&message.headers))
}

struct Letter {
    message_id: String,
    bytes: Vec<u8>,
}

impl Letter {
    fn new(mailbox: &Mailbox, mark: &str, now: i64) -> Letter {
        let domain = mailbox.address.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let message_id = format!("{mark}.round-trip@{domain}");
        let itself =
            mail::Address { name: Some(mailbox.name.clone()), address: Some(mailbox.address.clone()) };
        let bytes = mail::compose::compose(&mail::compose::Draft {
            message_id: message_id.clone(),
            date_at: now,
            from: itself.clone(),
            sender: None,
            reply_to: Vec::new(),
            to: vec![itself],
            cc: Vec::new(),
            subject: subject(mark),
            in_reply_to: Vec::new(),
            references: Vec::new(),
            text: "Postern sent this letter from the mailbox to itself, because somebody asked it to check every link of the \
                   mailbox. It becomes no ticket, and it can be deleted.\n"
                .to_owned(),
            html: None,
            attachments: Vec::new(),
            headers: vec![
                ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
                ("X-Auto-Response-Suppress".to_owned(), "All".to_owned()),
            ],
        });
        Letter { message_id, bytes }
    }
}

fn subject(mark: &str) -> String {
    format!("Postern checks this mailbox: {mark}")
}

async fn send(
    courier: &Courier,
    mailbox: &Mailbox,
    way: &Way,
    letter: &Letter,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let address = &mailbox.address;
    let envelope = Envelope { from: address.clone(), recipients: vec![address.clone()] };
    let credential = way.credential(courier).await.map_err(|trouble| chart.bad(Link::Sent, trouble))?;
    chart.record.hide([credential.secret()]);
    let watched = Watched::new(courier.net(), &chart.record);
    let sending = async {
        let stream = courier.net().connect(&way.server).await?;
        let mut session = smtp::Session::over(stream, &way.server, &watched).await?;
        session.login(&credential).await?;
        chart.record.take(); // the sign-in was shown above
        let sent = session.send(&envelope, &letter.bytes).await?;
        session.quit().await;
        Ok(sent)
    };
    let sent = limited(&way.place, sending).await.map_err(|trouble| chart.bad(Link::Sent, trouble))?;
    let Some((_, fate)) = sent.fates.into_iter().next() else { return Err(Broken(Link::Sent)) };
    let (code, answer) = match fate {
        Fate::Accepted { answer } => {
            let found = format!("The server took a letter from {address} to itself: “{answer}”");
            chart.good(Link::Sent, found);
            return Ok(());
        }
        Fate::Refused { code, answer } | Fate::Deferred { code, answer } => (code, answer),
    };
    let said = format!("{code} {answer}");
    let refused = wire::Error::rejected(format!("send a letter from {address} to itself"), &way.server.host);
    let refused = refused.said(&said).coded(code);
    // Exchange says only now that who signed in may not write in this name.
    let trouble = Trouble::of(&refused, &way.place);
    Err(match is_about_the_sender(&refused) {
        true => chart.bad(Link::SendAs, no_send_as(trouble, address)),
        false => chart.bad(Link::Sent, trouble),
    })
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
    way: &Way,
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
        match limited(&way.place, look(courier, mailbox, way, mark, &mut session, chart)).await {
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
            return Err(chart.bad(Link::Returned, not_back(mailbox, mark)));
        }
        looks += 1;
        // By POP3 each look is another sign-in.
        let soon = looks < LOOKS_SOON && mailbox.protocol == Protocol::Imap;
        tokio::time::sleep(if soon { SOON } else { LATER }).await;
    }
}

async fn fetched(courier: &Courier, trip_id: i64) -> desk::Result<Option<Vec<u8>>> {
    let Some(blob) = courier.read(move |tx| round_trip::returned(tx, trip_id)).await? else {
        return Ok(None);
    };
    courier.blocking(move |desk| desk.store.get(&blob.place, &blob.hash)).await.map(Some)
}

/// In the folder that is fetched, in INBOX and in Junk.
async fn look(
    courier: &Courier,
    mailbox: &Mailbox,
    way: &Way,
    mark: &str,
    session: &mut Option<(imap::Session, Vec<Folder>)>,
    chart: &Chart,
) -> wire::Result<Option<Found>> {
    if mailbox.protocol == Protocol::Pop3 {
        let found = pop3::find(courier, way, mark, chart).await?;
        return Ok(found.map(|(bytes, removed)| Found {
            bytes,
            place: Place::Folder { name: mailbox.folder_or_inbox().to_owned(), is_junk: false, removed },
        }));
    }
    if session.is_none() {
        let opened = open(courier, way, chart).await?;
        *session = Some(opened);
    }
    let Some((session, folders)) = session else { return Ok(None) };
    let fetched = mailbox.folder_or_inbox();
    let junk = folders.iter().find(|folder| folder.attributes.iter().any(|attribute| attribute == "junk"));
    let mut names = vec![fetched];
    names.extend(Some("INBOX").filter(|inbox| !fetched.eq_ignore_ascii_case(inbox)));
    names.extend(junk.map(|junk| junk.name.as_str()).filter(|junk| *junk != fetched));
    for name in names {
        match session.examine(name).await {
            Ok(_) => {}
            Err(error) if error.kind() == wire::Kind::Rejected && name != fetched => continue,
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

async fn open(courier: &Courier, way: &Way, chart: &Chart) -> wire::Result<(imap::Session, Vec<Folder>)> {
    let credential = credential(courier, way).await?;
    let watched = Watched::new(courier.net(), &chart.record);
    let stream = courier.net().connect(&way.server).await?;
    let mut session = imap::Session::over(stream, &way.server, &watched).await?;
    session.login(&credential).await?;
    let folders = session.list().await?;
    Ok((session, folders))
}

pub(super) async fn credential(courier: &Courier, way: &Way) -> wire::Result<Credential> {
    let unready =
        |trouble: Trouble| wire::Error::transient("sign in", &way.server.host).remedy(trouble.reason);
    way.credential(courier).await.map_err(unready)
}

async fn one(session: &mut imap::Session, uid: u32) -> wire::Result<Option<Vec<u8>>> {
    let mut bytes = None;
    let mut fetch = session.fetch(&[uid], LETTER_BYTES_MAX).await?;
    while let Some(fetched) = fetch.next().await? {
        if let Fetched::Message { bytes: message, .. } = fetched {
            bytes = Some(message);
        }
    }
    Ok(bytes)
}

/// It has done its work. Where it cannot be removed it stays, and is said to.
async fn remove(session: &mut imap::Session, folder: &str, uid: u32) -> bool {
    session.select(folder).await.is_ok() && matches!(session.delete(&[uid]).await, Ok(imap::Removal::Done))
}

fn returned(mailbox: &Mailbox, place: &Place, took: Duration, chart: &mut Chart) {
    let seconds = took.as_millis() / 100;
    let after = format!("It came back after {}.{} s", seconds / 10, seconds % 10);
    let (name, is_junk, removed) = match place {
        Place::Fetched => {
            return chart.good(Link::Returned, format!("{after}, and was fetched like other mail."));
        }
        Place::Folder { name, is_junk, removed } => (name, *is_junk, *removed),
    };
    let left = if removed { "It was removed again." } else { "It could not be removed and stays there." };
    if is_junk {
        let remedy =
            "Tell that server that mail from this address is no junk, and mend SPF, DKIM and DMARC below.";
        chart.warning(
            Link::Returned,
            format!("{after}, but in the folder {name}: it was taken for junk. {left}"),
            remedy,
        );
    } else if name != mailbox.folder_or_inbox() {
        let found =
            format!("{after}, but in {name}, and Postern fetches {}. {left}", mailbox.folder_or_inbox());
        let remedy = "Nothing to do if a rule moves only some mail to the folder that is fetched; otherwise choose another Mail \
                      Folder.";
        chart.warning(Link::Returned, found, remedy);
    } else {
        chart.good(Link::Returned, format!("{after}, in {name}. {left}"));
    }
}

/// Whether customers see the address that they wrote to: Exchange writes the mailbox's own in the place of an alias, and
/// Google that of the account that signed in.
fn written_as(mailbox: &Mailbox, provider: &str, message: &mail::Message, chart: &mut Chart) {
    let address = &mailbox.address;
    let from: Vec<&str> = message.from.iter().filter_map(|from| from.address.as_deref()).collect();
    if from.iter().any(|from| mail::address::key(from) == mail::address::key(address)) {
        return chart.good(Link::SendAs, format!("It came back with {address} as its sender."));
    }
    let other = from.first().map_or_else(|| "no sender at all".to_owned(), |from| (*from).to_owned());
    let found = format!(
        "It was sent as {address} and came back as {other}: the server has put another address in its place, and customers \
         see and answer that one."
    );
    chart.warning(Link::SendAs, found, own_sender(provider, address));
}

/// How the server is told to leave the address as it is.
fn own_sender(provider: &str, address: &str) -> String {
    match Family::of(provider) {
        Family::Microsoft => {
            "If it is an alias, an Exchange administrator lets people send as their aliases: Set-OrganizationConfig \
             -SendFromAliasEnabled $true in Exchange Online PowerShell. Then check once more; such a change is not seen at once."
                .to_owned()
        }
        Family::Google => format!(
            "Whoever signs in adds {address} in Gmail › Settings › Accounts › Send mail as, confirms it, and you check once \
             more."
        ),
        Family::Other => format!(
            "Let that server take {address} as an address of the account that signs in to send, or sign in as {address}."
        ),
    }
}

fn threads(ours: &str, theirs: Option<&str>, chart: &mut Chart) {
    if theirs == Some(ours) {
        let found = "It has kept its Message-ID, so that an answer to a letter from here finds its ticket.";
        return chart.good(Link::Threads, found);
    }
    let now = theirs.map_or_else(|| "none".to_owned(), |id| format!("<{id}>"));
    chart.warning(
        Link::Threads,
        format!(
            "The server gave it another Message-ID: it left as <{ours}> and came back with {now}. An answer to a letter from \
             here names the other one, and finds its ticket by the number in its subject alone."
        ),
        "Look for a rule, a gateway or a disclaimer service on the way out that writes letters anew.",
    );
}

fn not_back(mailbox: &Mailbox, mark: &str) -> Trouble {
    Trouble::new(
        Class::Configuration,
        "not_returned",
        format!(
            "The server took the letter, but within {} s it came neither to {} nor to INBOX or Junk.",
            WAIT.as_secs(),
            mailbox.folder_or_inbox()
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

#[cfg(test)]
mod tests {
    use super::own_sender;

    #[test]
    fn each_provider_has_its_own_way_to_write_as_an_alias() {
        for (provider, words) in [
            ("microsoft", "Set-OrganizationConfig -SendFromAliasEnabled $true"),
            ("google", "adds help@contoso.example in Gmail › Settings › Accounts › Send mail as"),
            ("other", "take help@contoso.example as an address of the account"),
        ] {
            let remedy = own_sender(provider, "help@contoso.example");
            assert!(remedy.contains(words), "{provider}: {remedy}");
        }
    }
}
