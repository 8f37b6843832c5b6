//! The token endpoint: client authentication, authorization codes with PKCE, refresh tokens, id_tokens. The
//! order of the checks is Entra's as far as it shows.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{ConnectInfo, Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::flow::{CODE_MS, Challenge, Code};
use super::problem::Problem;
use super::{Tenant, find_app};
use crate::clock::moment;
use crate::directory::{App, hash};
use crate::faults::Fault;
use crate::http::Cut;
use crate::people;
use crate::permissions::{self, Scope};
use crate::world::{Shared, World};

/// Days without use after which a refresh token dies.
const REFRESH_MS: i64 = 90 * 86_400_000;

type Parameters = HashMap<String, String>;

/// What a token answer is made of.
struct Granted {
    address: String,
    scopes: Vec<Scope>,
    nonce: Option<String>,
    refresh_token: Option<String>,
}

pub(super) async fn wrong_method(State(world): State<Shared>) -> Response {
    let text = "The endpoint only accepts POST requests. Received a GET request.";
    Problem::new("invalid_request", 900561, text).to_json(&world)
}

pub(super) async fn answer(
    State(world): State<Shared>,
    Path(segment): Path<String>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    Form(parameters): Form<Parameters>,
) -> Response {
    if let Some(response) = broken(&world, &cut).await {
        return response;
    }
    match grant(&world, &segment, &headers, &parameters) {
        Ok(body) => (StatusCode::OK, [("cache-control", "no-store"), ("pragma", "no-cache")], Json(body))
            .into_response(),
        Err(problem) => problem.to_json(&world),
    }
}

/// Faults that are not answers of OAuth at all.
async fn broken(world: &World, cut: &Cut) -> Option<Response> {
    let strikes = |fault| world.faults.strike(fault, None);
    if strikes(Fault::TokenServerError) {
        let page = "<html><body><h1>Server Error in '/' Application.</h1></body></html>";
        return Some(
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/html")], page).into_response(),
        );
    }
    if strikes(Fault::TokenUnavailable) {
        let text = "A transient error has occurred. Please try again.";
        return Some(Problem::new("temporarily_unavailable", 90033, text).to_json(world));
    }
    if strikes(Fault::TokenThrottled) {
        let problem = Problem::new(
            "temporarily_unavailable",
            90055,
            "The tenant is throttled due to too many incoming requests.",
        );
        let mut response = problem.to_json(world);
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(header::RETRY_AFTER, 7.into());
        return Some(response);
    }
    if strikes(Fault::TokenDrops) {
        cut.now();
        return Some(StatusCode::OK.into_response());
    }
    if strikes(Fault::TokenStalls) {
        std::future::pending::<()>().await;
    }
    None
}

