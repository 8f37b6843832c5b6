//! A mailbox's health in words: what state each side is in, since when, why, and what happens next.
use crate::moment::Moment;
use crate::page::Page;
use desk::alerts::alert::{Alert, Kind};
use desk::mailboxes::mailbox::{self, Authentication, Health, Mailbox, State};

/// One side in words.
#[derive(Clone, Debug)]
pub struct Side {
    /// `good`, `warn`, `bad` or empty: the color of its dot.
    pub color: &'static str,
    pub words: &'static str,
    pub since: Moment,
    pub reason: String,
    pub remedy: String,
}

impl Side {
    /// What is off or was never opened is so since it was made, which is no news.
    pub fn tells_since(&self) -> bool {
        // Since when it is on hold stands on top of every page.
        self.words != ON_HOLD && (!self.color.is_empty() || self.words.ends_with("paused"))
    }
}

const ON_HOLD: &str = "mail is on hold";
/// It has no server, and a mail server of one's own brings its mail.
const HANDED_OVER: &str = "mail is handed over by pipe or LMTP";

impl Side {
    /// Nothing is tried at the moment, so that nothing is well either. What a person has to mend stays told.
    fn held(self) -> Side {
        match self.color {
            "bad" => self,
            _ => Side { color: "warn", words: ON_HOLD, reason: String::new(), remedy: String::new(), ..self },
        }
    }
    /// *Nothing sent yet*
    pub fn as_a_sentence(&self) -> String {
        let mut letters = self.words.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub struct Facts {
    /// The tag beside the heading.
    pub color: &'static str,
    pub headline: String,
    pub incoming: Side,
    pub outgoing: Side,
    pub last_mail: Option<Moment>,
    pub last_fetch: Option<Moment>,
    pub last_sent: Option<Moment>,
    /// `None` while nothing is tried: paused, or not set up.
    pub next_try: Option<Moment>,
    /// Why not, then.
    pub no_try: &'static str,
}

impl Facts {
    pub fn of(mailbox: &Mailbox, page: &Page) -> Facts {
        let moment = |at: i64| page.moment(&at);
        let held = |side: Side, works: bool| if page.on_hold && works { side.held() } else { side };
        let incoming = held(incoming(mailbox, page), mailbox.active);
        let outgoing = held(outgoing(mailbox, page), mailbox.outgoing_active);
        let tries = !mailbox.incoming.host.is_empty()
            && mailbox.active
            && mailbox.incoming_health.state != State::Paused
            && !page.on_hold;
        let facts = Facts {
            color: "",
            headline: String::new(),
            incoming,
            outgoing,
            last_mail: mailbox.last_mail_at.map(moment),
            last_fetch: mailbox.last_fetch_at.map(moment),
            last_sent: mailbox.last_sent_at.map(moment),
            next_try: tries.then(|| moment(mailbox.due_at.max(page.now))),
            no_try: match mailbox.incoming.host.is_empty() {
                true => "nothing is fetched",
                false if mailbox.active && page.on_hold => ON_HOLD,
                false => "fetching is off",
            },
        };
        facts.summed_up()
    }

    /// The tag is as bad as the worse side.
    pub fn summed_up(mut self) -> Facts {
        let worst = [&self.incoming, &self.outgoing].into_iter().find(|side| side.color == "bad");
        let headline = match (worst, &self.last_mail) {
            (Some(side), _) => side.words.to_owned(),
            (None, Some(at)) if self.incoming.words == HANDED_OVER => {
                format!("mail is handed over, last {}", at.words())
            }
            (None, Some(at)) if self.incoming.color == "good" => format!("last fetched {}", at.words()),
            (None, _) => self.incoming.words.to_owned(),
        };
        self.color = worst.map_or(self.incoming.color, |side| side.color);
        self.headline = headline;
        self
    }

    /// A link that is open may go on while its consent has ended, and what is tried again may have been so for long: neither
    /// is green.
    pub fn with(mut self, alerts: &[Alert]) -> Facts {
        let of_side = |alert: &&Alert| matches!(alert.fact.kind, Kind::Incoming | Kind::Outgoing);
        if alerts.iter().any(|alert| alert.fact.kind == Kind::Filing) {
            self.color = "bad";
            "mail does not become tickets".clone_into(&mut self.headline);
        }
        if self.color == "good" && alerts.iter().any(|alert| of_side(&alert)) {
            self.color = "warn";
        }
        self
    }
}

fn incoming(mailbox: &Mailbox, page: &Page) -> Side {
    let health = &mailbox.incoming_health;
    if mailbox.incoming.host.is_empty() {
        return match mailbox.last_mail_at {
            Some(_) => side(health, page, "good", HANDED_OVER),
            None => side(health, page, "", "not set up"),
        };
    }
    let (color, words) = match health.state {
        State::Paused => ("", "fetching is paused"),
        _ if !mailbox.active => ("", "fetching is off"),
        State::New => ("", "not opened yet"),
        State::Ok => ("good", "mail is fetched"),
        State::Waiting => ("warn", mailbox.lack().unwrap_or("tried again by itself")),
        State::NeedsPerson => ("bad", mailbox.lack().unwrap_or("gets no mail")),
    };
    side(health, page, color, words)
}

fn outgoing(mailbox: &Mailbox, page: &Page) -> Side {
    let health = &mailbox.outgoing_health;
    if mailbox.sends_nothing() {
        return side(health, page, "", "sends no mail: no outgoing server");
    }
    let signs_in = match mailbox.outgoing.authentication {
        Authentication::Same => mailbox.incoming.authentication,
        own => own,
    };
    let (color, words) = match health.state {
        _ if !mailbox.outgoing_active => ("", "sending is off"),
        // Nothing was tried since the grant went: what was well before says nothing about now.
        State::Ok if signs_in.is_oauth() && mailbox.grant_id(mailbox::Side::Outgoing).is_none() => {
            ("", "not authorized")
        }
        State::New => ("", "nothing sent yet"),
        State::Ok => ("good", "mail is sent"),
        State::Waiting => ("warn", "tried again by itself"),
        State::NeedsPerson => ("bad", "sends no mail"),
        State::Paused => ("", "sending is paused"),
    };
    side(health, page, color, words)
}

fn side(health: &Health, page: &Page, color: &'static str, words: &'static str) -> Side {
    Side {
        color,
        words,
        since: page.since(&health.since),
        reason: health.reason.clone(),
        remedy: health.remedy.clone(),
    }
}
