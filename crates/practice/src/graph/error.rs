//! What Graph refuses with: a status, a code, a sentence, and the ids that its support asks for.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::world::World;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub retry_after_s: Option<u32>,
    /// Of a token that an event has overtaken: what the next one is to be asked for with, in base64.
    claims: Option<&'static str>,
}

/// `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
const CLAIMS: &str =
    "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNjA0MTA2NjUxIn19fQ==";

pub(super) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, code, message: message.into(), retry_after_s: None, claims: None }
    }

    pub fn bad(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub fn denied() -> Refusal {
        let text = "Access is denied. Check credentials and try again.";
        Refusal::new(StatusCode::FORBIDDEN, "ErrorAccessDenied", text)
    }

    pub fn token(message: &str) -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    /// Continuous access evaluation: good by its own words, and refused all the same.
    pub fn claims() -> Refusal {
        let text = "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp";
        Refusal { claims: Some(CLAIMS), ..Refusal::token(text) }
    }

    pub fn gone() -> Refusal {
        Refusal::new(StatusCode::GONE, "ErrorGone", "The requested resource is no longer available.")
    }

    pub fn not_found() -> Refusal {
        let text = "The specified object was not found in the store.";
        Refusal::new(StatusCode::NOT_FOUND, "ErrorItemNotFound", text)
    }

    pub fn malformed_id() -> Refusal {
        Refusal::bad("ErrorInvalidIdMalformed", "Id is malformed.")
    }

    pub fn no_mailbox() -> Refusal {
        let text = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
        Refusal::new(StatusCode::NOT_FOUND, "MailboxNotEnabledForRESTAPI", text)
    }

    pub fn sync_lost() -> Refusal {
        let text = "The sync state generation is not found; generation=149;[highest=157][157][155][156].";
        Refusal::new(StatusCode::GONE, "SyncStateNotFound", text)
    }

    /// Of the API, and not offered here.
    pub fn not_offered(what: &str) -> Refusal {
        Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotImplemented",
            format!("The practice provider does not offer {what}."),
        )
    }

    pub fn throttled(seconds: u32) -> Refusal {
        let text = "Application is over its MailboxConcurrency limit.";
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "ApplicationThrottled", text);
        Refusal { retry_after_s: Some(seconds), ..refusal }
    }

    pub fn unavailable() -> Refusal {
        let text = "The service is temporarily unavailable. Please try again later.";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable", text)
    }

    pub fn response(&self, trace: &Trace) -> Response {
        let inner = json!({
            "date": trace.date,
            "request-id": trace.request_id,
            "client-request-id": trace.client_request_id,
        });
        let body = json!({ "error": { "code": self.code, "message": self.message, "innerError": inner } });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"";
            let challenge = match self.claims {
                Some(claims) => format!("{challenge}, error=\"insufficient_claims\", claims=\"{claims}\""),
                None => challenge.to_owned(),
            };
            headers.extend(HeaderValue::from_str(&challenge).map(|value| (header::WWW_AUTHENTICATE, value)));
        }
        response
    }
}

/// What names one request in a conversation with support.
#[derive(Debug)]
pub(crate) struct Trace {
    pub request_id: String,
    /// The client's own, or the same.
    pub client_request_id: String,
    date: String,
}

impl Trace {
    pub fn of(world: &World, headers: &HeaderMap) -> Trace {
        let request_id = world.chance.guid();
        let own =
            headers.get("client-request-id").and_then(|id| id.to_str().ok()).filter(|id| id.len() <= 64);
        Trace {
            client_request_id: own.unwrap_or(&request_id).to_owned(),
            request_id,
            date: world.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        }
    }

    pub fn mark(&self, response: &mut Response) {
        let marks = [("request-id", &self.request_id), ("client-request-id", &self.client_request_id)];
        for (name, id) in marks {
            if let Ok(id) = HeaderValue::from_str(id) {
                response.headers_mut().insert(name, id);
            }
        }
    }
}
