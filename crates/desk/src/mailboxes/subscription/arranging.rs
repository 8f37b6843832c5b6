//! Which subscriptions there are to be, by what the mailboxes say now.
use super::{State, Subscription, of_mailbox, place};
use crate::db::Tx;
use crate::mailboxes::mailbox::{self, LIST_MAX, Mailbox, Protocol, Side};
use crate::{Result, params};
use url::Url;

/// The mailbox is one whose server can be asked to tell of news: switched on, by Microsoft Graph, and somebody wants it.
pub fn wants(mailbox: &Mailbox) -> bool {
    mailbox.notified && mailbox.active && mailbox.removed_at.is_none() && mailbox.protocol == Protocol::Graph
}

/// What is missing becomes a row that is due, and what is not wanted any more is to be ended: the mailbox or the option is
/// off, the folder, the account, the server or our own address is another. Nothing is asked for before the mailbox has been
/// fetched, as its trouble would only be told twice. `false`: nothing is to be changed.
///
/// With `only_look` nothing is, and the answer is whether something would be.
pub fn arrange(tx: &mut Tx<'_>, to: &Url, now: i64, only_look: bool) -> Result<bool> {
    let ids: Vec<(i64,)> = tx.all(
        "SELECT id FROM mailbox WHERE notified = 1 OR EXISTS (SELECT 1 FROM subscription s WHERE s.mailbox_id = mailbox.id)
         ORDER BY id LIMIT $1",
        params![LIST_MAX],
    )?;
    let mut changes = false;
    for (id,) in ids {
        let mailbox = mailbox::get(tx, id)?;
        let (there, at) = (of_mailbox(tx, id)?, place(&mailbox, to));
        let folders = folders(tx, &mailbox)?;
        let is_wanted = |one: &Subscription| one.place == at && folders.contains(&one.folder);
        let surplus: Vec<&Subscription> =
            there.iter().filter(|one| one.state != State::Ending && !is_wanted(one)).collect();
        let works = mailbox.last_fetch_at.is_some() && mailbox.failures == 0;
        let is_there = |folder: &String| {
            there.iter().any(|one| one.state != State::Ending && one.place == at && one.folder == *folder)
        };
        let missing: Vec<&String> = folders.iter().filter(|folder| works && !is_there(folder)).collect();
        changes |= !surplus.is_empty() || !missing.is_empty();
        if only_look {
            continue;
        }
        for one in surplus {
            end(tx, one, now)?;
        }
        for folder in missing {
            begin(tx, &mailbox, folder, &at, now)?;
        }
    }
    Ok(changes)
}

/// Those of its folders that are not told of already by the mailbox that fetches them for it.
fn folders(tx: &mut Tx<'_>, mailbox: &Mailbox) -> Result<Vec<String>> {
    if !wants(mailbox) {
        return Ok(Vec::new());
    }
    let reader = mailbox::fetched_by(tx, mailbox)?.filter(wants);
    let by_another = |folder: &&str| reader.as_ref().is_some_and(|reader| reader.fetches(folder));
    Ok(mailbox.folders().filter(|folder| !by_another(folder)).map(str::to_owned).collect())
}

fn begin(tx: &mut Tx<'_>, mailbox: &Mailbox, folder: &str, at: &str, now: i64) -> Result<()> {
    let server = &mailbox.incoming;
    tx.execute(
        "INSERT INTO subscription (mailbox_id, folder, place, host, port, security, username, state, due_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'wanted', $8, $8) ON CONFLICT DO NOTHING",
        params![
            mailbox.id,
            folder,
            at,
            &server.host,
            server.port,
            server.security.word(),
            mailbox.user(Side::Incoming),
            now
        ],
    )?;
    Ok(())
}

/// To be ended at the server, where it has one. Whoever is making one sees that it is not wanted any more.
pub(super) fn end(tx: &mut Tx<'_>, one: &Subscription, now: i64) -> Result<()> {
    let deleted =
        tx.execute("DELETE FROM subscription WHERE id = $1 AND server_id IS NULL", params![one.id])?;
    if deleted == 0 {
        tx.execute(
            "UPDATE subscription SET state = 'ending', due_at = $2, failures = 0, reason_code = '', reason = '', remedy = '',
                    leased_until = 0, leased_by = '', generation = generation + 1
             WHERE id = $1 AND state <> 'ending'",
            params![one.id, now],
        )?;
    }
    tx.wake("mailbox");
    Ok(())
}
