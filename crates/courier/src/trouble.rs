//! What went wrong with a mailbox: why, in whose words, what to do, and whether it passes by itself.
//! The words come from `mail::explain`; here they are only put together.
use crate::Courier;
use desk::mailboxes::mailbox::Round;
use desk::site::vault::DoesNotOpen;
use mail::explain::{self, Class, Service};
use mail::provider::Family;

/// Least time between two tries of anything that failed.
pub(crate) const RETRY_MS_MIN: i64 = 60_000;
/// Longest time between two tries of what passes by itself.
pub(crate) const RETRY_MS_MAX: i64 = 15 * 60_000;
/// What waits for a person is tried too: somebody may have mended it at the provider.
const PERSON_MS_MIN: i64 = 5 * 60_000;
const PERSON_MS_MAX: i64 = 60 * 60_000;

/// A time that the other side names is obeyed up to this: a slip of its clock or its unit must not end a mailbox.
const RETRY_AFTER_MS_MAX: i64 = 24 * 60 * 60_000;

/// The remedy for what passes.
pub(crate) const TRIES_AGAIN: &str = "Nothing to do: Postern tries again by itself.";
/// Where the reason itself names what to check: a slip of the settings looks like a server that is away.
const UNLESS_IT_NEVER_WORKED: &str =
    "Postern tries again by itself. Where it has never worked, correct the settings.";

const ANOTHER_PROTOCOL: &str = "Compare host, port and security with what the provider says of this protocol, and correct them: \
    something else answers there. Postern tries again by itself.";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub code: String,
    /// What happened, a sentence.
    pub reason: String,
    /// The other side's own words, with who said them; empty when it said nothing.
    pub detail: String,
    /// What to do next, a sentence.
    pub remedy: String,
    pub class: Class,
    /// The other side named a time before which it is not to be asked again.
    pub retry_after_ms: Option<i64>,
}

/// What was being talked to, for the words of the explanation.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// A preset's key, or `other`.
    pub provider: &'static str,
    pub service: Service,
    /// A token opens it, not a password.
    pub by_token: bool,
    /// The application opens it as itself: no person signs in.
    pub is_alone: bool,
}

