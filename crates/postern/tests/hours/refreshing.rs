//! A mailbox that works, a token that has ended, and a provider that answers its renewal so.
use crate::world::{At, MINUTE, World};
use crate::{Found, Row as _, each};

#[derive(Debug)]
pub struct Row {
    fault: &'static str,
    at: At,
    slow: bool,
    state: &'static str,
    /// Words of the page.
    says: &'static [&'static str],
    /// Requests that met the fault in the simulated hour, at most; there is one at least, or the row says nothing.
    most: u32,
    /// Whole minutes between two of them, at least.
    apart: i64,
    /// Simulated minutes after the end of the fault, at most.
    well_within: i64,
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

const fn row(
    fault: &'static str,
    state: &'static str,
    most: u32,
    well_within: i64,
    says: &'static [&'static str],
) -> Row {
    Row { fault, at: At::Entra, slow: false, state, says, most, apart: 1, well_within }
}
impl Row {
    const fn slow(self) -> Row {
        Row { slow: true, ..self }
    }
    const fn at(self, at: At) -> Row {
        Row { at, ..self }
    }
    const fn apart(self, minutes: i64) -> Row {
        Row { apart: minutes, ..self }
    }
}

/// Passing trouble is asked about four times in the first quarter of an hour and every quarter of an hour then.
const PASSES: u32 = 8;
/// What a person must mend is asked about once an hour at the most.
const PERSON: u32 = 2;
/// Tokens end ten minutes early or late for a clock that is off: a few more are asked for.
const CLOCK: u32 = 6;
/// The renewal's own quarter of an hour; the mailbox is hurried by it.
const QUARTER: i64 = 20;
const HOUR: i64 = 62;
/// A lapsed grant is tried every six hours.
const LAPSED: i64 = 6 * 60 + 62;

const PATIENCE: &[&str] = &["tried again by itself"];
const FETCHED: &[&str] = &["mail is fetched"];

