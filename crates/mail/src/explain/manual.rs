//! Every explanation as one list, and that list as the page of the manual in which numbers are looked up.

use super::{Class, Place, Row, Service, entra, google, oauth, symptom};

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Microsoft's sign-in service; names are numbers.
    Entra,
    /// Google's sign-in service; names are an `error`, perhaps with words of its description.
    Google,
    /// Any sign-in service; names are an `error` of OAuth2.
    OAuth,
    /// A mail server; names are words of its answer.
    Server,
}

/// One explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub source: Source,
    /// By which it is found.
    pub names: Vec<String>,
    pub class: Class,
    pub cause: &'static str,
    pub remedy: &'static str,
    /// The pages to click through; `None` when there is nothing to do.
    pub place: Option<&'static str>,
}

fn entry(source: Source, names: Vec<String>, row: &Row) -> Entry {
    let Row { class, place, cause, remedy } = *row;
    Entry { source, names, class, cause, remedy, place: Place::path(place) }
}

/// Every explanation: Microsoft's by number, then Google's, those of every provider, and those of mail servers.
#[must_use]
pub fn entries() -> Vec<Entry> {
    let mut numbered: Vec<_> = entra::rows().collect();
    numbered.sort_by_key(|(numbers, _)| numbers.iter().min().copied());
    let numbered = numbered.into_iter().map(|(numbers, row)| {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        entry(Source::Entra, numbers.iter().map(|number| format!("AADSTS{number}")).collect(), row)
    });
    let google = google::ROWS.iter().map(|said| {
        let words: String = said.words.iter().map(|word| format!(" “{word}”")).collect();
        entry(Source::Google, vec![format!("{}{words}", said.error)], &said.row)
    });
    let week =
        [entry(Source::Google, vec!["invalid_grant, a week after the sign-in".into()], &google::TESTING)];
    let errors = oauth::ROWS.iter().map(|(error, row)| entry(Source::OAuth, vec![(*error).into()], row));
    let other = [entry(Source::OAuth, vec!["anything else".into()], &oauth::UNKNOWN)];
    let lost = "the link ends at the list of the folders (Exchange)";
    let servers = symptom::SYMPTOMS.iter().map(|symptom| server(symptom, ""));
    let alone = symptom::ALONE.iter().map(|symptom| server(symptom, ", app-only"));
    let lost = [
        entry(Source::Server, vec![lost.into()], &symptom::LOST_AT_LIST),
        entry(Source::Server, vec!["a password refused in other words".into()], &symptom::PASSWORD_REFUSED),
    ];
    numbered
        .chain(google)
        .chain(week)
        .chain(errors)
        .chain(other)
        .chain(servers)
        .chain(alone)
        .chain(lost)
        .collect()
}

fn server(symptom: &symptom::Symptom, flow: &str) -> Entry {
    let words = symptom.words.iter().map(|word| format!("“{word}”")).collect::<Vec<_>>().join(" … ");
    let services: Vec<&str> = symptom
        .services
        .iter()
        .map(|service| match service {
            Service::Imap => "IMAP",
            Service::Pop => "POP",
            Service::Smtp => "SMTP",
            Service::Graph => "Graph",
        })
        .collect();
    let family = match symptom.family {
        Some(crate::provider::Family::Microsoft) => "Exchange, ",
        Some(crate::provider::Family::Google) => "Gmail, ",
        Some(crate::provider::Family::Other) | None => "",
    };
    entry(Source::Server, vec![format!("{words} ({family}{}{flow})", services.join(", "))], &symptom.row)
}

