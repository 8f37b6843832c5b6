//! Postern's registration at a provider. Its row exists before its callback is shown, and the callback
//! never changes.
use super::choice::{self, known, needs_secret};
use super::grant::{self, Tokens};
use super::mailbox::Completeness;
use super::tenant;
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::site::event::{self, Subject};
use crate::site::sealed;
use crate::site::vault::{self, Vault};
use crate::{By, Error, Refusal, Result, params};
use mail::provider::{Book, Preset, is_on_this_machine};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

#[derive(Clone, Debug)]
pub struct Client {
    pub id: i64,
    /// Stands in the Callback Endpoint: `/oauth/callback/{public_id}`.
    pub public_id: String,
    /// A preset's key, or [`OTHER`].
    pub provider: String,
    pub name: String,
    pub active: bool,
    pub tenant: String,
    pub client_id: String,
    pub has_secret: bool,
    pub secret_expires_at: Option<i64>,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub scopes: String,
    pub resource_details_endpoint: String,
    pub email_attribute: String,
    pub strict_matching: bool,
    pub notes: String,
}
/// What the authorization page holds. An empty secret keeps the stored one, unless the token endpoint's
/// origin changed.
#[derive(Clone, Debug, Default)]
pub struct EnteredClient {
    pub name: String,
    pub active: bool,
    pub tenant: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub scopes: String,
    pub resource_details_endpoint: String,
    pub email_attribute: String,
    pub strict_matching: bool,
    pub notes: String,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    HttpsOnly,
    /// Plain http to loopback too: under the demo mark only.
    Practice,
}

/// Every column of a [`Client`], in the order that it is read in.
const SELECT: &str = "SELECT id, public_id, provider, name, active, tenant, client_id, client_secret IS NOT NULL,
    secret_expires_at, authorization_endpoint, token_endpoint, scopes, resource_details_endpoint, email_attribute,
    strict_matching, notes FROM client";

/// The provider of a registration whose endpoints were typed: no preset says anything about it.
pub const OTHER: &str = "other";

/// Allots a registration with the preset's scopes; `public_id` carries 128 random bits.
pub fn create(tx: &mut Tx<'_>, providers: &Book, by: &By, provider: &str, public_id: &str) -> Result<i64> {
    let scopes = known(providers, provider)?.map(Preset::scopes).unwrap_or_default();
    let id = tx.insert(
        "INSERT INTO client (public_id, provider, scopes, created_at) VALUES ($1, $2, $3, $4) RETURNING id",
        params![public_id, provider, scopes, by.at],
    )?;
    event::append(tx, by, Subject::Client(id), "created", json!({ "provider": provider }))?;
    Ok(id)
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Client>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE id = ").bind(id);
    Ok(tx.maybe(query.sql(), query.params())?)
}

pub fn find_by_public_id(tx: &mut Tx<'_>, public_id: &str) -> Result<Option<Client>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE public_id = ").bind(public_id);
    Ok(tx.maybe(query.sql(), query.params())?)
}

