//! What a fetched folder holds on its server, set against what is held of it here. Every message that the server lists is
//! held, left there (too large, or not delivered: here is a note of it), older than *Start From* says, or waits for the next
//! round; what is none of these is unaccounted.
use super::listing::{self, Listing};
use super::mailbox::{self, Mailbox};
use super::uid_set::UidSet;
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::site::event::{self, Subject};
use crate::{By, Refusal, Result, params};
use serde_json::json;
use std::collections::BTreeMap;

/// What a person has asked the next round for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Nothing,
    /// To list both and compare.
    Compare,
    /// And to fetch what is unaccounted then.
    Fetch,
}
impl Asked {
    fn word(self) -> &'static str {
        match self {
            Asked::Nothing => "",
            Asked::Compare => "compare",
            Asked::Fetch => "fetch",
        }
    }
    fn from_word(word: &str) -> Asked {
        match word {
            "compare" => Asked::Compare,
            "fetch" => Asked::Fetch,
            _ => Asked::Nothing,
        }
    }
}

/// Every message that the server lists is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub held: i64,
    /// Its bytes are on the server alone.
    pub left: i64,
    /// Than *Start From* says.
    pub older: i64,
    /// For the next round.
    pub waiting: i64,
    pub unaccounted: i64,
}
impl Counts {
    pub fn on_server(&self) -> i64 {
        self.held + self.left + self.older + self.waiting + self.unaccounted
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub folder: String,
    pub uid_validity: u32,
    /// `None`: it was asked for, and not done yet.
    pub compared_at: Option<i64>,
    pub counts: Counts,
    pub unaccounted_since: Option<i64>,
    /// Why messages may be unaccounted; empty while none is.
    pub reason: String,
    pub asked: Asked,
    /// Why its mail does not come in, while that of other folders does; empty: it does.
    pub trouble: String,
    /// Why the last try to count it came to nothing, in a sentence; empty: it did not.
    pub uncounted: String,
    pub uncounted_at: Option<i64>,
    /// What the comparison came from, in the fetcher's words; empty where that cannot be said in short.
    pub standing: String,
    /// Something has come or gone since, and it was too soon to compare again.
    pub is_stale: bool,
}
impl Balance {
    /// *3 messages in the folder INBOX are on the server and not here.* And why.
    pub fn lacks(&self) -> String {
        let messages = match self.counts.unaccounted {
            1 => "1 message in the folder {} is".to_owned(),
            many => format!("{many} messages in the folder {{}} are"),
        };
        format!("{} on the server and not here. {}", messages.replace("{}", &self.folder), self.reason)
    }
}
impl FromRow for Balance {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let asked: &str = row.get(10)?;
        Ok(Balance {
            folder: row.get(1)?,
            uid_validity: row.get(2)?,
            compared_at: row.get(3)?,
            counts: Counts {
                held: row.get(4)?,
                left: row.get(15)?,
                older: row.get(5)?,
                waiting: row.get(6)?,
                unaccounted: row.get(7)?,
            },
            unaccounted_since: row.get(8)?,
            reason: row.get(9)?,
            asked: Asked::from_word(asked),
            trouble: row.get(11)?,
            uncounted: row.get(12)?,
            uncounted_at: row.get(13)?,
            standing: row.get(14)?,
            is_stale: row.get(16)?,
        })
    }
}
const SELECT: &str =
    "SELECT mailbox_id, folder, uid_validity, compared_at, held, older, waiting, unaccounted,
    unaccounted_since, reason, asked, trouble, uncounted, uncounted_at, standing, left_there, is_stale FROM folder_balance WHERE mailbox_id ";

pub fn find(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str) -> Result<Option<Balance>> {
    let mut query = Query::new(SELECT);
    query.push("= ").bind(mailbox_id).push(" AND folder = ").bind(folder);
    Ok(tx.maybe(query.sql(), query.params())?)
}

