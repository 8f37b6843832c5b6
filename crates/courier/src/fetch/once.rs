//! `postern mailbox fetch`: one round now, in this process or by the one that is at it, until all is filed.
use super::{End, LEASE_MS, round};
use crate::rounds::{Wake, take_over};
use crate::{Courier, file, probe};
use desk::intake::inbox;
use desk::mailboxes::mailbox::{self, Claim, Mailbox};
use std::time::Duration;
use tokio::sync::watch;

const NOTHING: &str = "could not be fetched.";
const PARTLY: &str = "could not be fetched whole.";
/// Of a mailbox that is taken away again and again.
const ROUNDS_MAX: usize = 10;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long others are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// With a round of their own, which may be at a long backlog.
    pub round: Duration,
    /// With what they are filing, without any progress.
    pub filing: Duration,
}
impl Default for Patience {
    fn default() -> Patience {
        Patience { round: Duration::from_secs(30 * 60), filing: Duration::from_secs(60) }
    }
}

/// What `postern mailbox fetch` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages that were not known before.
    pub fetched: usize,
    pub filed: usize,
    pub ignored: usize,
    /// Waits for a person's decision.
    pub held: usize,
    /// Kept in the inbox with a reason.
    pub failed: usize,
    /// Who else was fetching this mailbox when this began.
    pub waited_for: Option<String>,
}

/// One round now, until everything that is on the server is filed. What has come is filed while more comes.
pub async fn once(courier: &Courier, mailbox_id: i64) -> desk::Result<Summary> {
    once_within(courier, mailbox_id, Patience::default()).await
}

/// The same with a patience of one's own. An error when anything was not fetched or is not filed.
pub async fn once_within(courier: &Courier, mailbox_id: i64, patience: Patience) -> desk::Result<Summary> {
    let done = all(courier, mailbox_id, patience).await;
    if done.is_err() {
        // What it could not settle is still in its name, which nobody else could know to be gone.
        courier.process().leaves_work();
    }
    done
}

async fn all(courier: &Courier, mailbox_id: i64, patience: Patience) -> desk::Result<Summary> {
    if let Err(held) = crate::hold::refused(courier, "nothing is fetched").await {
        return Err(desk::Refusal::Other(format!("{} {}", held.reason, held.remedy)).into());
    }
    let mailbox = super::fetching_for(courier, probe::find(courier, mailbox_id).await?).await?;
    let mailbox_id = mailbox.id;
    take_over(courier).await;
    let mut summary = Summary::default();
    let mut tally = file::Counts::default();
    let mut trouble = None;
    let (fetched, go_on) = watch::channel(false);
    let fetching = async {
        let ended = rounds(courier, &mailbox, patience.round, &go_on, &mut summary).await;
        fetched.send_replace(true);
        ended
    };
    let stop = fetched.subscribe();
    let (end, filed) = tokio::join!(fetching, file_meanwhile(courier, mailbox_id, &stop, &mut tally));
    filed?;
    match end? {
        End::Done | End::Stopped | End::Lost => {}
        End::Trouble(found) => trouble = Some((found, NOTHING)),
        // All is here; that it costs a listing each time is told on the mailbox's page.
        End::Partly(lacks) if lacks.iter().all(|lack| lack.what == super::lacks::What::Listing) => {}
        End::Partly(lacks) => trouble = Some((super::lacks::summed(&lacks), PARTLY)),
    }
    let left = file_all(courier, mailbox_id, patience.filing, &mut tally).await?;
    (summary.filed, summary.ignored) = (tally.filed, tally.ignored);
    (summary.held, summary.failed) = (tally.held, tally.failed);
    if let Some((trouble, said)) = trouble {
        let (reason, remedy) = (trouble.whole_reason(), trouble.remedy);
        return Err(anyhow::anyhow!("{} {said} {reason} {remedy}", mailbox.address).into());
    }
    if left > 0 {
        return Err(anyhow::anyhow!(
            "not all that was fetched from {} is filed: {left} still wait, and another process that has them in hand \
             does not go on. Nothing is lost; `postern inbox list --state new` shows them. Try again later.",
            mailbox.address
        )
        .into());
    }
    Ok(summary)
}

