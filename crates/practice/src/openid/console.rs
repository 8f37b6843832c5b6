//! Where clients are registered: Google's console with publishing status and test users, service accounts and
//! their delegation; the plain provider's list of clients.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{KeyPair as _, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;
use url::{Host, Url};

use super::records::{Client, ServiceAccount, State as ClientState};
use super::{At, GOOGLE, House, IMAP_ADMIN};
use crate::directory::{hash, is_on_this_machine};
use crate::http::Base;
use crate::page;
use crate::world::{Shared, World};

/// Every service account's key here is this one; it is worth nothing outside.
const KEY: &str = include_str!("../../keys/practice-rsa.pem");

#[derive(Template)]
#[template(path = "openid/clients.html")]
struct ClientsPage<'a> {
    house: &'a House,
    clients: Vec<Client>,
    issuer: String,
    /// Client id and secret, only just after it was made.
    fresh: Option<(String, String)>,
    why: &'a str,
}

fn clients_page(
    world: &World,
    house: &House,
    base: &str,
    fresh: Option<(String, String)>,
    why: &str,
) -> Response {
    let clients = world.openid(house, |records| records.clients.clone());
    let status = if why.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page::html_with(status, &ClientsPage { house, clients, issuer: house.issuer(base), fresh, why })
}

pub(super) async fn list(State(world): State<Shared>, Base(base): Base, Extension(house): At) -> Response {
    clients_page(&world, house, &base, None, "")
}

#[derive(Debug, Deserialize)]
pub(super) struct Add {
    name: String,
    redirect_uri: String,
}

/// The secret is shown on the answer itself, and never again.
pub(super) async fn add(
    State(world): State<Shared>,
    Base(base): Base,
    Extension(house): At,
    Form(form): Form<Add>,
) -> Response {
    let uri = form.redirect_uri.trim();
    if form.name.trim().is_empty() {
        return clients_page(&world, house, &base, None, "The name must not be empty.");
    }
    if let Some(why) = refused(house, uri) {
        return clients_page(&world, house, &base, None, why);
    }
    let made = world.add_openid_client(house, form.name.trim(), uri);
    clients_page(&world, house, &base, Some(made), "")
}

/// Why a redirect URI is not taken. Google's rules are stricter than the standard's.
fn refused(house: &House, text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text) else {
        return Some("Invalid Redirect: must be a valid address with https:// before it.");
    };
    if is_on_this_machine(&url) {
        return None;
    }
    if url.scheme() != "https" || url.fragment().is_some() || text.contains('*') {
        return Some("Invalid Redirect: must use https, and contain no fragment and no wildcard.");
    }
    let public = match url.host() {
        Some(Host::Domain(name)) => {
            let last = name.rsplit('.').next().unwrap_or_default();
            name.contains('.')
                && !matches!(last, "local" | "internal" | "lan" | "home" | "corp" | "localdomain")
        }
        _ => false,
    };
    (house.is_google && !public)
        .then_some("Invalid Redirect: must end with a public top-level domain (such as .com or .org), and not be a raw IP address.")
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Change {
    client: String,
    what: String,
    test_user: String,
}

pub(super) async fn change(
    State(world): State<Shared>,
    Extension(house): At,
    Form(form): Form<Change>,
) -> Response {
    world.openid_change(house, |records| {
        let Some(client) = records.client_mut(&form.client) else { return };
        match form.what.as_str() {
            "internal" => client.internal = true,
            "external" => client.internal = false,
            "testing" => client.testing = true,
            "production" => client.testing = false,
            "test_user" => drop(client.test_users.insert(form.test_user.trim().to_lowercase())),
            "block" => client.blocked = true,
            "allow" => client.blocked = false,
            "enable" => client.state = ClientState::Active,
            "disable" => client.state = ClientState::Disabled,
            "delete" => client.state = ClientState::Deleted,
            _ => {}
        }
    });
    page::see(&format!("/{}/clients", house.key))
}

#[derive(Template)]
#[template(path = "openid/accounts.html")]
struct AccountsPage<'a> {
    accounts: Vec<ServiceAccount>,
    /// The file of a new key.
    file: &'a str,
    why: &'a str,
}

fn accounts_page(world: &World, file: &str, why: &str) -> Response {
    let accounts = world.openid(&GOOGLE, |records| records.accounts.clone());
    page::html(&AccountsPage { accounts, file, why })
}

pub(super) async fn accounts(State(world): State<Shared>) -> Response {
    accounts_page(&world, "", "")
}

#[derive(Debug, Deserialize)]
pub(super) struct AddAccount {
    name: String,
}

pub(super) async fn add_account(State(world): State<Shared>, Form(form): Form<AddAccount>) -> Response {
    let name = form.name.trim().to_lowercase();
    let good = (6..=30).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !good {
        return accounts_page(
            &world,
            "",
            "The name must have 6 to 30 characters: small letters, digits and hyphens.",
        );
    }
    world.add_service_account(&name);
    page::see("/google/accounts")
}

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    account: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    scopes: String,
}

