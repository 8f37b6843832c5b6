//! One look at everything that may need a person: alerts begin, are told again after a day, and end, and what is to be
//! told is written down in the same transaction. So each is told once by each way, whoever looks, and whenever a look is
//! broken off.
use super::alert::{self, Alert, Fact, Kind};
use super::notice::{self, Channel, Occasion};
use super::{condition, telling, webhook};
use crate::db::Tx;
use crate::mailboxes::mailbox::{self, Side, State};
use crate::mailboxes::usual;
use crate::site::event::{self, Subject};
use crate::{By, Result};
use serde_json::json;
use std::collections::BTreeMap;

pub use super::telling::Asked;

/// What lasts is told again after this.
pub const AGAIN_MS: i64 = 24 * 60 * 60 * 1000;
/// Well for this long is well again: what comes and goes every minute is one matter.
pub const WELL_MS: i64 = 10 * 60 * 1000;

/// What a look has found new, for the log: the headline, and what the other side's answer is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub occasion: Occasion,
    pub headline: String,
    pub code: String,
}

pub fn look(tx: &mut Tx<'_>, asked: &Asked, now: i64) -> Result<Vec<Told>> {
    usual::learn_all(tx, now)?;
    let mut open = open_by_subject(tx)?;
    let facts = condition::current(tx, &open, now)?;
    let mut teller = Teller { asked, posts: webhook::find(tx)?.is_some(), now, told: Vec::new() };
    let mut changed = false;
    for fact in &facts {
        changed |= match open.remove(&fact.subject) {
            None => teller.begins(tx, fact)?,
            Some(alert) => teller.lasts(tx, &alert, fact)?,
        };
    }
    for alert in open.values() {
        changed |= teller.is_gone(tx, alert)?;
    }
    telling::send_mail(tx, asked, &facts, now)?;
    if changed {
        tx.wake("mailbox");
    }
    Ok(teller.told)
}

/// Whether a look now would change anything: a read tells, and most looks find nothing. It says yes rather too often: what
/// no mailbox can carry is looked at in vain.
pub fn is_needed(tx: &mut Tx<'_>, now: i64) -> Result<bool> {
    if usual::is_stale(tx)? {
        return Ok(true);
    }
    let mut open = open_by_subject(tx)?;
    let facts = condition::current(tx, &open, now)?;
    for fact in &facts {
        match open.remove(&fact.subject) {
            Some(alert) if alert.fact == *fact && alert.gone_at.is_none() && !is_due(&alert, now) => {}
            Some(_) | None => return Ok(true),
        }
    }
    for alert in open.values() {
        let rests = alert.gone_at.is_some_and(|gone_at| is_resting(gone_at, now));
        if alert.gone_at.is_none() || (!rests && end_of(tx, &alert.fact)? != End::Open) {
            return Ok(true);
        }
    }
    telling::is_needed(tx, &facts, now)
}

/// What lasts, by what it is about.
pub(super) fn open_by_subject(tx: &mut Tx<'_>) -> Result<BTreeMap<String, Alert>> {
    Ok(alert::open(tx)?.into_iter().map(|alert| (alert.fact.subject.clone(), alert)).collect())
}

/// It is time to tell it again.
fn is_due(alert: &Alert, now: i64) -> bool {
    alert.gone_at.is_none() && alert.again_at.is_some_and(|at| at <= now)
}

/// Well, but not yet for long enough.
fn is_resting(gone_at: i64, now: i64) -> bool {
    now >= gone_at && now - gone_at < WELL_MS
}

