//! What mail servers say after a good token, and what is behind it.

use super::{Class, Place, Row, Service, TRIES_AGAIN};
use crate::provider::Family;

/// A row fits when the service is one of these, the server is of the family, if one is named, and the answer holds all
/// words (lower case), numbers as a whole.
pub(super) struct Symptom {
    pub(super) services: &'static [Service],
    pub(super) family: Option<Family>,
    pub(super) words: &'static [&'static str],
    pub(super) row: Row,
}

const ALL: &[Service] = &[Service::Imap, Service::Pop, Service::Smtp, Service::Graph];
const READING: &[Service] = &[Service::Imap, Service::Pop];
const SMTP: &[Service] = &[Service::Smtp];
const IMAP: &[Service] = &[Service::Imap];
const POP: &[Service] = &[Service::Pop];
const GRAPH: &[Service] = &[Service::Graph];

/// Of answers that say no more than that a password or a token was refused.
pub(super) const ENTER_AGAIN: &str = "Enter the password again, or authorize the mailbox again.";

const ANY: Option<Family> = None;
const MICROSOFT: Option<Family> = Some(Family::Microsoft);
const GOOGLE: Option<Family> = Some(Family::Google);

macro_rules! symptoms {
    ($($services:ident, $family:ident, $words:expr => $class:ident, $place:ident, $cause:literal, $remedy:expr;)*) => {
        &[$(Symptom {
            services: $services,
            family: $family,
            words: &$words,
            row: Row { class: Class::$class, place: Place::$place, cause: $cause, remedy: $remedy },
        }),*]
    };
}

