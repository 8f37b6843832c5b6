//! What is wrong now, read from the tables: sides that need a person, grants that lapsed or are refused, silences, mail that
//! is unaccounted or does not become tickets, and secrets that end. It remembers nothing.
use super::alert::{Alert, Fact, Kind};
use super::standing::{self, Standing};
use crate::db::Tx;
use crate::mailboxes::balance::{self, Balance};
use crate::mailboxes::grant::RETRY_CODE;
use crate::mailboxes::mailbox::{self, Health, Mailbox, Side, State};
use crate::mailboxes::usual;
use crate::{Result, params};
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Days before a secret's end at which it is told, and the end itself.
pub const DAYS_AHEAD: [i64; 7] = [FAR_DAYS, 30, 14, 7, 3, 1, 0];
/// From when on an end is told.
const FAR_DAYS: i64 = 60;
const FAR_MS: i64 = FAR_DAYS * DAY_MS;
/// What ends within so many days is the next thing to do, on every page and to the doctor.
pub const SOON_DAYS: i64 = 14;

/// What would pass by itself, and has not for so long, is told: nobody else would ever hear of a server that is gone.
pub const WAITS_MS: i64 = 15 * 60 * 1000;

/// A grant in trouble.
#[derive(Clone, Debug)]
struct Broken {
    consent_id: i64,
    code: String,
    reason: String,
    remedy: String,
    since: i64,
    passes: bool,
}

/// `open`: the alerts that last, by what they are about.
pub fn current(tx: &mut Tx<'_>, open: &BTreeMap<String, Alert>, now: i64) -> Result<Vec<Fact>> {
    let mut facts = Vec::new();
    let look = Look { open, broken: broken_grants(tx, now)?, now };
    let mailboxes = mailbox::list(tx, None, mailbox::LIST_MAX)?;
    for mailbox in &mailboxes {
        facts.extend(look.incoming(mailbox));
        facts.extend(look.outgoing(tx, mailbox)?);
    }
    let by_id: BTreeMap<i64, &Mailbox> = mailboxes.iter().map(|mailbox| (mailbox.id, mailbox)).collect();
    for (id, last_at, unusual_at) in usual::silent(tx, now)? {
        facts.extend(by_id.get(&id).map(|mailbox| silence(mailbox, last_at, unusual_at)));
    }
    let lasting = balance::lasting(tx, now.saturating_sub(WAITS_MS))?;
    for mailbox in &mailboxes {
        let mut of_it = Vec::new();
        for (_, balance) in lasting.iter().filter(|(id, _)| *id == mailbox.id) {
            if mailbox::round_fetches(tx, mailbox, &balance.folder)? {
                of_it.push(balance);
            }
        }
        facts.extend(unaccounted(mailbox, &of_it));
    }
    let standing = standing::find(tx, now)?;
    facts.extend(standing.iter().filter_map(|(id, standing)| Some(look.filing(by_id.get(id)?, standing))));
    facts.extend(secrets(tx, now)?);
    facts.extend(certificates(tx, now)?);
    Ok(facts)
}

/// Those in use that lapsed or are refused; and those whose token ended long ago because no other was to be had, though
/// a link that is still open may go on without.
fn broken_grants(tx: &mut Tx<'_>, now: i64) -> Result<BTreeMap<i64, Broken>> {
    type Found = (i64, String, String, String, i64, bool, Option<i64>);
    let rows: Vec<Found> = tx.all(
        "SELECT id, reason_code, reason, remedy, state_since, state = 'fulfilled' AND reason_code = $1,
                (SELECT max(expires_at) FROM access_token WHERE consent_id = consent.id)
         FROM consent
         WHERE state = 'lapsed' OR (state = 'fulfilled' AND failures > 0 AND reason_code <> '')
         ORDER BY id LIMIT 10000",
        params![RETRY_CODE],
    )?;
    let broken =
        rows.into_iter().filter_map(|(consent_id, code, reason, remedy, since, passes, ended_at)| {
            let since = if passes { ended_at.unwrap_or(since) } else { since };
            let told = !passes || since <= now.saturating_sub(WAITS_MS);
            told.then_some((consent_id, Broken { consent_id, code, reason, remedy, since, passes }))
        });
    Ok(broken.collect())
}

