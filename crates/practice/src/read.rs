//! A letter as a person or a test reads it: addresses, subject, plain text, names of attachments. Rough on
//! purpose; what Postern makes of a letter is Postern's business.

use mail_parser::{Address, Message, MessageParser, MimeHeaders as _};
use serde::Serialize;

use crate::clock::moment;
use crate::mailboxes::Stored;

#[derive(Debug, Serialize)]
pub(crate) struct Reading {
    pub uid: u32,
    pub flags: Vec<String>,
    pub received_at: i64,
    pub bytes: usize,
    pub from: String,
    /// The bare address of From.
    pub from_address: String,
    pub to: String,
    pub cc: String,
    pub subject: String,
    pub message_id: String,
    pub in_reply_to: String,
    pub references: Vec<String>,
    pub text: String,
    pub attachments: Vec<Attachment>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Attachment {
    pub name: String,
    pub kind: String,
    pub bytes: usize,
}

impl Reading {
    pub fn of(letter: &Stored) -> Reading {
        let message = MessageParser::default().parse(&letter.raw[..]).unwrap_or_default();
        Reading {
            uid: letter.uid,
            flags: letter.flags.iter().cloned().collect(),
            received_at: letter.received_at,
            bytes: letter.raw.len(),
            from: people(message.from()),
            from_address: first_address(message.from()),
            to: people(message.to()),
            cc: people(message.cc()),
            subject: message.subject().unwrap_or_default().to_owned(),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            in_reply_to: ids(message.in_reply_to()).join(" "),
            references: ids(message.references()),
            text: message.body_text(0).unwrap_or_default().trim_end().to_owned(),
            attachments: attachments(&message),
        }
    }

    pub fn is_new(&self) -> bool {
        !self.flags.iter().any(|flag| flag == "\\Seen")
    }

    /// Who wrote it, as short as it is clear.
    pub fn who(&self) -> &str {
        self.from.split(" <").next().filter(|name| !name.is_empty()).unwrap_or("(no sender)")
    }

    pub fn when(&self) -> String {
        moment(self.received_at).strftime("%d %b %Y, %H:%M UTC").to_string()
    }

    pub fn shown_subject(&self) -> &str {
        if self.subject.is_empty() { "(no subject)" } else { &self.subject }
    }
}

fn people(addresses: Option<&Address<'_>>) -> String {
    let one = |address: &mail_parser::Addr<'_>| match (address.name(), address.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => address.or(name).unwrap_or_default().to_owned(),
    };
    addresses.map(|addresses| addresses.iter().map(one).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

fn first_address(addresses: Option<&Address<'_>>) -> String {
    addresses
        .and_then(|addresses| addresses.iter().find_map(|address| address.address()))
        .unwrap_or_default()
        .to_lowercase()
}

fn ids(value: &mail_parser::HeaderValue<'_>) -> Vec<String> {
    value.as_text_list().map(|ids| ids.iter().map(|id| id.to_string()).collect()).unwrap_or_default()
}

fn attachments(message: &Message<'_>) -> Vec<Attachment> {
    let kind = |part: &mail_parser::MessagePart<'_>| {
        part.content_type().map_or_else(
            || "text/plain".to_owned(),
            |kind| match kind.subtype() {
                Some(subtype) => format!("{}/{subtype}", kind.ctype()),
                None => kind.ctype().to_owned(),
            },
        )
    };
    message
        .attachments()
        .map(|part| Attachment {
            name: part.attachment_name().unwrap_or("(without a name)").to_owned(),
            kind: kind(part),
            bytes: part.contents().len(),
        })
        .collect()
}