const ROWS: &[Row] = &[
    row("token_429", "waiting", PASSES, QUARTER, PATIENCE),
    // A time to come back at, in seconds and as a date: five minutes.
    row("token_429_long", "waiting", PASSES, QUARTER, PATIENCE).apart(5),
    row("token_429_date", "waiting", PASSES, QUARTER, PATIENCE).apart(5),
    row("token_500", "waiting", PASSES, QUARTER, PATIENCE),
    row("token_503", "waiting", PASSES, QUARTER, PATIENCE),
    row("token_garbage", "waiting", PASSES, QUARTER, PATIENCE),
    row("token_drops", "waiting", PASSES, QUARTER, PATIENCE),
    row("token_stalls", "waiting", PASSES, QUARTER, PATIENCE).slow(),
    row("loop_detected", "waiting", PASSES, QUARTER, PATIENCE),
    row("transient_grant", "waiting", PASSES, QUARTER, PATIENCE),
    row("grant_revoked", "needs_person", PERSON, LAPSED, &["revoked"]),
    row("grant_expired", "needs_person", PERSON, LAPSED, &["AADSTS70008"]),
    row("grant_inactive", "needs_person", PERSON, LAPSED, &["AADSTS700082"]),
    row("sign_in_frequency", "needs_person", PERSON, LAPSED, &["AADSTS70043"]),
    row("mfa_required", "needs_person", PERSON, LAPSED, &["AADSTS50076"]),
    row("account_disabled", "needs_person", PERSON, LAPSED, &["AADSTS50057"]),
    row("blocked_by_policy", "needs_person", PERSON, LAPSED, &["AADSTS53003"]),
    row("consent_removed", "needs_person", PERSON, LAPSED, &["AADSTS65001"]),
    row("password_changed", "needs_person", PERSON, LAPSED, &["AADSTS50133"]),
    row("unknown_number", "needs_person", PERSON, LAPSED, &["AADSTS999999"]),
    row("secret_expired", "needs_person", PERSON, HOUR, &["AADSTS7000222"]),
    row("secret_wrong", "needs_person", PERSON, HOUR, &["AADSTS7000215"]),
    row("app_missing", "needs_person", PERSON, HOUR, &["AADSTS700016"]),
    row("app_disabled", "needs_person", PERSON, HOUR, &["AADSTS7000112"]),
    row("resource_unknown", "needs_person", PERSON, HOUR, &["AADSTS500011"]),
    row("scope_invalid", "needs_person", PERSON, HOUR, &["AADSTS70011"]),
    row("request_malformed", "needs_person", PERSON, HOUR, &["AADSTS9002313"]),
    row("wrong_resource", "needs_person", PASSES, HOUR, &["gets no mail"]),
    // What a renewal does not mind.
    row("token_slow", "ok", PERSON, QUARTER, FETCHED).slow(),
    // The old one is kept where no new one comes.
    row("no_refresh_token", "ok", PERSON, QUARTER, FETCHED),
    row("narrowed_scope", "ok", PERSON, QUARTER, FETCHED),
    row("keys_roll_over", "ok", PERSON, QUARTER, FETCHED),
    row("clock_ahead", "ok", PERSON, QUARTER, FETCHED),
    row("clock_behind", "ok", CLOCK, QUARTER, FETCHED),
    row("short_tokens", "ok", 62, QUARTER, FETCHED),
    // An application asks anew where others refresh.
    row("token_429", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application),
    row("token_429_long", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application).apart(5),
    row("token_429_date", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application).apart(5),
    row("token_500", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application),
    row("token_503", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application),
    row("token_garbage", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application),
    row("token_drops", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application),
    row("token_stalls", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application).slow(),
    row("secret_expired", "needs_person", PERSON, HOUR, &["AADSTS7000222"]).at(At::Application),
    row("secret_wrong", "needs_person", PERSON, HOUR, &["AADSTS7000215"]).at(At::Application),
    row("app_missing", "needs_person", PERSON, HOUR, &["AADSTS700016"]).at(At::Application),
    row("app_disabled", "needs_person", PERSON, HOUR, &["AADSTS7000112"]).at(At::Application),
    row("wrong_resource", "needs_person", PASSES, HOUR, &["gets no mail"]).at(At::Application),
    row("narrowed_scope", "needs_person", PASSES, HOUR, &["gets no mail"]).at(At::Application),
    row("token_slow", "ok", PERSON, QUARTER, FETCHED).at(At::Application).slow(),
    row("loop_detected", "waiting", PASSES, QUARTER, PATIENCE).at(At::Application),
    row("resource_unknown", "needs_person", PERSON, HOUR, &["AADSTS500011"]).at(At::Application),
    row("scope_invalid", "needs_person", PERSON, HOUR, &["AADSTS70011"]).at(At::Application),
    row("request_malformed", "needs_person", PERSON, HOUR, &["AADSTS9002313"]).at(At::Application),
    row("short_tokens", "ok", 62, QUARTER, FETCHED).at(At::Application),
    row("clock_ahead", "ok", PERSON, QUARTER, FETCHED).at(At::Application),
    row("clock_behind", "ok", CLOCK, QUARTER, FETCHED).at(At::Application),
    row("assertion_unknown_key", "needs_person", PERSON, HOUR, &["AADSTS700027"]).at(At::Certificate),
    row("assertion_out_of_time", "needs_person", PERSON, HOUR, &["AADSTS700024"]).at(At::Certificate),
    row("assertion_rejected", "needs_person", PERSON, HOUR, &["AADSTS50012"]).at(At::Certificate),
    row("token_429", "waiting", PASSES, QUARTER, PATIENCE).at(At::Certificate),
    row("token_503", "waiting", PASSES, QUARTER, PATIENCE).at(At::Certificate),
    row("token_garbage", "waiting", PASSES, QUARTER, PATIENCE).at(At::Certificate),
    row("token_429_long", "waiting", PASSES, QUARTER, PATIENCE).at(At::Certificate).apart(5),
    row("token_429_date", "waiting", PASSES, QUARTER, PATIENCE).at(At::Certificate).apart(5),
    row("token_500", "waiting", PASSES, QUARTER, PATIENCE).at(At::Certificate),
    row("token_drops", "waiting", PASSES, QUARTER, PATIENCE).at(At::Certificate),
    row("token_stalls", "waiting", PASSES, QUARTER, PATIENCE).at(At::Certificate).slow(),
    row("token_slow", "ok", PERSON, QUARTER, FETCHED).at(At::Certificate).slow(),
    row("app_missing", "needs_person", PERSON, HOUR, &["AADSTS700016"]).at(At::Certificate),
    row("app_disabled", "needs_person", PERSON, HOUR, &["AADSTS7000112"]).at(At::Certificate),
    row("wrong_resource", "needs_person", PASSES, HOUR, &["gets no mail"]).at(At::Certificate),
    row("narrowed_scope", "needs_person", PASSES, HOUR, &["gets no mail"]).at(At::Certificate),
    row("clock_ahead", "ok", 2 * PERSON, QUARTER, FETCHED).at(At::Certificate),
    // What is signed begins five minutes before, and five more are forgiven there.
    row("clock_behind", "ok", CLOCK, QUARTER, FETCHED).at(At::Certificate),
    // For Graph another token is asked for, in the same ways.
    row("token_429", "waiting", PASSES, QUARTER, PATIENCE).at(At::Graph),
    row("token_429_long", "waiting", PASSES, QUARTER, PATIENCE).at(At::Graph).apart(5),
    row("token_500", "waiting", PASSES, QUARTER, PATIENCE).at(At::Graph),
    row("token_503", "waiting", PASSES, QUARTER, PATIENCE).at(At::Graph),
    row("token_garbage", "waiting", PASSES, QUARTER, PATIENCE).at(At::Graph),
    row("token_drops", "waiting", PASSES, QUARTER, PATIENCE).at(At::Graph),
    row("token_stalls", "waiting", PASSES, QUARTER, PATIENCE).at(At::Graph).slow(),
    row("token_slow", "ok", PERSON, QUARTER, FETCHED).at(At::Graph).slow(),
    row("grant_revoked", "needs_person", PERSON, LAPSED, &["revoked"]).at(At::Graph),
    row("mfa_required", "needs_person", PERSON, LAPSED, &["AADSTS50076"]).at(At::Graph),
    row("consent_removed", "needs_person", PERSON, LAPSED, &["AADSTS65001"]).at(At::Graph),
    row("secret_expired", "needs_person", PERSON, HOUR, &["AADSTS7000222"]).at(At::Graph),
    row("narrowed_scope", "ok", PERSON, QUARTER, FETCHED).at(At::Graph),
    row("strict_rotation", "ok", PERSON, QUARTER, FETCHED).at(At::Graph),
    row("token_429", "waiting", PASSES, QUARTER, PATIENCE).at(At::GraphApplication),
    row("token_429_long", "waiting", PASSES, QUARTER, PATIENCE).at(At::GraphApplication).apart(5),
    row("token_500", "waiting", PASSES, QUARTER, PATIENCE).at(At::GraphApplication),
    row("token_503", "waiting", PASSES, QUARTER, PATIENCE).at(At::GraphApplication),
    row("token_garbage", "waiting", PASSES, QUARTER, PATIENCE).at(At::GraphApplication),
    row("token_drops", "waiting", PASSES, QUARTER, PATIENCE).at(At::GraphApplication),
    row("token_stalls", "waiting", PASSES, QUARTER, PATIENCE).at(At::GraphApplication).slow(),
    row("token_slow", "ok", PERSON, QUARTER, FETCHED).at(At::GraphApplication).slow(),
    row("secret_expired", "needs_person", PERSON, HOUR, &["AADSTS7000222"]).at(At::GraphApplication),
    row("app_missing", "needs_person", PERSON, HOUR, &["AADSTS700016"]).at(At::GraphApplication),
    // A service account signs too.
    row("token_429", "waiting", PASSES, QUARTER, PATIENCE).at(At::ServiceAccount),
    row("token_429_long", "waiting", PASSES, QUARTER, PATIENCE).at(At::ServiceAccount).apart(5),
    row("token_429_date", "waiting", PASSES, QUARTER, PATIENCE).at(At::ServiceAccount).apart(5),
    row("token_500", "waiting", PASSES, QUARTER, PATIENCE).at(At::ServiceAccount),
    row("token_503", "waiting", PASSES, QUARTER, PATIENCE).at(At::ServiceAccount),
    row("token_garbage", "waiting", PASSES, QUARTER, PATIENCE).at(At::ServiceAccount),
    row("token_drops", "waiting", PASSES, QUARTER, PATIENCE).at(At::ServiceAccount),
    row("token_stalls", "waiting", PASSES, QUARTER, PATIENCE).at(At::ServiceAccount).slow(),
    row("token_slow", "ok", PERSON, QUARTER, FETCHED).at(At::ServiceAccount).slow(),
    row("assertion_unknown_key", "needs_person", PERSON, HOUR, &["Invalid JWT Signature"])
        .at(At::ServiceAccount),
    row("assertion_out_of_time", "needs_person", PERSON, HOUR, &["reasonable timeframe"])
        .at(At::ServiceAccount),
    row("app_missing", "needs_person", PERSON, HOUR, &["does not know the service account"])
        .at(At::ServiceAccount),
    row("consent_removed", "needs_person", PERSON, HOUR, &["Client is unauthorized"]).at(At::ServiceAccount),
    row("clock_ahead", "ok", PERSON, QUARTER, FETCHED).at(At::ServiceAccount),
    row("clock_behind", "ok", CLOCK, QUARTER, FETCHED).at(At::ServiceAccount),
    // The other providers.
    row("token_429", "waiting", PASSES, QUARTER, PATIENCE).at(At::Google),
    row("token_429_long", "waiting", PASSES, QUARTER, PATIENCE).at(At::Google).apart(5),
    row("token_500", "waiting", PASSES, QUARTER, PATIENCE).at(At::Google),
    row("token_503", "waiting", PASSES, QUARTER, PATIENCE).at(At::Google),
    row("token_garbage", "waiting", PASSES, QUARTER, PATIENCE).at(At::Google),
    row("token_drops", "waiting", PASSES, QUARTER, PATIENCE).at(At::Google),
    row("token_stalls", "waiting", PASSES, QUARTER, PATIENCE).at(At::Google).slow(),
    row("secret_wrong", "needs_person", PERSON, HOUR, &["gets no mail"]).at(At::Google),
    row("narrowed_scope", "needs_person", PASSES, LAPSED, &["gets no mail"]).at(At::Google),
    row("clock_ahead", "ok", PERSON, QUARTER, FETCHED).at(At::Google),
    row("clock_behind", "ok", CLOCK, QUARTER, FETCHED).at(At::Google),
    row("token_429", "waiting", PASSES, QUARTER, PATIENCE).at(At::Waldau),
    row("token_429_long", "waiting", PASSES, QUARTER, PATIENCE).at(At::Waldau).apart(5),
    row("token_500", "waiting", PASSES, QUARTER, PATIENCE).at(At::Waldau),
    row("token_503", "waiting", PASSES, QUARTER, PATIENCE).at(At::Waldau),
    row("token_garbage", "waiting", PASSES, QUARTER, PATIENCE).at(At::Waldau),
    row("token_drops", "waiting", PASSES, QUARTER, PATIENCE).at(At::Waldau),
    row("token_stalls", "waiting", PASSES, QUARTER, PATIENCE).at(At::Waldau).slow(),
    row("no_refresh_token", "ok", PERSON, QUARTER, FETCHED).at(At::Waldau),
    row("secret_wrong", "needs_person", PERSON, HOUR, &["gets no mail"]).at(At::Waldau),
    row("narrowed_scope", "needs_person", PASSES, LAPSED, &["gets no mail"]).at(At::Waldau),
    row("clock_ahead", "ok", PERSON, QUARTER, FETCHED).at(At::Waldau),
    row("clock_behind", "ok", CLOCK, QUARTER, FETCHED).at(At::Waldau),
    row("grant_revoked", "needs_person", PERSON, LAPSED, &["gets no mail"]).at(At::Google),
    row("reauthentication_demanded", "needs_person", PERSON, LAPSED, &["gets no mail"]).at(At::Google),
    row("grant_revoked", "needs_person", PERSON, LAPSED, &["gets no mail"]).at(At::Waldau),
    row("strict_rotation", "ok", PERSON, QUARTER, FETCHED),
];

