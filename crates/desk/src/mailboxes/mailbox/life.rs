//! A mailbox comes, is paused, resumed and removed. What refers to it stays: it is retired, never erased.
use super::{Account, Mailbox, get};
use crate::db::Tx;
use crate::mailboxes::grant;
use crate::site::event::{self, Subject};
use crate::{By, Refusal, Result, params};
use serde_json::json;

/// A new mailbox, not active. The address of one that was removed continues it: tickets, raw mail and cursor are
/// still there. At the account of then reading goes on where it stopped; at another one *Now* is the moment when fetching is
/// switched on again.
pub fn create(tx: &mut Tx<'_>, by: &By, address: &str, name: &str, department_id: i64) -> Result<i64> {
    let (address, key) = checked_address(address)?;
    let name = match name.trim() {
        "" => address.as_str(),
        name => name,
    };
    let there: Option<(i64, Option<i64>)> =
        tx.maybe("SELECT id, removed_at FROM mailbox WHERE address_key = $1", params![&key])?;
    if let Some((id, removed_at)) = there {
        if removed_at.is_none() {
            return Err(Refusal::AddressTaken(address).into());
        }
        tx.execute(
            "UPDATE mailbox SET removed_at = NULL, active = 0, activated_at = NULL, address = $2, name = $3, department_id = $4,
                    state = 'new', state_since = $5, out_state = 'new', out_state_since = $5
             WHERE id = $1",
            params![id, &address, name, department_id, by.at],
        )?;
        event::append(tx, by, Subject::Mailbox(id), "added_again", json!({ "address": address }))?;
        return Ok(id);
    }
    let id = tx.insert(
        "INSERT INTO mailbox (address, address_key, name, department_id, state_since, out_state_since, created_at)
         VALUES ($1, $2, $3, $4, $5, $5, $5) RETURNING id",
        params![&address, &key, name, department_id, by.at],
    )?;
    event::append(tx, by, Subject::Mailbox(id), "created", json!({ "address": address }))?;
    Ok(id)
}

pub fn change_account(tx: &mut Tx<'_>, by: &By, id: i64, account: &Account) -> Result<()> {
    let old = get(tx, id)?;
    let (address, key) = checked_address(&account.address)?;
    let name = match account.name.trim() {
        "" => address.as_str(),
        name => name,
    };
    if key != mail::address::key(&old.address) {
        let taken: Option<(i64,)> =
            tx.maybe("SELECT id FROM mailbox WHERE address_key = $1", params![&key])?;
        if taken.is_some() {
            return Err(Refusal::AddressTaken(address).into());
        }
    }
    let mut changed = serde_json::Map::new();
    for (field, was, is) in [
        ("address", old.address.as_str(), address.as_str()),
        ("name", &old.name, name),
        ("notes", &old.notes, &account.notes),
    ] {
        if was != is {
            changed.insert(field.into(), json!([was, is]));
        }
    }
    if old.department_id != account.department_id {
        changed.insert("department_id".into(), json!([old.department_id, account.department_id]));
    }
    if !changed.is_empty() {
        tx.execute(
            "UPDATE mailbox SET address = $2, address_key = $3, name = $4, department_id = $5, notes = $6
             WHERE id = $1",
            params![id, &address, &key, name, account.department_id, &account.notes],
        )?;
        super::change::moved(tx, by, &old)?;
        event::append(tx, by, Subject::Mailbox(id), "changed", json!({ "fields": changed }))?;
    }
    super::change_shape(tx, by, id, &account.shape)
}

/// Stops fetching; a round that runs loses its lease.
pub fn pause(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let mailbox = get(tx, id)?;
    if !mailbox.active {
        return Ok(());
    }
    tx.execute(
        "UPDATE mailbox SET active = 0, state = 'paused', state_since = $2, reason_code = '', reason = '', remedy = '',
                leased_until = 0, generation = generation + 1
         WHERE id = $1",
        params![id, by.at],
    )?;
    event::append(tx, by, Subject::Mailbox(id), "paused", json!({}))?;
    tx.wake("mailbox");
    Ok(())
}

pub fn resume(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let mailbox = get(tx, id)?;
    if mailbox.active {
        return Ok(());
    }
    super::rules::ready_to_fetch(&mailbox)?;
    super::rules::authorized(&mailbox, super::Side::Incoming)?;
    tx.execute(
        "UPDATE mailbox SET active = 1, state = 'new', state_since = $2, failures = 0, due_at = $2,
                activated_at = COALESCE(activated_at, $2)
         WHERE id = $1",
        params![id, by.at],
    )?;
    super::change::switched_on(tx, by, &mailbox)?;
    event::append(tx, by, Subject::Mailbox(id), "resumed", json!({}))?;
    tx.wake("mailbox");
    Ok(())
}

/// Stops fetching, destroys tokens and passwords; tickets, raw mail and cursor stay. Refused while it has unsent mail.
pub fn remove(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let mailbox = get(tx, id)?;
    if mailbox.removed_at.is_some() {
        return Ok(());
    }
    let (unsent,): (i64,) =
        tx.one("SELECT count(*) FROM outbox WHERE mailbox_id = $1 AND state = 'queued'", params![id])?;
    if unsent > 0 {
        return Err(Refusal::UnsentMail(unsent).into());
    }
    grant::end_of_mailbox(tx, by, id)?;
    tx.execute(
        "UPDATE mailbox SET removed_at = $2, active = 0, out_active = 0, in_password = NULL, out_password = NULL,
                in_grant_id = NULL, out_grant_id = NULL, leased_until = 0, generation = generation + 1
         WHERE id = $1",
        params![id, by.at],
    )?;
    event::append(tx, by, Subject::Mailbox(id), "removed", json!({ "address": mailbox.address }))?;
    tx.wake("mailbox");
    Ok(())
}

/// As written, and the key that it is looked up by.
fn checked_address(address: &str) -> Result<(String, String)> {
    let address = address.trim();
    if !mail::address::is_valid_mailbox(address) {
        return Err(Refusal::BadEmail(address.to_owned()).into());
    }
    Ok((address.to_owned(), mail::address::key(address)))
}

impl Mailbox {
    /// What the tab *Account* holds now.
    pub fn account(&self) -> Account {
        Account {
            address: self.address.clone(),
            name: self.name.clone(),
            department_id: self.department_id,
            notes: self.notes.clone(),
            shape: self.shape.clone(),
        }
    }
}
