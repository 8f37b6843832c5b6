//! From the inbox to the desk: claims rows, parses them off the transaction, and files a batch in one transaction. One
//! bad message undoes itself alone.
mod read;

pub(crate) use read::parse;

use crate::Courier;
use desk::Desk;
use desk::intake::filing::{self, Parsed, Prepared};
use desk::intake::inbox::{self, Claim, Outcome};
use desk::intake::mending;
use read::{failed, waits};
use tokio::sync::watch;

/// Rows of one transaction.
const BATCH: i64 = 200;
/// Parts of parsed messages that wait for the store.
const PARTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A batch takes seconds at most; what a killed process held is free after this.
const LEASE_MS: i64 = 60_000;

/// What became of one batch.
#[derive(Debug, Default)]
pub(crate) struct Filed(Vec<(i64, Outcome)>);

/// Outcomes counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub filed: usize,
    pub ignored: usize,
    pub held: usize,
    pub failed: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, more: Counts) {
        self.filed += more.filed;
        self.ignored += more.ignored;
        self.held += more.held;
        self.failed += more.failed;
    }
}

impl Filed {
    pub(crate) fn of(&self, mailbox_id: i64) -> Counts {
        let mut counts = Counts::default();
        for (_, outcome) in self.0.iter().filter(|(of, _)| *of == mailbox_id) {
            match outcome {
                Outcome::Filed { .. } => counts.filed += 1,
                Outcome::Ignored { .. } => counts.ignored += 1,
                Outcome::Held { .. } => counts.held += 1,
                Outcome::Late => {}
                Outcome::Failed { .. } => counts.failed += 1,
            }
        }
        counts
    }
}

/// A claimed row, ready for the transaction, or why it is not.
type Ready = (Claim, Result<Prepared, Outcome>);

/// Claims due rows and parses them, on as many threads as there are processors. They are to be committed after
/// those that the same filer has `in_hand`.
async fn prepare(courier: &Courier, limit: i64, in_hand: &[i64]) -> desk::Result<Vec<Ready>> {
    let (now, node, in_hand) = (courier.now(), courier.node().to_owned(), in_hand.to_vec());
    let claims =
        courier.write_behind(move |tx| inbox::claim_next(tx, now, LEASE_MS, &node, limit, &in_hand)).await?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(claims.len().max(1));
    let mut parts: Vec<Vec<(usize, Claim)>> = vec![Vec::new(); threads];
    for (position, claim) in claims.into_iter().enumerate() {
        if let Some(part) = parts.get_mut(position % threads) {
            part.push((position, claim));
        }
    }
    let working = parts.into_iter().map(|part| courier.blocking(move |desk| Ok(parse_all(desk, part, now))));
    let mut ready: Vec<(usize, Ready)> =
        futures_util::future::try_join_all(working).await?.into_iter().flatten().collect();
    ready.sort_by_key(|(position, _)| *position); // oldest first, as claimed
    Ok(ready.into_iter().map(|(_, ready)| ready).collect())
}

/// Parses these, and stores the parts of many with one sync: of as many as may be in memory.
fn parse_all(desk: &Desk, part: Vec<(usize, Claim)>, now: i64) -> Vec<(usize, Ready)> {
    let mut ready = Vec::with_capacity(part.len());
    let (mut parsed, mut bytes) = (Vec::new(), 0);
    for (position, claim) in part {
        match parse(desk, Some(&desk.store), &claim, now) {
            Ok(read) => {
                bytes += read.bytes();
                parsed.push((position, claim, read));
            }
            Err(outcome) => ready.push((position, (claim, Err(outcome)))),
        }
        if bytes >= PARTS_BYTES_MAX {
            ready.extend(keep(desk, std::mem::take(&mut parsed), now));
            bytes = 0;
        }
    }
    ready.extend(keep(desk, parsed, now));
    ready
}

fn keep(desk: &Desk, parsed: Vec<(usize, Claim, Parsed)>, now: i64) -> Vec<(usize, Ready)> {
    let (claims, read): (Vec<_>, Vec<_>) =
        parsed.into_iter().map(|(position, claim, read)| ((position, claim), read)).unzip();
    match filing::keep(&desk.store, read) {
        Ok(prepared) => claims
            .into_iter()
            .zip(prepared)
            .map(|((position, claim), prepared)| (position, (claim, Ok(prepared))))
            .collect(),
        Err(error) => {
            tracing::error!("messages wait, because their parts could not be stored: {error}");
            let reason = format!("Its parts could not be stored: {error}");
            claims
                .into_iter()
                .map(|(position, claim)| {
                    let outcome = waits(&claim, reason.clone(), now);
                    (position, (claim, Err(outcome)))
                })
                .collect()
        }
    }
}

