//! What is said about alerts: the letter, with the mailbox that carries it and whom it goes to, and the post's body.
use super::alert::{self, Alert, Fact, Kind};
use super::notice::{self, Occasion, Unwritten};
use super::{condition, recipients};
use crate::db::Tx;
use crate::mailboxes::mailbox::{self, Authentication, Mailbox, Side, State};
use crate::outgoing::letter::{self, NewLetter};
use crate::outgoing::outbox;
use crate::{By, Refusal, Result};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What breaks at the same time is told in one letter.
pub const GATHER_MS: i64 = 60 * 1000;
/// A fleet that breaks one by one does not fill anybody's inbox.
pub const LETTER_EVERY_MS: i64 = 10 * 60 * 1000;
/// In one letter; the others stand on the page that it leads to.
const TOLD_MAX: i64 = 50;

const NO_CARRIER: &str = "No other email can send, so this alert could not be mailed to anybody.";
const NOBODY: &str =
    "Nobody is there to be told by mail: the addresses are those of emails that Postern itself reads.";

/// What telling needs from outside.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where the links of what is told lead.
    pub site_url: String,
    /// Fresh: a letter's Message-ID.
    pub random: [u8; 16],
}

/// Writes what waits into one letter, through a mailbox that can send and, where there is one, is not itself in trouble.
pub(super) fn send_mail(tx: &mut Tx<'_>, asked: &Asked, facts: &[Fact], now: i64) -> Result<()> {
    let unfit = Unfit::of(tx, facts, now)?;
    for (notice_id, outbox_id, mailbox_id, waits) in notice::stranded(tx, now)? {
        if waits && unfit.carries(tx, mailbox_id)? {
            continue;
        }
        if waits {
            // Several notices may share the letter; the first one has taken it back.
            let _ = outbox::cancel(tx, &By::system(now), outbox_id);
        }
        notice::write_again(tx, notice_id)?;
    }
    notice::give_up(tx, now)?;
    let waiting = notice::unwritten(tx, TOLD_MAX)?;
    let Some(first) = waiting.first() else { return Ok(()) };
    if !is_time(tx, first, now)? {
        return Ok(());
    }
    let recipients = recipients::now(tx)?;
    if recipients.is_empty() {
        return notice::not_written(tx, NOBODY);
    }
    let Some(carrier) = carrier(tx, &unfit)? else { return notice::not_written(tx, NO_CARRIER) };
    let mut told = Vec::new();
    for notice in &waiting {
        told.extend(alert::find(tx, notice.alert_id)?.map(|alert| (*notice, alert)));
    }
    let (subject, text) = words(&asked.site_url, &carrier.address, &told, now);
    let outbox_id = place(tx, &carrier, &recipients, &subject, &text, asked.random, now)?;
    let ids: Vec<i64> = waiting.iter().map(|notice| notice.id).collect();
    notice::written(tx, &ids, outbox_id, now)
}

/// Whether [`send_mail`] would do anything.
pub(super) fn is_needed(tx: &mut Tx<'_>, facts: &[Fact], now: i64) -> Result<bool> {
    let stranded = notice::stranded(tx, now)?;
    // Most looks find no letter that waits, and need not know by which mailboxes one would go.
    if !stranded.is_empty() {
        let unfit = Unfit::of(tx, facts, now)?;
        for (_, _, mailbox_id, waits) in stranded {
            if !waits || !unfit.carries(tx, mailbox_id)? {
                return Ok(true);
            }
        }
    }
    if notice::any_too_old(tx, now)? {
        return Ok(true);
    }
    match notice::unwritten(tx, 1)?.first() {
        Some(first) => is_time(tx, first, now),
        None => Ok(false),
    }
}

/// What breaks together has been gathered, and the last letter was long ago.
fn is_time(tx: &mut Tx<'_>, first: &Unwritten, now: i64) -> Result<bool> {
    let last = letter::last_at(tx, letter::ALERT, now)?;
    Ok(now - first.created_at >= GATHER_MS && last.is_none_or(|at| now - at >= LETTER_EVERY_MS))
}

