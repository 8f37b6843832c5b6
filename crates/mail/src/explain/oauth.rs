//! The errors of RFC 6749, OpenID Connect and the sign-in by a code, whoever answers them.

use super::{Class, Place, Row, TRIES_AGAIN};

macro_rules! rows {
    ($($error:literal => $class:ident, $place:ident, $cause:literal, $remedy:expr;)*) => {
        &[$((
            $error,
            Row { class: Class::$class, place: Place::$place, cause: $cause, remedy: $remedy },
        )),*]
    };
}

pub(super) const ROWS: &[(&str, Row)] = rows! {
    "temporarily_unavailable" => Retry, Nowhere,
        "The provider's sign-in service is busy.", TRIES_AGAIN;
    "server_error" => Retry, Nowhere,
        "The provider's sign-in service failed.", TRIES_AGAIN;
    "slow_down" => Retry, Nowhere,
        "The provider asks to be asked less often.",
        "Nothing to do: Postern tries again by itself, and waits longer between its tries.";
    "authorization_pending" => Retry, Browser,
        "The person has not finished signing in.",
        "Finish the sign-in in the browser.";
    "invalid_client" => Configuration, Registration,
        "The provider does not accept the Client ID or the Client Secret.",
        "Compare both with the app registration and enter the secret's Value again.";
    "unauthorized_client" => Configuration, Registration,
        "The app registration may not do this in that tenant.",
        "Check the Client ID, the Tenant and the supported account types of the registration.";
    "invalid_scope" => Configuration, Registration,
        "The provider does not know one of the Scopes.",
        "Compare the Scopes with those that the guide lists.";
    "invalid_resource" => Configuration, Registration,
        "The service that the Scopes name does not exist in that tenant.",
        "Check the Scopes and whether the organization has Exchange Online.";
    "invalid_target" => Configuration, Registration,
        "The service that the Scopes name does not exist in that tenant.",
        "Check the Scopes.";
    "unsupported_grant_type" => Configuration, Registration,
        "The Token Endpoint does not know this kind of request.",
        "Check the Token Endpoint; at Microsoft it ends in /oauth2/v2.0/token.";
    "unsupported_response_type" => Configuration, Registration,
        "The Authorization Endpoint does not know this kind of request.",
        "Check the Authorization Endpoint; at Microsoft it ends in /oauth2/v2.0/authorize.";
    "invalid_request" => Configuration, Registration,
        "The provider found a fault in the request.",
        "Compare the endpoints, the Client ID and the Callback Endpoint with the app registration.";
    "redirect_uri_mismatch" => Configuration, Provider,
        "The Callback Endpoint is not registered with the app.",
        "Copy the Callback Endpoint exactly into the app registration.";
    "invalid_grant" => AuthorizeAgain, Registration,
        "The provider no longer accepts the authorization of this mailbox.",
        "Open the mailbox and authorize it again.";
    "interaction_required" => AuthorizeAgain, Registration,
        "The provider wants the person to sign in again.",
        "Open the mailbox and authorize it again.";
    "login_required" => AuthorizeAgain, Registration,
        "The provider wants the person to sign in again.",
        "Open the mailbox and authorize it again.";
    "consent_required" => AuthorizeAgain, Registration,
        "Consent to the permissions is missing.",
        "Authorize again and accept the permissions, or ask the organization's administrator to grant consent.";
    "access_denied" => AuthorizeAgain, Registration,
        "The sign-in was refused, by the person or by a rule of the organization.",
        "Try again and accept the permissions; if it is refused again, ask the organization's administrator.";
    "authorization_declined" => AuthorizeAgain, Registration,
        "The person declined.",
        "Start again and accept the permissions.";
    "expired_token" => AuthorizeAgain, Registration,
        "The code ran out before the sign-in was finished.",
        "Start again.";
    "bad_verification_code" => Defect, Registration,
        "The provider does not know the code that Postern waits for.",
        "Start again; if it happens twice, report it.";
};

pub(super) const UNKNOWN: Row = Row {
    class: Class::Configuration,
    place: Place::Registration,
    cause: "The provider refused with an error that Postern does not know.",
    remedy: "Read the provider's words, correct what they name, and authorize again.",
};

/// What an `error` means.
pub(super) fn row_of(error: &str) -> Row {
    ROWS.iter().find(|(name, _)| name.eq_ignore_ascii_case(error)).map_or(UNKNOWN, |(_, row)| *row)
}
