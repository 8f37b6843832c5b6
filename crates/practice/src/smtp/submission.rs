//! A submitted letter: may it be sent under this name, whose INBOX it goes to, the copy in Sent Items.
//! Addresses outside the practice get a practice mailbox of their own, so that nothing leaves the machine.

use mail_parser::MessageParser;

use super::{Envelope, bounce};
use crate::clock::moment;
use crate::faults::Fault;
use crate::mailboxes::{INBOX, SENT};
use crate::people;
use crate::sasl::Opened;
use crate::world::World;

pub(super) const SEND_AS_DENIED: &str =
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender [practice]";

/// Delivers and returns the answer to the final dot.
pub(super) fn submit(world: &World, who: &Opened, envelope: &Envelope, raw: Vec<u8>) -> String {
    let strikes = |fault| world.faults.strike(fault, Some(&who.mailbox));
    if strikes(Fault::SmtpSenderRefused) || !from(&raw).iter().all(|address| who.may_send_as(world, address))
    {
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
    let sender = envelope.sender.as_deref().unwrap_or_default();
    let (id, raw) = deliver(world, &who.mailbox, sender, &envelope.recipients, &raw);
    // Since 2018 Exchange keeps the copy itself; a client that appends one has two.
    world.mailboxes.deliver(&who.mailbox, SENT, &raw, world.clock.now_at(), &["\\Seen"]);
    format!("250 2.0.0 OK <{id}@practice.contoso.example> [Hostname=practice.contoso.example]")
}

/// Into everybody's INBOX. Returns its number and the letter as it went.
pub(crate) fn deliver(
    world: &World,
    mailbox: &str,
    sender: &str,
    recipients: &[String],
    raw: &[u8],
) -> (String, Vec<u8>) {
    let now_at = world.clock.now_at();
    let alias_stays = world.directory.read(|records| records.exchange.send_from_alias);
    let raw = without_bcc(raw);
    let raw = if alias_stays { raw } else { from_the_mailbox(&raw) };
    let id = world.chance.guid();
    for recipient in recipients {
        if world.faults.strike(Fault::SmtpBounces, Some(recipient)) {
            let sender = if sender.is_empty() { mailbox } else { sender };
            let report = bounce::report(world, sender, recipient, &raw);
            world.mailboxes.deliver(sender, INBOX, &report, now_at, &[]);
            continue;
        }
        let trace = format!(
            "Return-Path: <{sender}>\r\nReceived: from practice.contoso.example (127.0.0.1)\r\n by practice.contoso.example with ESMTPSA id {id};\r\n {}\r\n",
            moment(now_at).strftime("%a, %d %b %Y %H:%M:%S +0000"),
        );
        let mailbox = people::mailbox_of(recipient);
        world.mailboxes.ensure(&mailbox);
        world.mailboxes.deliver(&mailbox, INBOX, &[trace.as_bytes(), &raw].concat(), now_at, &[]);
    }
    (id, raw)
}

/// The addresses of From; Sender may differ. A letter without a From is sent under the mailbox's name.
pub(crate) fn from(raw: &[u8]) -> Vec<String> {
    let Some(message) = MessageParser::default().parse_headers(raw) else { return Vec::new() };
    let addresses = message
        .from()
        .map(|from| from.iter().filter_map(|address| address.address().map(str::to_lowercase)).collect());
    addresses.unwrap_or_default()
}

/// Unless SendFromAliasEnabled is set, Exchange puts the mailbox's first address in place of an alias in From.
fn from_the_mailbox(raw: &[u8]) -> Vec<u8> {
    let Some(alias) = from(raw).into_iter().find(|address| people::is_alias(address)) else {
        return raw.to_vec();
    };
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(raw.len());
    let (header, body) = raw.split_at(end);
    let (header, mailbox) = (String::from_utf8_lossy(header), people::mailbox_of(&alias));
    // The display name may be an address too: what counts stands in angle brackets, where there are some.
    let in_brackets = format!("<{alias}>");
    let has_brackets = header.to_lowercase().contains(&in_brackets);
    let mut inside = false;
    let lines = header.split_inclusive('\n').map(|line| {
        if !line.starts_with([' ', '\t']) {
            inside = line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("from:"));
        }
        let lower = line.to_lowercase();
        let at = if has_brackets { lower.find(&in_brackets).map(|at| at + 1) } else { lower.find(&alias) };
        match at.filter(|_| inside) {
            Some(at) if line.is_char_boundary(at) && line.is_char_boundary(at + alias.len()) => {
                format!("{}{mailbox}{}", &line[..at], &line[at + alias.len()..])
            }
            _ => line.to_owned(),
        }
    });
    [lines.collect::<String>().as_bytes(), body].concat()
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

    #[test]
    fn an_alias_in_from_becomes_its_mailbox_and_stays_elsewhere() {
        let raw =
            b"To: help@contoso.example\r\nFrom: Help\r\n <Help@contoso.example>\r\n\r\nhelp@contoso.example";
        let sent = String::from_utf8(from_the_mailbox(raw)).unwrap();
        assert_eq!(
            sent,
            "To: help@contoso.example\r\nFrom: Help\r\n <support@contoso.example>\r\n\r\nhelp@contoso.example"
        );
        let named = b"From: \"help@contoso.example\" <help@contoso.example>\r\n\r\n";
        let sent = String::from_utf8(from_the_mailbox(named)).unwrap();
        assert_eq!(sent, "From: \"help@contoso.example\" <support@contoso.example>\r\n\r\n");
    }
}
