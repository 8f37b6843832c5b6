//! The token endpoint: what a request must be, client authentication, the answer with its id_token. Who the
//! client is, is decided in `client`, what a code or a refresh token is worth in `grants`. The order of the checks is Entra's as far as it shows.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::app_only;
use super::client::{DEVICE_CODE, Proof};
use super::grants::{self, Granted};
use super::problem::Problem;
use super::{Tenant, find_app};
use crate::directory::App;
use crate::faults::Fault;
use crate::http::Base;
use crate::people;
use crate::permissions::{self, Scope};
use crate::world::{Shared, World};

type Parameters = HashMap<String, String>;

pub(super) async fn wrong_method(State(world): State<Shared>) -> Response {
    let text = "The endpoint only accepts POST requests. Received a GET request.";
    Problem::new("invalid_request", 900561, text).to_json(&world)
}

pub(super) async fn answer(
    State(world): State<Shared>,
    Base(base): Base,
    Path(segment): Path<String>,
    headers: HeaderMap,
    Form(parameters): Form<Parameters>,
) -> Response {
    match grant(&world, &base, &segment, &headers, &parameters) {
        Ok(body) => (StatusCode::OK, [("cache-control", "no-store"), ("pragma", "no-cache")], Json(body))
            .into_response(),
        Err(problem) => problem.to_json(&world),
    }
}

fn grant(
    world: &World,
    base: &str,
    segment: &str,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Value, Problem> {
    let get = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let tenant = Tenant::named(world, segment)?;
    let proof = Proof::of(base, segment, headers, parameters);
    let app = find_app(world, &proof.client_id)?;
    tenant.admits(&app)?;
    let grant_type = get("grant_type").ok_or_else(|| Problem::missing("grant_type"))?;
    struck(world, &app)?;
    proof.check(world, &app)?;
    let granted = match grant_type {
        "authorization_code" => grants::by_code(world, tenant, &app, parameters)?,
        "refresh_token" => grants::by_refresh_token(world, &app, parameters)?,
        DEVICE_CODE => grants::by_device_code(world, &app, parameters)?,
        "client_credentials" => {
            return app_only::answer(world, tenant, &app, parameters, seconds(world, None));
        }
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(Problem::new("unsupported_grant_type", 70003, text));
        }
    };
    Ok(body(world, base, &app, granted))
}

/// Refusals of any request, whatever it asks for, in the provider's words: one of each class.
fn struck(world: &World, app: &App) -> Result<(), Problem> {
    let id = &app.client_id;
    let rows = [
        (Fault::LoopDetected, "invalid_request", 50196, "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.".to_owned()),
        (Fault::AppMissing, "unauthorized_client", 700016, format!("Application with identifier '{id}' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.")),
        (Fault::AppDisabled, "unauthorized_client", 7000112, format!("Application '{id}'({}) is disabled.", app.name)),
        (Fault::ResourceUnknown, "invalid_resource", 500011, "The resource principal named https://outlook.office.com was not found in the tenant named Contoso.".to_owned()),
        (Fault::ScopeInvalid, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid.".to_owned()),
        (Fault::RequestMalformed, "invalid_request", 9002313, "Invalid request. Request is malformed or invalid.".to_owned()),
        (Fault::TransientGrant, "invalid_grant", 90033, "A transient error has occurred. Please try again.".to_owned()),
        (Fault::UnknownNumber, "invalid_grant", 999_999, "Something went wrong that has no entry in any list.".to_owned()),
    ];
    match rows.into_iter().find(|(fault, ..)| world.faults.strike(*fault, None)) {
        Some((_, error, number, text)) => Err(Problem::new(error, number, text)),
        None => Ok(()),
    }
}

/// How long an access token lives.
fn seconds(world: &World, who: Option<&str>) -> i64 {
    let strikes = |fault| world.faults.strike(fault, who);
    if strikes(Fault::MomentaryTokens) {
        1
    } else if strikes(Fault::BriefTokens) {
        32
    } else if strikes(Fault::ShortTokens) {
        60
    } else {
        world.access_token_seconds()
    }
}

fn body(world: &World, base: &str, app: &App, mut granted: Granted) -> Value {
    let seconds = seconds(world, Some(&granted.address));
    if world.faults.strike(Fault::NarrowedScope, Some(&granted.address)) {
        granted.scopes.retain(|scope| !scope.permission.contains(".Send"));
    }
    let for_token = match world.faults.strike(Fault::WrongResource, Some(&granted.address)) {
        true => {
            let asked = permissions::resources(&granted.scopes).first().copied().unwrap_or_default();
            vec![Scope { resource: Some(permissions::another(asked)), permission: "User.Read" }]
        }
        false => granted.scopes.clone(),
    };
    // Microsoft leaves offline_access out of the scope it answers.
    let told: Vec<Scope> =
        granted.scopes.iter().filter(|scope| scope.permission != "offline_access").cloned().collect();
    let mut body = json!({
        "token_type": "Bearer",
        "scope": permissions::join(&told),
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": world.issue_access_token(&app.client_id, &granted.address, &for_token, seconds),
    });
    let asked = |permission: &str| granted.scopes.iter().any(|scope| scope.permission == permission);
    if let Some(fields) = body.as_object_mut() {
        if let Some(token) = &granted.refresh_token {
            fields.insert("refresh_token".to_owned(), token.as_str().into());
        }
        if asked("openid") {
            fields.insert("id_token".to_owned(), id_token(world, base, app, &granted).into());
        }
    }
    body
}

fn id_token(world: &World, base: &str, app: &App, granted: &Granted) -> String {
    let asked = |permission: &str| granted.scopes.iter().any(|scope| scope.permission == permission);
    let now = world.token_time() / 1000;
    let tenant = world.tenant_of(&granted.address);
    let mut claims = json!({
        "ver": "2.0",
        "iss": format!("{base}/{tenant}/v2.0"),
        "sub": world.seed.guid(&format!("subject {} {}", app.client_id, granted.address)),
        "aud": app.client_id,
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 3600,
        "tid": tenant,
    });
    let Some(fields) = claims.as_object_mut() else { return String::new() };
    if asked("profile") {
        fields.insert("name".to_owned(), people::name_of(&granted.address).into());
        fields.insert("preferred_username".to_owned(), granted.address.as_str().into());
        fields.insert("oid".to_owned(), world.seed.guid(&format!("person {}", granted.address)).into());
    }
    if asked("email") {
        fields.insert("email".to_owned(), granted.address.as_str().into());
    }
    if let Some(nonce) = &granted.nonce {
        fields.insert("nonce".to_owned(), nonce.as_str().into());
    }
    world.sign(&claims)
}