/// No letter goes out by them.
pub(super) fn broken_consents(tx: &mut Tx<'_>, now: i64) -> Result<BTreeSet<i64>> {
    Ok(broken_grants(tx, now)?.into_keys().collect())
}

/// One matter is one alert: a side that does not work and its grant that lapsed are the same, and so are both sides when
/// they live on one grant.
struct Look<'a> {
    open: &'a BTreeMap<String, Alert>,
    broken: BTreeMap<i64, Broken>,
    now: i64,
}
impl Look<'_> {
    fn grant(&self, mailbox: &Mailbox, side: Side) -> Option<&Broken> {
        mailbox.grant_id(side).and_then(|id| self.broken.get(&id))
    }

    fn incoming(&self, mailbox: &Mailbox) -> Option<Fact> {
        let (kind, health) = (Kind::Incoming, &mailbox.incoming_health);
        let of_health = || of_health(mailbox, kind, health, mailbox.grant_id(Side::Incoming));
        match self.grant(mailbox, Side::Incoming) {
            _ if mailbox.active
                && health.state == State::NeedsPerson
                && !self.is_begun(mailbox, Side::Incoming) =>
            {
                Some(of_health())
            }
            Some(grant) if !grant.passes => Some(of_grant(mailbox, kind, grant)),
            _ if mailbox.active && self.waits_long(mailbox, kind, health) => Some(lasting(of_health())),
            Some(grant) if mailbox.active => Some(lasting(of_grant(mailbox, kind, grant))),
            Some(_) | None => None,
        }
    }

    fn outgoing(&self, tx: &mut Tx<'_>, mailbox: &Mailbox) -> Result<Option<Fact>> {
        if !mailbox.outgoing_active {
            return Ok(None);
        }
        let (kind, health) = (Kind::Outgoing, &mailbox.outgoing_health);
        let grant = self.grant(mailbox, Side::Outgoing);
        let shares = mailbox.grant_id(Side::Outgoing) == mailbox.grant_id(Side::Incoming);
        if grant.is_some_and(|grant| shares && (mailbox.active || !grant.passes)) {
            return Ok(None);
        }
        let of_health = || of_health(mailbox, kind, health, mailbox.grant_id(Side::Outgoing));
        Ok(match grant {
            _ if health.state == State::NeedsPerson && self.is_begun(mailbox, Side::Outgoing) => None,
            _ if health.state == State::NeedsPerson => Some(of_health()),
            Some(grant) if !grant.passes => Some(of_grant(mailbox, kind, grant)),
            // A server that is away is nobody's trouble while there is nothing to send.
            _ if self.waits_long(mailbox, kind, health) && self.letters_wait(tx, mailbox)? => {
                Some(lasting(of_health()))
            }
            Some(grant) => Some(lasting(of_grant(mailbox, kind, grant))),
            None => None,
        })
    }

    fn filing(&self, mailbox: &Mailbox, standing: &Standing) -> Fact {
        // What is due again and again is not due since then.
        let known = self.open.get(&subject(mailbox, Kind::Filing)).map(|alert| alert.fact.since);
        Fact {
            code: "filing".to_owned(),
            reason: format!("Mail is stored here and does not become tickets. {}", standing.reason),
            remedy: "Postern tries again by itself, and nothing is lost. The log and `postern check` say more of the database, \
                     its disk and the files."
                .to_owned(),
            passes: true,
            ..of_mailbox(mailbox, Kind::Filing, known.unwrap_or(standing.since))
        }
    }

    /// Without a success since, whatever the reasons were. What is told already goes on until it works: trouble that
    /// changes its kind is not over.
    fn waits_long(&self, mailbox: &Mailbox, kind: Kind, health: &Health) -> bool {
        health.state == State::Waiting
            && (health.since <= self.now.saturating_sub(WAITS_MS)
                || self.open.contains_key(&subject(mailbox, kind)))
    }

    /// A set-up of today that nobody has authorized yet is no outage.
    fn is_begun(&self, mailbox: &Mailbox, side: Side) -> bool {
        let health = mailbox.health(side);
        mailbox.is_unfinished(side) && (0..DAY_MS).contains(&(self.now - health.since))
    }

    fn letters_wait(&self, tx: &mut Tx<'_>, mailbox: &Mailbox) -> Result<bool> {
        let (wait,): (bool,) = tx.one(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'queued' AND mailbox_id = $1 AND created_at <= $2)",
            params![mailbox.id, self.now.saturating_sub(WAITS_MS)],
        )?;
        Ok(wait)
    }
}

