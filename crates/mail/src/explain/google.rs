//! What Google answers, by its `error` and its words: its OAuth page *Using OAuth 2.0 for web server applications*,
//! and what administrators report.

use super::{Class, Place, Row};

/// A row fits when the error is this one and the provider's text (description and sub-error) holds all words.
pub(super) struct Said {
    pub(super) error: &'static str,
    pub(super) words: &'static [&'static str],
    pub(super) row: Row,
}

macro_rules! rows {
    ($($error:literal, $words:expr => $class:ident, $place:ident, $cause:literal, $remedy:literal;)*) => {
        &[$(Said {
            error: $error,
            words: &$words,
            row: Row { class: Class::$class, place: Place::$place, cause: $cause, remedy: $remedy },
        }),*]
    };
}

/// The first that fits is taken: exact words stand above none.
pub(super) const ROWS: &[Said] = rows! {
    "invalid_grant", ["invalid_rapt"] => Policy, GoogleSession,
        "A rule of the organization asks people to confirm their sign-in again after some time.",
        "Ask the Google Workspace administrator to except this app from that rule, then authorize the mailbox again.";
    "invalid_grant", ["invalid jwt"] => Configuration, GoogleKeys,
        "Google does not accept what Postern signed with the key of the service account.",
        "See that the key is still listed there and that the clock of Postern's machine is right.";
    "invalid_grant", ["expired or revoked"] => AuthorizeAgain, GoogleAudience,
        "The authorization of this mailbox has ended: it was revoked, the password was changed, it was unused for six months, or the app is still in Testing.",
        "Authorize the mailbox again; if it ends seven days later, the Publishing status is Testing: set it to In production, or the User type to Internal.";
    "invalid_grant", ["account not found"] => Configuration, GoogleKeys,
        "Google does not know the service account of the key file: it was deleted, or its project was.",
        "See whether the service account is listed there, restore it or make another one, and enter its JSON key file in Config.";
    "invalid_grant", ["invalid email or user id"] => Configuration, GoogleDirectory,
        "Google knows no such user in the organization: a service account acts for a user's primary address, not for an alias, a group or a user that is suspended.",
        "Compare the mailbox's Username with the primary address there; for an alias enter the primary address as Username.";
    "invalid_grant", ["bad request"] => Configuration, GoogleClients,
        "The code of this sign-in was already used, or it was made for another Client ID or Callback Endpoint.",
        "Authorize it again; if it happens twice, compare Client ID and Callback Endpoint with the client.";
    "unauthorized_client", [] => Configuration, GoogleDelegation,
        "The Client ID may not do this; for a service account, it is not listed for these Scopes.",
        "Add the service account's numeric client ID with the scope https://mail.google.com/; for a sign-in by a person compare the Client ID.";
    "invalid_client", [] => Configuration, GoogleClients,
        "Google does not accept the Client ID or the Client Secret.",
        "Copy both again, or add a new secret and enter it in Postern.";
    "deleted_client", [] => Configuration, GoogleClients,
        "The Client ID was deleted at Google, which also happens when it is unused for six months.",
        "Restore the client, or make a new one and enter its Client ID and Client Secret.";
    "disabled_client", [] => Configuration, GoogleClients,
        "The Client ID was disabled at Google.",
        "See why it was disabled, enable it, or make a new client.";
    "redirect_uri_mismatch", [] => Configuration, GoogleClients,
        "The Callback Endpoint is not among the client's Authorized redirect URIs.",
        "Copy the Callback Endpoint exactly, and add it under Authorized redirect URIs.";
    "org_internal", [] => Configuration, GoogleAudience,
        "The app is for accounts of its own organization, and this account is of another.",
        "Sign in with an account of that organization, or set the User type to External.";
    "access_denied", [] => AuthorizeAgain, GoogleAudience,
        "The sign-in was refused: by the person, or because the account is not among the app's test users.",
        "Authorize the mailbox again and allow it; if the app is in Testing, add the account under Test users.";
    "admin_policy_enforced", [] => Policy, GoogleAppAccess,
        "The organization's Google Workspace administrator does not let this app in.",
        "Ask the administrator to add the Client ID as Trusted, then authorize the mailbox again.";
    "disallowed_useragent", [] => Defect, Browser,
        "Google does not let people sign in from a window inside another program.",
        "Open Postern in a browser of its own and authorize it again; if it happens there, report it.";
    "invalid_scope", [] => Configuration, GoogleScopes,
        "Google does not know one of the Scopes.",
        "Enter https://mail.google.com/ with the slash at its end, and see that the same scope is listed there.";
    "rate_limit_exceeded", [] => Retry, Nowhere,
        "Google limits how much is asked at present.",
        "Nothing to do: Postern waits, and tries again by itself.";
};

/// The end that comes a week after the sign-in has one cause.
pub(super) const TESTING: Row = Row {
    class: Class::AuthorizeAgain,
    place: Place::GoogleAudience,
    cause: "The authorization ended seven days after the sign-in, as it does while the app's Publishing status is Testing.",
    remedy: "Set the Publishing status to In production, or the User type to Internal; then authorize the mailbox again.",
};

/// What the error means at Google, if it is known there.
pub(super) fn row_of(error: &str, text: &str, days_ago: Option<u32>) -> Option<Row> {
    let text = text.to_lowercase();
    let said = ROWS.iter().find(|said| {
        said.error.eq_ignore_ascii_case(error) && said.words.iter().all(|word| text.contains(word))
    })?;
    let ended = said.error == "invalid_grant" && said.row.class == Class::AuthorizeAgain;
    Some(if ended && days_ago.is_some_and(|days| (6..=8).contains(&days)) { TESTING } else { said.row })
}