/// What a word means that people who keep a mailbox may not have met.
const WORDS: &[(&str, &str)] = &[
    (
        "app registration",
        "what the provider knows of Postern: an id, a secret or a certificate, the Callback Endpoint",
    ),
    ("Authenticated SMTP", "Exchange's switch that lets a mailbox send through programs such as Postern"),
    (
        "Callback Endpoint",
        "the address to which the provider leads the browser back after a sign-in; *redirect URI* there",
    ),
    (
        "certificate",
        "what stands for a secret without being one: Postern keeps its key, the provider gets its public half",
    ),
    ("client", "another word for the app registration; *public* when it has no secret"),
    (
        "Client ID",
        "the public name of the app registration; *Application (client) ID* in the Microsoft Entra admin center",
    ),
    ("Client Secret", "the password of the app registration; its *Value*, not its *Secret ID*"),
    (
        "cloud",
        "Microsoft runs several, each with hosts and a portal of its own: the global one, one for China, two for the US government",
    ),
    (
        "Conditional Access",
        "rules of an organization at Microsoft: who may sign in, from where, with which device",
    ),
    ("consent", "somebody's yes that Postern may use a mailbox; an administrator can give it for all"),
    ("correlation id", "a number by which Microsoft finds one sign-in in its log"),
    ("delegated permission", "what an app may do as the person who signed in"),
    ("endpoint", "an address of the provider that Postern asks or to which it leads the browser"),
    ("federated credential", "a trust in another sign-in service, in place of a secret"),
    ("Full Access", "the right in Exchange to open somebody else's mailbox"),
    ("license", "what the organization pays for; without one there is no mailbox in Exchange Online"),
    (
        "OAuth2",
        "signing in with a token that the provider gives after a sign-in in the browser, instead of a password",
    ),
    ("redirect URI", "see Callback Endpoint"),
    ("second factor", "a proof beside the password, such as a code on a phone"),
    ("Scopes", "what Postern asks to be allowed to do, as the provider writes it"),
    ("Send As", "the right in Exchange to send as another address"),
    (
        "service account",
        "an account at Google for programs, which an administrator lets into the mailboxes of a domain",
    ),
    ("shared mailbox", "a mailbox in Exchange without a person: others open it with Full Access"),
    (
        "single-page application",
        "a kind of app that runs in the browser; Postern is not one, its platform is *Web*",
    ),
    ("tenant", "an organization's own part of Microsoft's cloud; it has an id and domains"),
    ("token", "what the provider gives for a sign-in and the mail server takes instead of a password"),
];

const HEAD: &str = "# Errors

What providers and mail servers say when a mailbox does not work, what is behind it, and what to do. Postern shows the same
words on the mailbox's page; here they are for looking a number up. The OAuth2 `error` decides whether Postern tries again
or waits for a person; a number only chooses the words.

| in the tables | means |
|---|---|
| passes | Postern tries again by itself |
| authorize again | a person must sign in again: **Submit** on the mailbox's Config page, **Authorize again** beside its tabs, or `postern mailbox reauthorize` |
| settings | something must be changed in the registration, in the tenant or in Postern |
| a rule | the organization forbids it: its administrators must change a rule or an account |
| defect | Postern did something wrong, if the settings are those of the guide: report it |

A number that is not here: open <https://login.microsoftonline.com/error> and enter it there. Keep the correlation id and the
time that Postern shows beside it: they find the event in the sign-in log.

The pages of *Microsoft Entra admin center* are also reached from the Azure portal, under Microsoft Entra ID. What Microsoft and Google
call their pages changes now and then; what the page is for stays.
";

const fn word(class: Class) -> &'static str {
    match class {
        Class::Retry => "passes",
        Class::Configuration => "settings",
        Class::Policy => "a rule",
        Class::AuthorizeAgain => "authorize again",
        Class::Defect => "defect",
    }
}

/// `docs/manual/errors.md`.
#[must_use]
pub fn manual() -> String {
    let entries = entries();
    let mut page = HEAD.to_owned();
    for (source, title, first) in [
        (Source::Entra, "Microsoft's numbers", "number"),
        (Source::Google, "What Google says", "error"),
        (Source::OAuth, "What any provider says", "error"),
        (Source::Server, "What mail servers say", "in the answer"),
    ] {
        page.push_str(&format!(
            "\n## {title}\n\n| {first} | what happened | what to do | where | |\n|---|---|---|---|---|\n"
        ));
        for entry in entries.iter().filter(|entry| entry.source == source) {
            page.push_str(&format!(
                "| {} | {} | {} | {} | {} |\n",
                entry.names.join(", "),
                entry.cause,
                entry.remedy,
                entry.place.unwrap_or(""),
                word(entry.class)
            ));
        }
    }
    page.push_str("\n## Words\n\n| word | meaning |\n|---|---|\n");
    for (word, meaning) in WORDS {
        page.push_str(&format!("| {word} | {meaning} |\n"));
    }
    page
}
