//! Every endpoint of every provider breaks in every way a server can; keys roll over; tokens come narrowed or
//! for another resource.

use std::time::{Duration, Instant};

use super::client::{Talk, get, request};
use super::sign_in::{authorize, code, sign_in};
use super::token::{claims, redeem, refresh};
use super::{CALLBACK, SUPPORT, start};
use crate::breakdown::ROWS;
use crate::faults::Place;
use crate::{Fault, Practice, Times};

/// Where a place is at each provider that has it, and how it is asked.
fn endpoints(practice: &Practice, place: Place) -> Vec<(&'static str, &'static str, String)> {
    let base = &practice.http_url;
    let entra = |rest: &str| format!("{base}/{}/{rest}", practice.tenant_id());
    let at = |google: &str, waldau: &str| {
        vec![
            ("GET", "google", format!("{base}/google{google}")),
            ("GET", "waldau", format!("{base}/waldau{waldau}")),
        ]
    };
    let both = match place {
        Place::Authorize => at("/o/oauth2/v2/auth", "/authorize"),
        Place::Token => at("/token", "/token"),
        Place::Discovery => at("/.well-known/openid-configuration", "/.well-known/openid-configuration"),
        Place::Keys => at("/oauth2/v3/certs", "/keys"),
        Place::Userinfo => at("/v1/userinfo", "/userinfo"),
        Place::Revoke => at("/revoke", "/revoke"),
        Place::Device | Place::Graph | Place::Imap | Place::Pop | Place::Smtp => Vec::new(),
    };
    let entra = match place {
        Place::Authorize => Some(entra("oauth2/v2.0/authorize")),
        Place::Token => Some(entra("oauth2/v2.0/token")),
        Place::Device => Some(entra("oauth2/v2.0/devicecode")),
        Place::Discovery => Some(entra("v2.0/.well-known/openid-configuration")),
        Place::Keys => Some(entra("discovery/v2.0/keys")),
        _ => None,
    };
    let posts = matches!(place, Place::Token | Place::Device | Place::Revoke);
    let all = entra.map(|url| ("GET", "entra", url)).into_iter().chain(both);
    all.map(|(method, name, url)| (if posts { "POST" } else { method }, name, url)).collect()
}

#[tokio::test]
async fn every_endpoint_breaks_in_every_way_a_server_can() {
    let (practice, _) = start().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for (place, [throttled, error, unavailable, garbage, stalls, _, drops]) in ROWS {
        for (method, provider, url) in endpoints(&practice, *place) {
            let ask = async |fault: &Fault| {
                practice.faults.arm_for(*fault, Times::Exactly(1), provider);
                let answer = request(method, &url, &form, "").await;
                assert_eq!(practice.faults.struck(*fault), 1, "{fault:?} at {url}");
                answer
            };
            let answer = ask(throttled).await.unwrap();
            assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (429, "7"), "{url}");
            let answer = ask(error).await.unwrap();
            assert!(answer.status == 500 && answer.body.starts_with("<html>"), "{url}");
            let answer = ask(unavailable).await.unwrap();
            assert_eq!(
                (answer.status, answer.json()["error"].as_str()),
                (503, Some("temporarily_unavailable"))
            );
            let answer = ask(garbage).await.unwrap();
            assert!(answer.status == 200 && answer.body.contains("hotel"), "{url}");
            assert!(ask(drops).await.is_err(), "{url}");
            practice.faults.arm_for(*stalls, Times::Exactly(1), provider);
            let authority = practice.http_url.trim_start_matches("http://");
            let mut talk = Talk::plain(authority.parse().unwrap()).await;
            let path = url.trim_start_matches(&practice.http_url);
            talk.send(&format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")).await;
            assert!(talk.is_silent().await, "{url}");
            // Armed for one provider, it leaves the others alone.
            practice.faults.arm_for(*error, Times::Exactly(1), "nobody");
            assert_ne!(request(method, &url, &form, "").await.unwrap().status, 500);
            practice.faults.clear_all();
        }
    }
}

