//! The authorization endpoint and the pages after it: account, password, consent, and the way back.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::{Form, Query, RawForm, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use url::Url;

use super::records::{Client, State as ClientState};
use super::sign_ins::{Code, Flow};
use super::{At, House};
use crate::faults::Fault;
use crate::http::Base;
use crate::identity::flow::Challenge;
use crate::page;
use crate::people::{self, Person};
use crate::world::{Shared, World};

/// Refused on a page, before the redirect URI is trusted (Google: always); or sent back.
enum Failure {
    OnPage(&'static str, String),
    SentBack(Box<Flow>, &'static str, String),
}

pub(super) async fn page(
    State(world): State<Shared>,
    Base(base): Base,
    Extension(house): At,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    match begin(&world, house, &parameters) {
        Ok(flow) => {
            let id = world.chance.token();
            world.sign_ins.begin(id.clone(), flow.clone());
            account_page(house, &id, &flow, "")
        }
        Err(Failure::OnPage(error, text)) => error_page(house, error, &text),
        Err(Failure::SentBack(flow, error, text)) => {
            leave(&world, &base, house, &flow, &[("error", error), ("error_description", &text)])
        }
    }
}

fn error_page(house: &House, error: &str, text: &str) -> Response {
    let title = format!("Access blocked: Error 400: {error}");
    let title = if house.is_google { title } else { format!("{}: {error}", house.name) };
    page::notice(StatusCode::BAD_REQUEST, &title, text)
}

fn begin(
    world: &World,
    house: &'static House,
    parameters: &HashMap<String, String>,
) -> Result<Flow, Failure> {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let client = trusted(world, house, get("client_id"), get("redirect_uri"))?;
    let challenge = match (get("code_challenge"), get("code_challenge_method")) {
        ("", _) => None,
        (challenge, "S256") => Some(Challenge::S256(challenge.to_owned())),
        (challenge, _) => Some(Challenge::Plain(challenge.to_owned())),
    };
    let scopes: Vec<String> = get("scope").split_ascii_whitespace().map(str::to_owned).collect();
    let prompts: Vec<&str> = get("prompt").split(' ').collect();
    let offline = match house.is_google {
        true => get("access_type") == "offline",
        false => scopes.iter().any(|scope| scope == "offline_access"),
    };
    let flow = Flow {
        house: house.key,
        client_id: client.id,
        redirect_uri: get("redirect_uri").to_owned(),
        scopes,
        state: parameters.get("state").cloned(),
        nonce: parameters.get("nonce").cloned(),
        challenge,
        offline,
        asks_consent: prompts.contains(&"consent") || get("approval_prompt") == "force",
        login_hint: get("login_hint").trim().to_lowercase(),
        begun_at: world.clock.now_at(),
        address: None,
    };
    let refuse = |error, text: String| match house.is_google {
        true => Err(Failure::OnPage(error, text)),
        false => Err(Failure::SentBack(Box::new(flow.clone()), error, text)),
    };
    if !get("approval_prompt").is_empty() && !get("prompt").is_empty() {
        return refuse("invalid_request", "Conflict params: approval_prompt and prompt".to_owned());
    }
    if get("response_type") != "code" {
        return refuse("unsupported_response_type", "response_type must be code".to_owned());
    }
    if flow.scopes.is_empty() {
        return refuse("invalid_request", "Missing required parameter: scope".to_owned());
    }
    if let Some(unknown) = flow.scopes.iter().find(|scope| !house.knows(scope)) {
        return refuse(
            "invalid_scope",
            format!("Some requested scopes were invalid. {{invalid=[{unknown}]}}"),
        );
    }
    if !house.is_google && !matches!(flow.challenge, Some(Challenge::S256(_))) {
        return refuse("invalid_request", "PKCE with S256 is required".to_owned());
    }
    if world.faults.strike(Fault::AuthorizeServerError, None) {
        return Err(Failure::SentBack(Box::new(flow), "server_error", "Try again later".to_owned()));
    }
    Ok(flow)
}

fn trusted(world: &World, house: &House, id: &str, redirect_uri: &str) -> Result<Client, Failure> {
    let fail = |error, text: &str| Err(Failure::OnPage(error, text.to_owned()));
    let Some(client) = world.openid(house, |records| records.client(id).cloned()) else {
        return fail("invalid_client", "The OAuth client was not found.");
    };
    match client.state {
        ClientState::Active => {}
        ClientState::Deleted => return fail("deleted_client", "The OAuth client was deleted."),
        ClientState::Disabled => return fail("disabled_client", "The OAuth client was disabled."),
    }
    if !client.redirect_uris.iter().any(|known| known == redirect_uri) {
        let text = format!(
            "You can't sign in because {} sent an invalid request. The redirect URI {redirect_uri} is not one of the client's authorized redirect URIs.",
            client.name
        );
        return fail("redirect_uri_mismatch", &text);
    }
    Ok(client)
}

fn account_page(house: &House, id: &str, flow: &Flow, why: &str) -> Response {
    let mut accounts: Vec<&Person> =
        people::PEOPLE.iter().filter(|person| person.kind == house.kind).collect();
    accounts.sort_by_key(|person| !person.address.eq_ignore_ascii_case(&flow.login_hint));
    page::html(&page::OpenIdSignIn { house, flow: id, accounts, why })
}

#[derive(Debug, Deserialize)]
pub(super) struct SignIn {
    flow: String,
    account: String,
    password: String,
}

pub(super) async fn sign_in(
    State(world): State<Shared>,
    Base(base): Base,
    Extension(house): At,
    Form(form): Form<SignIn>,
) -> Response {
    let Some(flow) = world.sign_ins.find(&form.flow, house.key) else { return stale(house) };
    let account = form.account.trim().to_lowercase();
    let Some(person) = people::find(&account).filter(|person| person.kind == house.kind) else {
        return account_page(house, &form.flow, &flow, "Couldn't find your account.");
    };
    if form.password.is_empty() {
        return account_page(
            house,
            &form.flow,
            &flow,
            "Enter a password. Any will do, but not an empty one.",
        );
    }
    let Some(client) = world.openid(house, |records| records.client(&flow.client_id).cloned()) else {
        return stale(house);
    };
    if let Some((error, text)) = barred(&client, person.address) {
        return error_page(house, error, text);
    }
    world.sign_ins.signed_in(&form.flow, person.address);
    let consented = client.consents.get(person.address);
    let missing = flow.scopes.iter().any(|scope| !consented.is_some_and(|known| known.contains(scope)));
    if missing || flow.asks_consent {
        // One scope alone beside none of the sign-in's has no boxes to untick.
        let sign_in = |scope: &String| matches!(scope.as_str(), "openid" | "email" | "profile");
        let others: Vec<&String> = flow.scopes.iter().filter(|scope| !sign_in(scope)).collect();
        let boxes = house.is_google && (others.len() > 1 || others.len() < flow.scopes.len());
        let page = page::OpenIdConsent {
            house,
            flow: &form.flow,
            client: &client.name,
            account: person.address,
            scopes: others,
            boxes,
        };
        return page::html(&page);
    }
    let granted = flow.scopes.clone();
    finish(&world, &base, house, &form.flow, flow, granted, false)
}

/// Whom Google lets in: people of the organization, test users, and nobody where the administrator blocks.
fn barred(client: &Client, address: &str) -> Option<(&'static str, &'static str)> {
    let in_workspace = address.ends_with("@fabrikam.example");
    if client.internal && !in_workspace {
        return Some(("org_internal", "This client is restricted to users within its organization."));
    }
    if client.testing && !client.internal && !client.test_users.contains(address) {
        return Some((
            "access_denied",
            "The app is currently being tested, and can only be accessed by developer-approved testers.",
        ));
    }
    if client.blocked && in_workspace {
        return Some((
            "admin_policy_enforced",
            "Your organization's administrator does not let this app use your data.",
        ));
    }
    None
}

pub(super) async fn consent(
    State(world): State<Shared>,
    Base(base): Base,
    Extension(house): At,
    RawForm(form): RawForm,
) -> Response {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&form).into_owned().collect();
    let first = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let id = first("flow").unwrap_or_default();
    let Some(flow) = world.sign_ins.find(id, house.key).filter(|flow| flow.address.is_some()) else {
        return stale(house);
    };
    if first("answer") != Some("allow") {
        world.sign_ins.end(id);
        return leave(&world, &base, house, &flow, &[("error", "access_denied")]);
    }
    let boxes = first("boxes").is_some();
    let ticked = |scope: &String| fields.iter().any(|(key, value)| key == "scope" && value == scope);
    let sign_in = |scope: &String| matches!(scope.as_str(), "openid" | "email" | "profile");
    let granted: Vec<String> =
        flow.scopes.iter().filter(|scope| !boxes || sign_in(scope) || ticked(scope)).cloned().collect();
    finish(&world, &base, house, id, flow, granted, true)
}

fn finish(
    world: &World,
    base: &str,
    house: &House,
    id: &str,
    mut flow: Flow,
    granted: Vec<String>,
    consented_now: bool,
) -> Response {
    let Some(address) = flow.address.clone().or_else(|| world.sign_ins.find(id, house.key)?.address) else {
        return stale(house);
    };
    world.sign_ins.end(id);
    world.openid_change(house, |records| {
        if let Some(client) = records.client_mut(&flow.client_id) {
            client.consents.entry(address.clone()).or_default().extend(granted.iter().cloned());
        }
    });
    flow.scopes = granted;
    if world.faults.strike(Fault::WrongNonce, Some(&address)) {
        flow.nonce = Some(world.chance.token());
    }
    let code = format!("4/{}", world.chance.token());
    let scopes = flow.scopes.join(" ");
    let memory = Code { flow: flow.clone(), address, consented_now, issued_at: world.clock.now_at() };
    world.sign_ins.issue(code.clone(), memory);
    leave(world, base, house, &flow, &[("code", &code), ("scope", &scopes)])
}

/// The redirect to the client.
fn leave(world: &World, base: &str, house: &House, flow: &Flow, answer: &[(&str, &str)]) -> Response {
    let Ok(mut target) = Url::parse(&flow.redirect_uri) else { return stale(house) };
    {
        let mut query = target.query_pairs_mut();
        query.extend_pairs(answer);
        if let Some(state) = &flow.state {
            let wrong = world.faults.strike(Fault::WrongState, flow.address.as_deref());
            query.append_pair("state", if wrong { "nobody-sent-this" } else { state });
        }
        if !house.is_google {
            let wrong = world.faults.strike(Fault::WrongIssuer, None);
            let issuer = if wrong { "https://elsewhere.example".to_owned() } else { house.issuer(base) };
            query.append_pair("iss", &issuer);
        }
    }
    page::found(target.as_str())
}

fn stale(house: &House) -> Response {
    error_page(house, "invalid_request", "The sign-in is over. Go back to where it began and start again.")
}