/// Of the folders that their rounds fetch now, in their order, where there is something to say of them.
pub fn of<'m>(
    tx: &mut Tx<'_>,
    mailboxes: impl IntoIterator<Item = &'m Mailbox>,
) -> Result<BTreeMap<i64, Vec<Balance>>> {
    let mailboxes: BTreeMap<i64, &Mailbox> =
        mailboxes.into_iter().map(|mailbox| (mailbox.id, mailbox)).collect();
    let mut query = Query::new(SELECT);
    query.push("IN ").bind_list(mailboxes.keys().copied());
    query.push(" AND (compared_at IS NOT NULL OR trouble <> '' OR uncounted <> '')");
    let rows: Vec<OfMailbox> = tx.all(query.sql(), query.params())?;
    let mut found: BTreeMap<i64, Vec<Balance>> = BTreeMap::new();
    for OfMailbox { mailbox_id, balance } in rows {
        let Some(mailbox) = mailboxes.get(&mailbox_id) else { continue };
        if mailbox::round_fetches(tx, mailbox, &balance.folder)? {
            found.entry(mailbox_id).or_default().push(balance);
        }
    }
    for (id, balances) in &mut found {
        let place = |balance: &Balance| mailboxes.get(id)?.folders().position(|name| name == balance.folder);
        balances.sort_by_key(|balance| (place(balance).unwrap_or(usize::MAX), balance.folder.clone()));
    }
    Ok(found)
}
struct OfMailbox {
    mailbox_id: i64,
    balance: Balance,
}
impl FromRow for OfMailbox {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(OfMailbox { mailbox_id: row.get(0)?, balance: Balance::from_row(row)? })
    }
}

/// A comparison that is to be kept.
#[derive(Clone, Debug)]
pub struct Compared {
    pub folder: String,
    pub uid_validity: u32,
    pub counts: Counts,
    pub reason: String,
    /// The moment by which messages are older, and which were found to be.
    pub older: Older,
    /// What had been asked for when it began.
    pub asked: Asked,
    /// See [`Balance::standing`].
    pub standing: String,
    /// Where the server tells what changes in it.
    pub listing: Option<Listing>,
}
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Older {
    pub than: Option<i64>,
    pub uids: UidSet,
}

/// It is what had been asked for by then; what somebody has asked for since waits for the next round.
pub fn keep(tx: &mut Tx<'_>, mailbox_id: i64, compared: &Compared, now: i64) -> Result<()> {
    let Compared { folder, uid_validity, counts, reason, older, asked, standing, listing } = compared;
    let before = find(tx, mailbox_id, folder)?;
    let since = before.as_ref().and_then(|balance| balance.unaccounted_since).unwrap_or(now);
    tx.execute(
        "INSERT INTO folder_balance (mailbox_id, folder, uid_validity, compared_at, on_server, held, older, waiting,
             unaccounted, unaccounted_since, reason, older_than, older_uids, standing, left_there)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $15, $16)
         ON CONFLICT (mailbox_id, folder) DO UPDATE SET uid_validity = excluded.uid_validity,
             compared_at = excluded.compared_at, on_server = excluded.on_server, held = excluded.held,
             older = excluded.older, waiting = excluded.waiting, unaccounted = excluded.unaccounted,
             unaccounted_since = excluded.unaccounted_since, reason = excluded.reason,
             asked = CASE WHEN folder_balance.asked = $14 THEN '' ELSE folder_balance.asked END,
             older_than = excluded.older_than, older_uids = excluded.older_uids, standing = excluded.standing,
             left_there = excluded.left_there, is_stale = 0, uncounted = '', uncounted_at = NULL",
        params![
            mailbox_id,
            folder,
            *uid_validity,
            now,
            counts.on_server(),
            counts.held,
            counts.older,
            counts.waiting,
            counts.unaccounted,
            (counts.unaccounted > 0).then_some(since),
            reason,
            older.than,
            older.uids.written(),
            asked.word(),
            standing.as_str(),
            counts.left
        ],
    )?;
    listing::keep(tx, mailbox_id, folder, listing.as_ref())?;
    if before.is_none_or(|before| before.counts != *counts || before.asked != Asked::Nothing) {
        tx.wake("mailbox"); // its page says so
    }
    Ok(())
}

