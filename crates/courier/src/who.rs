//! Who signed in, and whether that is who the mailbox belongs to (*Strict Matching*).
use crate::Courier;
use crate::refresh::token_trouble;
use crate::trouble::Trouble;
use desk::mailboxes::client::Client;
use desk::mailboxes::grant::{Grant, Owner};
use desk::mailboxes::mailbox::Mailbox;
use mail::explain::Class;
use secrecy::SecretString;
use url::Url;
use wire::oauth::{Expected, Identity, identify};

/// The account behind the tokens.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub owner: Owner,
    /// What an administrator should know about it.
    pub note: Option<String>,
}

impl Owned {
    /// Says so when another account than before has signed in: mostly a mistake, sometimes meant.
    pub(crate) fn compare_with(&mut self, before: &Grant) {
        let Some(subject) = before.owner_subject.as_deref().filter(|subject| !subject.is_empty()) else {
            return;
        };
        if self.owner.subject.is_empty() || self.owner.subject == subject {
            return;
        }
        let name = |address: &Option<String>| address.clone().unwrap_or_else(|| "another account".to_owned());
        let changed = format!(
            "Before, {} had signed in; now {}.",
            name(&before.owner_address),
            name(&self.owner.address)
        );
        self.note = Some(self.note.take().into_iter().chain([changed]).collect::<Vec<_>>().join(" "));
    }
}

/// Reads the checked id_token. With *Strict Matching* another person's sign-in, or nobody's, is refused and its
/// tokens are not used; without, it is said who it was (a shared mailbox, an alias).
pub(crate) async fn signed_in(
    courier: &Courier,
    client: &Client,
    mailbox: &Mailbox,
    token_endpoint: &Url,
    id_token: Option<&SecretString>,
    nonce: &str,
) -> Result<Owned, Trouble> {
    let Some(id_token) = id_token else {
        return if client.strict_matching { Err(nobody(mailbox)) } else { Ok(unknown()) };
    };
    let expected = Expected { client_id: client.client_id.trim(), nonce: Some(nonce), now_at: courier.now() };
    let identity = identify(courier.net(), token_endpoint, id_token, expected)
        .await
        .map_err(|error| identity_trouble(&error, &client.provider))?;
    let addresses = addresses(&identity, &client.email_attribute);
    let wanted = mail::address::key(&mailbox.address);
    let matches = addresses.iter().any(|address| mail::address::key(address) == wanted);
    let shown = addresses.first().cloned();
    match (matches, client.strict_matching) {
        (false, true) => Err(shown.map_or_else(|| nobody(mailbox), |shown| another(mailbox, &shown))),
        (matches, _) => Ok(Owned {
            note: (!matches).then(|| note(mailbox, shown.as_deref())),
            owner: Owner {
                subject: subject(&identity),
                address: if matches { Some(mailbox.address.clone()) } else { shown },
            },
        }),
    }
}

/// Where the provider says the account's address is. None of these is proof; the server's own sign-in is.
fn addresses(identity: &Identity, attribute: &str) -> Vec<String> {
    let known = |name: &str| match name {
        "email" => identity.email.clone(),
        "preferred_username" => identity.preferred_username.clone(),
        "upn" => identity.upn.clone(),
        other => identity.claims.get(other).cloned(),
    };
    let attribute = attribute.trim();
    let names: &[&str] =
        if attribute.is_empty() { &["email", "preferred_username", "upn"] } else { &[attribute] };
    names.iter().filter_map(|name| known(name)).filter(|address| !address.trim().is_empty()).collect()
}

/// What never changes about the account.
fn subject(identity: &Identity) -> String {
    match (&identity.oid, &identity.tid) {
        (Some(oid), Some(tid)) => format!("{oid}@{tid}"),
        _ => identity.subject.clone(),
    }
}

fn identity_trouble(error: &wire::Error, provider: &str) -> Trouble {
    let mut trouble = token_trouble(error, provider);
    trouble.code = "id_token".to_owned();
    trouble.remedy =
        "Press Submit again. If it stays, check Client ID, the endpoints and this machine's clock."
            .to_owned();
    trouble
}

fn another(mailbox: &Mailbox, signed_in: &str) -> Trouble {
    Trouble::new(
        Class::AuthorizeAgain,
        "another_person",
        format!("You signed in as {signed_in}, but this mailbox is {}. Nothing was stored.", mailbox.address),
        format!(
            "Press Submit again and choose {}. For a shared mailbox or an alias switch Strict Matching off in the tab Info.",
            mailbox.address
        ),
    )
}

fn nobody(mailbox: &Mailbox) -> Trouble {
    Trouble::new(
        Class::Configuration,
        "nobody_named",
        format!(
            "The provider did not say who signed in, so it is not known whether it was {}.",
            mailbox.address
        ),
        "Add openid, profile and email to Scopes and press Submit again, or switch Strict Matching off in the tab Info.",
    )
}

fn unknown() -> Owned {
    Owned {
        owner: Owner { subject: String::new(), address: None },
        note: Some("The provider did not say who signed in.".to_owned()),
    }
}

fn note(mailbox: &Mailbox, shown: Option<&str>) -> String {
    match shown {
        Some(shown) => format!("Signed in as {shown} to open {}.", mailbox.address),
        None => "The provider did not say who signed in.".to_owned(),
    }
}
