//! What a registration must be: its fields made one and checked, what is needed for which flow, and which change of an
//! endpoint leads elsewhere.
use super::account::KeyFile;
use super::{Authentication, Client, EnteredClient, Flow, Scheme, offer};
use crate::mailboxes::mailbox::Completeness;
use crate::mailboxes::tenant;
use crate::site::endpoint;
use crate::{Error, Refusal, Result};
use mail::provider::Preset;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

pub(super) const AUTHORIZATION: &str = "Authorization Endpoint";
pub(super) const TOKEN: &str = "Token Endpoint";
const DETAILS: &str = "Resource Details Endpoint";

/// What is entered, made one and checked.
pub(super) fn checked(
    old: &Client,
    preset: Option<&Preset>,
    entered: &EnteredClient,
    file: Option<&KeyFile>,
    scheme: Scheme,
    completeness: Completeness,
) -> Result<Client> {
    offered(preset, entered)?;
    let client_id = client_id(entered, file, completeness)?;
    let fields = endpoints(old, preset, entered, scheme, completeness)?;
    let details = entered.resource_details_endpoint.trim().to_owned();
    if !details.is_empty() {
        check_endpoint(DETAILS, &details, scheme)?;
    }
    let mut scopes = line(&entered.scopes);
    if !entered.flow.is_unattended() {
        needed("Scopes", &scopes, completeness)?;
    } else if scopes.is_empty() {
        scopes.clone_from(&old.scopes); // for the day when a person signs in again
    }
    let (account_address, account_key_id) = match file {
        Some(file) => (file.address.clone(), file.key_id.clone()),
        None => (old.account_address.clone(), old.account_key_id.clone()),
    };
    if entered.flow == Flow::ServiceAccount {
        needed("Key file of the service account", &account_address, completeness)?;
    }
    has_its_certificate(old, entered, completeness)?;
    Ok(Client {
        flow: entered.flow,
        authentication: entered.authentication,
        secret_expires_at: entered.secret_expires_at,
        account_address,
        account_key_id,
        name: entered.name.trim().to_owned(),
        active: entered.active,
        tenant: fields.tenant,
        client_id,
        authorization_endpoint: fields.authorization,
        token_endpoint: fields.token,
        scopes,
        resource_details_endpoint: details,
        email_attribute: entered.email_attribute.trim().to_owned(),
        strict_matching: entered.strict_matching,
        notes: entered.notes.clone(),
        ..old.clone()
    })
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A service account's file says itself which client it is.
fn client_id(entered: &EnteredClient, file: Option<&KeyFile>, completeness: Completeness) -> Result<String> {
    let client_id = file.map_or(entered.client_id.trim(), |file| &file.client_id).to_owned();
    needed("Client ID", &client_id, completeness)?;
    if client_id.len() > 255 || client_id.bytes().any(|b| !b.is_ascii_graphic()) {
        let why = "copy it from the provider's page; it holds no blanks and no special characters.".into();
        return Err(Refusal::BadEndpoint { field: "Client ID", why }.into());
    }
    Ok(client_id)
}

/// Tenant and endpoints, which agree.
fn endpoints(
    old: &Client,
    preset: Option<&Preset>,
    entered: &EnteredClient,
    scheme: Scheme,
    completeness: Completeness,
) -> Result<tenant::Fields> {
    let asked = tenant::Fields {
        tenant: entered.tenant.trim().to_owned(),
        authorization: entered.authorization_endpoint.trim().to_owned(),
        token: entered.token_endpoint.trim().to_owned(),
    };
    let fields = if let Some(preset) = preset.filter(|preset| preset.asks_for_tenant()) {
        let stored = tenant::Fields {
            tenant: old.tenant.clone(),
            authorization: old.authorization_endpoint.clone(),
            token: old.token_endpoint.clone(),
        };
        match tenant::agree(preset, &stored, &asked) {
            // The example of the page stays until there is a tenant: a secret is bound to its origin already.
            Err(Error::Refused(Refusal::Required(_))) if completeness == Completeness::Draft => asked,
            agreed => agreed?,
        }
    } else {
        tenant::or_of_preset(preset, asked)
    };
    if entered.flow == Flow::AppOnly
        && ["common", "organizations", "consumers"].contains(&fields.tenant.as_str())
    {
        let why = format!(
            "an application gets no token at {}: enter the Directory (tenant) ID or a domain of the organization.",
            fields.tenant
        );
        return Err(Refusal::BadEndpoint { field: "Tenant", why }.into());
    }
    for (field, endpoint) in [(AUTHORIZATION, &fields.authorization), (TOKEN, &fields.token)] {
        if field == TOKEN || !entered.flow.is_unattended() {
            needed(field, endpoint, completeness)?;
        }
        if !endpoint.is_empty() {
            check_endpoint(field, endpoint, scheme)?;
        }
    }
    Ok(fields)
}

fn has_its_certificate(old: &Client, entered: &EnteredClient, completeness: Completeness) -> Result<()> {
    let shows = entered.authentication == Authentication::Certificate && entered.flow != Flow::ServiceAccount;
    if shows && !old.has_certificate && completeness == Completeness::Complete {
        let sentence =
            "There is no certificate yet. Make one, upload its .cer file at the provider, then go on.";
        return Err(Refusal::Other(sentence.into()).into());
    }
    Ok(())
}

/// The secret, entered now or kept, may go where the registration leads from now on.
pub(super) fn secret_may_go(
    old: &Client,
    new: &Client,
    preset: Option<&Preset>,
    secret: Option<&SecretString>,
    completeness: Completeness,
) -> Result<()> {
    if new.token_endpoint.is_empty() && (secret.is_some() || old.has_secret) {
        return Err(Refusal::Required(TOKEN).into()); // it says where the secret may go
    }
    if let Some(secret) = secret {
        return match offer::is_secret_id(preset, secret.expose_secret()) {
            true => Err(Refusal::SecretLooksLikeId.into()),
            false => Ok(()),
        };
    }
    if !old.has_secret {
        return match wants_secret(new, preset) {
            true => needed("Client Secret", "", completeness),
            false => Ok(()),
        };
    }
    if let Some(Moved { from, to, .. }) = moved(old, new).into_iter().find(|m| m.field == TOKEN) {
        return Err(Refusal::SecretAgain { field: "Client Secret", from, to }.into());
    }
    match details_led_to(old, new, preset) {
        Some(to) => Err(Refusal::Other(format!(
            "The access token of whoever signs in next would go to {to} ({DETAILS}), which is neither where tokens come from \
             nor known of this provider. Enter the Client Secret again to lead it there."
        ))
        .into()),
        None => Ok(()),
    }
}

/// Where fresh access tokens would go from now on that nothing vouches for.
fn details_led_to(old: &Client, new: &Client, preset: Option<&Preset>) -> Option<String> {
    let to = origin(&new.resource_details_endpoint);
    let oauth2 = new.at_home_of(preset).and_then(|preset| preset.oauth2.as_ref());
    let known = [
        Some(old.resource_details_endpoint.as_str()),
        Some(new.token_endpoint.as_str()),
        oauth2.and_then(|oauth2| oauth2.userinfo_endpoint.as_deref()),
        oauth2.and_then(|oauth2| oauth2.profile.as_ref()).map(|profile| profile.endpoint.as_str()),
    ];
    let is_known = to.is_empty() || known.into_iter().flatten().any(|known| origin(known) == to);
    (!is_known).then_some(to)
}

/// Only a draft may be without it.
pub(super) fn needed(field: &'static str, value: &str, completeness: Completeness) -> Result<()> {
    match completeness {
        Completeness::Complete if value.is_empty() => Err(Refusal::Required(field).into()),
        Completeness::Complete | Completeness::Draft => Ok(()),
    }
}

/// What the provider is not known to have is refused before it is asked for in vain.
fn offered(preset: Option<&Preset>, entered: &EnteredClient) -> Result<()> {
    let Some(preset) = preset else { return Ok(()) };
    if !offer::flows(Some(preset)).contains(&entered.flow) {
        let sentence = match entered.flow {
            Flow::AppOnly => {
                format!("{} gives no access without a person. Let a person sign in.", preset.label)
            }
            Flow::ServiceAccount => {
                format!("{} is not known to have service accounts for mail.", preset.label)
            }
            Flow::Code => format!("{} lets nobody sign in.", preset.label),
        };
        return Err(Refusal::Other(sentence).into());
    }
    if entered.authentication == Authentication::Certificate && !offer::takes_certificate(Some(preset)) {
        let sentence = format!("{} is not known to take a certificate. Use a secret.", preset.label);
        return Err(Refusal::Other(sentence).into());
    }
    Ok(())
}

/// Whether it has to have a secret.
pub(super) fn wants_secret(client: &Client, preset: Option<&Preset>) -> bool {
    let shown = client.flow != Flow::ServiceAccount && client.authentication == Authentication::Secret;
    shown && (offer::needs_secret(preset) || client.flow == Flow::AppOnly)
}

/// Everything is there that signing in needs.
pub(super) fn is_complete(client: &Client, preset: Option<&Preset>) -> bool {
    let endpoint = |endpoint: &str| !endpoint.is_empty() && !endpoint.contains("{tenant}");
    let shows_itself = match (client.flow, client.authentication) {
        (Flow::ServiceAccount, _) => !client.account_address.is_empty(),
        (Flow::Code | Flow::AppOnly, Authentication::Certificate) => client.has_certificate,
        (Flow::Code | Flow::AppOnly, Authentication::Secret) => {
            client.has_secret || !wants_secret(client, preset)
        }
    };
    shows_itself
        && !client.client_id.is_empty()
        && (client.flow.is_unattended() || !client.scopes.is_empty())
        && (client.flow.is_unattended() || endpoint(&client.authorization_endpoint))
        && endpoint(&client.token_endpoint)
}

fn check_endpoint(field: &'static str, text: &str, scheme: Scheme) -> Result<()> {
    endpoint::check(field, text, scheme, ", because the secret is sent there").map(drop)
}

fn origin(endpoint: &str) -> String {
    Url::parse(endpoint.trim()).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// An endpoint that leads to another origin than before.
pub(super) struct Moved {
    pub field: &'static str,
    pub from: String,
    pub to: String,
}
pub(super) fn moved(old: &Client, new: &Client) -> Vec<Moved> {
    [
        (AUTHORIZATION, &old.authorization_endpoint, &new.authorization_endpoint),
        (TOKEN, &old.token_endpoint, &new.token_endpoint),
        (DETAILS, &old.resource_details_endpoint, &new.resource_details_endpoint),
    ]
    .into_iter()
    // What was empty had no secret entered for it.
    .filter(|(_, was, _)| !was.is_empty())
    .map(|(field, was, is)| Moved { field, from: origin(was), to: origin(is) })
    .filter(|m| m.from != m.to)
    .collect()
}
