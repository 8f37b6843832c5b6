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
        let who = who(event);
        let sentence = match event.kind.as_str() {
            "health" => health(event),
            // Nobody was refused anything: a sign-in that had not come back has ended.
            "authorization_failed" if has_code(event, "settings_changed") => {
                format!("{who} changed the settings, which ended a sign-in that had not come back")
            }
            "authorization_failed" if has_code(event, "superseded") => {
                format!("{who} began anew, which ended a sign-in that had not come back")
            }
            kind => format!("{who} {}", words(kind)),
        };
        Happening { at: event.at, sentence }
    }
    /// The same of the registration that it signs in by; not how that began.
    pub fn of_client(event: &Event) -> Option<Happening> {
        let has = |field: &str| event.data.get(field).is_some();
        let words = match event.kind.as_str() {
            "created" => return None,
            "changed" if has("client_secret") => "entered a new client secret",
            "changed" if has("account_key") => "entered a new key file",
            "changed" if has("provider") => "chose another provider",
            "changed" => "changed the registration",
            "origin_changed" => "named other endpoints",
            "certificate_made" => "made a certificate",
            "certificate_used" => "put a certificate in use",
            "certificate_retired" => "retired a certificate",
            kind => &words(kind),
        };
        Some(Happening { at: event.at, sentence: format!("{} {words}", who(event)) })
    }
}

fn who(event: &Event) -> &str {
    match &event.actor {
        Actor::Agent { name, .. } | Actor::Requester { name, .. } | Actor::Rule { name } => name,
        Actor::System => "Postern",
    }
}

fn has_code(event: &Event, code: &str) -> bool {
    event.data.get("code").and_then(|value| value.as_str()) == Some(code)
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
        "authorization_waits" => "was given nothing yet, and tries again",
        "authorization_failed" => "could not authorize it",
        "authorized" => "authorized it",
        "replaced" => "replaced the authorization before",
        "refresh_refused" => "was refused a new token",
        "lapsed" => "found that the consent has lapsed",
        "revoked" => "ended its authorization",
        "recovered" => "was given a new token again",
        "taken_back" => "told the provider that the token is deleted",
        "not_taken_back" => "could not tell the provider that the token is deleted, and tells it again",
        "not_taken_back_at_all" => {
            "could not tell the provider that the token is deleted, and tells it no more"
        }
        "admin_consent_asked" => "made a link for the administrator of the tenant",
        "admin_consent_said" => "was told that the administrator of the tenant consented",
        "admin_consent_refused" => "was told that the administrator of the tenant did not consent",
        "disputed" => "signed in at the provider as another address",
        "proved" => "proved that it works",
        "not_proved" => "authorized it, but it did not work",
        "paused" => "paused fetching",
        "resumed" => "resumed fetching",
        // Whom it was told to, and whether, stands under Alerts.
        "alerted" => "raised an alert",
        "well_again" => "saw that it is well again",
        "left_asked" => "asked again for a message that was left on the server",
        "unaccounted_asked" => "asked for what is unaccounted",
        "unaccounted_cancelled" => "cancelled the fetching of what is unaccounted",
        "unaccounted_fetched" => "fetched what was unaccounted",
        "notifications_begun" => "asked Microsoft to tell of new mail",
        "notifications_refused" => "could not have Microsoft tell of new mail, and asks again",
        "notifications_ended" => "asked Microsoft to tell of new mail no more",
        "notifications_not_ended" => {
            "could not ask Microsoft to tell of new mail no more: it ends by itself, and is ignored until then"
        }
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
    use std::path::Path;

    /// A word in quotes that stands where a kind stands: after the subject's mailbox, in the calls that note one, or
    /// chosen just before.
    fn kinds(source: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut take = |text: &str| {
            let mut quoted = text.split('"').skip(1).step_by(2);
            let is_kind =
                |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            found.extend(quoted.find(is_kind).map(str::to_owned));
        };
        // Of a call, what stands before its data.
        let call = |rest: &str| {
            let head = rest.split(';').next().unwrap_or_default();
            let head = head.split("\n}").next().unwrap_or_default();
            head.split("json!").next().unwrap_or_default().to_owned()
        };
        source.split("Subject::Mailbox(").skip(1).for_each(|rest| take(&call(rest)));
        source
            .split(" note(")
            .skip(1)
            .filter(|rest| rest.contains("grant"))
            .for_each(|rest| take(&call(rest)));
        for rest in source.split("let kind =").skip(1) {
            let chosen = rest.split_inclusive(';').next().unwrap_or_default();
            chosen.split_inclusive('"').collect::<Vec<_>>().chunks(2).for_each(|two| take(&two.concat()));
        }
        source.split("revoke(tx").skip(1).for_each(|rest| take(&call(rest)));
        found
    }

    fn all_kinds(folder: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all_kinds(&path, into);
            } else {
                into.extend(kinds(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }

    /// The kinds that `desk` appends to a mailbox, read from its sources. A new one that has no words here reads like a
    /// column of a table.
    #[test]
    fn every_kind_has_words_that_follow_a_name() {
        let mut kinds = Vec::new();
        let desk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../desk/src/mailboxes");
        all_kinds(&desk, &mut kinds);
        for known in
            ["created", "replaced", "refresh_refused", "lapsed", "proved", "disputed", "key_forgotten"]
        {
            assert!(kinds.iter().any(|kind| kind == known), "{known} is not found any more: {kinds:?}");
        }
        // These are of a registration and not of a mailbox, or have a sentence of their own.
        let others = ["health", "certificate_made", "certificate_used", "certificate_retired"];
        let mut wordless: Vec<_> =
            kinds.into_iter().filter(|kind| !others.contains(&kind.as_str())).collect();
        wordless.retain(|kind| super::words(kind) == kind.replace('_', " "));
        assert!(wordless.is_empty(), "{wordless:?}");
    }
}
