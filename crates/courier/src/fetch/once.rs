//! `postern mailbox fetch`: one round now, in this process or by the one that is at it, until all is filed.
use super::{End, LEASE_MS, round};
use crate::rounds::{Wake, take_over};
use crate::{Courier, file, probe};
use desk::intake::inbox;
use desk::mailboxes::mailbox::{self, Claim};
use std::time::Duration;
use tokio::sync::watch;

/// Another process may be at a long backlog; it is waited for this long.
const WAIT_MAX: Duration = Duration::from_secs(30 * 60);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What others are filing may take this long without progress.
const STUCK_LOOKS_MAX: usize = 300;

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
    pub held_by: Option<String>,
}

/// One round now, until everything that is on the server is filed. What has come is filed while more comes.
pub async fn once(courier: &Courier, mailbox_id: i64) -> desk::Result<Summary> {
    let mailbox = probe::find(courier, mailbox_id).await?;
    take_over(courier).await;
    let mut summary = Summary::default();
    let claim = claim(courier, mailbox_id, &mut summary.held_by).await?;
    let mut tally = file::Counts::default();
    let mut trouble = None;
    if let Some(claim) = claim {
        let (fetched, go_on) = watch::channel(false);
        let fetching = async {
            let mut link = None;
            let ended = round(courier, &claim, &mut link, &go_on).await;
            if let Some(link) = link {
                let _ = link.session.logout().await; // all is done
            }
            fetched.send_replace(true);
            ended
        };
        let stop = fetched.subscribe();
        let ((fetched, end), filed) =
            tokio::join!(fetching, file_meanwhile(courier, mailbox_id, &stop, &mut tally));
        filed?;
        summary.fetched = fetched.new;
        match end {
            End::Done | End::Stopped => {}
            End::Trouble(found) => trouble = Some(found),
            End::Lost => summary.held_by = holder(courier, mailbox_id).await?,
        }
    }
    file_all(courier, mailbox_id, &mut tally).await?;
    (summary.filed, summary.ignored) = (tally.filed, tally.ignored);
    (summary.held, summary.failed) = (tally.held, tally.failed);
    match trouble {
        None => Ok(summary),
        Some(trouble) => Err(anyhow::anyhow!(
            "{} could not be fetched. {} {}",
            mailbox.address,
            trouble.whole_reason(),
            trouble.remedy
        )
        .into()),
    }
}

/// Waits for whoever has it; `None` when that takes too long, or the mailbox was removed.
async fn claim(
    courier: &Courier,
    mailbox_id: i64,
    held_by: &mut Option<String>,
) -> desk::Result<Option<Claim>> {
    let mut waited = Duration::ZERO;
    while waited < WAIT_MAX {
        let (now, node) = (courier.now(), courier.node().to_owned());
        let claimed = courier.write(move |tx| mailbox::claim(tx, mailbox_id, now, LEASE_MS, &node)).await?;
        if claimed.is_some() {
            return Ok(claimed);
        }
        match holder(courier, mailbox_id).await? {
            Some(holder) => *held_by = held_by.take().or(Some(holder)),
            None if waited > Duration::ZERO => return Ok(None), // removed
            None => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
    Ok(None)
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

/// Files, here or by whoever else is filing, until nothing of this mailbox waits for more than its next try.
async fn file_all(courier: &Courier, mailbox_id: i64, tally: &mut file::Counts) -> desk::Result<()> {
    let (_go_on, stop) = watch::channel(false);
    let (mut before, mut looks) = (i64::MAX, 0);
    loop {
        let mut any = false;
        file::drain(courier, &stop, |filed| {
            any = true;
            tally.add(filed.of(mailbox_id));
        })
        .await?;
        let backlog = courier.read(move |tx| inbox::backlog(tx, mailbox_id)).await?;
        if backlog <= tally.put_off {
            return Ok(());
        }
        if !any {
            looks = if backlog < before { 0 } else { looks + 1 };
            before = backlog;
            if looks > STUCK_LOOKS_MAX {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
