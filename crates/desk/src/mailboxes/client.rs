//! Postern's registration at a provider. Its row exists before its callback is shown, and the callback
//! never changes.
mod account;
pub mod certificate;
mod flow;
pub mod hosts;
pub mod offer;
mod row;
mod rules;

pub use crate::site::endpoint::Scheme;
pub use flow::{Authentication, Flow};

use super::grant::{self, Tokens};
use super::mailbox::{Completeness, Side};
use crate::db::{self, Query, Tx};
use crate::site::event::{self, Subject};
use crate::site::sealed;
use crate::site::vault::{self, Vault};
use crate::{By, Refusal, Result, params};
use account::KeyFile;
use mail::provider::{Book, Preset};
use offer::known;
use row::SELECT;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

#[derive(Clone, Debug)]
pub struct Client {
    pub id: i64,
    /// Stands in the Callback Endpoint: `/oauth/callback/{public_id}`.
    pub public_id: String,
    /// A preset's key, or [`OTHER`].
    pub provider: String,
    pub name: String,
    pub active: bool,
    pub flow: Flow,
    pub authentication: Authentication,
    pub tenant: String,
    pub client_id: String,
    pub has_secret: bool,
    pub secret_expires_at: Option<i64>,
    /// One is in use.
    pub has_certificate: bool,
    /// Of the service account; empty until its key file is entered.
    pub account_address: String,
    pub account_key_id: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub scopes: String,
    pub resource_details_endpoint: String,
    pub email_attribute: String,
    pub strict_matching: bool,
    pub notes: String,
}
/// When something ends of which a provider says only the day, such as `2028-01-31`: at its first moment, so that a warning
/// never comes too late.
pub fn first_moment(day: &str) -> Option<i64> {
    let day = day.parse::<jiff::civil::Date>().ok()?;
    let first = format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().ok()?;
    Some(first.as_millisecond())
}

impl Client {
    /// Whether a secret is what it shows at the provider, so that its end matters.
    pub fn shows_secret(&self) -> bool {
        self.has_secret && self.authentication == Authentication::Secret && self.flow != Flow::ServiceAccount
    }
    /// The same of a certificate.
    pub fn shows_certificate(&self) -> bool {
        self.authentication == Authentication::Certificate && self.flow != Flow::ServiceAccount
    }
    /// What is known of its provider, where its tokens do come from there: what is known of a provider is no word about an
    /// endpoint that somebody typed.
    pub fn at_home<'a>(&self, providers: &'a Book) -> Option<&'a Preset> {
        self.at_home_of(providers.find(&self.provider))
    }
    fn at_home_of<'a>(&self, preset: Option<&'a Preset>) -> Option<&'a Preset> {
        let preset = preset?;
        let endpoints = preset.endpoints(&self.tenant)?;
        (endpoints.token == self.token_endpoint.trim()).then_some(preset)
    }
}
/// What the authorization page holds. An empty secret keeps the stored one, unless the token endpoint's
/// origin changed.
#[derive(Clone, Debug, Default)]
pub struct EnteredClient {
    pub name: String,
    pub active: bool,
    pub flow: Flow,
    pub authentication: Authentication,
    pub tenant: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    /// When the provider ends it: told by a person, no answer says it.
    pub secret_expires_at: Option<i64>,
    /// The mailbox that secret and key file are entered for: tokens that need nobody go to its servers.
    pub entered_for: Option<i64>,
    /// The JSON of a service account; `None` keeps the stored one.
    pub account_file: Option<SecretString>,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub scopes: String,
    pub resource_details_endpoint: String,
    pub email_attribute: String,
    pub strict_matching: bool,
    pub notes: String,
}

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

/// What a registration is changed with, whatever is entered.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    pub vault: &'a Vault,
    pub providers: &'a Book,
    pub by: &'a By,
    /// `Practice` allows plain http to loopback.
    pub scheme: Scheme,
    pub completeness: Completeness,
    /// For its secret, and for the key of a service account.
    pub nonces: [[u8; 24]; 2],
}

