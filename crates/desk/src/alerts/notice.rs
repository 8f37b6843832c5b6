//! A notice: one alert told on one occasion by one way. Letters are handed to the outbox; what is posted waits here for
//! the courier, with an end to its tries.
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::site::mail_hold;
use crate::{Result, params};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Mail,
    Webhook,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    Begun,
    Again,
    Ended,
    Test,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    /// In the outbox, or taken by the other side.
    Told,
    Failed,
    /// It was over before it could be told.
    Dropped,
}
macro_rules! words {
    ($type:ty, $($variant:ident = $word:literal),+) => {
        impl $type {
            pub fn word(self) -> &'static str {
                match self { $(<$type>::$variant => $word),+ }
            }
            fn read(word: &str) -> Result<Self, db::Error> {
                match word {
                    $($word => Ok(<$type>::$variant),)+
                    _ => Err(db::Error::Decode(format!("{word} of a notice is not known"))),
                }
            }
        }
    };
}
words!(Channel, Mail = "mail", Webhook = "webhook");
words!(Occasion, Begun = "begun", Again = "again", Ended = "ended", Test = "test");
words!(State, Waiting = "waiting", Told = "told", Failed = "failed", Dropped = "dropped");

/// A post is tried this often: after 1, 2, 4, … minutes, two hours in all.
pub const ATTEMPTS_MAX: i64 = 8;
/// What could not be told within a day is told by the reminder of that day, or not at all.
pub const LIFE_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) fn place(
    tx: &mut Tx<'_>,
    alert_id: Option<i64>,
    occasion: Occasion,
    number: i64,
    channel: Channel,
    (headline, body): (&str, &str),
    now: i64,
) -> Result<()> {
    tx.execute(
        "INSERT INTO notice (alert_id, occasion, number, channel, body, state, due_at, created_at, headline)
         VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $6, $7)
         ON CONFLICT (alert_id, occasion, number, channel) DO NOTHING",
        params![alert_id, occasion.word(), number, channel.word(), body, now, headline],
    )?;
    tx.wake("notice");
    Ok(())
}
/// Tests are told at most once in so many milliseconds: each reaches many people.
const TEST_MS_MIN: i64 = 30_000;

pub(super) fn not_again_so_soon(tx: &mut Tx<'_>, channel: Channel, now: i64) -> Result<()> {
    let (soon,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM notice WHERE occasion = $1 AND channel = $2 AND created_at > $3 AND created_at <= $4)",
        params![Occasion::Test.word(), channel.word(), now.saturating_sub(TEST_MS_MIN), now],
    )?;
    if soon {
        let sentence = "A test was sent within the last half minute. Wait a little, and send another one.";
        return Err(crate::Refusal::Other(sentence.to_owned()).into());
    }
    Ok(())
}

/// A test by mail, whose letter is in the outbox already. Its id.
pub(super) fn test_written(tx: &mut Tx<'_>, outbox_id: i64, now: i64) -> Result<i64> {
    let id = tx.insert(
        "INSERT INTO notice (occasion, number, channel, body, state, attempts, outbox_id, due_at, created_at, settled_at)
         VALUES ($1, 0, $2, '', 'told', 1, $3, $4, $4, $4) RETURNING id",
        params![Occasion::Test.word(), Channel::Mail.word(), outbox_id, now],
    )?;
    Ok(id)
}
/// By which ways an alert was told.
pub(super) fn channels_told(tx: &mut Tx<'_>, alert_id: i64) -> Result<Vec<Channel>> {
    let rows: Vec<(String,)> = tx.all(
        "SELECT DISTINCT channel FROM notice WHERE alert_id = $1 AND state = 'told' LIMIT 9",
        params![alert_id],
    )?;
    Ok(rows.iter().map(|(word,)| Channel::read(word)).collect::<Result<_, _>>()?)
}
pub(super) fn drop_waiting(tx: &mut Tx<'_>, alert_id: i64, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE notice SET state = 'dropped', settled_at = $2, generation = generation + 1
         WHERE alert_id = $1 AND state = 'waiting'",
        params![alert_id, now],
    )?;
    Ok(())
}

