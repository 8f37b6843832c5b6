//! Two more identity providers beside Entra: one in the shape of Google, one that is plain OpenID and strict.
//! They share everything but what their [`House`] says.

mod authorize;
mod console;
mod metadata;
pub(crate) mod records;
mod service_account;
pub(crate) mod sign_ins;
mod token;

use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::people::Kind;
use crate::sasl;
use crate::world::Shared;

/// How a provider differs from the other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct House {
    /// Path of everything it serves, and the name its records are kept under.
    pub key: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    /// The scope for mail, which is also what its access tokens are for.
    pub mail_scope: &'static str,
    pub paths: Paths,
    /// Google's ways: offline by parameter and only with a new consent, permissions that can be unticked,
    /// publishing status, errors on a page of its own, no rotation, service accounts. Else OpenID's: offline
    /// by scope, a refresh token works once, `iss` in the answer (RFC 9207), PKCE demanded.
    pub is_google: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paths {
    pub authorize: &'static str,
    pub token: &'static str,
    pub revoke: &'static str,
    pub userinfo: &'static str,
    pub keys: &'static str,
}

pub(crate) const GOOGLE: House = House {
    key: "google",
    name: "Google",
    kind: Kind::Google,
    mail_scope: sasl::GMAIL,
    paths: Paths {
        authorize: "/google/o/oauth2/v2/auth",
        token: "/google/token",
        revoke: "/google/revoke",
        userinfo: "/google/v1/userinfo",
        keys: "/google/oauth2/v3/certs",
    },
    is_google: true,
};

pub(crate) const WALDAU: House = House {
    key: "waldau",
    name: "Waldau Mail",
    kind: Kind::Waldau,
    mail_scope: sasl::WALDAU,
    paths: Paths {
        authorize: "/waldau/authorize",
        token: "/waldau/token",
        revoke: "/waldau/revoke",
        userinfo: "/waldau/userinfo",
        keys: "/waldau/keys",
    },
    is_google: false,
};

/// What a handler is told: at which provider it is.
type At = Extension<&'static House>;

pub(crate) fn routes() -> Router<Shared> {
    house(&GOOGLE)
        .merge(house(&WALDAU))
        .route("/google/gmail/v1/users/me/profile", get(metadata::gmail_profile))
        .route("/google/accounts", get(console::accounts).post(console::add_account))
        .route("/google/accounts/key", post(console::make_key))
        .route("/google/accounts/delegate", post(console::delegate))
}

fn house(house: &'static House) -> Router<Shared> {
    let path = |rest: &str| format!("/{}{rest}", house.key);
    Router::new()
        .route(house.paths.authorize, get(authorize::page))
        .route(house.paths.token, post(token::answer))
        .route(house.paths.revoke, post(metadata::revoke))
        .route(house.paths.userinfo, get(metadata::userinfo))
        .route(house.paths.keys, get(metadata::keys))
        .route(&path("/.well-known/openid-configuration"), get(metadata::configuration))
        .route(&path("/login"), post(authorize::sign_in))
        .route(&path("/consent"), post(authorize::consent))
        .route(&path("/clients"), get(console::list).post(console::add))
        .route(&path("/clients/change"), post(console::change))
        .layer(Extension(house))
}

impl House {
    pub fn issuer(&self, base: &str) -> String {
        format!("{base}/{}", self.key)
    }

    /// What the consent page says of a scope.
    pub fn wants(&self, scope: &str) -> &'static str {
        match scope {
            _ if scope == self.mail_scope => "Read, compose, send and permanently delete all your email",
            "offline_access" => "Keep this access when you are away",
            IMAP_ADMIN => "Read all your email via IMAP",
            _ => "See who you are",
        }
    }

    fn knows(&self, scope: &str) -> bool {
        matches!(scope, "openid" | "email" | "profile")
            || scope == self.mail_scope
            || (!self.is_google && scope == "offline_access")
            || (self.is_google && matches!(scope, IMAP_ADMIN | USER_EMAIL | USER_PROFILE))
    }
}

/// A service account's scope for IMAP alone.
pub(crate) const IMAP_ADMIN: &str = "https://www.googleapis.com/auth/gmail.imap_admin";
/// Google's long names of `email` and `profile`.
const USER_EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
const USER_PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";
