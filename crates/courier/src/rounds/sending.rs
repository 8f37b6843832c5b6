//! The sending round: claims what is due and hands it to its mailbox's sender.
use super::{AFTER_FAILURE, wake::Wake};
use crate::Courier;
use crate::send::{self, InHand, Sender, Senders};
use desk::outgoing::outbox::Claim;
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
    let in_hand = InHand::default();
    tokio::select! {
        () = serve(&courier, &stop, &in_hand) => {}
        () = in_hand.keep(&courier) => {}
    }
}

async fn serve(courier: &Courier, stop: &watch::Receiver<bool>, in_hand: &InHand) {
    let mut wake = Wake::on(courier, "outbox", stop);
    let mut lines = Lines {
        courier: courier.clone(),
        stop: stop.clone(),
        senders: Senders::default(),
        in_hand: in_hand.clone(),
        open: HashMap::new(),
        tasks: JoinSet::new(),
    };
    loop {
        let mut next_look = LOOK_EVERY;
        while !*stop.borrow() {
            match send::claim(courier, in_hand).await {
                Ok(claims) if claims.is_empty() => break,
                Ok(claims) => {
                    for claim in claims {
                        lines.hand(claim).await;
                    }
                }
                Err(error) => {
                    tracing::error!("due mail could not be looked for: {error}");
                    next_look = AFTER_FAILURE;
                    break;
                }
            }
        }
        lines.reap();
        if !wake.wait(next_look).await {
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
    in_hand: InHand,
    open: HashMap<i64, mpsc::Sender<Claim>>,
    tasks: JoinSet<()>,
}

impl Lines {
    async fn hand(&mut self, claim: Claim) {
        let mailbox_id = claim.mailbox_id;
        let claim = match self.open.get(&mailbox_id) {
            None => claim,
            Some(line) => match line.try_send(claim) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Closed(claim)) => claim,
                Err(mpsc::error::TrySendError::Full(claim)) => {
                    let next_at = self.courier.now().saturating_add(FULL_MS);
                    send::give_back(&self.courier, &self.in_hand, claim, next_at).await;
                    return;
                }
            },
        };
        let (line, claims) = mpsc::channel(IN_LINE_MAX);
        if line.try_send(claim).is_ok() {
            self.open.insert(mailbox_id, line);
            let sender = Sender::new(&self.courier, mailbox_id, &self.senders, &self.in_hand, &self.stop);
            self.tasks.spawn(sender.run(claims));
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