/// Claims and files batch after batch, the next one parsed while one commits, until nothing is due or `stop` says so.
pub(crate) async fn drain(
    courier: &Courier,
    stop: &watch::Receiver<bool>,
    mut told: impl FnMut(&Filed),
) -> desk::Result<()> {
    let mut ready = prepare(courier, BATCH, &[]).await?;
    while !ready.is_empty() {
        if *stop.borrow() {
            told(&commit(courier, ready).await?);
            return Ok(());
        }
        let in_hand: Vec<i64> = ready.iter().map(|(claim, _)| claim.inbox_id).collect();
        let next = prepare(courier, BATCH, &in_hand);
        let (filed, next) = tokio::join!(commit(courier, ready), next);
        match filed {
            Ok(filed) => told(&filed),
            Err(error) => {
                if error.is_the_databases() {
                    let next = next.unwrap_or_default().into_iter().map(|(claim, _)| claim.inbox_id);
                    give_back(courier, in_hand.into_iter().chain(next).collect()).await;
                }
                return Err(error);
            }
        }
        ready = next?;
        if ready.is_empty() {
            ready = prepare(courier, BATCH, &[]).await?;
        }
    }
    Ok(())
}

/// Or they would be taken for what ends the process, when it is the database that is away.
async fn give_back(courier: &Courier, ids: Vec<i64>) {
    let owner = courier.node().to_owned();
    let given = courier.write_behind(move |tx| inbox::give_back(tx, &owner, &ids)).await;
    if let Err(error) = given {
        tracing::debug!("claimed messages wait for the end of their lease: {error}");
    }
}

/// Files a batch. When the whole does not commit for another reason than the database's, each is tried alone.
async fn commit(courier: &Courier, ready: Vec<Ready>) -> desk::Result<Filed> {
    if ready.is_empty() {
        return Ok(Filed::default());
    }
    courier.give_way().await;
    let now = courier.now();
    courier
        .blocking(move |desk| match file(desk, &ready, now) {
            Err(error) if !error.is_the_databases() => each_alone(desk, &ready, &error, now),
            done => done,
        })
        .await
}

/// What does not commit even alone is put off, or kept for a person, by a change of its row and nothing else.
fn each_alone(desk: &Desk, ready: &[Ready], why: &desk::Error, now: i64) -> desk::Result<Filed> {
    tracing::warn!("a batch could not be filed as a whole, so each alone: {why}");
    let mut filed = Filed::default();
    for one in ready {
        let alone = file(desk, std::slice::from_ref(one), now).or_else(|error| {
            if error.is_the_databases() {
                return Err(error);
            }
            let (claim, outcome) = (&one.0, failed(&one.0, &error.to_string(), now));
            let in_time = desk.db.write(|tx| inbox::settle(tx, claim, &outcome, now))?;
            Ok(Filed(vec![(claim.mailbox_id, settled(in_time, outcome))]))
        });
        match alone {
            Ok(alone) => filed.0.extend(alone.0),
            Err(error) if error.is_the_databases() => return Err(error),
            Err(error) => tracing::error!("a message could not be filed, nor put off: {error}"),
        }
    }
    Ok(filed)
}

fn file(desk: &Desk, ready: &[Ready], now: i64) -> desk::Result<Filed> {
    let parts = ready.iter().filter_map(|(_, prepared)| prepared.as_ref().ok()).flat_map(Prepared::parts);
    mending::mend_contents(desk, &Vec::from_iter(parts), now)?;
    desk.db.write(|tx| {
        let mut filed = Vec::with_capacity(ready.len());
        for (claim, prepared) in ready {
            if let Err(outcome) = prepared {
                let in_time = inbox::settle(tx, claim, outcome, now)?;
                filed.push((claim.mailbox_id, settled(in_time, outcome.clone())));
            }
        }
        let messages: Vec<_> =
            ready.iter().filter_map(|(claim, prepared)| Some((claim, prepared.as_ref().ok()?))).collect();
        let outcomes = filing::file_all(tx, &messages, now)?;
        filed.extend(messages.iter().map(|(claim, _)| claim.mailbox_id).zip(outcomes));
        Ok(Filed(filed))
    })
}

fn settled(in_time: bool, outcome: Outcome) -> Outcome {
    if in_time { outcome } else { Outcome::Late }
}