/// It is to be compared again, as soon as that may be.
pub fn note_stale(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str) -> Result<()> {
    tx.execute(
        "UPDATE folder_balance SET is_stale = 1 WHERE mailbox_id = $1 AND folder = $2",
        params![mailbox_id, folder],
    )?;
    Ok(())
}

/// After the last comparison so many of what it counted as held were deleted on the server.
pub fn note_deleted(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, count: i64) -> Result<()> {
    tx.execute(
        "UPDATE folder_balance SET held = CASE WHEN held > $3 THEN held - $3 ELSE 0 END
         WHERE mailbox_id = $1 AND folder = $2",
        params![mailbox_id, folder, count],
    )?;
    Ok(())
}

/// All that the last comparison came from is as it was then, so that another would come to the same.
pub fn note_unchanged(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE folder_balance SET compared_at = $3 WHERE mailbox_id = $1 AND folder = $2",
        params![mailbox_id, folder, now],
    )?;
    Ok(())
}

/// Which were found to be older by this rule, so that their dates need not be asked for again. Nothing under another
/// UIDVALIDITY.
pub fn older(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    than: Option<i64>,
) -> Result<UidSet> {
    let found: Option<(Option<i64>, String)> = tx.maybe(
        "SELECT older_than, older_uids FROM folder_balance
         WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3",
        params![mailbox_id, folder, uid_validity],
    )?;
    let by_this_rule = found.filter(|(kept, _)| *kept == than);
    Ok(by_this_rule.map(|(_, uids)| UidSet::read(&uids)).unwrap_or_default())
}

/// The next round compares, and it is the next thing that happens. For a mailbox that is fetched.
pub fn ask(tx: &mut Tx<'_>, by: &By, mailbox: &Mailbox, asked: Asked) -> Result<()> {
    if !mailbox.active {
        let sentence = "Nothing was asked of the server, because fetching is off: start it first.";
        return Err(Refusal::Other(sentence.to_owned()).into());
    }
    let fetching_id = want(tx, mailbox, asked)?;
    if asked == Asked::Fetch {
        event::append(tx, by, Subject::Mailbox(mailbox.id), "unaccounted_asked", json!({}))?;
    }
    mailbox::hurry(tx, fetching_id, by.at)
}
/// The same for who is about to fetch it: of whichever mailbox the round is that fetches its folders.
pub fn want(tx: &mut Tx<'_>, mailbox: &Mailbox, asked: Asked) -> Result<i64> {
    let (fetching_id, folders) = match mailbox::fetched_by(tx, mailbox)? {
        Some(other) => (other.id, mailbox.folders().map(str::to_owned).collect()),
        None => (mailbox.id, mailbox::folders_of_round(tx, mailbox)?),
    };
    folders.iter().try_for_each(|folder| want_of(tx, fetching_id, folder, asked))?;
    Ok(fetching_id)
}
/// Of one folder.
pub(crate) fn want_of(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, asked: Asked) -> Result<()> {
    tx.execute(
        "INSERT INTO folder_balance (mailbox_id, folder, uid_validity, asked) VALUES ($1, $2, 0, $3)
         ON CONFLICT (mailbox_id, folder) DO UPDATE SET
             asked = CASE WHEN folder_balance.asked = 'fetch' THEN 'fetch' ELSE excluded.asked END",
        params![mailbox_id, folder, asked.word()],
    )?;
    Ok(())
}
/// What was asked for and not done yet is not wanted any more. A round that is at it stops after what it has in hand.
pub fn cancel(tx: &mut Tx<'_>, by: &By, mailbox: &Mailbox) -> Result<()> {
    let fetching_id = mailbox::fetched_by(tx, mailbox)?.map_or(mailbox.id, |other| other.id);
    let ended = tx.execute(
        "UPDATE folder_balance SET asked = '' WHERE mailbox_id = $1 AND asked <> ''",
        params![fetching_id],
    )?;
    if ended > 0 {
        event::append(tx, by, Subject::Mailbox(mailbox.id), "unaccounted_cancelled", json!({}))?;
        tx.wake("mailbox");
    }
    Ok(())
}

