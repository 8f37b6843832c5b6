//! No two claims of one row: whatever is claimed, renewed, settled and left to run out in whatever order, a row is
//! in at most one pair of hands, and only the newest of them counts.
use super::mailboxes::{NOW, SECOND, activate, mailbox};
use desk::intake::inbox::{self, Outcome};
use desk::mailboxes::mailbox::{self as mailboxes, Round};
use desk::outgoing::outbox::{self, Attempt};
use desk::testing::TestDesk;
use desk::{db, params};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

const LEASE: i64 = 60 * SECOND;
const ROWS: i64 = 5;

/// The three tables that are worked on by claims.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Table {
    Mailbox,
    Inbox,
    Outbox,
}
#[derive(Clone, Debug)]
enum Hand {
    Mailbox(mailboxes::Claim),
    Inbox(inbox::Claim),
    Outbox(outbox::Claim),
}
impl Hand {
    fn row(&self) -> (i64, i64) {
        match self {
            Hand::Mailbox(claim) => (claim.mailbox_id, claim.generation),
            Hand::Inbox(claim) => (claim.inbox_id, claim.generation),
            Hand::Outbox(claim) => (claim.outbox_id, claim.generation),
        }
    }
}

/// Three mailboxes; five rows each of what came in and of what goes out.
fn furnished() -> TestDesk {
    let desk = TestDesk::new();
    for i in 0..3 {
        let id = mailbox(&desk, &format!("m{i}@example.org"));
        activate(&desk, id);
    }
    desk.db
        .write(|tx| -> desk::Result<()> {
            let blob = tx.insert(
                "INSERT INTO blob (hash, size_bytes, place) VALUES ($1, 1, 'file') RETURNING id",
                params![&[7_u8; 32]],
            )?;
            for i in 0..ROWS {
                let key = vec![u8::try_from(i).unwrap(); 32];
                tx.execute(
                    "INSERT INTO inbox (mailbox_id, folder, uid_validity, uid, blob_id, content_key, size_bytes,
                                        received_at, fetched_at, state, due_at)
                     VALUES ($1, 'INBOX', 1, $2, $3, $4, 1, $5, $5, 'new', $5)",
                    params![1 + i % 3, i, blob, &key, NOW],
                )?;
                let row = tx.insert(
                    "INSERT INTO outbox (mailbox_id, message_id, state, due_at, give_up_at, created_at)
                     VALUES ($1, $2, 'queued', $3, $4, $3) RETURNING id",
                    params![1 + i % 3, format!("{i}@example.org"), NOW, NOW + outbox::LIFE_MS],
                )?;
                tx.execute(
                    "INSERT INTO delivery (outbox_id, recipient, recipient_key, state, at)
                     VALUES ($1, 'ann@example.org', 'ann@example.org', 'queued', $2)",
                    params![row, NOW],
                )?;
            }
            Ok(())
        })
        .unwrap();
    desk
}

fn claim(desk: &TestDesk, table: Table, limit: i64, at: i64) -> desk::Result<Vec<Hand>> {
    desk.db.write(|tx| {
        Ok(match table {
            Table::Mailbox => {
                let claims = mailboxes::claim_due(tx, at, LEASE, "node", limit)?;
                claims.into_iter().map(Hand::Mailbox).collect()
            }
            Table::Inbox => {
                inbox::claim_due(tx, at, LEASE, "node", limit)?.into_iter().map(Hand::Inbox).collect()
            }
            Table::Outbox => {
                outbox::claim_due(tx, at, LEASE, "node", limit)?.into_iter().map(Hand::Outbox).collect()
            }
        })
    })
}
/// To be done again in a second; whether it counted.
fn settle(desk: &TestDesk, hand: &Hand, at: i64) -> bool {
    let next_at = at + SECOND;
    let settled = desk.db.write(|tx| match hand {
        Hand::Mailbox(claim) => mailboxes::settle(tx, claim, &Round::Done { mail: false, next_at }, at),
        Hand::Inbox(claim) => {
            let outcome = Outcome::Failed { code: "x".into(), reason: "x".into(), next_at: Some(next_at) };
            inbox::settle(tx, claim, &outcome, at)
        }
        Hand::Outbox(claim) => {
            let attempt = Attempt { fates: vec![], error: None, unsure: false, next_at: Some(next_at) };
            outbox::settle(tx, claim, &attempt, at)
        }
    });
    settled.unwrap()
}
/// Whether it is still held; `None` where a claim is never made longer.
fn renew(desk: &TestDesk, hand: &Hand, until: i64) -> Option<bool> {
    let renewed = match hand {
        Hand::Mailbox(claim) => desk.db.write(|tx| mailboxes::renew(tx, claim, until)),
        Hand::Inbox(_) => return None,
        Hand::Outbox(claim) => desk.db.write(|tx| outbox::renew(tx, claim, until)),
    };
    Some(renewed.unwrap())
}

