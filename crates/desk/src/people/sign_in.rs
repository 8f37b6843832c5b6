//! Throttling of failed sign-ins, per account and per address, so that guessing is slow and nobody can
//! lock out the only administrator.
//!
//! An address that never failed for an account is let through to it even while others are throttled, unless it
//! fails for many accounts; and an address from which the account has signed in lately is never held up for what
//! others did, and for its own failures only for seconds. Every wait has a bound, and what is turned away while
//! it lasts does not lengthen it. IPv6 addresses count by their network of 64 bits, which is what one person has.
use super::agent;
use crate::{Result, db::Tx, params};
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Try,
    /// Not before this time.
    Wait {
        until: i64,
    },
}

/// Failures are remembered for an hour.
const WINDOW_MS: i64 = 60 * 60 * 1000;
/// So often an address may fail for an account before it waits; typing errors are that many.
const FREE: i64 = 5;
/// The same while the account is guessed at from many addresses.
const FREE_UNDER_ATTACK: i64 = 1;
/// So many failures of an account, over all addresses, are an attack.
const ATTACK: i64 = 50;
/// So often an address may fail over all accounts: an office behind one address makes errors too.
const FREE_OF_ADDRESS: i64 = 30;
const FIRST_WAIT_MS: i64 = 2_000;
const WAIT_MS_MAX: i64 = 5 * 60 * 1000;
/// For an address from which the account has signed in within the life of a session.
const KNOWN_WAIT_MS_MAX: i64 = 10_000;

/// RFC 5321 4.5.3.1 allows 64 + 1 + 255.
const ACCOUNT_CHARS_MAX: usize = 320;

/// Before the password is checked, and in the same turn: whoever checks many at once judges each after the last.
pub fn judge(tx: &mut Tx<'_>, email: &str, address: &str, now: i64) -> Result<Verdict> {
    let (key, address) = (account(email), network(address));
    let since = now - WINDOW_MS;
    let (mine, my_last): (i64, i64) = tx.one(
        "SELECT count(*), COALESCE(max(at), 0) FROM sign_in WHERE email_key = $1 AND address = $2 AND at > $3",
        params![&key, &address, since],
    )?;
    if knows(tx, &key, &address)? {
        return Ok(verdict(wait(mine, FREE).min(KNOWN_WAIT_MS_MAX), my_last, now));
    }
    let (of_account,): (i64,) =
        tx.one("SELECT count(*) FROM sign_in WHERE email_key = $1 AND at > $2", params![&key, since])?;
    let free = if of_account >= ATTACK { FREE_UNDER_ATTACK } else { FREE };
    let (of_address, its_last): (i64, i64) = tx.one(
        "SELECT count(*), COALESCE(max(at), 0) FROM sign_in WHERE address = $1 AND at > $2",
        params![&address, since],
    )?;
    let pair = verdict(wait(mine, free), my_last, now);
    let over_all = verdict(wait(of_address, FREE_OF_ADDRESS), its_last, now);
    Ok(match (pair, over_all) {
        (Verdict::Try, other) | (other, Verdict::Try) => other,
        (Verdict::Wait { until: a }, Verdict::Wait { until: b }) => Verdict::Wait { until: a.max(b) },
    })
}

/// Also when there is no such account: who works here is not told by who is throttled.
pub fn failed(tx: &mut Tx<'_>, email: &str, address: &str, now: i64) -> Result<()> {
    tx.execute("DELETE FROM sign_in WHERE at < $1", params![now - WINDOW_MS])?;
    tx.execute(
        "INSERT INTO sign_in (email_key, address, at) VALUES ($1, $2, $3)",
        params![account(email), network(address), now],
    )?;
    Ok(())
}

/// What this address did wrong for this account is forgotten.
pub fn succeeded(tx: &mut Tx<'_>, email: &str, address: &str, now: i64) -> Result<()> {
    tx.execute(
        "DELETE FROM sign_in WHERE (email_key = $1 AND address = $2) OR at < $3",
        params![account(email), network(address), now - WINDOW_MS],
    )?;
    Ok(())
}

/// As it is counted. What is typed may be of any length; no address is longer than this, and no index takes more.
fn account(email: &str) -> String {
    mail::address::key(email).chars().take(ACCOUNT_CHARS_MAX).collect()
}

/// Doubles with each failure, up to a bound.
fn wait(failures: i64, free: i64) -> i64 {
    match failures - free {
        over if over < 0 => 0,
        over => FIRST_WAIT_MS.saturating_mul(1 << over.min(20)).min(WAIT_MS_MAX),
    }
}

fn verdict(wait_ms: i64, last_at: i64, now: i64) -> Verdict {
    let until = last_at.saturating_add(wait_ms);
    // A clock that was set back must not make a wait longer than it is.
    let until = until.min(now.saturating_add(wait_ms));
    if wait_ms > 0 && until > now { Verdict::Wait { until } } else { Verdict::Try }
}

/// Whether this account has, or lately had, a session from there.
fn knows(tx: &mut Tx<'_>, email_key: &str, network_of: &str) -> Result<bool> {
    let Some((agent, _)) = agent::find_by_email(tx, email_key)? else { return Ok(false) };
    let addresses: Vec<(String,)> = tx.all(
        "SELECT address FROM session WHERE agent_id = $1 ORDER BY id DESC LIMIT 100",
        params![agent.id],
    )?;
    Ok(addresses.iter().any(|(address,)| network(address) == network_of))
}

fn network(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        },
        Ok(IpAddr::V4(v4)) => v4.to_string(),
        Err(_) => address.to_owned(),
    }
}
