//! kill -9 between the provider's answer to a refresh and the save of what it gave.
use super::{chance_of, pause};
use crate::practice_walk::{Demo, authorize_again, connected};
use rand::RngExt as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

const SUPPORT: &str = "support@contoso.example";

/// More than of the other kinds: a kill comes in time only now and then.
fn kills() -> usize {
    super::kills_or(5)
}

/// What the provider makes of a refresh token that was used.
#[derive(Clone, Copy, PartialEq)]
enum Old {
    /// It goes on opening, as Microsoft's do.
    Lives,
    Dies,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_a_refresh_needs_nobody_while_the_old_token_lives() {
    assert_eq!(killed_in_refreshes(Old::Lives).await, 0, "authorizations were lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_a_refresh_that_loses_the_only_token_is_told_and_mended_by_a_new_consent() {
    let lost = killed_in_refreshes(Old::Dies).await;
    println!("lost {lost} authorizations by {} kills in refreshing, each told and given again", kills());
}

/// How many authorizations were lost.
async fn killed_in_refreshes(old: Old) -> usize {
    let mut chance = chance_of("refreshing", kills());
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    demo.goes_wrong("brief_tokens", 0).await;
    if old == Old::Dies {
        demo.goes_wrong("strict_rotation", 0).await;
    }
    let base = connected(&demo, &mut visitor, SUPPORT).await;
    let given = demo.program.data().join("practice/directory.json");
    let (mut lost, mut hit, mut round) = (0, 0, 0);
    // Where each kill came too late, it is tried again, within reason.
    while round < kills() || hit == 0 && round < kills() + 20 {
        round += 1;
        pause(2_500); // a token that ends within half a minute is not begun with
        let before = changed_at(&given);
        let mut fetching = demo.program.begin(&["mailbox", "fetch", SUPPORT]);
        let began = Instant::now();
        while changed_at(&given) == before
            && fetching.try_wait().unwrap().is_none()
            && began.elapsed() < Duration::from_secs(20)
        {
            std::thread::sleep(Duration::from_micros(200));
        }
        let us = chance.random_range(0..12_000);
        std::thread::sleep(Duration::from_micros(us));
        hit += usize::from(fetching.try_wait().unwrap().is_none());
        fetching.kill().unwrap();
        fetching.wait().unwrap();
        println!("round {round}: killed {us} us after the provider gave tokens");
        let ran = demo.program.run(&["mailbox", "fetch", SUPPORT]);
        if ran.status != 0 {
            lost += 1;
            let mailbox = demo.mailbox(SUPPORT);
            assert_eq!(mailbox["grant"]["state"], "lapsed", "{}{mailbox:#}", ran.err);
            assert_eq!(mailbox["state"], "needs_person", "{mailbox:#}");
            assert!(mailbox["reason"].is_string() && mailbox["remedy"].is_string(), "{mailbox:#}");
            authorize_again(&demo, &mut visitor, &base, SUPPORT).await;
            demo.run(&["mailbox", "fetch", SUPPORT]);
        }
        assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
    }
    assert!(hit > 0, "no kill came in time");
    // A token that dies at its use is lost by a kill in time; one that lives never is.
    println!("killed {round} times in refreshing, {hit} before it had ended: {lost} authorizations lost");
    demo.run(&["check"]);
    lost
}

fn changed_at(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|about| about.modified()).ok()
}
