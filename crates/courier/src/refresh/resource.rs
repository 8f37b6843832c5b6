//! A grant may serve two services of a provider, each with access tokens of its own: reading by one, sending by another. What
//! the provider refuses for the one that the grant is not kept alive for is that side's trouble, and the other one goes on.
use super::{Known, LEASE_MS, NotGiven, Want, ask, keep, new_tokens, note_setback};
use crate::Courier;
use crate::board::Tries;
use crate::registration::{resource_of, service_words};
use crate::trouble::{RETRY_MS_MIN, Trouble};
use desk::mailboxes::grant::{self, RefreshLease};
use std::time::Duration;
use wire::oauth::OAuthError;

/// Time that is left to store what came.
const TO_STORE_MS: i64 = 15_000;

/// Whose matter a refusal is, by its `error` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concerns {
    /// The registration, the grant, or the provider as a whole.
    Grant,
    /// What was asked for (RFC 6749 5.2, RFC 8707 2, OpenID Connect Core 3.1.2.6).
    Resource,
    /// It may be either.
    Unsaid,
}

impl Concerns {
    pub(super) fn of(answer: &OAuthError) -> Concerns {
        const CONSENT: &str = "consent_required";
        // Microsoft says the kind of an `invalid_grant` beside it.
        if answer.suberror.as_deref() == Some(CONSENT) {
            return Concerns::Resource;
        }
        match answer.error.as_str() {
            "invalid_scope" | "invalid_resource" | "invalid_target" | CONSENT => Concerns::Resource,
            "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_request" => {
                Concerns::Grant
            }
            _ => Concerns::Unsaid,
        }
    }
}

/// It was refused for this resource within the minute, and nobody has changed the registration since.
pub(super) fn refused_lately(known: &Known, tries: &Tries, want: Want, now: i64) -> Option<Trouble> {
    let (at, trouble) = tries.refused(&resource_of(&known.scope))?;
    let is_recent = at <= now && now < at.saturating_add(RETRY_MS_MIN);
    let due_at = known.grant.refresh_due_at;
    let is_due = due_at.is_some_and(|due_at| due_at <= now) && due_at > Some(at);
    let insists = match want {
        Want::Use | Want::Ahead | Want::New => false,
        Want::Proved | Want::Since(_) => true,
    };
    (is_recent && !is_due && !insists).then_some(trouble)
}

/// The provider gives no token for this resource. Where its answer does not say that it is about nothing else, what the grant is
/// kept alive for is asked for: that alone tells whether the grant has ended.
pub(super) async fn refused(
    courier: &Courier,
    tries: &Tries,
    known: &Known,
    lease: RefreshLease,
    trouble: Trouble,
    concerns: Concerns,
    asked_at: i64,
) -> Result<Trouble, Trouble> {
    if concerns == Concerns::Unsaid {
        let again_at = courier.now();
        let left_ms = LEASE_MS.saturating_sub(TO_STORE_MS).saturating_sub(again_at.saturating_sub(asked_at));
        let limit = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        match ask(courier, known, &lease, &known.own_scope, limit).await {
            Ok(set) => {
                tries.note(|seen| seen.failures = 0);
                keep(courier, lease, new_tokens(set, &known.own_scope, again_at)).await?;
            }
            Err(NotGiven { trouble, .. }) => {
                let failures = tries.seen().failures;
                tries.note(|seen| seen.failures += 1);
                return note_setback(courier, lease, &known.grant, trouble, failures).await;
            }
        }
    } else {
        courier.write(move |tx| grant::let_go(tx, &lease)).await?;
    }
    let reason = format!(
        "The provider gives no access token for {}, though the authorization stands. {}",
        service_words(known.protocol),
        trouble.reason
    );
    let told = Trouble { reason, ..trouble };
    tracing::warn!(
        grant = known.grant.id,
        code = told.code,
        "no access token for another service: {}",
        told.reason
    );
    tries.note_refused(resource_of(&known.scope), courier.now(), told.clone());
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_says_whose_matter_a_refusal_is() {
        for (error, suberror, expected) in [
            ("invalid_scope", None, Concerns::Resource),
            ("invalid_resource", None, Concerns::Resource),
            ("consent_required", None, Concerns::Resource),
            ("invalid_grant", Some("consent_required"), Concerns::Resource),
            ("invalid_grant", None, Concerns::Unsaid),
            ("invalid_grant", Some("basic_action"), Concerns::Unsaid),
            ("interaction_required", None, Concerns::Unsaid),
            ("never_heard", None, Concerns::Unsaid),
            ("invalid_client", None, Concerns::Grant),
            ("unauthorized_client", None, Concerns::Grant),
        ] {
            let mut answer = OAuthError::from_callback(error, None);
            answer.suberror = suberror.map(str::to_owned);
            assert_eq!(Concerns::of(&answer), expected, "{error} {suberror:?}");
        }
    }
}