/// A round, and another one where somebody has taken the mailbox from it: it was paused, or its settings were changed, and not
/// all that is on the server is known to be fetched.
async fn rounds(
    courier: &Courier,
    mailbox: &Mailbox,
    patience: Duration,
    go_on: &watch::Receiver<bool>,
    summary: &mut Summary,
) -> desk::Result<End> {
    for _ in 0..ROUNDS_MAX {
        let claim = claim(courier, mailbox, patience, &mut summary.waited_for).await?;
        let mut link = None;
        let (fetched, end) = round(courier, &claim, &mut link, go_on).await;
        if let Some(link) = link {
            link.shelf.close().await; // all is done
        }
        summary.fetched += fetched.new;
        if !matches!(end, End::Lost) {
            return Ok(end);
        }
    }
    Err(anyhow::anyhow!(
        "{} was not fetched whole: it was taken from this round {ROUNDS_MAX} times. Look at who changes it, then try again.",
        mailbox.address
    )
    .into())
}

/// Waits for whoever has it.
async fn claim(
    courier: &Courier,
    mailbox: &Mailbox,
    patience: Duration,
    waited_for: &mut Option<String>,
) -> desk::Result<Claim> {
    let mailbox_id = mailbox.id;
    let mut waited = Duration::ZERO;
    loop {
        let (now, node) = (courier.now(), courier.node().to_owned());
        let claimed = courier.write(move |tx| mailbox::claim(tx, mailbox_id, now, LEASE_MS, &node)).await?;
        if let Some(claim) = claimed {
            return Ok(claim);
        }
        match holder(courier, mailbox_id).await? {
            Some(holder) => *waited_for = waited_for.take().or(Some(holder)),
            None if is_removed(courier, mailbox_id).await? => {
                return Err(desk::Refusal::NotFound("mailbox").into());
            }
            None => {} // let go of just now
        }
        if waited >= patience {
            let (address, holder) = (&mailbox.address, waited_for.as_deref().unwrap_or("another process"));
            return Err(anyhow::anyhow!(
                "{address} was not fetched: {holder} is at it, and was waited for in vain. Look at what that process \
                 logs, then try again."
            )
            .into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
}

async fn is_removed(courier: &Courier, mailbox_id: i64) -> desk::Result<bool> {
    let found = courier.read(move |tx| mailbox::find(tx, mailbox_id)).await?;
    Ok(found.is_none_or(|mailbox| mailbox.removed_at.is_some()))
}

async fn holder(courier: &Courier, mailbox_id: i64) -> desk::Result<Option<String>> {
    let now = courier.now();
    courier.read(move |tx| mailbox::holder(tx, mailbox_id, now)).await
}

/// Files what is recorded, batch after batch, until `fetched` says that no more comes.
async fn file_meanwhile(
    courier: &Courier,
    mailbox_id: i64,
    fetched: &watch::Receiver<bool>,
    tally: &mut file::Counts,
) -> desk::Result<()> {
    let mut wake = Wake::on(courier, "inbox", fetched);
    while wake.wait(LOOK_EVERY).await {
        file::drain(courier, fetched, |filed| tally.add(filed.of(mailbox_id))).await?;
    }
    Ok(())
}

/// Files, here or by whoever else is filing, until nothing of this mailbox waits for more than its next try. How
/// much is left when nothing goes on.
async fn file_all(
    courier: &Courier,
    mailbox_id: i64,
    patience: Duration,
    tally: &mut file::Counts,
) -> desk::Result<i64> {
    let (_go_on, stop) = watch::channel(false);
    let (mut before, mut waited) = (i64::MAX, Duration::ZERO);
    loop {
        let mut any = false;
        file::drain(courier, &stop, |filed| {
            any = true;
            tally.add(filed.of(mailbox_id));
        })
        .await?;
        let now = courier.now();
        let backlog = courier.read(move |tx| inbox::backlog(tx, mailbox_id, now)).await?;
        if backlog == 0 {
            return Ok(0);
        }
        if !any {
            waited = if backlog < before { Duration::ZERO } else { waited + LOOK_EVERY };
            before = backlog;
            if waited > patience {
                return Ok(backlog);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
