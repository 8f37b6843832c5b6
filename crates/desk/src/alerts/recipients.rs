//! Whom alerts are mailed to: addresses that somebody chose, or else every active administrator.
use super::notice;
use crate::db::Tx;
use crate::mailboxes::mailbox;
use crate::people::agent::{self, Role};
use crate::site::event::{self, Subject};
use crate::site::setting;
use crate::{By, Refusal, Result};
use serde_json::json;

const RECIPIENTS: &str = "alert_recipients";
const RECIPIENTS_MAX: usize = 50;

/// As typed; empty: every active administrator.
pub fn chosen(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let stored = setting::find(tx, RECIPIENTS)?.unwrap_or_default();
    Ok(stored.split_whitespace().map(str::to_owned).collect())
}

/// Who that is now. Never a mailbox that is read here: a letter about trouble would become a ticket.
pub fn now(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let chosen = chosen(tx)?;
    let all = if chosen.is_empty() {
        let agents = agent::list(tx)?.into_iter();
        agents.filter(|a| a.active && a.role == Role::Administrator).map(|a| a.email).collect()
    } else {
        chosen
    };
    let own = mailbox::own_addresses(tx)?;
    let outside = |address: &String| !own.contains(&mail::address::key(address));
    Ok(all.into_iter().filter(outside).take(RECIPIENTS_MAX).collect())
}

/// Addresses with commas, semicolons or blanks between them.
pub fn choose(tx: &mut Tx<'_>, by: &By, typed: &str) -> Result<()> {
    let addresses: Vec<&str> =
        typed.split(|c: char| c == ',' || c == ';' || c.is_whitespace()).filter(|a| !a.is_empty()).collect();
    let own = mailbox::own_addresses(tx)?;
    for address in &addresses {
        if !mail::address::is_valid_mailbox(address) {
            return Err(Refusal::BadAddress((*address).to_owned()).into());
        }
        if own.contains(&mail::address::key(address)) {
            let why = format!(
                "{address} is read by Postern itself, so an alert to it would become a ticket. Name an address elsewhere."
            );
            return Err(Refusal::Other(why).into());
        }
    }
    if addresses.len() > RECIPIENTS_MAX {
        return Err(Refusal::Other(format!("Name at most {RECIPIENTS_MAX} addresses.")).into());
    }
    let old = chosen(tx)?;
    if old != addresses {
        notice::try_again(tx)?;
        setting::set(tx, RECIPIENTS, &addresses.join(" "))?;
        event::append(
            tx,
            by,
            Subject::Site,
            "alert_recipients_set",
            json!({ "from": old, "to": addresses }),
        )?;
    }
    Ok(())
}
