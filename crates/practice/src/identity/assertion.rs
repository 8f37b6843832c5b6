//! A client assertion signed with a certificate's key: whose certificate, whose signature, for whom, and when.
//! Several certificates may be registered at once, so that one can follow another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::problem::Problem;
use crate::clock::moment;
use crate::directory::{App, Certificate};
use crate::faults::Fault;
use crate::jwt::Jwt;
use crate::world::World;

/// Entra allows clocks to differ by this much.
const SKEW_SECONDS: i64 = 300;

pub(super) fn check(world: &World, app: &App, assertion: &str, audiences: &[String]) -> Result<(), Problem> {
    let Some(jwt) = Jwt::read(assertion) else {
        let text = "JWT token is invalid or malformed.";
        return Err(Problem::new("invalid_request", 50027, text));
    };
    let certificate = registered(app, &jwt)?;
    let strikes = |fault| world.faults.strike(fault, None);
    if strikes(Fault::AssertionUnknownKey) {
        return Err(unknown_key(app, &jwt, "The key was not found."));
    }
    if certificate.expires_at <= world.clock.now_at() {
        return Err(unknown_key(app, &jwt, "The key used is expired."));
    }
    let key = STANDARD.decode(&certificate.key).unwrap_or_default();
    if !jwt.is_signed_by(&key) {
        return Err(Problem::new(
            "invalid_client",
            700027,
            "Client assertion failed signature validation. [Reason - The provided signature value did not match the expected signature value.]",
        ));
    }
    if strikes(Fault::AssertionRejected) || !audiences.iter().any(|audience| audience == jwt.claim("aud")) {
        return Err(Problem::new(
            "invalid_client",
            50012,
            "Client assertion is invalid: its audience, thumbprint or signature is not accepted for this application.",
        ));
    }
    if jwt.claim("iss") != jwt.claim("sub") {
        let text = "The client assertion's subject does not match its issuer.";
        return Err(Problem::new("invalid_client", 50048, text));
    }
    if !jwt.claim("iss").eq_ignore_ascii_case(&app.client_id) {
        let text = "Client assertion application identifier doesn't match 'client_id' parameter.";
        return Err(Problem::new("invalid_client", 700021, text));
    }
    in_time(world, &jwt)
}

fn registered<'a>(app: &'a App, jwt: &Jwt) -> Result<&'a Certificate, Problem> {
    // Microsoft's own library pads them, against the letter of RFC 7515.
    let [sha256, sha1] = ["x5t#S256", "x5t"].map(|name| jwt.head(name).trim_end_matches('='));
    let named = |certificate: &&Certificate| match sha256 {
        "" => certificate.x5t == sha1,
        sha256 => certificate.x5t_s256 == sha256,
    };
    let found = app.certificates.iter().find(named);
    found.ok_or_else(|| unknown_key(app, jwt, "The key was not found."))
}

fn unknown_key(app: &App, jwt: &Jwt, reason: &str) -> Problem {
    let thumbprint = [jwt.head("x5t#S256"), jwt.head("x5t")].into_iter().find(|name| !name.is_empty());
    Problem::new(
        "invalid_client",
        700027,
        format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - {reason}, Thumbprint of key used by client: '{}', Please visit the Azure Portal and check the certificates of the application '{}'.]",
            thumbprint.unwrap_or_default(),
            app.client_id
        ),
    )
}

fn in_time(world: &World, jwt: &Jwt) -> Result<(), Problem> {
    let now = world.token_time() / 1000;
    let starts = jwt.seconds("nbf").or(jwt.seconds("iat")).unwrap_or(now);
    let ends = jwt.seconds("exp").unwrap_or(0);
    let struck = world.faults.strike(Fault::AssertionOutOfTime, None);
    if !struck && starts - SKEW_SECONDS <= now && now < ends + SKEW_SECONDS {
        return Ok(());
    }
    let told = |seconds: i64| moment(seconds * 1000).strftime("%Y-%m-%dT%H:%M:%S.0000000Z").to_string();
    Err(Problem::new(
        "invalid_client",
        700024,
        format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry time of assertion {}.",
            told(now),
            told(starts),
            told(ends)
        ),
    ))
}
