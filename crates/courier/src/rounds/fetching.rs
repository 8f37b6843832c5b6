//! The fetching round: mailboxes that are due by the clock, and those whose server says that there is news (IDLE).
//!
//! Each mailbox that is open has a task of its own, which keeps the link between two turns.
use super::{AFTER_FAILURE, wake::Wake};
use crate::Courier;
use crate::fetch::{self, End, LEASE_MS, Link};
use crate::trouble::sentence;
use desk::mailboxes::mailbox::{self, Claim};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use wire::imap::Idle;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Mailboxes whose servers are spoken to at the same time, but for waiting for news. Many, since some of them may be slow to
/// answer, or never do, and keep the others from nothing.
const AT_ONCE: usize = 256;
/// Routers forget quiet links.
const IDLE_FOR: Duration = Duration::from_secs(5 * 60);

/// A link that ends sooner was not worth waiting on.
const LOST_AT_ONCE: Duration = Duration::from_secs(60);

/// A server that ends the waiting sooner has nothing that is worth asking for at once again.
const ENDED_AT_ONCE: Duration = Duration::from_secs(1);

/// After news that brought nothing the next are followed later and later: some servers tell of news without end.
const NEWS_PAUSE_S_MAX: u64 = 60;

/// A claimed mailbox and the right to fetch it now.
type Turn = (Claim, OwnedSemaphorePermit);

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "mailbox", &stop);
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut open: HashMap<i64, mpsc::Sender<Turn>> = HashMap::new();
    let mut tasks = JoinSet::new();
    loop {
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!("fetching a mailbox failed: {error}");
            }
        }
        open.retain(|_, door| !door.is_closed());
        let (due, next_look) = match due(&courier, &permits).await {
            Ok(due) => (due, LOOK_EVERY),
            Err(error) => {
                tracing::error!("due mailboxes could not be looked for: {error}");
                (Vec::new(), AFTER_FAILURE)
            }
        };
        for turn in due {
            let mailbox_id = turn.0.mailbox_id;
            let turn = match open.get(&mailbox_id) {
                None => turn,
                Some(door) => match door.try_send(turn) {
                    Ok(()) => continue,
                    Err(mpsc::error::TrySendError::Closed(turn) | mpsc::error::TrySendError::Full(turn)) => {
                        turn
                    }
                },
            };
            let (door, turns) = mpsc::channel(1);
            if door.try_send(turn).is_ok() {
                open.insert(mailbox_id, door);
                let watcher = Watcher {
                    courier: courier.clone(),
                    mailbox_id,
                    permits: Arc::clone(&permits),
                    stop: stop.clone(),
                    link: None,
                    in_vain: 0,
                    news_at: None,
                    ended_at_once: 0,
                };
                tasks.spawn(watcher.run(turns));
            }
        }
        if !wake.wait(next_look).await {
            break;
        }
    }
    open.clear();
    while tasks.join_next().await.is_some() {}
}

/// As many due mailboxes as may be fetched now.
async fn due(courier: &Courier, permits: &Arc<Semaphore>) -> desk::Result<Vec<Turn>> {
    let mut free = Vec::new();
    while let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        free.push(permit);
    }
    let limit = i64::try_from(free.len()).unwrap_or(0);
    if limit == 0 {
        return Ok(Vec::new());
    }
    let (now, node) = (courier.now(), courier.node().to_owned());
    let claims = courier.write_behind(move |tx| mailbox::claim_due(tx, now, LEASE_MS, &node, limit)).await?;
    Ok(claims.into_iter().zip(free).collect())
}

struct Watcher {
    courier: Courier,
    mailbox_id: i64,
    permits: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
    link: Option<Link>,
    /// How many times in a row there were news, and nothing came of it; and when the last of them were followed.
    in_vain: u32,
    news_at: Option<Instant>,
    /// How many times in a row the server ended the waiting for news as soon as it had begun.
    ended_at_once: u32,
}

impl Watcher {
    async fn run(mut self, mut turns: mpsc::Receiver<Turn>) {
        let mut turn = turns.recv().await;
        while let Some((claim, permit)) = turn.take() {
            let end = self.round(&claim).await;
            drop(permit);
            if !end.keeps_link() {
                break;
            }
            turn = self.next(&mut turns).await;
        }
        if let Some(link) = self.link.take() {
            let _ = tokio::time::timeout(Duration::from_secs(2), link.shelf.close()).await;
        }
        // Handed over while the door was closing: its lease is ours.
        turns.close();
        if let Some((claim, permit)) = turns.recv().await {
            self.round(&claim).await;
            drop(permit);
        }
    }

