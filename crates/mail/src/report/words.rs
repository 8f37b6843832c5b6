//! Delivery reports in prose, as qmail, Exim, Exchange, Domino and large providers write them.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::{Action, Bounce, DIAGNOSTIC_CHARS_MAX, RECIPIENTS_MAX, reason};
use crate::header;
use crate::message::Message;

/// Bytes of the text that are read for words.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Sentences with which mail servers begin to say no.
static FAILED: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        r"this is the qmail-send program",
        r"i'm afraid i wasn't able to deliver your message",
        r"a message that you (have )?sent could not be delivered",
        r"the following addresses? had (permanent fatal|transient non-fatal) errors",
        r"this is the mail system at host",
        r"your message did not reach some or all of the intended recipients",
        r"delivery has failed to these recipients or groups",
        r"delivery to the following recipients? (has )?failed( permanently)?",
        r"(your message|message) (wasn't|was not|could not be|couldn't be|can not be|cannot be) delivered",
        r"(sorry|unfortunately),? we (were|are) unable to deliver your message",
        r"undeliverable( mail| message)?\s*:",
        r"could not be delivered to (one or more|some|the following)",
        r"the following message .{0,60}was undeliverable",
        r"(ihre|die|eine|diese) (folgende )?(e-?mail|nachricht|mail).{0,80}(konnte|kann) (leider )?nicht (zugestellt|ausgeliefert|übermittelt)",
        r"fehler bei der übermittlung an folgende empfänger",
        r"unzustellbar",
        r"your message.{0,300}was not delivered to:?",
        r"had permanent fatal delivery errors",
        r"following recipient(\(s\)|s)? (cannot|could not) be reached",
        r"failed to deliver to '",
        r"this message was undeliverable due to the following reason",
        r"unable to deliver (your |the )?(message|mail|e-?mail) to",
        r"(address|recipient)s? (to which|that) .{0,60}(failed|rejected)",
        r"your (e-?mail|message) (could not|couldn't|was not) (be )?(sent|delivered)",
        r"votre message n'a pas (pu être|été) (remis|délivré|distribué)",
        r"échec de la remise",
        r"no se (ha podido|pudo) entregar",
        r"il messaggio non (è stato|può essere) (recapitato|consegnato)",
        r"sua mensagem não (pôde|pode|foi) (ser )?entregue",
        r"(uw|het) bericht (kon niet|kan niet|is niet) (worden )?(bezorgd|afgeleverd)",
        r"the original message was received at .{0,120}from",
        r"permanent (delivery )?(failure|error).{0,60}recipient",
        r"we are sorry to (have to )?inform you that your message",
        r"邮件(无法|未能)|退信|配信できませんでした",
        r"сообщение не (может быть|было) доставлено|не удалось доставить",
    ])
});

static DELAYED: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        r"(delivery|message|mail).{0,60}(has been |is being |is )?delayed",
        r"this is a warning message only",
        r"you do not need to resend your message",
        r"has not (yet )?been delivered (to|after|yet)",
        r"will (be retried|keep trying|continue to (try|be))",
        r"(noch nicht zugestellt|zustellung.{0,30}verzögert)",
    ])
});

/// Addresses where a recipient is named: in brackets or behind such a word, or alone on a line.
static RECIPIENT: LazyLock<Regex> = LazyLock::new(|| {
    one(
        r"(?im)^\s{0,20}(?:[*•-]\s)?(?:<|to:?\s+|recipient:?\s+|an:?\s+)?\s?<?([^\s<>()\x22,;:@]{1,100}@[a-z0-9.-]{1,200}[a-z0-9])>?(?:\s\(.{0,200}\))?[:,.]?(?:\s.{0,400})?$",
    )
});

static ORIGINAL_ID: LazyLock<Regex> =
    LazyLock::new(|| one(r"(?im)^[>\s]{0,10}Message-ID:\s{0,5}(<[^>\s]{1,300}>)"));

fn set(patterns: &[&str]) -> RegexSet {
    RegexSet::new(patterns.iter().map(|p| format!("(?is){p}"))).expect("invariant: the patterns compile")
}

fn one(pattern: &str) -> Regex {
    Regex::new(pattern).expect("invariant: the pattern compiles")
}

