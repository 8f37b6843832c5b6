//! Delivery reports: who was not reached, and why (RFC 3464, RFC 6533, and the words of mail servers).

pub(crate) mod reason;
mod words;

use crate::header::{self, Field};
use crate::message::Message;
use crate::mime::{Part, Parts};
use crate::word::Trouble;
use crate::{body, word};

pub use reason::Reason;

/// What became of one recipient (RFC 3464 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
}

/// One recipient of a delivery report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Bounce {
    pub recipient: Option<String>,
    pub action: Action,
    pub status: Option<String>,
    pub smtp_code: Option<u16>,
    pub reason: Reason,
    /// Of the message that was not delivered, without `<>`.
    pub original_message_id: Option<String>,
    pub diagnostic: String,
}

/// Recipients read of one report.
const RECIPIENTS_MAX: usize = 1_000;
/// Characters of a diagnostic.
const DIAGNOSTIC_CHARS_MAX: usize = 1_000;

/// The bounces of a message: from its structure, else from its words.
pub(crate) fn read(parts: &Parts<'_>, message: &Message) -> Vec<Bounce> {
    let original = original_message_id(parts);
    let is_report = is_report(parts, message);
    let structured: Vec<Bounce> = parts
        .list
        .iter()
        .filter(|part| is_report && is_status(part))
        .flat_map(|part| status_part(part, original.as_deref()))
        .take(RECIPIENTS_MAX)
        .collect();
    if structured.is_empty() { words::read(message, original.as_deref()) } else { structured }
}

/// Is the message itself a report, or does a person's letter only carry one, as forwarding programs attach it?
pub(crate) fn is_report(parts: &Parts<'_>, message: &Message) -> bool {
    let root = parts.list.first().map_or("", |root| root.content_type.value.as_str());
    root == "multipart/report"
        || root.starts_with("message/")
        || words::is_from_a_server(message)
        || words::has_null_path(message)
        || message.header("Auto-Submitted").is_some_and(|v| !v.trim().to_ascii_lowercase().starts_with("no"))
}

/// The groups of a `message/delivery-status` after the first, one a recipient.
fn status_part(part: &Part<'_>, original: Option<&str>) -> Vec<Bounce> {
    let content = body::content(part, &mut Trouble::default());
    let mut at = 0;
    let mut out = Vec::new();
    while at < content.len() && out.len() < RECIPIENTS_MAX {
        let block = header::block(&content, at, &|_| false);
        if block.body_at <= at {
            break;
        }
        at = block.body_at;
        out.extend(recipient(&block.fields, original));
    }
    out
}

fn value(fields: &[Field<'_>], name: &str) -> Option<String> {
    let field = fields.iter().find(|f| f.name.eq_ignore_ascii_case(name.as_bytes()))?;
    let text = word::decode(&word::raw_text(field.value, None), &mut Trouble::default());
    (!text.is_empty()).then_some(text)
}

fn recipient(fields: &[Field<'_>], original: Option<&str>) -> Option<Bounce> {
    let address = value(fields, "final-recipient").or_else(|| value(fields, "original-recipient"));
    let action = value(fields, "action").map(|a| a.to_ascii_lowercase());
    if address.is_none() && action.is_none() {
        return None;
    }
    let typed = |v: String| v.split_once(';').map_or(v.clone(), |(_, rest)| rest.trim().to_owned());
    let diagnostic = value(fields, "diagnostic-code").map(typed).unwrap_or_default();
    let diagnostic = diagnostic.split_whitespace().collect::<Vec<_>>().join(" ");
    let status =
        value(fields, "status").and_then(|s| reason::status(&s)).or_else(|| reason::status(&diagnostic));
    let action = match action.as_deref().and_then(|a| a.split([' ', '(', ';']).next()) {
        Some("delayed") => Action::Delayed,
        Some("delivered") => Action::Delivered,
        Some("relayed") => Action::Relayed,
        Some("expanded") => Action::Expanded,
        Some("failed") => Action::Failed,
        // An unknown word: the status says whether it is a no.
        _ => match status.as_deref().and_then(|s| s.chars().next()) {
            Some('2') => Action::Delivered,
            Some('4') => Action::Delayed,
            _ => Action::Failed,
        },
    };
    let recipient = address
        .map(typed)
        .and_then(|a| crate::address::parse(&a, &mut Trouble::default()).into_iter().find_map(|a| a.address));
    Some(Bounce {
        recipient,
        action,
        smtp_code: reason::smtp_code(&diagnostic),
        reason: reason::of(status.as_deref(), &diagnostic),
        status,
        original_message_id: original.map(str::to_owned),
        diagnostic: diagnostic.chars().take(DIAGNOSTIC_CHARS_MAX).collect(),
    })
}

/// Says it what became of whom?
pub(crate) fn is_status(part: &Part<'_>) -> bool {
    matches!(part.content_type.value.as_str(), "message/delivery-status" | "message/global-delivery-status")
}

/// Is it a letter, or the header of one?
pub(crate) fn is_returned(part: &Part<'_>) -> bool {
    matches!(
        part.content_type.value.as_str(),
        "message/rfc822"
            | "text/rfc822-headers"
            | "message/rfc822-headers"
            | "message/global"
            | "message/global-headers"
    )
}

/// The Message-ID in the returned letter or its returned header.
fn original_message_id(parts: &Parts<'_>) -> Option<String> {
    let returned = parts.list.iter().skip(1).find(|part| is_returned(part))?;
    let content = body::content(returned, &mut Trouble::default());
    let start = content.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let block = header::block(&content, start, &|_| false);
    value(&block.fields, "message-id").and_then(|v| header::id(&v))
}
