//! What surrounds every page: the rail, the strip of trouble, the tokens of its forms. And how a page becomes
//! an answer.
mod sentence;
mod unseen;

use crate::moment::{self, Clock, Moment};
use crate::session::{Visit, Who};
use crate::{Error, State, assets, session};
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use desk::Desk;
use desk::alerts::alert::{self, Alert, Kind};
use desk::alerts::condition::{SOON_DAYS, days_left};
use desk::alerts::notice;
use desk::intake::held;
use desk::intake::inbox::{self, Unfiled};
use desk::mailboxes::mailbox::{self, Mailbox, NOT_SETTLED, Side, State as Health};
use desk::site::key_health;
use desk::site::mail_hold::{self, MailHold};
use desk::tickets::index;
use desk::tickets::queue::{self, Counts};
use jiff::tz::TimeZone;
use sentence::first_sentence;
use unseen::{not_filed, not_found_by_words};

/// Which line of the rail this page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    Open,
    Mine,
    Unassigned,
    NotSent,
    Closed,
    Held,
    Emails,
    Agents,
    Profile,
    /// None of them: an error, a search.
    Nowhere,
}

/// Who is signed in, as the rail shows it.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub initials: String,
    pub is_administrator: bool,
}

/// A line of the red strip.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub what: String,
    pub since: Option<Moment>,
    pub sentence: String,
    /// Empty: nothing that this person can do about it.
    pub link: String,
    /// `bad`, or `warn` for what is yet to come.
    pub color: &'static str,
    pub button: &'static str,
}

/// Given to every template as `page`.
#[derive(Clone, Debug)]
pub struct Page {
    pub title: String,
    pub site: String,
    pub here: Here,
    pub theme: String,
    pub language: String,
    pub person: Option<Person>,
    pub counts: Counts,
    /// Messages that wait for a decision.
    pub held: i64,
    /// No round runs: nothing is fetched, refreshed or sent.
    pub on_hold: bool,
    pub strip: Vec<Trouble>,
    pub form_token: String,
    /// The one-use id of a form on this page (invariant 17).
    pub form_id: String,
    /// A green sentence on top: what has just been done.
    pub done: Option<String>,
    /// What was typed was given back after a session had ended.
    pub given_back: bool,
    /// There is no mailbox yet, and this person may add one.
    pub first_steps: bool,
    pub now: i64,
    zone: TimeZone,
}

impl Page {
    /// A page for whoever is asking: without a session it has no rail.
    pub async fn new(state: &State, visit: &Visit, title: &str, here: Here) -> Result<Page, Error> {
        let mut page = Page::bare(state, visit, title);
        page.here = here;
        let Some(who) = &visit.who else { return Ok(page) };
        let (viewer, is_administrator) = (who.viewer(), who.is_administrator());
        let (counts, held, hold, rest, words_missing) = state
            .courier
            .read(move |tx| {
                let (counts, held, hold) =
                    (queue::counts(tx, &viewer)?, held::count(tx)?, mail_hold::find(tx)?);
                let words_missing = index::missing_before(tx)?.is_some();
                if !is_administrator {
                    let unfiled = Unfiled::default();
                    return Ok((counts, held, hold, (Vec::new(), unfiled, Vec::new(), None), words_missing));
                }
                let mailboxes = mailbox::list(tx, None, mailbox::LIST_MAX)?;
                let rest = (mailboxes, inbox::unfiled(tx)?, alert::open(tx)?, notice::why_unsent(tx)?);
                Ok((counts, held, hold, rest, words_missing))
            })
            .await?;
        let (mailboxes, unfiled, alerts, unsent) = rest;
        page.person = Some(person(who));
        page.counts = counts;
        page.first_steps = is_administrator && mailboxes.is_empty();
        page.held = held;
        if is_administrator {
            page.strip.extend(no_room(state).await);
            page.strip.extend(unwritable(state));
            page.strip.extend(no_key(state).await);
        }
        page.on_hold = hold.is_some() || state.site.mail_is_held;
        page.strip.extend(on_hold(&page, hold.as_ref(), state.site.mail_is_held, is_administrator));
        page.strip.extend(strip(&mailboxes, &alerts, unsent, &page));
        page.strip.extend(not_filed(&page, unfiled));
        page.strip.extend(words_missing.then(|| not_found_by_words(is_administrator)));
        Ok(page)
    }

