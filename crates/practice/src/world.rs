//! Everything the pages and servers share. Not a place for rules.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use crate::chance::{Chance, Seed};
use crate::clock::Clock;
use crate::directory::{App, Audience, Directory, RefreshToken, Secret, hash};
use crate::faults::{Fault, Faults};
use crate::graph::Turns;
use crate::identity::device::Devices;
use crate::identity::flow::Flows;
use crate::mailboxes::Mailboxes;
use crate::openid::House;
use crate::openid::records::Records;
use crate::openid::sign_ins::SignIns;
use crate::permissions;
use crate::store::Store;
use crate::tokens::{Access, Tokens};
use crate::{letters, people, x509};

pub(crate) type Shared = Arc<World>;

const DAY_MS: i64 = 86_400_000;
/// What makes an access token longer than 2.5 kB.
const LONG_TOKEN: usize = 1_600;

#[derive(Debug)]
pub(crate) struct World {
    pub clock: Clock,
    pub chance: Chance,
    pub seed: Seed,
    pub tenant_id: String,
    pub directory: Directory,
    pub tokens: Tokens,
    pub mailboxes: Mailboxes,
    pub flows: Flows,
    pub devices: Devices,
    pub sign_ins: SignIns,
    pub graph_turns: Turns,
    pub shown_once: ShownOnce,
    pub faults: Faults,
    /// By which addresses of this machine are told of changes.
    pub net: wire::net::Net,
    pub http_url: String,
    /// The same pages with TLS, of the practice CA.
    pub https_url: String,
    pub imap_port: u16,
    pub pop_port: u16,
    pub smtp_port: u16,
    pub postern_url: Option<String>,
}

/// What [`World::open`] needs to know of the listeners.
#[derive(Debug)]
pub(crate) struct Places {
    pub http_url: String,
    /// The same pages with TLS, of the practice CA.
    pub https_url: String,
    pub imap_port: u16,
    pub pop_port: u16,
    pub smtp_port: u16,
    pub postern_url: Option<String>,
}

impl World {
    pub fn open(store: &Store, seed: &[u8; 32], clock: Clock, places: Places) -> Result<World> {
        let seed = Seed::new(seed);
        let tenant_id = seed.guid("tenant");
        let directory = Directory::open(store, &tenant_id)?;
        let chance = Chance::system();
        let tokens = Tokens::open(chance.clone(), &seed, &directory)?;
        let (mailboxes, new) = Mailboxes::open(store, seed.clone())?;
        for person in people::PEOPLE {
            mailboxes.ensure(person.address);
        }
        if new {
            letters::deliver_the_first(&mailboxes, clock.now_at());
        }
        let Places { http_url, https_url, imap_port, pop_port, smtp_port, postern_url } = places;
        Ok(World {
            clock,
            chance,
            seed,
            tenant_id,
            directory,
            tokens,
            mailboxes,
            flows: Flows::default(),
            devices: Devices::default(),
            sign_ins: SignIns::default(),
            graph_turns: Turns::default(),
            shown_once: ShownOnce::default(),
            faults: Faults::default(),
            net: wire::net::Net::new(wire::net::Policy { practice: true, ..wire::net::Policy::default() })?,
            http_url,
            https_url,
            imap_port,
            pop_port,
            smtp_port,
            postern_url,
        })
    }

    /// The tenant of the person: Contoso, or the one of all personal accounts.
    pub fn tenant_of(&self, address: &str) -> &str {
        if people::is_personal(address) { people::PERSONAL_TENANT } else { &self.tenant_id }
    }

    /// The object id on the page *Enterprise applications*, which is not the one of the registration.
    pub fn service_principal_id(&self, client_id: &str) -> String {
        self.seed.guid(&format!("service principal {}", client_id.to_lowercase()))
    }

    /// Registers an app and returns its client id.
    pub fn register(&self, name: &str, audience: Audience, redirect_uri: Option<String>) -> String {
        let app = App {
            client_id: self.chance.guid(),
            object_id: self.chance.guid(),
            name: name.to_owned(),
            audience,
            redirect_uris: redirect_uri.into_iter().collect(),
            permissions: ["User.Read".to_owned()].into(),
            consent_for_all: Default::default(),
            consents: Default::default(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            app_permissions: Default::default(),
            app_consent: Default::default(),
            public_client: false,
            created_at: self.clock.now_at(),
        };
        let client_id = app.client_id.clone();
        self.directory.change(|records| records.apps.push(app));
        client_id
    }

    /// Adds a client secret; its Value is returned here and never again.
    pub fn add_secret(&self, client_id: &str, description: &str, days: i64) -> Option<(String, String)> {
        // Microsoft's secrets look like `x8Q~…`: 40 characters with a tilde in fourth place.
        let random: String = self.chance.token().chars().take(36).collect();
        let value = format!("{}8Q~{}", random.get(..1).unwrap_or("a"), random);
        let now_at = self.clock.now_at();
        let secret = Secret {
            id: self.chance.guid(),
            description: description.to_owned(),
            hint: value.chars().take(3).collect(),
            hash: hash(&value),
            created_at: now_at,
            expires_at: now_at + days * DAY_MS,
        };
        let id = secret.id.clone();
        self.directory.change(|records| records.app_mut(client_id).map(|app| app.secrets.push(secret)))?;
        Some((id, value))
    }

    /// Adds a certificate beside those there are.
    pub fn add_certificate(
        &self,
        client_id: &str,
        file: &[u8],
        description: &str,
    ) -> std::result::Result<(), &'static str> {
        let certificate = x509::read(file, self.chance.guid(), description.to_owned())?;
        self.directory.change(|records| {
            let app = records.app_mut(client_id).ok_or("There is no such app registration.")?;
            if app.certificates.iter().any(|known| known.thumbprint == certificate.thumbprint) {
                return Err("This certificate is registered already.");
            }
            app.certificates.push(certificate);
            Ok(())
        })
    }

