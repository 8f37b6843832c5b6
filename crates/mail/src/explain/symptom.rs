//! What mail servers say after a good token, and what is behind it.

use super::{Class, Row, Service, TRIES_AGAIN};

/// A row fits when the service is one of these and the answer holds all words (lower case), numbers as a whole.
pub(super) struct Symptom {
    services: &'static [Service],
    microsoft: bool,
    words: &'static [&'static str],
    pub(super) row: Row,
}

const ALL: &[Service] = &[Service::Imap, Service::Pop, Service::Smtp];
const READING: &[Service] = &[Service::Imap, Service::Pop];
const SMTP: &[Service] = &[Service::Smtp];
const IMAP: &[Service] = &[Service::Imap];

const fn symptom(
    services: &'static [Service],
    microsoft: bool,
    words: &'static [&'static str],
    class: Class,
    cause: &'static str,
    remedy: &'static str,
) -> Symptom {
    Symptom { services, microsoft, words, row: Row { class, cause, remedy } }
}

const SWITCH_ON: &str = "In the Microsoft 365 admin center open the user, Mail, Manage email apps, and tick Authenticated SMTP; the tenant's own switch may have to be turned on first.";

/// The first that fits is taken: exact words stand above general ones.
pub(super) const SYMPTOMS: &[Symptom] = &[
    symptom(
        ALL,
        false,
        &["throttled"],
        Class::Retry,
        "The server limits how much is asked of this mailbox.",
        "Nothing to do: Postern waits as long as the server asks, and then goes on.",
    ),
    // Exchange says it of one mailbox, mostly while that is moved: the session stays open, and all else works.
    symptom(
        READING,
        true,
        &["server unavailable"],
        Class::Retry,
        "The provider's mail server cannot open this mailbox for the moment.",
        "Nothing to do: Postern tries again by itself.",
    ),
    symptom(
        IMAP,
        true,
        &["authenticated but not connected"],
        Class::Configuration,
        "The sign-in was good, but this person may not open this mailbox, or IMAP is switched off for it.",
        "Give the signed-in account Full Access to the mailbox, check that IMAP and a license are on, or authorize with the mailbox's own account.",
    ),
    symptom(
        SMTP,
        true,
        &["smtpclientauthentication is disabled", "tenant"],
        Class::Policy,
        "Sending by SMTP is switched off for the whole tenant.",
        SWITCH_ON,
    ),
    symptom(
        SMTP,
        true,
        &["smtpclientauthentication is disabled"],
        Class::Policy,
        "Sending by SMTP is switched off for this mailbox.",
        SWITCH_ON,
    ),
    symptom(
        SMTP,
        true,
        &["5.7.139", "security defaults"],
        Class::Policy,
        "The tenant's security defaults block this sign-in.",
        "Use OAuth2 instead of a password, or ask the administrators to except this mailbox.",
    ),
    symptom(
        SMTP,
        true,
        &["5.7.139", "basic authentication is disabled"],
        Class::Configuration,
        "A password was sent, but the server takes tokens only.",
        "Choose OAuth2 - Microsoft as Authentication and authorize the mailbox.",
    ),
    symptom(
        SMTP,
        true,
        &["5.7.139", "did not meet the criteria"],
        Class::Policy,
        "Conditional Access or the mailbox's SMTP switch refuses this sign-in.",
        "Except this app from the rule, and tick Authenticated SMTP for the mailbox.",
    ),
    symptom(
        SMTP,
        true,
        &["5.7.139"],
        Class::Policy,
        "A rule of the organization refuses this sign-in.",
        SWITCH_ON,
    ),
    symptom(
        SMTP,
        true,
        &["535", "5.7.3"],
        Class::Configuration,
        "The server does not accept the sign-in for sending: the token lacks SMTP.Send, Authenticated SMTP is off, or the person may not use this mailbox.",
        "Check that the Scopes hold SMTP.Send, that Authenticated SMTP is ticked for the mailbox, and authorize again.",
    ),
    symptom(
        SMTP,
        true,
        &["5.7.57"],
        Class::Configuration,
        "The server wants a sign-in before it takes mail.",
        "Choose an Authentication for Outgoing (SMTP) and authorize it.",
    ),
    symptom(
        SMTP,
        true,
        &["5.7.60"],
        Class::Configuration,
        "The signed-in account may not send as this address.",
        "Give the account Send As on the mailbox in the Exchange admin center; it takes up to an hour.",
    ),
    symptom(
        SMTP,
        true,
        &["5.7.708"],
        Class::Policy,
        "Microsoft does not take mail from this server's address for new tenants.",
        "Ask Microsoft's support to lift the block.",
    ),
    symptom(
        SMTP,
        true,
        &["concurrent connections"],
        Class::Retry,
        "Too many connections of this mailbox are sending at once.",
        "Nothing to do: Postern tries again over one connection.",
    ),
    symptom(
        SMTP,
        true,
        &["sender thread limit"],
        Class::Retry,
        "Too many connections of this mailbox are sending at once.",
        "Nothing to do: Postern tries again over one connection.",
    ),
    symptom(
        SMTP,
        true,
        &["5.2.2", "full"],
        Class::Policy,
        "The mailbox is full, and a full mailbox may not send.",
        "Make room in the mailbox or enlarge it.",
    ),
    symptom(
        SMTP,
        true,
        &["5.1.90"],
        Class::Retry,
        "The mailbox has reached its daily number of recipients.",
        "Nothing to do: Postern goes on when the server takes mail again, within a day.",
    ),
    symptom(
        SMTP,
        true,
        &["5.7.233"],
        Class::Retry,
        "The tenant has reached its daily number of outside recipients.",
        "Nothing to do: Postern goes on when the server takes mail again, within a day.",
    ),
    symptom(
        READING,
        true,
        &["basic authentication is disabled"],
        Class::Configuration,
        "A password was sent, but the server takes tokens only.",
        "Choose OAuth2 - Microsoft as Authentication and authorize the mailbox.",
    ),
    symptom(
        IMAP,
        true,
        &["connection closed. 14"],
        Class::Retry,
        "The server ended the connection after several errors, or to limit the load.",
        "Nothing to do: Postern waits and connects again.",
    ),
    symptom(
        READING,
        true,
        &["authenticate failed"],
        Class::Configuration,
        "The server does not accept the token: it is for another service or lacks IMAP, it has expired, or there is no such mailbox.",
        "Check that the Scopes hold https://outlook.office.com/IMAP.AccessAsUser.All, that the address is right, and authorize again.",
    ),
    symptom(
        READING,
        true,
        &["unknown user name or bad password"],
        Class::Configuration,
        "The server does not accept the sign-in for this mailbox.",
        "Check the scopes, that POP or IMAP is on for the mailbox, and authorize again.",
    ),
    symptom(
        ALL,
        false,
        &["too many simultaneous connections"],
        Class::Retry,
        "Too many programs are connected to this mailbox at once.",
        "Nothing to do now: Postern connects again later. If it lasts, end other programs that read this mailbox.",
    ),
    symptom(
        ALL,
        false,
        &["bandwidth limits"],
        Class::Retry,
        "The mailbox has reached the provider's limit for today.",
        "Nothing to do: Postern goes on when the provider lets it.",
    ),
    symptom(
        ALL,
        false,
        &["application-specific password required"],
        Class::Configuration,
        "The provider does not take the account's own password.",
        "Use OAuth2, or make an app password.",
    ),
    symptom(
        ALL,
        false,
        &["[unavailable]"],
        Class::Retry,
        "The server is temporarily not available.",
        TRIES_AGAIN,
    ),
    symptom(ALL, false, &["[inuse]"], Class::Retry, "Another program has locked the mailbox.", TRIES_AGAIN),
    symptom(ALL, false, &["[in-use]"], Class::Retry, "Another program has locked the mailbox.", TRIES_AGAIN),
    symptom(
        ALL,
        false,
        &["[expired]"],
        Class::AuthorizeAgain,
        "The password or token has expired.",
        "Set a new password, or authorize the mailbox again.",
    ),
    symptom(
        READING,
        false,
        &["[authenticationfailed]"],
        Class::Configuration,
        "The server does not accept the user name with this password or token.",
        "Enter the password again, or authorize the mailbox again.",
    ),
    symptom(
        READING,
        false,
        &["[authorizationfailed]"],
        Class::Configuration,
        "The sign-in was good, but this user may not open this mailbox.",
        "Give the user access to the mailbox.",
    ),
    symptom(
        READING,
        false,
        &["[nonexistent]"],
        Class::Configuration,
        "The folder does not exist on the server.",
        "Choose another Mail Folder.",
    ),
    symptom(
        READING,
        false,
        &["overquota"],
        Class::Policy,
        "The mailbox is full.",
        "Make room in the mailbox or enlarge it.",
    ),
    symptom(
        SMTP,
        false,
        &["5.7.1", "relay"],
        Class::Configuration,
        "The server does not pass on mail to other servers for this sign-in.",
        "Choose an Authentication for Outgoing (SMTP), or let the server relay for this mailbox.",
    ),
    symptom(
        SMTP,
        false,
        &["535"],
        Class::Configuration,
        "The server does not accept the user name with this password or token.",
        "Enter the password again, or authorize the mailbox again.",
    ),
    symptom(
        SMTP,
        false,
        &["530"],
        Class::Configuration,
        "The server wants a sign-in before it takes mail.",
        "Choose an Authentication for Outgoing (SMTP).",
    ),
];

