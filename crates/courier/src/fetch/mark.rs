//! On the server, after the commit: *Fetched Emails* says whether a fetched message is left, marked, moved or
//! deleted. What could not be done is done at the next round.
use super::copies::{Checked, Checker, Fresh};
use super::graph::Graph;
use super::memory::Place;
use super::pop3::meaning::{Asked, Meant, READ_MAX};
use super::settling::{self, Came, Unsettled};
use super::shelf::Shelf;
use super::{Broke, still_held};
use crate::Courier;
use crate::connect;
use crate::points::{Point, reached};
use crate::trouble::Trouble;
use desk::db::Tx;
use desk::intake::inbox::LeaseLost;
use desk::intake::on_server::{self, OnServer};
use desk::mailboxes::mailbox::{self, Claim, Fetched, Mailbox, Side};
use desk::mailboxes::{deleted_name, named};
use std::collections::{BTreeSet, HashSet};

/// Of these the copies here are read back at one time, as far as they were not stored in this round.
const AT_ONCE: usize = 200;
/// Deleted with one session; the rest goes with the next ones.
const AT_THE_END_MAX: i64 = 100_000;

/// All but these, which are not known to be the letters that were recorded. As long as the mailbox is the round's: who pauses it,
/// or chooses otherwise, has it left as it is from then on. `fresh`: of these the copies here need not be read back.
pub(super) async fn settle(
    courier: &Courier,
    claim: &Claim,
    shelf: &mut Shelf,
    mailbox: &Mailbox,
    uid_validity: u32,
    without: &BTreeSet<u32>,
    fresh: &Fresh,
) -> Result<(), Broke> {
    // Settled with the commit that recorded it, or by the end of the session.
    if mailbox.fetched == Fetched::Nothing || matches!(shelf, Shelf::Pop3(_)) {
        return Ok(());
    }
    let folder = Place::of(mailbox, uid_validity);
    let mut checker = Checker::new(courier, mailbox, &folder, fresh);
    let mut works = false;
    loop {
        let wanted = folder.wanted(courier, claim, mailbox, count(AT_ONCE), without).await?;
        if wanted.uids.is_empty() {
            return Ok(());
        }
        let checked = checker.check(shelf, &wanted.uids).await?;
        if checked.was_long {
            let claim = claim.clone();
            courier.read(move |tx| held(tx, &claim)).await?;
        }
        let may_go_on = checked.end.is_none();
        let mut came = if may_go_on && !checked.whole.is_empty() {
            reached(Point::BeforeTouched);
            let works = works || wanted.knows_refused;
            act(courier, shelf, mailbox, uid_validity, &wanted, &checked.whole, works).await?
        } else {
            Came::default()
        };
        works |= !came.done.is_empty();
        came.take(checked);
        if came.end.is_none() {
            reached(Point::AfterTouched);
        }
        if let Some(trouble) = folder.note(courier, mailbox, &wanted, &came).await? {
            return Err(trouble.into());
        }
        if !came.goes_on() {
            return Ok(());
        }
    }
}

async fn act(
    courier: &Courier,
    shelf: &mut Shelf,
    mailbox: &Mailbox,
    uid_validity: u32,
    wanted: &Wanted,
    uids: &[u32],
    works: bool,
) -> Result<Came, Broke> {
    match shelf {
        Shelf::Imap(session) => {
            Ok(settling::by_imap(session, &mailbox.fetched, uids, &wanted.half, works).await)
        }
        Shelf::Graph(graph) => by_id(courier, graph, mailbox, uid_validity, uids, works).await,
        Shelf::Pop3(_) => Ok(Came::default()),
    }
}

fn held(tx: &mut Tx<'_>, claim: &Claim) -> desk::Result<()> {
    if mailbox::is_held(tx, claim)? { Ok(()) } else { Err(anyhow::Error::from(LeaseLost).into()) }
}

fn count(messages: usize) -> i64 {
    i64::try_from(messages).unwrap_or(i64::MAX)
}

/// Messages that are to be settled.
struct Wanted {
    uids: Vec<u32>,
    /// All that were unsettled, where that is known.
    listed: Option<BTreeSet<u32>>,
    /// Of these, what is copied already and not removed.
    half: BTreeSet<u32>,
    /// The server has refused it to some while it did it to others.
    knows_refused: bool,
}

impl Place {
    /// What this process remembers of it.
    fn remembered<T>(
        &self,
        courier: &Courier,
        mailbox: &Mailbox,
        look: impl FnOnce(&mut Unsettled) -> T,
    ) -> T {
        courier.inside.fetched.unsettled(self, &mailbox.fetched, look)
    }