/// The first that fits is taken: exact words stand above general ones.
pub(super) const SYMPTOMS: &[Symptom] = symptoms! {
    ALL, ANY, ["throttled"] => Retry, Nowhere,
        "The server limits how much is asked of this mailbox.",
        "Nothing to do: Postern waits as long as the server asks, and then goes on.";
    // Exchange says it of one mailbox, mostly while that is moved: the session stays open, and all else works.
    READING, MICROSOFT, ["server unavailable"] => Retry, Nowhere,
        "The provider's mail server cannot open this mailbox for the moment.", TRIES_AGAIN;
    READING, MICROSOFT, ["authenticated but not connected"] => Configuration, Delegation,
        "The sign-in was good, but this person may not open this mailbox, or IMAP is switched off for it.",
        "A shared mailbox: give the account that signs in Full Access. A mailbox of its own: see that it has a license and IMAP among its email apps, and authorize with its own account. A personal account: let devices use IMAP under Outlook.com › Settings › Mail › Forwarding and IMAP.";
    SMTP, MICROSOFT, ["smtpclientauthentication is disabled", "tenant"] => Policy, MailFlow,
        "Sending by SMTP is switched off for the whole tenant.",
        "Turn the tenant's switch for Authenticated SMTP on, or tick Authenticated SMTP for this mailbox alone (Microsoft 365 admin center › Users › Active users › the mailbox › Mail › Manage email apps).";
    SMTP, MICROSOFT, ["smtpclientauthentication is disabled"] => Policy, EmailApps,
        "Sending by SMTP is switched off for this mailbox.",
        "Tick Authenticated SMTP; the tenant's own switch may have to be turned on first.";
    SMTP, MICROSOFT, ["5.7.139", "security defaults"] => Policy, Outgoing,
        "The tenant's security defaults, Microsoft's basic set of rules, block this sign-in.",
        "Use OAuth2 instead of a password, or ask the administrators to except this mailbox.";
    SMTP, MICROSOFT, ["5.7.139", "basic authentication is disabled"] => Configuration, Outgoing,
        "A password was sent, but the server takes tokens only.",
        "Choose OAuth2 - Microsoft as Authentication and authorize the mailbox.";
    SMTP, MICROSOFT, ["5.7.139", "did not meet the criteria"] => Policy, EmailApps,
        "Conditional Access or the mailbox's SMTP switch refuses this sign-in.",
        "Tick Authenticated SMTP for the mailbox; if it is ticked, ask the Entra administrators to except this app from the rule.";
    SMTP, MICROSOFT, ["5.7.139"] => Policy, EmailApps,
        "A rule of the organization refuses this sign-in.",
        "Tick Authenticated SMTP for the mailbox; the tenant's own switch may have to be turned on first.";
    SMTP, MICROSOFT, ["535", "5.7.3"] => Configuration, EmailApps,
        "The server does not accept the sign-in for sending: the token lacks SMTP.Send, Authenticated SMTP is off, or the person may not use this mailbox.",
        "Check that the Scopes hold SMTP.Send, that Authenticated SMTP is ticked for the mailbox, and authorize again.";
    SMTP, MICROSOFT, ["5.7.57"] => Configuration, Outgoing,
        "The server wants a sign-in before it takes mail.",
        "Choose an Authentication for Outgoing (SMTP) and authorize it.";
    SMTP, MICROSOFT, ["5.7.60"] => Configuration, Delegation,
        "The signed-in account may not send as this address.",
        "Give the account Send As on the mailbox; it takes up to an hour.";
    SMTP, MICROSOFT, ["sendasdenied"] => Configuration, Delegation,
        "The signed-in account may not send as this address.",
        "Give the account Send As on the mailbox; it takes up to an hour.";
    GRAPH, MICROSOFT, ["sendasdenied"] => Configuration, Delegation,
        "The signed-in account may not send as this address.",
        "Give the account Send As on the mailbox; it takes up to an hour.";
    GRAPH, MICROSOFT, ["invalidauthenticationtoken"] => Configuration, Registration,
        "Microsoft Graph does not accept the token: it is of another cloud or for another service, or it was taken back.",
        "Check that the Provider is the cloud of this tenant, and authorize again.";
    GRAPH, MICROSOFT, ["access to odata is disabled"] => Policy, ExchangeMailbox,
        "An application access policy of Exchange keeps this app from this mailbox.",
        "Ask an Exchange administrator to let the app open this mailbox: add it to the group of the policy (Get-ApplicationAccessPolicy).";
    GRAPH, MICROSOFT, ["erroraccessdenied"] => Configuration, AppPermissions,
        "Microsoft Graph took the token, but it may not do this with this mailbox: a permission is missing, or the signed-in account may not open this mailbox.",
        "Add Mail.ReadWrite for reading and Mail.Send for sending under Microsoft Graph › Delegated permissions, for a shared mailbox Mail.ReadWrite.Shared and Mail.Send.Shared too, see that the account has Full Access to it, and authorize again.";
    GRAPH, MICROSOFT, ["mailboxnotenabledforrestapi"] => Policy, Products,
        "Exchange Online holds no mailbox of this address that Microsoft Graph can open: it has no license, or it lies on a server of the organization's own.",
        "See that the address is a mailbox of Exchange Online with a license; for one on the organization's own server choose IMAP.";
    GRAPH, MICROSOFT, ["mailboxnotsupportedforrestapi"] => Policy, Products,
        "Microsoft Graph does not open mailboxes of this kind.",
        "See that the address is a mailbox of Exchange Online with a license, or choose IMAP as Protocol.";
    GRAPH, MICROSOFT, ["errorinvaliduser"] => Configuration, Mailbox,
        "Microsoft Graph knows no mailbox of this address in this tenant.",
        "Check the address and the Username, and that the registration is in the tenant of the mailbox.";
    GRAPH, MICROSOFT, ["request_resourcenotfound"] => Configuration, Mailbox,
        "Microsoft Graph knows no mailbox of this address in this tenant.",
        "Check the address and the Username, and that the registration is in the tenant of the mailbox.";
    GRAPH, MICROSOFT, ["erroritemnotfound"] => Configuration, Mailbox,
        "The folder is not there any more.",
        "Choose another Mail Folder.";
    GRAPH, MICROSOFT, ["errorquotaexceeded"] => Policy, ExchangeMailbox,
        "The mailbox is full.",
        "Make room in the mailbox or enlarge it.";
    GRAPH, MICROSOFT, ["errormessagesubmissionblocked"] => Policy, Support,
        "Microsoft has stopped this mailbox from sending.",
        "Look whether it is among the restricted entities in the Microsoft Defender portal, and ask Microsoft's support.";
    GRAPH, MICROSOFT, ["errorexceededmessagelimit"] => Retry, Nowhere,
        "The mailbox has sent as many letters as Exchange allows for now.",
        "Nothing to do: Postern goes on when the server takes mail again, within a day.";
    SMTP, MICROSOFT, ["5.7.708"] => Policy, Support,
        "Microsoft does not take mail from this server's address for new tenants.",
        "Ask Microsoft's support to lift the block.";
    SMTP, MICROSOFT, ["concurrent connections"] => Retry, Nowhere,
        "Too many connections of this mailbox are sending at once.",
        "Nothing to do: Postern tries again over one connection.";
    SMTP, MICROSOFT, ["sender thread limit"] => Retry, Nowhere,
        "Too many connections of this mailbox are sending at once.",
        "Nothing to do: Postern tries again over one connection.";
    SMTP, MICROSOFT, ["5.2.2", "full"] => Policy, ExchangeMailbox,
        "The mailbox is full, and a full mailbox may not send.",
        "Make room in the mailbox or enlarge it.";
    SMTP, MICROSOFT, ["5.1.90"] => Retry, Nowhere,
        "The mailbox has reached its daily number of recipients.",
        "Nothing to do: Postern goes on when the server takes mail again, within a day.";
    SMTP, MICROSOFT, ["5.2.0", "submissionquota"] => Retry, Nowhere,
        "The mailbox has reached its daily number of recipients.",
        "Nothing to do: Postern goes on when the server takes mail again, within a day.";
    SMTP, MICROSOFT, ["5.7.233"] => Retry, Nowhere,
        "The tenant has reached its daily number of outside recipients.",
        "Nothing to do: Postern goes on when the server takes mail again, within a day.";
    READING, MICROSOFT, ["basic authentication is disabled"] => Configuration, Mailbox,
        "A password was sent, but the server takes tokens only.",
        "Choose OAuth2 - Microsoft as Authentication and authorize the mailbox.";
    READING, MICROSOFT, ["connection closed. 14"] => Retry, Nowhere,
        "The server ended the connection after several errors, or to limit the load.",
        "Nothing to do: Postern waits and connects again.";
    IMAP, MICROSOFT, ["command argument error. 11"] => Configuration, ExchangeMailbox,
        "Exchange refused the command, as it does when the mailbox is full or a letter is too large or has too long lines.",
        "See whether the mailbox is full, and choose another Mail Folder or other handling of Fetched Emails.";
    READING, MICROSOFT, ["authenticate failed"] => Configuration, Registration,
        "The server does not accept the token: it is for another service or lacks IMAP, it has expired, or there is no such mailbox.",
        "Check that the Scopes hold https://outlook.office.com/IMAP.AccessAsUser.All (of the tenant's cloud), that the address is right, and authorize again.";
    READING, MICROSOFT, ["unknown user name or bad password"] => Configuration, EmailApps,
        "The server does not accept the sign-in for this mailbox.",
        "Check the Scopes, that POP or IMAP is ticked for the mailbox, and authorize again.";
    ALL, ANY, ["too many simultaneous connections"] => Retry, Nowhere,
        "Too many programs are connected to this mailbox at once.",
        "Nothing to do now: Postern connects again later. If it lasts, end other programs that read this mailbox.";
    ALL, ANY, ["bandwidth limits"] => Retry, Nowhere,
        "The mailbox has reached the provider's limit for today.",
        "Nothing to do: Postern goes on when the provider lets it.";
    SMTP, ANY, ["5.4.5", "quota exceeded"] => Retry, Nowhere,
        "The mailbox has sent as many letters as the provider allows in a day.",
        "Nothing to do: Postern goes on when the server takes mail again, within a day.";
    ALL, GOOGLE, ["session expired"] => Retry, Nowhere,
        "Google ended the session after its usual time.", TRIES_AGAIN;
    ALL, GOOGLE, ["temporary system problem"] => Retry, Nowhere,
        "Google's mail server has a temporary fault.", TRIES_AGAIN;
    ALL, GOOGLE, ["log in via your web browser"] => Configuration, GoogleAccount,
        "A password was sent, and Google wants the person to sign in in a browser.",
        "Choose OAuth2 - Google as Authentication and authorize the mailbox.";
    READING, GOOGLE, ["not enabled for imap"] => Policy, GoogleUser,
        "The organization's Google Workspace administrator has switched IMAP off.",
        "Ask the administrator to allow IMAP for this account.";
    ALL, ANY, ["application-specific password required"] => Configuration, GoogleAccount,
        "The provider does not take the account's own password.",
        "Use OAuth2, or make an app password, which is a second password for one program.";
    ALL, ANY, ["[unavailable]"] => Retry, Nowhere,
        "The server is temporarily not available.", TRIES_AGAIN;
    READING, ANY, ["[limit]"] => Retry, Nowhere,
        "The server's limit for this mailbox is reached.", TRIES_AGAIN;
    ALL, ANY, ["[inuse]"] => Retry, Nowhere,
        "Another program has locked the mailbox.", TRIES_AGAIN;
    POP, ANY, ["[in-use]"] => Retry, Nowhere,
        "Another program has locked the mailbox.", TRIES_AGAIN;
    POP, ANY, ["[login-delay]"] => Retry, Nowhere,
        "The server wants more time between two sign-ins.",
        "Nothing to do now: Postern tries again by itself. If it lasts, make the Fetch Frequency longer.";
    POP, ANY, ["[sys/temp]"] => Retry, Nowhere,
        "The server has a temporary fault.", TRIES_AGAIN;
    POP, ANY, ["[sys/perm]"] => Policy, MailServer,
        "The server has a fault that a person must mend.",
        "Ask who runs the server to look at this mailbox.";
    POP, ANY, ["[auth]"] => Configuration, Mailbox,
        "The server does not accept the user name with this password or token.",
        ENTER_AGAIN;
    READING, ANY, ["[expired]"] => AuthorizeAgain, Mailbox,
        "The password or token has expired.",
        "Set a new password, or authorize the mailbox again.";
    READING, ANY, ["[privacyrequired]"] => Configuration, Mailbox,
        "The server takes no sign-in over a connection that is not encrypted.",
        "Choose SSL/TLS or STARTTLS as Security.";
    READING, ANY, ["[contactadmin]"] => Policy, MailServer,
        "The server says that its administrator has to act.",
        "Ask who runs the server to look at this mailbox.";
    READING, ANY, ["[authenticationfailed]"] => Configuration, Mailbox,
        "The server does not accept the user name with this password or token.",
        ENTER_AGAIN;
    READING, ANY, ["[authorizationfailed]"] => Configuration, MailServer,
        "The sign-in was good, but this user may not open this mailbox.",
        "Give the user access to the mailbox.";
    READING, ANY, ["[nonexistent]"] => Configuration, Mailbox,
        "The folder does not exist on the server.",
        "Choose another Mail Folder.";
    READING, ANY, ["overquota"] => Policy, MailServer,
        "The mailbox is full.",
        "Make room in the mailbox or enlarge it.";
    SMTP, ANY, ["5.7.1", "relay"] => Configuration, Outgoing,
        "The server does not pass on mail to other servers for this sign-in.",
        "Choose an Authentication for Outgoing (SMTP), or let the server relay (pass on) mail of this mailbox.";
    SMTP, ANY, ["535"] => Configuration, Outgoing,
        "The server does not accept the user name with this password or token.",
        ENTER_AGAIN;
    SMTP, ANY, ["530"] => Configuration, Outgoing,
        "The server wants a sign-in before it takes mail.",
        "Choose an Authentication for Outgoing (SMTP).";
};

