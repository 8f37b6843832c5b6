//! Takes mail from a server into the inbox: oldest first, each once, and nothing is touched on the server before
//! the commit.
//!
//! A round goes from a claimed mailbox to a settled one: `plan` says what to fetch, `take` gets it from the server
//! while `store` keeps what came before, `mark` does on the server what *Fetched Emails* says.
mod follow;
mod graph;
mod mark;
mod once;
mod plan;
mod reconcile;
mod shelf;
mod store;
mod take;

pub(crate) use follow::fetching_for;
pub use once::{Patience, Summary, once, once_within};
pub(crate) use store::arrival;
pub(crate) use take::too_big;

use crate::Courier;
use crate::connect;
use crate::trouble::{Place, RETRY_MS_MIN, Trouble};
use desk::db::Tx;
use desk::intake::inbox::LeaseLost;
use desk::mailboxes::cursor::{self, Cursor, Link as ListingLink};
use desk::mailboxes::mailbox::{self, Claim, Mailbox, Protocol, Round, ServerSide, Side};
use desk::mailboxes::named::{self, Named};
use mail::explain::Class;
use std::time::Duration;
use tokio::sync::watch;

pub(crate) use shelf::Shelf;
use shelf::{Names, Opened};

/// Renewed while a round works; what a killed process held is free after this.
pub(crate) const LEASE_MS: i64 = 30_000;
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// A larger message is left on the server and recorded with its reason.
pub(crate) const MESSAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Between settling on the server: this many batches.
const BATCHES_PER_LEG: usize = 10;
const BATCH_MAX: usize = 500;

/// A signed-in link to the incoming server, and the settings that it was opened with.
#[derive(Debug)]
pub(crate) struct Link {
    pub shelf: Shelf,
    settings: Settings,
}

impl Link {
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
}

/// How a round ended.
#[derive(Debug)]
pub(crate) enum End {
    Done,
    /// Asked to stop between two batches.
    Stopped,
    Trouble(Trouble),
    /// Another round has the mailbox now: nothing more of this one counts.
    Lost,
}

/// Why a part of a round did not do its work.
#[derive(Debug)]
pub(crate) enum Broke {
    Trouble(Trouble),
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
            _ => Broke::Trouble(error.into()),
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
    if !matches!(end, End::Done) {
        *link = None;
    }
    let end = match settle(courier, claim, tally, &end).await {
        Ok(true) => end,
        Ok(false) => End::Lost,
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
    match fetch(courier, claim, link, stop, tally).await {
        Ok(true) => End::Done,
        Ok(false) => End::Stopped,
        Err(Broke::Trouble(trouble)) => End::Trouble(trouble),
        Err(Broke::Lost) => End::Lost,
    }
}

/// `false`: stopped before the end.
async fn fetch(
    courier: &Courier,
    claim: &Claim,
    link: &mut Option<Link>,
    stop: &watch::Receiver<bool>,
    tally: &mut Tally,
) -> Result<bool, Broke> {
    let mailbox_id = claim.mailbox_id;
    let (mailbox, known, fetched_by) = courier
        .read(move |tx| {
            let mailbox = mailbox::get(tx, mailbox_id)?;
            let known = cursor::find(tx, mailbox_id, mailbox.folder_or_inbox())?;
            let fetched_by = follow::fetched_by(tx, &mailbox)?;
            Ok((mailbox, known, fetched_by))
        })
        .await?;
    if let Some(other) = fetched_by {
        *link = None;
        return follow::health(&mailbox, &other).map_err(Broke::Trouble).map(|()| true);
    }
    room(courier).await?;
    let (mut opened, mut names) = open(courier, &mailbox, link).await?;
    let Some(Link { shelf, .. }) = link else { return Ok(false) };
    let mut work = Work::new(courier, claim, &mailbox).await;
    let mut known = known;
    let cursor = loop {
        let cursor = work.begin(shelf, known, &opened, &mut names).await?;
        let Some(cursor) = work.stretch(shelf, cursor, &mut names, stop, tally).await? else {
            return Ok(false);
        };
        match shelf.go_on(courier, &mailbox).await? {
            Some(more) => (opened, names, known) = (more.0, more.1, Some(cursor)),
            None => break cursor,
        }
    };
    let cursor = match reconcile::run(&mut work, shelf, cursor, stop, tally).await {
        // The link may have gone with what went wrong before, and that is the reason.
        Err(Broke::Trouble(trouble)) => return Err(work.unmarked.unwrap_or(Broke::Trouble(trouble))),
        reconciled => reconciled?,
    };
    if !shelf.stands()
        && let Some(Link { shelf, .. }) = link.take()
    {
        mark::settle_at_the_end(courier, shelf, &mailbox, cursor.uid_validity).await?;
    }
    work.unmarked.map_or(Ok(true), Err)
}

/// A round past the opening.
struct Work<'a> {
    courier: &'a Courier,
    claim: &'a Claim,
    mailbox: &'a Mailbox,
    place: Place,
    rules: plan::Rules,
    /// How many more messages may be passed over.
    spare: usize,
    /// A folder that cannot be moved to is told, but stops no mail from coming in.
    unmarked: Option<Broke>,
}

