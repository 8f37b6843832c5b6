//! A letter and a folder as JSON, with the properties that were chosen.

use mail_parser::{Address, Message, MessageParser};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::error::{Refusal, Result};
use super::ids::{Found, Ids};
use crate::clock::moment;
use crate::mailboxes::Folders;

/// Everything but the header fields, which come only when they are asked for by name.
const ALWAYS: &[&str] = &[
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "internetMessageId",
    "subject",
    "bodyPreview",
    "importance",
    "parentFolderId",
    "conversationId",
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "isRead",
    "isDraft",
    "webLink",
    "inferenceClassification",
    "body",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "flag",
];
const HEADERS: &str = "internetMessageHeaders";
const PREVIEW_CHARS: usize = 255;

/// Which properties a request wants.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub properties: Option<Vec<String>>,
    /// `$expand` of the size, which is no property.
    pub size: bool,
}

impl Chosen {
    pub fn of(call: &Call) -> Result<Chosen> {
        let size = match call.option("expand") {
            None => false,
            Some(expand) => {
                let plain = expand.to_ascii_lowercase();
                if !plain.starts_with("singlevalueextendedproperties(") || !plain.contains("0x0e08") {
                    return Err(Refusal::not_offered("this $expand"));
                }
                true
            }
        };
        Ok(Chosen { properties: call.option("select").map(select).transpose()?, size })
    }

    fn has(&self, name: &str) -> bool {
        match &self.properties {
            Some(names) => names.iter().any(|known| known == name),
            None => name != HEADERS,
        }
    }
}

pub(super) fn select(text: &str) -> Result<Vec<String>> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    let known = |name: &String| name == "id" || name == HEADERS || ALWAYS.contains(&name.as_str());
    match names.iter().find(|name| !known(name)) {
        Some(bad) => Err(Refusal::bad(
            "RequestBroker--ParseUri",
            format!("Could not find a property named '{bad}' on type 'microsoft.graph.message'."),
        )),
        None => Ok(names),
    }
}

/// Cut to seconds, as Graph shows times.
pub(super) fn time(at: i64) -> String {
    moment(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn letter(ids: &Ids<'_>, found: &Found, chosen: &Chosen) -> Value {
    let letter = &found.letter;
    let message = MessageParser::default().parse(&letter.raw[..]).unwrap_or_default();
    let change_key = format!("CQAAABYA{:08x}", letter.changed);
    let mut shown = Map::new();
    shown.insert("@odata.etag".to_owned(), format!("W/\"{change_key}\"").into());
    shown.insert("id".to_owned(), ids.of(found).into());
    for name in ALWAYS.iter().filter(|name| chosen.has(name)) {
        let flag = |flag: &str| Value::from(letter.flags.contains(flag));
        let value = match *name {
            "createdDateTime" | "receivedDateTime" | "lastModifiedDateTime" => {
                time(letter.received_at).into()
            }
            "sentDateTime" => {
                time(message.date().map_or(letter.received_at, |date| date.to_timestamp() * 1000)).into()
            }
            "changeKey" => change_key.as_str().into(),
            "categories" => json!([]),
            "hasAttachments" => (message.attachment_count() > 0).into(),
            "internetMessageId" => message.message_id().map(|id| format!("<{id}>")).into(),
            "subject" => message.subject().unwrap_or_default().into(),
            "bodyPreview" => preview(&message).into(),
            "importance" => "normal".into(),
            "parentFolderId" => ids.folder(&found.folder).into(),
            "conversationId" => conversation(ids, &message).into(),
            "isDeliveryReceiptRequested" | "isReadReceiptRequested" => false.into(),
            "isRead" => flag("\\Seen"),
            "isDraft" => flag("\\Draft"),
            "webLink" => "https://outlook.office365.com/owa/?viewmodel=ReadMessageItem".into(),
            "inferenceClassification" => "focused".into(),
            "body" => body(&message),
            "from" => people(message.from()).into_iter().next().into(),
            "sender" => people(message.sender().or(message.from())).into_iter().next().into(),
            "toRecipients" => people(message.to()).into(),
            "ccRecipients" => people(message.cc()).into(),
            "bccRecipients" => people(message.bcc()).into(),
            "replyTo" => people(message.reply_to()).into(),
            _ => {
                json!({ "flagStatus": if letter.flags.contains("\\Flagged") { "flagged" } else { "notFlagged" } })
            }
        };
        shown.insert((*name).to_owned(), value);
    }
    if chosen.has(HEADERS) {
        shown.insert(HEADERS.to_owned(), headers(&message));
    }
    if chosen.size {
        let size = json!([{ "id": "Long 0xe08", "value": letter.raw.len().to_string() }]);
        shown.insert("singleValueExtendedProperties".to_owned(), size);
    }
    Value::Object(shown)
}

/// The same for every letter that answers under one subject; a hint, and no more at Graph either.
fn conversation(ids: &Ids<'_>, message: &Message<'_>) -> String {
    let subject = message.thread_name().unwrap_or_default();
    format!("AAQkAG{}", ids.world.seed.guid(&format!("conversation {} {subject}", ids.mailbox)))
}

fn preview(message: &Message<'_>) -> String {
    message.body_text(0).unwrap_or_default().chars().take(PREVIEW_CHARS).collect()
}

fn body(message: &Message<'_>) -> Value {
    match message.html_body_count() > 0 && message.html_part(0).is_some_and(|part| part.is_text_html()) {
        true => json!({ "contentType": "html", "content": message.body_html(0) }),
        false => json!({ "contentType": "text", "content": message.body_text(0) }),
    }
}

fn people(addresses: Option<&Address<'_>>) -> Vec<Value> {
    let one = |address: &mail_parser::Addr<'_>| {
        let bare = address.address().unwrap_or_default();
        json!({ "emailAddress": { "name": address.name().unwrap_or(bare), "address": bare } })
    };
    addresses.map(|addresses| addresses.iter().map(one).collect()).unwrap_or_default()
}

fn headers(message: &Message<'_>) -> Value {
    message.headers_raw().map(|(name, value)| json!({ "name": name, "value": value.trim() })).collect()
}

/// `INBOX` and `Inbox/Done` are shown as `Inbox` and `Done`.
fn display_name(name: &str) -> &str {
    match name.rsplit_once('/') {
        Some((_, last)) => last,
        None if name.eq_ignore_ascii_case("INBOX") => "Inbox",
        None => name,
    }
}

/// Whether `name` lies directly in `parent`; the root is no name.
pub(super) fn is_child(name: &str, parent: Option<&str>) -> bool {
    match (name.rsplit_once('/'), parent) {
        (None, None) => true,
        (Some((above, _)), Some(parent)) => above.eq_ignore_ascii_case(parent),
        _ => false,
    }
}

pub(super) fn folder(ids: &Ids<'_>, all: &Folders, name: &str) -> Value {
    let letters = all.get(name).map(|folder| folder.letters.as_slice()).unwrap_or_default();
    let parent = name.rsplit_once('/').map(|(parent, _)| ids.folder(parent));
    json!({
        "id": ids.folder(name),
        "displayName": display_name(name),
        "parentFolderId": parent.unwrap_or_else(|| ids.folder("")),
        "childFolderCount": all.keys().filter(|child| is_child(child, Some(name))).count(),
        "unreadItemCount": letters.iter().filter(|letter| !letter.flags.contains("\\Seen")).count(),
        "totalItemCount": letters.len(),
        "sizeInBytes": letters.iter().map(|letter| letter.raw.len()).sum::<usize>(),
        "isHidden": false,
    })
}
