//! The webhook: its posts, and its secret.
use super::{breaks, day, minutes, posts, set_webhook};
use crate::desk::{MINUTE, SUPPORT};
use desk::alerts::alert::Kind;
use desk::alerts::notice::{self, Channel, Outcome as Posted};
use desk::alerts::webhook;
use desk::mailboxes::mailbox::Side;
use desk::{Error, Refusal};

#[test]
fn a_post_is_tried_a_bounded_number_of_times_by_one_at_a_time() {
    let day = day();
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 1);
    let mut tries = 0;
    let mut bodies = std::collections::BTreeSet::new();
    for _ in 0..300 {
        let now = day.later(MINUTE);
        let claims = day.write(|tx| notice::claim_posts(tx, now, MINUTE, "one", 9));
        assert!(day.write(|tx| notice::claim_posts(tx, now, MINUTE, "two", 9)).is_empty());
        for claim in claims {
            tries += 1;
            assert_eq!(claim.attempts, tries);
            bodies.insert(claim.body.clone());
            let late = notice::Claim { generation: claim.generation - 1, ..claim.clone() };
            assert!(!day.write(|tx| notice::settle(tx, &late, &Posted::Told, "late", now)));
            let retry = Posted::Retry { next_at: now + MINUTE };
            assert!(day.write(|tx| notice::settle(tx, &claim, &retry, "HTTP status 503", now)));
        }
    }
    assert_eq!((tries, bodies.len()), (notice::ATTEMPTS_MAX, 1));
    let last =
        day.read(|tx| notice::list(tx, 9)).into_iter().find(|n| n.channel == Channel::Webhook).unwrap();
    assert_eq!((last.state, last.answer.as_str()), (notice::State::Failed, "HTTP status 503"));
}

#[test]
fn the_webhooks_secret_is_for_its_host_and_shown_when_it_is_new() {
    let day = day();
    assert!(!set_webhook(&day, "https://hooks.example/y", false).unwrap(), "another path is no other host");
    assert!(set_webhook(&day, "https://other.example/y", false).unwrap());
    assert!(set_webhook(&day, "https://other.example/y", true).unwrap());
    for bad in
        ["http://hooks.example/", "https://user:pw@hooks.example/", "hooks", "https://hooks.example/#a"]
    {
        assert!(
            matches!(set_webhook(&day, bad, false), Err(Error::Refused(Refusal::BadEndpoint { .. }))),
            "{bad}"
        );
    }
    assert!(!set_webhook(&day, "", false).unwrap());
    assert_eq!(day.read(webhook::find), None);
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 2);
    assert!(posts(&day).is_empty());
}

#[test]
fn the_manual_names_everything_that_an_alert_is_about() {
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual");
    for (file, key) in [("operate.md", "| `alert.about` |"), ("json.md", "| `alerts` |")] {
        let text = std::fs::read_to_string(manual.join(file)).unwrap();
        let row = text.lines().find(|line| line.starts_with(key)).expect("a row of the manual");
        for kind in Kind::ALL {
            assert!(row.contains(&format!("`{}`", kind.word())), "{file} does not name {}", kind.word());
        }
    }
}
