//! Takes mail from a server into the inbox: oldest first, each once, and nothing is touched on the server before
//! the commit.
//!
//! A round goes from a claimed mailbox to a settled one, through its `folders`; in each of them `plan` says what to fetch, `take` gets it from the server
//! while `store` keeps what came before, `mark` does on the server what *Fetched Emails* says.
mod batch;
mod copies;
mod dates;
mod delivery;
mod folders;
mod follow;
mod graph;
mod lacks;
mod likeness;
mod listing;
mod looked;
mod mark;
mod memory;
mod names;
mod numbering;
mod older;
mod once;
mod plan;
mod pop3;
mod reconcile;
mod restored;
mod settling;
mod shelf;
mod store;
mod take;
mod transfers;
mod trials;
mod turns;
mod work;

pub(crate) use follow::fetching_for;
pub(crate) use memory::Memory;
pub use once::{Patience, Summary, once, once_within};

use crate::Courier;
use crate::trouble::{RETRY_MS_MIN, Trouble};
use desk::Desk;
use desk::db::Tx;
use desk::files::reserve::Shortage;
use desk::intake::inbox::LeaseLost;
use desk::mailboxes::balance;
use desk::mailboxes::cursor::{self, Cursor, Link as ListingLink};
use desk::mailboxes::mailbox::{self, Claim, Fetched, Mailbox, Protocol, Round, ServerSide, Side};
use desk::mailboxes::named::{self, Named};
use lacks::{Lack, What};
use mail::explain::Class;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;

pub(crate) use shelf::Shelf;
pub(crate) use transfers::Transfers;

/// Renewed while a round works; what a killed process held is free after this.
pub(crate) const LEASE_MS: i64 = 30_000;
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// Between settling on the server: this many batches.
const BATCHES_PER_LEG: usize = 10;
const BATCH_MAX: usize = 500;

/// A signed-in link to the incoming server, and the settings that it was opened with.
#[derive(Debug)]
pub(crate) struct Link {
    pub shelf: Shelf,
    settings: Settings,
    /// Folders that are left alone for a while, as something that passes is in the way there.
    resting: HashMap<String, Rest>,
    /// Folders in which that could not be done on the server, and is not tried for a while; mail of theirs comes in.
    settling: HashMap<(String, Fetched), Rest>,
    /// When the last round said that the next one is due.
    next_at: Option<i64>,
}

#[derive(Clone, Debug)]
struct Rest {
    trouble: Trouble,
    failures: i64,
    until: i64,
}

impl Rest {
    /// Longer each time.
    fn after(trouble: &Trouble, before: Option<&Rest>, courier: &Courier) -> Rest {
        let failures = before.map_or(0, |rest| rest.failures);
        let until = trouble.next_at(courier, failures);
        Rest { trouble: trouble.clone(), failures: failures + 1, until }
    }
}

impl Link {
    /// A mailbox that is due before its time was made so by somebody, or by what has changed: nothing rests any longer.
    fn wake(&mut self, courier: &Courier, mailbox: &Mailbox) {
        if self.next_at.is_some_and(|next_at| mailbox.due_at < next_at) {
            courier.inside.fetched.wake(mailbox.id);
            self.resting.values_mut().chain(self.settling.values_mut()).for_each(|rest| rest.until = 0);
        }
    }

    /// Still to the server, and by the credential, that the mailbox has now.
    pub(crate) fn serves(&self, mailbox: &Mailbox) -> bool {
        self.settings == settings(mailbox)
    }
}

fn settings(mailbox: &Mailbox) -> Settings {
    (mailbox.user(Side::Incoming).to_owned(), mailbox.protocol, mailbox.incoming.clone())
}

/// Who signs in, and how, where.
type Settings = (String, Protocol, ServerSide);

/// What a round fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub new: usize,
    pub known: usize,
    /// It ended by a pause that the server asks for at one letter, while others come.
    pub serves: bool,
}

/// How a round ended.
#[derive(Debug)]
pub(crate) enum End {
    Done,
    /// Done, save for this.
    Partly(Vec<Lack>),
    /// Asked to stop between two batches.
    Stopped,
    Trouble(Trouble),
    /// Another round has the mailbox now: nothing more of this one counts.
    Lost,
}

