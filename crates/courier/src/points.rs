//! Named points of a fetching round. A debug build dies at one of them, as by kill -9, when its environment says so
//! (`FETCHING_DIES_AT=before_commit:2`: the second time that it comes by there); a release build has none of this.

/// How far a round has come with what it fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// A batch is in memory, and nothing of it is stored.
    Fetched,
    /// Its bytes are in the store, its rows in an open transaction.
    BeforeCommit,
    AfterCommit,
    /// The server is about to be asked to mark, move or delete.
    BeforeTouched,
    /// The server has done it, and nobody here has noted it.
    AfterTouched,
}

#[cfg(not(debug_assertions))]
pub(crate) fn reached(_: Point) {}

#[cfg(debug_assertions)]
pub(crate) fn reached(point: Point) {
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    static TOLD: OnceLock<Option<(String, AtomicUsize)>> = OnceLock::new();
    let told = TOLD.get_or_init(|| {
        let told = std::env::var("FETCHING_DIES_AT").ok()?;
        let (name, times) = told.split_once(':')?;
        Some((name.to_owned(), AtomicUsize::new(times.parse().ok()?)))
    });
    let Some((name, left)) = told else { return };
    let here = match point {
        Point::Fetched => "fetched",
        Point::BeforeCommit => "before_commit",
        Point::AfterCommit => "after_commit",
        Point::BeforeTouched => "before_touched",
        Point::AfterTouched => "after_touched",
    };
    if name == here && left.fetch_sub(1, Ordering::SeqCst) == 1 {
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park(); // the signal is on its way
        }
    }
}
