//! Mail on hold: while this lasts nothing is fetched, filed, refreshed or sent, and nobody is alerted. A desk that was
//! restored from a backup begins so, because the one that it is a copy of may still answer customers.
use super::event::{self, Subject};
use super::setting;
use crate::db::Tx;
use crate::{By, Result, params};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

const MAIL_HOLD: &str = "mail_hold";

/// Who waits for the beginning and the end of it listens to this.
pub const TOPIC: &str = "mail_hold";

/// Times are milliseconds UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailHold {
    pub since: i64,
    /// When the backup was taken that this desk was restored from.
    pub backup_of: Option<i64>,
}

pub fn find(tx: &mut Tx<'_>) -> Result<Option<MailHold>> {
    let Some(text) = setting::find(tx, MAIL_HOLD)? else { return Ok(None) };
    Ok(Some(
        serde_json::from_str(&text).with_context(|| format!("the setting {MAIL_HOLD} is not understood"))?,
    ))
}

/// `false`: it was on hold already, and stays so for the reason that it was; but that it is a copy is said from now on.
pub fn begin(tx: &mut Tx<'_>, by: &By, backup_of: Option<i64>) -> Result<bool> {
    let before = find(tx)?;
    if before.is_some() && backup_of.is_none() {
        return Ok(false);
    }
    let hold = MailHold { since: by.at, backup_of };
    setting::set(tx, MAIL_HOLD, &serde_json::to_string(&hold).context("invariant: two numbers are JSON")?)?;
    noted(tx, by, "mail_held", json!({ "backup_of": backup_of }))?;
    Ok(before.is_none())
}

/// `false`: it was not on hold.
pub fn release(tx: &mut Tx<'_>, by: &By) -> Result<bool> {
    if tx.execute("DELETE FROM setting WHERE name = $1", params![MAIL_HOLD])? == 0 {
        return Ok(false);
    }
    noted(tx, by, "mail_released", json!({}))?;
    Ok(true)
}

fn noted(tx: &mut Tx<'_>, by: &By, kind: &str, data: serde_json::Value) -> Result<()> {
    event::append(tx, by, Subject::Site, kind, data)?;
    tx.wake(TOPIC);
    Ok(())
}