#[tokio::test]
async fn a_slow_endpoint_answers_in_the_end() {
    let (practice, _) = start().await;
    // Graph has a test of its own.
    let rows = ROWS.iter().filter(|(place, _)| *place != Place::Graph);
    let slow: Vec<(Place, Fault)> = rows.map(|(place, faults)| (*place, faults[5])).collect();
    for (_, fault) in &slow {
        practice.faults.arm(*fault, Times::Exactly(1));
    }
    let asked = slow.iter().map(|(place, _)| {
        let (method, _, url) = endpoints(&practice, *place).remove(0);
        tokio::spawn(async move { (request(method, &url, &[], "").await.unwrap().status, url) })
    });
    let started = Instant::now();
    for asked in asked.collect::<Vec<_>>() {
        let (status, url) = asked.await.unwrap();
        assert!(status != 500 && status != 503, "{status} from {url}");
    }
    assert!(started.elapsed() >= Duration::from_secs(4));
    assert!(slow.iter().all(|(_, fault)| practice.faults.struck(*fault) == 1));
}

#[tokio::test]
async fn keys_roll_over_and_a_key_may_be_nowhere() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let published = async || {
        let url = format!("{}/{}/discovery/v2.0/keys", practice.http_url, app.tenant_id);
        let keys = get(&url).await.json();
        let ids = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let signed_with = async || {
        let code = code(&practice, &app).await;
        let tokens = redeem(&practice, &app, &[("code", &code)]).await.json();
        let id_token = tokens["id_token"].as_str().unwrap().to_owned();
        let header = id_token.split('.').next().unwrap().to_owned();
        claims(&format!("x.{header}.x"))["kid"].as_str().unwrap().to_owned()
    };
    let before = published().await;
    assert_eq!(vec![signed_with().await], before);
    practice.faults.arm(Fault::KeyUnpublished, Times::Exactly(1));
    assert!(!before.contains(&signed_with().await));
    assert_eq!(published().await, before);
    practice.faults.arm(Fault::KeysRollOver, Times::Exactly(1));
    let new = signed_with().await;
    assert!(!before.contains(&new));
    assert_eq!(published().await, [vec![new.clone()], before].concat(), "the old one stays for a while");
    assert_eq!(signed_with().await, new);
}

#[tokio::test]
async fn tokens_come_narrowed_or_for_another_resource_or_out_of_time() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let token = practice.grant(&app.client_id, SUPPORT);
    practice.faults.arm(Fault::NarrowedScope, Times::Exactly(1));
    let narrowed = refresh(&practice, &app, &token, &[]).await.json();
    let scope = narrowed["scope"].as_str().unwrap();
    assert!(!scope.contains("SMTP.Send") && scope.contains("IMAP.AccessAsUser.All"), "{scope}");
    practice.faults.arm(Fault::WrongResource, Times::Exactly(1));
    let wrong = refresh(&practice, &app, &token, &[]).await.json();
    let access = wrong["access_token"].as_str().unwrap();
    let mut talk = super::client::imap(&practice).await;
    let answer = talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", super::client::xoauth2(SUPPORT, access))).await;
    assert!(answer.starts_with("t NO AUTHENTICATE failed."), "{answer}");
    let issued = async || {
        let page = authorize(&practice, &app.tenant_id, &app.client_id, &[]).await;
        let code = sign_in(&practice, &page, SUPPORT).await.sent_back("code").unwrap();
        let tokens = redeem(&practice, &app, &[("code", &code)]).await.json();
        claims(tokens["id_token"].as_str().unwrap())["iat"].as_i64().unwrap()
    };
    let now = issued().await;
    practice.faults.arm(Fault::ClockAhead, Times::Exactly(1));
    assert_eq!(issued().await, now + 600);
    practice.faults.arm(Fault::ClockBehind, Times::Exactly(1));
    assert_eq!(issued().await, now - 600);
}
