//! The sending round: claims what is due and hands it to its mailbox's sender.
use super::wake::Wake;
use crate::Courier;
use crate::send::{self, Job, Sender, Senders};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Messages in line for one mailbox; more wait in the outbox.
const IN_LINE_MAX: usize = 50;
/// What found the line full is looked at again after this.
const FULL_MS: i64 = 2 * 60_000;

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "outbox", &stop);
    let mut lines = Lines {
        courier: courier.clone(),
        stop: stop.clone(),
        senders: Senders::default(),
        open: HashMap::new(),
        tasks: JoinSet::new(),
    };
    loop {
        while !*stop.borrow() {
            match send::claim(&courier).await {
                Ok(jobs) if jobs.is_empty() => break,
                Ok(jobs) => {
                    for job in jobs {
                        lines.hand(job).await;
                    }
                }
                Err(error) => {
                    tracing::error!("due mail could not be looked for: {error}");
                    break;
                }
            }
        }
        lines.reap();
        if !wake.wait(LOOK_EVERY).await {
            break;
        }
    }
    lines.open.clear();
    while lines.tasks.join_next().await.is_some() {}
}

struct Lines {
    courier: Courier,
    stop: watch::Receiver<bool>,
    senders: Senders,
    open: HashMap<i64, mpsc::Sender<Job>>,
    tasks: JoinSet<()>,
}

impl Lines {
    async fn hand(&mut self, job: Job) {
        let mailbox_id = job.claim.mailbox_id;
        let job = match self.open.get(&mailbox_id) {
            None => job,
            Some(line) => match line.try_send(job) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Closed(job)) => job,
                Err(mpsc::error::TrySendError::Full(job)) => {
                    let next_at = self.courier.now().saturating_add(FULL_MS);
                    send::give_back(&self.courier, &job, next_at).await;
                    return;
                }
            },
        };
        let (line, jobs) = mpsc::channel(IN_LINE_MAX);
        if line.try_send(job).is_ok() {
            self.open.insert(mailbox_id, line);
            self.tasks.spawn(Sender::new(&self.courier, mailbox_id, &self.senders, &self.stop).run(jobs));
        }
    }

    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!("sending for a mailbox failed: {error}");
            }
        }
        self.open.retain(|_, line| !line.is_closed());
    }
}