    /// The lowest, without those that rest.
    async fn wanted(
        &self,
        courier: &Courier,
        claim: &Claim,
        mailbox: &Mailbox,
        at_once: i64,
        without: &BTreeSet<u32>,
    ) -> desk::Result<Wanted> {
        let (resting, half, knows_refused) = self.remembered(courier, mailbox, |unsettled| {
            (unsettled.resting(courier.now()), unsettled.half(), unsettled.knows_refused())
        });
        let left_out = resting.len() + without.len();
        let limit = at_once.saturating_add(count(left_out));
        let (place, claim) = (self.clone(), claim.clone());
        let read = courier.read(move |tx| {
            held(tx, &claim)?;
            on_server::unsettled(tx, place.on_server(), limit)
        });
        let mut uids = read.await?;
        let is_all = count(uids.len()) < limit;
        let listed = is_all.then(|| uids.iter().copied().collect());
        uids.retain(|uid| !resting.contains(uid) && !without.contains(uid));
        Ok(Wanted { uids, listed, half, knows_refused })
    }

    /// What came of it, kept here, and what is to be told of all of them. What is copied is as settled as it can be: to copy
    /// it again would double it.
    async fn note(
        &self,
        courier: &Courier,
        mailbox: &Mailbox,
        wanted: &Wanted,
        came: &Came,
    ) -> desk::Result<Option<Trouble>> {
        let signed_in = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
        let told = |error: &wire::Error| Trouble::of(error, &signed_in);
        self.remembered(courier, mailbox, |unsettled| {
            unsettled.note(came, wanted.listed.as_ref(), courier, told);
        });
        let trouble = came.end.as_ref().map(told);
        let mut refused: Vec<(Vec<u32>, String)> =
            came.refused.iter().map(|(uid, error)| (vec![*uid], told(error).whole_reason())).collect();
        let what_to_do = |trouble: &Trouble| format!("{} {}", trouble.whole_reason(), trouble.remedy);
        refused.extend(came.damaged.iter().map(|(uid, trouble)| (vec![*uid], what_to_do(trouble))));
        if let Some((error, trouble)) = came.end.as_ref().zip(trouble.as_ref())
            && error.kind() == wire::Kind::Rejected
        {
            let known: HashSet<u32> = came.touched().collect();
            let stay = wanted.uids.iter().copied().filter(|uid| !known.contains(uid)).collect();
            refused.push((stay, trouble.whole_reason()));
        }
        let copied: Vec<u32> = came.copied.iter().map(|(uid, _)| *uid).collect();
        let why = came.copied.first().map_or_else(String::new, |(_, error)| told(error).whole_reason());
        let copied_to = match &mailbox.fetched {
            Fetched::Move(folder) => OnServer::Copied(folder.clone()),
            other => OnServer::by(other),
        };
        let mut by_outcome: Vec<(OnServer, Vec<u32>)> = Vec::new();
        for (uid, outcome) in &came.done {
            match by_outcome.iter_mut().find(|(known, _)| known == outcome) {
                Some((_, uids)) => uids.push(*uid),
                None => by_outcome.push((outcome.clone(), vec![*uid])),
            }
        }
        let (folder, now) = (self.clone(), courier.now());
        let noted = courier.write_behind(move |tx| {
            let place = folder.on_server();
            for (outcome, uids) in &by_outcome {
                on_server::settled(tx, place, uids, outcome, now)?;
            }
            on_server::settled_for(tx, place, &copied, &copied_to, &why, now)?;
            refused.iter().try_for_each(|(uids, why)| on_server::refused(tx, place, uids, why))
        });
        noted.await?;
        Ok(trouble)
    }
}

/// A message without an id cannot be found any more.
async fn by_id(
    courier: &Courier,
    graph: &mut Graph,
    mailbox: &Mailbox,
    uid_validity: u32,
    uids: &[u32],
    works: bool,
) -> Result<Came, Broke> {
    let (id, folder, asked) = (mailbox.id, mailbox.folder_or_inbox().to_owned(), uids.to_vec());
    let named = courier.read(move |tx| named::of_uids(tx, id, &folder, uid_validity, &asked)).await?;
    let known: HashSet<u32> = named.iter().map(|named| named.uid).collect();
    let mut came = graph.settle(&mailbox.fetched, &named, works).await;
    let nameless = uids.iter().copied().filter(|uid| !known.contains(uid));
    came.done.extend(nameless.map(|uid| (uid, OnServer::Gone)));
    Ok(came)
}

