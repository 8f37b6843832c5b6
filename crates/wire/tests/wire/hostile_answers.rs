//! What any endpoint of a provider may answer, to steal what is sent or to have its words shown: nothing of a body reaches
//! an error but the parts of an OAuth error, and nobody is led elsewhere.

use secrecy::SecretString;
use serde_json::json;
use wire::oauth::{self, ClientAuthentication, TokenRequest};
use wire::{Error, Result};

use super::oauth::{Provider, http, net};

const CLIENT_SECRET: &str = "8Q~client-secret-of-forty-characters-here";
const REFRESH: &str = "0.AXoArefresh-token-that-nobody-else-may-see";
const ACCESS: &str = "eyJ0eXAiOiJKV1Qi.access-token-of-somebody";
const CODE: &str = "0.AXoAcode-of-the-callback-used-once";
const VERIFIER: &str = "verifier-of-forty-three-characters-aaaaaaaa";
const ASSERTION: &str = "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJlLW9mLXRoZS1rZXk";
const DEVICE: &str = "device-code-that-is-asked-with-and-not-shown";
const SECRETS: [&str; 7] = [CLIENT_SECRET, REFRESH, ACCESS, CODE, VERIFIER, ASSERTION, DEVICE];

/// Every request that a provider gets, by a word.
const REQUESTS: [&str; 10] = [
    "code",
    "refresh",
    "application",
    "service account",
    "poll",
    "device",
    "revocation",
    "details",
    "document",
    "keys",
];

async fn ask(provider: &Provider, what: &str) -> Result<()> {
    let (net, endpoint) = (net(), provider.url("/x"));
    let (secret, assertion) = (SecretString::from(CLIENT_SECRET), SecretString::from(ASSERTION));
    let with = |authentication| TokenRequest {
        endpoint: &endpoint,
        client_id: "client",
        authentication,
        scope: Some("a"),
        extra: &[],
    };
    let by_secret = with(ClientAuthentication::Secret(&secret));
    let by_assertion = with(ClientAuthentication::Assertion(&assertion));
    match what {
        "code" => {
            let (code, verifier) = (CODE.into(), VERIFIER.into());
            oauth::exchange_code(&net, &by_secret, &code, "https://d.example/cb", &verifier).await.map(drop)
        }
        "refresh" => oauth::refresh(&net, &by_secret, &REFRESH.into()).await.map(drop),
        "application" => oauth::client_credentials(&net, &by_assertion).await.map(drop),
        "service account" => {
            oauth::jwt_bearer(&net, &with(ClientAuthentication::None), &assertion).await.map(drop)
        }
        "poll" => oauth::poll_device(&net, &by_secret, &DEVICE.into()).await.map(drop),
        "device" => oauth::device_code(&net, &by_secret).await.map(drop),
        "revocation" => {
            let authentication = ClientAuthentication::Secret(&secret);
            oauth::revoke(&net, &endpoint, "client", authentication, &REFRESH.into()).await
        }
        "details" => oauth::resource_details(&net, &endpoint, &ACCESS.into()).await.map(drop),
        "document" => oauth::discover(&net, &endpoint).await.map(drop),
        "keys" => {
            let document = json!({ "issuer": "https://x.example", "jwks_uri": endpoint });
            oauth::keys(&net, &serde_json::from_value(document).unwrap()).await.map(drop)
        }
        other => panic!("nothing is asked by “{other}”"),
    }
}

/// All that anybody could show or log of it.
fn everything(error: &Error) -> String {
    format!("{error} {error:?} {:?} {:?}", error.oauth(), error.server_text())
}

#[tokio::test]
async fn an_answers_body_is_shown_only_as_a_parsed_oauth_error() {
    let long =
        format!("{{\"error\":\"invalid_grant\",\"error_description\":\"{}\"}}", "hotel ".repeat(200_000));
    assert!(long.len() > 1_000_000);
    let bodies = [
        "<html><script>alert('hotel')</script></html>".to_owned(),
        "hotel".to_owned(),
        "\u{0}\u{1b}[31mhotel".to_owned(),
        json!({ "message": "hotel", "detail": { "hotel": 1 } }).to_string(),
        json!({ "error": { "hotel": "hotel" }, "issuer": ["hotel"], "keys": "hotel" }).to_string(),
        json!({ "issuer": "https://x.example", "jwks_uri": "hotel hotel" }).to_string(),
        json!("hotel").to_string(),
        long,
    ];
    for what in REQUESTS {
        for body in &bodies {
            for status in [200, 400, 401, 403, 404, 500, 503] {
                // Two of them are no failure: whatever is taken back with 200 is, and any object may say who signed in.
                let fine = status == 200 && (what == "revocation" || what == "details");
                let provider = Provider::start().await;
                provider.answers("/x", http(status, "", body));
                match ask(&provider, what).await {
                    Ok(()) => assert!(fine, "{what} {status}: {body:.60}"),
                    Err(error) => {
                        let shown = everything(&error);
                        assert!(!shown.contains("hotel") && !shown.contains('<'), "{what} {status}: {shown}");
                        assert!(shown.len() < 4_000, "{what} {status}: {} bytes", shown.len());
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_provider_that_echoes_every_secret_in_every_field_gets_none_of_them_shown() {
    let all = SECRETS.join(" ");
    let encoded: String = url::form_urlencoded::byte_serialize(all.as_bytes()).collect();
    for echoed in [all, encoded] {
        let body = json!({
            "error": echoed, "error_description": echoed, "suberror": echoed, "error_uri": echoed,
            "correlation_id": echoed, "trace_id": echoed, "timestamp": echoed, "error_codes": [7],
        });
        for what in REQUESTS {
            for status in [400, 401, 500] {
                let provider = Provider::start().await;
                provider.answers("/x", http(status, "", &body.to_string()));
                let shown = everything(&ask(&provider, what).await.unwrap_err());
                // What was sent with this request; what was not is the provider's own invention.
                let asked = provider.asked().concat();
                let sent = SECRETS.iter().filter(|secret| {
                    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
                    asked.contains(&form) || asked.contains(**secret)
                });
                let mut count = 0;
                for secret in sent {
                    count += 1;
                    assert!(
                        !shown.contains(secret) && !shown.contains(&secret[..20]),
                        "{what} {status}: {shown}"
                    );
                }
                let without = ["document", "keys"].contains(&what);
                assert_eq!(count == 0, without, "{what}: {asked}");
            }
        }
    }
}

#[tokio::test]
async fn no_request_follows_a_redirect() {
    for what in REQUESTS {
        for status in [301, 302, 303, 307, 308] {
            let (home, elsewhere) = (Provider::start().await, Provider::start().await);
            let to = format!("Location: {}\r\n", elsewhere.url("/stolen"));
            home.answers("/x", http(status, &to, ""));
            elsewhere.answers("/stolen", http(200, "", r#"{"access_token":"at","issuer":"x","keys":[]}"#));
            ask(&home, what).await.unwrap_err();
            assert_eq!((home.asked().len(), elsewhere.asked().len()), (1, 0), "{what} {status}");
        }
    }
}
