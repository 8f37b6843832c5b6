//! kill -9 at each point of a fetch by POP3, where the practice server holds the fetcher still: in a letter (fetched and
//! not stored), at QUIT (stored and not deleted), after QUIT (deleted, and nobody was told).
use super::{chance, kills};
use crate::by_pop3::{BILLING, PostOffice};
use crate::practice_walk::until;
use rand::RngExt as _;

struct Point {
    fault: &'static str,
    what: &'static str,
    /// Whether what was fetched is stored by then, and whether it still lies on the server.
    stored: bool,
    on_the_server: bool,
}

const POINTS: &[Point] = &[
    Point { fault: "pop_stalls", what: "in a letter", stored: false, on_the_server: true },
    Point { fault: "pop_stall_quit", what: "before QUIT was heard", stored: true, on_the_server: true },
    Point { fault: "pop_stall_after_quit", what: "after QUIT was heard", stored: true, on_the_server: false },
];

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_each_point_of_a_fetch_by_pop3_loses_nothing_and_doubles_nothing() {
    let mut chance = chance("fetching by POP3");
    // Nothing fetches by itself: each fetch is a process that can be killed alone.
    let office = PostOffice::open("active = false\nbatch = 50\nfetched = \"delete\"").await;
    let demo = &office.demo;
    demo.run(&["mailbox", "fetch", BILLING]);
    let mut written = 0;
    for round in 0..kills() {
        for point in POINTS {
            let letters = chance.random_range(1..8);
            for _ in 0..letters {
                office.write(written, chance.random_range(1..4_000)).await;
                written += 1;
            }
            let before = office.stored();
            demo.goes_wrong(point.fault, 1).await;
            let mut fetching = demo.program.begin(&["mailbox", "fetch", BILLING]);
            let held = async || (demo.struck(point.fault).await == 1).then_some(());
            until("the server that holds still", held).await;
            let stored = office.stored() - before;
            fetching.kill().unwrap();
            fetching.wait().unwrap();
            demo.mends().await;
            let left = demo.letters(BILLING).await.len();
            println!(
                "  fetched, stored, left: {letters}, {stored}, {left}; killed {} in round {round}",
                point.what
            );
            assert_eq!(stored, if point.stored { letters } else { 0 }, "{}", point.what);
            assert_eq!(left, if point.on_the_server { letters } else { 0 }, "{}", point.what);
            demo.run(&["mailbox", "fetch", BILLING]);
            assert!(demo.letters(BILLING).await.is_empty(), "{}", point.what);
        }
    }
    office.each_is_one_ticket(written).await;
    println!("killed {} times in fetching by POP3, {written} letters", kills() * POINTS.len());
    demo.run(&["check"]);
}