/// An application that signs in as itself, without a person: what these say is put right in Exchange and Entra, and by
/// nobody's sign-in.
pub(super) const ALONE: &[Symptom] = symptoms! {
    READING, MICROSOFT, ["authenticated but not connected"] => Configuration, EnterpriseApp,
        "The sign-in was good, but the application may not open this mailbox, or IMAP is switched off for it.",
        "Check that the Exchange commands were run with the Object ID of Enterprise applications, that Add-MailboxPermission names this mailbox, and that IMAP is ticked for it. New permissions take up to two hours. Then prove it again.";
    READING, MICROSOFT, ["authenticate failed"] => Configuration, EnterpriseApp,
        "The server does not accept the application's token for this mailbox.",
        "Check that the Exchange commands were run with the Object ID of Enterprise applications, that Add-MailboxPermission names this mailbox, and that IMAP.AccessAsApp has admin consent. New permissions take up to two hours. Then prove it again.";
    GRAPH, MICROSOFT, ["erroraccessdenied"] => Configuration, AppPermissions,
        "Microsoft Graph took the application's token, but the application may not do this with this mailbox.",
        "Add Mail.ReadWrite and Mail.Send under Microsoft Graph › Application permissions and grant admin consent, or let an Exchange administrator give the app these roles for this mailbox alone, as the guide shows. New permissions take up to two hours. Then prove it again.";
    SMTP, MICROSOFT, ["535", "5.7.3"] => Configuration, EnterpriseApp,
        "The server does not accept the application's token for sending.",
        "Check that the Exchange commands were run with the Object ID of Enterprise applications, that Add-MailboxPermission names this mailbox, that Authenticated SMTP is ticked for it, and that SMTP.SendAsApp has admin consent. New permissions take up to two hours. Then prove it again.";
};