impl End {
    /// The link is good for the next round.
    pub(crate) fn keeps_link(&self) -> bool {
        matches!(self, End::Done | End::Partly(_))
    }
}

/// Why a part of a round did not do its work.
#[derive(Debug)]
pub(crate) enum Broke {
    /// In this folder, for all that is known.
    Trouble(Trouble),
    /// Whatever the folder is.
    All(Trouble),
    Lost,
}
impl From<Trouble> for Broke {
    fn from(trouble: Trouble) -> Broke {
        Broke::Trouble(trouble)
    }
}
impl From<desk::Error> for Broke {
    fn from(error: desk::Error) -> Broke {
        match &error {
            desk::Error::Failed(cause) if cause.downcast_ref::<LeaseLost>().is_some() => Broke::Lost,
            _ => Broke::All(error.into()),
        }
    }
}

/// One round of a claimed mailbox, settled. The link is reused when it is there and good, and kept when the round
/// was done.
pub(crate) async fn round(
    courier: &Courier,
    claim: &Claim,
    link: &mut Option<Link>,
    stop: &watch::Receiver<bool>,
) -> (Tally, End) {
    let mut tally = Tally::default();
    let end = tokio::select! {
        end = work(courier, claim, link, stop, &mut tally) => end,
        () = hold(courier, claim) => End::Lost,
    };
    if !end.keeps_link() {
        *link = None;
    }
    let end = match settle(courier, claim, tally, &end).await {
        Ok(Some(next_at)) => {
            if let Some(link) = link {
                link.next_at = Some(next_at);
            }
            end
        }
        Ok(None) => End::Lost,
        Err(error) => {
            tracing::warn!(mailbox = claim.mailbox_id, "the round could not be settled: {error}");
            courier.process().leaves_work();
            end
        }
    };
    (tally, end)
}

/// Returns when the lease is lost.
async fn hold(courier: &Courier, claim: &Claim) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let (claim, until) = (claim.clone(), courier.now().saturating_add(LEASE_MS));
        match courier.write_behind(move |tx| mailbox::renew(tx, &claim, until)).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!("a lease could not be renewed: {error}"),
        }
    }
}

async fn work(
    courier: &Courier,
    claim: &Claim,
    link: &mut Option<Link>,
    stop: &watch::Receiver<bool>,
    tally: &mut Tally,
) -> End {
    match folders::walk(courier, claim, link, stop, tally).await {
        Ok(Some(lacks)) if lacks.is_empty() => End::Done,
        Ok(Some(lacks)) => End::Partly(lacks),
        Ok(None) => End::Stopped,
        Err(Broke::Trouble(trouble) | Broke::All(trouble)) => End::Trouble(trouble),
        Err(Broke::Lost) => End::Lost,
    }
}

/// How far reading has come, with the names of what was passed over.
async fn keep_cursor(
    courier: &Courier,
    claim: &Claim,
    cursor: &Cursor,
    names: Vec<Named>,
    link: Option<ListingLink>,
) -> Result<(), Broke> {
    let (claim, cursor, now) = (claim.clone(), cursor.clone(), courier.now());
    let kept = courier.write_behind(move |tx| {
        still_held(tx, &claim, now)?;
        named::remember(tx, claim.mailbox_id, &cursor, &names)?;
        cursor::set(tx, claim.mailbox_id, &cursor)?;
        link.as_ref().map_or(Ok(()), |link| cursor::set_link(tx, claim.mailbox_id, &cursor, link))
    });
    Ok(kept.await?)
}

/// What a round keeps goes with its lease: of one that is lost nothing is kept.
fn still_held(tx: &mut Tx<'_>, claim: &Claim, now: i64) -> desk::Result<()> {
    match mailbox::renew(tx, claim, now.saturating_add(LEASE_MS))? {
        true => Ok(()),
        false => Err(anyhow::Error::from(LeaseLost).into()),
    }
}

