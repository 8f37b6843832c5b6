//! What the gate refuses, and what every answer carries.
use crate::office::{Browser, Office, PASSWORD, SITE};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};

const HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("strict-transport-security", "max-age=31536000"),
];

#[tokio::test]
async fn every_answer_carries_the_strict_headers() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    for path in [
        "/sign-in",
        "/profile",
        "/mailboxes",
        "/agents",
        "/inbox",
        "/nowhere",
        "/mailboxes/99",
        "/assets/postern.css",
    ] {
        let answer = maya.get(path).await;
        for (name, value) in HEADERS {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        if !path.starts_with("/assets/") {
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
    }
}

#[tokio::test]
async fn pages_need_no_inline_script_or_style() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    for path in ["/profile", "/mailboxes", "/mailboxes/new", "/agents", "/agents/new", "/inbox"] {
        let answer = maya.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        answer.hides(" style=\"").hides("<style").hides(" onclick").hides("<script>").hides("javascript:");
    }
}

#[tokio::test]
async fn assets_are_kept_for_good_under_their_hash() {
    let office = Office::staffed();
    let mut browser = office.browser();
    let page = browser.get("/sign-in").await;
    let (_, rest) = page.body.split_once("href=\"/assets/postern.css").unwrap();
    let address = format!("/assets/postern.css{}", rest.split_once('"').unwrap().0);
    let answer = browser.get(&address).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(browser.get("/assets/postern.css?v=old").await.header("cache-control"), "public, no-cache");
    let known = browser.request(Method::GET, &address).header(header::IF_NONE_MATCH, answer.header("etag"));
    assert_eq!(browser.send(known.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(browser.get("/assets/..%2fCargo.toml").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_host_is_told_where_postern_lives() {
    let office = Office::staffed();
    let mut browser = office.leo().await;
    browser.host = "evil.example".to_owned();
    let answer = browser.get("/profile").await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
    answer.shows("https://help.contoso.example/").hides("evil.example").hides("Leo");
}

#[tokio::test]
async fn a_form_needs_the_sessions_token_and_the_right_origin() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    leo.get("/profile").await;
    let typed = [("name", "Mallory"), ("theme", "dark"), ("time_zone", "UTC")];

    let own = leo.origin.clone();
    for origin in [
        "https://evil.example",
        "null",
        "http://help.contoso.example",
        "https://help.contoso.example.evil.example",
    ] {
        leo.origin = origin.to_owned();
        let answer = leo.post("/profile", &typed).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
    }
    leo.origin = own;
    let mut forged: Vec<(String, String)> =
        typed.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    for token in [None, Some("x".to_owned()), Some(leo.cookies["__Host-postern"].clone())] {
        forged.retain(|(name, _)| name != "form_token");
        forged.extend(token.map(|token| ("form_token".to_owned(), token)));
        // Our own page with a stale token: nothing is done, and nothing that was typed is lost.
        let answer = leo.post_exactly("/profile", &forged).await;
        assert!(answer.location().starts_with("/profile?kept="), "{} {}", answer.status, answer.location());
        leo.follow(&answer).await.shows("Mallory").shows("What you typed is here again");
    }
    leo.get("/profile").await.hides("Mallory").shows("Leo Brandt");

    let answer = leo.post("/profile", &[("name", "Leo B."), ("theme", "dark"), ("time_zone", "UTC")]).await;
    assert_eq!(answer.location(), "/profile?done=saved");
    leo.follow(&answer).await.shows("Leo B.").shows("data-theme=\"dark\"").shows("Saved.");
}

#[tokio::test]
async fn the_sign_in_form_is_guarded_before_there_is_a_session() {
    let office = Office::staffed();
    let form = |token: &str| {
        [("form_token", token), ("email", "leo@contoso.example"), ("password", PASSWORD)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    };
    let mut browser = office.browser();
    assert_eq!(browser.post_exactly("/sign-in", &form("guess")).await.status, StatusCode::FORBIDDEN);
    browser.get("/sign-in").await;
    assert_eq!(browser.post_exactly("/sign-in", &form("")).await.status, StatusCode::FORBIDDEN);
    let token = browser.cookies["__Host-postern-form"].clone();
    browser.origin = "https://evil.example".to_owned();
    assert_eq!(browser.post_exactly("/sign-in", &form(&token)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_form_sent_twice_gets_the_first_answer() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/mailboxes/new").await;
    let typed = [("address", "support@contoso.example"), ("name", "Support"), ("department", "1")];
    let first = maya.post("/mailboxes", &typed).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.body);
    let second = maya.post("/mailboxes", &typed).await;
    assert_eq!((second.status, second.location()), (StatusCode::SEE_OTHER, first.location()));
    let list = maya.get("/mailboxes").await;
    assert_eq!(list.body.matches("support@contoso.example").count(), 1);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    leo.get("/profile").await;
    let long = "x".repeat(web::routes::BODY_BYTES_MAX + 1);
    let answer = leo.post("/profile", &[("name", &long)]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_method_that_is_not_in_the_table_does_nothing() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    leo.get("/profile").await;
    let put = leo.request(Method::PUT, "/profile").body(Body::empty()).unwrap();
    assert_eq!(leo.send(put).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let answer = leo.get("/sign-out").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(leo.get("/profile").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_old_form_leads_back_to_a_page_wherever_it_was_sent_to() {
    let office = Office::staffed();
    for (path, page) in [
        ("/profile/password", "/profile"),
        ("/profile/sessions/4/end", "/profile"),
        ("/mailboxes/1/remote/config", "/mailboxes/1/remote"),
        ("/mailboxes/1/pause", "/mailboxes/1"),
        ("/inbox/3/retry", "/inbox"),
        ("/tickets/10001/closure", "/tickets/10001"),
        ("/sign-out", "/"),
    ] {
        let old = |browser: &Browser, token: &str, referer: Option<&str>| {
            let request = browser
                .request(Method::POST, path)
                .header(header::ORIGIN, SITE)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let request = match referer {
                Some(referer) => request.header(header::REFERER, format!("{SITE}{referer}")),
                None => request,
            };
            request.body(Body::from(format!("form_token={token}&name=Maya"))).unwrap()
        };
        // With a session, and after it has ended; from a page, and from where a refused form was answered.
        for referer in [None, Some(path)] {
            let mut maya = office.maya().await;
            let answer = maya.send(old(&maya, "of-yesterday", referer)).await;
            assert!(answer.location().starts_with(&format!("{page}?kept=")), "{path}: {}", answer.location());
            maya.cookies.remove("__Host-postern");
            let answer = maya.send(old(&maya, "of-yesterday", referer)).await;
            let to = url::form_urlencoded::byte_serialize(page.as_bytes()).collect::<String>();
            let to = if page == "/" { "/sign-in?lost=1".into() } else { format!("/sign-in?to={to}&lost=1") };
            assert_eq!(answer.location(), to, "{path}");
        }
    }
}

#[tokio::test]
async fn an_address_that_nobody_made_is_answered_by_a_page() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    for (path, status, words) in [
        ("/mailboxes/one", StatusCode::NOT_FOUND, "There is no such page"),
        ("/mailboxes/%FF", StatusCode::NOT_FOUND, "There is no such page"),
        ("/agents/99999999999999999999", StatusCode::NOT_FOUND, "There is no such page"),
        ("/tickets/10001?before=soon", StatusCode::BAD_REQUEST, "Open the page by its link."),
    ] {
        let answer = maya.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        answer.shows(words).shows("<nav class=\"rail\"");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
    }
    maya.get("/profile").await;
    let answer = maya.post("/mailboxes/one", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    answer.shows("There is no such page");
}