/// Exchange closes the link on a list of the folders when the mailbox is of one who administers everything.
pub(super) const LOST_AT_LIST: Row = Row {
    class: Class::Configuration,
    place: Place::Registration,
    cause: "The server ended the connection as soon as it was asked for the folders, as Exchange does for the mailbox of a Global Administrator.",
    remedy: "Use a mailbox whose account does not administer the tenant; if it is none, check this mailbox again later.",
};

/// A token was refused, and nothing more is known of why.
pub(super) const TOKEN_REFUSED: Row = Row {
    class: Class::Configuration,
    place: Place::Mailbox,
    cause: "The server does not accept the token for this user name.",
    remedy: "See that the Scopes in Config are those that open this provider's mail servers, authorize the mailbox again, and let whoever signs in grant all that is asked.",
};

/// A password was refused in words that no row knows.
pub(super) const PASSWORD_REFUSED: Row = Row {
    class: Class::Configuration,
    place: Place::Mailbox,
    cause: "The server does not accept the user name with this password.",
    remedy: "Enter user name and password again; some providers want an app password, or have to be told to let mail programs in.",
};

/// The first row that fits.
pub(super) fn row(family: Family, service: Service, answer: &str) -> Option<Row> {
    first(SYMPTOMS, family, service, answer)
}

/// The same for an application that signs in as itself.
pub(super) fn row_alone(family: Family, service: Service, answer: &str) -> Option<Row> {
    first(ALONE, family, service, answer)
}

fn first(symptoms: &[Symptom], family: Family, service: Service, answer: &str) -> Option<Row> {
    let answer = answer.to_lowercase();
    symptoms
        .iter()
        .filter(|s| s.services.contains(&service) && s.family.is_none_or(|only| only == family))
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
