//! What a provider's or server's error means and what to do about it, as data.
//!
//! The OAuth `error` decides whether to try again or to stop; numbers only choose the words and refine who
//! has to act, since Microsoft changes them.  Adding an explanation is adding a row.

mod delivery;
mod entra;
mod fault;
mod google;
mod manual;
mod oauth;
mod part;
mod place;
mod symptom;

pub use delivery::Concerns;
pub use fault::Fault;
pub use manual::{Entry, Source, entries, manual};
pub use part::{Part, part};

use crate::provider::Family;
use place::Place;

/// The remedy for what passes.
const TRIES_AGAIN: &str = "Nothing to do: Postern tries again by itself.";

/// What has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It passes by itself.
    Retry,
    /// The registration, the tenant or the mailbox's settings must be changed.
    Configuration,
    /// The organization forbids it: its administrators must change a rule or an account.
    Policy,
    /// A person must sign in and consent again.
    AuthorizeAgain,
    /// Postern itself did something wrong.
    Defect,
}

/// In words for an administrator.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// What happened, one sentence.
    pub cause: String,
    /// What to do next, one sentence, and where: the pages to click through.
    pub remedy: String,
    pub class: Class,
    /// Where the provider explains this number.
    pub lookup: Option<String>,
    /// With the time, what finds the event in the provider's sign-in log.
    pub correlation_id: Option<String>,
    /// By the provider's clock, as it wrote it.
    pub time: Option<String>,
}

/// What a mail server was doing when it said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Imap,
    Pop,
    Smtp,
    /// Microsoft Graph, for reading and for sending.
    Graph,
}

/// One explanation of a table.
#[derive(Debug, Clone, Copy)]
struct Row {
    class: Class,
    /// Where the remedy is done.
    place: Place,
    cause: &'static str,
    remedy: &'static str,
}

impl Row {
    fn explanation(self) -> Explanation {
        Explanation {
            cause: self.cause.to_owned(),
            remedy: self.whole_remedy(),
            class: self.class,
            lookup: None,
            correlation_id: None,
            time: None,
        }
    }

    fn whole_remedy(self) -> String {
        match self.place.path() {
            Some(path) => format!("{} Where: {path}.", self.remedy),
            None => self.remedy.to_owned(),
        }
    }
}

/// An error of the authorization or token endpoint; `provider` is a preset's key or a family's word.
#[must_use]
pub fn oauth(provider: &str, fault: &Fault) -> Explanation {
    let family = Family::of(provider);
    let by_error = oauth::row_of(&fault.error);
    let numbers = if family == Family::Microsoft { fault.numbers() } else { Vec::new() };
    let finer = match family {
        Family::Microsoft => numbers.iter().find_map(|n| entra::row_of(*n)),
        Family::Google => {
            let text = [fault.error_description.as_deref(), fault.suberror.as_deref()];
            let text = text.into_iter().flatten().collect::<Vec<_>>().join(" ");
            google::row_of(&fault.error, &text, fault.authorized_days_ago)
        }
        Family::Other => None,
    };
    let explanation = match finer {
        Some(row) => Explanation { class: refined(by_error.class, row.class), ..row.explanation() },
        None => Explanation { cause: unknown(by_error, &numbers, fault), ..by_error.explanation() },
    };
    Explanation {
        lookup: numbers.first().map(|number| format!("{}{number}", entra::LOOKUP)),
        correlation_id: fault.correlation_id(),
        time: fault.time(),
        ..explanation
    }
}

/// What has to happen, by the error and by its finer reason.
fn refined(by_error: Class, finer: Class) -> Class {
    match (by_error, finer) {
        // What passes by itself is told by either.
        (Class::Retry, _) | (_, Class::Retry) => Class::Retry,
        // A request to sign in again may name a deeper reason; an error of settings stays one.
        (Class::AuthorizeAgain, finer) => finer,
        (Class::Configuration, Class::AuthorizeAgain) => Class::Configuration,
        (_, finer) => finer,
    }
}

/// The cause where only the error is known: in its words, with the number and what the provider said.
fn unknown(by_error: Row, numbers: &[u32], fault: &Fault) -> String {
    let mut cause = by_error.cause.to_owned();
    if let Some(number) = numbers.first() {
        cause.push_str(&format!(" Microsoft calls it AADSTS{number}, which Postern has no words for."));
    }
    if let Some(words) = fault.words() {
        let end = if words.ends_with(['.', '!', '?', '…']) { "" } else { "." };
        cause.push_str(&format!(" It said: {words}{end}"));
    }
    cause
}

