//! A form takes its time to come, and meanwhile its sender is no longer who they were: what counts is who they are
//! when it is here.
use crate::office::{Answer, Browser, Office, PASSWORD, SITE, hidden};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use desk::By;
use desk::people::agent::{self, Agent, Role};
use desk::people::session;
use futures_util::StreamExt as _;
use std::sync::Arc;

/// The open page's form, in two pieces; between them `meanwhile` happens.
async fn post_slowly(
    office: &Office,
    browser: &mut Browser,
    path: &str,
    typed: &[(&str, &str)],
    meanwhile: impl Fn(&mut desk::db::Tx<'_>) -> desk::Result<()> + Send + Sync + 'static,
) -> Answer {
    let token = hidden(&browser.page, "form_token").unwrap();
    let fields = [("form_token", token.as_str())].into_iter().chain(typed.iter().copied());
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let (begin, end) = body.split_at(10);
    let pieces = vec![(begin.to_owned(), false), (end.to_owned(), true)];
    let (courier, meanwhile) = (office.courier.clone(), Arc::new(meanwhile));
    let body = futures_util::stream::iter(pieces).then(move |(piece, is_late)| {
        let (courier, meanwhile) = (courier.clone(), meanwhile.clone());
        async move {
            if is_late {
                courier.write(move |tx| meanwhile(tx)).await.unwrap();
            }
            Ok::<_, std::io::Error>(piece)
        }
    });
    let request = browser
        .request(Method::POST, path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, SITE)
        .header(header::REFERER, format!("{SITE}{path}"));
    browser.send(request.body(Body::from_stream(body)).unwrap()).await
}

fn find(office: &Office, email: &str) -> Agent {
    office.read(|tx| agent::find_by_email(tx, email)).unwrap().0
}

const PROFILE: [(&str, &str); 3] = [("name", "Leo"), ("theme", "dark"), ("time_zone", "UTC")];

#[tokio::test]
async fn who_was_disabled_meanwhile_does_not_come_back_by_their_own_profile() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    leo.get("/profile").await;
    let gone = Agent { active: false, ..find(&office, "leo@contoso.example") };
    let by = By::system(office.clock.now());
    let disable = move |tx: &mut desk::db::Tx<'_>| agent::change(tx, &by, &gone);
    let answer = post_slowly(&office, &mut leo, "/profile", &PROFILE, disable).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/sign-in?to=%2Fprofile&lost=1"));
    let leo = find(&office, "leo@contoso.example");
    assert!(!leo.active && leo.theme != "dark");
}

#[tokio::test]
async fn who_is_no_administrator_any_more_makes_no_agent() {
    let office = Office::staffed();
    office.hire("noor@contoso.example", "Noor", Role::Administrator);
    let mut maya = office.maya().await;
    maya.get("/agents/new").await;
    let put_down = Agent { role: Role::Agent, ..find(&office, "maya@contoso.example") };
    let by = By::system(office.clock.now());
    let typed = [
        ("email", "eve@contoso.example"),
        ("name", "Eve"),
        ("role", "administrator"),
        ("password", PASSWORD),
    ];
    let change = move |tx: &mut desk::db::Tx<'_>| agent::change(tx, &by, &put_down);
    let answer = post_slowly(&office, &mut maya, "/agents", &typed, change).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(office.read(|tx| agent::find_by_email(tx, "eve@contoso.example")).is_none());
}

#[tokio::test]
async fn what_was_typed_is_kept_for_who_was_signed_out_meanwhile() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    leo.get("/profile").await;
    let now = office.clock.now();
    let sign_out = move |tx: &mut desk::db::Tx<'_>| {
        let (id,) = tx.one::<(i64,)>("SELECT max(id) FROM session", desk::params![])?;
        session::end(tx, id, now)
    };
    let answer = post_slowly(&office, &mut leo, "/profile", &PROFILE, sign_out).await;
    assert!(answer.location().starts_with("/sign-in?to=%2Fprofile&kept="), "{}", answer.location());
    assert_eq!(find(&office, "leo@contoso.example").name, "Leo Brandt");
    leo.get("/sign-in").await;
    leo.sign_in("leo@contoso.example", PASSWORD).await;
    let (_, kept) = answer.location().split_once("kept=").unwrap();
    leo.get(&format!("/profile?kept={kept}")).await.shows("value=\"Leo\"");
}
