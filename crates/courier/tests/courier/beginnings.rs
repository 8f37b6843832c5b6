//! Where reading of a folder begins, and how far it goes: by what is there, whatever a server says of its numbers and dates.
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
use desk::intake::inbox::{self, State};
use desk::mailboxes::balance::{self, Asked, Counts};
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use desk::params;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const NO_UID_NEXT: Option<Option<u32>> = Some(None);
const TOO_HIGH: Option<Option<u32>> = Some(Some(4_000_000_000));
const GHOST: u32 = u32::MAX;

async fn by_imap(start_from: StartFrom) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, start_from, Fetched::Nothing);
    (stage, imap)
}
async fn fetched(stage: &Stage) -> usize {
    let fetched = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched;
    stage.clock.advance(2 * MINUTE);
    fetched
}
fn counts(stage: &Stage) -> Counts {
    stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).expect("the folder was compared").counts
}
fn of(held: i64, older: i64, unaccounted: i64) -> Counts {
    Counts { held, left: 0, older, waiting: 0, unaccounted }
}
fn loud(stage: &Stage) -> i64 {
    let text = "SELECT count(*) FROM inbox WHERE silent = 0";
    stage.read(|tx| Ok(tx.one::<(i64,)>(text, params![])?)).0
}
fn cursor(stage: &Stage) -> u32 {
    stage.read(|tx| desk::mailboxes::cursor::find(tx, stage.mailbox_id, "INBOX")).unwrap().uid_last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn years_of_mail_are_no_news_where_uidnext_is_too_low() {
    for (start_from, old) in [(StartFrom::Now, 0), (StartFrom::Everything, 8)] {
        let (stage, imap) = by_imap(start_from).await;
        imap.state().claims_uid_next = Some(Some(1));
        for name in names(1, 8) {
            imap.deliver(NOON - 3_650 * DAY, letter(&name));
        }
        assert_eq!((fetched(&stage).await, loud(&stage)), (old, 0));
        imap.deliver(NOON + MINUTE, letter("letter 009"));
        assert_eq!((fetched(&stage).await, loud(&stage)), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_is_fetched_by_itself_whatever_is_said_of_the_next_uid() {
    for claim in [NO_UID_NEXT, TOO_HIGH] {
        for (start_from, first, older) in [
            (StartFrom::Now, 0, 3),
            (StartFrom::Everything, 3, 0),
            (StartFrom::Date("2026-11-20".into()), 1, 2),
            (StartFrom::Date("2026-11-24".into()), 0, 3),
        ] {
            let said = format!("{claim:?} {start_from:?}");
            let (stage, imap) = by_imap(start_from).await;
            imap.state().claims_uid_next = claim;
            for (name, days) in names(1, 3).iter().zip([300, 1, 30]) {
                imap.deliver(NOON - days * DAY, letter(name));
            }
            assert_eq!(
                (fetched(&stage).await, counts(&stage)),
                (first, of(count(first), older, 0)),
                "{said}"
            );
            assert_eq!(cursor(&stage), 3, "{said}");
            for number in 4..=6 {
                imap.deliver(NOON + MINUTE, letter(&names(number, number)[0]));
                assert_eq!((fetched(&stage).await, loud(&stage)), (1, i64::from(number) - 3), "{said}");
            }
            assert_eq!(counts(&stage), of(count(first) + 3, older, 0), "{said}");
        }
    }
}

fn count(messages: usize) -> i64 {
    i64::try_from(messages).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_uid_that_is_named_by_mistake_ends_no_fetching() {
    for claim in [NO_UID_NEXT, TOO_HIGH, None] {
        for start_from in [StartFrom::Now, StartFrom::Everything] {
            let said = format!("{claim:?} {start_from:?}");
            let (stage, imap) = by_imap(start_from.clone()).await;
            imap.state().claims_uid_next = claim;
            imap.deliver(NOON - DAY, letter("letter 001"));
            // At first sight, beside a letter that comes, and where nothing else is new.
            imap.state().ghosts = [GHOST].into();
            let first = usize::from(start_from == StartFrom::Everything);
            assert_eq!((fetched(&stage).await, cursor(&stage)), (first, 1), "{said}");
            imap.deliver(NOON + MINUTE, letter("letter 002"));
            imap.state().ghosts = [GHOST, GHOST].into();
            assert_eq!(fetched(&stage).await, 1, "{said}");
            imap.state().ghosts = [GHOST].into();
            assert_eq!((fetched(&stage).await, cursor(&stage)), (0, 2), "{said}");
            imap.deliver(NOON + 2 * MINUTE, letter("letter 003"));
            imap.state().ghosts.clear();
            assert_eq!((fetched(&stage).await, loud(&stage)), (1, 2), "{said}");
            assert_eq!((counts(&stage).unaccounted, cursor(&stage)), (0, 3), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_deleted_while_it_is_tried_is_not_recorded_as_left() {
    let (stage, imap) = by_imap(StartFrom::Everything).await;
    imap.deliver(NOON - DAY, letter("letter 001"));
    let gone = imap.deliver(NOON - DAY, letter("letter 002"));
    imap.deliver(NOON - DAY, letter("letter 003"));
    imap.state().skipped.insert(gone);
    // It is listed as it was before when the server is asked which are gone, and not any more afterwards.
    imap.state().letters.retain(|letter| letter.uid != gone);
    imap.state().ghosts = [gone; 5].into();
    assert_eq!(fetched(&stage).await, 2);
    assert!(stage.inbox().iter().all(|row| row.state == State::Filed), "{:?}", stage.inbox());
    assert_eq!((counts(&stage), cursor(&stage)), (of(2, 0, 0), 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_mail_of_another_account_is_no_news_however_long_ago_now_was() {
    let (stage, imap) = by_imap(StartFrom::Now).await;
    imap.deliver(NOON + MINUTE, letter("letter 001"));
    assert_eq!((fetched(&stage).await, loud(&stage)), (1, 1));
    stage.clock.advance(300 * DAY);
    let other = PretendImap::start().await;
    for name in names(2, 3) {
        other.deliver(NOON + 200 * DAY, letter(&name));
    }
    stage.fetched_from_as(other.address, "other", StartFrom::Now, Fetched::Nothing);
    assert_eq!((fetched(&stage).await, loud(&stage)), (2, 1), "it is fetched, silently");
    other.deliver(NOON + 301 * DAY, letter("letter 004"));
    assert_eq!((fetched(&stage).await, loud(&stage)), (1, 2));
    assert_eq!(stage.tickets(), names(1, 4));
    // Another port or another way of writing the name is the same account.
    let moved_at = stage.mailbox().moved_at;
    assert!(moved_at.is_some());
    stage.fetched_from_as(imap.address, "Other", StartFrom::Now, Fetched::Nothing);
    assert_eq!(stage.mailbox().moved_at, moved_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_mistyped_at_first_makes_no_old_mail() {
    let (stage, imap) = by_imap(StartFrom::Now).await;
    imap.state().sign_in = Some("NO [AUTHENTICATIONFAILED] who?".to_owned());
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    imap.deliver(NOON + MINUTE, letter("letter 001"));
    imap.state().sign_in = None;
    stage.clock.advance(5 * MINUTE);
    stage.fetched_from_as(imap.address, "right", StartFrom::Now, Fetched::Nothing);
    assert_eq!((fetched(&stage).await, loud(&stage)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_is_added_again_goes_on_and_begins_now_at_another_account() {
    let again = |stage: &Stage| {
        let by = stage.by();
        stage.write(|tx| mailbox::remove(tx, &by, stage.mailbox_id));
        let id = stage.write(|tx| mailbox::create(tx, &by, crate::stage::ADDRESS, "Support", 1));
        assert_eq!(id, stage.mailbox_id);
        assert_eq!(stage.mailbox().activated_at, None);
    };
    let (stage, imap) = by_imap(StartFrom::Now).await;
    imap.deliver(NOON + MINUTE, letter("letter 001"));
    assert_eq!(fetched(&stage).await, 1);
    stage.clock.advance(30 * DAY);
    again(&stage);
    imap.deliver(NOON + 10 * DAY, letter("letter 002"));
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
    assert_eq!((fetched(&stage).await, loud(&stage)), (1, 2), "it goes on where it stopped");

    stage.clock.advance(30 * DAY);
    again(&stage);
    let other = PretendImap::start().await;
    other.deliver(NOON + 40 * DAY, letter("letter 003"));
    stage.fetched_from_as(other.address, "other", StartFrom::Now, Fetched::Nothing);
    assert_eq!((fetched(&stage).await, counts(&stage)), (0, of(0, 1, 0)));
    other.deliver(NOON + 61 * DAY, letter("letter 004"));
    assert_eq!((fetched(&stage).await, loud(&stage)), (1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_port_is_the_same_mailbox_also_for_rows_that_have_one() {
    let (stage, imap, by_tls) = (Stage::new(), PretendImap::start().await, PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    for (name, second) in names(1, 5).into_iter().zip(1..) {
        imap.deliver(NOON + second * 1000, letter(&name));
        by_tls.deliver(NOON + second * 1000, letter(&name));
    }
    assert_eq!(fetched(&stage).await, 5);
    let with_port = "UPDATE numbering SET place = place || ':' || $1";
    let port = imap.address.port().to_string();
    assert_eq!(stage.write(|tx| Ok(tx.execute(with_port, params![port.as_str()])?)), 1);
    by_tls.deliver(NOON + MINUTE, letter("letter 006"));
    stage.fetched_from(by_tls.address, StartFrom::Everything, Fetched::Nothing);
    assert_eq!((fetched(&stage).await, counts(&stage)), (1, of(6, 0, 0)));
    let bodies = by_tls.log().iter().filter(|line| line.contains("BODY.PEEK")).cloned().collect::<Vec<_>>();
    assert_eq!(bodies, ["UID FETCH 6 (UID INTERNALDATE BODY.PEEK[])"]);
    assert_eq!(stage.mailbox().moved_at, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_date_is_not_told_is_asked_for_again_and_never_older_than_the_start() {
    let (stage, imap) = by_imap(StartFrom::Date("2026-11-20".into())).await;
    for name in names(1, 4) {
        imap.deliver(NOON - DAY, letter(&name));
    }
    imap.state().skipped.insert(3);
    imap.state().undated.insert(3);
    assert_eq!(fetched(&stage).await, 4, "three, and one that is left there");
    let left = stage.inbox().into_iter().find(|row| row.state == State::Failed).expect("it is recorded");
    let by = stage.by();
    stage.write(|tx| inbox::retry(tx, &by, left.id));
    fetched(&stage).await;
    assert_eq!((counts(&stage).older, counts(&stage).unaccounted), (0, 0));
    let failed: Vec<i64> =
        stage.inbox().iter().filter(|row| row.state == State::Failed).map(|row| row.id).collect();
    assert_eq!(failed.len(), 1, "it was asked for, and is left again");
    stage.write(|tx| inbox::retry(tx, &by, failed[0]));
    imap.state().skipped.clear();
    assert_eq!((fetched(&stage).await, counts(&stage)), (1, of(4, 0, 0)));
    assert_eq!(stage.tickets(), names(1, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_search_by_date_leaves_out_is_not_older_than_the_start_for_that() {
    let (stage, imap) = by_imap(StartFrom::Date("2026-11-20".into())).await;
    for (number, name) in names(1, 6).iter().enumerate() {
        imap.deliver(if number < 2 { NOON - 300 * DAY } else { NOON - DAY }, letter(name));
    }
    imap.state().hidden_from_date_search = [3, 5].into();
    assert_eq!((fetched(&stage).await, counts(&stage)), (2, of(2, 2, 2)));
    let dates = || imap.log().iter().filter(|line| line.ends_with("(UID INTERNALDATE)")).count();
    let asked = dates();
    let by = stage.by();
    let mailbox = stage.mailbox();
    stage.write(|tx| balance::ask(tx, &by, &mailbox, Asked::Fetch));
    assert_eq!((fetched(&stage).await, counts(&stage)), (2, of(4, 2, 0)));
    assert_eq!(dates(), asked + 2, "of all, as a person asks, and of those that are older after that");
    assert_eq!(stage.tickets(), names(3, 6));
}