/// What would pass, and lasts.
fn lasting(fact: Fact) -> Fact {
    let remedy = format!(
        "{} It has lasted for a while: the Doctor on its page shows which link is broken.",
        fact.remedy
    );
    Fact { remedy: remedy.trim_start().to_owned(), passes: true, ..fact }
}

fn of_health(mailbox: &Mailbox, kind: Kind, health: &Health, consent_id: Option<i64>) -> Fact {
    Fact {
        code: health.reason_code.clone(),
        reason: health.reason.clone(),
        remedy: health.remedy.clone(),
        consent_id,
        ..of_mailbox(mailbox, kind, health.since)
    }
}
fn of_grant(mailbox: &Mailbox, kind: Kind, grant: &Broken) -> Fact {
    Fact {
        code: grant.code.clone(),
        reason: grant.reason.clone(),
        remedy: grant.remedy.clone(),
        consent_id: Some(grant.consent_id),
        is_ahead: match kind {
            Kind::Outgoing => mailbox.outgoing_health.state == State::Ok,
            Kind::Incoming
            | Kind::Silence
            | Kind::Secret
            | Kind::Certificate
            | Kind::Unaccounted
            | Kind::Filing => mailbox.incoming_health.state == State::Ok,
        },
        ..of_mailbox(mailbox, kind, grant.since)
    }
}
fn silence(mailbox: &Mailbox, last_at: i64, unusual_at: i64) -> Fact {
    let hours = (unusual_at - last_at) / (60 * 60 * 1000);
    Fact {
        code: "silence".to_owned(),
        reason: format!(
            "No mail has come for more than {hours} hours, although this mailbox usually gets some by now. \
             Fetching works and finds nothing."
        ),
        remedy: "Send it a letter from outside. If that does not come, look at the MX record, at forwarding rules \
                 and at the junk folder; if it does, this silence is only a quiet time."
            .to_owned(),
        ..of_mailbox(mailbox, Kind::Silence, last_at)
    }
}
fn unaccounted(mailbox: &Mailbox, folders: &[&Balance]) -> Option<Fact> {
    let since = folders.iter().filter_map(|balance| balance.unaccounted_since).min()?;
    Some(Fact {
        code: "unaccounted".to_owned(),
        reason: folders.iter().map(|balance| balance.lacks()).collect::<Vec<_>>().join(" "),
        remedy: format!(
            "Fetch what is unaccounted on its page, or by `postern mailbox fetch {} --unaccounted`: nothing is doubled.",
            mailbox.address
        ),
        ..of_mailbox(mailbox, Kind::Unaccounted, since)
    })
}
fn subject(mailbox: &Mailbox, kind: Kind) -> String {
    format!("mailbox:{}:{}", mailbox.id, kind.word())
}
fn of_mailbox(mailbox: &Mailbox, kind: Kind, since: i64) -> Fact {
    Fact {
        subject: subject(mailbox, kind),
        kind,
        is_ahead: false,
        passes: false,
        mailbox_id: Some(mailbox.id),
        client_id: None,
        consent_id: None,
        name: mailbox.address.clone(),
        code: String::new(),
        reason: String::new(),
        remedy: String::new(),
        since,
        until_at: None,
    }
}

/// Secrets of registrations that a mailbox uses, from two months before their end.
fn secrets(tx: &mut Tx<'_>, now: i64) -> Result<Vec<Fact>> {
    let rows: Vec<Ending> = tx.all(
        "SELECT c.id, c.name, c.provider, c.secret_expires_at, min(m.id)
         FROM client c JOIN mailbox m ON (m.in_client_id = c.id OR m.out_client_id = c.id) AND m.removed_at IS NULL
         WHERE c.active = 1 AND c.authentication = 'secret' AND c.flow <> 'service_account'
           AND c.client_secret IS NOT NULL
           AND c.secret_expires_at <= $1
         GROUP BY c.id, c.name, c.provider, c.secret_expires_at ORDER BY c.id LIMIT 1000",
        params![now.saturating_add(FAR_MS)],
    )?;
    let remedy =
        "Make a new one at the provider and enter it in Config with its date. Nobody has to authorize again.";
    Ok(rows.into_iter().map(|row| ending(Kind::Secret, "client secret", remedy, row, now)).collect())
}

