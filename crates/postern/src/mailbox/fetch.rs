//! `postern mailbox fetch ADDRESS`: a round now, and what its folders hold after it, there and here.
use super::figure;
use crate::output::{self, Done, Failure};
use crate::{Program, open, serve};
use courier::fetch::Summary;
use courier::{Clock, Courier};
use desk::Desk;
use desk::mailboxes::balance::{self, Asked, Balance};
use desk::mailboxes::mailbox::{Mailbox, Protocol};
use serde_json::json;

/// Messages that Graph lists in one request.
const GRAPH_PAGE: i64 = 1_000;

pub fn run(
    program: &Program,
    desk: Desk,
    address: &str,
    unaccounted: bool,
    site: url::Url,
) -> Result<Done, Failure> {
    let mailbox = super::find(&desk, address)?;
    let db = desk.db.clone();
    if unaccounted {
        db.write(|tx| balance::want(tx, &mailbox, Asked::Fetch))?;
    }
    let providers = open::providers(&desk.db)?;
    let courier = serve::courier(&program.config, desk, providers, site)?;
    let runtime = serve::runtime()?;
    let begun_at = Clock::system().now();
    let mut summary = runtime.block_on(courier::fetch::once(&courier, mailbox.id))?;
    let mut balances = counted(&courier, &mailbox)?;
    if summary.fetched > 0 && are_older(&balances, begun_at) && is_listed_at_once(&mailbox, &balances) {
        db.write(|tx| balance::want(tx, &mailbox, Asked::Compare))?;
        match runtime.block_on(courier::fetch::once(&courier, mailbox.id)) {
            Ok(more) => summary = together(summary, more),
            Err(error) => tracing::info!(mailbox = address, "the folders could not be counted: {error}"),
        }
        balances = counted(&courier, &mailbox)?;
    }
    let is_old = summary.fetched > 0 && are_older(&balances, begun_at);
    let is_known = balances.iter().any(|balance| balance.compared_at.is_some());
    let unaccounted: i64 = balances.iter().map(|balance| balance.counts.unaccounted).sum();
    let document = json!({
        "address": address,
        "unaccounted": is_known.then_some(unaccounted),
        "fetched": summary.fetched,
        "filed": summary.filed,
        "ignored": summary.ignored,
        "held": summary.held,
        "failed": summary.failed,
        "waited_for": summary.waited_for,
    });
    output::print(program.json, &document, || {
        format!(
            "{address}: {} fetched, {} filed, {} ignored, {} held, {} failed.{}{}",
            summary.fetched,
            summary.filed,
            summary.ignored,
            summary.held,
            summary.failed,
            figures(&balances),
            if is_old { " That was counted before this fetch." } else { "" }
        )
    })
}

/// Of a round and the one after it.
fn together(first: Summary, second: Summary) -> Summary {
    Summary {
        fetched: first.fetched + second.fetched,
        filed: first.filed + second.filed,
        ignored: first.ignored + second.ignored,
        held: first.held + second.held,
        failed: first.failed + second.failed,
        waited_for: first.waited_for.or(second.waited_for),
    }
}

fn counted(courier: &Courier, mailbox: &Mailbox) -> desk::Result<Vec<Balance>> {
    let read = courier.desk().db.read(|tx| balance::of(tx, [mailbox]));
    Ok(read?.remove(&mailbox.id).unwrap_or_default())
}

/// A round compares once a minute at most: what it has brought is not in the last count then.
fn are_older(balances: &[Balance], begun_at: i64) -> bool {
    balances.iter().any(|balance| balance.compared_at.is_some_and(|at| at < begun_at))
}

/// A look at a large folder by Graph takes a request for each thousand messages.
fn is_listed_at_once(mailbox: &Mailbox, balances: &[Balance]) -> bool {
    let is_small = |balance: &Balance| balance.counts.on_server() < GRAPH_PAGE;
    mailbox.protocol != Protocol::Graph || balances.iter().all(is_small)
}

/// Behind what came of a round: the figure of its folder, or of each with its name.
fn figures(balances: &[Balance]) -> String {
    match balances {
        [] => String::new(),
        [one] => format!(" {}.", figure(one)),
        several => several.iter().map(|one| format!(" {}: {}.", one.folder, figure(one))).collect(),
    }
}
