//! The errors of RFC 6749, OpenID Connect and the device flow.

use super::{Class, Row, TRIES_AGAIN};

const fn row(class: Class, cause: &'static str, remedy: &'static str) -> Row {
    Row { class, cause, remedy }
}

pub(super) const ROWS: &[(&str, Row)] = &[
    ("temporarily_unavailable", row(Class::Retry, "The provider's sign-in service is busy.", TRIES_AGAIN)),
    ("server_error", row(Class::Retry, "The provider's sign-in service failed.", TRIES_AGAIN)),
    (
        "slow_down",
        row(
            Class::Retry,
            "The provider asks to be asked less often.",
            "Nothing to do: Postern waits longer between its tries.",
        ),
    ),
    (
        "authorization_pending",
        row(Class::Retry, "The person has not finished signing in.", "Finish the sign-in in the browser."),
    ),
    (
        "invalid_client",
        row(
            Class::Configuration,
            "The provider does not accept the Client ID or the Client Secret.",
            "Compare both with the app registration and enter the secret's Value again.",
        ),
    ),
    (
        "unauthorized_client",
        row(
            Class::Configuration,
            "The app registration may not do this in that tenant.",
            "Check the Client ID, the Tenant and the supported account types of the registration.",
        ),
    ),
    (
        "invalid_scope",
        row(
            Class::Configuration,
            "The provider does not know one of the Scopes.",
            "Compare the Scopes with those that the guide lists.",
        ),
    ),
    (
        "invalid_resource",
        row(
            Class::Configuration,
            "The service that the Scopes name does not exist in that tenant.",
            "Check the Scopes and whether the organization has Exchange Online.",
        ),
    ),
    (
        "invalid_target",
        row(
            Class::Configuration,
            "The service that the Scopes name does not exist in that tenant.",
            "Check the Scopes.",
        ),
    ),
    (
        "unsupported_grant_type",
        row(
            Class::Configuration,
            "The Token Endpoint does not know this kind of request.",
            "Check that the Token Endpoint ends in /oauth2/v2.0/token.",
        ),
    ),
    (
        "unsupported_response_type",
        row(
            Class::Configuration,
            "The Authorization Endpoint does not know this kind of request.",
            "Check that the Authorization Endpoint ends in /oauth2/v2.0/authorize.",
        ),
    ),
    (
        "invalid_request",
        row(
            Class::Configuration,
            "The provider found a fault in the request.",
            "Compare the endpoints, the Client ID and the Callback Endpoint with the app registration.",
        ),
    ),
    (
        "redirect_uri_mismatch",
        row(
            Class::Configuration,
            "The Callback Endpoint is not registered with the app.",
            "Copy the Callback Endpoint exactly into the app registration.",
        ),
    ),
    (
        "invalid_grant",
        row(
            Class::AuthorizeAgain,
            "The provider no longer accepts the authorization of this mailbox.",
            "Open the mailbox and authorize it again.",
        ),
    ),
    (
        "interaction_required",
        row(
            Class::AuthorizeAgain,
            "The provider wants the person to sign in again.",
            "Open the mailbox and authorize it again.",
        ),
    ),
    (
        "login_required",
        row(
            Class::AuthorizeAgain,
            "The provider wants the person to sign in again.",
            "Open the mailbox and authorize it again.",
        ),
    ),
    (
        "consent_required",
        row(
            Class::AuthorizeAgain,
            "Consent to the permissions is missing.",
            "Authorize again and accept the permissions, or ask the organization's administrator to grant consent.",
        ),
    ),
    (
        "access_denied",
        row(
            Class::AuthorizeAgain,
            "The sign-in was refused, by the person or by a rule of the organization.",
            "Try again and accept the permissions; if it is refused again, ask the organization's administrator.",
        ),
    ),
    (
        "authorization_declined",
        row(Class::AuthorizeAgain, "The person declined.", "Start again and accept the permissions."),
    ),
    (
        "expired_token",
        row(Class::AuthorizeAgain, "The code ran out before the sign-in was finished.", "Start again."),
    ),
];

pub(super) const UNKNOWN: Row = row(
    Class::Configuration,
    "The provider refused with an error that Postern does not know.",
    "Read the provider's words, correct what they name, and authorize again.",
);

/// What an `error` means.
pub(super) fn row_of(error: &str) -> Row {
    ROWS.iter().find(|(name, _)| name.eq_ignore_ascii_case(error)).map_or(UNKNOWN, |(_, row)| *row)
}
