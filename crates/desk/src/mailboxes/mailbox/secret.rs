//! The passwords of a mailbox: sealed, each sent only to the host it was entered for.
use super::{Authentication, EnteredServer, Mailbox, Protocol, ServerSide, Side, Submission, get};
use crate::db::Tx;
use crate::mailboxes::grant;
use crate::site::event::{self, Subject};
use crate::site::sealed;
use crate::site::vault::{self, Vault};
use crate::{By, Refusal, Result, params};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

/// The password of a side, following *Same as Remote Mailbox*: only to a server of the same house.
pub fn password_for_system(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    side: Side,
) -> Result<Option<SecretString>> {
    let mailbox = get(tx, id)?;
    match (side, mailbox.outgoing.authentication) {
        (Side::Outgoing, Authentication::Same) if mailbox.shares_incoming() => {
            stored(tx, vault, id, Side::Incoming)
        }
        (Side::Outgoing, Authentication::Same) => Ok(None),
        (side, _) => stored(tx, vault, id, side),
    }
}

/// The password to store, if another one was entered. A kept one goes only to the host it was entered for.
pub(super) fn entered(
    tx: &mut Tx<'_>,
    vault: &Vault,
    old: &Mailbox,
    entered: &EnteredServer,
    new: &ServerSide,
    side: Side,
) -> Result<Option<SecretString>> {
    let before = old.server(side);
    let given = entered.password.as_ref().filter(|password| !password.expose_secret().is_empty());
    // A host that is emptied asks for nothing, and takes the password with it (see `host_changed`).
    let moved = !before.host.is_empty() && !new.host.is_empty() && before.host != new.host;
    let nowhere = new.host.is_empty();
    match given {
        // It says where the password may go.
        Some(_) if nowhere && new.authentication == Authentication::Password => {
            Err(Refusal::Required("Hostname").into())
        }
        Some(_) if nowhere => Ok(None),
        Some(password)
            if vault::is_same(vault::if_it_opens(stored(tx, vault, old.id, side))?.as_ref(), password) =>
        {
            Ok(None)
        }
        Some(password) => Ok(Some(password.clone())),
        None if moved && before.has_password && new.authentication == Authentication::Password => {
            Err(Refusal::SecretAgain { field: "Password", from: before.host.clone(), to: new.host.clone() }
                .into())
        }
        None => Ok(None),
    }
}

/// Another host: tokens of the old one end, a password that is not in use is not kept for it, and it is told.
pub(super) fn host_changed(
    tx: &mut Tx<'_>,
    by: &By,
    old: &Mailbox,
    before: &ServerSide,
    after: &ServerSide,
    side: Side,
) -> Result<()> {
    if before.host.is_empty() || before.host == after.host {
        return Ok(());
    }
    let what = what_changed(tx, old, (before, after), side)?;
    let reason = format!("The authorization ended when {what}.");
    grant::end_of_side(tx, by, old.id, side, Some((&reason, AUTHORIZE_AGAIN)))?;
    if after.authentication != Authentication::Password || after.host.is_empty() {
        let text = match side {
            Side::Incoming => "UPDATE mailbox SET in_password = NULL WHERE id = $1",
            Side::Outgoing => "UPDATE mailbox SET out_password = NULL WHERE id = $1",
        };
        tx.execute(text, params![old.id])?;
    }
    let data = json!({ "side": side.word(), "from": before.host, "to": after.host });
    event::append(tx, by, Subject::Mailbox(old.id), "host_changed", data)
}

const AUTHORIZE_AGAIN: &str = "Authorize it again: what was given for one server is sent to no other, and another protocol asks for another permission.";

/// *Protocol was changed from IMAP to Microsoft Graph*
fn what_changed(
    tx: &mut Tx<'_>,
    old: &Mailbox,
    (before, after): (&ServerSide, &ServerSide),
    side: Side,
) -> Result<String> {
    let new = get(tx, old.id)?;
    let (was, is) = match side {
        Side::Incoming => (label(old.protocol), label(new.protocol)),
        Side::Outgoing => (label_of_sending(old.submission), label_of_sending(new.submission)),
    };
    let host = |server: &ServerSide| {
        if server.host.is_empty() { "none".to_owned() } else { format!("“{}”", server.host) }
    };
    Ok(match was == is {
        true => format!("Hostname was changed from {} to {}", host(before), host(after)),
        false => format!("Protocol was changed from {was} to {is}"),
    })
}

/// As the pages name them.
fn label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Imap => "IMAP",
        Protocol::Pop3 => "POP3",
        Protocol::Graph => "Microsoft Graph",
    }
}
fn label_of_sending(submission: Submission) -> &'static str {
    match submission {
        Submission::Smtp => "SMTP",
        Submission::Graph => "Microsoft Graph",
    }
}

fn secret_row(id: i64, side: Side) -> String {
    match side {
        Side::Incoming => sealed::IN_PASSWORD.row(id),
        Side::Outgoing => sealed::OUT_PASSWORD.row(id),
    }
}

fn stored(tx: &mut Tx<'_>, vault: &Vault, id: i64, side: Side) -> Result<Option<SecretString>> {
    let text = match side {
        Side::Incoming => "SELECT in_password FROM mailbox WHERE id = $1",
        Side::Outgoing => "SELECT out_password FROM mailbox WHERE id = $1",
    };
    let (sealed,): (Option<Vec<u8>>,) = tx.one(text, params![id])?;
    sealed.map(|sealed| vault.unseal(&secret_row(id, side), &sealed)).transpose()
}

pub(super) fn store(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    side: Side,
    secret: Option<SecretString>,
    nonce: [u8; 24],
) -> Result<()> {
    let Some(secret) = secret else { return Ok(()) };
    let text = match side {
        Side::Incoming => "UPDATE mailbox SET in_password = $2 WHERE id = $1",
        Side::Outgoing => "UPDATE mailbox SET out_password = $2 WHERE id = $1",
    };
    tx.execute(text, params![id, vault.seal(&secret_row(id, side), &secret, nonce)])?;
    Ok(())
}