#[derive(Clone, Debug)]
enum Step {
    Claim { limit: i64 },
    Later { ms: i64 },
    Renew { hand: usize },
    Settle { hand: usize },
}
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_i64).prop_map(|limit| Step::Claim { limit }),
        3 => prop_oneof![Just(1), Just(SECOND), Just(LEASE - 1), Just(LEASE), 0..2 * LEASE].prop_map(|ms| Step::Later { ms }),
        1 => (0..8_usize).prop_map(|hand| Step::Renew { hand }),
        3 => (0..8_usize).prop_map(|hand| Step::Settle { hand }),
    ]
}
fn table() -> impl Strategy<Value = Table> {
    prop_oneof![Just(Table::Mailbox), Just(Table::Inbox), Just(Table::Outbox)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_row_is_in_one_pair_of_hands_and_only_the_newest_counts(
        table in table(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let desk = furnished();
        let mut now = NOW;
        // What was claimed and not settled, with the end of its lease; the last generation of each row.
        let mut hands: Vec<(Hand, i64)> = Vec::new();
        let mut newest: BTreeMap<i64, i64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Later { ms } => now += ms,
                Step::Claim { limit } => {
                    let claims = claim(&desk, table, limit, now).unwrap();
                    prop_assert!(claims.len() <= usize::try_from(limit).unwrap());
                    for claimed in claims {
                        let (id, generation) = claimed.row();
                        let held = hands.iter().find(|(hand, until)| hand.row().0 == id && *until > now);
                        prop_assert!(held.is_none(), "{claimed:?} is held until {held:?}, now {now}");
                        let before = newest.insert(id, generation).unwrap_or(0);
                        prop_assert!(generation > before, "{claimed:?} after generation {before}");
                        hands.push((claimed, now + LEASE));
                    }
                }
                Step::Renew { hand } => {
                    let Some((held, until)) = hands.get_mut(hand) else { continue };
                    let (id, generation) = held.row();
                    if let Some(renewed) = renew(&desk, held, now + 2 * LEASE) {
                        prop_assert_eq!(renewed, newest[&id] == generation, "{:?}", held);
                        if renewed {
                            *until = now + 2 * LEASE;
                        }
                    }
                }
                Step::Settle { hand } => {
                    if hand >= hands.len() {
                        continue;
                    }
                    let (held, _) = hands.remove(hand);
                    let (id, generation) = held.row();
                    prop_assert_eq!(settle(&desk, &held, now), newest[&id] == generation, "{:?}", held);
                }
            }
        }
    }
}

#[test]
fn no_two_senders_and_no_two_filers_that_claim_at_once_get_one_row() {
    for table in [Table::Inbox, Table::Outbox] {
        let desk = furnished();
        let work = || {
            let mut mine = Vec::new();
            loop {
                // Out of tries under this much contention is no claim: it is asked again.
                match claim(&desk, table, 2, NOW) {
                    Ok(claims) if claims.is_empty() => return mine,
                    Ok(claims) => mine.extend(claims.iter().map(|claim| claim.row().0)),
                    Err(desk::Error::Db(db::Error::Busy)) => {}
                    Err(e) => panic!("{e}"),
                }
            }
        };
        let claimed: Vec<i64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let distinct: HashSet<_> = claimed.iter().collect();
        assert_eq!(claimed.len(), distinct.len(), "{table:?}: {claimed:?}");
        // One filer a mailbox keeps the order of its letters: whoever comes second waits for the first.
        assert!(!claimed.is_empty(), "{table:?}");
        assert!(table == Table::Inbox || claimed.len() == usize::try_from(ROWS).unwrap(), "{claimed:?}");
    }
}
