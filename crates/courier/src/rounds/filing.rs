//! The filing round: what is due is filed, woken by each batch that was fetched. An index of words that was damaged is made anew
//! here, and filled beside what comes.
use super::wake::Wake;
use crate::{Courier, file};
use desk::alerts::standing;
use desk::tickets::index;
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(5);
const AFTER_FAILURE_S_MAX: u64 = 60;
/// Between two steps of filling the index, so that others write too.
const BETWEEN_STEPS: Duration = Duration::from_millis(20);

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "inbox", &stop);
    let mut failures = 0_u32;
    // What was noted before this process began is not known.
    let mut is_noted = true;
    loop {
        let mut has_filed = false;
        let wait = match file::drain(&courier, &stop, |_| has_filed = true).await {
            Ok(()) => {
                failures = 0;
                if has_filed && is_noted {
                    is_noted = !note(&courier, None).await;
                }
                if has_more_words(&courier).await { BETWEEN_STEPS } else { LOOK_EVERY }
            }
            Err(error) => {
                tracing::error!("filing stopped for a while: {error}");
                is_noted = true;
                note(&courier, Some(error.to_string())).await;
                failures = failures.saturating_add(1);
                Duration::from_secs((1_u64 << failures.min(6)).min(AFTER_FAILURE_S_MAX))
            }
        };
        if failures > 0 {
            // A commit is no reason to hurry what just failed.
            tokio::time::sleep(wait.min(Duration::from_secs(2))).await;
        }
        if !wake.wait(wait).await {
            return;
        }
    }
}

/// For who tells that filing stands; `false`: the database does not take that either.
async fn note(courier: &Courier, why: Option<String>) -> bool {
    let noted = courier.write_behind(move |tx| standing::note(tx, why.as_deref())).await;
    noted.inspect_err(|error| tracing::debug!("how filing goes could not be noted: {error}")).is_ok()
}

/// One step of filling the index of words, where it was made anew; whether there is more to do.
async fn has_more_words(courier: &Courier) -> bool {
    let step = async {
        if courier.desk().db.has_met_damaged_words() {
            tracing::error!("somebody who searched has met a damaged index of words: it is made anew");
            courier.blocking(|desk| Ok(desk.db.renew_words()?)).await?;
        }
        if courier.read(index::missing_before).await?.is_none() {
            return Ok(false);
        }
        let filled = courier.write_behind(index::fill).await?;
        if filled.rest.is_none() {
            tracing::info!("the index of words holds all entries again");
        }
        Ok::<_, desk::Error>(filled.rest.is_some())
    };
    step.await.unwrap_or_else(|error| {
        tracing::error!("the index of words could not be filled: {error}");
        false
    })
}
