//! What the tabs *Remote Mailbox* and *Outgoing (SMTP)* may hold, and when a side is complete.
use super::server::{check_security, checked_host, of_one_house};
use super::{
    Authentication, EnteredServer, Fetched, Mailbox, OutgoingMailbox, Protocol, RemoteMailbox, ServerSide,
    Side, StartFrom, Submission,
};
use crate::{Refusal, Result};
use mail::provider::Preset;

/// How often a mailbox may be asked, in seconds, and how many messages a batch may have.
pub const FREQUENCY_S: std::ops::RangeInclusive<i64> = 10..=86_400;
pub const BATCH: std::ops::RangeInclusive<i64> = 1..=500;
/// Folders of one mailbox: each is opened in every round.
pub const FOLDERS_MAX: usize = 50;

/// A side that signs in with Modern Authentication has a consent in use, so that switching it on does not only turn
/// it red. One that was on already and lost its consent may still be saved: it says so itself.
pub(super) fn authorized(mailbox: &Mailbox, side: Side) -> Result<()> {
    let (authentication, tab) = match side {
        Side::Incoming => (mailbox.incoming.authentication, "Remote Mailbox"),
        Side::Outgoing => (mailbox.outgoing.authentication, "Outgoing (SMTP)"),
    };
    if authentication.is_oauth() && mailbox.grant_id(side).is_none() {
        return Err(Refusal::NotAuthorized { address: mailbox.address.clone(), tab }.into());
    }
    Ok(())
}

/// What fetching needs is there, save for a consent: see [`authorized`].
pub(super) fn ready_to_fetch(mailbox: &Mailbox) -> Result<()> {
    let side = &mailbox.incoming;
    if mailbox.removed_at.is_some() {
        return Err(Refusal::NotFound("mailbox").into());
    }
    if side.host.is_empty() {
        return Err(Refusal::Required("Hostname").into());
    }
    match side.authentication {
        Authentication::None | Authentication::Same => Err(Refusal::Required("Authentication").into()),
        Authentication::Password if !side.has_password => Err(Refusal::Required("Password").into()),
        Authentication::Password
        | Authentication::Microsoft
        | Authentication::Google
        | Authentication::Other => Ok(()),
    }
}

pub(super) fn ready_to_send(mailbox: &Mailbox) -> Result<()> {
    let side = &mailbox.outgoing;
    match side.authentication {
        // Microsoft Graph takes nothing without a token.
        Authentication::None if mailbox.submission == Submission::Graph => {
            return Err(Refusal::Required("Authentication").into());
        }
        Authentication::Same if mailbox.incoming.authentication == Authentication::None => {
            let sentence = "The Remote Mailbox has no authentication yet that could be shared. Set it first, or choose another one here.";
            return Err(Refusal::Other(sentence.into()).into());
        }
        Authentication::Password if !side.has_password => return Err(Refusal::Required("Password").into()),
        Authentication::None
        | Authentication::Same
        | Authentication::Password
        | Authentication::Microsoft
        | Authentication::Google
        | Authentication::Other => {}
    }
    if side.host.is_empty() {
        return Err(Refusal::Required("Hostname").into());
    }
    Ok(())
}