#[test]
fn every_fault_of_a_renewal_has_its_state_its_sentence_few_requests_and_an_end() {
    each("refreshing", ROWS, 8, case);
}

async fn case(row: &'static Row) -> Found {
    let mut world = World::new(row.at).await;
    world.authorize().await.says("is authorized");
    world.enable().await;
    let fault = world.arm(row.fault);
    world.later(95 * MINUTE).await; // the access token has ended: Entra gives 60 to 90 minutes
    world.start_rounds();
    let mut requests = world.practice.faults.struck(fault);
    let mut last_at = (requests > 0).then_some(-1);
    for minute in 0..60 {
        world.minutes(1).await;
        let struck = world.practice.faults.struck(fault);
        if struck > requests {
            let gap = last_at.map_or(row.apart, |at| minute - at);
            assert!(
                row.state != "waiting" || gap >= row.apart,
                "{}: asked again after {gap} min",
                row.name()
            );
            last_at = Some(minute);
        }
        requests = struck;
    }
    world.settles().await;
    let requests = world.practice.faults.struck(fault);
    let mailbox = world.mailbox().await;
    let state = format!("{:?}", mailbox.incoming_health.state);
    let page = world.page().await;
    let sentence = format!("{} {}", mailbox.incoming_health.reason, mailbox.incoming_health.remedy);
    let told = format!("{} at {:?}: {state}, {requests} requests, “{sentence}”", row.name(), row.at);
    assert_eq!(state.to_lowercase().replace("needsperson", "needs_person"), row.state, "{told}");
    for words in row.says {
        assert!(page.words().contains(words), "“{words}” is not on the page. {told}\n{}", page.words());
    }
    assert!((1..=row.most).contains(&requests), "{told}");

    world.practice.faults.clear_all();
    let mut minutes = 0;
    while !world.is_well().await {
        assert!(minutes <= row.well_within, "not well {minutes} minutes after the fault: {told}");
        world.minutes(1).await;
        minutes += 1;
        if minutes % 15 == 0 {
            world.settles().await;
        }
    }
    world.end().await;
    Found { state: row.state.to_owned(), requests, sentence, well_after: format!("{minutes} min") }
}