/// The server did not list the folder: a note beside what was counted last, for its mail comes in all the same. A
/// comparison that was asked for has come to this; what is to be fetched stays asked for.
pub fn note_uncounted(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    (folder, uid_validity): (&str, u32),
    why: &str,
    now: i64,
) -> Result<()> {
    let before = find(tx, mailbox_id, folder)?;
    tx.execute(
        "INSERT INTO folder_balance (mailbox_id, folder, uid_validity, uncounted, uncounted_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (mailbox_id, folder) DO UPDATE SET uncounted = excluded.uncounted,
             uncounted_at = excluded.uncounted_at,
             asked = CASE WHEN folder_balance.asked = 'fetch' THEN 'fetch' ELSE '' END",
        params![mailbox_id, folder, uid_validity, why, now],
    )?;
    if before.is_none_or(|before| before.uncounted != why || before.asked != Asked::Nothing) {
        tx.wake("mailbox"); // its page says so
    }
    Ok(())
}

/// These are fetched from now on, by a mailbox that fetched others before: what lies there already is old mail. One that was
/// chosen earlier goes on where it stopped.
pub(in crate::mailboxes) fn chosen(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folders: &[&str],
    now: i64,
) -> Result<()> {
    for folder in folders {
        tx.execute(
            "INSERT INTO folder_balance (mailbox_id, folder, uid_validity, chosen_at) VALUES ($1, $2, 0, $3)
             ON CONFLICT (mailbox_id, folder) DO NOTHING",
            params![mailbox_id, *folder, now],
        )?;
    }
    Ok(())
}
/// `None`: when fetching was switched on.
pub fn chosen_at(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str) -> Result<Option<i64>> {
    let found: Option<(Option<i64>,)> = tx.maybe(
        "SELECT chosen_at FROM folder_balance WHERE mailbox_id = $1 AND folder = $2",
        params![mailbox_id, folder],
    )?;
    Ok(found.and_then(|(at,)| at))
}

/// Of which folders mail does not come in, and why; of the mailbox's others it does.
pub fn note_troubles(tx: &mut Tx<'_>, mailbox_id: i64, troubles: &[(String, String)]) -> Result<()> {
    let known: Vec<(String, String)> = tx.all(
        "SELECT folder, trouble FROM folder_balance WHERE mailbox_id = $1 AND trouble <> '' ORDER BY folder LIMIT 1000",
        params![mailbox_id],
    )?;
    for (folder, _) in known.iter().filter(|(folder, _)| !troubles.iter().any(|(name, _)| name == folder)) {
        tx.execute(
            "UPDATE folder_balance SET trouble = '' WHERE mailbox_id = $1 AND folder = $2",
            params![mailbox_id, folder],
        )?;
    }
    for trouble in troubles.iter().filter(|trouble| !known.contains(trouble)) {
        let (folder, why) = trouble;
        tx.execute(
            "INSERT INTO folder_balance (mailbox_id, folder, uid_validity, trouble) VALUES ($1, $2, 0, $3)
             ON CONFLICT (mailbox_id, folder) DO UPDATE SET trouble = excluded.trouble",
            params![mailbox_id, folder, why],
        )?;
    }
    Ok(())
}
/// What came of it.
pub fn fetched(tx: &mut Tx<'_>, mailbox_id: i64, messages: i64, now: i64) -> Result<()> {
    let data = json!({ "messages": messages });
    event::append(tx, &By::system(now), Subject::Mailbox(mailbox_id), "unaccounted_fetched", data)
}

/// Of mailboxes that are fetched: folders with messages that have been unaccounted since then or longer.
pub fn lasting(tx: &mut Tx<'_>, since: i64) -> Result<Vec<(i64, Balance)>> {
    let mut query = Query::new(SELECT);
    query.push("IN (SELECT id FROM mailbox WHERE active = 1 AND removed_at IS NULL)");
    query
        .push(" AND unaccounted > 0 AND unaccounted_since <= ")
        .bind(since)
        .push(" ORDER BY mailbox_id LIMIT 1000");
    let rows: Vec<OfMailbox> = tx.all(query.sql(), query.params())?;
    Ok(rows.into_iter().map(|of| (of.mailbox_id, of.balance)).collect())
}