fn grant(
    world: &World,
    segment: &str,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Value, Problem> {
    let get = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let tenant = Tenant::named(world, segment)?;
    let basic = basic(headers);
    let client_id = get("client_id").or(basic.as_ref().map(|(id, _)| id.as_str())).unwrap_or_default();
    let app = find_app(world, client_id)?;
    tenant.admits(&app)?;
    let grant_type = get("grant_type").ok_or_else(|| Problem::missing("grant_type"))?;
    if world.faults.strike(Fault::LoopDetected, None) {
        let text = "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.";
        return Err(Problem::new("invalid_request", 50196, text));
    }
    authenticate(world, &app, get("client_secret").or(basic.as_ref().map(|(_, secret)| secret.as_str())))?;
    let granted = match grant_type {
        "authorization_code" => by_code(world, tenant, &app, parameters)?,
        "refresh_token" => by_refresh_token(world, &app, parameters)?,
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(Problem::new("unsupported_grant_type", 70003, text));
        }
    };
    Ok(body(world, &app, granted))
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |text: &str| {
        let pair = format!("v={text}");
        url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

fn authenticate(world: &World, app: &App, secret: Option<&str>) -> Result<(), Problem> {
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
    let Some(secret) = secret else {
        let text =
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return Err(Problem::new("invalid_client", 7000218, text));
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

fn by_code(world: &World, tenant: Tenant, app: &App, parameters: &Parameters) -> Result<Granted, Problem> {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    if get("code").is_empty() {
        return Err(Problem::missing("code"));
    }
    let Some(code) = world.flows.redeem(get("code")).filter(|code| code.flow.client_id == app.client_id)
    else {
        return Err(Problem::new(
            "invalid_grant",
            70000,
            "The provided value for the 'code' parameter is not valid.",
        ));
    };
    check_code(world, tenant, &code, parameters)?;
    let wanted = match get("scope") {
        "" => code.flow.scopes.clone(),
        scope => {
            let wanted = Scope::parse_all(scope).map_err(|bad| Problem::bad_scope(&app.name, bad))?;
            let resources = permissions::resources(&wanted);
            if resources.len() > 1 {
                let text = format!(
                    "Invalid multiple resources scope. The provided value for the input parameter 'scope' isn't valid because it contains more than one resource. Scope {scope} is not valid."
                );
                return Err(Problem::new("invalid_scope", 700022, text));
            }
            wanted
        }
    };
    let all = &code.flow.scopes;
    if wanted.iter().any(|scope| scope.resource.is_some() && !all.contains(scope)) {
        return Err(Problem::consent_missing(&app.client_id, &app.name));
    }
    let offline = all.iter().any(|scope| scope.permission == "offline_access")
        && !world.faults.strike(Fault::NoRefreshToken, None);
    let refresh_token =
        offline.then(|| world.issue_refresh_token(&app.client_id, &code.address, &permissions::join(all)));
    Ok(Granted {
        address: code.address,
        scopes: of_one_resource(wanted),
        nonce: code.flow.nonce,
        refresh_token,
    })
}

fn check_code(world: &World, tenant: Tenant, code: &Code, parameters: &Parameters) -> Result<(), Problem> {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    if code.redeemed {
        let text = "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.";
        return Err(Problem::new("invalid_grant", 54005, text));
    }
    if world.clock.now_at() - code.issued_at >= CODE_MS {
        let text = "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.";
        return Err(Problem::new("invalid_grant", 70008, text));
    }
    if tenant != code.flow.tenant {
        let text = "Provided Authorization Code is intended to use against other tenant, thus rejected.";
        return Err(Problem::new("invalid_grant", 700005, text));
    }
    if get("redirect_uri") != code.flow.redirect_uri {
        let text = format!(
            "The reply address '{}' does not match the reply address '{}' provided when requesting Authorization code.",
            get("redirect_uri"),
            code.flow.redirect_uri
        );
        return Err(Problem::new("invalid_client", 500112, text));
    }
    let verifier = get("code_verifier");
    let proved = match &code.flow.challenge {
        None => true,
        Some(Challenge::Plain(challenge)) => verifier == challenge,
        Some(Challenge::S256(challenge)) => {
            URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == *challenge
        }
    };
    if !proved {
        let text =
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
        return Err(Problem::new("invalid_grant", 501481, text));
    }
    Ok(())
}

fn by_refresh_token(world: &World, app: &App, parameters: &Parameters) -> Result<Granted, Problem> {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    if get("refresh_token").is_empty() {
        return Err(Problem::missing("refresh_token"));
    }
    let hash = hash(get("refresh_token"));
    let record = world.directory.read(|records| {
        records
            .refresh_tokens
            .iter()
            .find(|token| token.hash == hash && token.client_id == app.client_id)
            .cloned()
    });
    let Some(record) = record else {
        let text = "The provided value for the input parameter 'refresh_token' or 'assertion' is not valid.";
        return Err(Problem::new("invalid_grant", 70000, text));
    };
    let now_at = world.clock.now_at();
    let issued = moment(record.issued_at).strftime("%Y-%m-%dT%H:%M:%S.0000000Z");
    let inactive = Problem::new(
        "invalid_grant",
        700082,
        format!(
            "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for 90.00:00:00."
        ),
    );
    if now_at - record.used_at >= REFRESH_MS
        || world.faults.strike(Fault::GrantInactive, Some(&record.address))
    {
        return Err(inactive);
    }
    struck_at_refresh(world, app, &record.address)?;
    let consented = Scope::parse_all(&record.scopes).unwrap_or_default();
    let wanted = match get("scope") {
        "" => consented.clone(),
        scope => Scope::parse_all(scope).map_err(|bad| Problem::bad_scope(&app.name, bad))?,
    };
    // Several resources are no error here: the first one's token comes back, a silent trap of the real one.
    let scopes = of_one_resource(wanted);
    let allowed = |scope: &Scope| {
        scope.resource.is_none()
            || (consented.contains(scope) && app.consented(&record.address, scope.permission))
    };
    if !scopes.iter().all(allowed) {
        return Err(Problem::consent_missing(&app.client_id, &app.name));
    }
    let strict = world.faults.strike(Fault::StrictRotation, Some(&record.address));
    world.directory.change(|records| {
        if strict {
            records.refresh_tokens.retain(|token| token.hash != hash);
        } else if let Some(token) = records.refresh_tokens.iter_mut().find(|token| token.hash == hash) {
            token.used_at = now_at;
        }
    });
    let refresh_token = world.issue_refresh_token(&app.client_id, &record.address, &record.scopes);
    Ok(Granted { address: record.address, scopes, nonce: None, refresh_token: Some(refresh_token) })
}

/// Faults that end a grant, in the words of the provider.
fn struck_at_refresh(world: &World, app: &App, address: &str) -> Result<(), Problem> {
    let mfa = Problem {
        suberror: Some("basic_action"),
        ..Problem::new(
            "invalid_grant",
            50076,
            format!(
                "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{}'.",
                app.client_id
            ),
        )
    };
    let rows = [
        (
            Fault::GrantRevoked,
            Problem::new(
                "invalid_grant",
                50173,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '2026-01-01T00:00:00.0000000Z' and the TokensValidFrom date (before which tokens are not valid) for this user is '2026-02-01T00:00:00.0000000Z'.",
            ),
        ),
        (
            Fault::GrantExpired,
            Problem::new(
                "invalid_grant",
                70008,
                "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
            ),
        ),
        (
            Fault::SignInFrequency,
            Problem::new(
                "invalid_grant",
                70043,
                "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued and the maximum allowed lifetime for this request is 3600.",
            ),
        ),
        (Fault::MfaRequired, mfa),
        (
            Fault::AccountDisabled,
            Problem::new(
                "invalid_grant",
                50057,
                "The user account is disabled. The account has been disabled by an administrator.",
            ),
        ),
        (
            Fault::BlockedByPolicy,
            Problem::new(
                "invalid_grant",
                53003,
                "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
            ),
        ),
        (Fault::ConsentRemoved, Problem::consent_missing(&app.client_id, &app.name)),
    ];
    match rows.into_iter().find(|(fault, _)| world.faults.strike(*fault, Some(address))) {
        Some((_, problem)) => Err(problem),
        None => Ok(()),
    }
}

/// Keeps the OpenID scopes and those of the resource named first.
fn of_one_resource(scopes: Vec<Scope>) -> Vec<Scope> {
    let first = permissions::resources(&scopes).first().copied();
    scopes.into_iter().filter(|scope| scope.resource.is_none() || scope.resource == first).collect()
}

fn body(world: &World, app: &App, granted: Granted) -> Value {
    let seconds = match world.faults.strike(Fault::ShortTokens, Some(&granted.address)) {
        true => 60,
        false => world.access_token_seconds(),
    };
    // Microsoft leaves offline_access out of the scope it answers.
    let told: Vec<Scope> =
        granted.scopes.iter().filter(|scope| scope.permission != "offline_access").cloned().collect();
    let mut body = json!({
        "token_type": "Bearer",
        "scope": permissions::join(&told),
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": world.issue_access_token(&app.client_id, &granted.address, &granted.scopes, seconds),
    });
    let asked = |permission: &str| granted.scopes.iter().any(|scope| scope.permission == permission);
    if let Some(fields) = body.as_object_mut() {
        if let Some(token) = &granted.refresh_token {
            fields.insert("refresh_token".to_owned(), token.as_str().into());
        }
        if asked("openid") {
            fields.insert("id_token".to_owned(), id_token(world, app, &granted).into());
        }
    }
    body
}

fn id_token(world: &World, app: &App, granted: &Granted) -> String {
    let asked = |permission: &str| granted.scopes.iter().any(|scope| scope.permission == permission);
    let now = world.clock.now_at() / 1000;
    let mut claims = json!({
        "ver": "2.0",
        "iss": world.issuer(),
        "sub": world.seed.guid(&format!("subject {} {}", app.client_id, granted.address)),
        "aud": app.client_id,
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 3600,
        "tid": world.tenant_id,
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
    world.tokens.sign(&claims)
}
