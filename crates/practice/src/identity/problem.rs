//! What goes wrong at the identity provider, in Microsoft's numbers and words, as JSON, as a page or as the
//! parameters of a redirect. Which problem it is, is decided where it happens.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::permissions::BadScope;
use crate::world::World;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub error: &'static str,
    /// AADSTS number.
    pub number: u32,
    pub text: String,
    pub suberror: Option<&'static str>,
}

/// What an administrator needs to find the sign-in in Microsoft's log.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub trace_id: String,
    pub correlation_id: String,
    pub timestamp: String,
}

impl Trace {
    pub fn new(world: &World) -> Trace {
        Trace {
            trace_id: world.chance.guid(),
            correlation_id: world.chance.guid(),
            timestamp: world.clock.now().strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        }
    }
}

impl Problem {
    pub fn new(error: &'static str, number: u32, text: impl Into<String>) -> Problem {
        Problem { error, number, text: text.into(), suberror: None }
    }

    pub fn missing(parameter: &str) -> Problem {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Problem::new("invalid_request", 900144, text)
    }

    pub fn consent_missing(client_id: &str, name: &str) -> Problem {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{client_id}' named '{name}'. Send an interactive authorization request for this user and resource."
        );
        Problem { suberror: Some("consent_required"), ..Problem::new("invalid_grant", 65001, text) }
    }

    pub fn bad_scope(app_name: &str, bad: BadScope) -> Problem {
        match bad {
            BadScope::Unknown { scope, resource } => Problem::new(
                "invalid_client",
                650053,
                format!(
                    "The application '{app_name}' asked for scope '{scope}' that doesn't exist on the resource '{resource}'. Contact the app vendor."
                ),
            ),
            BadScope::NoResource(resource) => Problem::new(
                "invalid_resource",
                500011,
                format!(
                    "The resource principal named {resource} was not found in the tenant named Contoso. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."
                ),
            ),
        }
    }

    /// `AADSTS…: … Trace ID: … Correlation ID: … Timestamp: …`
    pub fn description(&self, trace: &Trace) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.number, self.text, trace.trace_id, trace.correlation_id, trace.timestamp
        )
    }

    /// The token endpoint's answer.
    pub fn to_json(&self, world: &World) -> Response {
        let trace = Trace::new(world);
        let status = match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(&trace),
            "error_codes": [self.number],
            "timestamp": trace.timestamp,
            "trace_id": trace.trace_id,
            "correlation_id": trace.correlation_id,
            "error_uri": format!("{}/error?code={}", world.http_url, self.number),
        });
        if let (Some(suberror), Some(fields)) = (self.suberror, body.as_object_mut()) {
            fields.insert("suberror".to_owned(), suberror.into());
        }
        (status, [("cache-control", "no-store"), ("pragma", "no-cache")], Json(body)).into_response()
    }
}