/// Tenant and endpoints agree: a tenant fills both, a pasted endpoint fills the tenant, two tenants are
/// refused, nothing silently becomes `common`.
///
/// A draft may lack what is needed, and what it holds is checked all the same. What was complete once stays so:
/// its tokens are refreshed with it.
///
/// A kept secret goes only to the origin it was entered for: another token endpoint asks for it again, and ends
/// what was granted, because refresh tokens would go there too.
pub fn change(tx: &mut Tx<'_>, with: &Change<'_>, id: i64, entered: &EnteredClient) -> Result<Client> {
    let by = with.by;
    let old = find(tx, id)?.ok_or(Refusal::NotFound("registration"))?;
    let preset = with.providers.find(&old.provider);
    // Of another flow nothing was complete yet: the steps beside its form say how to come by what it lacks. What a person
    // consented to goes on meanwhile as it began.
    let was_complete = old.flow == entered.flow && rules::is_complete(&old, preset);
    let completeness = if was_complete { Completeness::Complete } else { with.completeness };
    // A key file says which client it is: one that comes with another flow would change the client behind a kept secret.
    let account_file = entered.account_file.as_ref().filter(|_| entered.flow == Flow::ServiceAccount);
    let file = account_file.map(KeyFile::read).transpose()?;
    let new = rules::checked(&old, preset, entered, file.as_ref(), with.scheme, completeness)?;
    let moved = rules::moved(&old, &new);
    let secret = entered.client_secret.as_ref().map(trimmed).filter(|s| !s.expose_secret().is_empty());
    rules::secret_may_go(&old, &new, preset, secret.as_ref(), completeness)?;
    let mut changed = row::differences(&old, &new);
    let [for_secret, for_key] = with.nonces;
    let given = [
        secret.map(|value| Given { what: Kept::Secret, value, nonce: for_secret }),
        file.map(|file| Given { what: Kept::AccountKey, value: file.key, nonce: for_key }),
    ];
    let mut others = Vec::new();
    for given in given.into_iter().flatten() {
        if let Some(other) = given.entered(tx, with.vault, id, entered.entered_for)? {
            changed.insert(other.what.column().into(), json!("entered"));
            others.push(other);
        }
    }
    if changed.is_empty() {
        return Ok(old);
    }
    row::store(tx, &new)?;
    others.iter().try_for_each(|other| other.store(tx, with.vault, id))?;
    if changed.keys().any(|field| row::TOKENS_DEPEND_ON.contains(&field.as_str())) {
        grant::ask_anew(tx, by, id)?;
    }
    event::append(tx, by, Subject::Client(id), "changed", changed.into())?;
    for m in &moved {
        let data = json!({ "field": m.field, "from": m.from, "to": m.to });
        event::append(tx, by, Subject::Client(id), "origin_changed", data)?;
    }
    if !moved.is_empty() {
        let tokens =
            if moved.iter().any(|m| m.field == rules::TOKEN) { Tokens::Destroy } else { Tokens::Keep };
        grant::end_of_client(tx, by, id, tokens)?;
    }
    find(tx, id)?.ok_or_else(|| db::Error::NotFound.into())
}

/// What is kept sealed.
#[derive(Clone, Copy)]
enum Kept {
    Secret,
    AccountKey,
}

impl Kept {
    fn column(self) -> &'static str {
        match self {
            Kept::Secret => "client_secret",
            Kept::AccountKey => "account_key",
        }
    }
    fn held(self) -> hosts::Held {
        match self {
            Kept::Secret => hosts::Held::Secret,
            Kept::AccountKey => hosts::Held::Account,
        }
    }
}

/// It is entered now.
struct Given {
    what: Kept,
    value: SecretString,
    nonce: [u8; 24],
}

