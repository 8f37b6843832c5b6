//! The token endpoint: codes, refresh tokens and service accounts. Errors are OAuth's, in the provider's words.

use std::collections::HashMap;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::records::{Client, Grant};
use super::{At, House, service_account};
use crate::directory::hash;
use crate::faults::Fault;
use crate::http::Base;
use crate::people;
use crate::tokens::Access;
use crate::world::{Shared, World};

const SECONDS: i64 = 3599;

type Parameters = HashMap<String, String>;

/// `error`, `error_description`, and Google's `error_subtype`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub &'static str, pub &'static str, pub Option<&'static str>);

impl Refusal {
    pub fn new(error: &'static str, text: &'static str) -> Refusal {
        Refusal(error, text, None)
    }

    fn into_response(self) -> Response {
        let status =
            if self.0 == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let mut body = json!({ "error": self.0, "error_description": self.1 });
        if let Some(subtype) = self.2 {
            body["error_subtype"] = subtype.into();
        }
        (status, [("cache-control", "no-store")], Json(body)).into_response()
    }
}

pub(super) async fn answer(
    State(world): State<Shared>,
    Base(base): Base,
    Extension(house): At,
    headers: HeaderMap,
    Form(parameters): Form<Parameters>,
) -> Response {
    match grant(&world, &base, house, &headers, &parameters) {
        Ok(body) => (StatusCode::OK, [("cache-control", "no-store")], Json(body)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn grant(
    world: &World,
    base: &str,
    house: &House,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Value, Refusal> {
    let grant_type = parameters.get("grant_type").map(String::as_str).unwrap_or_default();
    if house.is_google && grant_type == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        let audience = format!("{base}{}", house.paths.token);
        let (address, scopes) = service_account::check(world, house, &audience, parameters)?;
        return Ok(json!({
            "access_token": access_token(world, house, "", &address, &scopes, ""),
            "expires_in": SECONDS,
            "token_type": "Bearer",
        }));
    }
    let client = authenticate(world, house, headers, parameters)?;
    match grant_type {
        "authorization_code" => by_code(world, base, house, &client, parameters),
        "refresh_token" => by_refresh_token(world, base, house, &client, parameters),
        _ => Err(Refusal::new("unsupported_grant_type", "Invalid grant_type")),
    }
}

fn authenticate(
    world: &World,
    house: &House,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Client, Refusal> {
    let basic = crate::identity::basic(headers);
    let given = |name: &str| parameters.get(name).cloned();
    let id = given("client_id").or(basic.as_ref().map(|(id, _)| id.clone())).unwrap_or_default();
    let secret = given("client_secret").or(basic.map(|(_, secret)| secret)).unwrap_or_default();
    let client = world.openid(house, |records| records.client(&id).cloned());
    let client = client.ok_or(Refusal::new("invalid_client", "The OAuth client was not found."))?;
    if client.state != super::records::State::Active {
        return Err(Refusal::new("invalid_client", "The OAuth client was not found."));
    }
    if secret.is_empty() {
        return Err(Refusal::new("invalid_request", "client_secret is missing."));
    }
    if hash(&secret) != client.secret_hash || world.faults.strike(Fault::SecretWrong, None) {
        return Err(Refusal::new("invalid_client", "Unauthorized"));
    }
    Ok(client)
}

fn by_code(
    world: &World,
    base: &str,
    house: &House,
    client: &Client,
    parameters: &Parameters,
) -> Result<Value, Refusal> {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let bad = || Refusal::new("invalid_grant", "Bad Request");
    let now_at = world.clock.now_at();
    let code = world.sign_ins.redeem(get("code"), now_at).ok_or_else(bad)?;
    let flow = &code.flow;
    let verifier = get("code_verifier");
    let proved = flow.challenge.as_ref().is_none_or(|challenge| challenge.is_met_by(verifier));
    let same = flow.house == house.key && flow.client_id == client.id;
    if !same || flow.redirect_uri != get("redirect_uri") || !proved {
        return Err(bad());
    }
    // Google gives one only together with a consent of this moment.
    let offline = flow.offline
        && (!house.is_google || code.consented_now)
        && !world.faults.strike(Fault::NoRefreshToken, Some(&code.address));
    let token = format!("1//{}", world.chance.token());
    let grant = Grant {
        id: world.chance.guid(),
        hash: hash(&token),
        used: Vec::new(),
        client_id: client.id.clone(),
        address: code.address.clone(),
        scopes: flow.scopes.clone(),
        issued_at: now_at,
        used_at: now_at,
        testing: house.is_google && client.testing && !client.internal,
    };
    let mut body = body(world, base, house, &grant, offline, flow.nonce.as_deref());
    if offline {
        body["refresh_token"] = token.into();
        if let Some(seconds) = grant.testing_seconds(now_at) {
            body["refresh_token_expires_in"] = seconds.into();
        }
        world.openid_change(house, |records| records.add_grant(grant));
    }
    Ok(body)
}

fn by_refresh_token(
    world: &World,
    base: &str,
    house: &House,
    client: &Client,
    parameters: &Parameters,
) -> Result<Value, Refusal> {
    let given = hash(parameters.get("refresh_token").map(String::as_str).unwrap_or_default());
    let over = || Refusal::new("invalid_grant", "Token has been expired or revoked.");
    let found = world.openid(house, |records| {
        let known = |grant: &&Grant| grant.hash == given || grant.used.contains(&given);
        records.grants.iter().find(known).cloned()
    });
    let mut grant = found.filter(|grant| grant.client_id == client.id).ok_or_else(over)?;
    let now_at = world.clock.now_at();
    let strikes = |fault| world.faults.strike(fault, Some(&grant.address));
    if strikes(Fault::ReauthenticationDemanded) {
        return Err(Refusal("invalid_grant", "reauth related error (invalid_rapt)", Some("invalid_rapt")));
    }
    let reused = grant.hash != given;
    if reused || grant.is_over(now_at) || strikes(Fault::GrantRevoked) {
        if reused || grant.is_over(now_at) {
            world.openid_change(house, |records| records.grants.retain(|other| other.id != grant.id));
        }
        return Err(over());
    }
    if let Some(asked) = parameters.get("scope").filter(|scope| !scope.is_empty()) {
        let asked: Vec<String> = asked.split_ascii_whitespace().map(str::to_owned).collect();
        if asked.iter().any(|scope| !grant.scopes.contains(scope)) {
            return Err(Refusal::new("invalid_scope", "The scope goes beyond what was granted."));
        }
    }
    grant.used_at = now_at;
    let mut rotated = None;
    if !house.is_google && !strikes(Fault::NoRefreshToken) {
        let token = format!("1//{}", world.chance.token());
        grant.used.push(std::mem::replace(&mut grant.hash, hash(&token)));
        rotated = Some(token);
    }
    let mut body = body(world, base, house, &grant, true, None);
    if let Some(token) = rotated {
        body["refresh_token"] = token.into();
    }
    world.openid_change(house, |records| {
        if let Some(kept) = records.grants.iter_mut().find(|kept| kept.id == grant.id) {
            *kept = grant;
        }
    });
    Ok(body)
}

fn body(world: &World, base: &str, house: &House, grant: &Grant, kept: bool, nonce: Option<&str>) -> Value {
    let mut scopes = grant.scopes.clone();
    if world.faults.strike(Fault::NarrowedScope, Some(&grant.address)) {
        scopes.retain(|scope| scope != house.mail_scope);
    }
    let id = if kept { grant.id.as_str() } else { "" };
    let mut body = json!({
        "access_token": access_token(world, house, &grant.client_id, &grant.address, &scopes, id),
        "expires_in": SECONDS,
        "scope": scopes.join(" "),
        "token_type": "Bearer",
    });
    if scopes.iter().any(|scope| scope == "openid") {
        body["id_token"] = id_token(world, base, house, grant, nonce).into();
    }
    body
}

pub(super) fn access_token(
    world: &World,
    house: &House,
    client_id: &str,
    address: &str,
    scopes: &[String],
    grant: &str,
) -> String {
    world.tokens.seal(&Access {
        aud: house.mail_scope.to_owned(),
        scp: scopes.join(" "),
        upn: address.to_owned(),
        roles: String::new(),
        appid: client_id.to_owned(),
        exp: world.clock.now_at() / 1000 + SECONDS,
        jti: world.chance.guid(),
        grant: grant.to_owned(),
        house: house.key.to_owned(),
    })
}

fn id_token(world: &World, base: &str, house: &House, grant: &Grant, nonce: Option<&str>) -> String {
    let now = world.token_time() / 1000;
    let asked = |scope: &str| grant.scopes.iter().any(|granted| granted == scope);
    let mut claims = json!({
        "iss": house.issuer(base),
        "sub": world.seed.guid(&format!("{} subject {}", house.key, grant.address)),
        "aud": grant.client_id,
        "azp": grant.client_id,
        "iat": now,
        "exp": now + 3600,
    });
    if asked("email") {
        claims["email"] = grant.address.as_str().into();
        claims["email_verified"] = true.into();
    }
    if asked("profile") {
        claims["name"] = people::name_of(&grant.address).into();
    }
    if house.is_google && grant.address.ends_with("@fabrikam.example") {
        claims["hd"] = "fabrikam.example".into();
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    world.sign(&claims)
}
