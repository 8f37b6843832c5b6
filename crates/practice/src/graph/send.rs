//! Sending: a letter as MIME in one request, or a draft that is sent later and keeps its immutable id. What
//! happens to a letter on its way is the submission's, as by SMTP. Not letters as JSON, nor upload sessions.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Address, Message, MessageParser};

use super::call::Call;
use super::error::{Refusal, Result};
use super::ids::{Found, Ids};
use super::messages::{Carry, carried};
use super::shown::{self, Chosen};
use crate::faults::Fault;
use crate::mailboxes::SENT;
use crate::sasl::Opened;
use crate::smtp::submission;
use crate::world::World;

const DRAFTS: &str = "Drafts";

pub(super) fn now(world: &World, call: &Call, who: &Opened) -> Result<Response> {
    let raw = submit(world, who, &mime(world, call, &who.mailbox)?)?;
    // Exchange keeps the copy itself.
    world.mailboxes.deliver(&who.mailbox, SENT, &raw, world.clock.now_at(), &["\\Seen"]);
    Ok(accepted(world, call, who))
}

pub(super) fn draft(world: &World, call: &Call, ids: &Ids<'_>, folder: Option<&str>) -> Result<Response> {
    let folder = match folder {
        Some(id) => ids.find_folder(id)?.0,
        None => DRAFTS.to_owned(),
    };
    let raw = mime(world, call, ids.mailbox)?;
    let at = world.clock.now_at();
    let uid = world.mailboxes.deliver(ids.mailbox, &folder, &raw, at, &["\\Draft", "\\Seen"]);
    let (name, folder) = world.mailboxes.folder(ids.mailbox, &folder).ok_or_else(Refusal::not_found)?;
    let letter = uid.and_then(|uid| folder.find(uid).cloned()).ok_or_else(Refusal::not_found)?;
    let found = Found { folder: name, letter, uid_validity: folder.uid_validity };
    Ok((StatusCode::CREATED, Json(shown::letter(ids, &found, &Chosen::default()))).into_response())
}

pub(super) fn send_draft(
    world: &World,
    call: &Call,
    ids: &Ids<'_>,
    who: &Opened,
    id: &str,
) -> Result<Response> {
    let found = ids.find(id)?;
    if !found.letter.flags.contains("\\Draft") {
        let text = "The item is not a draft and cannot be sent.";
        return Err(Refusal::bad("ErrorInvalidOperation", text));
    }
    submit(world, who, &found.letter.raw)?;
    let there = carried(world, ids, &found, SENT, Carry::Move)?;
    let mut flags = there.letter.flags.clone();
    flags.remove("\\Draft");
    world.mailboxes.set_flags(ids.mailbox, &there.folder, there.letter.uid, flags);
    Ok(accepted(world, call, who))
}

/// The letter in the body, as Graph keeps it: without fields of the writer's own making.
fn mime(world: &World, call: &Call, mailbox: &str) -> Result<Vec<u8>> {
    match call.kind() {
        "text/plain" => {}
        "application/json" => return Err(Refusal::not_offered("letters as JSON, only MIME in text/plain")),
        _ => return Err(Refusal::bad("BadRequest", "The Content-Type is not supported for this request.")),
    }
    let text: Vec<u8> = call.body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let raw = STANDARD.decode(text).map_err(|_| {
        Refusal::bad("ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
    })?;
    let own_id = world.faults.strike(Fault::GraphOwnMessageId, Some(mailbox));
    let message_id = own_id.then(|| format!("{}@practice.contoso.example", world.chance.guid()));
    Ok(as_kept(&raw, message_id.as_deref()))
}

fn as_kept(raw: &[u8], message_id: Option<&str>) -> Vec<u8> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(raw.len(), |at| at + 2);
    let (header, body) = raw.split_at(end);
    let mut out = Vec::with_capacity(raw.len());
    let mut dropping = false;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        let begins =
            |name: &[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            dropping = begins(b"X-") || (message_id.is_some() && begins(b"Message-ID:"));
        }
        if !dropping {
            out.extend(line);
        }
    }
    if let Some(id) = message_id {
        out.extend(format!("Message-ID: <{id}>\r\n").bytes());
    }
    out.extend(body);
    out
}

/// Returns the letter as it went.
fn submit(world: &World, who: &Opened, raw: &[u8]) -> Result<Vec<u8>> {
    let message = MessageParser::default().parse_headers(raw).unwrap_or_default();
    let recipients = recipients(&message);
    if recipients.is_empty() {
        let text = "At least one recipient is not valid., A message can't be sent because it contains no recipients.";
        return Err(Refusal::bad("ErrorInvalidRecipients", text));
    }
    let denied = world.faults.strike(Fault::GraphSendDenied, Some(&who.mailbox));
    if denied || !submission::from(raw).iter().all(|address| who.may_send_as(world, address)) {
        let text = "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account., Cannot submit message.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "ErrorSendAsDenied", text));
    }
    Ok(submission::deliver(world, &who.mailbox, &who.mailbox, &recipients, raw).1)
}

fn recipients(message: &Message<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let addresses = |field: Option<&Address<'_>>| -> Vec<String> {
        let known =
            field.map(|field| field.iter().filter_map(|one| one.address().map(str::to_lowercase)).collect());
        known.unwrap_or_default()
    };
    for address in [message.to(), message.cc(), message.bcc()].into_iter().flat_map(addresses) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

fn accepted(world: &World, call: &Call, who: &Opened) -> Response {
    if world.faults.strike(Fault::GraphDropAfterSend, Some(&who.mailbox))
        && let Some(cut) = &call.cut
    {
        cut.now();
    }
    StatusCode::ACCEPTED.into_response()
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_of_the_writers_own_are_dropped_and_nothing_else() {
        let raw = b"From: a@x\r\nX-Own: 1\r\n 2\r\nMessage-ID:\r\n <a@x>\r\nTo: b@x\r\n\r\nX-Own: stays";
        assert_eq!(
            super::as_kept(raw, None),
            b"From: a@x\r\nMessage-ID:\r\n <a@x>\r\nTo: b@x\r\n\r\nX-Own: stays"
        );
        assert_eq!(
            super::as_kept(raw, Some("n@y")),
            b"From: a@x\r\nTo: b@x\r\nMessage-ID: <n@y>\r\n\r\nX-Own: stays"
        );
    }
}