/// Fetching stops before the disk is full, while the pages still work, and goes on by itself.
async fn room(courier: &Courier) -> Result<(), Trouble> {
    let Some(shortage) = courier.blocking(Desk::shortage).await? else { return Ok(()) };
    let (reason, remedy) = no_room(&shortage);
    Err(Trouble::new(Class::Configuration, NO_ROOM, reason, remedy))
}
/// What a mailbox is told that is not fetched for want of room: the reason, and what to do. On a full disk this cannot be written
/// down, so who shows a mailbox looks at the room too ([`Desk::shortage`]).
pub fn no_room(shortage: &Shortage) -> (String, &'static str) {
    (
        format!("{shortage}; nothing is fetched and nothing was lost."),
        "Free some space on the disk of the data folder; fetching goes on by itself.",
    )
}
const NO_ROOM: &str = "no_room";
const ASK_AGAIN_MS: i64 = 5 * 60_000;

/// When the next round is due; `None`: the mailbox is another round's.
async fn settle(courier: &Courier, claim: &Claim, tally: Tally, end: &End) -> desk::Result<Option<i64>> {
    let (claim, now) = (claim.clone(), courier.now());
    let id = claim.mailbox_id;
    let read = courier.read(move |tx| {
        let Some(mailbox) = mailbox::find(tx, id)? else { return Ok(None) };
        let balances = balance::of(tx, [&mailbox])?.remove(&id).unwrap_or_default();
        Ok(Some((mailbox, balances)))
    });
    let Some((mailbox, balances)) = read.await? else { return Ok(None) };
    let next_at = now.saturating_add(mailbox.frequency_s.max(1) * 1000);
    let next_at = reconcile::compares_at(&mailbox, &balances, now).map_or(next_at, |at| at.min(next_at));
    let serves = matches!(end, End::Trouble(trouble) if tally.serves && trouble.retry_after_ms.is_some());
    let round = match end {
        End::Done => Round::Done { mail: tally.new > 0, next_at },
        End::Partly(lacks) => {
            let trouble = lacks::summed(lacks);
            lacks::tell(&mailbox, &trouble);
            let needs_person = trouble.needs_person();
            // Those that are put off are asked for more often than a mailbox may be that is seldom looked into.
            let asks_again = lacks.iter().any(|lack| lack.what == What::Letters);
            let next_at = if asks_again { next_at.min(now.saturating_add(ASK_AGAIN_MS)) } else { next_at };
            let Trouble { code, reason, remedy, .. } = trouble;
            Round::Partly { mail: tally.new > 0, next_at, code, reason, remedy, needs_person }
        }
        End::Stopped => Round::Done { mail: tally.new > 0, next_at: now },
        End::Trouble(trouble) => {
            let next_at = match trouble.code.as_str() {
                NO_ROOM => now.saturating_add(RETRY_MS_MIN),
                _ => trouble.next_at(courier, if serves { 0 } else { mailbox.failures }),
            };
            trouble.round(next_at)
        }
        End::Lost => {
            tracing::info!(mailbox = mailbox.address, "another round has taken this mailbox over");
            return Ok(None);
        }
    };
    let troubles: Option<Vec<(String, String)>> = match end {
        End::Done => Some(Vec::new()),
        End::Partly(lacks) => {
            let of_folders = lacks.iter().filter(|lack| lack.what == What::Folder);
            Some(of_folders.map(|lack| (lack.folder.clone(), lack.trouble.whole_reason())).collect())
        }
        End::Stopped | End::Trouble(_) | End::Lost => None,
    };
    let (next_at, is_trouble) = (round.next_at(), matches!(end, End::Trouble(_)));
    let is_ours = courier
        .write(move |tx| {
            if is_trouble {
                mailbox::note_before_end(tx, &claim, tally.new > 0, serves, now)?;
            }
            let is_ours = mailbox::settle(tx, &claim, &round, now)?;
            if let Some(troubles) = troubles.as_ref().filter(|_| is_ours) {
                balance::note_troubles(tx, claim.mailbox_id, troubles)?;
            }
            Ok(is_ours)
        })
        .await?;
    Ok(is_ours.then_some(next_at))
}