    /// Without rail and strip: before there is a session, or when the database is in trouble.
    pub fn bare(state: &State, visit: &Visit, title: &str) -> Page {
        let agent = visit.who.as_ref().map(Who::agent);
        Page {
            title: title.to_owned(),
            site: state.site.name.clone(),
            here: Here::Nowhere,
            theme: agent.map_or("auto", |agent| &agent.theme).to_owned(),
            language: agent.map_or("en", |agent| &agent.language).to_owned(),
            person: None,
            counts: Counts::default(),
            held: 0,
            on_hold: false,
            strip: Vec::new(),
            form_token: visit.form_token.clone(),
            form_id: session::random_token(state),
            done: None,
            given_back: false,
            first_steps: false,
            now: visit.now,
            zone: moment::zone(agent.map_or("UTC", |agent| &agent.time_zone)),
        }
    }

    /// A time as this reader says it; in a template `{{ page.moment(at) }}`.
    pub fn moment(&self, at: &i64) -> Moment {
        Moment::new(*at, self.now, &self.zone)
    }
    /// For pages that say many times, each in its own way.
    pub fn clock(&self) -> Clock {
        Clock::new(self.now, self.zone.clone())
    }
    /// A time as it follows *since*.
    pub fn since(&self, at: &i64) -> Moment {
        Moment::since(*at, self.now, &self.zone)
    }
    pub fn stylesheet(&self) -> String {
        assets::address("postern.css")
    }
    pub fn script(&self) -> String {
        assets::address("postern.js")
    }
    pub fn icon(&self) -> String {
        assets::address("favicon.svg")
    }
    /// A count as the rail says it: past the bound it is `1,000+`.
    pub fn count(&self, count: &i64) -> String {
        if *count > queue::COUNT_MAX { "1,000+".to_owned() } else { count.to_string() }
    }
    /// `aria-current` of a line of the rail.
    pub fn current(&self, here: Here) -> &'static str {
        if self.here == here { "page" } else { "false" }
    }
}

fn person(who: &Who) -> Person {
    let name = who.agent().name.clone();
    Person { initials: initials(&name), name, is_administrator: who.is_administrator() }
}

/// Two letters for the round face: `Maya Kern` → `MK`.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = words.next();
    first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect()
}

/// Asked of the disk itself: on a full one nothing else could have been written down.
async fn no_room(state: &State) -> Option<Trouble> {
    let shortage = state.courier.blocking(Desk::shortage).await.ok()??;
    Some(Trouble {
        what: "Nothing is fetched".to_owned(),
        since: None,
        sentence: format!(
            "{shortage}. Free some space on the disk of the data folder; it goes on by itself."
        ),
        link: String::new(),
        color: "bad",
        button: "",
    })
}

/// A database that can only be read shows its pages as if all was well.
fn unwritable(state: &State) -> Option<Trouble> {
    let why = state.courier.unwritable()?;
    Some(Trouble {
        what: "Nothing is fetched, filed or sent".to_owned(),
        since: None,
        sentence: format!(
            "The database cannot be written: {why}. Nothing is lost, and nothing is marked at the mail servers; when the database \
             can be written again, it goes on by itself."
        ),
        link: String::new(),
        color: "bad",
        button: "",
    })
}

/// The file that the next start needs.
async fn no_key(state: &State) -> Option<Trouble> {
    let trouble = state.courier.blocking(key_health::trouble).await.ok()??;
    Some(Trouble {
        what: "Do not stop Postern".to_owned(),
        since: None,
        sentence: format!("{trouble} {}", key_health::REMEDY),
        link: String::new(),
        color: "bad",
        button: "",
    })
}

/// Everybody is told: what they write does not go out. The server may have been started so, besides.
fn on_hold(
    page: &Page,
    hold: Option<&MailHold>,
    by_the_flag: bool,
    is_administrator: bool,
) -> Option<Trouble> {
    let sentence = match (hold, by_the_flag, is_administrator) {
        (None, false, _) => return None,
        (Some(_), false, true) => "Nothing is fetched, refreshed or sent.",
        (None, true, true) => {
            "Nothing is fetched, refreshed or sent until Postern is started without --hold-mail."
        }
        (Some(_), true, true) => {
            "Nothing is fetched, refreshed or sent until it is released and Postern is started without --hold-mail."
        }
        (_, _, false) => "What you write goes out when an administrator releases it.",
    };
    let has_page = hold.is_some() && is_administrator;
    Some(Trouble {
        what: if hold.is_some() { "Mail is on hold since" } else { "Mail is on hold" }.to_owned(),
        since: hold.map(|hold| page.since(&hold.since)),
        sentence: sentence.to_owned(),
        link: if has_page { "/mail" } else { "" }.to_owned(),
        color: "warn",
        button: if has_page { "Look at it" } else { "" },
    })
}

