//! What a server's answer means for the row: sent, tried again and when, or failed for good.
use crate::Courier;
use crate::trouble::{RETRY_MS_MIN, TRIES_AGAIN, Trouble, back_off};
use desk::outgoing::outbox::{Attempt, Fate};
use mail::explain::{self, Class, Concerns};
use wire::smtp::{self, Sent};

/// Doubling up to this; the row's three days end it.
const RETRY_MS_MAX: i64 = 4 * 60 * 60_000;
/// When the link broke after the final dot the server may still be delivering: it gets time.
const UNSURE_MS_MIN: i64 = 10 * 60_000;

/// Every recipient had an answer.
pub(super) fn answered(courier: &Courier, sent: Sent, provider: &str, attempts: i64) -> Attempt {
    let mut deferred: Vec<String> = Vec::new();
    let fates = sent.fates.into_iter().map(|(recipient, fate)| {
        let fate = fate_of(fate, provider);
        if let Fate::Deferred { answer } = &fate {
            deferred.push(answer.clone());
        }
        (recipient, fate)
    });
    let fates = fates.collect();
    deferred.dedup();
    Attempt {
        fates,
        next_at: (!deferred.is_empty()).then(|| next_at(courier, attempts, RETRY_MS_MIN)),
        // What the server said to all alike concerns the whole.
        error: deferred.pop().filter(|_| deferred.is_empty()),
        unsure: false,
    }
}

/// A limit of the mailbox passes by itself, whatever number the server gives it (`550 5.1.90` lasts a day).
fn fate_of(fate: smtp::Fate, provider: &str) -> Fate {
    match fate {
        smtp::Fate::Accepted { answer } => Fate::Sent { answer },
        smtp::Fate::Refused { code, answer } => {
            let said = coded(code, &answer);
            match explain::delivery(provider, &said) {
                None => Fate::Refused { answer: said },
                Some((known, Concerns::Mailbox)) if known.class == Class::Retry => {
                    Fate::Deferred { answer: worded(&known.cause, &known.remedy, &said) }
                }
                Some((known, _)) => Fate::Refused { answer: worded(&known.cause, &known.remedy, &said) },
            }
        }
        smtp::Fate::Deferred { code, answer } => {
            let said = coded(code, &answer);
            let known = explain::delivery(provider, &said);
            Fate::Deferred {
                answer: known
                    .map_or_else(|| said.clone(), |(known, _)| worded(&known.cause, TRIES_AGAIN, &said)),
            }
        }
    }
}

/// Cause and remedy in words, and the server's own beside them.
fn worded(cause: &str, remedy: &str, said: &str) -> String {
    format!("{cause} {remedy} The server said: “{said}”")
}

/// The server refused it for everybody, and the reason lies with the mailbox: Exchange says only after the letter
/// that its sender may not send (`550 5.7.60`). The letter waits until that is mended.
pub(super) fn refused_to_the_mailbox(sent: &Sent, provider: &str) -> Option<Trouble> {
    let mut first = None;
    for (_, fate) in &sent.fates {
        let smtp::Fate::Refused { code, answer } = fate else { return None };
        let said = coded(*code, answer);
        match explain::delivery(provider, &said) {
            Some((known, Concerns::Mailbox)) if known.class != Class::Retry => {
                first.get_or_insert_with(|| Trouble {
                    code: code.to_string(),
                    reason: known.cause,
                    detail: format!("The server said: “{said}”"),
                    remedy: known.remedy,
                    class: known.class,
                    retry_after_ms: None,
                });
            }
            Some(_) | None => return None,
        }
    }
    first
}

/// The server took nothing, or we do not know.
pub(super) fn failed(courier: &Courier, error: &wire::Error, trouble: &Trouble, attempts: i64) -> Attempt {
    if error.may_have_been_sent() {
        return unsure(courier, attempts, &error.to_string());
    }
    put_off_by_a_try(courier, trouble, attempts)
}

/// The server did not take it now.
pub(super) fn put_off_by_a_try(courier: &Courier, trouble: &Trouble, attempts: i64) -> Attempt {
    put_off(trouble, next_at(courier, attempts, RETRY_MS_MIN).max(trouble.next_at(courier, 0)))
}

/// It may have been sent; the same bytes go again, and the row says so.
pub(super) fn unsure(courier: &Courier, attempts: i64, why: &str) -> Attempt {
    Attempt {
        fates: Vec::new(),
        error: Some(format!(
            "It may have been sent, and will be sent again with the same Message-ID: {why}."
        )),
        unsure: true,
        next_at: Some(next_at(courier, attempts, UNSURE_MS_MIN)),
    }
}

/// Nothing was tried, or nothing was taken; the row waits.
pub(super) fn put_off(trouble: &Trouble, next_at: i64) -> Attempt {
    let error = match trouble.remedy.is_empty() {
        true => trouble.whole_reason(),
        false => format!("{} {}", trouble.whole_reason(), trouble.remedy),
    };
    Attempt { fates: Vec::new(), error: Some(error), unsure: false, next_at: Some(next_at) }
}

/// Not tried: it goes back as it was.
pub(super) fn given_back(now: i64) -> Attempt {
    Attempt { fates: Vec::new(), error: None, unsure: false, next_at: Some(now) }
}

/// No later try can help.
pub(super) fn hopeless(why: String) -> Attempt {
    Attempt { fates: Vec::new(), error: Some(why), unsure: false, next_at: None }
}

/// Whether the trouble is this message's own, so that the next one may be sent.
pub(super) fn is_the_messages(error: &wire::Error, trouble: &Trouble) -> bool {
    match error.kind() {
        wire::Kind::Rejected => trouble.class != Class::AuthorizeAgain,
        wire::Kind::Transient { .. } | wire::Kind::Unauthorized | wire::Kind::Broken => false,
    }
}

fn next_at(courier: &Courier, attempts: i64, least: i64) -> i64 {
    courier.now().saturating_add(back_off(courier, attempts.saturating_sub(1), least, RETRY_MS_MAX))
}

fn coded(code: u16, answer: &str) -> String {
    let code = code.to_string();
    if answer.starts_with(&code) { answer.to_owned() } else { format!("{code} {answer}") }
}