impl Given {
    /// For that mailbox's servers. `None`: it is the one that is kept, so that applying a file twice changes nothing.
    fn entered(
        self,
        tx: &mut Tx<'_>,
        vault: &Vault,
        id: i64,
        entered_for: Option<i64>,
    ) -> Result<Option<Given>> {
        let kept = vault::if_it_opens(match self.what {
            Kept::Secret => secret_for_system(tx, vault, id),
            Kept::AccountKey => account_key_for_system(tx, vault, id),
        })?;
        let is_kept = vault::is_same(kept.as_ref(), &self.value);
        let before = if is_kept { hosts::Before::TheSame } else { hosts::Before::Another };
        hosts::enter(tx, id, self.what.held(), entered_for, before)?;
        Ok((!is_kept).then_some(self))
    }

    fn store(&self, tx: &mut Tx<'_>, vault: &Vault, id: i64) -> Result<()> {
        let (text, row) = match self.what {
            Kept::Secret => ("UPDATE client SET client_secret = $2 WHERE id = $1", secret_row(id)),
            Kept::AccountKey => ("UPDATE client SET account_key = $2 WHERE id = $1", account_row(id)),
        };
        tx.execute(text, params![id, vault.seal(&row, &self.value, self.nonce)])?;
        Ok(())
    }
}

pub fn secret_for_system(tx: &mut Tx<'_>, vault: &Vault, id: i64) -> Result<Option<SecretString>> {
    let sealed: Option<(Option<Vec<u8>>,)> =
        tx.maybe("SELECT client_secret FROM client WHERE id = $1", params![id])?;
    sealed.and_then(|(sealed,)| sealed).map(|sealed| vault.unseal(&secret_row(id), &sealed)).transpose()
}

/// The key of the service account.
pub fn account_key_for_system(tx: &mut Tx<'_>, vault: &Vault, id: i64) -> Result<Option<SecretString>> {
    let sealed: Option<(Option<Vec<u8>>,)> =
        tx.maybe("SELECT account_key FROM client WHERE id = $1", params![id])?;
    sealed.and_then(|(sealed,)| sealed).map(|sealed| vault.unseal(&account_row(id), &sealed)).transpose()
}

/// A mailbox's side that signs in by this registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub mailbox_id: i64,
    pub address: String,
    pub side: Side,
}

/// Mailboxes that are shown on a page.
const USES_MAX: i64 = 200;

/// Who signs in by it: one registration serves many mailboxes, and its secret is changed once for all of them.
pub fn uses(tx: &mut Tx<'_>, id: i64) -> Result<Vec<Use>> {
    let found: Vec<(i64, String, bool, bool)> = tx.all(
        "SELECT id, address, COALESCE(in_client_id = $1, FALSE), COALESCE(out_client_id = $1, FALSE) FROM mailbox
         WHERE removed_at IS NULL AND (in_client_id = $1 OR out_client_id = $1) ORDER BY address_key LIMIT $2",
        params![id, USES_MAX],
    )?;
    let sides = |(mailbox_id, address, incoming, outgoing): (i64, String, bool, bool)| {
        let both = [(incoming, Side::Incoming), (outgoing, Side::Outgoing)];
        let used = both.into_iter().filter(|(used, _)| *used);
        used.map(move |(_, side)| Use { mailbox_id, address: address.clone(), side }).collect::<Vec<_>>()
    };
    Ok(found.into_iter().flat_map(sides).collect())
}

/// Every registration, by name, the first `limit` of them.
pub fn list(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Client>> {
    let mut query = Query::new(SELECT);
    query.push(" ORDER BY name, id LIMIT ").bind(limit);
    Ok(tx.all(query.sql(), query.params())?)
}

/// The oldest of that name.
pub fn find_by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Client>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE name = ").bind(name).push(" ORDER BY id LIMIT 1");
    Ok(tx.maybe(query.sql(), query.params())?)
}

fn secret_row(id: i64) -> String {
    sealed::CLIENT_SECRET.row(id)
}
fn account_row(id: i64) -> String {
    sealed::ACCOUNT_KEY.row(id)
}

fn trimmed(secret: &SecretString) -> SecretString {
    SecretString::from(secret.expose_secret().trim().to_owned())
}
