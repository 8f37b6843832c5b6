//! `/authorize`: looks at a request, refuses it on a page or by redirect as Entra does, or begins a sign-in.
//! Nothing is redirected before client and redirect URI are known to belong together.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;

use super::flow::{Challenge, Flow, Prompt, Purpose, ResponseMode};
use super::problem::{Problem, Trace};
use super::sign_in::{self, Outcome};
use super::{Tenant, find_app};
use crate::faults::Fault;
use crate::page;
use crate::permissions::Scope;
use crate::world::{Shared, World};

type Parameters = HashMap<String, String>;

/// How a request fails: before the redirect URI is trusted, or after.
enum Failure {
    OnPage(Problem),
    ByRedirect(Box<Flow>, Problem),
}

pub(super) async fn page(
    State(world): State<Shared>,
    Path(segment): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response {
    match begin(&world, &segment, &parameters) {
        Ok(flow) => {
            let id = world.chance.token();
            world.flows.begin(id.clone(), flow.clone());
            sign_in::first_page(&id, &flow)
        }
        Err(Failure::OnPage(problem)) => page::problem(&problem, &Trace::new(&world)),
        Err(Failure::ByRedirect(flow, problem)) => sign_in::leave(&world, &flow, Outcome::Problem(problem)),
    }
}

fn begin(world: &World, segment: &str, parameters: &Parameters) -> Result<Flow, Failure> {
    let mut flow = trusted(world, segment, parameters).map_err(Failure::OnPage)?;
    match complete(world, &mut flow, parameters) {
        Ok(()) => Ok(flow),
        Err(problem) => Err(Failure::ByRedirect(Box::new(flow), problem)),
    }
}

/// What must be right before anything is sent to the redirect URI.
fn trusted(world: &World, segment: &str, parameters: &Parameters) -> Result<Flow, Problem> {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let tenant = Tenant::named(world, segment)?;
    let app = find_app(world, get("client_id"))?;
    let redirect_uri = get("redirect_uri").to_owned();
    if app.redirect_uris.is_empty() {
        return Err(Problem::new(
            "invalid_client",
            500113,
            "No reply address is registered for the application.",
        ));
    }
    if redirect_uri.is_empty() {
        return Err(Problem::new("invalid_request", 900971, "No reply address provided."));
    }
    if !app.redirect_uris.contains(&redirect_uri) {
        return Err(Problem::new(
            "invalid_request",
            50011,
            format!(
                "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.",
                app.client_id
            ),
        ));
    }
    tenant.admits(&app)?;
    Ok(Flow {
        tenant,
        tenant_segment: segment.to_owned(),
        client_id: app.client_id,
        app_name: app.name,
        purpose: Purpose::Code,
        redirect_uri,
        response_mode: ResponseMode::Query,
        scopes: Vec::new(),
        state: parameters.get("state").cloned(),
        nonce: parameters.get("nonce").cloned(),
        challenge: None,
        login_hint: get("login_hint").trim().to_lowercase(),
        prompt: Prompt::Unsaid,
        begun_at: world.clock.now_at(),
        address: None,
    })
}

fn complete(world: &World, flow: &mut Flow, parameters: &Parameters) -> Result<(), Problem> {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    flow.response_mode = match get("response_mode") {
        "" | "query" => ResponseMode::Query,
        "fragment" => ResponseMode::Fragment,
        other => {
            let text = format!(
                "The provided value for the input parameter 'response_mode' is not valid here: '{other}'. Practice knows 'query' and 'fragment'."
            );
            return Err(Problem::new("invalid_request", 70007, text));
        }
    };
    match get("response_type") {
        "" => return Err(Problem::missing("response_type")),
        "code" => {}
        _ => {
            let text =
                format!("response_type 'id_token' is not enabled for the application '{}'.", flow.client_id);
            return Err(Problem::new("unsupported_response_type", 700054, text));
        }
    }
    if get("scope").trim().is_empty() {
        return Err(Problem::missing("scope"));
    }
    flow.scopes = Scope::parse_all(get("scope")).map_err(|bad| Problem::bad_scope(&flow.app_name, bad))?;
    flow.challenge = challenge(get("code_challenge"), get("code_challenge_method"))?;
    flow.prompt = match get("prompt") {
        "" => Prompt::Unsaid,
        "login" => Prompt::Login,
        "select_account" => Prompt::SelectAccount,
        "consent" => Prompt::Consent,
        "none" => {
            let text = "Session information is not sufficient for single-sign-on.";
            return Err(Problem::new("login_required", 50058, text));
        }
        other => {
            let text =
                format!("The provided value for the input parameter 'prompt' is not valid: '{other}'.");
            return Err(Problem::new("invalid_request", 90023, text));
        }
    };
    let who = (!flow.login_hint.is_empty()).then_some(flow.login_hint.as_str());
    if world.faults.strike(Fault::AuthorizeServerError, who) {
        return Err(Problem::new(
            "server_error",
            50000,
            "There was an error issuing a token or an issue with our sign-in service.",
        ));
    }
    if world.faults.strike(Fault::AuthorizeUnavailable, who) {
        return Err(Problem::new(
            "temporarily_unavailable",
            90033,
            "A transient error has occurred. Please try again.",
        ));
    }
    Ok(())
}

fn challenge(value: &str, method: &str) -> Result<Option<Challenge>, Problem> {
    if value.is_empty() {
        return Ok(None);
    }
    // RFC 7636 §4.2: 43 to 128 characters.
    if !(43..=128).contains(&value.len()) {
        let text = "The provided value for the input parameter 'code_challenge' has an invalid length.";
        return Err(Problem::new("invalid_request", 501491, text));
    }
    match method {
        "S256" => Ok(Some(Challenge::S256(value.to_owned()))),
        "" | "plain" => Ok(Some(Challenge::Plain(value.to_owned()))),
        other => {
            let text = format!(
                "The provided value for the input parameter 'code_challenge_method' is not valid: '{other}'."
            );
            Err(Problem::new("invalid_request", 90023, text))
        }
    }
}
