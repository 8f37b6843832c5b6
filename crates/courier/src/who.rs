//! Who signed in, from the id_token or the Resource Details Endpoint, and whether that is who the mailbox belongs to (*Strict Matching*).
use crate::Courier;
use crate::refused::token_trouble;
use crate::registration::{at_home, corrected, endpoint, resource_of};
use crate::trouble::{Trouble, sentence};
use desk::mailboxes::client::Client;
use desk::mailboxes::grant::{Grant, Owner};
use desk::mailboxes::mailbox::{Mailbox, Shape};
use mail::explain::Class;
use std::collections::BTreeMap;
use url::Url;
use wire::oauth::{
    Discovery, Expected, Identity, TokenSet, identify, identify_by, is_same_issuer, resource_details,
};

/// What the tokens of a try wait for, in the row's words.
pub(crate) const ANOTHER_ADDRESS: &str = "another_person";
pub(crate) const ANOTHER_OPENER: &str = "another_opener";

const DETAILS: &str = "Resource Details Endpoint";
/// Where an address is looked for when no Email Address Attribute is entered: OpenID's name, Graph's two, Entra's.
const ATTRIBUTES: [&str; 5] = ["email", "mail", "userPrincipalName", "preferred_username", "upn"];

/// The account behind the tokens.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub owner: Owner,
    /// What an administrator should know about it.
    pub note: Option<String>,
    /// Somebody else than expected: a person decides before the tokens are used.
    pub dispute: Option<Trouble>,
}

impl Owned {
    /// Says so when another account than before has signed in: mostly a mistake, sometimes meant. To a shared mailbox
    /// nothing else tells a mistake, so there *Strict Matching* asks.
    pub(crate) fn compare_with(&mut self, before: &Grant, mailbox: &Mailbox, client: &Client) {
        let Some(subject) = before.owner_subject.as_deref().filter(|subject| !subject.is_empty()) else {
            return;
        };
        if self.owner.subject.is_empty() || self.owner.subject == subject {
            return;
        }
        let name = |address: &Option<String>| address.clone().unwrap_or_else(|| "another account".to_owned());
        if client.strict_matching && mailbox.shape == Shape::Shared {
            self.dispute =
                Some(another_opener(mailbox, &name(&before.owner_address), &name(&self.owner.address)));
            return;
        }
        let changed = format!(
            "Before, {} had signed in; now {}.",
            name(&before.owner_address),
            name(&self.owner.address)
        );
        self.note = Some(self.note.take().into_iter().chain([changed]).collect::<Vec<_>>().join(" "));
    }
}

/// What the token endpoint answered to the code.
pub(crate) struct Fresh<'a> {
    pub set: &'a TokenSet,
    /// What the access token was asked for.
    pub scope: &'a str,
    /// What the id_token must repeat, if anything.
    pub nonce: Option<&'a str>,
    /// Who the authorization answer said it comes from, where it said so (RFC 9207).
    pub issuer: Option<&'a str>,
    /// What the provider says of itself, where that was asked for already.
    pub metadata: Option<&'a Discovery>,
}

/// What the registration's provider says of itself, where it is known where. An id_token is then believed by its keys alone,
/// so it is asked for before a code is exchanged for one in vain. Where no document is known, the link to the token endpoint
/// stands for the signature.
pub(crate) async fn metadata(courier: &Courier, client: &Client) -> Result<Option<Discovery>, Trouble> {
    let token_endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
    let at = document(courier, client);
    match wire::oauth::metadata(courier.net(), &token_endpoint, at.as_ref()).await {
        Ok(found) => Ok(found),
        Err(error)
            if corrected(&courier.desk().providers, client).split_whitespace().any(|s| s == "openid") =>
        {
            Err(identity_trouble(courier, &error, &client.provider))
        }
        Err(_) => Ok(None),
    }
}

/// Where a known provider's document is.
fn document(courier: &Courier, client: &Client) -> Option<Url> {
    let known = at_home(&courier.desk().providers, client)?;
    let at = known.discovery_endpoint.as_deref()?;
    Url::parse(&at.replace("{tenant}", &client.tenant)).ok()
}