fn place(
    tx: &mut Tx<'_>,
    carrier: &Mailbox,
    recipients: &[String],
    subject: &str,
    text: &str,
    random: [u8; 16],
    now: i64,
) -> Result<i64> {
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let new = NewLetter { kind: letter::ALERT, subject, text, recipients: &recipients, random };
    letter::place(tx, carrier, &new, now)
}

/// *Send a test*: a letter at once.
pub(super) fn test_mail(tx: &mut Tx<'_>, asked: &Asked, facts: &[Fact], now: i64) -> Result<()> {
    let recipients = recipients::now(tx)?;
    let refused = |why: &str| crate::Error::from(Refusal::Other(why.to_owned()));
    if recipients.is_empty() {
        return Err(refused(NOBODY));
    }
    let unfit = Unfit::of(tx, facts, now)?;
    let carrier = carrier(tx, &unfit)?;
    let carrier = carrier.ok_or_else(|| refused("No email can send now, so no test can be mailed."))?;
    let text = format!(
        "This is the test that was asked for at {}/alerts. Alerts reach you.\n\n{}",
        base(&asked.site_url),
        foot(&asked.site_url, &carrier.address)
    );
    let outbox_id =
        place(tx, &carrier, &recipients, "[Postern] A test of the alerts", &text, asked.random, now)?;
    let id = notice::test_written(tx, outbox_id, now)?;
    tracing::debug!(notice = id, "a test of the alerts is in the outbox");
    Ok(())
}

/// What stands in the way of a letter about trouble, and where there is trouble besides.
#[derive(Debug, Default)]
struct Unfit {
    /// They cannot send.
    senders: BTreeSet<i64>,
    /// Something is wrong with them that may leave their sending alone: others go first.
    troubled: BTreeSet<i64>,
    consents: BTreeSet<i64>,
    clients: BTreeSet<i64>,
}
impl Unfit {
    fn of(tx: &mut Tx<'_>, facts: &[Fact], now: i64) -> Result<Unfit> {
        let mut unfit = Unfit { consents: condition::broken_consents(tx, now)?, ..Unfit::default() };
        for fact in facts {
            match fact.kind {
                Kind::Outgoing => unfit.senders.extend(fact.mailbox_id),
                // A server of incoming mail that is away takes nothing from the one that sends.
                Kind::Incoming | Kind::Silence => unfit.troubled.extend(fact.mailbox_id),
                Kind::Secret | Kind::Certificate if fact.until_at.is_some_and(|at| at <= now) => {
                    unfit.clients.extend(fact.client_id);
                }
                // It still works: its mailbox may say so itself.
                Kind::Secret | Kind::Certificate | Kind::Unaccounted | Kind::Filing => {}
            }
        }
        Ok(unfit)
    }

    /// Whether what this mailbox is to send can go out.
    fn carries(&self, tx: &mut Tx<'_>, mailbox_id: i64) -> Result<bool> {
        Ok(mailbox::find(tx, mailbox_id)?.is_some_and(|mailbox| self.can_send(&mailbox)))
    }

    fn can_send(&self, mailbox: &Mailbox) -> bool {
        let (by_token, client_id) = match mailbox.outgoing.authentication {
            Authentication::Same => (mailbox.incoming.authentication.is_oauth(), mailbox.incoming.client_id),
            own => (own.is_oauth(), mailbox.outgoing.client_id),
        };
        let has_grant = match mailbox.grant_id(Side::Outgoing) {
            Some(id) => !self.consents.contains(&id),
            None => !by_token,
        };
        mailbox.outgoing_active
            && !matches!(mailbox.outgoing_health.state, State::NeedsPerson | State::Paused)
            && !self.senders.contains(&mailbox.id)
            && has_grant
            && !(by_token && client_id.is_some_and(|id| self.clients.contains(&id)))
    }
}

