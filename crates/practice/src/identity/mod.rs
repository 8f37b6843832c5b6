//! The identity provider: Entra-shaped endpoints under `/{tenant}/…`. Which path segment is which tenant is
//! decided here; the steps of a sign-in are in `authorize` and `sign_in`, tokens in `token`.

mod admin_consent;
mod app_only;
mod assertion;
mod authorize;
mod client;
pub(crate) mod device;
mod discovery;
pub(crate) mod flow;
mod grants;
mod introspect;
pub(crate) mod problem;
mod sign_in;
mod token;

pub(crate) use client::basic;

use axum::Router;
use axum::routing::{get, post};

use crate::directory::{App, Audience};
use crate::people::{DOMAIN, Kind, ORGANIZATION, PERSONAL_TENANT, Person};
use crate::world::{Shared, World};
use problem::Problem;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::page))
        .route("/{tenant}/oauth2/v2.0/token", post(token::answer).get(token::wrong_method))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device::begin))
        .route("/devicelogin", get(device::ask).post(device::enter))
        .route("/{tenant}/v2.0/adminconsent", get(admin_consent::chosen))
        .route("/{tenant}/adminconsent", get(admin_consent::everything))
        .route("/{tenant}/login", post(sign_in::sign_in))
        .route("/{tenant}/consent", post(sign_in::consent))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::configuration))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/introspect", post(introspect::answer))
}

/// Whose sign-in page a path segment asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tenant {
    /// Contoso, by its id or its domain.
    Own,
    Common,
    Organizations,
    Consumers,
}

impl Tenant {
    pub fn named(world: &World, segment: &str) -> Result<Tenant, Problem> {
        match segment.to_ascii_lowercase().as_str() {
            "common" => Ok(Tenant::Common),
            "organizations" => Ok(Tenant::Organizations),
            "consumers" | PERSONAL_TENANT => Ok(Tenant::Consumers),
            other if other == world.tenant_id || other == DOMAIN => Ok(Tenant::Own),
            _ => Err(Problem::new(
                "invalid_request",
                90002,
                format!(
                    "Tenant '{segment}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
                ),
            )),
        }
    }

    /// Whether this endpoint's account page has a place for a person, work account or personal.
    pub fn lists(self, person: &Person) -> bool {
        match person.kind {
            Kind::Member | Kind::Administrator => self != Tenant::Consumers,
            Kind::Personal => matches!(self, Tenant::Consumers | Tenant::Common),
            Kind::Shared | Kind::Google | Kind::Waldau | Kind::Customer => false,
        }
    }

    /// Whether an app with these account types may use this tenant's endpoints.
    pub fn admits(self, app: &App) -> Result<(), Problem> {
        let named = format!("'{}'({})", app.client_id, app.name);
        match (self, app.audience) {
            (Tenant::Common | Tenant::Organizations, Audience::SingleTenant) => Err(Problem::new(
                "unauthorized_client",
                50194,
                format!(
                    "Application {named} is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant."
                ),
            )),
            (Tenant::Consumers, Audience::SingleTenant | Audience::MultiTenant) => Err(Problem::new(
                "invalid_request",
                9002332,
                format!(
                    "Application {named} is configured for use by Azure Active Directory users only. Please do not use the /consumers endpoint to serve this request."
                ),
            )),
            (Tenant::Own | Tenant::Common | Tenant::Organizations, Audience::PersonalOnly) => {
                Err(Problem::new(
                    "unauthorized_client",
                    9002331,
                    format!(
                        "Application {named} is configured for use by Microsoft Account users only. Please use the /consumers endpoint to serve this request."
                    ),
                ))
            }
            (Tenant::Own, _)
            | (
                Tenant::Common | Tenant::Organizations,
                Audience::MultiTenant | Audience::MultiTenantAndPersonal,
            )
            | (Tenant::Consumers, Audience::MultiTenantAndPersonal | Audience::PersonalOnly) => Ok(()),
        }
    }
}

pub(crate) fn find_app(world: &World, client_id: &str) -> Result<App, Problem> {
    if client_id.is_empty() {
        return Err(Problem::missing("client_id"));
    }
    world.directory.app(client_id).ok_or_else(|| {
        Problem::new(
            "unauthorized_client",
            700016,
            format!("Application with identifier '{client_id}' was not found in the directory '{ORGANIZATION}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."),
        )
    })
}
