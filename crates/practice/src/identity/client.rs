//! Who the client is: a secret, a certificate's assertion (RFC 7523), or nothing at all where that is allowed.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::assertion;
use super::problem::Problem;
use crate::directory::{App, hash};
use crate::faults::Fault;
use crate::world::World;

pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the request brings to prove it.
pub(super) struct Proof<'a> {
    pub client_id: String,
    secret: Option<String>,
    assertion: Option<&'a str>,
    assertion_type: &'a str,
    /// RFC 6749 lets a public client redeem only what needs no secret.
    grant_type: &'a str,
    /// Where an assertion must be meant for: any of these.
    audiences: Vec<String>,
}

impl<'a> Proof<'a> {
    pub fn of(
        base: &str,
        segment: &str,
        headers: &HeaderMap,
        parameters: &'a HashMap<String, String>,
    ) -> Proof<'a> {
        let get = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let basic = basic(headers);
        let client_id = get("client_id").map(str::to_owned).or(basic.as_ref().map(|(id, _)| id.clone()));
        Proof {
            client_id: client_id.unwrap_or_default(),
            secret: get("client_secret").map(str::to_owned).or(basic.map(|(_, secret)| secret)),
            assertion: get("client_assertion"),
            assertion_type: get("client_assertion_type").unwrap_or_default(),
            grant_type: get("grant_type").unwrap_or_default(),
            audiences: vec![format!("{base}/{segment}/oauth2/v2.0/token"), format!("{base}/{segment}/v2.0")],
        }
    }

    pub fn check(&self, world: &World, app: &App) -> Result<(), Problem> {
        let is_public = app.public_client && app.redirect_uris.is_empty();
        if is_public && (self.secret.is_some() || self.assertion.is_some()) {
            let text =
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
            return Err(Problem::new("invalid_client", 700025, text));
        }
        if let Some(assertion) = self.assertion {
            if self.assertion_type != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
                return Err(Problem::missing("client_assertion_type"));
            }
            return assertion::check(world, app, assertion, &self.audiences);
        }
        match &self.secret {
            Some(secret) => check_secret(world, app, secret),
            None if app.public_client && (is_public || self.grant_type == DEVICE_CODE) => Ok(()),
            None => {
                let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
                Err(Problem::new("invalid_client", 7000218, text))
            }
        }
    }
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |text: &str| {
        let pair = format!("v={text}");
        url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

fn check_secret(world: &World, app: &App, secret: &str) -> Result<(), Problem> {
    let expired = || {
        Problem::new(
            "invalid_client",
            7000222,
            format!(
                "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
                app.client_id
            ),
        )
    };
    let wrong = || {
        Problem::new(
            "invalid_client",
            7000215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
                app.client_id
            ),
        )
    };
    if world.faults.strike(Fault::SecretExpired, None) {
        return Err(expired());
    }
    if world.faults.strike(Fault::SecretWrong, None) {
        return Err(wrong());
    }
    let hash = hash(secret);
    match app.secrets.iter().find(|known| known.hash == hash) {
        None => Err(wrong()),
        Some(known) if known.expires_at <= world.clock.now_at() => Err(expired()),
        Some(_) => Ok(()),
    }
}