/// The same of the certificates that they show.
fn certificates(tx: &mut Tx<'_>, now: i64) -> Result<Vec<Fact>> {
    let rows: Vec<Ending> = tx.all(
        "SELECT c.id, c.name, c.provider, k.not_after, min(m.id)
         FROM client c JOIN mailbox m ON (m.in_client_id = c.id OR m.out_client_id = c.id) AND m.removed_at IS NULL
             JOIN client_certificate k ON k.client_id = c.id AND k.state = 'in_use'
         WHERE c.active = 1 AND c.authentication = 'certificate' AND c.flow <> 'service_account' AND k.not_after <= $1
         GROUP BY c.id, c.name, c.provider, k.not_after ORDER BY c.id LIMIT 1000",
        params![now.saturating_add(FAR_MS)],
    )?;
    let remedy = "Make the next one in Config, upload its .cer file at the provider, and use it. Nobody has to \
                  authorize again.";
    Ok(rows.into_iter().map(|row| ending(Kind::Certificate, "certificate", remedy, row, now)).collect())
}

/// A registration's id, name and provider, when what it shows ends, and a mailbox where its Config is found.
type Ending = (i64, String, String, i64, i64);

fn ending(kind: Kind, what: &str, remedy: &str, row: Ending, now: i64) -> Fact {
    let (client_id, name, provider, until_at, mailbox_id) = row;
    let name = if name.is_empty() { provider } else { name };
    let state = if until_at <= now { "expired" } else { "expires" };
    Fact {
        subject: format!("client:{client_id}:{}", kind.word()),
        kind,
        is_ahead: false,
        passes: false,
        mailbox_id: Some(mailbox_id),
        client_id: Some(client_id),
        consent_id: None,
        code: format!("{}_{state}", kind.word()),
        reason: ends(what, &name, until_at, now),
        remedy: remedy.to_owned(),
        name,
        since: until_at - FAR_MS,
        until_at: Some(until_at),
    }
}

/// *The client secret of Contoso expires in 14 days.*
pub(super) fn ends(what: &str, of: &str, until_at: i64, now: i64) -> String {
    match days_left(until_at, now) {
        _ if until_at <= now => format!("The {what} of {of} has expired."),
        1 => format!("The {what} of {of} expires within a day."),
        days => format!("The {what} of {of} expires in {days} days."),
    }
}
/// Begun days count.
pub fn days_left(until_at: i64, now: i64) -> i64 {
    (until_at - now).max(0).div_euclid(DAY_MS) + i64::from((until_at - now).max(0).rem_euclid(DAY_MS) > 0)
}
/// When an end is told the next time: at the first of the days ahead that is yet to come.
pub(super) fn next_telling(until_at: i64, now: i64) -> Option<i64> {
    DAYS_AHEAD.iter().map(|days| until_at - days * DAY_MS).find(|at| *at > now)
}
/// Which of the days ahead has come: what is told once each.
pub(super) fn threshold(until_at: i64, now: i64) -> i64 {
    DAYS_AHEAD.iter().copied().filter(|days| until_at - days * DAY_MS <= now).min().unwrap_or(FAR_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_threshold_comes_once_and_none_after_the_end() {
        let end = 100 * DAY_MS;
        let mut at = end - 60 * DAY_MS;
        let mut told = vec![threshold(end, at)];
        while let Some(next) = next_telling(end, at) {
            at = next;
            told.push(threshold(end, at));
        }
        assert_eq!(told, DAYS_AHEAD);
        for (left, words) in [
            (60 * DAY_MS, "in 60 days"),
            (59 * DAY_MS + 1, "in 60 days"),
            (DAY_MS, "within a day"),
            (0, "has expired"),
            (-DAY_MS, "has expired"),
        ] {
            let said = ends("client secret", "Contoso", end, end - left);
            assert!(said.contains(words), "{left}: {said}");
        }
    }
}
