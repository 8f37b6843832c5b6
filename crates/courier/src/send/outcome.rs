//! What a server's answer means for the row: sent, tried again and when, or failed for good.
use crate::Courier;
use crate::trouble::{RETRY_MS_MIN, Trouble, back_off};
use desk::outgoing::outbox::{Attempt, Fate};
use mail::explain::Class;
use wire::smtp::{self, Sent};

/// Doubling up to this; the row's three days end it.
const RETRY_MS_MAX: i64 = 4 * 60 * 60_000;
/// When the link broke after the final dot the server may still be delivering: it gets time.
const UNSURE_MS_MIN: i64 = 10 * 60_000;

/// Every recipient had an answer.
pub(super) fn answered(courier: &Courier, sent: Sent, attempts: i64) -> Attempt {
    let mut deferred: Vec<String> = Vec::new();
    let fates = sent.fates.into_iter().map(|(recipient, fate)| {
        let fate = match fate {
            smtp::Fate::Accepted { answer } => Fate::Sent { answer },
            smtp::Fate::Refused { code, answer } => Fate::Refused { answer: coded(code, &answer) },
            smtp::Fate::Deferred { code, answer } => {
                let answer = coded(code, &answer);
                deferred.push(answer.clone());
                Fate::Deferred { answer }
            }
        };
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

/// The server took nothing, or we do not know.
pub(super) fn failed(courier: &Courier, error: &wire::Error, trouble: &Trouble, attempts: i64) -> Attempt {
    if error.may_have_been_sent() {
        return unsure(courier, attempts, &error.to_string());
    }
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
