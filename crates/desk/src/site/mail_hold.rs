//! Mail on hold: while this lasts nothing is fetched, filed, refreshed or sent, and nobody is alerted. A desk that was
//! restored from a backup begins so, because the one that it is a copy of may still answer customers.
//!
//! Whoever claims something to do looks in the same transaction whether mail is on hold: from the commit on that puts it there
//! nothing begins, and what had begun holds a lease until it has ended.
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

/// For who is about to claim something.
pub fn is_on(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(setting::find(tx, MAIL_HOLD)?.is_some())
}

/// What had begun before mail was put on hold, and has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Messages that are being sent, or wait in line for that.
    pub sending: i64,
    /// Mailboxes that are being read.
    pub fetching: i64,
    /// Consents that a token is asked for.
    pub refreshing: i64,
    /// Alerts that are being posted.
    pub posting: i64,
    /// Servers that are being asked to tell of new mail, or to tell no more.
    pub subscribing: i64,
}
impl UnderWay {
    pub fn is_nothing(&self) -> bool {
        *self == UnderWay::default()
    }
}
impl std::fmt::Display for UnderWay {
    /// *1 message is being sent, 2 mailboxes are being read*
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [
            (self.sending, "message is being sent", "messages are being sent"),
            (self.fetching, "mailbox is being read", "mailboxes are being read"),
            (self.refreshing, "token is being asked for", "tokens are being asked for"),
            (self.posting, "alert is being posted", "alerts are being posted"),
            (self.subscribing, "subscription is being changed", "subscriptions are being changed"),
        ];
        let said = all.iter().filter(|(count, ..)| *count > 0).map(|(count, one, many)| {
            if *count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
        });
        f.write_str(&said.collect::<Vec<_>>().join(", "))
    }
}

/// Of all processes. What a process that was killed had begun counts until its lease ends.
pub fn under_way(tx: &mut Tx<'_>, now: i64) -> Result<UnderWay> {
    let (sending, fetching, refreshing, posting, subscribing) = tx.one(
        "SELECT (SELECT count(*) FROM outbox WHERE state = 'queued' AND leased_until > $1),
                (SELECT count(*) FROM mailbox WHERE leased_until > $1),
                (SELECT count(*) FROM consent WHERE leased_until > $1 AND state <> 'pending'),
                (SELECT count(*) FROM notice WHERE state = 'waiting' AND leased_until > $1),
                (SELECT count(*) FROM subscription WHERE leased_until > $1 AND leased_by <> '')",
        params![now],
    )?;
    Ok(UnderWay { sending, fetching, refreshing, posting, subscribing })
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
