//! A message as the JSON of `postern message inspect` and `postern message thread`.  The keys are a contract.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::message::{self, Attachment};
use crate::{sanitize, thread as threading};

/// The object of one file.
#[must_use]
pub fn inspect(file: &str, raw: &[u8]) -> Value {
    let message = message::parse(raw);
    let clean = message.html.as_deref().map(|html| sanitize::sanitize(html, &|id| Some(cid(id))));
    let candidates: Vec<Value> = threading::candidates(&message)
        .into_iter()
        .map(|c| json!({"kind": c.kind, "value": c.value, "proved": null}))
        .collect();
    json!({
        "schema": "postern.inspect/1",
        "file": file,
        "ok": message.over_limit.is_none(),
        "error": message.over_limit,
        "size": message.size,
        "sha256": sha256(raw),
        "message_id": message.message_id,
        "from": message.from,
        "to": message.to,
        "cc": message.cc,
        "reply_to": message.reply_to,
        "sender": message.sender,
        "subject": message.subject,
        "date": message.date,
        "in_reply_to": message.in_reply_to,
        "references": message.references,
        "text": message.text,
        "text_from": message.text_from,
        "reply_text": message.reply_text,
        "html_sanitized": clean.as_ref().map(|c| c.html.as_str()),
        "remote_images": clean.as_ref().map_or(0, |c| c.remote_images),
        "attachments": message.attachments.iter().map(attachment).collect::<Vec<_>>(),
        "auto_reply": message.auto_reply,
        "bounces": message.bounces,
        "thread": {"candidates": candidates},
        "defects": message.defects,
    })
}

/// The object of all files, in their order of arrival.
#[must_use]
pub fn thread(links: &[threading::Link]) -> Value {
    json!({"schema": "postern.thread/1", "threads": threading::group(links)})
}

fn attachment(attachment: &Attachment) -> Value {
    json!({
        "name": attachment.name,
        "declared_name": attachment.declared_name,
        "type": attachment.media_type,
        "size": attachment.content.len(),
        "sha256": sha256(&attachment.content),
        "inline": attachment.inline,
        "content_id": attachment.content_id,
    })
}

/// A Content-ID as a `cid:` address (RFC 2392): what would end an attribute is written in percent.
fn cid(id: &str) -> String {
    let mut out = String::from("cid:");
    for c in id.chars() {
        if c.is_alphanumeric() || "@.-_+$!*~=".contains(c) {
            out.push(c);
        } else {
            let mut buffer = [0; 4];
            out.extend(c.encode_utf8(&mut buffer).bytes().map(|b| format!("%{b:02X}")));
        }
    }
    out
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// JSON on one line without any control character, also not DEL and C1, which terminals obey, and without any that turns the
/// line round.
#[must_use]
pub fn line(value: &Value) -> String {
    let json = value.to_string();
    let is_control =
        |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}') || crate::is_hidden(c);
    if !json.contains(is_control) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_control(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}
