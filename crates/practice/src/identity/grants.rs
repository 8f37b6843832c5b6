//! What an authorization code (with PKCE) or a refresh token is worth: whose it is, which scopes, and why not.

use std::collections::HashMap;

use super::flow::{CODE_MS, Code};
use super::problem::Problem;
use super::{Tenant, device};
use crate::clock::moment;
use crate::directory::{App, hash};
use crate::faults::Fault;
use crate::permissions::{self, Scope};
use crate::world::World;

/// Days without use after which a refresh token dies.
const REFRESH_MS: i64 = 90 * 86_400_000;

type Parameters = HashMap<String, String>;

/// What a token answer is made of.
pub(super) struct Granted {
    pub address: String,
    pub scopes: Vec<Scope>,
    pub nonce: Option<String>,
    pub refresh_token: Option<String>,
}

pub(super) fn by_code(
    world: &World,
    tenant: Tenant,
    app: &App,
    parameters: &Parameters,
) -> Result<Granted, Problem> {
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
    let proved = code.flow.challenge.as_ref().is_none_or(|challenge| challenge.is_met_by(verifier));
    if !proved {
        let text =
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
        return Err(Problem::new("invalid_grant", 501481, text));
    }
    Ok(())
}

pub(super) fn by_device_code(world: &World, app: &App, parameters: &Parameters) -> Result<Granted, Problem> {
    let (address, scopes) = device::poll(world, app, parameters)?;
    let offline = scopes.iter().any(|scope| scope.permission == "offline_access")
        && !world.faults.strike(Fault::NoRefreshToken, None);
    let refresh_token =
        offline.then(|| world.issue_refresh_token(&app.client_id, &address, &permissions::join(&scopes)));
    Ok(Granted { address, scopes: of_one_resource(scopes), nonce: None, refresh_token })
}

pub(super) fn by_refresh_token(
    world: &World,
    app: &App,
    parameters: &Parameters,
) -> Result<Granted, Problem> {
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
    let wanted = match get("scope") {
        "" => Scope::parse_all(&record.scopes).unwrap_or_default(),
        scope => Scope::parse_all(scope).map_err(|bad| Problem::bad_scope(&app.name, bad))?,
    };
    // Several resources are no error here: the first one's token comes back, a silent trap of the real one.
    let scopes = of_one_resource(wanted);
    // It is bound to the person and the app, not to the resource that it came with.
    let allowed =
        |scope: &Scope| scope.resource.is_none() || app.consented(&record.address, scope.permission);
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
    let rotates = !world.faults.strike(Fault::NoRefreshToken, None);
    let refresh_token =
        rotates.then(|| world.issue_refresh_token(&app.client_id, &record.address, &record.scopes));
    Ok(Granted { address: record.address, scopes, nonce: None, refresh_token })
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
            Fault::PasswordChanged,
            Problem::new(
                "invalid_grant",
                50133,
                "The session is not valid due to password expiration or recent password change.",
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
