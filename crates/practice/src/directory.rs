//! Contoso's directory: registered apps with their secrets, consents, refresh tokens and the key that signs
//! id_tokens; kept in one file. Secrets and refresh tokens are kept as hashes. Not the pages that change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use crate::exchange::Exchange;
use crate::graph::Subscription;
use crate::openid;
use crate::people;
use crate::store::Store;

const FILE: &str = "directory.json";
/// Refresh tokens stay valid after use, as at Microsoft; of one person's at one app so many are kept.
const REFRESH_TOKENS_MAX: usize = 50;

/// *Supported account types*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Audience {
    SingleTenant,
    MultiTenant,
    MultiTenantAndPersonal,
    PersonalOnly,
}

impl Audience {
    pub const ALL: [Audience; 4] = [
        Audience::SingleTenant,
        Audience::MultiTenant,
        Audience::MultiTenantAndPersonal,
        Audience::PersonalOnly,
    ];

    pub fn value(self) -> &'static str {
        match self {
            Audience::SingleTenant => "single_tenant",
            Audience::MultiTenant => "multi_tenant",
            Audience::MultiTenantAndPersonal => "multi_tenant_and_personal",
            Audience::PersonalOnly => "personal_only",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Audience::SingleTenant => {
                "Accounts in this organizational directory only (Contoso only - Single tenant)"
            }
            Audience::MultiTenant => {
                "Accounts in any organizational directory (Any Microsoft Entra ID tenant - Multitenant)"
            }
            Audience::MultiTenantAndPersonal => {
                "Accounts in any organizational directory (Any Microsoft Entra ID tenant - Multitenant) and personal Microsoft accounts (e.g. Skype, Xbox)"
            }
            Audience::PersonalOnly => "Personal Microsoft accounts only",
        }
    }

    /// The short form on the Overview page.
    pub fn short(self) -> &'static str {
        match self {
            Audience::SingleTenant => "My organization only",
            Audience::MultiTenant => "Multiple organizations",
            Audience::MultiTenantAndPersonal => "All Microsoft account users",
            Audience::PersonalOnly => "Personal Microsoft account users",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secret {
    pub id: String,
    pub description: String,
    /// The first three characters, as the portal shows them later.
    pub hint: String,
    pub hash: String,
    pub created_at: i64,
    pub expires_at: i64,
}

/// A certificate's public half, uploaded to prove the client with a signed assertion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Certificate {
    pub id: String,
    pub description: String,
    /// SHA-1 of the certificate in hexadecimal, as the portal shows it.
    pub thumbprint: String,
    /// `x5t` and `x5t#S256` as a JWT header names them.
    pub x5t: String,
    pub x5t_s256: String,
    /// RSAPublicKey (RFC 8017), base64.
    pub key: String,
    pub starts_at: i64,
    pub expires_at: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct App {
    pub client_id: String,
    pub object_id: String,
    pub name: String,
    pub audience: Audience,
    /// Addresses of the platform *Web*.
    pub redirect_uris: Vec<String>,
    pub permissions: BTreeSet<String>,
    /// Consent for everyone at Contoso.
    pub consent_for_all: BTreeSet<String>,
    /// Consent of one person, by address.
    pub consents: BTreeMap<String, BTreeSet<String>>,
    pub secrets: Vec<Secret>,
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// Application permissions of Office 365 Exchange Online, and those that an administrator granted.
    #[serde(default)]
    pub app_permissions: BTreeSet<String>,
    #[serde(default)]
    pub app_consent: BTreeSet<String>,
    /// *Allow public client flows*.
    #[serde(default)]
    pub public_client: bool,
    pub created_at: i64,
}

impl App {
    /// Whether `address` may let the app have this permission without being asked.
    pub fn consented(&self, address: &str, permission: &str) -> bool {
        // Nobody consents on behalf of people who belong to no organization.
        (self.consent_for_all.contains(permission) && !people::is_personal(address))
            || self.consents.get(address).is_some_and(|permissions| permissions.contains(permission))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    pub hash: String,
    pub client_id: String,
    pub address: String,
    /// Everything consented to at sign-in; a refresh can only narrow it.
    pub scopes: String,
    pub issued_at: i64,
    pub used_at: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Records {
    /// Refuses a file that belongs to another seed.
    tenant_id: String,
    pub apps: Vec<App>,
    pub refresh_tokens: Vec<RefreshToken>,
    #[serde(default)]
    pub exchange: Exchange,
    /// Of the other identity providers, by their key.
    #[serde(default)]
    pub openid: BTreeMap<String, openid::records::Records>,
    /// For change notifications of Microsoft Graph.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
    /// PKCS #8 of the ES256 key, base64.
    pub signing_key: String,
}

impl Records {
    pub fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id.eq_ignore_ascii_case(client_id))
    }

    pub fn app_mut(&mut self, client_id: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| app.client_id.eq_ignore_ascii_case(client_id))
    }

    pub fn add_refresh_token(&mut self, token: RefreshToken) {
        let same =
            |other: &RefreshToken| other.client_id == token.client_id && other.address == token.address;
        if self.refresh_tokens.iter().filter(|other| same(other)).count() >= REFRESH_TOKENS_MAX
            && let Some(oldest) = self.refresh_tokens.iter().position(same)
        {
            self.refresh_tokens.remove(oldest);
        }
        self.refresh_tokens.push(token);
    }
}

#[derive(Debug)]
pub(crate) struct Directory {
    records: Mutex<Records>,
    store: Store,
}

impl Directory {
    pub fn open(store: &Store, tenant_id: &str) -> Result<Directory> {
        let records = match store.read(FILE)? {
            None => Records { tenant_id: tenant_id.to_owned(), ..Records::default() },
            Some(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{FILE} of the practice state is damaged; remove it to begin with an empty portal")
            })?,
        };
        anyhow::ensure!(
            records.tenant_id == tenant_id,
            "the practice state was made with another seed; give it the seed it was made with, or another folder"
        );
        Ok(Directory { records: Mutex::new(records), store: store.clone() })
    }

    pub fn read<T>(&self, look: impl FnOnce(&Records) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the records and keeps them.
    pub fn change<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        let mut records = self.lock();
        let result = change(&mut records);
        let bytes = serde_json::to_vec_pretty(&*records).expect("invariant: the records are plain data");
        if let Err(error) = self.store.write(FILE, &bytes) {
            tracing::warn!("the practice directory could not be kept: {error:#}");
        }
        result
    }

    /// Changes an app registration; one that is not there stays so.
    pub fn change_app(&self, client_id: &str, change: impl FnOnce(&mut App)) {
        self.change(|records| records.app_mut(client_id).map(change));
    }

    pub fn app(&self, client_id: &str) -> Option<App> {
        self.read(|records| records.app(client_id).cloned())
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a redirect URI leads to the machine of whoever signs in: plain http is taken for it alone.
pub(crate) fn is_on_this_machine(redirect_uri: &Url) -> bool {
    match redirect_uri.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// How a secret or a refresh token is kept: they carry 256 random bits, so a plain hash is enough.
pub(crate) fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
