//! Passwords as forms bring them. Hashing takes tens of milliseconds, so it is done off the transaction.
use crate::form::Form;
use crate::{State, Who};
use desk::Result;
use desk::people::agent;

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

/// Whether the field `current_password` is this agent's password.
pub async fn is_current(state: &State, who: &Who, form: &Form) -> Result<bool> {
    let email = who.agent().email.clone();
    let found = state.courier.read(move |tx| agent::find_by_email(tx, &email)).await?;
    let hash = found.and_then(|(_, hash)| hash);
    let password = form.secret("current_password").unwrap_or_default();
    state.courier.blocking(move |_| Ok(agent::check_password(&password, hash.as_deref()))).await
}
