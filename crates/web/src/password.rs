//! Passwords as forms bring them. Hashing takes tens of milliseconds, so it is done off the transaction; and
//! wherever one is checked, guessing is slow.
use crate::form::Form;
use crate::{Error, State, Who};
use anyhow::Context as _;
use desk::Result;
use desk::people::agent::{self, Agent};
use desk::people::sign_in::{self, Verdict};
use secrecy::SecretString;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A hash takes 19 MiB and a whole core: of many that are asked for at once, the others wait.
const AT_ONCE: usize = 4;

/// Who hashes in turn. A turn lasts until the work is done, whether or not anybody still waits for it.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);
impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Semaphore::new(AT_ONCE)))
    }
}
impl Turns {
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
        let turn = self.0.clone().acquire_owned().await?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.context("hashing a password ended early")
    }
}

/// The hash of a field; a rule about length refuses.
pub async fn hash(state: &State, form: &Form, field: &str) -> Result<String> {
    let password = form.secret(field).unwrap_or_default();
    let salt = state.courier.random::<16>();
    state.hashing.work(move || agent::hash_password(&password, salt)).await?
}

/// Sets an agent's password from the field `password` and ends every session but `keep`.
pub async fn set(state: &State, who: &Who, id: i64, form: &Form, keep: Option<i64>) -> Result<()> {
    let hash = hash(state, form, "password").await?;
    let by = who.by();
    state.courier.write(move |tx| agent::set_password(tx, &by, id, &hash, keep)).await
}

/// What came of a try.
pub enum Checked {
    Right(Box<Agent>),
    Wrong,
    /// Not looked at: the sentence for the person.
    TooMany(String),
}

/// Whether this is the password of an active agent. A try counts for the account and the address it comes from,
/// on whichever page it is made, and so holds nobody up elsewhere.
pub async fn check(
    state: &State,
    email: &str,
    password: Option<SecretString>,
    address: &str,
    now: i64,
) -> std::result::Result<Checked, Error> {
    if let Verdict::Wait { until } = admitted(state, email, address, now).await? {
        let minutes = ((until - now).max(0) / 60_000) + 1;
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        return Ok(Checked::TooMany(format!("Too many tries. Wait {minutes} {unit}, then try again.")));
    }
    let asked = email.to_owned();
    let found = state.courier.read(move |tx| agent::find_by_email(tx, &asked)).await?;
    let password = password.unwrap_or_default();
    let (agent, hash) = found.map_or((None, None), |(agent, hash)| (Some(agent), hash));
    let right = state.hashing.work(move || agent::check_password(&password, hash.as_deref())).await?;
    let Some(agent) = agent.filter(|agent| right && agent.active) else { return Ok(Checked::Wrong) };
    let (asked, place) = (email.to_owned(), address.to_owned());
    state.courier.write(move |tx| sign_in::succeeded(tx, &asked, &place, now)).await?;
    Ok(Checked::Right(Box::new(agent)))
}

/// Whether this try may be made; one that may is counted as failed before the password is looked at, so that
/// of many that come at once each is judged after the last. The right password takes the count away again.
async fn admitted(state: &State, email: &str, place: &str, now: i64) -> Result<Verdict> {
    let (asked, address) = (email.to_owned(), place.to_owned());
    // Those who wait hold nobody up who writes.
    let verdict = state.courier.read(move |tx| sign_in::judge(tx, &asked, &address, now)).await?;
    if verdict != Verdict::Try {
        return Ok(verdict);
    }
    let (asked, address) = (email.to_owned(), place.to_owned());
    let _turn = state.sign_ins.lock().await;
    let judged = state.courier.write(move |tx| {
        let verdict = sign_in::judge(tx, &asked, &address, now)?;
        if verdict == Verdict::Try {
            sign_in::failed(tx, &asked, &address, now)?;
        }
        Ok(verdict)
    });
    judged.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    #[tokio::test]
    async fn few_are_hashed_at_once_also_when_those_who_asked_have_gone() {
        let (turns, at_work, most) =
            (Turns::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let (turns, at_work, most) = (turns.clone(), at_work.clone(), most.clone());
            tokio::spawn(async move {
                let hash = move || {
                    most.fetch_max(at_work.fetch_add(1, SeqCst) + 1, SeqCst);
                    std::thread::sleep(Duration::from_millis(20));
                    at_work.fetch_sub(1, SeqCst);
                };
                turns.work(hash).await
            })
        };
        for _ in 0..10 {
            let gone = ask();
            tokio::task::yield_now().await;
            gone.abort();
        }
        for asked in (0..20).map(|_| ask()).collect::<Vec<_>>() {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(most.load(SeqCst), AT_ONCE);
    }
}