/// Tenant and endpoints agree: a tenant fills both, a pasted endpoint fills the tenant, two tenants are
/// refused, nothing silently becomes `common`. `practice` allows plain http to loopback.
///
/// A draft may lack what is needed, and what it holds is checked all the same. What was complete once stays so:
/// its tokens are refreshed with it.
///
/// A kept secret goes only to the origin it was entered for: another token endpoint asks for it again, and ends
/// what was granted, because refresh tokens would go there too.
pub fn change(
    tx: &mut Tx<'_>,
    vault: &Vault,
    providers: &Book,
    by: &By,
    id: i64,
    entered: &EnteredClient,
    scheme: Scheme,
    completeness: Completeness,
    nonce: [u8; 24],
) -> Result<Client> {
    let old = find(tx, id)?.ok_or(Refusal::NotFound("registration"))?;
    let preset = providers.find(&old.provider);
    let needs_secret = needs_secret(preset);
    let completeness = if is_complete(&old, needs_secret) { Completeness::Complete } else { completeness };
    let new = checked(&old, preset, entered, scheme, completeness)?;
    let moved = moved(&old, &new);
    let secret = entered.client_secret.as_ref().map(trimmed).filter(|s| !s.expose_secret().is_empty());
    if new.token_endpoint.is_empty() && (secret.is_some() || old.has_secret) {
        return Err(Refusal::Required(TOKEN).into()); // it says where the secret may go
    }
    match &secret {
        Some(secret) if choice::is_secret_id(preset, secret.expose_secret()) => {
            return Err(Refusal::SecretLooksLikeId.into());
        }
        Some(_) => {}
        None if !old.has_secret && needs_secret => needed("Client Secret", "", completeness)?,
        None if !old.has_secret => {}
        None => {
            if let Some((from, to)) =
                moved.iter().find(|m| m.field == TOKEN).map(|m| (m.from.clone(), m.to.clone()))
            {
                return Err(Refusal::SecretAgain { field: "Client Secret", from, to }.into());
            }
        }
    }
    let mut changed = differences(&old, &new);
    let kept = vault::if_it_opens(secret_for_system(tx, vault, id))?;
    let secret = match secret {
        // Entered again as it was: nothing changes, so that applying a file twice changes nothing.
        Some(secret) if vault::is_same(kept.as_ref(), &secret) => None,
        secret => secret,
    };
    if secret.is_some() {
        changed.insert("client_secret".into(), json!("entered"));
    }
    if changed.is_empty() {
        return Ok(old);
    }
    store(tx, &new)?;
    if let Some(secret) = secret {
        tx.execute(
            "UPDATE client SET client_secret = $2 WHERE id = $1",
            params![id, vault.seal(&secret_row(id), &secret, nonce)],
        )?;
    }
    event::append(tx, by, Subject::Client(id), "changed", changed.into())?;
    for m in &moved {
        let data = json!({ "field": m.field, "from": m.from, "to": m.to });
        event::append(tx, by, Subject::Client(id), "origin_changed", data)?;
    }
    if !moved.is_empty() {
        let tokens = if moved.iter().any(|m| m.field == TOKEN) { Tokens::Destroy } else { Tokens::Keep };
        grant::end_of_client(tx, by, id, tokens)?;
    }
    find(tx, id)?.ok_or_else(|| db::Error::NotFound.into())
}

pub fn secret_for_system(tx: &mut Tx<'_>, vault: &Vault, id: i64) -> Result<Option<SecretString>> {
    let sealed: Option<(Option<Vec<u8>>,)> =
        tx.maybe("SELECT client_secret FROM client WHERE id = $1", params![id])?;
    sealed.and_then(|(sealed,)| sealed).map(|sealed| vault.unseal(&secret_row(id), &sealed)).transpose()
}

const AUTHORIZATION: &str = "Authorization Endpoint";
const TOKEN: &str = "Token Endpoint";
const DETAILS: &str = "Resource Details Endpoint";

fn secret_row(id: i64) -> String {
    sealed::CLIENT_SECRET.row(id)
}