/// The bounces of a letter that no structure declares.
pub(crate) fn read(message: &Message, original: Option<&str>) -> Vec<Bounce> {
    let end =
        (0..=message.text.len().min(TEXT_BYTES_MAX)).rev().find(|at| message.text.is_char_boundary(*at));
    let text = message.text.get(..end.unwrap_or(0)).unwrap_or_default();
    if !is_from_a_server(message) || !(FAILED.is_match(text) || DELAYED.is_match(text)) {
        return Vec::new();
    }
    let is_delay = DELAYED.is_match(text) && !says_final(text);
    let report = without_returned_letter(text);
    let failed_header = message
        .header("X-Failed-Recipients")
        .map(|v| v.split(',').map(|a| a.trim().to_owned()).filter(|a| a.contains('@')).collect::<Vec<_>>());
    let found = match failed_header {
        Some(list) if !list.is_empty() => list,
        _ => recipients(report, message),
    };
    let original_message_id = original.map(str::to_owned).or_else(|| {
        let id = ORIGINAL_ID.captures(text).and_then(|c| c.get(1)).and_then(|m| header::id(m.as_str()));
        id.or_else(|| message.in_reply_to.last().cloned()).or_else(|| message.references.last().cloned())
    });
    let bounce = |recipient: Option<String>| {
        let diagnostic = diagnostic(report, recipient.as_deref());
        let status = reason::status(&diagnostic);
        Bounce {
            recipient,
            action: if is_delay { Action::Delayed } else { Action::Failed },
            smtp_code: reason::smtp_code(&diagnostic),
            reason: reason::of(status.as_deref(), &diagnostic),
            status,
            original_message_id: original_message_id.clone(),
            diagnostic,
        }
    };
    if found.is_empty() {
        return vec![bounce(None)];
    }
    found.into_iter().take(RECIPIENTS_MAX).map(|r| bounce(Some(r))).collect()
}

fn says_final(text: &str) -> bool {
    let lower = text.to_lowercase();
    ["permanent error", "permanently", "giving up", "i've given up", "failed permanently", "permanent fatal"]
        .iter()
        .any(|w| lower.contains(w))
}

/// The envelope had no sender, which a person's letter always has.
pub(super) fn has_null_path(message: &Message) -> bool {
    message.header("Return-Path").is_some_and(|v| v.replace([' ', '\t'], "") == "<>")
}

/// Words alone prove nothing: a person may quote a bounce.  The sender must be a mail server.
pub(super) fn is_from_a_server(message: &Message) -> bool {
    let null_path = has_null_path(message);
    let from = message.author().and_then(|a| a.address.as_deref()).unwrap_or("").to_ascii_lowercase();
    let local = from.split('@').next().unwrap_or("");
    let daemon = local.starts_with("mailer-daemon")
        || local.starts_with("mailerdaemon")
        || local.starts_with("postmaster")
        || local.starts_with("mail-daemon")
        || local.starts_with("microsoftexchange")
        || local.starts_with("mailer_daemon");
    let name = message.from.first().and_then(|a| a.name.as_deref()).unwrap_or("").to_ascii_lowercase();
    let named = name.contains("mail delivery")
        || name.contains("mailer-daemon")
        || name.contains("mail administrator");
    daemon
        || named
        || message.header("X-Failed-Recipients").is_some()
        || (null_path && is_bounce_subject(&message.subject))
}

fn is_bounce_subject(subject: &str) -> bool {
    let subject = subject.to_lowercase();
    [
        "undeliver",
        "failure notice",
        "delivery status",
        "delivery failure",
        "returned mail",
        "mail delivery",
        "delivery notification",
        "nicht zustellbar",
        "unzustellbar",
        "non remis",
        "no entregado",
        "could not be delivered",
    ]
    .iter()
    .any(|w| subject.contains(w))
}

/// The report above the copy of the letter.
fn without_returned_letter(text: &str) -> &str {
    const MARKS: [&str; 8] = [
        "--- below this line is a copy of the message",
        "------ this is a copy of",
        "this is a copy of the message",
        "----- original message -----",
        "-----original message-----",
        "--- original message",
        "original message headers:",
        "----- message header follows",
    ];
    let lower = text.to_ascii_lowercase();
    let end = MARKS.iter().filter_map(|m| lower.find(m)).min().unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

fn recipients(report: &str, message: &Message) -> Vec<String> {
    let own: Vec<String> = message.to.iter().chain(&message.from).filter_map(crate::Address::key).collect();
    let mut found: Vec<String> = Vec::new();
    for captures in RECIPIENT.captures_iter(report).take(RECIPIENTS_MAX) {
        let Some(address) = captures.get(1).map(|m| m.as_str().to_owned()) else { continue };
        let key = crate::address::key(&address);
        if !own.contains(&key) && !found.iter().any(|f| crate::address::key(f) == key) {
            found.push(address);
        }
    }
    found
}

/// What the server said of that recipient: the lines from its name to the next empty line but one.
fn diagnostic(report: &str, recipient: Option<&str>) -> String {
    let at = recipient.and_then(|r| report.find(r)).unwrap_or(0);
    let part = report.get(at..).unwrap_or_default();
    let part = recipient.and_then(|r| part.strip_prefix(r)).unwrap_or(part);
    let part = part.trim_start_matches(['>', ':', ',', ';', ')', ' ', '\t']);
    let mut words: Vec<&str> = Vec::new();
    let mut blanks = 0;
    for line in part.lines().take(30) {
        let line = line.trim();
        if line.is_empty() {
            blanks += usize::from(!words.is_empty());
            let has_code =
                words.iter().any(|w| reason::status(w).is_some() || reason::smtp_code(w).is_some());
            if blanks > 2 || (has_code && words.len() > 1) {
                break;
            }
            continue;
        }
        if recipient.is_some() && !words.is_empty() && line.starts_with('<') && line.contains('@') {
            break;
        }
        words.push(line);
    }
    words.join(" ").chars().filter(|c| !c.is_control()).take(DIAGNOSTIC_CHARS_MAX).collect()
}