/// A post that was claimed; its attempt is counted.
#[derive(Clone, Debug)]
pub struct Claim {
    pub id: i64,
    pub generation: i64,
    pub attempts: i64,
    /// What is sent.
    pub body: String,
}
impl FromRow for Claim {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Claim { id: row.get(0)?, generation: row.get(1)?, attempts: row.get(2)?, body: row.get(3)? })
    }
}
/// Leases posts that are due.
pub fn claim_posts(tx: &mut Tx<'_>, now: i64, lease_ms: i64, owner: &str, limit: i64) -> Result<Vec<Claim>> {
    if mail_hold::is_on(tx)? {
        return Ok(Vec::new());
    }
    let mut claims: Vec<Claim> = tx.all(
        "UPDATE notice SET leased_until = $1, leased_by = $2, generation = generation + 1, attempts = attempts + 1
         WHERE id IN (SELECT id FROM notice WHERE state = 'waiting' AND channel = 'webhook' AND due_at <= $3
                          AND leased_until <= $3 ORDER BY due_at, id LIMIT $4)
           AND state = 'waiting' AND channel = 'webhook' AND due_at <= $3 AND leased_until <= $3
         RETURNING id, generation, attempts, body",
        params![now.saturating_add(lease_ms), owner, now, limit],
    )?;
    claims.sort_by_key(|claim| claim.id);
    Ok(claims)
}
/// How a post ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Told,
    /// Tried again then, unless its tries are used up.
    Retry {
        next_at: i64,
    },
    Failed,
}
/// `false`: too late, dropped.
pub fn settle(tx: &mut Tx<'_>, claim: &Claim, outcome: &Outcome, answer: &str, now: i64) -> Result<bool> {
    let (state, next_at) = match outcome {
        Outcome::Told => (State::Told, now),
        Outcome::Retry { next_at } if claim.attempts < ATTEMPTS_MAX => (State::Waiting, *next_at),
        Outcome::Retry { .. } | Outcome::Failed => (State::Failed, now),
    };
    let answer: String = answer.chars().take(500).collect();
    let settled_at = (state != State::Waiting).then_some(now);
    let settled = tx.execute(
        "UPDATE notice SET state = $3, answer = $4, due_at = $5, leased_until = 0, leased_by = '',
             settled_at = $6
         WHERE id = $1 AND generation = $2 AND state = 'waiting'",
        params![claim.id, claim.generation, state.word(), answer, next_at, settled_at],
    )?;
    tx.wake("mailbox");
    Ok(settled == 1)
}

/// A letter that waits to be written: not about what seems to be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwritten {
    pub id: i64,
    pub alert_id: i64,
    pub occasion: Occasion,
    pub created_at: i64,
}
pub(super) fn unwritten(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Unwritten>> {
    let rows: Vec<(i64, i64, String, i64)> = tx.all(
        "SELECT n.id, n.alert_id, n.occasion, n.created_at FROM notice n JOIN alert a ON a.id = n.alert_id
         WHERE n.state = 'waiting' AND n.channel = 'mail' AND (n.occasion = 'ended' OR a.gone_at IS NULL)
         ORDER BY n.id LIMIT $1",
        params![limit],
    )?;
    let read = |(id, alert_id, occasion, created_at): (i64, i64, String, i64)| {
        Ok(Unwritten { id, alert_id, occasion: Occasion::read(&occasion)?, created_at })
    };
    Ok(rows.into_iter().map(read).collect::<Result<_, db::Error>>()?)
}
/// In the outbox from now on.
pub(super) fn written(tx: &mut Tx<'_>, ids: &[i64], outbox_id: i64, now: i64) -> Result<()> {
    let mut query =
        Query::new("UPDATE notice SET state = 'told', answer = '', attempts = attempts + 1, outbox_id = ");
    query.bind(outbox_id).push(", settled_at = ").bind(now).push(" WHERE state = 'waiting' AND id IN ");
    query.bind_list(ids.iter().copied());
    tx.execute(query.sql(), query.params())?;
    Ok(())
}
/// Why those that wait are not written.
pub(super) fn not_written(tx: &mut Tx<'_>, why: &str) -> Result<()> {
    tx.execute(
        "UPDATE notice SET answer = $1 WHERE state = 'waiting' AND channel = 'mail' AND answer <> $1",
        params![why],
    )?;
    Ok(())
}
/// What waited for too long is given up, and what is over is not told.
pub(super) fn give_up(tx: &mut Tx<'_>, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE notice SET state = 'failed', settled_at = $1
         WHERE state = 'waiting' AND channel = 'mail' AND created_at <= $2",
        params![now, now - LIFE_MS],
    )?;
    Ok(())
}
pub(super) fn any_too_old(tx: &mut Tx<'_>, now: i64) -> Result<bool> {
    let (any,): (bool,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM notice WHERE state = 'waiting' AND channel = 'mail' AND created_at <= $1)",
        params![now - LIFE_MS],
    )?;
    Ok(any)
}
/// Letters whose outbox row came to nothing, or waits for a mailbox that broke meanwhile: notice, outbox row, its
/// mailbox, and whether it still waits.
pub(super) fn stranded(tx: &mut Tx<'_>, now: i64) -> Result<Vec<(i64, i64, i64, bool)>> {
    Ok(tx.all(
        "SELECT n.id, o.id, o.mailbox_id, CASE WHEN o.state = 'queued' THEN 1 ELSE 0 END
         FROM notice n JOIN outbox o ON o.id = n.outbox_id
         WHERE n.channel = 'mail' AND n.state = 'told' AND n.alert_id IS NOT NULL AND n.created_at > $1
           AND n.attempts < 5 AND o.unsure = 0 AND o.leased_until <= $2 AND o.state IN ('queued', 'failed')
         ORDER BY n.id LIMIT 200",
        params![now - LIFE_MS, now],
    )?)
}
pub(super) fn write_again(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.execute(
        "UPDATE notice SET state = 'waiting', outbox_id = NULL, settled_at = NULL WHERE id = $1",
        params![id],
    )?;
    Ok(())
}

