//! A key is lost: what it sealed never opens again. It is dropped, so that it can be entered and authorized anew, and
//! for each mailbox it is said what that is. Whatever opens stays.
use super::client::certificate;
use super::grant;
use crate::db::{Db, Tx};
use crate::site::event::{self, Subject};
use crate::site::sealed::{self, Lost, Value};
use crate::site::setting;
use crate::site::vault::Vault;
use crate::{By, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What does not open, and what a person has to do once it is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub values: usize,
    /// By address; those that need nothing are not here.
    pub mailboxes: BTreeMap<String, Again>,
    /// Entered again though no mailbox lives on it just now.
    pub others: BTreeSet<&'static str>,
}
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again {
    pub enter: BTreeSet<&'static str>,
    pub authorize: bool,
}

/// Without a vault, because its key is lost, nothing opens. Changes nothing.
pub fn look(db: &Db, vault: Option<&Vault>) -> Result<Forgotten> {
    let mut found = Forgotten::default();
    each_lost(db, vault, |lost| add(db, &mut found, &lost))?;
    Ok(found)
}

/// Drops it. The database belongs to the key of this vault from then on.
pub fn forget(db: &Db, vault: &Vault, by: &By) -> Result<Forgotten> {
    let mut found = Forgotten::default();
    each_lost(db, Some(vault), |lost| {
        add(db, &mut found, &lost)?;
        db.write(|tx| {
            lost.iter().try_for_each(|value| drop_one(tx, by, value))?;
            let rows: Vec<String> = lost.iter().map(Value::row).collect();
            event::append(tx, by, Subject::Site, "secrets_forgotten", json!({ "rows": rows }))
        })
    })?;
    db.write(|tx| {
        let (before, now) = (setting::find(tx, setting::KEY_FINGERPRINT)?, vault.fingerprint());
        // One of the others of its file is as good: a change of the key has begun.
        if before.as_ref().is_some_and(|before| vault.fingerprints().contains(before)) {
            return Ok(());
        }
        setting::set(tx, setting::KEY_FINGERPRINT, &now)?;
        event::append(tx, by, Subject::Site, "key_forgotten", json!({ "from": before, "to": now }))
    })?;
    Ok(found)
}

fn each_lost(db: &Db, vault: Option<&Vault>, mut f: impl FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
    sealed::each_batch(db, |mut values| {
        values.retain(|value| value.sealed_by(vault).is_err());
        if values.is_empty() { Ok(()) } else { f(values) }
    })
}

fn add(db: &Db, found: &mut Forgotten, lost: &[Value]) -> Result<()> {
    for value in lost {
        found.values += 1;
        let served = db.read(|tx| value.mailboxes(tx))?;
        match value.of.lost {
            Lost::Enter(what) | Lost::MakeAnew(what) if served.is_empty() => {
                found.others.insert(what);
            }
            Lost::Enter(what) | Lost::MakeAnew(what) => served.into_iter().for_each(|address| {
                found.mailboxes.entry(address).or_default().enter.insert(what);
            }),
            Lost::Authorize => served.into_iter().for_each(|address| {
                found.mailboxes.entry(address).or_default().authorize = true;
            }),
            Lost::TryAgain | Lost::Nothing => {}
        }
    }
    Ok(())
}

fn drop_one(tx: &mut Tx<'_>, by: &By, value: &Value) -> Result<()> {
    // Somebody else has put another one there: it stays.
    if !value.drop(tx)? {
        return Ok(());
    }
    match value.of.lost {
        Lost::Authorize => grant::end_lost(tx, by, value.id),
        Lost::TryAgain => {
            let reason = "The key that sealed this try to authorize is lost.";
            grant::fail(tx, by, value.id, "key_forgotten", reason, "Authorize it again.")
        }
        Lost::MakeAnew(_) => certificate::retire_lost(tx, by, value.id),
        Lost::Enter(_) | Lost::Nothing => Ok(()),
    }
}
