//! What happened to a mailbox, in words that follow a name: the events of its history.
use desk::Actor;
use desk::site::event::Event;

/// One line of *What happened*.
pub struct Happening {
    pub at: i64,
    pub sentence: String,
}
impl Happening {
    pub fn of(event: &Event) -> Happening {
        let who = match &event.actor {
            Actor::Agent { name, .. } | Actor::Requester { name, .. } | Actor::Rule { name } => name.as_str(),
            Actor::System => "Postern",
        };
        let sentence = match event.kind.as_str() {
            "health" => health(event),
            kind => format!("{who} {}", words(kind)),
        };
        Happening { at: event.at, sentence }
    }
}

fn words(kind: &str) -> String {
    let words = match kind {
        "created" => "added this email",
        "added_again" => "added this email again",
        "changed" => "changed its settings",
        "host_changed" => "named another server",
        "removed" => "removed this email",
        "client_set" => "was given the Callback Endpoint",
        "authorization_begun" => "began to authorize it",
        "authorization_failed" => "could not authorize it",
        "authorized" => "authorized it",
        "taken_back" => "told the provider that the token is deleted",
        "not_taken_back" => "could not tell the provider that the token is deleted",
        "admin_consent_asked" => "made a link for the administrator of the tenant",
        "admin_consent_said" => "was told that the administrator of the tenant consented",
        "admin_consent_refused" => "was told that the administrator of the tenant did not consent",
        "disputed" => "signed in at the provider as another address",
        "proved" => "proved that it works",
        "not_proved" => "authorized it, but it did not work",
        "paused" => "paused fetching",
        "resumed" => "resumed fetching",
        "alerted" => "told the administrators",
        "well_again" => "told the administrators that it is well again",
        "silence_watched" => "switched the alert about a silence on",
        "silence_not_watched" => "switched the alert about a silence off",
        "token_deleted" => "deleted the token",
        "key_forgotten" => "dropped its authorization, whose key is lost",
        // A kind that is not known here is said as it is called.
        other => return other.replace(['_', '-'], " "),
    };
    words.to_owned()
}

/// A side became well, or stopped being so.
fn health(event: &Event) -> String {
    let text =
        |name: &str| event.data.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let side = if text("side") == "outgoing" { "Sending" } else { "Fetching" };
    match text("to").as_str() {
        "ok" => format!("{side} works"),
        "waiting" => format!("{side} is tried again by itself. {}", text("reason")),
        "needs_person" => format!("{side} stopped. {}", text("reason")),
        other => format!("{side}: {}", other.replace('_', " ")),
    }
}

#[cfg(test)]
mod tests {
    /// The kinds that `desk` appends to a mailbox. A new one that has no words here reads like a column of a table.
    #[test]
    fn every_kind_has_words_that_follow_a_name() {
        for kind in [
            "created",
            "added_again",
            "changed",
            "host_changed",
            "removed",
            "client_set",
            "admin_consent_asked",
            "admin_consent_said",
            "admin_consent_refused",
        ] {
            assert_ne!(super::words(kind), kind.replace('_', " "), "{kind}");
        }
    }
}