impl Trouble {
    pub(crate) fn new(
        class: Class,
        code: &str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Trouble {
        Trouble {
            code: code.to_owned(),
            reason: reason.into(),
            detail: String::new(),
            remedy: remedy.into(),
            class,
            retry_after_ms: None,
        }
    }

    /// What is kept does not open.
    pub(crate) fn of_sealed(why: &str) -> Trouble {
        Trouble::new(
            Class::Configuration,
            "sealed",
            sentence(why),
            "Add the key that sealed it to the key file again (`postern key show` says which), or enter the secret \
             or authorize anew on the mailbox's page.",
        )
    }

    pub(crate) fn of(error: &wire::Error, place: &Place) -> Trouble {
        if error.is_unkept() {
            return Trouble::of_store(error.advice().unwrap_or_default());
        }
        let mut trouble = if let Some(answer) = error.oauth() {
            Trouble::of_oauth(answer, place.provider, None)
        } else if let Some(text) = error.server_text() {
            Trouble::of_answer(error, text, place)
        } else {
            Trouble::of_silence(error)
        };
        match error.kind() {
            wire::Kind::Transient { retry_after_ms } => {
                // Words that nothing is known of are taken for a matter of settings, and here they are none.
                if trouble.class != Class::Retry {
                    trouble.remedy =
                        "Postern tries again by itself; look at the server's state if it lasts.".into();
                }
                trouble.class = Class::Retry;
                trouble.retry_after_ms = retry_after_ms.map(|ms| ms.clamp(0, RETRY_AFTER_MS_MAX));
            }
            wire::Kind::Unauthorized if trouble.class == Class::Retry => {
                trouble.class = if place.by_token { Class::AuthorizeAgain } else { Class::Configuration };
            }
            wire::Kind::Unauthorized | wire::Kind::Rejected | wire::Kind::Broken => {}
        }
        trouble
    }

    /// An error of the authorization or token endpoint; how long ago the person consented tells some causes apart.
    pub(crate) fn of_oauth(
        answer: &wire::oauth::OAuthError,
        provider: &str,
        authorized_days_ago: Option<u32>,
    ) -> Trouble {
        let fault = explain::Fault {
            error: answer.error.clone(),
            error_description: answer.description.clone(),
            codes: answer.codes.iter().filter_map(|code| u32::try_from(*code).ok()).collect(),
            suberror: answer.suberror.clone(),
            authorized_days_ago,
        };
        let explanation = explain::oauth(provider, &fault);
        let code = match answer.codes.first() {
            Some(number) if Family::of(provider) == Family::Microsoft => format!("AADSTS{number}"),
            _ => answer.error.clone(),
        };
        let said = answer.first_line().unwrap_or(&answer.error);
        // Where nothing is known of a number, the provider's words are in the reason already.
        let said = if explanation.cause.contains(said) { "" } else { said };
        let found_by = answer.correlation_id.as_ref().map(|id| {
            let at = answer.timestamp.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
            format!("(correlation id {id}{at})")
        });
        let detail = [said, found_by.as_deref().unwrap_or_default()].join(" ").trim().to_owned();
        let mut remedy = explanation.remedy;
        if let Some(lookup) = explanation.lookup {
            remedy.push_str(&format!(" More: {lookup}"));
        }
        Trouble {
            code,
            reason: explanation.cause,
            detail,
            remedy,
            class: explanation.class,
            retry_after_ms: None,
        }
    }

    fn of_answer(error: &wire::Error, text: &str, place: &Place) -> Trouble {
        let explanation = match error.kind() {
            wire::Kind::Unauthorized if !place.by_token => {
                explain::password(place.provider, place.service, text)
            }
            _ if place.is_alone => explain::server_alone(place.provider, place.service, text),
            wire::Kind::Unauthorized => explain::token(place.provider, place.service, text),
            wire::Kind::Transient { .. } | wire::Kind::Rejected | wire::Kind::Broken => {
                explain::server(place.provider, place.service, text)
            }
        };
        let code =
            error.smtp_code().map_or_else(|| kind_word(error.kind()).to_owned(), |code| code.to_string());
        // A text that nothing is known of is the cause itself.
        let known = !explanation.cause.contains(text);
        let detail = format!("{} answered “{text}” to the try to {}", error.host(), error.tried());
        Trouble {
            code,
            reason: if known { explanation.cause } else { sentence(&error.to_string()) },
            detail: if known { detail } else { String::new() },
            remedy: explanation.remedy,
            class: explanation.class,
            retry_after_ms: None,
        }
    }

    /// The other side said nothing that could be explained: our own error is the sentence.
    fn of_silence(error: &wire::Error) -> Trouble {
        let (class, remedy) = match error.kind() {
            wire::Kind::Transient { .. } if error.advice().is_some() => {
                (Class::Retry, UNLESS_IT_NEVER_WORKED)
            }
            wire::Kind::Broken if error.tried() == wire::GREETING => (Class::Retry, ANOTHER_PROTOCOL),
            wire::Kind::Transient { .. } | wire::Kind::Broken => (Class::Retry, TRIES_AGAIN),
            wire::Kind::Unauthorized => (Class::AuthorizeAgain, "Authorize the mailbox again."),
            wire::Kind::Rejected => {
                (Class::Configuration, "Check the server's name, port, security and certificate.")
            }
        };
        Trouble::new(class, kind_word(error.kind()), sentence(&error.to_string()), remedy)
    }

    fn of_store(why: &str) -> Trouble {
        Trouble::new(
            Class::Retry,
            STORE_CODE,
            sentence(&format!("Postern could not use its own database or store: {why}")),
            "Look at the disk and the database of this machine. Postern tries again by itself.",
        )
    }

    pub(crate) fn needs_person(&self) -> bool {
        match self.class {
            Class::Retry => false,
            Class::Configuration | Class::Policy | Class::AuthorizeAgain | Class::Defect => true,
        }
    }

    /// Cause and the other side's words in one text, for a row that has one column for both.
    pub(crate) fn whole_reason(&self) -> String {
        if self.detail.is_empty() {
            self.reason.clone()
        } else {
            format!("{} {}", self.reason, sentence(&self.detail))
        }
    }

    /// For a person who has asked for something that it stands in the way of: `what` came of that.
    pub(crate) fn refusal(&self, what: &str) -> desk::Error {
        desk::Refusal::Other(format!("{what} {} {}", self.whole_reason(), self.remedy)).into()
    }

    /// When it is tried again after so many failures in a row: doubling, with jitter, never before the
    /// time that the other side named.
    pub(crate) fn next_at(&self, courier: &Courier, failures: i64) -> i64 {
        let (least, most) =
            if self.needs_person() { (PERSON_MS_MIN, PERSON_MS_MAX) } else { (RETRY_MS_MIN, RETRY_MS_MAX) };
        let wait = back_off(courier, failures, least, most);
        courier.now().saturating_add(wait.max(self.retry_after_ms.unwrap_or(0)))
    }

    pub(crate) fn round(&self, next_at: i64) -> Round {
        let (code, reason, remedy) = (self.code.clone(), self.whole_reason(), self.remedy.clone());
        if self.needs_person() {
            Round::NeedsPerson { code, reason, remedy, next_at }
        } else {
            Round::Retry { code, reason, remedy, next_at }
        }
    }
}

/// The database or the store of Postern itself.
pub(crate) const STORE_CODE: &str = "store";

impl From<desk::Error> for Trouble {
    fn from(error: desk::Error) -> Trouble {
        match error {
            desk::Error::Refused(refusal) => Trouble::new(
                Class::Configuration,
                "refused",
                refusal.to_string(),
                "Correct it on the mailbox's page.",
            ),
            desk::Error::Failed(error) if error.is::<DoesNotOpen>() => {
                Trouble::of_sealed(&format!("{error:#}"))
            }
            desk::Error::Failed(_) | desk::Error::Db(_) => Trouble::of_store(&error.to_string()),
        }
    }
}

/// `least` doubled with each failure up to `most`, and up to a quarter more, so that many do not come back at once.
pub(crate) fn back_off(courier: &Courier, failures: i64, least: i64, most: i64) -> i64 {
    let doublings = u32::try_from(failures.clamp(0, 20)).unwrap_or(0);
    let wait = least.saturating_mul(1 << doublings).min(most);
    let jitter = courier.inside.parts.random.below(u64::try_from(wait / 4).unwrap_or(0));
    wait.saturating_add(i64::try_from(jitter).unwrap_or(0))
}

fn kind_word(kind: wire::Kind) -> &'static str {
    match kind {
        wire::Kind::Unauthorized => "unauthorized",
        wire::Kind::Transient { .. } => "transient",
        wire::Kind::Rejected => "rejected",
        wire::Kind::Broken => "broken",
    }
}