    async fn round(&mut self, claim: &Claim) -> End {
        let (tally, end) = fetch::round(&self.courier, claim, &mut self.link, &self.stop).await;
        if tally.new + tally.known > 0 {
            self.in_vain = 0;
        }
        if let End::Trouble(trouble) = &end {
            let id = self.mailbox_id;
            let found = self.courier.read(move |tx| mailbox::find(tx, id)).await;
            let address = found.ok().flatten().map_or_else(|| id.to_string(), |mailbox| mailbox.address);
            let why = sentence(&trouble.whole_reason());
            tracing::warn!(mailbox = address, code = trouble.code, "fetch: {why}");
        }
        end
    }

    /// The next turn: by the clock, or by the server's word. `None`: the link is not worth keeping.
    async fn next(&mut self, turns: &mut mpsc::Receiver<Turn>) -> Option<Turn> {
        let mut settings = Wake::on(&self.courier, "mailbox", &self.stop);
        let (mut followed_at, mut listens_at): (Option<Instant>, Option<Instant>) = (None, None);
        loop {
            if *self.stop.borrow() || !self.is_wanted().await {
                return None;
            }
            let link = self.link.as_mut()?;
            let begun = listens_at.map_or_else(Instant::now, |at| at.max(Instant::now()));
            let listens = link.shelf.waits_for_news();
            let news = async {
                match followed_at {
                    Some(at) => {
                        sleep_until(at).await;
                        Ok(Idle::News)
                    }
                    None if listens => {
                        sleep_until(begun).await;
                        link.shelf.news(IDLE_FOR).await
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                turn = turns.recv() => return turn,
                news = news => match news {
                    Ok(Idle::News) => {
                        let may_be = self.news_may_be_followed_at();
                        if followed_at.is_some() || may_be <= Instant::now() {
                            (self.in_vain, self.news_at) = (self.in_vain.saturating_add(1), Some(Instant::now()));
                            return self.claim().await;
                        }
                        followed_at = Some(may_be);
                    }
                    Ok(Idle::Timeout) => {
                        let at_once = begun.elapsed() < ENDED_AT_ONCE;
                        self.ended_at_once = if at_once { self.ended_at_once.saturating_add(1) } else { 0 };
                        listens_at = at_once.then(|| Instant::now() + news_pause(self.ended_at_once));
                    }
                    Err(error) => {
                        tracing::info!(mailbox = self.mailbox_id, "the link was lost while waiting for news: {error}");
                        self.link = None;
                        // One that is lost at once would be lost again: the clock is soon enough.
                        return if begun.elapsed() < LOST_AT_ONCE { None } else { self.claim().await };
                    }
                },
                go_on = settings.wait(IDLE_FOR) => if !go_on {
                    return None;
                },
            }
        }
    }

    /// Not sooner after those before, the more of them were in vain.
    fn news_may_be_followed_at(&mut self) -> Instant {
        let now = Instant::now();
        let Some(last) = self.news_at.filter(|_| self.in_vain > 0) else { return now };
        let pause = news_pause(self.in_vain);
        if now > last + 2 * pause {
            self.in_vain = 0; // it has been quiet
        }
        last + pause
    }

    /// Still fetched, from the server that the link is to.
    async fn is_wanted(&mut self) -> bool {
        let id = self.mailbox_id;
        let found = self.courier.read(move |tx| mailbox::find(tx, id)).await;
        match (found, &self.link) {
            (Ok(Some(mailbox)), Some(link)) => {
                mailbox.active && mailbox.removed_at.is_none() && link.serves(&mailbox)
            }
            (Ok(None), _) | (_, None) => false,
            (Err(_), Some(_)) => true, // the database will be back
        }
    }

    /// A turn of our own; `None` when another node has it.
    async fn claim(&mut self) -> Option<Turn> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let (id, now, node) = (self.mailbox_id, self.courier.now(), self.courier.node().to_owned());
        let claimed = self.courier.write_behind(move |tx| {
            let wanted = mailbox::find(tx, id)?.is_some_and(|mailbox| mailbox.active);
            if wanted { mailbox::claim(tx, id, now, LEASE_MS, &node) } else { Ok(None) }
        });
        match claimed.await {
            Ok(claim) => Some((claim?, permit)),
            Err(error) => {
                tracing::warn!(mailbox = id, "a mailbox with news could not be claimed: {error}");
                None
            }
        }
    }
}

/// 1, 2, 4 … seconds.
fn news_pause(in_vain: u32) -> Duration {
    Duration::from_secs(
        1u64.checked_shl(in_vain.saturating_sub(1)).unwrap_or(u64::MAX).clamp(1, NEWS_PAUSE_S_MAX),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_in_vain_are_followed_later_and_later() {
        let pauses: Vec<u64> = (1..=8).map(|in_vain| news_pause(in_vain).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(news_pause(u32::MAX), Duration::from_secs(60));
    }
}