/// *Add key › Create new key › JSON*.
pub(super) async fn make_key(
    State(world): State<Shared>,
    Base(base): Base,
    Form(form): Form<Account>,
) -> Response {
    match world.add_service_account_key(&form.account, &base) {
        Some(file) => accounts_page(&world, &file, ""),
        None => accounts_page(&world, "", "There is no such service account."),
    }
}

/// Admin console › Security › API controls › Domain-wide delegation: the numeric client id and scopes.
pub(super) async fn delegate(State(world): State<Shared>, Form(form): Form<Account>) -> Response {
    let scopes: Vec<String> = form
        .scopes
        .split([',', ' ', '\n'])
        .map(|scope| scope.trim().to_owned())
        .filter(|scope| !scope.is_empty())
        .collect();
    if scopes.iter().any(|scope| scope != GOOGLE.mail_scope && scope != IMAP_ADMIN) {
        return accounts_page(
            &world,
            "",
            "Practice knows the scopes https://mail.google.com/ and https://www.googleapis.com/auth/gmail.imap_admin.",
        );
    }
    let done = world.openid_change(&GOOGLE, |records| {
        let account = records.accounts.iter_mut().find(|account| account.unique_id == form.client_id.trim());
        account.map(|account| account.delegated = scopes.into_iter().collect())
    });
    match done {
        Some(()) => page::see("/google/accounts"),
        None => {
            accounts_page(&world, "", "Invalid client ID: the numeric one of the service account is needed.")
        }
    }
}

impl World {
    /// Makes a client and returns its id and secret.
    pub fn add_openid_client(&self, house: &House, name: &str, redirect_uri: &str) -> (String, String) {
        let digits = u64::from_be_bytes(self.chance.bytes()) % 1_000_000_000_000;
        let random: String =
            self.chance.token().chars().filter(char::is_ascii_alphanumeric).take(28).collect();
        let (id, secret) = match house.is_google {
            true => (
                format!("{digits:012}-{}.apps.googleusercontent.example", random.to_lowercase()),
                format!("GOCSPX-{random}"),
            ),
            false => (format!("client-{digits:012}"), random),
        };
        let client = Client {
            id: id.clone(),
            secret_hash: hash(&secret),
            name: name.to_owned(),
            redirect_uris: vec![redirect_uri.to_owned()],
            ..Client::default()
        };
        self.openid_change(house, |records| records.clients.push(client));
        (id, secret)
    }

    /// Returns its address; the same name is one account.
    pub fn add_service_account(&self, name: &str) -> String {
        let email = format!("{name}@practice.iam.gserviceaccount.example");
        let digits = u64::from_be_bytes(self.chance.bytes());
        self.openid_change(&GOOGLE, |records| {
            if records.accounts.iter().all(|account| account.email != email) {
                records.accounts.push(ServiceAccount {
                    email: email.clone(),
                    unique_id: format!("1{digits:020}"),
                    keys: Vec::new(),
                    delegated: Default::default(),
                });
            }
        });
        email
    }

    /// The JSON file of a new key.
    pub fn add_service_account_key(&self, email: &str, base: &str) -> Option<String> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).ok()?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?;
        let kid = self.seed.guid(&self.chance.token()).replace('-', "");
        let public = STANDARD.encode(key.public_key().as_ref());
        let unique_id = self.openid_change(&GOOGLE, |records| {
            let account = records.accounts.iter_mut().find(|account| account.email == email)?;
            account.keys.push((kid.clone(), public));
            Some(account.unique_id.clone())
        })?;
        let file = json!({
            "type": "service_account",
            "project_id": "practice",
            "private_key_id": kid,
            "private_key": KEY,
            "client_email": email,
            "client_id": unique_id,
            "auth_uri": format!("{base}/google/o/oauth2/auth"),
            "token_uri": format!("{base}{}", GOOGLE.paths.token),
            "universe_domain": "googleapis.com",
        });
        serde_json::to_string_pretty(&file).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openid::WALDAU;

    #[test]
    fn google_wants_a_public_name_and_the_other_only_https() {
        for good in ["https://help.example.org/cb", "http://localhost:8080/cb", "http://127.0.0.1/cb"] {
            assert_eq!(refused(&GOOGLE, good), None, "{good}");
        }
        for bad in [
            "https://helpdesk.local/cb",
            "https://10.0.0.5/cb",
            "https://helpdesk/cb",
            "http://help.example.org/",
            "https://help.example.org/#a",
        ] {
            assert!(refused(&GOOGLE, bad).is_some(), "{bad}");
        }
        assert_eq!(refused(&WALDAU, "https://helpdesk.local/cb"), None);
        assert!(refused(&WALDAU, "http://helpdesk.local/cb").is_some());
    }
}
