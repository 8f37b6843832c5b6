//! Discovery, keys, userinfo, Gmail's profile, and revocation (RFC 7009).

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::{At, GOOGLE, House};
use crate::directory::hash;
use crate::http::Base;
use crate::people;
use crate::tokens::Access;
use crate::world::{Shared, World};

pub(super) async fn configuration(Base(base): Base, Extension(house): At) -> Response {
    let paths = &house.paths;
    let mut body = json!({
        "issuer": house.issuer(&base),
        "authorization_endpoint": format!("{base}{}", paths.authorize),
        "token_endpoint": format!("{base}{}", paths.token),
        "revocation_endpoint": format!("{base}{}", paths.revoke),
        "userinfo_endpoint": format!("{base}{}", paths.userinfo),
        "jwks_uri": format!("{base}{}", paths.keys),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "name", "sub"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
    });
    if house.is_google {
        body["code_challenge_methods_supported"] = json!(["plain", "S256"]);
        body["grant_types_supported"] =
            json!(["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"]);
    } else {
        body["scopes_supported"] = json!(["openid", "email", "profile", "offline_access", house.mail_scope]);
        body["authorization_response_iss_parameter_supported"] = true.into();
    }
    Json(body).into_response()
}

pub(super) async fn keys(State(world): State<Shared>, Base(base): Base, Extension(house): At) -> Response {
    Json(world.tokens.key_set(&house.issuer(&base))).into_response()
}

/// The access token of a request, if it is this provider's and still good.
fn bearer(world: &World, house: &House, headers: &HeaderMap) -> Option<Access> {
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let access = world.tokens.open_access(token, world.clock.now_at())?;
    (access.house == house.key && world.is_alive(&access)).then_some(access)
}

fn unauthorized() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
    let body = json!({ "error": "invalid_token", "error_description": "Invalid Credentials" });
    (StatusCode::UNAUTHORIZED, challenge, Json(body)).into_response()
}

pub(super) async fn userinfo(
    State(world): State<Shared>,
    Extension(house): At,
    headers: HeaderMap,
) -> Response {
    let Some(access) = bearer(&world, house, &headers) else { return unauthorized() };
    let mut body = json!({ "sub": world.seed.guid(&format!("{} subject {}", house.key, access.upn)) });
    if access.permits("email") {
        body["email"] = access.upn.as_str().into();
        body["email_verified"] = true.into();
    }
    if access.permits("profile") {
        body["name"] = people::name_of(&access.upn).into();
    }
    Json(body).into_response()
}

/// The address of whoever granted the mail scope, without any sign-in scope.
pub(super) async fn gmail_profile(State(world): State<Shared>, headers: HeaderMap) -> Response {
    match bearer(&world, &GOOGLE, &headers) {
        None => unauthorized(),
        Some(access) if access.permits(GOOGLE.mail_scope) => {
            let total = world.mailboxes.folders(&access.upn).unwrap_or_default();
            let total: usize = total.values().map(|folder| folder.letters.len()).sum();
            Json(json!({ "emailAddress": access.upn, "messagesTotal": total })).into_response()
        }
        Some(_) => {
            let text = "Request had insufficient authentication scopes.";
            let body = json!({ "error": { "code": 403, "message": text, "status": "PERMISSION_DENIED" } });
            (StatusCode::FORBIDDEN, Json(body)).into_response()
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Revoke {
    #[serde(default)]
    token: String,
}

/// Ends the grant, its access tokens with it; and at Google what was consented to.
pub(super) async fn revoke(
    State(world): State<Shared>,
    Extension(house): At,
    Form(form): Form<Revoke>,
) -> Response {
    let by_access = world.tokens.open_access(&form.token, world.clock.now_at());
    let by_access = by_access.filter(|access| access.house == house.key && !access.grant.is_empty());
    let hash = hash(&form.token);
    let ended = world.openid_change(house, |records| {
        let at = records.grants.iter().position(|grant| {
            grant.hash == hash || by_access.as_ref().is_some_and(|access| access.grant == grant.id)
        })?;
        let grant = records.grants.remove(at);
        if house.is_google
            && let Some(client) = records.client_mut(&grant.client_id)
        {
            client.consents.remove(&grant.address);
        }
        Some(())
    });
    // RFC 7009 §2.2 answers 200 whether there was such a token or not; Google does not.
    if ended.is_none() && house.is_google {
        let body = json!({ "error": "invalid_token", "error_description": "Token expired or revoked" });
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    Json(json!({})).into_response()
}
