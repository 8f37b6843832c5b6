//! Passwords as forms bring them. Hashing takes tens of milliseconds, so it is done off the transaction; and
//! wherever one is checked, guessing is slow.
use crate::form::Form;
use crate::{Error, State, Who};
use desk::Result;
use desk::people::agent::{self, Agent};
use desk::people::sign_in::{self, Verdict};
use secrecy::SecretString;

/// The hash of a field; a rule about length refuses.
pub async fn hash(state: &State, form: &Form, field: &str) -> Result<String> {
    let password = form.secret(field).unwrap_or_default();
    let salt = state.courier.random::<16>();
    state.courier.blocking(move |_| agent::hash_password(&password, salt)).await
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
    let right =
        state.courier.blocking(move |_| Ok(agent::check_password(&password, hash.as_deref()))).await?;
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
