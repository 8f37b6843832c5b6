//! A person asks for a code and enters it elsewhere, and the provider does this wrong when the code is asked for, or when
//! it is asked whether it was used. It is said why, nobody hammers the provider, and a code that still lives still counts.
use crate::world::{At, World};
use crate::{Found, Row as _, each};

#[derive(Debug)]
pub struct Row {
    fault: &'static str,
    slow: bool,
    ends: Ends,
    says: &'static [&'static str],
}

#[derive(Debug, PartialEq, Eq)]
enum Ends {
    /// There is no code, and the page says why.
    NoCode,
    /// There is a code all the same.
    Code,
    /// Asked about less and less often; well when the fault ends before the code does.
    Waits,
    /// The code is of no use any more.
    Over,
}

impl crate::Row for Row {
    fn name(&self) -> &str {
        self.fault
    }
    fn is_slow(&self) -> bool {
        self.slow
    }
}

const fn row(fault: &'static str, ends: Ends, says: &'static [&'static str]) -> Row {
    Row { fault, slow: false, ends, says }
}
impl Row {
    const fn slow(self) -> Row {
        Row { slow: true, ..self }
    }
}

const WAITING: &[&str] = &["Waiting for the sign-in"];

const ROWS: &[Row] = &[
    row("device_429", Ends::NoCode, &["asks for patience", "Ask for a code again in a minute"]),
    row("device_500", Ends::NoCode, &["HTTP status 500", "Ask for a code again"]),
    row("device_503", Ends::NoCode, &["AADSTS90033", "Ask for a code again in a few minutes"]),
    row("device_garbage", Ends::NoCode, &["no device code", "Ask for a code again"]),
    row("device_stalls", Ends::NoCode, &["Ask for a code again"]).slow(),
    row("device_drops", Ends::NoCode, &["Ask for a code again"]),
    row("device_slow", Ends::Code, WAITING).slow(),
    row("token_429", Ends::Waits, WAITING),
    row("token_500", Ends::Waits, WAITING),
    row("token_503", Ends::Waits, WAITING),
    row("token_garbage", Ends::Waits, WAITING),
    row("token_drops", Ends::Waits, WAITING),
    row("token_stalls", Ends::Waits, WAITING).slow(),
    row("device_slow_down", Ends::Waits, WAITING),
    row("device_expired", Ends::Over, &["The code ran out before somebody typed it in", "Get a code"]),
    row("device_declined", Ends::Over, &["declined to consent", "Ask for another code", "Get a code"]),
    row("secret_expired", Ends::Over, &["AADSTS7000222"]),
    row("secret_wrong", Ends::Over, &["AADSTS7000215"]),
    row("app_missing", Ends::Over, &["AADSTS700016"]),
    row("app_disabled", Ends::Over, &["AADSTS7000112"]),
    row("request_malformed", Ends::Over, &["AADSTS9002313"]),
    row("loop_detected", Ends::Waits, WAITING),
    // A grant that is refused is over (RFC 8628 §3.5), unless its number says that it passes.
    row("transient_grant", Ends::Waits, WAITING),
];

/// The code lives for fifteen minutes.
const WHILE_IT_LIVES: i64 = 9;
/// A wait between two polls is two minutes at the most.
pub const SEEN_WITHIN: i64 = 4;

#[test]
fn every_fault_of_a_sign_in_by_code_is_told_and_a_code_that_lives_counts() {
    each("devices", ROWS, 4, case);
}

async fn case(row: &'static Row) -> Found {
    let mut world = World::new(At::Entra).await;
    let asks_for_code = matches!(row.ends, Ends::NoCode | Ends::Code);
    let begun = if asks_for_code { None } else { Some(world.ask_for_code().await) };
    let fault = world.arm(row.fault);
    let page = match begun {
        None => {
            let page = world.ask_for_code().await;
            world.start_rounds();
            let before = world.practice.faults.struck(fault);
            world.minutes(WHILE_IT_LIVES).await;
            assert_eq!(world.practice.faults.struck(fault), before, "{}: asked again by itself", row.name());
            page
        }
        Some(page) => {
            world.start_rounds();
            world.minutes(WHILE_IT_LIVES).await;
            world.visitor.get(page.url.as_str()).await
        }
    };
    let words = page.words();
    for said in row.says {
        assert!(words.contains(said), "“{said}” is not said after {}:\n{words}", row.name());
    }
    let requests = world.practice.faults.struck(fault);
    // Once a minute is as often as the clock is moved here.
    let most = if row.ends == Ends::Waits { u32::try_from(WHILE_IT_LIVES).unwrap() } else { 1 };
    assert!((1..=most).contains(&requests), "{}: {requests} requests", row.name());
    world.practice.faults.clear_all();
    let page = match row.ends {
        Ends::NoCode | Ends::Over => world.ask_for_code().await,
        Ends::Code | Ends::Waits => page,
    };
    world.enter(&page).await;
    authorized(row.name(), &world).await;
    world.end().await;
    let state = match row.ends {
        Ends::NoCode => "no code",
        Ends::Code | Ends::Waits => "waiting",
        Ends::Over => "over",
    };
    let after =
        if matches!(row.ends, Ends::NoCode | Ends::Over) { "with a new code" } else { "with the same code" };
    Found { state: state.to_owned(), requests, sentence: told(&words), well_after: after.to_owned() }
}

/// Seen soon after somebody has entered the code.
pub async fn authorized(fault: &str, world: &World) {
    let mut minutes = 0;
    while world.mailbox().await.incoming.grant_id.is_none() {
        assert!(minutes < SEEN_WITHIN, "{fault}: not authorized {minutes} minutes after the sign-in");
        world.minutes(1).await;
        minutes += 1;
    }
}

/// What the page says under the heading of the try, or in its banner.
pub fn told(words: &str) -> String {
    let from = ["It cannot be authorized yet.", "With a code on another device"]
        .iter()
        .find_map(|start| words.find(start));
    words.get(from.unwrap_or(0)..).unwrap_or_default().chars().take(260).collect()
}
