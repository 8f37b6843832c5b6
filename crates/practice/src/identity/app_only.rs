//! client_credentials: a token for the application itself. As at Entra it comes even without any permission;
//! only the mail server shows that something is missing.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Tenant;
use super::problem::Problem;
use crate::directory::App;
use crate::faults::Fault;
use crate::permissions;
use crate::world::World;

pub(super) fn answer(
    world: &World,
    tenant: Tenant,
    app: &App,
    parameters: &HashMap<String, String>,
    seconds: i64,
) -> Result<Value, Problem> {
    if matches!(tenant, Tenant::Common | Tenant::Consumers) {
        let text = "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.";
        return Err(Problem::new("invalid_request", 9001023, text));
    }
    let scope = parameters.get("scope").map(|scope| scope.trim()).unwrap_or_default();
    if scope.is_empty() {
        return Err(Problem::missing("scope"));
    }
    let Some(resource) = permissions::resource_of_default(scope).filter(|_| !scope.contains(' ')) else {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(Problem::new("invalid_scope", 1002012, text));
    };
    let asked = resource.map_err(|bad| Problem::bad_scope(&app.name, bad))?;
    let strikes = world.faults.strike(Fault::WrongResource, Some(&app.client_id));
    let resource = if strikes { permissions::another(asked) } else { asked };
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": world.issue_app_token(app, resource, seconds),
    }))
}