struct Teller<'a> {
    asked: &'a Asked,
    /// There is a webhook.
    posts: bool,
    now: i64,
    told: Vec<Told>,
}
impl Teller<'_> {
    fn begins(&mut self, tx: &mut Tx<'_>, fact: &Fact) -> Result<bool> {
        let Some(id) = alert::begin(tx, fact, next(fact, self.now), self.now)? else { return Ok(false) };
        note(tx, fact, "alerted", self.now)?;
        self.tell(tx, id, Occasion::Begun, 1, fact)?;
        Ok(true)
    }
    fn lasts(&mut self, tx: &mut Tx<'_>, alert: &Alert, fact: &Fact) -> Result<bool> {
        // What was told to pass by itself needs somebody from now on.
        let due = is_due(alert, self.now) || (alert.fact.passes && !fact.passes);
        let moved = alert.fact.until_at != fact.until_at;
        let again_at = if due || moved { next(fact, self.now) } else { alert.again_at };
        alert::lasts(tx, alert, fact, again_at)?;
        // Another date of the same secret is told when its next threshold comes.
        if due && !moved && alert::told_again(tx, alert)? {
            self.tell(tx, alert.id, Occasion::Again, alert.times + 1, fact)?;
            return Ok(true);
        }
        Ok(alert.gone_at.is_some())
    }
    fn is_gone(&mut self, tx: &mut Tx<'_>, alert: &Alert) -> Result<bool> {
        match alert.gone_at {
            None => {
                alert::gone(tx, alert.id, self.now)?;
                return Ok(true);
            }
            Some(gone_at) if is_resting(gone_at, self.now) => return Ok(false),
            Some(_) => {}
        }
        let end = end_of(tx, &alert.fact)?;
        if end == End::Open || !alert::end(tx, alert.id, self.now)? {
            return Ok(false);
        }
        notice::drop_waiting(tx, alert.id, self.now)?;
        if end == End::Well {
            note(tx, &alert.fact, "well_again", self.now)?;
            self.tell(tx, alert.id, Occasion::Ended, alert.times, &alert.fact)?;
        }
        Ok(true)
    }
    /// A row for each way. That it is over is told where it was told to begin.
    fn tell(
        &mut self,
        tx: &mut Tx<'_>,
        alert_id: i64,
        occasion: Occasion,
        number: i64,
        fact: &Fact,
    ) -> Result<()> {
        let headline = if occasion == Occasion::Ended { fact.well() } else { fact.headline() };
        let told = notice::channels_told(tx, alert_id)?;
        let wants = |channel| occasion != Occasion::Ended || told.contains(&channel);
        if wants(Channel::Mail) {
            let said = (headline.as_str(), "");
            notice::place(tx, Some(alert_id), occasion, number, Channel::Mail, said, self.now)?;
        }
        if self.posts
            && wants(Channel::Webhook)
            && let Some(alert) = alert::find(tx, alert_id)?
        {
            let body = telling::body(&self.asked.site_url, Some(&alert), occasion, number, self.now);
            let said = (headline.as_str(), body.as_str());
            notice::place(tx, Some(alert_id), occasion, number, Channel::Webhook, said, self.now)?;
        }
        self.told.push(Told { occasion, headline, code: fact.code.clone() });
        Ok(())
    }
}

/// When it is told the next time.
fn next(fact: &Fact, now: i64) -> Option<i64> {
    match fact.until_at {
        Some(until_at) => condition::next_telling(until_at, now),
        None => Some(now + AGAIN_MS),
    }
}

/// What has become of a matter that is not found any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Other settings, or nothing to do: whether it works nobody knows before the next try.
    Open,
    /// What was paused or removed has not become well.
    Silent,
    Well,
}

fn end_of(tx: &mut Tx<'_>, fact: &Fact) -> Result<End> {
    let Some(id) = fact.mailbox_id else { return Ok(End::Well) };
    let Some(mailbox) = mailbox::find(tx, id)?.filter(|mailbox| mailbox.removed_at.is_none()) else {
        return Ok(End::Silent);
    };
    let (is_wanted, side) = match fact.kind {
        Kind::Incoming | Kind::Silence => (mailbox.active, Side::Incoming),
        Kind::Outgoing => (mailbox.outgoing_active, Side::Outgoing),
        Kind::Secret | Kind::Certificate | Kind::Filing => return Ok(End::Well),
        Kind::Unaccounted => return Ok(if mailbox.active { End::Well } else { End::Silent }),
    };
    Ok(match mailbox.health(side).state {
        _ if !is_wanted => End::Silent,
        State::Ok => End::Well,
        State::New | State::Waiting | State::NeedsPerson | State::Paused => End::Open,
    })
}

fn note(tx: &mut Tx<'_>, fact: &Fact, kind: &str, now: i64) -> Result<()> {
    let data = json!({ "about": fact.kind.word(), "code": fact.code, "reason": fact.reason });
    let subject = match (fact.client_id, fact.mailbox_id) {
        (Some(id), _) => Subject::Client(id),
        (None, Some(id)) => Subject::Mailbox(id),
        (None, None) => Subject::Site,
    };
    event::append(tx, &By::system(now), subject, kind, data)
}