/// With the end of the session, which is when POP3 deletes. From then on the server may give the names of what is gone to
/// other letters (RFC 1939 §7), also where its answer is lost: they are forgotten before, so that a letter which still
/// bears one is fetched again, and its content says whether it is the one to be deleted. What has come again so is not fetched
/// a third time (`desk::mailboxes::deleted_name`). How many were deleted.
pub(super) async fn settle_at_the_end(
    courier: &Courier,
    claim: &Claim,
    mut shelf: Shelf,
    mailbox: &Mailbox,
    uid_validity: u32,
    fresh: &Fresh,
) -> Result<i64, Broke> {
    if !matches!(shelf, Shelf::Pop3(_)) {
        return Ok(0);
    }
    if mailbox.fetched != Fetched::Delete {
        shelf.close().await;
        return Ok(0);
    }
    let folder = Place::of(mailbox, uid_validity);
    let wanted = folder.wanted(courier, claim, mailbox, AT_THE_END_MAX, &BTreeSet::new()).await?;
    let (mut came, gone) = mark_deleted(courier, claim, &mut shelf, mailbox, &folder, &wanted, fresh).await?;
    let Shelf::Pop3(mut pop3) = shelf else { return Ok(0) };
    came.done.extend(gone.into_iter().map(|uid| (uid, OnServer::Gone)));
    let marked = std::mem::take(&mut came.done);
    if came.end.is_some() || marked.is_empty() {
        // Nothing is deleted, so nothing of it counts: QUIT would delete what is marked, and a link that ends without it does not.
        if pop3.is_ready() && marked.is_empty() {
            Shelf::Pop3(pop3).close().await;
        }
    } else {
        let place = folder.clone();
        let forgotten: Vec<u32> = marked.iter().map(|(uid, _)| *uid).collect();
        let back = std::mem::take(&mut pop3.back);
        let (claim, now) = (claim.clone(), courier.now());
        let forget = courier.write_behind(move |tx| {
            still_held(tx, &claim, now)?;
            let Place { mailbox_id, folder, uid_validity } = &place;
            deleted_name::deleting(tx, *mailbox_id, folder, *uid_validity, &forgotten, &back)
        });
        forget.await?;
        reached(Point::BeforeTouched);
        match pop3.end().await {
            Ok(()) => came.done = marked,
            Err(error) => came.end = Some(error),
        }
        if came.end.is_none() {
            reached(Point::AfterTouched);
        }
    }
    let deleted = came.done.iter().filter(|(_, became)| *became == OnServer::Deleted).count();
    match folder.note(courier, mailbox, &wanted, &came).await? {
        Some(trouble) => Err(trouble.into()),
        None => Ok(count(deleted)),
    }
}

/// What came of it, and what is not there any more. Of a few at a time their names are asked for and the copies here read back, so
/// that the server is not left waiting.
async fn mark_deleted(
    courier: &Courier,
    claim: &Claim,
    shelf: &mut Shelf,
    mailbox: &Mailbox,
    folder: &Place,
    wanted: &Wanted,
    fresh: &Fresh,
) -> desk::Result<(Came, Vec<u32>)> {
    let mut came = Came::default();
    let (there, mut gone) = match &*shelf {
        Shelf::Pop3(pop3) => pop3.there_and_gone(&wanted.uids),
        Shelf::Imap(_) | Shelf::Graph(_) => return Ok((came, Vec::new())),
    };
    let mut checker = Checker::new(courier, mailbox, folder, fresh);
    let mut to_read = READ_MAX;
    for some in there.chunks(AT_ONCE) {
        let Shelf::Pop3(pop3) = &mut *shelf else { break };
        let asked = Asked { courier, place: folder };
        let Meant { same, end } = asked.meant(claim, mailbox, pop3, some, fresh, &mut to_read).await?;
        if end.is_some() {
            came.end = end;
            break;
        }
        let Checked { whole, gone: also, damaged, end, .. } = checker.check(shelf, &same).await?;
        gone.extend(also);
        came.damaged.extend(damaged);
        came.end = end;
        let Shelf::Pop3(pop3) = &mut *shelf else { break };
        if came.end.is_some() || !pop3.mark_deleted(&whole, wanted.knows_refused, &mut came).await {
            break;
        }
    }
    Ok((came.or_none(wanted.knows_refused), gone))
}

/// What is told of single letters, while it is done to the others.
pub(super) fn told(courier: &Courier, mailbox: &Mailbox, uid_validity: u32) -> Vec<Trouble> {
    let (folder, now) = (Place::of(mailbox, uid_validity), courier.now());
    folder.remembered(courier, mailbox, |unsettled| unsettled.told(&folder.folder, now))
}