pub(super) fn checked_remote(old: &Mailbox, remote: &RemoteMailbox, now: i64) -> Result<Mailbox> {
    if remote.server.authentication == Authentication::Same {
        return Err(Refusal::Required("Authentication").into());
    }
    let incoming = checked_side(&old.incoming, &remote.server)?;
    if remote.protocol == Protocol::Graph {
        opens_by_microsoft(incoming.authentication)?;
    }
    let fetched = match &remote.fetched {
        Fetched::Move(to) => {
            let to = checked_folder("Move to Folder", to)?;
            if to.is_empty() {
                return Err(Refusal::Required("Move to Folder").into());
            }
            Fetched::Move(to)
        }
        kept => kept.clone(),
    };
    within("Fetch Frequency", remote.frequency_s, &FREQUENCY_S, "seconds")?;
    within("Emails Per Fetch", remote.batch, &BATCH, "messages")?;
    if let StartFrom::Date(date) = &remote.start_from {
        let refuse = |why: String| Err(Refusal::BadEndpoint { field: "Start From", why }.into());
        let Some(day) = date.parse::<jiff::civil::Date>().ok().filter(|_| date.len() == 10) else {
            return refuse(format!("“{date}” is not a date. Write it as in 2026-01-31."));
        };
        if remote.start_from != old.start_from && starts_at(day).is_some_and(|at| at > now) {
            return refuse(format!(
                "{date} is yet to come. Choose Now for what comes from now on, or an earlier date."
            ));
        }
    }
    if remote.notified && remote.protocol != Protocol::Graph {
        let why = "only Microsoft Graph tells of new mail by itself: leave it off, or choose Microsoft Graph as Protocol.";
        return Err(Refusal::BadEndpoint { field: "Change notifications", why: why.into() }.into());
    }
    let changed = Mailbox {
        protocol: remote.protocol,
        incoming,
        fetched,
        active: remote.active,
        frequency_s: remote.frequency_s,
        batch: remote.batch,
        start_from: remote.start_from.clone(),
        notified: remote.notified,
        ..old.clone()
    };
    with_folders(&changed, &remote.folders)
}

/// Where the day begins first on this earth, so that nobody's today is yet to come.
fn starts_at(day: jiff::civil::Date) -> Option<i64> {
    const FIRST_MS: i64 = 14 * 60 * 60_000;
    let midnight = jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    Some(midnight.as_millisecond() - FIRST_MS)
}

/// The mailbox with these folders, if they go with all else.
pub(super) fn with_folders(mailbox: &Mailbox, folders: &[String]) -> Result<Mailbox> {
    let (folder, more_folders) = checked_folders(folders)?;
    let changed = Mailbox { folder, more_folders, ..mailbox.clone() };
    match (changed.protocol, &changed.fetched) {
        (Protocol::Pop3, _) => has_no_folders(&changed)?,
        // Servers may hold names that differ in case apart, but INBOX is one however it is written, and a mail
        // that is moved to where it is fetched from comes again and again.
        (Protocol::Imap | Protocol::Graph, Fetched::Move(to))
            if changed.folders().any(|from| from.to_lowercase() == to.to_lowercase()) =>
        {
            return Err(Refusal::MoveToFetchedFolder(to.clone()).into());
        }
        (Protocol::Imap | Protocol::Graph, _) => {}
    }
    Ok(changed)
}

/// Microsoft Graph takes tokens of Microsoft's, and nothing else.
fn opens_by_microsoft(authentication: Authentication) -> Result<()> {
    match authentication {
        Authentication::Microsoft | Authentication::None => Ok(()),
        Authentication::Same | Authentication::Google | Authentication::Other | Authentication::Password => {
            let why = "Microsoft Graph opens with OAuth2 - Microsoft alone: choose that as Authentication, or another \
                       Protocol."
                .into();
            Err(Refusal::BadEndpoint { field: "Protocol", why }.into())
        }
    }
}

/// POP3 knows one folder and no marks: mail can be left there or deleted.
fn has_no_folders(mailbox: &Mailbox) -> Result<()> {
    if mailbox.folders().any(|folder| !folder.eq_ignore_ascii_case("INBOX")) {
        let why = "POP3 has no folders: leave it empty, or choose IMAP as Protocol.".into();
        return Err(Refusal::BadEndpoint { field: "Mail Folder", why }.into());
    }
    match mailbox.fetched {
        Fetched::Nothing | Fetched::Delete => Ok(()),
        Fetched::Read | Fetched::Move(_) => {
            let why = "POP3 can only leave mail on the server or delete it: choose Do Nothing or Delete Emails, or \
                       IMAP as Protocol."
                .into();
            Err(Refusal::BadEndpoint { field: "Fetched Emails", why }.into())
        }
    }
}