/// A password was refused in words that no row knows.
pub(super) const PASSWORD_REFUSED: Row = Row {
    class: Class::Configuration,
    cause: "The server does not accept the user name with this password.",
    remedy: "Enter user name and password again; some providers want an app password, or have to be told to let mail programs in.",
};

/// The first row that fits.
pub(super) fn row(provider: &str, service: Service, answer: &str) -> Option<Row> {
    let answer = answer.to_lowercase();
    let is_microsoft = provider == crate::provider::MICROSOFT.key;
    SYMPTOMS
        .iter()
        .filter(|s| s.services.contains(&service) && (is_microsoft || !s.microsoft))
        .find(|s| s.words.iter().all(|w| holds(&answer, w)))
        .map(|s| s.row)
}

/// `5.7.1` stands in `550 5.7.1 no` and not in `550 5.7.139 no`.
fn holds(answer: &str, word: &str) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    answer.match_indices(word).any(|(at, _)| {
        let (before, after) = (answer.as_bytes().get(..at), answer.as_bytes().get(at + word.len()..));
        let cut_before = is_digit(word.as_bytes().first()) && is_digit(before.and_then(|b| b.last()));
        let cut_after = is_digit(word.as_bytes().last()) && is_digit(after.and_then(|a| a.first()));
        !cut_before && !cut_after
    })
}