/// Begins with a capital letter and ends with a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let mut sentence: String = chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
    // A parenthesis at the end belongs to the sentence, unless it holds one of its own.
    let without = sentence.strip_suffix(')').unwrap_or(&sentence);
    if !without.ends_with(['.', '!', '?', '…']) && !sentence.is_empty() {
        sentence.push('.');
    }
    sentence
}

/// RFC 3463: `5.7.x` is a policy, `5.1.7` and `5.1.8` a bad sender; 553 without one says the same of a name.
pub(crate) fn is_about_the_sender(refused: &wire::Error) -> bool {
    let text = refused.server_text().unwrap_or_default();
    let holds = |code: &str| text.split(' ').any(|word| word.starts_with(code));
    refused.smtp_code().is_some_and(|code| code >= 500)
        && (holds("5.7.") || holds("5.1.7") || holds("5.1.8") || refused.smtp_code() == Some(553))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_back_at_is_obeyed_up_to_a_day() {
        let place = Place { provider: "other", service: Service::Imap, by_token: true, is_alone: false };
        for (said, obeyed) in [(7_000, 7_000), (i64::from(u32::MAX) * 1000, RETRY_AFTER_MS_MAX), (-5, 0)] {
            let kind = wire::Kind::Transient { retry_after_ms: Some(said) };
            let error = wire::Error::new(kind, "refresh the token", "id.example.org");
            assert_eq!(Trouble::of(&error, &place).retry_after_ms, Some(obeyed), "{said}");
        }
    }

    #[test]
    fn what_speaks_another_protocol_is_a_matter_of_the_port() {
        let error = wire::Error::broken(wire::GREETING, "mail.example.org")
            .remedy("it does not speak POP3: check the port");
        let trouble = Trouble::of_silence(&error);
        assert!(trouble.reason.contains("it does not speak POP3") && trouble.remedy.contains("correct them"));
        let later = Trouble::of_silence(&wire::Error::broken("list what is new", "mail.example.org"));
        assert_eq!(later.remedy, TRIES_AGAIN);
    }

    #[test]
    fn a_secret_that_does_not_open_is_a_matter_of_the_key_and_not_of_the_disk() {
        use desk::site::vault::Vault;
        let sealed = Vault::from_key([1; 32]).seal("mailbox:1:in_password", &"x".into(), [9; 24]);
        let error = Vault::from_key([2; 32]).unseal("mailbox:1:in_password", &sealed).unwrap_err();
        let trouble = Trouble::from(error);
        assert_eq!((trouble.class, trouble.code.as_str()), (Class::Configuration, "sealed"));
        let said = format!("{} {}", trouble.reason, trouble.remedy);
        assert!(
            said.contains("in_password does not open: it was sealed with another key")
                && said.contains("postern key show"),
            "{said}"
        );
    }

    #[test]
    fn a_sentence_ends_with_one_full_stop_behind_a_parenthesis_too() {
        for (text, whole) in [
            ("it was refused", "It was refused."),
            ("it was refused (correlation id 7)", "It was refused (correlation id 7)."),
            ("it was refused. (Ask Kim.)", "It was refused. (Ask Kim.)"),
            ("really?", "Really?"),
            ("and so on…", "And so on…"),
            ("", ""),
        ] {
            assert_eq!(sentence(text), whole);
        }
    }

    #[test]
    fn the_providers_words_are_told_once_with_what_finds_the_event() {
        let check = |number: u32, word: &str| {
            let description = format!(
                "AADSTS{number}: Words of Microsoft. Trace ID: 5d1e2f3a-0000-4000-8000-000000000000 \
                 Correlation ID: 3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c Timestamp: 2026-11-24 09:30:00Z"
            );
            let answer = wire::oauth::OAuthError::from_callback("invalid_grant", Some(&description));
            let trouble = Trouble::of_oauth(&answer, "microsoft", None);
            let whole = trouble.whole_reason();
            assert!(trouble.reason.contains(word), "{whole}");
            assert_eq!(whole.matches("Words of Microsoft").count(), 1, "{whole}");
            let found_by = "correlation id 3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c, 2026-11-24 09:30:00Z";
            assert!(whole.contains(found_by), "{whole}");
            assert!(trouble.remedy.contains(&format!("error?code={number}")), "{}", trouble.remedy);
            assert_eq!(trouble.code, format!("AADSTS{number}"));
        };
        check(50_173, "was revoked");
        check(7_654_321, "has no words for");
    }

    #[test]
    fn a_recipient_that_is_unknown_is_no_matter_of_the_sender() {
        for (answer, code, about) in [
            ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", 550, true),
            ("553 5.7.1 <a@b.example>: Sender address rejected: not owned by user ann", 553, true),
            ("550 5.1.1 no such person here", 550, false),
            ("450 4.2.1 the mailbox rests", 450, false),
            ("550 5.1.8 sender unknown", 550, true),
        ] {
            let refused = wire::Error::rejected("submit", "h").said(answer).coded(code);
            assert_eq!(is_about_the_sender(&refused), about, "{answer}");
        }
    }
}
