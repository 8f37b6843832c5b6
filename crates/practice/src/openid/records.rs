//! What such a provider keeps: clients, grants with their one refresh token, service accounts. Secrets and
//! tokens are kept as hashes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Of one person's at one client; the oldest dies silently.
const GRANTS_MAX: usize = 100;
const DAY_MS: i64 = 86_400_000;
const UNUSED_MS: i64 = 182 * DAY_MS;
const TESTING_MS: i64 = 7 * DAY_MS;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    #[default]
    Active,
    Disabled,
    Deleted,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Client {
    pub id: String,
    pub secret_hash: String,
    pub name: String,
    pub redirect_uris: Vec<String>,
    pub state: State,
    /// User type *Internal*: only people of the organization.
    pub internal: bool,
    /// Publishing status *Testing*: only test users, and refresh tokens live for seven days.
    pub testing: bool,
    pub test_users: BTreeSet<String>,
    /// Blocked by the Workspace's administrator.
    pub blocked: bool,
    pub consents: BTreeMap<String, BTreeSet<String>>,
}

/// One consent of one person, and the refresh token that stands for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub id: String,
    pub hash: String,
    /// Refresh tokens that were used up; one that comes again betrays a thief.
    pub used: Vec<String>,
    pub client_id: String,
    pub address: String,
    pub scopes: Vec<String>,
    pub issued_at: i64,
    pub used_at: i64,
    pub testing: bool,
}

impl Grant {
    pub fn is_over(&self, now_at: i64) -> bool {
        now_at - self.used_at >= UNUSED_MS || (self.testing && now_at - self.issued_at >= TESTING_MS)
    }

    /// What is left of the seven days, in seconds.
    pub fn testing_seconds(&self, now_at: i64) -> Option<i64> {
        self.testing.then(|| (self.issued_at + TESTING_MS - now_at) / 1000)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServiceAccount {
    pub email: String,
    /// The numeric client id that domain-wide delegation names.
    pub unique_id: String,
    /// Key id and RSAPublicKey (base64).
    pub keys: Vec<(String, String)>,
    /// Scopes that the administrator delegated for the whole domain.
    pub delegated: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Records {
    pub clients: Vec<Client>,
    pub grants: Vec<Grant>,
    pub accounts: Vec<ServiceAccount>,
}

impl Records {
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub fn client_mut(&mut self, id: &str) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.id == id)
    }

    pub fn add_grant(&mut self, grant: Grant) {
        let same = |other: &Grant| other.client_id == grant.client_id && other.address == grant.address;
        if self.grants.iter().filter(|other| same(other)).count() >= GRANTS_MAX
            && let Some(oldest) = self.grants.iter().position(same)
        {
            self.grants.remove(oldest);
        }
        self.grants.push(grant);
    }
}