/// One slim line for all emails: the worst one, and how many there are besides.
fn strip(mailboxes: &[Mailbox], alerts: &[Alert], unsent: Option<String>, page: &Page) -> Option<Trouble> {
    let mut all: Vec<(i64, Trouble)> = mailboxes.iter().flat_map(|mailbox| troubles(mailbox, page)).collect();
    let needy = |id: Option<i64>| mailboxes.iter().any(|m| Some(m.id) == id && !troubles(m, page).is_empty());
    for alert in alerts.iter().filter(|alert| alert.gone_at.is_none()) {
        let fact = &alert.fact;
        let color = match fact.kind {
            // Said by the mailbox itself; what is left is a grant that lapsed while its token still lives.
            Kind::Incoming | Kind::Outgoing if needy(fact.mailbox_id) => continue,
            Kind::Incoming | Kind::Outgoing | Kind::Silence | Kind::Unaccounted => "warn",
            Kind::Filing => "bad",
            Kind::Secret | Kind::Certificate => match fact.until_at.map(|at| days_left(at, page.now)) {
                Some(0) => "bad",
                // Until then a secret is nobody's trouble of today.
                Some(days) if days <= SOON_DAYS => "warn",
                Some(_) | None => continue,
            },
        };
        let what = fact.headline();
        let said = if fact.until_at.is_some() { &fact.remedy } else { &fact.reason };
        let sentence = first_sentence(said).to_owned();
        let trouble =
            Trouble { what, since: None, sentence, link: fact.path(), color, button: "Put it right" };
        all.push((fact.since, trouble));
    }
    // What is broken before what will be, and what lasts longest first.
    all.sort_by_key(|(since, trouble)| (trouble.color != "bad", *since));
    let more = all.len().saturating_sub(1);
    let mut worst = all.into_iter().next()?.1;
    if more > 0 {
        worst.sentence = format!("{} And {more} more.", worst.sentence);
        worst.link = "/mailboxes?state=needs".to_owned();
        worst.button = "See them all";
    }
    if let Some(unsent) = unsent {
        worst.sentence = format!("{} {unsent}", worst.sentence);
    }
    Some(worst)
}

/// What of this mailbox waits for a person, and since when.
fn troubles(mailbox: &Mailbox, page: &Page) -> Vec<(i64, Trouble)> {
    let incoming = match mailbox.incoming_health.reason_code.as_str() {
        NOT_SETTLED => "leaves fetched mail as it is on the server since",
        _ if mailbox.lack().is_some() => "is not fetched whole since",
        _ => "has got no mail since",
    };
    let sides =
        [(Side::Incoming, "remote", incoming), (Side::Outgoing, "outgoing", "has sent no mail since")];
    // A set-up that is not finished yet is nobody's outage.
    let is_needy =
        |side: Side| mailbox.health(side).state == Health::NeedsPerson && !mailbox.is_unfinished(side);
    let needy = sides.into_iter().filter(|(side, ..)| is_needy(*side));
    let trouble = |(side, tab, what): (Side, &str, &str)| {
        let health = mailbox.health(side);
        let trouble = Trouble {
            what: format!("{} {what}", mailbox.address),
            since: Some(page.since(&health.since)),
            sentence: first_sentence(&health.reason).to_owned(),
            link: format!("/mailboxes/{}/{tab}", mailbox.id),
            color: "bad",
            button: "Put it right",
        };
        (health.since, trouble)
    };
    needy.map(trouble).collect()
}

/// A page as an answer.
pub fn show(template: &impl Template) -> Result<Response, Error> {
    show_as(StatusCode::OK, template)
}
/// A page with a status of its own: 422 for a form that was refused.
pub fn show_as(status: StatusCode, template: &impl Template) -> Result<Response, Error> {
    Ok((status, Html(template.render()?)).into_response())
}

#[cfg(test)]
mod tests {
    #[test]
    fn faces_carry_the_first_and_the_last_initial() {
        for (name, expected) in
            [("Maya Kern", "MK"), ("maya", "M"), ("Ana de la Cruz", "AC"), ("佐藤 花子", "佐花"), ("", "")]
        {
            assert_eq!(super::initials(name), expected);
        }
    }
}
