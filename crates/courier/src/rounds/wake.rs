//! What a round waits for: a commit that concerns it, the clock, or the end.
use crate::Courier;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;

pub(crate) struct Wake {
    topics: Receiver<String>,
    topic: &'static str,
    stop: watch::Receiver<bool>,
}

impl Wake {
    /// From now on no commit of this topic is missed.
    pub(crate) fn on(courier: &Courier, topic: &'static str, stop: &watch::Receiver<bool>) -> Wake {
        Wake { topics: courier.subscribe(), topic, stop: stop.clone() }
    }

    /// Waits for a commit of the topic, but not longer than `most`; `false`: it is time to end.
    pub(crate) async fn wait(&mut self, most: Duration) -> bool {
        if *self.stop.borrow() {
            return false;
        }
        let clock = tokio::time::sleep(most);
        tokio::pin!(clock);
        loop {
            tokio::select! {
                () = &mut clock => return true,
                changed = self.stop.changed() => {
                    if changed.is_err() || *self.stop.borrow() {
                        return false;
                    }
                }
                heard = self.topics.recv() => match heard {
                    Ok(topic) if topic == self.topic => {
                        self.forget();
                        return true;
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return true, // one of those missed may have been ours
                    Err(RecvError::Closed) => {
                        clock.as_mut().await;
                        return true;
                    }
                },
            }
        }
    }

    /// One look answers for all that was said till now.
    fn forget(&mut self) {
        loop {
            match self.topics.try_recv() {
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}
