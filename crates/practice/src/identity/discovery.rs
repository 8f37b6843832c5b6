//! Discovery (OpenID Connect Discovery 1.0) and the signing keys. Not userinfo: Outlook tokens have none.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Tenant;
use crate::http::Base;
use crate::people::PERSONAL_TENANT;
use crate::world::Shared;

pub(super) async fn configuration(
    State(world): State<Shared>,
    Base(base): Base,
    Path(segment): Path<String>,
) -> Response {
    let tenant = match Tenant::named(&world, &segment) {
        Ok(tenant) => tenant,
        Err(problem) => return problem.to_json(&world),
    };
    let path = match tenant {
        Tenant::Own => world.tenant_id.as_str(),
        Tenant::Common => "common",
        Tenant::Organizations => "organizations",
        Tenant::Consumers => "consumers",
    };
    let issuer = format!("{base}/{}/v2.0", issued_by(tenant, &world.tenant_id));
    let base = format!("{base}/{path}");
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "oid", "ver", "email"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"],
        "tenant_region_scope": null,
        "cloud_instance_name": "practice",
    }))
    .into_response()
}

/// Whose tokens they are. The shared endpoints do not know the tenant beforehand; readers put the token's tid in its place.
fn issued_by(tenant: Tenant, own: &str) -> &str {
    match tenant {
        Tenant::Own => own,
        Tenant::Common | Tenant::Organizations => "{tenantid}",
        Tenant::Consumers => PERSONAL_TENANT,
    }
}

pub(super) async fn keys(
    State(world): State<Shared>,
    Base(base): Base,
    Path(segment): Path<String>,
) -> Response {
    match Tenant::named(&world, &segment) {
        Ok(tenant) => {
            let issuer = format!("{base}/{}/v2.0", issued_by(tenant, &world.tenant_id));
            Json(world.tokens.key_set(&issuer)).into_response()
        }
        Err(problem) => problem.to_json(&world),
    }
}
