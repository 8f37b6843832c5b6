//! Proves a side of a mailbox by doing what it is for, past the sign-in: a token alone proves nothing.
pub mod folders;

use crate::Courier;
use crate::alias;
use crate::connect::{self, Incoming, Outgoing, Which};
use crate::graph::ask;
use crate::trouble::{RETRY_MS_MIN, Trouble, sentence};
use desk::mailboxes::mailbox::{self, Fetched, Mailbox, Round, Shape, Side};
use std::time::Duration;

/// A person waits for it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Folders named in the remedy for a folder that is not there.
const FOLDERS_NAMED_MAX: usize = 20;
/// Of each of them.
const FOLDER_NAMED_CHARS_MAX: usize = 60;

/// What a proof came to, in words for an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub ok: bool,
    /// What works, or what does not.
    pub sentence: String,
    /// The server's own words, or what was found there.
    pub detail: String,
    pub remedy: String,
    pub code: String,
    /// It does not pass by itself.
    pub needs_person: bool,
}

/// Opens the incoming server and selects the folder.
pub async fn incoming(courier: &Courier, mailbox_id: i64) -> desk::Result<Proof> {
    let mailbox = find(courier, mailbox_id).await?;
    Ok(prove(courier, &mailbox, Side::Incoming, Which::InUse).await)
}

/// Opens the outgoing server and begins a message as the mailbox's address, without sending it.
pub async fn outgoing(courier: &Courier, mailbox_id: i64) -> desk::Result<Proof> {
    let mailbox = find(courier, mailbox_id).await?;
    Ok(prove(courier, &mailbox, Side::Outgoing, Which::InUse).await)
}

pub(crate) async fn find(courier: &Courier, mailbox_id: i64) -> desk::Result<Mailbox> {
    let found = courier.read(move |tx| mailbox::find(tx, mailbox_id)).await?;
    found.ok_or_else(|| desk::Refusal::NotFound("mailbox").into())
}

pub(crate) async fn prove(courier: &Courier, mailbox: &Mailbox, side: Side, which: Which) -> Proof {
    let proving = async {
        match side {
            Side::Incoming => read(courier, mailbox, which).await,
            Side::Outgoing => submit(courier, mailbox, which).await,
        }
    };
    match tokio::time::timeout(LIMIT, proving).await {
        Ok(Ok((sentence, detail))) => Proof {
            ok: true,
            sentence,
            detail,
            remedy: String::new(),
            code: String::new(),
            needs_person: false,
        },
        Ok(Err(trouble)) => Proof::from(trouble),
        Err(_) => Proof::from(Trouble::new(
            mail::explain::Class::Retry,
            "timeout",
            "The server did not answer in time.",
            "Check its name and port, then try again.",
        )),
    }
}

impl Proof {
    /// The health that it leaves: what does not work is left alone until another time.
    fn round(&self, now: i64) -> Round {
        let next_at = now.saturating_add(RETRY_MS_MIN);
        let (code, remedy) = (self.code.clone(), self.remedy.clone());
        let reason = format!("{} {}", self.sentence, self.detail).trim().to_owned();
        match (self.ok, self.needs_person) {
            (true, _) => Round::Done { mail: false, next_at: now },
            (false, true) => Round::NeedsPerson { code, reason, remedy, next_at },
            (false, false) => Round::Retry { code, reason, remedy, next_at },
        }
    }
}

/// What was found is the health of a mailbox from now on; of its incoming side the round says it, which comes at once.
pub async fn settle(courier: &Courier, mailbox_id: i64, outgoing: Option<&Proof>) -> desk::Result<()> {
    let now = courier.now();
    let round = outgoing.map(|proof| proof.round(now));
    let settled = courier.write(move |tx| {
        if let Some(round) = &round {
            mailbox::settle_outgoing(tx, mailbox_id, round, now)?;
        }
        mailbox::hurry(tx, mailbox_id, now)
    });
    settled.await
}

impl From<Trouble> for Proof {
    fn from(trouble: Trouble) -> Proof {
        Proof {
            ok: false,
            needs_person: trouble.needs_person(),
            sentence: trouble.reason,
            detail: sentence(&trouble.detail),
            remedy: trouble.remedy,
            code: trouble.code,
        }
    }
}

async fn read(courier: &Courier, mailbox: &Mailbox, which: Which) -> Result<(String, String), Trouble> {
    let mut session = match connect::incoming(courier, mailbox, which).await? {
        Incoming::Imap(session) => session,
        Incoming::Graph(opened) => return read_by_graph(courier, mailbox, *opened).await,
        Incoming::Pop3(session) => return read_pop3(courier, mailbox, *session).await,
    };
    let mut found = Vec::new();
    for folder in mailbox.folders() {
        let examined = session.examine(folder).await;
        let examined = opened(courier, mailbox, &mut session, folder, examined).await?;
        found.push(format!("{folder} holds {}.", held(examined.exists)));
    }
    if let Fetched::Move(to) = &mailbox.fetched
        && let Ok(folders) = session.list().await
    {
        found.extend(folders::is_made(to, &selectable(folders)));
    }
    let _ = session.logout().await; // the proof stands
    let sentence = format!("Incoming mail works: {} was opened.", mailbox.address);
    Ok((sentence, found.join(" ")))
}

