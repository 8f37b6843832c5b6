//! Whose mailbox an address opens, and which mailboxes of the desk lie in one.
use super::{LIST_MAX, Mailbox, get, is_same_folder, list};
use crate::db::Tx;
use crate::mailboxes::grant;
use crate::site::event::{self, Subject};
use crate::{By, Refusal, Result, params};
use serde_json::json;
use std::collections::HashSet;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// The address is a person's or a service's own and signs in itself.
    #[default]
    Own,
    /// It has no sign-in of its own: people with access open it with theirs.
    Shared,
    /// A second address of another mailbox, which is the one that is opened.
    Alias { opens: String },
}

impl Shape {
    pub fn word(&self) -> &'static str {
        match self {
            Shape::Own => "own",
            Shape::Shared => "shared",
            Shape::Alias { .. } => "alias",
        }
    }
    pub fn from_words(word: &str, opens: &str) -> Option<Shape> {
        match word {
            "own" => Some(Shape::Own),
            "shared" => Some(Shape::Shared),
            "alias" => Some(Shape::Alias { opens: opens.to_owned() }),
            _ => None,
        }
    }
    /// The mailbox behind an alias; empty for the others.
    pub fn opened(&self) -> &str {
        match self {
            Shape::Own | Shape::Shared => "",
            Shape::Alias { opens } => opens,
        }
    }
    fn checked(&self, address: &str) -> Result<Shape> {
        let Shape::Alias { opens } = self else { return Ok(self.clone()) };
        let opens = opens.trim();
        if opens.is_empty() {
            return Err(Refusal::Required("Opened mailbox").into());
        }
        if !mail::address::is_valid_mailbox(opens) {
            return Err(Refusal::BadEmail(opens.to_owned()).into());
        }
        if mail::address::key(opens) == mail::address::key(address) {
            let sentence = format!(
                "An alias opens another mailbox than {address}. Name that one, or choose a mailbox of its own."
            );
            return Err(Refusal::Other(sentence).into());
        }
        Ok(Shape::Alias { opens: opens.to_owned() })
    }
}

impl Mailbox {
    /// The mailbox on the server: for an alias the one behind it.
    pub fn opens(&self) -> &str {
        match &self.shape {
            Shape::Own | Shape::Shared => &self.address,
            Shape::Alias { opens } => opens,
        }
    }
    /// Whether both read a folder of one mailbox. It is one that is opened on one server by one user (no port is in that, as in
    /// [`crate::mailboxes::numbering::whose`]), and an alias opens the mailbox that it names also where one
    /// of them is read by another protocol, which has a server of its own (Microsoft Graph).
    fn lies_with(&self, other: &Mailbox) -> bool {
        let at = |m: &Mailbox| (mail::address::key(m.user(super::Side::Incoming)), m.incoming.host.clone());
        let is_alias = |m: &Mailbox| matches!(m.shape, Shape::Alias { .. });
        // By IMAP at another host, that is another server, as while a mailbox moves.
        let is_named = (is_alias(self) || is_alias(other))
            && self.protocol != other.protocol
            && mail::address::key(self.opens()) == mail::address::key(other.opens());
        (is_named || at(self) == at(other)) && self.folders().any(|folder| other.fetches(folder))
    }
}

/// The mailboxes of the desk that lie in one with this one: those that open the same mailbox and share a
/// folder with it, or with one that does. The one that fetches for all of them comes first, and this one is among them. That is the
/// mailbox that is opened itself where the desk has it, else the oldest of its aliases; one that is switched off fetches
/// for nobody.
pub fn in_one_folder(tx: &mut Tx<'_>, mailbox: &Mailbox) -> Result<Vec<Mailbox>> {
    let (aliases,): (bool,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM mailbox WHERE shape = 'alias' AND removed_at IS NULL)",
        params![],
    )?;
    if !aliases || mailbox.incoming.host.is_empty() {
        return Ok(vec![mailbox.clone()]);
    }
    let mut apart = list(tx, None, LIST_MAX)?;
    apart.retain(|other| !other.incoming.host.is_empty());
    let mut there: Vec<Mailbox> = apart.extract_if(.., |other| other.lies_with(mailbox)).collect();
    let mut looked_from = 0;
    // In a row of mailboxes the first and the last share none: one that fetched for its neighbour alone would be passed by.
    while let Some(one) = there.get(looked_from).cloned() {
        there.extend(apart.extract_if(.., |other| other.lies_with(&one)));
        looked_from += 1;
    }
    there.sort_by_key(|m| (!m.active, matches!(m.shape, Shape::Alias { .. }), m.id));
    Ok(if there.is_empty() { vec![mailbox.clone()] } else { there })
}

/// Who fetches this mailbox's mail, where it is another one.
pub fn fetched_by(tx: &mut Tx<'_>, mailbox: &Mailbox) -> Result<Option<Mailbox>> {
    let first = in_one_folder(tx, mailbox)?.into_iter().next();
    Ok(first.filter(|first| first.active && first.id != mailbox.id))
}

/// What a mailbox's round fetches: its own folders, and those of the mailboxes that it fetches for. What is said of these is
/// said of the mailbox whose round it is.
pub fn folders_of_round(tx: &mut Tx<'_>, mailbox: &Mailbox) -> Result<Vec<String>> {
    let mut folders: Vec<String> = mailbox.folders().map(str::to_owned).collect();
    for other in in_one_folder(tx, mailbox)? {
        let follows = other.active && fetched_by(tx, &other)?.is_some_and(|first| first.id == mailbox.id);
        if follows {
            folders.extend(other.folders().filter(|name| !mailbox.fetches(name)).map(str::to_owned));
        }
    }
    let mut known = HashSet::new();
    folders.retain(|name| known.insert(name.clone()));
    Ok(folders)
}
/// Whether this folder is one of them.
pub fn round_fetches(tx: &mut Tx<'_>, mailbox: &Mailbox, folder: &str) -> Result<bool> {
    // Mostly it is its own, and nothing needs to be read.
    Ok(mailbox.fetches(folder)
        || folders_of_round(tx, mailbox)?.iter().any(|fetched| is_same_folder(fetched, folder)))
}

/// Refused where [`change_shape`] would refuse it.
pub(in crate::mailboxes) fn may_be(tx: &mut Tx<'_>, id: i64, shape: &Shape) -> Result<()> {
    let address = get(tx, id)?.address;
    shape.checked(&address).map(drop)
}

/// A running round of the old shape loses its lease: another mailbox may be the one to open.
pub fn change_shape(tx: &mut Tx<'_>, by: &By, id: i64, shape: &Shape) -> Result<()> {
    let old = get(tx, id)?;
    let shape = shape.checked(&old.address)?;
    // Somebody says what it is, be it the same as before: that counts, whatever was answered to a sign-in.
    grant::forget_answers(tx, id)?;
    if shape == old.shape {
        return Ok(());
    }
    tx.execute(
        "UPDATE mailbox SET shape = $2, opened_address = $3, due_at = $4, leased_until = 0,
                generation = generation + 1
         WHERE id = $1",
        params![id, shape.word(), shape.opened(), by.at],
    )?;
    let data = json!({ "fields": {
        "shape": [old.shape.word(), shape.word()],
        "opens": [old.shape.opened(), shape.opened()],
    } });
    event::append(tx, by, Subject::Mailbox(id), "changed", data)?;
    tx.wake("mailbox");
    Ok(())
}
