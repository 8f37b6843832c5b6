//! A service account's JWT (RFC 7523) with domain-wide delegation: `sub` is the mailbox it acts for.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::House;
use super::token::Refusal;
use crate::faults::Fault;
use crate::jwt::Jwt;
use crate::people;
use crate::world::World;

const LIFE_MAX_SECONDS: i64 = 3600;
const SKEW_SECONDS: i64 = 300;

/// Whose mailbox, and for which scopes.
pub(super) fn check(
    world: &World,
    house: &House,
    audience: &str,
    parameters: &HashMap<String, String>,
) -> Result<(String, Vec<String>), Refusal> {
    let invalid = |text| Refusal::new("invalid_grant", text);
    let assertion = parameters.get("assertion").map(String::as_str).unwrap_or_default();
    let jwt = Jwt::read(assertion).ok_or_else(|| invalid("Invalid JWT: not three parts of base64url."))?;
    let account = world.openid(house, |records| {
        records.accounts.iter().find(|account| account.email == jwt.claim("iss")).cloned()
    });
    let strikes = |fault| world.faults.strike(fault, None);
    let account = account
        .filter(|_| !strikes(Fault::AppMissing))
        .ok_or_else(|| invalid("Invalid grant: account not found"))?;
    let named = account.keys.iter().find(|(kid, _)| kid == jwt.head("kid"));
    let key = named.and_then(|(_, key)| STANDARD.decode(key).ok());
    if jwt.head("alg") != "RS256"
        || !key.is_some_and(|key| jwt.is_signed_by(&key))
        || strikes(Fault::AssertionUnknownKey)
    {
        return Err(invalid("Invalid JWT Signature."));
    }
    if jwt.claim("aud") != audience {
        return Err(invalid("Invalid JWT: Failed audience check."));
    }
    let now = world.token_time() / 1000;
    let in_time = match (jwt.seconds("iat"), jwt.seconds("exp")) {
        (Some(starts), Some(ends)) => {
            starts - SKEW_SECONDS <= now && now < ends && ends - starts <= LIFE_MAX_SECONDS
        }
        _ => false,
    };
    if !in_time || strikes(Fault::AssertionOutOfTime) {
        return Err(invalid(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
        ));
    }
    let scopes: Vec<String> = jwt.claim("scope").split_ascii_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() || scopes.iter().any(|scope| !house.knows(scope)) {
        return Err(Refusal::new("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
    }
    let mailbox = jwt.claim("sub").to_lowercase();
    if mailbox.is_empty() {
        return Ok((account.email, scopes));
    }
    let delegated = scopes.iter().all(|scope| account.delegated.contains(scope));
    if !delegated || strikes(Fault::ConsentRemoved) {
        return Err(Refusal::new(
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        ));
    }
    let in_domain = people::find(&mailbox).is_some() && mailbox.ends_with("@fabrikam.example");
    if !in_domain {
        return Err(invalid("Invalid email or User ID"));
    }
    Ok((mailbox, scopes))
}