    pub fn grant_for_all(&self, client_id: &str) {
        self.directory.change_app(client_id, |app| {
            app.consent_for_all = app.permissions.clone();
            app.app_consent = app.app_permissions.clone();
        });
    }

    /// A new refresh token for what was consented to at sign-in.
    pub fn issue_refresh_token(&self, client_id: &str, address: &str, scopes: &str) -> String {
        let token = format!("1.{}", self.chance.token());
        let now_at = self.clock.now_at();
        let record = RefreshToken {
            hash: hash(&token),
            client_id: client_id.to_owned(),
            address: address.to_owned(),
            scopes: scopes.to_owned(),
            issued_at: now_at,
            used_at: now_at,
        };
        self.directory.change(|records| records.add_refresh_token(record));
        token
    }

    pub fn issue_access_token(
        &self,
        client_id: &str,
        address: &str,
        scopes: &[permissions::Scope],
        seconds: i64,
    ) -> String {
        let resource = permissions::resources(scopes).first().copied().unwrap_or(permissions::GRAPH);
        let permissions: Vec<&str> = scopes
            .iter()
            .filter(|scope| scope.resource == Some(resource))
            .map(|scope| scope.permission)
            .collect();
        let mut jti = self.chance.guid();
        if self.faults.strike(Fault::LongTokens, Some(address)) {
            jti.extend(std::iter::repeat_n('x', LONG_TOKEN));
        }
        self.tokens.seal(&Access {
            aud: resource.to_owned(),
            scp: permissions.join(" "),
            upn: address.to_lowercase(),
            roles: String::new(),
            house: String::new(),
            grant: String::new(),
            appid: client_id.to_owned(),
            exp: self.clock.now_at() / 1000 + seconds,
            jti,
        })
    }

    /// A token of an application by itself: with the permissions that were granted, be it none.
    pub fn issue_app_token(&self, app: &App, resource: &str, seconds: i64) -> String {
        let narrowed = self.faults.strike(Fault::NarrowedScope, Some(&app.client_id));
        let granted = app
            .app_consent
            .iter()
            .filter(|name| permissions::resource_of_role(name) == Some(resource) && !narrowed);
        self.tokens.seal(&Access {
            aud: resource.to_owned(),
            scp: String::new(),
            upn: String::new(),
            house: String::new(),
            grant: String::new(),
            roles: granted.cloned().collect::<Vec<_>>().join(" "),
            appid: app.client_id.clone(),
            exp: self.token_time() / 1000 + seconds,
            jti: self.chance.guid(),
        })
    }

    /// Looks at what one of the other identity providers keeps.
    pub fn openid<T>(&self, house: &House, look: impl FnOnce(&Records) -> T) -> T {
        self.directory.read(|records| match records.openid.get(house.key) {
            Some(records) => look(records),
            None => look(&Records::default()),
        })
    }

    pub fn openid_change<T>(&self, house: &House, change: impl FnOnce(&mut Records) -> T) -> T {
        self.directory.change(|records| change(records.openid.entry(house.key.to_owned()).or_default()))
    }

    /// An access token ends with its grant, where it has one.
    pub fn is_alive(&self, access: &Access) -> bool {
        access.grant.is_empty()
            || self.directory.read(|records| {
                let records = records.openid.get(&access.house);
                records.is_some_and(|records| records.grants.iter().any(|grant| grant.id == access.grant))
            })
    }

    /// An id_token, signed as a client expects it or with a key that it has not seen.
    pub fn sign(&self, claims: &serde_json::Value) -> String {
        if self.faults.strike(Fault::KeysRollOver, None) {
            self.tokens.roll_over(&self.directory);
        }
        if self.faults.strike(Fault::KeyUnpublished, None)
            && let Ok(token) = self.tokens.sign_unpublished(claims)
        {
            return token;
        }
        self.tokens.sign(claims)
    }

    /// The time as the identity provider sees it, whose clock may be off by ten minutes.
    pub fn token_time(&self) -> i64 {
        let strikes = |fault| self.faults.strike(fault, None);
        let off = match (strikes(Fault::ClockAhead), strikes(Fault::ClockBehind)) {
            (true, _) => 10 * 60_000,
            (_, true) => -10 * 60_000,
            _ => 0,
        };
        self.clock.now_at() + off
    }

    /// A random moment between 60 and 90 minutes, as at Microsoft.
    pub fn access_token_seconds(&self) -> i64 {
        3600 + i64::from(u16::from_be_bytes(self.chance.bytes())) % 1800
    }
}

/// Values of new secrets between the form that made them and the page that shows them, once.
#[derive(Default)]
pub(crate) struct ShownOnce(Mutex<BTreeMap<String, (String, String)>>);

impl std::fmt::Debug for ShownOnce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownOnce")
    }
}

impl ShownOnce {
    pub fn keep(&self, key: String, secret: (String, String)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, secret);
    }

    pub fn take(&self, key: &str) -> Option<(String, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key)
    }
}