/// Reads the checked id_token, and the Resource Details Endpoint where there is one. With *Strict Matching*
/// another person's sign-in is disputed, and nobody's is refused; without, it is said who it was.
pub(crate) async fn signed_in(
    courier: &Courier,
    client: &Client,
    mailbox: &Mailbox,
    token_endpoint: &Url,
    fresh: &Fresh<'_>,
) -> Result<Owned, Trouble> {
    let identity = match &fresh.set.id_token {
        Some(id_token) => {
            let (client_id, nonce) = (client.client_id.trim(), fresh.nonce);
            let known = at_home(&courier.desk().providers, client);
            let issuer = known.and_then(|oauth2| oauth2.issuer.as_deref());
            let expected = Expected { client_id, nonce, issuer, now_at: courier.now() };
            let net = courier.net();
            let identity = match fresh.metadata {
                Some(metadata) => identify_by(net, token_endpoint, Some(metadata), id_token, expected).await,
                None => {
                    let at = document(courier, client);
                    identify(net, token_endpoint, at.as_ref(), id_token, expected).await
                }
            };
            let identity = identity.map_err(|error| identity_trouble(courier, &error, &client.provider))?;
            if let Some(said) = fresh.issuer.filter(|said| !is_same_issuer(said, &identity.issuer)) {
                return Err(two_issuers(said, &identity.issuer));
            }
            Some(identity)
        }
        None => None,
    };
    let asked = asked(courier, client, identity.is_some());
    let details = match details(courier, &asked, fresh).await {
        // Who it was must not be known: it is only said that it could not be found out.
        Err(trouble) if !client.strict_matching => {
            let subject = identity.as_ref().map(subject).unwrap_or_default();
            let note = Some(trouble.whole_reason());
            return Ok(Owned { owner: Owner { subject, address: None }, note, dispute: None });
        }
        details => details?,
    };
    let claims = details.as_ref().or(identity.as_ref().map(|identity| &identity.claims));
    let addresses = claims.map(|claims| addresses(claims, &asked.attribute)).unwrap_or_default();
    let subject = match (&identity, &details) {
        (Some(identity), _) => subject(identity),
        (None, Some(details)) => details.get("sub").or(details.get("id")).cloned().unwrap_or_default(),
        (None, None) => String::new(),
    };
    let wanted = mail::address::key(mailbox.opens());
    let matches = addresses.iter().any(|address| mail::address::key(address) == wanted);
    let shown = addresses.first().cloned();
    // Whoever may open a shared mailbox is the right one, as long as it is known who it was.
    let strict = client.strict_matching && (mailbox.shape != Shape::Shared || subject.is_empty());
    let dispute = match (matches, strict, &shown, &details) {
        (false, true, Some(shown), _) => Some(another(mailbox, shown)),
        (false, true, None, Some(_)) => return Err(nothing_there(&asked)),
        (false, true, None, None) => return Err(nobody(mailbox)),
        (true, _, _, _) | (false, false, _, _) => None,
    };
    let own = matches && mailbox.shape == Shape::Own;
    Ok(Owned {
        note: (!own).then(|| note(mailbox, shown.as_deref())),
        owner: Owner { subject, address: if matches { Some(mailbox.opens().to_owned()) } else { shown } },
        dispute,
    })
}

/// Where it is asked who signed in, and under which name the address stands there.
struct Asked {
    endpoint: String,
    attribute: String,
}

/// As the registration says. Where it says nothing and no id_token came, the provider's own page is asked.
fn asked(courier: &Courier, client: &Client, has_id_token: bool) -> Asked {
    let entered = Asked {
        endpoint: client.resource_details_endpoint.trim().to_owned(),
        attribute: client.email_attribute.trim().to_owned(),
    };
    let known = at_home(&courier.desk().providers, client).filter(|_| !has_id_token);
    let Some(known) = known.filter(|_| entered.endpoint.is_empty()) else { return entered };
    match (&known.profile, &known.userinfo_endpoint) {
        (Some(profile), _) => {
            Asked { endpoint: profile.endpoint.clone(), attribute: profile.attribute.clone() }
        }
        (None, Some(userinfo)) => Asked { endpoint: userinfo.clone(), ..entered },
        (None, None) => entered,
    }
}

/// What is said there; `None` where nobody is asked.
async fn details(
    courier: &Courier,
    asked: &Asked,
    fresh: &Fresh<'_>,
) -> Result<Option<BTreeMap<String, String>>, Trouble> {
    if asked.endpoint.is_empty() {
        return Ok(None);
    }
    let url = endpoint(courier, DETAILS, &asked.endpoint)?;
    let details = resource_details(courier.net(), &url, &fresh.set.access_token).await;
    details.map(Some).map_err(|error| details_trouble(&error, fresh.scope))
}

