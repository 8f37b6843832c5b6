//! A person presses Submit, and the provider does this wrong on the way. Nothing is authorized, it is said why, nobody asks
//! the provider again in the hour that follows, and a second Submit works. Where nobody signs in, what passes is tried again by
//! itself, and works when the fault has ended.
use crate::visitor::Page;
use crate::world::{At, World};
use crate::{Found, Row as _, each};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

#[derive(Debug)]
pub struct Row {
    fault: &'static str,
    at: At,
    slow: bool,
    ends: Ends,
    says: &'static [&'static str],
    /// Fields of the registration that bring the endpoint into play.
    userinfo: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Ends {
    /// On Postern's page, with these words.
    Told,
    /// The same, and tried again by itself until it works.
    Waits,
    /// On the provider's page: Postern never hears of it.
    ThereOnly,
    /// It does not matter.
    Authorized,
}

impl crate::Row for Row {
    fn name(&self) -> &str {
        self.fault
    }
    fn place(&self) -> At {
        self.at
    }
    fn is_slow(&self) -> bool {
        self.slow
    }
}

const fn told(fault: &'static str, says: &'static [&'static str]) -> Row {
    Row { fault, at: At::Entra, slow: false, ends: Ends::Told, says, userinfo: false }
}
const fn waits(fault: &'static str, says: &'static [&'static str]) -> Row {
    Row { fault, at: At::Entra, slow: false, ends: Ends::Waits, says, userinfo: false }
}
const fn there(fault: &'static str) -> Row {
    Row { fault, at: At::Entra, slow: false, ends: Ends::ThereOnly, says: &[], userinfo: false }
}
const fn fine(fault: &'static str) -> Row {
    Row {
        fault,
        at: At::Entra,
        slow: false,
        ends: Ends::Authorized,
        says: &["is authorized"],
        userinfo: false,
    }
}
impl Row {
    const fn slow(self) -> Row {
        Row { slow: true, ..self }
    }
    const fn at(self, at: At) -> Row {
        Row { at, ..self }
    }
    const fn userinfo(self) -> Row {
        Row { at: At::Waldau, userinfo: true, ..self }
    }
}

const AGAIN: &[&str] = &["Authorize it again"];
/// Nobody signs in, so nobody has to come back either.
const BY_ITSELF: &[&str] = &["is not authorized yet", "tried again by itself"];
const PROVED_AGAIN: &[&str] = &["does not work yet", "tried again by itself"];

const ROWS: &[Row] = &[
    there("authorize_429"),
    there("authorize_500"),
    there("authorize_503"),
    there("authorize_garbage"),
    there("authorize_stalls").slow(),
    there("authorize_drops"),
    there("admin_approval"),
    fine("authorize_slow").slow(),
    told("authorize_server_error", &["AADSTS50000", "Authorize it again"]),
    told("authorize_unavailable", &["AADSTS90033", "Authorize it again"]),
    told("conditional_access", &["AADSTS53003"]),
    told("wrong_state", &["does not count"]),
    told("wrong_nonce", &["belongs to another sign-in"]),
    told("wrong_issuer", &["elsewhere.example"]).at(At::Waldau),
    told("token_429", &["asks for patience", "Authorize it again in a minute"]),
    told("token_500", &["Authorize it again"]),
    told("token_503", &["Authorize it again in a few minutes"]),
    told("token_garbage", &["again"]),
    told("token_stalls", &["Authorize it again"]).slow(),
    told("token_drops", &["Authorize it again"]),
    fine("token_slow").slow(),
    told("secret_expired", &["AADSTS7000222"]),
    told("secret_wrong", &["AADSTS7000215"]),
    told("app_missing", &["AADSTS700016"]),
    told("no_refresh_token", &["offline_access"]),
    told("wrong_resource", &["Prove again"]),
    told("momentary_tokens", &["already ended"]),
    told("narrowed_scope", &["https://mail.google.com/"]).at(At::Google),
    told("no_refresh_token", &["gave no refresh token"]).at(At::Google),
    told("secret_wrong", &["Client Secret"]).at(At::Google),
    told("token_429", AGAIN).at(At::Google),
    told("token_500", AGAIN).at(At::Google),
    told("token_503", AGAIN).at(At::Google),
    told("token_garbage", AGAIN).at(At::Google),
    told("token_drops", AGAIN).at(At::Google),
    told("token_stalls", AGAIN).at(At::Google).slow(),
    told("keys_503", AGAIN).at(At::Google),
    told("key_unpublished", &["again"]).at(At::Google),
    fine("keys_roll_over").at(At::Google),
    told("clock_ahead", &["clock"]).at(At::Google),
    fine("clock_behind").at(At::Google),
    told("no_refresh_token", &["gave no refresh token"]).at(At::Waldau),
    told("narrowed_scope", &["mail"]).at(At::Waldau),
    told("secret_wrong", &["Client Secret"]).at(At::Waldau),
    told("token_429", AGAIN).at(At::Waldau),
    told("token_500", AGAIN).at(At::Waldau),
    told("token_503", AGAIN).at(At::Waldau),
    told("token_garbage", AGAIN).at(At::Waldau),
    told("token_drops", AGAIN).at(At::Waldau),
    told("keys_503", AGAIN).at(At::Waldau),
    told("key_unpublished", &["again"]).at(At::Waldau),
    fine("keys_roll_over").at(At::Waldau),
    told("clock_ahead", &["clock"]).at(At::Waldau),
    fine("clock_behind").at(At::Waldau),
    // Where nobody signs in, Submit asks at once.
    waits("token_429", BY_ITSELF).at(At::Application),
    waits("token_500", BY_ITSELF).at(At::Application),
    waits("token_503", BY_ITSELF).at(At::Application),
    waits("token_garbage", BY_ITSELF).at(At::Application),
    waits("token_drops", BY_ITSELF).at(At::Application),
    waits("token_stalls", BY_ITSELF).at(At::Application).slow(),
    fine("token_slow").at(At::Application).slow(),
    told("secret_expired", &["AADSTS7000222"]).at(At::Application),
    told("secret_wrong", &["AADSTS7000215"]).at(At::Application),
    told("app_missing", &["AADSTS700016"]).at(At::Application),
    waits("wrong_resource", PROVED_AGAIN).at(At::Application),
    waits("narrowed_scope", PROVED_AGAIN).at(At::Application),
    fine("clock_ahead").at(At::Application),
    fine("clock_behind").at(At::Application),
    waits("token_429", BY_ITSELF).at(At::Certificate),
    waits("token_503", BY_ITSELF).at(At::Certificate),
    told("assertion_unknown_key", &["AADSTS700027"]).at(At::Certificate),
    told("assertion_out_of_time", &["AADSTS700024"]).at(At::Certificate),
    told("assertion_rejected", &["AADSTS50012"]).at(At::Certificate),
    waits("narrowed_scope", PROVED_AGAIN).at(At::Certificate),
    fine("clock_ahead").at(At::Certificate),
    fine("clock_behind").at(At::Certificate),
    waits("token_429", BY_ITSELF).at(At::ServiceAccount),
    waits("token_500", BY_ITSELF).at(At::ServiceAccount),
    waits("token_garbage", BY_ITSELF).at(At::ServiceAccount),
    told("assertion_unknown_key", &["Invalid JWT Signature"]).at(At::ServiceAccount),
    told("app_missing", &["does not know the service account"]).at(At::ServiceAccount),
    waits("consent_removed", &["Client is unauthorized"]).at(At::ServiceAccount),
    told("assertion_out_of_time", &["reasonable timeframe"]).at(At::ServiceAccount),
    fine("clock_ahead").at(At::ServiceAccount),
    fine("clock_behind").at(At::ServiceAccount),
    told("discovery_429", &["Authorize it again"]),
    told("discovery_500", &["Authorize it again"]),
    told("discovery_503", &["Authorize it again in a few minutes"]),
    told("discovery_garbage", &["again"]),
    told("discovery_stalls", &["Authorize it again"]).slow(),
    told("discovery_drops", &["Authorize it again"]),
    fine("discovery_slow").slow(),
    told("keys_429", &["Authorize it again"]),
    told("keys_500", &["Authorize it again"]),
    told("keys_503", &["Authorize it again in a few minutes"]),
    told("keys_garbage", &["again"]),
    told("keys_stalls", &["Authorize it again"]).slow(),
    told("keys_drops", &["Authorize it again"]),
    fine("keys_slow").slow(),
    told("key_unpublished", &["again"]),
    fine("keys_roll_over"),
    // Five minutes are forgiven, and Entra begins its id_tokens five minutes before.
    fine("clock_ahead"),
    fine("clock_behind"),
    told("userinfo_429", &["Authorize it again in a few minutes"]).userinfo(),
    told("userinfo_500", &["Authorize it again"]).userinfo(),
    told("userinfo_503", &["Authorize it again in a few minutes"]).userinfo(),
    told("userinfo_garbage", &["Resource Details Endpoint"]).userinfo(),
    told("userinfo_stalls", &["Authorize it again"]).userinfo().slow(),
    told("userinfo_drops", &["Authorize it again"]).userinfo(),
    fine("userinfo_slow").userinfo().slow(),
    told("userinfo_429", &["Authorize it again in a few minutes"]).userinfo().at(At::Google),
    told("userinfo_500", &["Authorize it again"]).userinfo().at(At::Google),
    told("userinfo_503", &["Authorize it again in a few minutes"]).userinfo().at(At::Google),
    told("userinfo_garbage", &["Resource Details Endpoint"]).userinfo().at(At::Google),
    told("userinfo_drops", &["Authorize it again"]).userinfo().at(At::Google),
];

/// In an hour: each wait is half as long as the time that it was tried already, a minute at least and a quarter of an hour
/// at most. A proof may ask for two tokens.
const TRIES: u32 = 24;

#[test]
fn every_fault_of_a_consent_is_told_and_leaves_nothing_behind() {
    each("consenting", ROWS, 5, case);
}

async fn case(row: &'static Row) -> Found {
    let mut world = World::new(row.at).await;
    if row.userinfo {
        let userinfo = match row.at {
            At::Google => format!("{}/v1/userinfo", world.practice.google_url()),
            _ => format!("{}/userinfo", world.practice.waldau_url()),
        };
        world.change(&[("resource_details_endpoint", userinfo.as_str()), ("email_attribute", "email")]).await;
    }
    let fault = world.arm(row.fault);
    // Without an answer, or with one that is cut off, there is no page.
    let patience = Duration::from_secs(if row.ends == Ends::ThereOnly { 3 } else { 60 });
    let walk = AssertUnwindSafe(world.authorize()).catch_unwind();
    let page = tokio::time::timeout(patience, walk).await.ok().and_then(Result::ok);
    let words = page.as_ref().map(Page::words).unwrap_or_default();
    let ours = page.as_ref().is_some_and(|page| world.is_ours(page));
    assert_eq!(ours, row.ends != Ends::ThereOnly, "{} at {:?} ended on {page:?}", row.name(), row.at);
    for said in row.says {
        assert!(words.contains(said), "“{said}” is not said after {} at {:?}:\n{words}", row.name(), row.at);
    }
    let before = world.practice.faults.struck(fault);
    assert!(before > 0, "{} at {:?} met nothing", row.name(), row.at);
    world.start_rounds();
    world.minutes(60).await;
    let requests = world.practice.faults.struck(fault) - before;
    let grant = world.mailbox().await.incoming.grant_id.is_some();
    let state = if grant { "authorized" } else { "not authorized" };
    assert_eq!(grant, row.ends == Ends::Authorized, "{}: {state}\n{words}", row.name());
    match row.ends {
        Ends::Authorized => {}
        Ends::Told | Ends::ThereOnly => {
            assert_eq!(requests, 0, "{}: the provider was asked again by itself", row.name());
        }
        Ends::Waits => assert!(
            (1..=TRIES).contains(&requests),
            "{} at {:?}: tried {requests} times by itself",
            row.name(),
            row.at
        ),
    }
    world.practice.faults.clear_all();
    if row.ends == Ends::Waits {
        // A quarter of an hour is the longest wait.
        world.minutes(16).await;
        world.settles().await;
        assert!(
            world.mailbox().await.incoming.grant_id.is_some(),
            "{} at {:?}: not by itself",
            row.name(),
            row.at
        );
    } else {
        world.sign_in().await;
        world.authorize().await.says("is authorized");
    }
    world.end().await;
    let sentence = page.filter(|_| ours).map(|page| banner(&page)).unwrap_or_default();
    let well_after = if row.ends == Ends::Waits { "by itself" } else { "at the next Submit" };
    Found { state: state.to_owned(), requests, sentence, well_after: well_after.to_owned() }
}

fn banner(page: &Page) -> String {
    let html = scraper::Html::parse_document(&page.text);
    let banner = scraper::Selector::parse("#banner > div p").unwrap();
    let words = html.select(&banner).flat_map(|p| p.text().collect::<Vec<_>>());
    words.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}
