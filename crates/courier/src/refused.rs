//! What a token endpoint that says no means for a grant.
use crate::Courier;
use crate::registration::family;
use crate::trouble::{Place, Trouble, sentence};
use desk::mailboxes::client::Client;
use desk::mailboxes::grant::{Grant, State};
use mail::explain::{Class, Service};
use mail::provider::Family;

pub(crate) use desk::mailboxes::grant::RETRY_CODE;
pub(crate) const NO_REFRESH_TOKEN: &str = "no_refresh_token";

pub(crate) fn no_refresh_token(courier: &Courier, client: &Client) -> Trouble {
    let asked = client.scopes.split_whitespace().any(|scope| scope == "offline_access");
    let remedy = match Family::of(family(courier, &client.provider)) {
        Family::Google => {
            "Take Postern's access away at https://myaccount.google.com/connections, then authorize it again."
        }
        Family::Microsoft | Family::Other if asked => {
            "offline_access is among the Scopes, so the provider holds it back: see that the app registration has that \
             permission and that it is consented to, then authorize it again."
        }
        Family::Microsoft => "Add offline_access to Scopes in Config, then authorize it again.",
        Family::Other => {
            "Most providers give one when offline_access is among the Scopes in Config; see theirs, then authorize it again."
        }
    };
    Trouble::new(
        Class::AuthorizeAgain,
        NO_REFRESH_TOKEN,
        "The provider gave no refresh token, so access ends with the access token.",
        remedy,
    )
}

/// Why a refresh was refused; a consent of a certain age says more.
pub(crate) fn of_consent(courier: &Courier, error: &wire::Error, client: &Client, grant: &Grant) -> Trouble {
    let mut trouble = token_trouble(courier, error, &client.provider);
    // `since` is the time of the consent until the grant's state changes, and then the first refusal was told already.
    let authorized = grant.state == State::Fulfilled && trouble.class == Class::AuthorizeAgain;
    let days = courier.now().saturating_sub(grant.since) / (24 * 60 * 60_000);
    if let (true, Some(answer), Ok(days)) = (authorized, error.oauth(), u32::try_from(days)) {
        let told = Trouble::of_oauth(answer, family(courier, &client.provider), Some(days));
        (trouble.reason, trouble.remedy) = (told.reason, told.remedy);
    }
    trouble
}

/// The same where nobody tries again but the person who waits: `again` is what to do, `check` what to look at when the
/// answers come from something else than the provider.
pub(crate) fn of_a_try(
    courier: &Courier,
    error: &wire::Error,
    provider: &str,
    again: &str,
    check: &str,
) -> Trouble {
    let mut trouble = token_trouble(courier, error, provider);
    if trouble.class == Class::Retry {
        trouble.code = "not_answered".to_owned();
        trouble.remedy = match (trouble.retry_after_ms, error.oauth()) {
            (Some(wait_ms), _) => {
                let minutes = wait_ms.saturating_add(59_999).max(60_000) / 60_000;
                let long = if minutes == 1 { "a minute".to_owned() } else { format!("{minutes} minutes") };
                format!("The provider asks for patience. {again} in {long}.")
            }
            // The right one speaks, and has a bad hour.
            (None, Some(_)) => bad_hour(again),
            (None, None) => format!("{again}. If it stays, {check}."),
        };
    }
    trouble
}

pub(crate) fn bad_hour(again: &str) -> String {
    format!("{again} in a few minutes. If it stays, look at the state of the provider's service.")
}

/// Only an OAuth error means that something must be done: a proxy's page or a captive portal passes.
pub(crate) fn token_trouble(courier: &Courier, error: &wire::Error, provider: &str) -> Trouble {
    let provider = family(courier, provider);
    let place = Place { provider, service: Service::Imap, by_token: true, is_alone: false };
    let mut trouble = match error.oauth() {
        Some(_) => Trouble::of(error, &place),
        None => {
            let mut trouble = Trouble::of(error, &place);
            trouble.reason = sentence(&error.to_string());
            trouble.detail = String::new();
            trouble.remedy =
                "Nothing to do now: Postern tries again by itself. If it stays, check the Token Endpoint."
                    .to_owned();
            trouble.class = Class::Retry;
            trouble
        }
    };
    if trouble.class == Class::Retry {
        trouble.code = RETRY_CODE.to_owned();
    }
    trouble
}