/// Where the provider says the account's address is. None of these is proof; the server's own sign-in is.
fn addresses(claims: &BTreeMap<String, String>, attribute: &str) -> Vec<String> {
    let attribute = attribute.trim();
    let names: &[&str] = if attribute.is_empty() { &ATTRIBUTES } else { &[attribute] };
    let texts = names.iter().filter_map(|name| claims.get(*name));
    texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// What never changes about the account.
fn subject(identity: &Identity) -> String {
    match (&identity.oid, &identity.tid) {
        (Some(oid), Some(tid)) => format!("{oid}@{tid}"),
        _ => identity.subject.clone(),
    }
}

fn identity_trouble(courier: &Courier, error: &wire::Error, provider: &str) -> Trouble {
    let mut trouble = token_trouble(courier, error, provider);
    trouble.code = "id_token".to_owned();
    trouble.remedy = match error.kind() {
        wire::Kind::Transient { .. } => {
            "Authorize it again in a few minutes. If it stays, look whether this machine reaches the provider."
        }
        wire::Kind::Unauthorized | wire::Kind::Rejected | wire::Kind::Broken => {
            "Authorize it again. If it stays, check Client ID, the endpoints and this machine's clock."
        }
    }
    .to_owned();
    trouble
}

/// Most often the token is for another resource: Graph takes none of Outlook's.
fn details_trouble(error: &wire::Error, scope: &str) -> Trouble {
    let class = match error.kind() {
        wire::Kind::Transient { .. } => Class::Retry,
        wire::Kind::Unauthorized | wire::Kind::Rejected | wire::Kind::Broken => Class::Configuration,
    };
    let resource = resource_of(scope);
    let token = if resource == "default" {
        "the access token of the sign-in".to_owned()
    } else {
        format!("the access token for {resource}")
    };
    let remedy = match class {
        Class::Retry => format!(
            "Authorize it again in a few minutes. If it stays, leave the {DETAILS} under Advanced empty: the id_token \
             is read then."
        ),
        _ => format!(
            "Check it under Advanced: it is asked with {token}, which only that resource takes. Leave it empty to \
             read the id_token, then authorize it again."
        ),
    };
    let reason = format!("The {DETAILS} was asked who signed in. {}", sentence(&error.to_string()));
    Trouble::new(class, "resource_details", reason, remedy)
}

fn two_issuers(said: &str, issuer: &str) -> Trouble {
    Trouble::new(
        Class::Configuration,
        "another_issuer",
        format!(
            "The answer says that it comes from {said}, but its id_token comes from {issuer}. Nothing was stored."
        ),
        "Check that both endpoints are of one provider, then authorize it again.",
    )
}

fn nothing_there(asked: &Asked) -> Trouble {
    let attribute = asked.attribute.as_str();
    let looked = if attribute.is_empty() { ATTRIBUTES.join(", ") } else { attribute.to_owned() };
    Trouble::new(
        Class::Configuration,
        "nobody_named",
        format!("The {DETAILS} answered, but gave no address under {looked}."),
        "Enter the name under which it gives the address as Email Address Attribute (user.mail for a mail inside of \
         user), and authorize it again.",
    )
}

fn another(mailbox: &Mailbox, signed_in: &str) -> Trouble {
    let wanted = mailbox.opens();
    let of = if mailbox.shape == Shape::Own { String::new() } else { format!(" ({})", mailbox.address) };
    Trouble::new(
        Class::AuthorizeAgain,
        ANOTHER_ADDRESS,
        format!(
            "{signed_in} has signed in, but this mailbox is {wanted}{of}. The tokens are kept, and not used."
        ),
        format!(
            "Say within ten minutes whether {} is a shared mailbox or an alias, or sign in again as {wanted}.",
            mailbox.address
        ),
    )
}

fn another_opener(mailbox: &Mailbox, before: &str, now: &str) -> Trouble {
    Trouble::new(
        Class::AuthorizeAgain,
        ANOTHER_OPENER,
        format!(
            "{now} has signed in, but it is {before} who opens the shared mailbox {}. The tokens are kept, and not used.",
            mailbox.address
        ),
        format!("Say within ten minutes whether {now} opens it from now on, or sign in again as {before}."),
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
        "Add openid, profile and email to Scopes and authorize it again, or switch Strict Matching off in the tab Info.",
    )
}

/// Who signed in, and what is opened with it.
pub(crate) fn opened(mailbox: &Mailbox, signed_in: &str) -> String {
    match &mailbox.shape {
        Shape::Alias { opens } => {
            format!("Signed in as {signed_in}, to open {opens} for {}.", mailbox.address)
        }
        Shape::Own | Shape::Shared => format!("Signed in as {signed_in}, to open {}.", mailbox.address),
    }
}

fn note(mailbox: &Mailbox, shown: Option<&str>) -> String {
    match shown {
        Some(shown) => opened(mailbox, shown),
        None => "The provider did not say who signed in.".to_owned(),
    }
}
