//! What the provider does wrong, and the simulated hour after it: a row a fault, the clock moved by hand, so that hours
//! take seconds. Of each row: the mailbox's state, the sentence on its page, how many requests the faulty endpoint got in
//! the hour, and that the mailbox is well again when the fault has ended. Adding a fault is adding a row.
//!
//! A sample of each table runs with the other tests, another one each time; `POSTERN_TEST_SEED` repeats one, and it is
//! printed. `dev/prove faults` sets `POSTERN_HOURS=all` (one fault's name runs that alone) and keeps what each row found
//! in `POSTERN_HOURS_FILE`.
#![expect(
    clippy::disallowed_methods,
    reason = "tests stand outside of the program, as browsers and providers do"
)]
#![expect(clippy::unwrap_used, reason = "in helpers of tests, too, a failed unwrap is a failed test")]
mod absent;
mod at;
mod consenting;
mod devices;
mod entering;
mod graph;
mod refreshing;
mod revoking;
mod taking_back;
#[expect(dead_code, reason = "the whole program's tests use the rest of it")]
#[path = "../whole/visitor.rs"]
mod visitor;
mod world;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows side by side: most of their time is waiting.
const AT_ONCE: usize = 4;

/// What a row found, for the list.
#[derive(Debug)]
pub struct Found {
    pub state: String,
    pub requests: u32,
    pub sentence: String,
    pub well_after: String,
}

pub trait Row: Sync {
    fn name(&self) -> &str;
    /// Where, in the list.
    fn place(&self) -> world::At {
        world::At::Entra
    }
    /// Waits for seconds that no clock of ours moves: no part of a sample.
    fn is_slow(&self) -> bool;
}

/// So many of them, by chance that can be repeated.
fn sample<R: Row>(title: &str, rows: &'static [R], count: usize) -> Vec<&'static R> {
    let seed = std::env::var("POSTERN_TEST_SEED").ok();
    let seed = seed.map(|n| n.parse().expect("POSTERN_TEST_SEED is a number"));
    let by_time = || std::time::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs());
    let seed: u64 = seed.unwrap_or_else(by_time);
    println!("{title}: a sample of {count}, POSTERN_TEST_SEED={seed}");
    let mut quick: Vec<&'static R> = rows.iter().filter(|row| !row.is_slow()).collect();
    quick.shuffle(&mut StdRng::seed_from_u64(seed));
    quick.truncate(count);
    quick
}

/// A sample of so many rows, or all: every one is tried, and those that failed are named at the end.
fn each<R: Row>(
    title: &str,
    rows: &'static [R],
    count: usize,
    case: impl AsyncFn(&'static R) -> Found + Sync,
) {
    let which = std::env::var("POSTERN_HOURS").unwrap_or_default();
    let rows: Vec<&'static R> = match which.as_str() {
        "" => sample(title, rows, count),
        "all" => rows.iter().collect(),
        name => rows.iter().filter(|row| row.name() == name).collect(),
    };
    let next = AtomicUsize::new(0);
    let (failed, lines) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some(row) = rows.get(at) else { return };
            match catch_unwind(AssertUnwindSafe(|| runtime.block_on(case(row)))) {
                Ok(found) => lines.lock().unwrap().push((at, line(*row, &found))),
                Err(_) => failed.lock().unwrap().push(named(*row)),
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let (failed, mut lines) = (failed.into_inner().unwrap(), lines.into_inner().unwrap());
    lines.sort();
    let text = lines.into_iter().fold(format!("{title}\n"), |mut text, (_, line)| {
        let _ = writeln!(text, "{line}");
        text
    });
    println!("{text}");
    if let Ok(file) = std::env::var("POSTERN_HOURS_FILE") {
        use std::io::Write as _;
        let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
    assert!(failed.is_empty(), "{} of {} rows failed: {failed:?}", failed.len(), rows.len());
}

/// `token_429`, and where it is not Entra for a person, `token_429 at Google`.
fn named(row: &impl Row) -> String {
    match row.place() {
        world::At::Entra => row.name().to_owned(),
        place => format!("{} at {place:?}", row.name()),
    }
}

fn line(row: &impl Row, found: &Found) -> String {
    let Found { state, requests, sentence, well_after } = found;
    let name = named(row);
    format!("{name:<40} {state:<13} {requests:>3} requests  well again {well_after}: {sentence}")
}
