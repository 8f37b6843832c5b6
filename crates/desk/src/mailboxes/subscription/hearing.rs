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
        "SELECT server_id, id, mailbox_id, secret_hash, failures, due_at FROM subscription WHERE state = 'active' AND server_id IN ",
    );
    query.bind_list(ids.iter().copied()).push(" LIMIT ").bind(NOTIFICATIONS_MAX as i64);
    let rows: Vec<Known> = tx.all(query.sql(), query.params())?;
    let known: BTreeMap<&str, &Known> = rows.iter().map(|row| (row.0.as_str(), row)).collect();
    let (mut heard, mut meant) = (Heard::default(), BTreeSet::new());
    for notification in notifications {
        let sent = hash(&notification.client_state);
        let row = known.get(notification.server_id.as_str());
        let row = row.filter(|(_, _, _, kept, ..)| bool::from(sent[..].ct_eq(kept)));
        let Some((_, id, mailbox_id, _, failures, due_at)) = row else {
            heard.ignored += 1;
            continue;
        };
        meant.insert(*mailbox_id);
        // What fails is tried later and later all the same.
        let is_done = notification.says == Says::Reauthorize && (*due_at <= now || *failures > 0);
        let meant = if is_done { Says::News } else { notification.says };
        let says = heard.subscriptions.entry(*id).or_insert(meant);
        if rank(meant) > rank(*says) {
            *says = meant;
        }
    }
    if mail_hold::is_on(tx)? {
        return Ok(Heard { ignored: heard.ignored, ..Heard::default() });
    }
    for mailbox_id in meant {
        let reader = reader(tx, mailbox_id)?;
        if is_well(&reader) && mailbox::told(tx, &reader, now, true)? {
            heard.mailboxes.insert(reader.id);
        }
    }
    Ok(heard)
}

/// Its id at the server, id, mailbox, hash of its secret, failures, and when it is due.
type Known = (String, i64, i64, Vec<u8>, i64, i64);

/// What was weighed is done.
pub fn hear(tx: &mut Tx<'_>, heard: &Heard, now: i64) -> Result<()> {
    for (id, says) in &heard.subscriptions {
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
        tx.execute("UPDATE subscription SET told_at = $2 WHERE id = $1", params![*id, now])?;
    }
    for mailbox_id in &heard.mailboxes {
        let mailbox = mailbox::get(tx, *mailbox_id)?;
        mailbox::told(tx, &mailbox, now, false)?;
    }
    tx.wake("mailbox");
    Ok(())
}

/// The mailbox that fetches this one's mail is looked into now.
pub(super) fn hurry(tx: &mut Tx<'_>, mailbox_id: i64, now: i64) -> Result<()> {
    let reader = reader(tx, mailbox_id)?;
    if is_well(&reader) { mailbox::told(tx, &reader, now, false).map(drop) } else { Ok(()) }
}

fn reader(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<Mailbox> {
    let mailbox = mailbox::get(tx, mailbox_id)?;
    Ok(mailbox::fetched_by(tx, &mailbox)?.unwrap_or(mailbox))
}

/// One in trouble keeps its back-off: it would not be mended by being asked more often.
fn is_well(mailbox: &Mailbox) -> bool {
    mailbox.active && mailbox.removed_at.is_none() && mailbox.failures == 0
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
