//! What comes in as a notification, from anybody who knows the address: only one that knows the secret counts, and all that
//! it does is to make its mailbox due, or its subscription.
use super::hash;
use crate::db::{Query, Tx};
use crate::mailboxes::mailbox::{self, Mailbox};
use crate::site::mail_hold;
use crate::{Result, params};
use std::collections::{BTreeMap, BTreeSet};
use subtle::ConstantTimeEq as _;

/// Of one delivery; Graph packs a few into one.
pub const NOTIFICATIONS_MAX: usize = 1_000;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// A message has come.
    News,
    /// Notifications were lost.
    Missed,
    /// It stops unless it is renewed.
    Reauthorize,
    /// The server has ended it.
    Removed,
}

/// As it came.
#[derive(Clone)]
pub struct Notification {
    pub server_id: String,
    pub client_state: String,
    pub says: Says,
}
impl std::fmt::Debug for Notification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notification").field("says", &self.says).finish_non_exhaustive()
    }
}

/// What of it counts.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Of a subscription that is not known here, or without its secret.
    pub ignored: usize,
    /// Mailboxes to look into.
    pub mailboxes: BTreeSet<i64>,
    /// Subscriptions that are worth something, by what is to be done about each.
    subscriptions: BTreeMap<i64, Says>,
}
impl Heard {
    /// Nothing is left to be done: it came to nothing, or it is under way already.
    pub fn is_idle(&self) -> bool {
        self.mailboxes.is_empty()
            && self.subscriptions.values().all(|says| matches!(says, Says::News | Says::Missed))
    }
}

/// Reads, and changes nothing: a flood of what does not count costs one look-up a delivery.
pub fn weigh(tx: &mut Tx<'_>, notifications: &[Notification], now: i64) -> Result<Heard> {
    let notifications = notifications.get(..NOTIFICATIONS_MAX).unwrap_or(notifications);
    let ids: BTreeSet<&str> = notifications
        .iter()
        .map(|notification| notification.server_id.as_str())
        .filter(|id| may_be_an_id(id))
        .collect();
    let mut query = Query::new(
        "SELECT server_id, id, mailbox_id, secret_hash FROM subscription WHERE state = 'active' AND server_id IN ",
    );
    query.bind_list(ids.iter().copied()).push(" LIMIT ").bind(NOTIFICATIONS_MAX as i64);
    let rows: Vec<(String, i64, i64, Vec<u8>)> = tx.all(query.sql(), query.params())?;
    let known: BTreeMap<&str, (i64, i64, &[u8])> = rows
        .iter()
        .map(|(server_id, id, mailbox_id, hash)| (server_id.as_str(), (*id, *mailbox_id, hash.as_slice())))
        .collect();
    let (mut heard, mut meant) = (Heard::default(), BTreeSet::new());
    for notification in notifications {
        let sent = hash(&notification.client_state);
        let row = known.get(notification.server_id.as_str());
        let Some((id, mailbox_id, _)) = row.filter(|(_, _, kept)| bool::from(sent[..].ct_eq(kept))) else {
            heard.ignored += 1;
            continue;
        };
        meant.insert(*mailbox_id);
        let says = heard.subscriptions.entry(*id).or_insert(notification.says);
        if rank(notification.says) > rank(*says) {
            *says = notification.says;
        }
    }
    if mail_hold::is_on(tx)? {
        return Ok(Heard { ignored: heard.ignored, ..Heard::default() });
    }
    for mailbox_id in meant {
        let reader = reader(tx, mailbox_id)?;
        if is_to_hurry(tx, &reader, now)? {
            heard.mailboxes.insert(reader.id);
        }
    }
    Ok(heard)
}

/// What was weighed is done.
pub fn hear(tx: &mut Tx<'_>, heard: &Heard, now: i64) -> Result<()> {
    for (id, says) in &heard.subscriptions {
        tx.execute("UPDATE subscription SET told_at = $2 WHERE id = $1", params![*id, now])?;
        match says {
            Says::News | Says::Missed => {}
            Says::Reauthorize => {
                tx.execute(
                    "UPDATE subscription SET due_at = $2 WHERE id = $1 AND state = 'active' AND due_at > $2",
                    params![*id, now],
                )?;
            }
            Says::Removed => {
                tx.execute(
                    "UPDATE subscription SET state = 'wanted', server_id = NULL, secret_hash = NULL, ends_at = NULL,
                            due_at = $2, leased_until = 0, leased_by = '', generation = generation + 1
                     WHERE id = $1 AND state = 'active'",
                    params![*id, now],
                )?;
            }
        }
    }
    for mailbox_id in &heard.mailboxes {
        mailbox::hurry(tx, *mailbox_id, now)?;
    }
    tx.wake("mailbox");
    Ok(())
}

/// The mailbox that fetches this one's mail is looked into now.
pub(super) fn hurry(tx: &mut Tx<'_>, mailbox_id: i64, now: i64) -> Result<()> {
    let reader = reader(tx, mailbox_id)?;
    if is_to_hurry(tx, &reader, now)? { mailbox::hurry(tx, reader.id, now) } else { Ok(()) }
}

fn reader(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<Mailbox> {
    let mailbox = mailbox::get(tx, mailbox_id)?;
    Ok(mailbox::fetched_by(tx, &mailbox)?.unwrap_or(mailbox))
}

/// It is well and waits for its time, or a round is at it that may be past what has come. One in trouble keeps its
/// back-off: it would not be mended by being asked more often.
fn is_to_hurry(tx: &mut Tx<'_>, mailbox: &Mailbox, now: i64) -> Result<bool> {
    if !mailbox.active || mailbox.removed_at.is_some() || mailbox.failures > 0 {
        return Ok(false);
    }
    let under_way = mailbox::holder(tx, mailbox.id, now)?.is_some();
    Ok(if under_way { mailbox.due_at != 0 } else { mailbox.due_at > now })
}

/// Anything may be sent here, also what no database takes for a text.
fn may_be_an_id(text: &str) -> bool {
    text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Of several about one subscription the weightiest counts.
fn rank(says: Says) -> u8 {
    match says {
        Says::News | Says::Missed => 0,
        Says::Reauthorize => 1,
        Says::Removed => 2,
    }
}
