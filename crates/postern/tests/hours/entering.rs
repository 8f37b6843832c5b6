//! A person enters a code, and what the code brings is wrong in this way. What is refused is told and not asked for again,
//! and a new code works.
use crate::devices::{SEEN_WITHIN, authorized, told};
use crate::world::{At, World};
use crate::{Found, Row as _, each};

#[derive(Debug)]
pub struct Row {
    fault: &'static str,
    is_refused: bool,
    says: &'static [&'static str],
}

impl crate::Row for Row {
    fn name(&self) -> &str {
        self.fault
    }
    fn is_slow(&self) -> bool {
        false
    }
}

const fn refused(fault: &'static str, says: &'static [&'static str]) -> Row {
    Row { fault, is_refused: true, says }
}
const fn taken(fault: &'static str) -> Row {
    Row { fault, is_refused: false, says: &["is authorized and works"] }
}

const ROWS: &[Row] = &[
    refused("no_refresh_token", &["gave no refresh token"]),
    refused("wrong_resource", &["Prove again"]),
    refused("key_unpublished", &["again"]),
    refused("keys_503", &["again"]),
    taken("keys_roll_over"),
    taken("narrowed_scope"),
    taken("clock_ahead"),
    taken("clock_behind"),
];

#[test]
fn every_fault_of_what_a_code_brings_is_told_and_a_new_code_works() {
    each("entering", ROWS, 2, case);
}

async fn case(row: &'static Row) -> Found {
    let mut world = World::new(At::Entra).await;
    let page = world.ask_for_code().await;
    let fault = world.arm(row.fault);
    world.enter(&page).await;
    world.start_rounds();
    world.minutes(SEEN_WITHIN).await;
    let words = world.visitor.get(page.url.as_str()).await.words();
    for said in row.says {
        assert!(words.contains(said), "“{said}” is not said after {}:\n{words}", row.name());
    }
    let requests = world.practice.faults.struck(fault);
    assert!(requests > 0, "{} met nothing", row.name());
    world.minutes(60).await;
    let is_authorized = world.mailbox().await.incoming.grant_id.is_some();
    assert_eq!(is_authorized, !row.is_refused, "{}:\n{words}", row.name());
    if row.is_refused {
        let more = world.practice.faults.struck(fault) - requests;
        assert_eq!(more, 0, "{}: the provider was asked again by itself", row.name());
    }
    world.practice.faults.clear_all();
    world.sign_in().await;
    let page = world.ask_for_code().await;
    world.enter(&page).await;
    world.minutes(SEEN_WITHIN).await;
    authorized(row.name(), &world).await;
    world.end().await;
    let state = if row.is_refused { "refused" } else { "authorized" };
    Found {
        state: state.to_owned(),
        requests,
        sentence: told(&words),
        well_after: "with a new code".to_owned(),
    }
}
