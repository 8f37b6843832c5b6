//! A submitted letter: may it be sent under this name, whose INBOX it goes to, the copy in Sent Items.
//! Addresses outside the practice get a practice mailbox of their own, so that nothing leaves the machine.

use mail_parser::MessageParser;

use super::{Envelope, bounce};
use crate::clock::moment;
use crate::faults::Fault;
use crate::mailboxes::{INBOX, SENT};
use crate::sasl::Opened;
use crate::world::World;

pub(super) const SEND_AS_DENIED: &str =
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender [practice]";

/// Delivers and returns the answer to the final dot.
pub(super) fn submit(world: &World, who: &Opened, envelope: &Envelope, raw: Vec<u8>) -> String {
    let strikes = |fault| world.faults.strike(fault, Some(&who.mailbox));
    if strikes(Fault::SmtpSenderRefused) || !from(&raw).iter().all(|address| who.may_send_as(address)) {
        return SEND_AS_DENIED.to_owned();
    }
    if strikes(Fault::SmtpDeferred) {
        return "451 4.7.0 Temporary server error. Please try again later. PRX2 [practice]".to_owned();
    }
    if strikes(Fault::SmtpLetterRefused) {
        return "554 5.2.0 STOREDRV.Submission.Exception; the message was refused [practice]".to_owned();
    }
    if strikes(Fault::SmtpMailboxFull) {
        return "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException [practice]"
            .to_owned();
    }
    let now_at = world.clock.now_at();
    let raw = without_bcc(&raw);
    let id = world.chance.guid();
    for recipient in &envelope.recipients {
        if world.faults.strike(Fault::SmtpBounces, Some(recipient)) {
            let sender =
                envelope.sender.as_deref().filter(|sender| !sender.is_empty()).unwrap_or(&who.mailbox);
            let report = bounce::report(world, sender, recipient, &raw);
            world.mailboxes.deliver(sender, INBOX, &report, now_at, &[]);
            continue;
        }
        let trace = format!(
            "Return-Path: <{}>\r\nReceived: from practice.contoso.example (127.0.0.1)\r\n by practice.contoso.example with ESMTPSA id {id};\r\n {}\r\n",
            envelope.sender.as_deref().unwrap_or_default(),
            moment(now_at).strftime("%a, %d %b %Y %H:%M:%S +0000"),
        );
        world.mailboxes.ensure(recipient);
        world.mailboxes.deliver(recipient, INBOX, &[trace.as_bytes(), &raw].concat(), now_at, &[]);
    }
    // Since 2018 Exchange keeps the copy itself; a client that appends one has two.
    world.mailboxes.deliver(&who.mailbox, SENT, &raw, now_at, &["\\Seen"]);
    format!("250 2.0.0 OK <{id}@practice.contoso.example> [Hostname=practice.contoso.example]")
}

/// The addresses of From; Sender may differ. A letter without a From is sent under the mailbox's name.
fn from(raw: &[u8]) -> Vec<String> {
    let Some(message) = MessageParser::default().parse_headers(raw) else { return Vec::new() };
    let addresses = message
        .from()
        .map(|from| from.iter().filter_map(|address| address.address().map(str::to_lowercase)).collect());
    addresses.unwrap_or_default()
}

fn without_bcc(raw: &[u8]) -> Vec<u8> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(raw.len(), |at| at + 2);
    let (header, body) = raw.split_at(end);
    let mut out = Vec::with_capacity(raw.len());
    let mut dropping = false;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            dropping = line.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"bcc:"));
        }
        if !dropping {
            out.extend(line);
        }
    }
    out.extend(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bcc_is_taken_out_and_nothing_else() {
        let raw = b"From: a@x\r\nBcc: c@x,\r\n d@x\r\nTo: b@x\r\n\r\nBcc: stays\r\n";
        assert_eq!(without_bcc(raw), b"From: a@x\r\nTo: b@x\r\n\r\nBcc: stays\r\n");
        assert_eq!(from(raw), ["a@x"]);
    }
}
