//! Tokens are deleted, and the provider that is to be told does this wrong. They have ended here all the same, it is said
//! where a person takes them back, the provider is told again by itself and ever more seldom, nothing is kept once it knows, and
//! a new consent works.
use crate::world::{At, World};
use crate::{Found, Row as _, each};

#[derive(Debug)]
pub struct Row {
    fault: &'static str,
    at: At,
    slow: bool,
    says: &'static [&'static str],
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

const NOT_TOLD: &[&str] =
    &["The tokens are deleted", "The provider could not be told", "myaccount.google.com/connections"];
const TOLD: &[&str] = &["The tokens are deleted", "The provider took it back too"];

const fn row(fault: &'static str, says: &'static [&'static str]) -> Row {
    Row { fault, at: At::Google, slow: false, says }
}
impl Row {
    const fn slow(self) -> Row {
        Row { slow: true, ..self }
    }
    const fn at(self, at: At, says: &'static [&'static str]) -> Row {
        Row { at, says, ..self }
    }
}

const ROWS: &[Row] = &[
    row("revoke_429", NOT_TOLD),
    row("revoke_500", NOT_TOLD),
    row("revoke_503", NOT_TOLD),
    row("revoke_drops", NOT_TOLD),
    row("revoke_stalls", NOT_TOLD).slow(),
    row("revoke_slow", TOLD).slow(),
    // Whatever is answered with 200 is an answer (RFC 7009 §2.2).
    row("revoke_garbage", TOLD),
    row("revoke_500", NOT_TOLD)
        .at(At::Waldau, &["The provider could not be told", "If the provider lists what has access"]),
];

#[test]
fn every_fault_of_taking_tokens_back_is_told_and_keeps_nothing_here() {
    each("revoking", ROWS, 2, case);
}

/// Refresh tokens and access tokens.
async fn kept(world: &World) -> [i64; 2] {
    let kept = world.courier.read(|tx| {
        let sql = "SELECT (SELECT count(*) FROM consent WHERE refresh_token IS NOT NULL), (SELECT count(*) FROM access_token)";
        Ok(tx.one::<(i64, i64)>(sql, desk::params![])?)
    });
    let (refresh, access) = kept.await.unwrap();
    [refresh, access]
}

async fn case(row: &'static Row) -> Found {
    let mut world = World::new(row.at).await;
    world.authorize().await.says("is authorized");
    let fault = world.arm(row.fault);
    let page = world.delete_token().await;
    let words = page.words();
    for said in row.says {
        assert!(words.contains(said), "“{said}” is not said after {}:\n{words}", row.name());
    }
    world.start_rounds();
    world.minutes(60).await;
    let requests = world.practice.faults.struck(fault);
    let is_told = row.says == TOLD;
    assert_eq!(kept(&world).await, [i64::from(!is_told), 0], "{}: for nothing but to be told", row.name());
    // At once, after one minute, two, four and so on; while it keeps one waiting no other is begun, but where a request
    // takes longer than the minutes of this clock it counts as given up.
    let expected = if is_told || row.slow { 1..=12 } else { 5..=12 };
    assert!(expected.contains(&requests), "{}: told {requests} times in an hour", row.name());
    assert!(!is_told || requests == 1, "{}: told again", row.name());
    assert!(world.mailbox().await.incoming.grant_id.is_none(), "{}: gone here", row.name());
    world.practice.faults.clear_all();
    for _ in 0..6 {
        world.minutes(60).await;
    }
    for _ in 0..1_000 {
        if kept(&world).await == [0, 0] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await; // one that hung is at its end
        world.minutes(1).await;
    }
    assert_eq!(kept(&world).await, [0, 0], "{}: it is back and knows", row.name());
    world.sign_in().await;
    world.authorize().await.says("is authorized");
    world.end().await;
    let sentence = words.split_once("The tokens are deleted").map_or("", |(_, rest)| rest);
    let sentence = format!("The tokens are deleted{}", sentence.chars().take(240).collect::<String>());
    Found { state: "deleted".to_owned(), requests, sentence, well_after: "at the next Submit".to_owned() }
}
