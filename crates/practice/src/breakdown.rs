//! Endpoints that break in the ways any server can: throttled, failing, babbling, silent, slow, cut off. Asked
//! before an endpoint is; which one a path is, is known here. Not answers of OAuth that mean something.

use std::time::Duration;

use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::faults::{Fault, Place};
use crate::http::Cut;
use crate::identity::problem::Problem;
use crate::openid::{GOOGLE, WALDAU};
use crate::world::{Shared, World};

/// Longer than a person likes to wait, shorter than a client's patience should be.
pub(crate) const SLOW: Duration = Duration::from_secs(4);
/// A wait that is longer than a client's own.
const LONG_S: u32 = 300;

/// The seven ways, in the order of the columns below, and two more.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Throttled,
    ServerError,
    Unavailable,
    Garbage,
    Stalls,
    Slow,
    Drops,
    /// Of the token endpoint alone.
    ThrottledLong,
    ThrottledUntil,
}

const WAYS: [Way; 7] =
    [Way::Throttled, Way::ServerError, Way::Unavailable, Way::Garbage, Way::Stalls, Way::Slow, Way::Drops];

#[rustfmt::skip]
pub(crate) const ROWS: &[(Place, [Fault; 7])] = &[
    (Place::Authorize, [Fault::AuthorizeThrottled, Fault::AuthorizeBreaks, Fault::Authorize503, Fault::AuthorizeGarbage, Fault::AuthorizeStalls, Fault::AuthorizeSlow, Fault::AuthorizeDrops]),
    (Place::Token, [Fault::TokenThrottled, Fault::TokenServerError, Fault::TokenUnavailable, Fault::TokenGarbage, Fault::TokenStalls, Fault::TokenSlow, Fault::TokenDrops]),
    (Place::Device, [Fault::DeviceThrottled, Fault::DeviceServerError, Fault::DeviceUnavailable, Fault::DeviceGarbage, Fault::DeviceStalls, Fault::DeviceSlow, Fault::DeviceDrops]),
    (Place::Discovery, [Fault::DiscoveryThrottled, Fault::DiscoveryServerError, Fault::DiscoveryUnavailable, Fault::DiscoveryGarbage, Fault::DiscoveryStalls, Fault::DiscoverySlow, Fault::DiscoveryDrops]),
    (Place::Keys, [Fault::KeysThrottled, Fault::KeysServerError, Fault::KeysUnavailable, Fault::KeysGarbage, Fault::KeysStall, Fault::KeysSlow, Fault::KeysDrop]),
    (Place::Userinfo, [Fault::UserinfoThrottled, Fault::UserinfoServerError, Fault::UserinfoUnavailable, Fault::UserinfoGarbage, Fault::UserinfoStalls, Fault::UserinfoSlow, Fault::UserinfoDrops]),
    (Place::Revoke, [Fault::RevokeThrottled, Fault::RevokeServerError, Fault::RevokeUnavailable, Fault::RevokeGarbage, Fault::RevokeStalls, Fault::RevokeSlow, Fault::RevokeDrops]),
    (Place::Graph, [Fault::GraphThrottled, Fault::GraphServerError, Fault::GraphUnavailable, Fault::GraphGarbage, Fault::GraphStalls, Fault::GraphSlow, Fault::GraphDrops]),
];

/// Which endpoint of which provider a path is. A fault may be armed for one provider only, by its name.
fn endpoint(path: &str) -> Option<(Place, &'static str)> {
    for house in [&GOOGLE, &WALDAU] {
        let Some(rest) = path.strip_prefix('/').and_then(|path| path.strip_prefix(house.key)) else {
            continue;
        };
        let paths = &house.paths;
        let place = match path {
            _ if path == paths.authorize => Place::Authorize,
            _ if path == paths.token => Place::Token,
            _ if path == paths.keys => Place::Keys,
            _ if path == paths.userinfo => Place::Userinfo,
            _ if path == paths.revoke => Place::Revoke,
            _ if rest == "/.well-known/openid-configuration" => Place::Discovery,
            _ if rest == "/gmail/v1/users/me/profile" => Place::Userinfo,
            _ => return None,
        };
        return Some((place, house.key));
    }
    let (_, rest) = path.strip_prefix('/')?.split_once('/')?;
    let place = match rest {
        "oauth2/v2.0/authorize" => Place::Authorize,
        "oauth2/v2.0/token" => Place::Token,
        "oauth2/v2.0/devicecode" => Place::Device,
        "v2.0/.well-known/openid-configuration" => Place::Discovery,
        "discovery/v2.0/keys" => Place::Keys,
        _ => return None,
    };
    Some((place, "entra"))
}