/// The mailbox opened, and its messages named: without lasting names none could be told from another.
async fn read_pop3(
    courier: &Courier,
    mailbox: &Mailbox,
    mut session: wire::pop3::Session,
) -> Result<(String, String), Trouble> {
    let opened = async {
        session.totals().await?;
        session.list().await
    };
    let listed = match opened.await {
        Ok(listed) => listed,
        Err(error) => {
            let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
            return Err(Trouble::of(&error, &place));
        }
    };
    let _ = session.quit().await; // the proof stands
    let sentence = format!("Incoming mail works: {} was opened.", mailbox.address);
    Ok((sentence, format!("The mailbox holds {}.", held(u32::try_from(listed.len()).unwrap_or(u32::MAX)))))
}

pub(crate) fn held(messages: u32) -> String {
    match messages {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    }
}

/// The folder opened and its messages listed, which the sign-in says nothing about.
async fn read_by_graph(
    courier: &Courier,
    mailbox: &Mailbox,
    mut opened: crate::graph::Opened,
) -> Result<(String, String), Trouble> {
    let mut said = Vec::new();
    for name in mailbox.folders() {
        let found = ask!(opened, |session| session.folder(name));
        let listed = match found {
            Ok(Some(folder)) => {
                ask!(opened, |session| session.page(wire::graph::Start::Folder(&folder.id))).map(|_| folder)
            }
            Ok(None) => {
                let names = ask!(opened, |session| session.folder_names()).unwrap_or_default();
                return Err(no_such_folder(name, &names));
            }
            Err(error) => Err(error),
        };
        match listed {
            Ok(folder) => {
                let held = held(u32::try_from(folder.total).unwrap_or(u32::MAX));
                said.push(format!("{name} holds {held}."));
            }
            Err(error) => {
                let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
                return Err(Trouble::of(&error, &place));
            }
        }
    }
    if let Fetched::Move(to) = &mailbox.fetched
        && let Ok(None) = ask!(opened, |session| session.folder(to))
    {
        let names = ask!(opened, |session| session.folder_names()).unwrap_or_default();
        said.extend(folders::is_made(to, &names));
    }
    Ok((format!("Incoming mail works: {} was opened.", mailbox.address), said.join(" ")))
}

/// What opening a folder came to. Where it was refused, and the server lists others, but not this one, that is why.
pub(crate) async fn opened<T>(
    courier: &Courier,
    mailbox: &Mailbox,
    session: &mut wire::imap::Session,
    folder: &str,
    opened: wire::Result<T>,
) -> Result<T, Trouble> {
    if let Err(error) = &opened
        && let Some(gone) = gone(session, folder, error).await
    {
        return Err(gone);
    }
    connect::explained(courier, mailbox, Side::Incoming, opened).await
}

async fn gone(session: &mut wire::imap::Session, folder: &str, error: &wire::Error) -> Option<Trouble> {
    if error.kind() != wire::Kind::Rejected {
        return None;
    }
    let folders = session.list().await.ok()?;
    let is_there = folders.is_empty() || folders.iter().any(|there| there.name == folder);
    (!is_there).then(|| no_such_folder(folder, &selectable(folders)))
}

/// The names of those that can be opened.
pub(crate) fn selectable(folders: Vec<wire::imap::Folder>) -> Vec<String> {
    let selectable = folders.into_iter().filter(|there| !there.attributes.iter().any(|a| a == "noselect"));
    selectable.map(|there| there.name).collect()
}

pub(crate) fn no_such_folder(folder: &str, folders: &[String]) -> Trouble {
    Trouble::new(
        mail::explain::Class::Configuration,
        "no_such_folder",
        format!("There is no folder “{folder}” in this mailbox."),
        format!("Choose one of these as Mail Folder: {}.", named(folders)),
    )
}

/// As many of them as have room in a sentence.
pub(crate) fn named(folders: &[String]) -> String {
    let cut = |name: &String| match name.char_indices().nth(FOLDER_NAMED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.clone(),
    };
    folders.iter().take(FOLDERS_NAMED_MAX).map(cut).collect::<Vec<_>>().join(", ")
}

async fn submit(courier: &Courier, mailbox: &Mailbox, which: Which) -> Result<(String, String), Trouble> {
    let outgoing = connect::outgoing(courier, mailbox, which).await?;
    let place = connect::place_of_flow(courier, mailbox, Side::Outgoing).await;
    let address = &mailbox.address;
    match outgoing {
        Outgoing::Smtp(mut session) => {
            // Some servers look at a sender only when there is a recipient, and an alias is one that the server has to know.
            let begun = match mailbox.shape {
                Shape::Own | Shape::Shared => session.probe(address).await.map(|()| None),
                Shape::Alias { .. } => session.probe_to(address, address).await,
            };
            let refused = begun.map_err(|error| Trouble::of(&error, &place))?;
            if let Some(refused) = refused {
                return Err(alias::refused(&refused, mailbox, &place));
            }
            session.quit().await; // the proof stands
        }
        Outgoing::Graph(mut opened) => {
            let proved = ask!(opened, |session| session.probe_send());
            proved.map_err(|error| Trouble::of(&error, &place))?;
        }
    }
    let sentence = format!("Outgoing mail works: the server takes mail from {address}.");
    let kept = alias::is_kept(mailbox, place.provider).unwrap_or_default();
    Ok((sentence, format!("Nothing was sent. {kept}").trim_end().to_owned()))
}
