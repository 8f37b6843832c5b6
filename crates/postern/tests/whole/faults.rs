//! What the provider does wrong, and what Postern shows: a row a fault. Each row has a demo of its own whose
//! mailbox works until the fault is armed; afterwards it works again, nothing was lost and nothing came twice.
//! Adding a fault is adding a row.
mod consenting;
mod fetching;
mod sending;

use crate::practice_walk::{Demo, connected, until};
use crate::visitor::Visitor;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub const SUPPORT: &str = "support@contoso.example";
const ANN: &str = "ann.porter@nordwind.example";

/// Rows side by side. All are tried; those that failed are named at the end.
const AT_ONCE: usize = 3;

fn each<R: Debug + Sync>(rows: &'static [R], case: impl AsyncFn(&'static R) + Sync) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::SeqCst)) {
            if catch_unwind(AssertUnwindSafe(|| runtime.block_on(case(row)))).is_err() {
                failed.lock().unwrap().push(row);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} rows: {failed:#?}", failed.len(), rows.len());
}

/// Connects the demo's mailbox and waits until it is well; the visitor and the mailbox's page.
pub async fn well(demo: &Demo) -> (Visitor, String) {
    let mut visitor = demo.signed_in().await;
    let base = connected(demo, &mut visitor, SUPPORT).await;
    until("a mailbox that is well", async || (demo.mailbox(SUPPORT)["state"] == "ok").then_some(())).await;
    (visitor, base)
}

async fn the_ticket(demo: &Demo, subject: &str) -> String {
    until("the ticket", async || {
        let found = demo.tickets().into_iter().find(|t| t["subject"] == subject);
        found.map(|t| t["number"].as_str().unwrap().to_owned())
    })
    .await
}

fn has(text: &serde_json::Value, words: &str) -> bool {
    text.as_str().is_some_and(|text| text.to_lowercase().contains(&words.to_lowercase()))
}