pub(crate) async fn strike(State(world): State<Shared>, request: Request, next: Next) -> Response {
    match way(&world, request.uri().path()) {
        None => next.run(request).await,
        Some(Way::Slow) => {
            tokio::time::sleep(SLOW).await;
            next.run(request).await
        }
        Some(Way::Stalls) => std::future::pending().await,
        Some(Way::Drops) => {
            if let Some(ConnectInfo(cut)) = request.extensions().get::<ConnectInfo<Cut>>() {
                cut.now();
            }
            StatusCode::OK.into_response()
        }
        Some(Way::Garbage) => garbage(),
        Some(Way::ServerError) => server_error(),
        Some(Way::Unavailable) => {
            let text = "A transient error has occurred. Please try again.";
            Problem::new("temporarily_unavailable", 90033, text).to_json(&world)
        }
        Some(Way::Throttled) => throttled(&world, 7.into()),
        Some(Way::ThrottledLong) => throttled(&world, LONG_S.into()),
        Some(Way::ThrottledUntil) => {
            // Its own clock says when the answer was made, and not this machine's.
            let now_at = world.clock.now_at();
            let mut response = throttled(&world, http_date(now_at + i64::from(LONG_S) * 1000));
            response.headers_mut().insert(header::DATE, http_date(now_at));
            response
        }
    }
}

pub(crate) fn garbage() -> Response {
    let page = "<html><body><h1>Welcome to the hotel's network</h1>Please accept our terms.</body></html>";
    ([(header::CONTENT_TYPE, "text/html")], page).into_response()
}

pub(crate) fn server_error() -> Response {
    let page = "<html><body><h1>Server Error in '/' Application.</h1></body></html>";
    (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/html")], page).into_response()
}

fn throttled(world: &World, until: HeaderValue) -> Response {
    let text = "The tenant is throttled due to too many incoming requests.";
    let mut response = Problem::new("temporarily_unavailable", 90055, text).to_json(world);
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(header::RETRY_AFTER, until);
    response
}

/// RFC 9110 §5.6.7.
fn http_date(at: i64) -> HeaderValue {
    let time = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    let text = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

fn way(world: &World, path: &str) -> Option<Way> {
    let (place, provider) = endpoint(path)?;
    let more =
        [(Fault::TokenThrottledLong, Way::ThrottledLong), (Fault::TokenThrottledUntil, Way::ThrottledUntil)];
    if place == Place::Token
        && let Some((_, way)) =
            more.into_iter().find(|(fault, _)| world.faults.strike(*fault, Some(provider)))
    {
        return Some(way);
    }
    way_at(world, place, &[provider])
}

/// `who` is a provider; or whose mailbox is asked for, and by which call.
pub(crate) fn way_at(world: &World, place: Place, who: &[&str]) -> Option<Way> {
    let (_, faults) = ROWS.iter().find(|(row, _)| *row == place)?;
    let mut pairs = faults.iter().zip(WAYS);
    pairs.find(|(fault, _)| world.faults.strike_any(**fault, who)).map(|(_, way)| way)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_known_by_its_path() {
        let entra = |path: &str| endpoint(&format!("/some-tenant/{path}"));
        assert_eq!(entra("oauth2/v2.0/token"), Some((Place::Token, "entra")));
        assert_eq!(entra("v2.0/adminconsent"), None);
        assert_eq!(endpoint("/waldau/userinfo"), Some((Place::Userinfo, "waldau")));
        assert_eq!(endpoint("/google/o/oauth2/v2/auth"), Some((Place::Authorize, "google")));
        assert_eq!(endpoint("/google/clients"), None);
        assert_eq!(endpoint("/"), None);
    }
}
