//! A mailbox as a line of the list: how it is, how long its tokens and secrets live, and the one button that fits.
use super::figure::Figure;
use super::health::Facts;
use crate::moment::Moment;
use crate::page::Page;
use desk::alerts::alert::Kind;
use desk::alerts::condition::{SOON_DAYS, days_left};
use desk::alerts::fleet::Member;
use desk::mailboxes::grant::{self, Dispute, State as Life};
use desk::mailboxes::mailbox::{Authentication, Mailbox, Side, State};

/// What can be done about it from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A page where it goes on.
    Open { words: &'static str, path: String },
    /// Done at once.
    Post { words: &'static str, path: String },
}

/// A life that counts down.
#[derive(Clone, Debug)]
pub struct Countdown {
    pub color: &'static str,
    pub words: String,
    /// What stands in its way, and what to do; mostly nothing.
    pub why: String,
}
impl Countdown {
    fn new(color: &'static str, words: String) -> Countdown {
        Countdown { color, words, why: String::new() }
    }
}

pub struct Line {
    pub id: i64,
    pub address: String,
    pub name: String,
    pub facts: Facts,
    pub token: Option<Countdown>,
    pub secret: Option<Countdown>,
    /// How it signs in where it has neither.
    pub without_token: &'static str,
    /// *about 120 a week*
    pub usual: String,
    /// What is wrong and what to do, each with its color.
    pub why: Vec<(&'static str, String)>,
    /// Why it is silent, when that is unusual.
    pub silence: Option<String>,
    /// From when on a silence is told, while nothing else comes.
    pub unusual_at: Option<Moment>,
    /// Whether it is told.
    pub watched: bool,
    pub next_sending: Option<Moment>,
    /// What its folder holds on the server, and here.
    pub figure: Option<Figure>,
    /// Of each folder, where there are several.
    pub folders: Vec<Figure>,
    pub act: Act,
}
impl Line {
    pub fn of(member: Member, page: &Page) -> Line {
        let mailbox = &member.mailbox;
        let facts = unfinished(Facts::of(mailbox, page), &member, page.now).with(&member.alerts);
        let sides = [&facts.incoming, &facts.outgoing].into_iter();
        let troubled = sides.filter(|side| matches!(side.color, "bad" | "warn") && !side.reason.is_empty());
        let mut why: Vec<(&str, String)> = Vec::new();
        for side in troubled {
            let said = format!("{} {}", side.reason, side.remedy);
            // Both sides may lack the same, which is as bad as the worse of them.
            match why.iter_mut().find(|(_, told)| *told == said) {
                Some((color, _)) if side.color == "bad" => *color = "bad",
                Some(_) => {}
                None => why.push((side.color, said)),
            }
        }
        let grants =
            member.grants.iter().filter(|grant| grant.state != Life::Fulfilled || grant.is_refused());
        for grant in grants.filter(|grant| !grant.reason.is_empty()) {
            if !why.iter().any(|(_, said)| said.starts_with(&grant.reason)) {
                why.push(("warn", format!("{} {}", grant.reason, grant.remedy)));
            }
        }
        if let Some(dispute) = asks(&member, page.now) {
            let asked = signed_in(dispute);
            if !why.iter().any(|(_, said)| said.starts_with(&asked)) {
                why.insert(0, ("warn", format!("{asked} {SAY}")));
            }
        }
        let standing = member.alerts.iter().filter(|alert| alert.fact.kind == Kind::Filing);
        why.extend(standing.map(|alert| ("bad", format!("{} {}", alert.fact.reason, alert.fact.remedy))));
        let silent = member.alerts.iter().find(|alert| alert.fact.code == "silence");
        why.extend(silent.map(|alert| ("warn", format!("{} {}", alert.fact.reason, alert.fact.remedy))));
        let figure = Figure::of(&member.balances, page);
        let folders = match member.balances.as_slice() {
            [] | [_] => Vec::new(),
            several => several.iter().filter_map(|one| Figure::of(std::slice::from_ref(one), page)).collect(),
        };
        let lacking = figure.as_ref().and_then(|figure| figure.why.clone());
        why.extend(lacking.map(|lacking| ("warn", lacking)));
        Line {
            id: mailbox.id,
            address: mailbox.address.clone(),
            name: if mailbox.name == mailbox.address { String::new() } else { mailbox.name.clone() },
            facts: facts.clone(),
            token: token(&member, &facts, page),
            secret: secret(&member, page.now),
            without_token: if has_password(mailbox) { "password" } else { "none" },
            usual: usual(&member),
            why,
            silence: silent.map(|alert| alert.fact.reason.clone()),
            unusual_at: member.usual.unusual_at.filter(|at| *at > page.now).map(|at| page.since(&at)),
            watched: member.usual.watched,
            figure,
            folders,
            next_sending: member
                .next_sending_at
                .filter(|_| !page.on_hold)
                .map(|at| page.moment(&at.max(page.now))),
            act: act(&member, page.now),
        }
    }
}

/// A side that nobody has authorized yet says how far that has come: a person may be at it.
fn unfinished(mut facts: Facts, member: &Member, now: i64) -> Facts {
    let asks = asks(member, now);
    for (side, told) in [(Side::Incoming, &mut facts.incoming), (Side::Outgoing, &mut facts.outgoing)] {
        let health = member.mailbox.health(side);
        if health.state != State::NeedsPerson || health.reason_code != grant::NOT_AUTHORIZED.0 {
            continue;
        }
        if member.mailbox.is_unfinished(side) {
            (told.color, told.words) = ("warn", "not authorized yet");
        }
        let unproved = member.grant(side).filter(|grant| grant.state == Life::Unproved);
        if let Some(dispute) = asks.filter(|dispute| dispute.grant.side == side) {
            told.reason = signed_in(dispute);
            SAY.clone_into(&mut told.remedy);
        } else if let Some(unproved) = unproved {
            (told.color, told.words) = ("warn", "authorized, not proved");
            told.reason.clone_from(&unproved.reason);
            told.remedy.clone_from(&unproved.remedy);
        }
    }
    facts.summed_up()
}

fn has_password(mailbox: &Mailbox) -> bool {
    let by = |side| mailbox.server(side).authentication == Authentication::Password;
    by(Side::Incoming) || by(Side::Outgoing)
}

fn usual(member: &Member) -> String {
    match member.usual.a_week {
        None => String::new(),
        Some(0) => "less than one a week".to_owned(),
        Some(count) => format!("about {count} a week"),
    }
}

/// An open link outlives its token: a mailbox is well while the next token is not to be had, and that is said here.
fn token(member: &Member, facts: &Facts, page: &Page) -> Option<Countdown> {
    let signs_in = member.mailbox.incoming.authentication.is_oauth();
    // What a side held before it was given a password says nothing about it.
    let grant = |side| member.grant(side).filter(|_| member.mailbox.server(side).authentication.is_oauth());
    let Some(grant) = grant(Side::Incoming).or(grant(Side::Outgoing)) else {
        return signs_in.then(|| Countdown::new("bad", "not authorized".to_owned()));
    };
    let lives = grant.expires_at.filter(|at| *at > page.now).map(|at| page.moment(&at).words().to_owned());
    let (color, words) = match (grant.state, grant.expires_at) {
        (Life::Lapsed, _) => ("bad", "consent lapsed".to_owned()),
        (Life::Unproved, _) => ("warn", "not proved".to_owned()),
        (_, Some(_)) if !grant.reason_code.is_empty() && lives.is_some() => {
            ("warn", "renewal fails".to_owned())
        }
        (_, Some(at)) if at > page.now && page.on_hold => {
            ("", format!("token ends {}, and is not renewed on hold", page.moment(&at).words()))
        }
        (_, Some(at)) if at > page.now => {
            ("good", format!("token ends {}, renewed by itself", page.moment(&at).words()))
        }
        // A paused one is renewed about weekly, and at once when it is needed.
        (_, Some(at)) if !member.mailbox.active => ("", format!("token ended {}", page.moment(&at).words())),
        (_, Some(at)) => ("warn", format!("token ended {}", page.moment(&at).words())),
        (_, None) => ("warn", "no token yet".to_owned()),
    };
    let told = [&facts.incoming, &facts.outgoing].iter().any(|side| side.reason.starts_with(&grant.reason));
    if grant.reason.is_empty() || (told && lives.is_none()) {
        return Some(Countdown::new(color, words));
    }
    // One that is not proved yet is not in use.
    let until = lives
        .filter(|_| grant.state != Life::Unproved)
        .map(|at| format!("The token in use ends {at}."))
        .unwrap_or_default();
    let why = if told { until } else { format!("{until} {} {}", grant.reason, grant.remedy) };
    Some(Countdown { color, words, why: why.trim().to_owned() })
}

fn secret(member: &Member, now: i64) -> Option<Countdown> {
    let is_shown = [Side::Incoming, Side::Outgoing]
        .into_iter()
        .any(|side| member.mailbox.server(side).authentication.is_oauth());
    first_end(member).filter(|_| is_shown).map(|(what, at)| countdown(what, at, now))
}
/// What its registrations show that ends first.
fn first_end(member: &Member) -> Option<(&'static str, i64)> {
    let ends = [("secret", member.secret_expires_at()), ("certificate", member.certificate_expires_at)];
    ends.into_iter().filter_map(|(what, at)| Some((what, at?))).min_by_key(|(_, at)| *at)
}
/// *secret for 61 days*
pub fn countdown(what: &str, at: i64, now: i64) -> Countdown {
    let days = days_left(at, now);
    let color = match days {
        0..=3 => "bad",
        4..=SOON_DAYS => "warn",
        _ => "",
    };
    let words = match days {
        _ if at <= now => format!("{what} expired"),
        1 => format!("{what} ends within a day"),
        days => format!("{what} for {days} days"),
    };
    Countdown::new(color, words)
}

/// About whom a person has to say a word.
fn asks(member: &Member, now: i64) -> Option<&Dispute> {
    member.disputes.iter().find(|dispute| dispute.until > now)
}

fn signed_in(dispute: &Dispute) -> String {
    let who = dispute.grant.owner_address.as_deref().unwrap_or("nobody that is known");
    format!("Another address has signed in: {who}.")
}
const SAY: &str = "Say what that means, or sign in again.";

fn act(member: &Member, now: i64) -> Act {
    let mailbox = &member.mailbox;
    let needs = |state| state == State::NeedsPerson;
    if mailbox.incoming.host.is_empty() {
        let words = if mailbox.last_mail_at.is_some() { "Look at it" } else { "Set up" };
        return Act::Open { words, path: format!("/mailboxes/{}/remote", mailbox.id) };
    }
    if let Some(dispute) = asks(member, now) {
        let path = format!("/mailboxes/{}/{}", mailbox.id, super::side_word(dispute.grant.side));
        return Act::Open { words: "Answer…", path };
    }
    if mailbox.active && needs(mailbox.incoming_health.state) {
        return mend(member, Side::Incoming);
    }
    if mailbox.outgoing_active && needs(mailbox.outgoing_health.state) {
        return mend(member, Side::Outgoing);
    }
    for side in [Side::Incoming, Side::Outgoing] {
        if member.grant(side).is_some_and(|grant| grant.state != Life::Fulfilled || grant.is_refused()) {
            return mend(member, side);
        }
    }
    if mailbox.incoming.authentication.is_oauth() && mailbox.incoming.grant_id.is_none() {
        return mend(member, Side::Incoming);
    }
    if first_end(member).is_some_and(|(_, at)| days_left(at, now) <= SOON_DAYS) {
        return config(mailbox, Side::Incoming, "Open Config…");
    }
    if !mailbox.active {
        let words = if mailbox.activated_at.is_some() { "Resume" } else { "Start fetching" };
        return Act::Post { words, path: format!("/mailboxes/{}/resume", mailbox.id) };
    }
    if member.unaccounted() > 0 {
        let path = format!("/mailboxes/{}/unaccounted", mailbox.id);
        return Act::Post { words: "Fetch the rest", path };
    }
    Act::Post { words: "Fetch now", path: format!("/mailboxes/{}/fetch", mailbox.id) }
}

/// A side that does not work: what its grant lacks, or its own settings.
fn mend(member: &Member, side: Side) -> Act {
    let mailbox = &member.mailbox;
    let (word, signs_in) = (super::side_word(side), mailbox.server(side).authentication.is_oauth());
    match member.grant(side) {
        Some(grant) if grant.state == Life::Unproved => {
            Act::Post { words: "Prove again", path: format!("/mailboxes/{}/{word}/prove", mailbox.id) }
        }
        Some(grant) if grant.state == Life::Lapsed => config(mailbox, side, "Authorize again"),
        Some(grant) if grant.is_refused() => config(mailbox, side, "Open Config…"),
        None if signs_in => config(mailbox, side, "Authorize"),
        Some(_) | None => {
            Act::Open { words: "Put it right", path: format!("/mailboxes/{}/{word}", mailbox.id) }
        }
    }
}
fn config(mailbox: &Mailbox, side: Side, words: &'static str) -> Act {
    Act::Open { words, path: format!("/mailboxes/{}/{}/authorization", mailbox.id, super::side_word(side)) }
}