/// `preset` is the provider of the incoming side.
pub(super) fn checked_outgoing(
    old: &Mailbox,
    outgoing: &OutgoingMailbox,
    preset: Option<&Preset>,
) -> Result<Mailbox> {
    let mut server = outgoing.server.clone();
    // Nothing was named: the server that the provider has for it.
    if let Some(preset) = preset
        && server.authentication == Authentication::Same
        && server.host.trim().is_empty()
    {
        let known = match outgoing.submission {
            Submission::Smtp => Some(&preset.smtp),
            Submission::Graph => preset.graph.as_ref(),
        };
        if let Some(known) = known {
            server.host = known.host.clone();
            server.port = known.port;
            server.security = known.security.into();
        }
    }
    if outgoing.submission == Submission::Graph {
        opens_by_microsoft(match server.authentication {
            Authentication::Same => old.incoming.authentication,
            own => own,
        })?;
    }
    let new = Mailbox {
        outgoing: checked_side(&old.outgoing, &server)?,
        submission: outgoing.submission,
        outgoing_active: outgoing.active,
        header_spoofing: outgoing.header_spoofing,
        ..old.clone()
    };
    let side = &new.outgoing;
    let apart = !side.host.is_empty() && !old.incoming.host.is_empty() && !new.shares_incoming();
    if side.authentication == Authentication::Same && apart {
        return Err(Refusal::Other(format!(
            "What was entered for {} is not sent to {}. Choose an authentication of its own for the outgoing server.",
            old.incoming.host, side.host
        ))
        .into());
    }
    Ok(new)
}

fn checked_side(old: &ServerSide, entered: &EnteredServer) -> Result<ServerSide> {
    let host = checked_host(&entered.host)?;
    check_security(entered, &host)?;
    let user = entered.user.trim();
    if user.chars().any(char::is_control) || user.len() > 255 {
        let why = "a user name is one line of at most 255 characters.".into();
        return Err(Refusal::BadEndpoint { field: "Username", why }.into());
    }
    Ok(ServerSide {
        host,
        port: entered.port,
        security: entered.security,
        authentication: entered.authentication,
        user: user.to_owned(),
        ..old.clone()
    })
}

/// The first, which is empty where it is INBOX and nobody has named it, and the others. Each once: a folder that is read
/// twice would be settled twice.
fn checked_folders(folders: &[String]) -> Result<(String, Vec<String>)> {
    let mut named: Vec<String> = Vec::new();
    for folder in folders {
        let mut folder = checked_folder("Mail Folder", folder)?;
        if is_same_folder(&folder, "INBOX") {
            folder.make_ascii_uppercase(); // or what is remembered of it would be another folder's
        }
        let is_there = named.iter().any(|known| is_same_folder(known, &folder));
        if !folder.is_empty() && !is_there {
            named.push(folder);
        }
    }
    if named.len() > FOLDERS_MAX {
        let why = format!("at most {FOLDERS_MAX} folders of a mailbox are fetched.");
        return Err(Refusal::BadEndpoint { field: "Mail Folder", why }.into());
    }
    let mut named = named.into_iter();
    Ok((named.next().unwrap_or_default(), named.collect()))
}

/// INBOX is one however it is written (RFC 3501 5.1).
pub fn is_same_folder(one: &str, other: &str) -> bool {
    one == other || one.eq_ignore_ascii_case("INBOX") && other.eq_ignore_ascii_case("INBOX")
}

fn checked_folder(field: &'static str, folder: &str) -> Result<String> {
    let folder = folder.trim().trim_end_matches('/');
    if folder.chars().any(char::is_control) || folder.len() > 255 {
        let why = "the name of a folder is one line of at most 255 characters.".into();
        return Err(Refusal::BadEndpoint { field, why }.into());
    }
    Ok(folder.to_owned())
}

fn within(field: &'static str, value: i64, range: &std::ops::RangeInclusive<i64>, unit: &str) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let why = format!("it is between {} and {} {unit}.", range.start(), range.end());
    Err(Refusal::BadEndpoint { field, why }.into())
}

impl Mailbox {
    /// Whether the outgoing server may be given what was entered for the incoming one.
    pub fn shares_incoming(&self) -> bool {
        of_one_house(&self.incoming.host, &self.outgoing.host)
    }
}