/// What a mail server answered after or instead of a sign-in.
#[must_use]
pub fn server(provider: &str, service: Service, answer: &str) -> Explanation {
    let answer = crate::word::one_line(answer);
    if let Some(row) = symptom::row(Family::of(provider), service, &answer) {
        return row.explanation();
    }
    let said: String = answer.chars().take(300).collect();
    let row = match answer.trim_start().get(..1) {
        Some("4") => Row {
            class: Class::Retry,
            place: Place::Nowhere,
            cause: "",
            remedy: "Nothing to do now: Postern tries again by itself. If it lasts, look at the server's state.",
        },
        _ => Row {
            class: Class::Configuration,
            place: if service == Service::Smtp { Place::Outgoing } else { Place::Mailbox },
            cause: "",
            remedy: "Compare host, port, user name and the mailbox's permissions with the provider's guide, then prove again.",
        },
    };
    Explanation { cause: format!("The mail server answered: {said}"), ..row.explanation() }
}

/// The same to an application that signed in as itself: no person can mend it by signing in.
#[must_use]
pub fn server_alone(provider: &str, service: Service, answer: &str) -> Explanation {
    let known = symptom::row_alone(Family::of(provider), service, &crate::word::one_line(answer));
    known.map_or_else(|| server(provider, service, answer), Row::explanation)
}

/// A server that ends the connection when it is asked for the folders of a mailbox that it has just opened; `None` where
/// that means no more than a broken link.
#[must_use]
pub fn lost_at_list(provider: &str) -> Option<Explanation> {
    (Family::of(provider) == Family::Microsoft).then(|| symptom::LOST_AT_LIST.explanation())
}

/// What a server answered for a recipient, or a report says of one; `None` when nothing is known of the answer.
#[must_use]
pub fn delivery(provider: &str, answer: &str) -> Option<(Explanation, Concerns)> {
    let (row, concerns) = delivery::row_for(Family::of(provider), &crate::word::one_line(answer))?;
    Some((row.explanation(), concerns))
}

/// What a mail server answered when it refused a token: a person can mend that by signing in, and enters no password.
#[must_use]
pub fn token(provider: &str, service: Service, answer: &str) -> Explanation {
    let row = symptom::row(Family::of(provider), service, &crate::word::one_line(answer));
    row.filter(|row| row.remedy != symptom::ENTER_AGAIN).unwrap_or(symptom::TOKEN_REFUSED).explanation()
}