/// What is entered, made one and checked.
fn checked(
    old: &Client,
    preset: Option<&Preset>,
    entered: &EnteredClient,
    scheme: Scheme,
    completeness: Completeness,
) -> Result<Client> {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let client_id = entered.client_id.trim().to_owned();
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
    let details = entered.resource_details_endpoint.trim().to_owned();
    for (field, endpoint) in [(AUTHORIZATION, &fields.authorization), (TOKEN, &fields.token)] {
        needed(field, endpoint, completeness)?;
        if !endpoint.is_empty() {
            check_endpoint(field, endpoint, scheme)?;
        }
    }
    if !details.is_empty() {
        check_endpoint(DETAILS, &details, scheme)?;
    }
    let scopes = line(&entered.scopes);
    needed("Scopes", &scopes, completeness)?;
    Ok(Client {
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
fn needed(field: &'static str, value: &str, completeness: Completeness) -> Result<()> {
    match completeness {
        Completeness::Complete if value.is_empty() => Err(Refusal::Required(field).into()),
        Completeness::Complete | Completeness::Draft => Ok(()),
    }
}

/// Everything is there that signing in needs.
fn is_complete(client: &Client, needs_secret: bool) -> bool {
    let endpoint = |endpoint: &str| !endpoint.is_empty() && !endpoint.contains("{tenant}");
    (client.has_secret || !needs_secret)
        && !client.client_id.is_empty()
        && !client.scopes.is_empty()
        && endpoint(&client.authorization_endpoint)
        && endpoint(&client.token_endpoint)
}

fn check_endpoint(field: &'static str, endpoint: &str, scheme: Scheme) -> Result<()> {
    let bad = |why: &str| Err(Refusal::BadEndpoint { field, why: why.to_owned() }.into());
    let Ok(url) = Url::parse(endpoint) else {
        return bad("this is not a whole address. It begins with https://.");
    };
    if !url.username().is_empty()
        || url.password().is_some()
        || url.fragment().is_some()
        || url.host().is_none()
    {
        return bad("use the plain address, without a user name and without #.");
    }
    match (url.scheme(), scheme) {
        ("https", _) => Ok(()),
        ("http", Scheme::Practice) if is_on_this_machine(&url) => Ok(()),
        _ => bad("the address must begin with https://, because the secret is sent there."),
    }
}

/// An endpoint that leads to another origin than before.
struct Moved {
    field: &'static str,
    from: String,
    to: String,
}
fn moved(old: &Client, new: &Client) -> Vec<Moved> {
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

fn trimmed(secret: &SecretString) -> SecretString {
    SecretString::from(secret.expose_secret().trim().to_owned())
}

fn differences(old: &Client, new: &Client) -> serde_json::Map<String, serde_json::Value> {
    let of = |c: &Client| {
        [
            ("name", json!(c.name)),
            ("active", json!(c.active)),
            ("tenant", json!(c.tenant)),
            ("client_id", json!(c.client_id)),
            ("authorization_endpoint", json!(c.authorization_endpoint)),
            ("token_endpoint", json!(c.token_endpoint)),
            ("scopes", json!(c.scopes)),
            ("resource_details_endpoint", json!(c.resource_details_endpoint)),
            ("email_attribute", json!(c.email_attribute)),
            ("strict_matching", json!(c.strict_matching)),
            ("notes", json!(c.notes)),
        ]
    };
    let pairs = of(old).into_iter().zip(of(new));
    pairs
        .filter(|((_, was), (_, is))| was != is)
        .map(|((field, was), (_, is))| (field.into(), json!([was, is])))
        .collect()
}

fn store(tx: &mut Tx<'_>, new: &Client) -> Result<()> {
    tx.execute(
        "UPDATE client SET name = $2, active = $3, tenant = $4, client_id = $5, authorization_endpoint = $6,
                token_endpoint = $7, scopes = $8, resource_details_endpoint = $9, email_attribute = $10,
                strict_matching = $11, notes = $12
         WHERE id = $1",
        params![
            new.id,
            &new.name,
            new.active,
            &new.tenant,
            &new.client_id,
            &new.authorization_endpoint,
            &new.token_endpoint,
            &new.scopes,
            &new.resource_details_endpoint,
            &new.email_attribute,
            new.strict_matching,
            &new.notes
        ],
    )?;
    Ok(())
}

impl FromRow for Client {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        Ok(Client {
            id: c.take()?,
            public_id: c.take()?,
            provider: c.take()?,
            name: c.take()?,
            active: c.take()?,
            tenant: c.take()?,
            client_id: c.take()?,
            has_secret: c.take()?,
            secret_expires_at: c.take()?,
            authorization_endpoint: c.take()?,
            token_endpoint: c.take()?,
            scopes: c.take()?,
            resource_details_endpoint: c.take()?,
            email_attribute: c.take()?,
            strict_matching: c.take()?,
            notes: c.take()?,
        })
    }
}
