//! Postern's registration at a provider. Its row exists before its callback is shown, and the callback
//! never changes.
use crate::{By, Result, db::Tx, site::vault::Vault};
use secrecy::SecretString;

#[derive(Clone, Debug)]
pub struct Client {
    pub id: i64,
    /// Stands in the Callback Endpoint: `/oauth/callback/{public_id}`.
    pub public_id: String,
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
/// Allots a registration with the preset's scopes; `public_id` carries 128 random bits.
pub fn create(tx: &mut Tx<'_>, by: &By, provider: &str, public_id: &str) -> Result<i64> {
    let _ = (tx, by, provider, public_id);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Client>> {
    let _ = (tx, id);
    todo!()
}
pub fn find_by_public_id(tx: &mut Tx<'_>, public_id: &str) -> Result<Option<Client>> {
    let _ = (tx, public_id);
    todo!()
}
/// Tenant and endpoints agree: a tenant fills both, a pasted endpoint fills the tenant, two tenants are
/// refused, nothing silently becomes `common`. `practice` allows plain http to loopback.
pub fn change(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    entered: &EnteredClient,
    scheme: Scheme,
    nonce: [u8; 24],
) -> Result<Client> {
    let _ = (tx, vault, by, id, entered, scheme, nonce);
    todo!()
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    HttpsOnly,
    /// Under the demo mark only.
    Practice,
}
pub fn secret_for_system(tx: &mut Tx<'_>, vault: &Vault, id: i64) -> Result<Option<SecretString>> {
    let _ = (tx, vault, id);
    todo!()
}
