//! Letters of the desk's own that belong to no ticket. They say that a machine wrote them, so that no machine answers;
//! what comes back about them opens nothing.
use super::outbox::{self, NewOutbox};
use crate::mailboxes::mailbox::Mailbox;
use crate::{Result, db::Tx, params};
use mail::Address;

/// What an alert's letter is called in its row.
pub const ALERT: &str = "alert";

#[derive(Debug)]
pub struct NewLetter<'a> {
    pub kind: &'static str,
    pub subject: &'a str,
    pub text: &'a str,
    pub recipients: &'a [&'a str],
    /// Fresh: it becomes the Message-ID.
    pub random: [u8; 16],
}

/// Queued to go out through this mailbox. The row's id.
pub(crate) fn place(tx: &mut Tx<'_>, carrier: &Mailbox, new: &NewLetter<'_>, now: i64) -> Result<i64> {
    let domain = carrier.address.rsplit('@').next().unwrap_or_default();
    let message_id = mail::compose::message_id(new.random, domain);
    let row = NewOutbox {
        ticket_id: None,
        entry_id: None,
        mailbox_id: carrier.id,
        message_id: &message_id,
        recipients: new.recipients,
    };
    let outbox_id = outbox::place(tx, &row, now)?;
    tx.execute(
        "INSERT INTO letter (outbox_id, kind, subject, text, at) VALUES ($1, $2, $3, $4, $5)",
        params![outbox_id, new.kind, new.subject, new.text, now],
    )?;
    Ok(outbox_id)
}

/// When the last one of this kind was queued; what was queued in the future was so before the clock was set back.
pub(crate) fn last_at(tx: &mut Tx<'_>, kind: &str, now: i64) -> Result<Option<i64>> {
    let (last,): (Option<i64>,) =
        tx.one("SELECT max(at) FROM letter WHERE kind = $1 AND at <= $2", params![kind, now])?;
    Ok(last)
}

/// The outbox row of the first of these Message-IDs that is one of these letters.
pub(crate) fn find(tx: &mut Tx<'_>, message_ids: &[&String]) -> Result<Option<i64>> {
    for id in message_ids {
        let found: Option<(i64,)> = tx.maybe(
            "SELECT o.id FROM outbox o JOIN letter l ON l.outbox_id = o.id WHERE o.message_id = $1",
            params![*id],
        )?;
        if let Some((id,)) = found {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The draft of such a row; `None`: it belongs to an entry.
pub(super) fn draft(
    tx: &mut Tx<'_>,
    outbox_id: i64,
    mailbox: &Mailbox,
) -> Result<Option<mail::compose::Draft>> {
    let found: Option<(String, String, String, i64)> = tx.maybe(
        "SELECT o.message_id, l.subject, l.text, l.at FROM letter l JOIN outbox o ON o.id = l.outbox_id
         WHERE l.outbox_id = $1",
        params![outbox_id],
    )?;
    let Some((message_id, subject, text, at)) = found else { return Ok(None) };
    let recipients: Vec<(String,)> =
        tx.all("SELECT recipient FROM delivery WHERE outbox_id = $1 ORDER BY id", params![outbox_id])?;
    let address = |(address,): (String,)| Address { name: None, address: Some(address) };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Ok(Some(mail::compose::Draft {
        message_id,
        date_at: at,
        from: Address { name: Some("Postern".to_owned()), address: Some(mailbox.address.clone()) },
        sender: super::material::sender(mailbox),
        reply_to: Vec::new(),
        to: recipients.into_iter().map(address).collect(),
        cc: Vec::new(),
        subject,
        in_reply_to: Vec::new(),
        references: Vec::new(),
        text,
        html: None,
        attachments: Vec::new(),
        // RFC 3834; the second is Exchange's word for the same.
        headers: vec![
            header("Auto-Submitted", "auto-generated"),
            header("X-Auto-Response-Suppress", "OOF, AutoReply"),
        ],
    }))
}

/// A report came back about such a letter: its delivery says so, and nothing else follows.
pub(crate) fn bounced(
    tx: &mut Tx<'_>,
    outbox_id: i64,
    recipient: Option<&str>,
    answer: &str,
    at: i64,
) -> Result<()> {
    let key = recipient.map(mail::address::key);
    tx.execute(
        "UPDATE delivery SET state = 'bounced', answer = $2, at = $3
         WHERE outbox_id = $1 AND state = 'sent' AND (recipient_key = $4 OR $4 IS NULL)",
        params![outbox_id, super::delivery::shorten(answer), at, key],
    )?;
    outbox::settle_state(tx, outbox_id, at)
}