/// The mailbox that carries letters about trouble: one without any, and that has sent before everybody else.
fn carrier(tx: &mut Tx<'_>, unfit: &Unfit) -> Result<Option<Mailbox>> {
    let all = mailbox::list(tx, None, mailbox::LIST_MAX)?;
    let mut able: Vec<Mailbox> = all.into_iter().filter(|mailbox| unfit.can_send(mailbox)).collect();
    let order = |state| match state {
        State::Ok => 0,
        State::New => 1,
        State::Waiting | State::NeedsPerson | State::Paused => 2,
    };
    able.sort_by_key(|m| {
        (unfit.troubled.contains(&m.id), order(m.outgoing_health.state), Reverse(m.last_sent_at), m.id)
    });
    Ok(able.into_iter().next())
}

fn base(site_url: &str) -> &str {
    site_url.trim_end_matches('/')
}
fn foot(site_url: &str, carrier: &str) -> String {
    format!(
        "-- \nPostern at {} sent this through {carrier}. Answers to it are read by nobody.\nWho is told: {}/alerts\n",
        base(site_url),
        base(site_url)
    )
}

/// Subject and text of one letter about all of these.
fn words(site_url: &str, carrier: &str, told: &[(Unwritten, Alert)], now: i64) -> (String, String) {
    let over = |notice: &Unwritten| notice.occasion == Occasion::Ended;
    let needy: Vec<_> = told.iter().filter(|(notice, _)| !over(notice)).collect();
    let subject = match (needy.as_slice(), told) {
        ([(_, one)], _) => one.fact.headline(),
        ([], [(_, one)]) => one.fact.well(),
        ([], all) => format!("{} emails are well again", all.len()),
        (many, _) => format!("{} things need you", many.len()),
    };
    let mut text = String::new();
    for (notice, alert) in told {
        let fact = &alert.fact;
        match notice.occasion {
            Occasion::Ended => {
                text += &format!("{}.\n\n", fact.well());
                continue;
            }
            Occasion::Again => text += &format!("{}, still.\n", fact.headline()),
            Occasion::Begun | Occasion::Test => text += &format!("{}.\n", fact.headline()),
        }
        if fact.until_at.is_none() {
            text += &format!("Since {}.\n", said(fact.since));
            text += &format!("{}\n", fact.reason);
        } else if let Some(until_at) = fact.until_at {
            text += &format!("Its date is {}.\n", said(until_at));
        }
        text += &format!("{}\n{}{}\n\n", fact.remedy, base(site_url), fact.path());
    }
    text += &format!("All emails: {}/mailboxes (looked at {})\n\n", base(site_url), said(now));
    text += &foot(site_url, carrier);
    (format!("[Postern] {subject}"), text)
}
fn said(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map(|at| at.strftime("%A, %-d %B %Y, %H:%M UTC").to_string())
        .unwrap_or_default()
}

/// What is posted: documented in the manual, and only ever added to.
pub(super) fn body(
    site_url: &str,
    alert: Option<&Alert>,
    occasion: Occasion,
    number: i64,
    now: i64,
) -> String {
    let time =
        |at: i64| jiff::Timestamp::from_millisecond(at).map(|at| format!("{at:.3}")).unwrap_or_default();
    let about = alert.map(|alert| {
        let fact = &alert.fact;
        let of_mailbox = fact.client_id.is_none();
        json!({
            "id": alert.id,
            "about": fact.kind.word(),
            "mailbox": of_mailbox.then_some(&fact.name),
            "registration": (!of_mailbox).then_some(&fact.name),
            "summary": if occasion == Occasion::Ended { fact.well() } else { fact.headline() },
            "code": fact.code,
            "reason": fact.reason,
            "remedy": fact.remedy,
            "since": time(fact.since),
            "until": fact.until_at.map(time),
            "days_left": fact.until_at.map(|at| super::condition::threshold(at, now)),
            "link": format!("{}{}", base(site_url), fact.path()),
        })
    });
    let event = match occasion {
        Occasion::Begun => "alert.begun",
        Occasion::Again => "alert.again",
        Occasion::Ended => "alert.ended",
        Occasion::Test => "test",
    };
    json!({ "event": event, "number": number, "at": time(now), "site": site_url, "alert": about }).to_string()
}
