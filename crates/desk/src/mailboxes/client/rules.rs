//! What a registration must be: its fields made one and checked, what is needed for which flow, and which change of an
//! endpoint leads elsewhere.
use super::account::KeyFile;
use super::{Authentication, Client, EnteredClient, Flow, Scheme};
use crate::mailboxes::mailbox::Completeness;
use crate::mailboxes::{choice, tenant};
use crate::site::endpoint;
use crate::{Error, Refusal, Result};
use mail::provider::Preset;
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
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A service account's file says itself which client it is.
    let client_id = file.map_or(entered.client_id.trim(), |file| &file.client_id).to_owned();
    needed("Client ID", &client_id, completeness)?;
    if client_id.len() > 255 || client_id.bytes().any(|b| !b.is_ascii_graphic()) {
        let why = "copy it from the provider's page; it holds no blanks and no special characters.".into();
        return Err(Refusal::BadEndpoint { field: "Client ID", why }.into());
    }
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
    if entered.flow == Flow::AppOnly && ["common", "consumers"].contains(&fields.tenant.as_str()) {
        let why = format!(
            "an application gets no token at {}: enter the Directory (tenant) ID or a domain of the organization.",
            fields.tenant
        );
        return Err(Refusal::BadEndpoint { field: "Tenant", why }.into());
    }
    let details = entered.resource_details_endpoint.trim().to_owned();
    for (field, endpoint) in [(AUTHORIZATION, &fields.authorization), (TOKEN, &fields.token)] {
        if field == TOKEN || !entered.flow.is_unattended() {
            needed(field, endpoint, completeness)?;
        }
        if !endpoint.is_empty() {
            check_endpoint(field, endpoint, scheme)?;
        }
    }
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
    if entered.authentication == Authentication::Certificate
        && entered.flow != Flow::ServiceAccount
        && !old.has_certificate
        && completeness == Completeness::Complete
    {
        let sentence =
            "There is no certificate yet. Make one, upload its .cer file at the provider, then go on.";
        return Err(Refusal::Other(sentence.into()).into());
    }
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
    if !choice::flows(Some(preset)).contains(&entered.flow) {
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
    if entered.authentication == Authentication::Certificate && !choice::takes_certificate(Some(preset)) {
        let sentence = format!("{} is not known to take a certificate. Use a secret.", preset.label);
        return Err(Refusal::Other(sentence).into());
    }
    Ok(())
}

/// Whether it has to have a secret.
pub(super) fn wants_secret(client: &Client, preset: Option<&Preset>) -> bool {
    let shown = client.flow != Flow::ServiceAccount && client.authentication == Authentication::Secret;
    shown && (choice::needs_secret(preset) || client.flow == Flow::AppOnly)
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

/// An endpoint that leads to another origin than before.
pub(super) struct Moved {
    pub field: &'static str,
    pub from: String,
    pub to: String,
}
pub(super) fn moved(old: &Client, new: &Client) -> Vec<Moved> {
    let origin = |endpoint: &str| {
        Url::parse(endpoint).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    };
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