impl<'a> Work<'a> {
    async fn new(courier: &'a Courier, claim: &'a Claim, mailbox: &'a Mailbox) -> Work<'a> {
        let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
        let rules = plan::Rules::of(mailbox, courier.now());
        Work { courier, claim, mailbox, place, rules, spare: take::SKIPS_MAX, unmarked: None }
    }

    fn said(&self, error: &wire::Error) -> Trouble {
        Trouble::of(error, &self.place)
    }

    /// Where reading stands: known, or begun just now.
    async fn begin(
        &self,
        shelf: &mut Shelf,
        known: Option<Cursor>,
        opened: &Opened,
        names: &mut Names,
    ) -> Result<Cursor, Broke> {
        let known = match known {
            Some(known) if known.uid_validity == opened.uid_validity => {
                let last = opened.uid_next.map_or(0, |next| next.saturating_sub(1));
                let old = if opened.walks { last } else { 0 };
                return Ok(Cursor { start_after_uid: known.start_after_uid.max(old), ..known });
            }
            known => known,
        };
        let (first_sight, folder) = (known.is_none(), self.mailbox.folder_or_inbox());
        let begun = plan::begin(shelf, folder, opened, &self.rules, first_sight).await;
        let begun = begun.map_err(|error| self.said(&error))?;
        keep_cursor(self.courier, self.claim, &begun, names.up_to(begun.uid_last), None).await?;
        Ok(begun)
    }

    /// All that is listed now. `None`: stopped before the end.
    async fn stretch(
        &mut self,
        shelf: &mut Shelf,
        mut cursor: Cursor,
        names: &mut Names,
        stop: &watch::Receiver<bool>,
        tally: &mut Tally,
    ) -> Result<Option<Cursor>, Broke> {
        let uids = plan::uids(shelf, &cursor, &self.rules).await.map_err(|error| self.said(&error))?;
        let mut link = shelf.goes_on().cloned();
        let end = uids.last().copied().unwrap_or(0).max(cursor.uid_last).max(cursor.start_after_uid);
        // What an earlier round left over.
        self.mark(shelf, &cursor).await;
        for leg in uids.chunks(self.batch() * BATCHES_PER_LEG) {
            if *stop.borrow() {
                return Ok(None);
            }
            let is_last = leg.last() == Some(&end);
            let finally = link.take_if(|_| is_last).map(|link| store::Finally { uid: end, link });
            self.leg(shelf, &mut cursor, leg, names, finally, stop, tally).await?;
        }
        if *stop.borrow() {
            return Ok(None);
        }
        if end > cursor.uid_last || link.is_some() {
            // All that was there at first sight is dealt with.
            cursor.uid_last = end;
            keep_cursor(self.courier, self.claim, &cursor, names.up_to(end), link).await?;
        }
        Ok(Some(cursor))
    }

    fn batch(&self) -> usize {
        usize::try_from(self.mailbox.batch).unwrap_or(1).clamp(1, BATCH_MAX)
    }

    /// Fetched, recorded, and settled on the server. The cursor goes as far as the last of them, and never back.
    async fn leg(
        &mut self,
        shelf: &mut Shelf,
        cursor: &mut Cursor,
        uids: &[u32],
        names: &mut Names,
        finally: Option<store::Finally>,
        stop: &watch::Receiver<bool>,
        tally: &mut Tally,
    ) -> Result<(), Broke> {
        room(self.courier).await?;
        let (batch, rules) = (self.batch(), &self.rules);
        let carrier = store::Carrier::new(self.courier, self.claim, self.mailbox, cursor, finally);
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let spare = &mut self.spare;
        let mut taker = take::Taker::new(self.courier, self.mailbox, rules, cursor, batch, spare, names);
        let (taken, stored) =
            tokio::join!(taker.run(shelf, uids, stop, sender), carrier.run(receiver, tally));
        stored?;
        taken?;
        cursor.uid_last = cursor.uid_last.max(uids.last().copied().unwrap_or(0));
        self.mark(shelf, cursor).await;
        Ok(())
    }

    async fn mark(&mut self, shelf: &mut Shelf, cursor: &Cursor) {
        if self.unmarked.is_none() {
            let marked = mark::settle(self.courier, shelf, self.mailbox, cursor.uid_validity).await;
            self.unmarked = marked.err();
        }
    }
}

/// The folder selected, on the link that is there or, when that has died meanwhile, on a new one.
async fn open(
    courier: &Courier,
    mailbox: &Mailbox,
    link: &mut Option<Link>,
) -> Result<(Opened, Names), Broke> {
    if let Some(old) = link
        && old.serves(mailbox)
        && let Ok(selected) = old.shelf.select(courier, mailbox).await
    {
        return Ok(selected);
    }
    let (shelf, opened, names) = Shelf::open(courier, mailbox).await?;
    *link = Some(Link { shelf, settings: settings(mailbox) });
    if !names.gone.is_empty() {
        let (id, folder, gone) = (mailbox.id, mailbox.folder_or_inbox().to_owned(), names.gone.clone());
        let forgotten =
            courier.write_behind(move |tx| named::forget(tx, id, &folder, opened.uid_validity, &gone));
        forgotten.await?;
    }
    Ok((opened, names))
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
    let Some(shortage) = courier.blocking(|desk| desk.store.shortage()).await? else { return Ok(()) };
    let reason = format!("{shortage}; nothing is fetched and nothing was lost.");
    let remedy = "Free some space on the disk of the data folder; fetching goes on by itself.";
    Err(Trouble::new(Class::Configuration, NO_ROOM, reason, remedy))
}
const NO_ROOM: &str = "no_room";

async fn settle(courier: &Courier, claim: &Claim, tally: Tally, end: &End) -> desk::Result<bool> {
    let (claim, now) = (claim.clone(), courier.now());
    let id = claim.mailbox_id;
    let Some(mailbox) = courier.read(move |tx| mailbox::find(tx, id)).await? else { return Ok(false) };
    let round = match end {
        End::Done => Round::Done {
            mail: tally.new > 0,
            next_at: now.saturating_add(mailbox.frequency_s.max(1) * 1000),
        },
        End::Stopped => Round::Done { mail: tally.new > 0, next_at: now },
        End::Trouble(trouble) => {
            let next_at = match trouble.code.as_str() {
                NO_ROOM => now.saturating_add(RETRY_MS_MIN),
                _ => trouble.next_at(courier, mailbox.failures),
            };
            trouble.round(next_at)
        }
        End::Lost => {
            tracing::info!(mailbox = mailbox.address, "another round has taken this mailbox over");
            return Ok(false);
        }
    };
    courier.write(move |tx| mailbox::settle(tx, &claim, &round, now)).await
}
