//! The rounds begin when mail is released and end when it is put on hold, while the server runs.
use super::{AFTER_FAILURE, start, wake::Wake};
use crate::Courier;
use desk::site::mail_hold;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What another process has said may be missed: the clock looks too.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Runs the rounds for as long as mail is not on hold. Ends as they do after `shutdown` turned true.
pub fn run(courier: Courier, shutdown: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut wake = Wake::on(&courier, mail_hold::TOPIC, &shutdown);
        let mut rounds: Option<(watch::Sender<bool>, JoinHandle<()>)> = None;
        loop {
            let wait = match courier.read(mail_hold::find).await {
                Ok(Some(_)) => {
                    end(rounds.take()).await;
                    LOOK_EVERY
                }
                Ok(None) => {
                    rounds.get_or_insert_with(|| {
                        let (stop, stopping) = watch::channel(false);
                        (stop, start(courier.clone(), stopping))
                    });
                    LOOK_EVERY
                }
                // Whatever they do now, they go on with: before the first answer nothing has begun.
                Err(error) => {
                    tracing::error!("whether mail is on hold could not be read: {error}");
                    AFTER_FAILURE
                }
            };
            if !wake.wait(wait).await {
                return end(rounds.take()).await;
            }
        }
    })
}

async fn end(rounds: Option<(watch::Sender<bool>, JoinHandle<()>)>) {
    if let Some((stop, rounds)) = rounds {
        stop.send_replace(true);
        let _ = rounds.await;
    }
}
