//! Every route of the table, for everybody: who gets in, and that a foreign id shows nothing.
use crate::office::{Answer, Browser, Office};
use axum::http::{Method, StatusCode};
use web::routes::{Policy, table};

/// An id that nothing has.
const FOREIGN: &str = "987654";

/// The path with foreign ids in the place of its parameters.
fn filled(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| match part {
            "{side}" => "remote",
            "{name}" => "postern.css",
            "{token}" | "{client}" => "bm90aGluZy1oYXMtdGhpcw",
            part if part.starts_with('{') => FOREIGN,
            part => part,
        })
        .collect();
    parts.join("/")
}

async fn ask(browser: &mut Browser, method: &Method, path: &str) -> Answer {
    // A fresh page for its token, so that the policy and nothing else decides.
    browser.get("/profile").await;
    match *method {
        Method::GET => browser.get(path).await,
        _ => browser.post(path, &[]).await,
    }
}

#[tokio::test]
async fn without_a_session_only_public_routes_answer() {
    let office = Office::staffed();
    for route in table() {
        let mut nobody = office.browser();
        nobody.get("/sign-in").await;
        let answer = match route.method {
            Method::GET => nobody.get(&filled(route.path)).await,
            _ => nobody.post(&filled(route.path), &[]).await,
        };
        match route.policy {
            Policy::Public => assert!(!answer.status.is_server_error(), "{route:?}: {}", answer.status),
            Policy::Machine => assert_eq!(answer.status, StatusCode::ACCEPTED, "{route:?}"),
            Policy::SetUp => assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{route:?}"),
            Policy::Agent | Policy::Administrator => {
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "{route:?}");
                assert!(answer.location().starts_with("/sign-in"), "{route:?}: {}", answer.location());
                assert!(answer.body.is_empty(), "{route:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_agent_is_kept_out_of_the_admin_panel() {
    let office = Office::staffed();
    for route in table().into_iter().filter(|route| route.policy == Policy::Administrator) {
        let mut leo = office.leo().await;
        let answer = ask(&mut leo, &route.method, &filled(route.path)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{route:?}");
        answer.shows("Only an administrator").hides(FOREIGN);
    }
}

#[tokio::test]
async fn a_foreign_id_is_not_found_and_nothing_of_it_is_told() {
    let office = Office::staffed();
    let (mut leo, mut maya) = (office.leo().await, office.maya().await);
    for route in table().into_iter().filter(|route| route.path.contains('{')) {
        let people: &mut [&mut Browser] = match route.policy {
            Policy::Public | Policy::SetUp | Policy::Machine => continue,
            Policy::Agent => &mut [&mut leo, &mut maya],
            Policy::Administrator => &mut [&mut maya],
        };
        for person in people {
            let answer = ask(person, &route.method, &filled(route.path)).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{route:?}: {}", answer.body);
            answer.hides(FOREIGN);
        }
    }
}

#[tokio::test]
async fn every_page_opens_for_whom_it_is_for() {
    let office = Office::staffed();
    let (mut leo, mut maya) = (office.leo().await, office.maya().await);
    for route in table().into_iter().filter(|route| route.method == Method::GET && !route.path.contains('{'))
    {
        if route.path == "/live" {
            continue; // it never ends: live.rs of these tests has its own
        }
        let answer = match route.policy {
            Policy::Administrator => maya.get(route.path).await,
            _ => leo.get(route.path).await,
        };
        assert!(
            answer.status.is_success() || answer.status.is_redirection(),
            "{route:?}: {} {}",
            answer.status,
            answer.body
        );
    }
}

#[test]
fn no_route_stands_twice_in_the_table() {
    let mut seen = std::collections::BTreeSet::new();
    for route in table() {
        assert!(seen.insert((route.method.to_string(), route.path)), "{route:?}");
    }
}
