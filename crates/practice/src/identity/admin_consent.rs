//! `/adminconsent`: the link that a tenant's administrator is sent. It gives no code, only the consent.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;

use super::flow::{Flow, Prompt, Purpose, ResponseMode};
use super::problem::{Problem, Trace};
use super::{Tenant, find_app, sign_in};
use crate::page;
use crate::permissions::{self, Scope};
use crate::world::{Shared, World};

type Parameters = HashMap<String, String>;

/// The newer page names what is asked for.
pub(super) async fn chosen(
    State(world): State<Shared>,
    Path(segment): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let asked = parameters.get("scope").map(|scope| scope.trim()).unwrap_or_default().to_owned();
    answer(&world, &segment, &parameters, Some(&asked))
}

/// The older one takes everything that is registered.
pub(super) async fn everything(
    State(world): State<Shared>,
    Path(segment): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response {
    answer(&world, &segment, &parameters, None)
}

fn answer(world: &World, segment: &str, parameters: &Parameters, asked: Option<&str>) -> Response {
    match begin(world, segment, parameters, asked) {
        Ok(flow) => {
            let id = world.chance.token();
            world.flows.begin(id.clone(), flow.clone());
            sign_in::first_page(&id, &flow)
        }
        Err(problem) => page::problem(&problem, &Trace::new(world)),
    }
}

fn begin(
    world: &World,
    segment: &str,
    parameters: &Parameters,
    asked: Option<&str>,
) -> Result<Flow, Problem> {
    let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let tenant = Tenant::named(world, segment)?;
    let app = find_app(world, get("client_id"))?;
    let redirect_uri = get("redirect_uri").to_owned();
    if !app.redirect_uris.contains(&redirect_uri) {
        let text = format!(
            "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{}'.",
            app.client_id
        );
        return Err(Problem::new("invalid_request", 50011, text));
    }
    tenant.admits(&app)?;
    if asked == Some("") {
        return Err(Problem::missing("scope"));
    }
    let registered: Vec<&str> = app.permissions.iter().map(String::as_str).collect();
    let default = asked.and_then(permissions::resource_of_default);
    if let Some(Err(bad)) = &default {
        return Err(Problem::bad_scope(&app.name, bad.clone()));
    }
    let with_application = asked.is_none() || default.is_some();
    let scopes = match asked.filter(|_| !with_application) {
        Some(asked) => Scope::parse_all(asked).map_err(|bad| Problem::bad_scope(&app.name, bad))?,
        None => registered.iter().filter_map(|name| Scope::parse(name).ok()).collect(),
    };
    Ok(Flow {
        tenant,
        tenant_segment: segment.to_owned(),
        client_id: app.client_id,
        app_name: app.name,
        purpose: Purpose::AdminConsent { with_application },
        redirect_uri,
        response_mode: ResponseMode::Query,
        scopes,
        state: parameters.get("state").cloned(),
        nonce: None,
        challenge: None,
        login_hint: String::new(),
        prompt: Prompt::Consent,
        begun_at: world.clock.now_at(),
        address: None,
    })
}