/// What was told, as people look at it.
#[derive(Clone, Debug)]
pub struct Notice {
    pub id: i64,
    pub channel: Channel,
    pub occasion: Occasion,
    pub state: State,
    pub attempts: i64,
    pub answer: String,
    pub created_at: i64,
    pub settled_at: Option<i64>,
    /// When it is tried again.
    pub due_at: i64,
    pub alert_id: Option<i64>,
    /// What it said, whatever has become of the matter since; empty for a test, and for what was told before this was kept.
    pub headline: String,
    /// Of a letter: the mailbox it goes out through, and what became of it.
    pub carrier: Option<String>,
    pub sending: Option<String>,
    pub sending_error: Option<String>,
}
impl FromRow for Notice {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        Ok(Notice {
            id: c.take()?,
            channel: Channel::read(c.take()?)?,
            occasion: Occasion::read(c.take()?)?,
            state: State::read(c.take()?)?,
            attempts: c.take()?,
            answer: c.take()?,
            created_at: c.take()?,
            settled_at: c.take()?,
            due_at: c.take()?,
            alert_id: c.take()?,
            headline: c.take()?,
            carrier: c.take()?,
            sending: c.take()?,
            sending_error: c.take()?,
        })
    }
}
/// The newest first.
pub fn list(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Notice>> {
    Ok(tx.all(
        "SELECT n.id, n.channel, n.occasion, n.state, n.attempts, n.answer, n.created_at, n.settled_at, n.due_at,
                n.alert_id, n.headline, m.address, o.state, o.last_error
         FROM notice n LEFT JOIN outbox o ON o.id = n.outbox_id LEFT JOIN mailbox m ON m.id = o.mailbox_id
         ORDER BY n.id DESC LIMIT $1",
        params![limit],
    )?)
}
/// Somebody else is to be told: why letters waited till now is no answer any more.
pub(super) fn try_again(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute(
        "UPDATE notice SET answer = '' WHERE state = 'waiting' AND channel = 'mail' AND answer <> ''",
        params![],
    )?;
    tx.wake("notice");
    Ok(())
}
/// Why letters about alerts wait, if any does: no mailbox could carry them. One about what is over is nobody's trouble any more.
pub fn why_unsent(tx: &mut Tx<'_>) -> Result<Option<String>> {
    let why: Option<(String,)> = tx.maybe(
        "SELECT answer FROM notice WHERE state = 'waiting' AND channel = 'mail' AND answer <> ''
             AND NOT EXISTS (SELECT 1 FROM alert WHERE id = notice.alert_id AND gone_at IS NOT NULL)
         ORDER BY id LIMIT 1",
        params![],
    )?;
    Ok(why.map(|(why,)| why))
}