/// What a mail server answered when it refused a password.
#[must_use]
pub fn password(provider: &str, service: Service, answer: &str) -> Explanation {
    let row = symptom::row(Family::of(provider), service, &crate::word::one_line(answer));
    row.unwrap_or(symptom::PASSWORD_REFUSED).explanation()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(error: &str, code: u32) -> Fault {
        Fault {
            error: error.into(),
            error_description: Some(format!(
                "AADSTS{code}: Words.\r\nTrace ID: x\r\nCorrelation ID: 3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c\r\nTimestamp: y"
            )),
            ..Fault::default()
        }
    }

    #[test]
    fn the_error_decides_and_the_number_chooses_the_words() {
        let check = |error: &str, code: u32, class: Class, word: &str| {
            let found = oauth("microsoft", &fault(error, code));
            assert_eq!(found.class, class, "{error} {code}");
            assert!(found.cause.contains(word) || found.remedy.contains(word), "{found:?}");
        };
        check("invalid_client", 7_000_222, Class::Configuration, "expired");
        check("invalid_client", 7_000_215, Class::Configuration, "Value");
        check("invalid_grant", 50_173, Class::AuthorizeAgain, "revoked");
        check("invalid_grant", 53_003, Class::Policy, "Conditional Access");
        check("invalid_grant", 90_033, Class::Retry, "temporar");
        check("invalid_request", 50_011, Class::Configuration, "Callback");
        check("temporarily_unavailable", 50_173, Class::Retry, "revoked");
        check("invalid_grant", 999_999_999, Class::AuthorizeAgain, "Words.");
        check("never_heard", 1, Class::Configuration, "Words.");
    }

    #[test]
    fn numbers_words_and_ids_are_taken_from_the_description() {
        let fault = fault("invalid_grant", 50_173);
        assert_eq!(fault.numbers(), [50_173]);
        assert_eq!(fault.words().as_deref(), Some("AADSTS50173: Words."));
        assert_eq!(fault.correlation_id().as_deref(), Some("3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c"));
        let found = oauth("microsoft", &fault);
        assert_eq!(found.lookup.as_deref(), Some("https://login.microsoftonline.com/error?code=50173"));
    }

    #[test]
    fn symptoms_of_servers_are_explained() {
        let check = |service: Service, answer: &str, class: Class, word: &str| {
            let found = server("microsoft", service, answer);
            assert_eq!(found.class, class, "{answer}");
            assert!(found.cause.contains(word) || found.remedy.contains(word), "{found:?}");
        };
        check(
            Service::Imap,
            "A1 BAD User is authenticated but not connected.",
            Class::Configuration,
            "Full Access",
        );
        check(Service::Imap, "A1 NO AUTHENTICATE failed.", Class::Configuration, "IMAP");
        check(
            Service::Imap,
            "A1 BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds",
            Class::Retry,
            "wait",
        );
        check(
            Service::Smtp,
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            Class::Policy,
            "Authenticated SMTP",
        );
        check(Service::Smtp, "535 5.7.3 Authentication unsuccessful [x]", Class::Configuration, "SMTP.Send");
        check(
            Service::Smtp,
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            Class::Configuration,
            "Send As",
        );
        check(Service::Smtp, "432 4.3.2 Concurrent connections limit exceeded", Class::Retry, "connection");
        check(Service::Smtp, "451 4.9.9 nobody knows", Class::Retry, "nobody knows");
        check(Service::Pop, "-ERR nobody knows", Class::Configuration, "nobody knows");
    }

    #[test]
    fn what_is_said_of_a_recipient_is_explained_and_whose_matter_it_is() {
        let check = |provider: &str, answer: &str, concerns: Concerns, class: Class, word: &str| {
            let (found, whose) = delivery(provider, answer).unwrap_or_else(|| panic!("{answer}"));
            assert_eq!((whose, found.class), (concerns, class), "{answer}");
            assert!(found.cause.contains(word) || found.remedy.contains(word), "{found:?}");
        };
        use Concerns::{Mailbox, Recipient};
        check(
            "microsoft",
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            Mailbox,
            Class::Configuration,
            "Send As",
        );
        check(
            "microsoft",
            "550 5.7.708 Service unavailable. Access denied",
            Mailbox,
            Class::Policy,
            "support",
        );
        check("microsoft", "554 5.2.2 mailbox full", Mailbox, Class::Policy, "may not send");
        check("microsoft", "550 5.1.90 over the daily limit", Mailbox, Class::Retry, "daily");
        check("other", "554 5.7.1 <b@x>: Relay access denied", Mailbox, Class::Configuration, "pass on");
        check("other", "552 5.2.2 mailbox full", Recipient, Class::Policy, "another way");
        check("other", "550 5.1.1 no such user", Recipient, Class::Configuration, "right one");
        check("microsoft", "550 5.1.10 RecipientNotFound", Recipient, Class::Configuration, "right one");
        check("microsoft", "550 5.7.1 not permitted", Recipient, Class::Policy, "SPF");
        check("other", "550 5.7.1 rejected as spam", Recipient, Class::Policy, "spam");
        check("other", "451 4.7.1 greylisted, try again later", Recipient, Class::Retry, "later");
        assert_eq!(delivery("other", "550 nobody knows"), None);
        // A part of a longer number is not that number.
        assert_eq!(delivery("other", "550 1535 nobody knows"), None);
    }

    #[test]
    fn a_refused_password_is_told_from_other_refusals_in_whatever_words_the_server_has() {
        for answer in ["NO LOGIN failed.", "NO [ALERT] go away", "-ERR nobody knows", "538 5.7.11 no"] {
            for service in [Service::Imap, Service::Pop, Service::Smtp, Service::Graph] {
                let found = password("other", service, answer);
                assert!(found.cause.contains("password") && found.remedy.contains("password"), "{found:?}");
                assert!(!found.remedy.contains("prove") && found.class == Class::Configuration, "{found:?}");
            }
        }
        // A deeper reason that the server names stays.
        let found = password("other", Service::Imap, "NO Application-specific password required");
        assert!(found.remedy.contains("app password"), "{found:?}");
        let found = password("other", Service::Imap, "NO [UNAVAILABLE] later");
        assert_eq!(found.class, Class::Retry);
    }

    #[test]
    fn every_reason_for_a_recipient_is_told_in_sentences() {
        use crate::report::Reason::{
            Blocked, Expired, Host, MailboxFull, NoSuchUser, Server, Spam, Suspended, TooBig, Unknown,
        };
        for reason in [NoSuchUser, Host, MailboxFull, TooBig, Blocked, Spam, Suspended, Expired, Server] {
            let row = delivery::row_of(reason).unwrap();
            for text in [row.cause, row.remedy] {
                let begins = text.starts_with(|c: char| c.is_uppercase());
                assert!(begins && text.ends_with('.') && text.len() < 250, "{text}");
            }
        }
        assert!(delivery::row_of(Unknown).is_none());
    }
}
