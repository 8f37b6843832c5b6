//! OAuth against a tiny HTTP server on loopback that says what each test wants.

mod id_token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;
use wire::net::{Net, Policy};
use wire::oauth::{self, ClientAuthentication, TokenRequest};
use wire::{Error, Kind};

/// Path → raw HTTP answer; keeps the bodies of what was asked.
pub struct Provider {
    origin: String,
    answers: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    pub async fn start() -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (answers, asked) =
            (Arc::<Mutex<HashMap<String, String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (known, noted) = (answers.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut input = Vec::new();
                while !is_whole(&input) && stream.read_buf(&mut input).await.unwrap_or(0) > 0 {}
                let text = String::from_utf8_lossy(&input).into_owned();
                let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
                let bearer = text.lines().find_map(|line| line.strip_prefix("authorization: "));
                noted.lock().unwrap().push(format!("{path} {body}{}", bearer.unwrap_or_default()));
                let answer = known.lock().unwrap().get(&path).cloned();
                let answer = answer.unwrap_or_else(|| http(404, "", "nothing here"));
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        Provider { origin, answers, asked }
    }

    pub fn answers(&self, path: &str, answer: String) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.origin)).unwrap()
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn is_whole(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .to_ascii_lowercase()
        .split_once("content-length: ")
        .map(|(_, rest)| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
    body.len() >= length.unwrap_or(0)
}

pub fn http(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

pub fn net() -> Net {
    Net::new(Policy { practice: true, ..Policy::default() }).unwrap()
}

/// Refreshes against one answer.
async fn refreshed(answer: String) -> Result<oauth::TokenSet, Error> {
    let provider = Provider::start().await;
    provider.answers("/token", answer);
    let endpoint = provider.url("/token");
    let secret = SecretString::from("s~ecret+&");
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: "client",
        authentication: ClientAuthentication::Secret(&secret),
        scope: Some("a b"),
        extra: &[("resource".into(), "r".into()), ("client_id".into(), "other".into())],
    };
    let refreshed = oauth::refresh(&net(), &request, &"old-refresh-token".into()).await;
    assert_eq!(
        provider.asked(),
        ["/token grant_type=refresh_token&refresh_token=old-refresh-token&client_id=client\
          &client_secret=s%7Eecret%2B%26&scope=a+b&resource=r"]
    );
    refreshed
}

#[tokio::test]
async fn a_token_answer_is_read_whatever_form_its_numbers_have() {
    for (body, expires_in_s, scope, rotated) in [
        (
            json!({"access_token": "at", "token_type": "Bearer", "expires_in": 3599, "refresh_token": "new", "scope": "s"}),
            3599,
            Some("s"),
            Some("new"),
        ),
        (
            json!({"access_token": "at", "token_type": "bearer", "expires_in": "7200", "scope": ["a", "b"]}),
            7200,
            Some("a b"),
            None,
        ),
        (json!({"access_token": "at", "expires_in": 59.9, "refresh_token": ""}), 59, None, None),
        (json!({"access_token": "at", "ext_expires_in": 1, "expires_in": null}), 3600, None, None),
        (json!({"access_token": "at", "expires_in": -5}), 3600, None, None),
    ] {
        let set = refreshed(http(200, "", &body.to_string())).await.unwrap();
        assert_eq!(set.access_token.expose_secret(), "at");
        assert_eq!((set.expires_in_s, set.scope.as_deref()), (expires_in_s, scope));
        assert_eq!(set.refresh_token.as_ref().map(|token| token.expose_secret()), rotated);
        assert!(!format!("{set:?}").contains("at\""), "a token set shows no token");
    }
}

#[tokio::test]
async fn a_code_is_exchanged_with_its_verifier_and_redirect_address() {
    let provider = Provider::start().await;
    provider.answers("/t", http(200, "", r#"{"access_token":"at","id_token":"x.y.z"}"#));
    let endpoint = provider.url("/t");
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: "c",
        authentication: ClientAuthentication::None,
        scope: None,
        extra: &[],
    };
    let verifier = SecretString::from("v");
    let set = oauth::exchange_code(&net(), &request, &"code/1".into(), "https://d.example/cb", &verifier)
        .await
        .unwrap();
    assert_eq!(set.id_token.unwrap().expose_secret(), "x.y.z");
    assert_eq!(
        provider.asked(),
        [
            "/t grant_type=authorization_code&code=code%2F1&redirect_uri=https%3A%2F%2Fd.example%2Fcb&code_verifier=v&client_id=c"
        ]
    );
}

#[tokio::test]
async fn an_entra_error_keeps_its_parts_and_its_words() {
    let description = "AADSTS70008: The provided authorization code or refresh token has expired due to inactivity. \
                       Trace ID: 11aa Correlation ID: 22bb Timestamp: 2026-11-24 12:00:00Z";
    let body = json!({
        "error": "invalid_grant", "error_description": description, "error_codes": [70008],
        "timestamp": "2026-11-24 12:00:00Z", "trace_id": "11aa", "correlation_id": "22bb",
    });
    let error = refreshed(http(400, "", &body.to_string())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert_eq!(
        error.to_string(),
        "could not refresh the token on 127.0.0.1: it answered “invalid_grant: AADSTS70008: The provided \
         authorization code or refresh token has expired due to inactivity.”"
    );
    let parts = error.oauth().unwrap();
    assert_eq!((parts.error.as_str(), parts.codes.as_slice()), ("invalid_grant", &[70008][..]));
    assert_eq!(parts.correlation_id.as_deref(), Some("22bb"));
    // The callback has no fields but the description: the same parts are read from it.
    let from_callback = oauth::OAuthError::from_callback("invalid_grant", Some(description));
    assert_eq!(&from_callback, parts);
}

#[tokio::test]
async fn only_an_oauth_error_with_400_or_401_asks_for_a_person() {
    const LATER: Kind = Kind::Transient { retry_after_ms: None };
    let oauth = |error: &str, code: u64| json!({"error": error, "error_codes": [code]}).to_string();
    for (answer, kind) in [
        (http(401, "", &oauth("invalid_client", 7_000_215)), Kind::Rejected),
        (http(400, "", &oauth("invalid_scope", 0)), Kind::Rejected),
        (http(400, "", &oauth("something_new", 0)), Kind::Rejected),
        (http(400, "", &oauth("consent_required", 65001)), Kind::Unauthorized),
        (http(400, "", &oauth("temporarily_unavailable", 0)), LATER),
        // A number that says "temporary" wins over invalid_grant.
        (http(400, "", &oauth("invalid_grant", 50196)), LATER),
        (http(403, "", &oauth("invalid_grant", 70008)), LATER),
        (http(500, "", &oauth("invalid_grant", 70008)), LATER),
        (http(400, "", "<html>portal</html>"), LATER),
        (http(200, "", "<html>portal</html>"), LATER),
        (http(200, "", r#"{"access_token":""}"#), LATER),
        (http(302, "Location: http://127.0.0.1:1/\r\n", ""), LATER),
        (http(429, "Retry-After: 17\r\n", ""), Kind::Transient { retry_after_ms: Some(17_000) }),
        (
            http(400, "Retry-After: 3\r\n", &oauth("server_error", 0)),
            Kind::Transient { retry_after_ms: Some(3000) },
        ),
        (http(200, "", &"x".repeat(300_000)), LATER),
        ("not http at all".to_owned(), LATER),
        (String::new(), LATER),
    ] {
        let error = refreshed(answer.clone()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{answer:.200} {error}");
    }
}

#[tokio::test]
async fn a_secret_that_the_server_echoes_does_not_reach_the_error() {
    let body =
        json!({"error": "invalid_client", "error_description": "bad secret s~ecret+& for old-refresh-token"});
    let error = refreshed(http(401, "", &body.to_string())).await.unwrap_err();
    let everything = format!("{error} {error:?} {:?}", error.oauth());
    assert!(!everything.contains("s~ecret") && !everything.contains("old-refresh"), "{everything}");
    assert!(everything.contains("[hidden]"));
}

#[tokio::test]
async fn http_goes_nowhere_it_should_not() {
    let provider = Provider::start().await;
    provider.answers("/x", http(200, "", "{}"));
    let usual = Net::new(Policy::default()).unwrap();
    let listed =
        Net::new(Policy { http_allow: vec!["127.0.0.1".parse().unwrap()], ..Policy::default() }).unwrap();
    let local = provider.url("/x");
    let named = Url::parse(&local.as_str().replace("127.0.0.1", "localhost")).unwrap();
    for (net, url, expected) in [
        (&usual, local.as_str(), "must begin with https://"),
        (&listed, local.as_str(), "must begin with https://"),
        (&usual, "https://127.0.0.1/x", "it is this machine itself"),
        (&usual, "https://2130706433/x", "it is this machine itself"),
        (&usual, "https://localhost/x", "it is this machine itself"),
        (&usual, "https://[::1]/x", "it is this machine itself"),
        (&usual, "https://[::ffff:10.0.0.1]/x", "it is a private address"),
        (&net(), "https://169.254.169.254/latest", "cloud providers keep machine secrets there"),
        (&net(), "http://192.168.1.1/x", "http without TLS is only allowed to the practice provider"),
        (&net(), "ftp://127.0.0.1/x", "must begin with https://"),
        (&net(), "http://user:hunter2@127.0.0.1/x", "must not hold a user name"),
    ] {
        let error = net.get("look", &Url::parse(url).unwrap(), 100).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{url}: {error}");
        assert_eq!(error.kind(), Kind::Rejected, "{url}");
        assert!(!error.to_string().contains("hunter2"));
    }
    assert!(provider.asked().is_empty());
    for url in [local, named] {
        assert_eq!(net().get("look", &url, 100).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn resource_details_are_asked_with_the_token_and_read_by_dotted_paths() {
    let provider = Provider::start().await;
    let body = json!({ "mail": null, "userPrincipalName": "a@b.example", "user": { "mail": "c@d.example" } });
    provider.answers("/me", http(200, "", &body.to_string()));
    let token = SecretString::from("the-access-token");
    let details = oauth::resource_details(&net(), &provider.url("/me"), &token).await.unwrap();
    assert_eq!(details["userPrincipalName"], "a@b.example");
    assert_eq!(details["user.mail"], "c@d.example");
    assert!(!details.contains_key("mail"));
    assert_eq!(provider.asked(), ["/me Bearer the-access-token"]);
}

#[tokio::test]
async fn resource_details_that_are_refused_are_said_in_the_endpoints_words_without_the_token() {
    let provider = Provider::start().await;
    let token = SecretString::from("the-access-token");
    let graph = json!({ "error": { "code": "InvalidAuthenticationToken",
        "message": "the-access-token: Invalid audience." } });
    let openid = json!({ "error": "invalid_token", "error_description": "It is no token of ours." });
    let long = format!("{{\"x\": \"{}\"}}", "y".repeat(300_000));
    let elsewhere = format!("Location: {}\r\n", provider.url("/stolen"));
    for (path, answer, kind, words) in [
        (
            "/graph",
            http(401, "", &graph.to_string()),
            Kind::Rejected,
            "HTTP status 401: InvalidAuthenticationToken: [hidden]: Invalid audience.",
        ),
        (
            "/openid",
            http(401, "", &openid.to_string()),
            Kind::Rejected,
            "HTTP status 401: invalid_token: It is no token of ours.",
        ),
        ("/page", http(200, "", "<html>"), Kind::Rejected, "no JSON object"),
        ("/moved", http(302, &elsewhere, ""), Kind::Rejected, "a redirect is not followed"),
        (
            "/busy",
            http(503, "Retry-After: 7\r\n", ""),
            Kind::Transient { retry_after_ms: Some(7_000) },
            "503",
        ),
        ("/long", http(200, "", &long), Kind::Transient { retry_after_ms: None }, "longer than"),
    ] {
        provider.answers(path, answer);
        let error = oauth::resource_details(&net(), &provider.url(path), &token).await.unwrap_err();
        let sentence = error.to_string();
        assert_eq!(error.kind(), kind, "{path}: {sentence}");
        assert!(sentence.starts_with("could not read who signed in on 127.0.0.1"), "{sentence}");
        assert!(sentence.contains(words) && !sentence.contains("the-access-token"), "{path}: {sentence}");
    }
    assert!(!provider.asked().iter().any(|asked| asked.starts_with("/stolen")));
}

#[tokio::test]
async fn an_application_asks_with_what_it_signed_and_a_service_account_without_a_client() {
    let provider = Provider::start().await;
    provider.answers("/t", http(200, "", r#"{"access_token":"at","expires_in":3599}"#));
    let endpoint = provider.url("/t");
    let signed = SecretString::from("h.c.s");
    let application = TokenRequest {
        endpoint: &endpoint,
        client_id: "app",
        authentication: ClientAuthentication::Assertion(&signed),
        scope: Some("r/.default"),
        extra: &[],
    };
    let set = oauth::client_credentials(&net(), &application).await.unwrap();
    assert!(set.refresh_token.is_none() && set.expires_in_s == 3599);
    let account = TokenRequest {
        client_id: "",
        authentication: ClientAuthentication::None,
        scope: None,
        ..application.clone()
    };
    oauth::jwt_bearer(&net(), &account, &"a.b.c".into()).await.unwrap();
    assert_eq!(
        provider.asked(),
        [
            "/t grant_type=client_credentials&client_id=app&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
             client-assertion-type%3Ajwt-bearer&client_assertion=h.c.s&scope=r%2F.default",
            "/t grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c",
        ]
    );
}

#[tokio::test]
async fn a_refusal_that_echoes_an_assertion_does_not_show_it() {
    let provider = Provider::start().await;
    let signed = SecretString::from("eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJlLW9mLXRoZS1rZXk");
    let body =
        json!({"error": "invalid_client", "error_description": format!("bad {}", signed.expose_secret())});
    provider.answers("/t", http(401, "", &body.to_string()));
    let endpoint = provider.url("/t");
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: "app",
        authentication: ClientAuthentication::Assertion(&signed),
        scope: None,
        extra: &[],
    };
    let error = oauth::client_credentials(&net(), &request).await.unwrap_err();
    assert!(
        error.to_string().contains("bad [hidden]") && !format!("{error:?}").contains("c2lnbmF0"),
        "{error:?}"
    );
    let error = oauth::jwt_bearer(&net(), &request, &signed).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("c2lnbmF0"), "{error:?}");
}
