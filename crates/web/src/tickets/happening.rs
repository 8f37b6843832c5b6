//! An event of a ticket as a sentence between the lines of its thread.
use super::name;
use crate::moment::{Clock, Moment};
use desk::Actor;
use desk::site::event::Event;

#[derive(Debug)]
pub struct Happening {
    pub id: i64,
    pub at: i64,
    pub text: String,
    /// A ticket the sentence leads to.
    pub number: Option<String>,
    pub when: Moment,
    pub bad: bool,
}

impl Happening {
    /// `None` for what the entries already tell.
    pub fn new(event: &Event, clock: &Clock) -> Option<Happening> {
        let (text, number) = sentence(event)?;
        Some(Happening {
            id: event.id,
            at: event.at,
            text,
            number,
            when: clock.in_thread(event.at),
            bad: matches!(event.kind.as_str(), "bounced" | "not_sent"),
        })
    }
}

/// What the sentence says, and the ticket it ends with.
fn sentence(event: &Event) -> Option<(String, Option<String>)> {
    let who = who(&event.actor);
    let word = |name: &str| event.data.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let recipient = || word("recipient").filter(|address| !address.is_empty());
    let plain = |text: String| Some((text, None));
    match event.kind.as_str() {
        "opened" => match (&event.actor, word("refers_to")) {
            (_, Some(other)) => Some(("Opened by mail, with a reference to".to_owned(), Some(other))),
            (Actor::Agent { .. } | Actor::Rule { .. }, None) => plain(format!("Opened by {who}")),
            (Actor::Requester { .. } | Actor::System, None) => plain("Opened by mail".to_owned()),
        },
        "assigned" => match word("agent") {
            Some(agent) if agent == who => plain(format!("{who} took this ticket")),
            Some(agent) => plain(format!("{who} assigned this ticket to {agent}")),
            None => plain(format!("{who} assigned this ticket")),
        },
        "unassigned" => plain(format!("{who} unassigned this ticket")),
        "closed" => plain(format!("Closed by {who}")),
        "reopened" => plain(format!("Reopened by {who}")),
        "joined" => Some((format!("{who} joined this ticket to"), word("into"))),
        "took_in" => Some((format!("{who} joined to this ticket what was"), word("from"))),
        "also_received" => plain(match word("mailbox") {
            Some(mailbox) => format!("Also came to {mailbox}"),
            None => "Also came to another email".to_owned(),
        }),
        "bounced" => match recipient() {
            Some(recipient) => plain(format!("A reply came back from {recipient}")),
            None => plain("A reply came back".to_owned()),
        },
        "not_sent" => match recipient() {
            Some(recipient) => plain(format!("A reply was not sent to {recipient}")),
            None => plain("A reply was not sent".to_owned()),
        },
        "delayed" => match recipient() {
            Some(recipient) => plain(format!("A reply to {recipient} is delayed on its way")),
            None => plain("A reply is delayed on its way".to_owned()),
        },
        "retried" => plain(format!("{who} sent a reply again")),
        "cancelled" => plain(format!("{who} gave up on a reply")),
        "dismissed_unsent" => plain(format!("{who} dealt with what was not sent")),
        // Told by the entries themselves.
        "filed" | "replied" | "noted" => None,
        other => plain(format!("{who}: {}", other.replace('_', " "))),
    }
}

fn who(actor: &Actor) -> String {
    match actor {
        Actor::Agent { name, .. } => name.clone(),
        Actor::Requester { name, .. } => name::short(name).to_owned(),
        Actor::Rule { name } => format!("the rule {name}"),
        Actor::System => "Postern".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use serde_json::{Value, json};

    fn said(actor: Actor, kind: &str, data: Value) -> String {
        let event = Event { id: 1, at: 0, actor, kind: kind.to_owned(), data };
        let happening = Happening::new(&event, &Clock::new(0, TimeZone::UTC));
        happening.map_or_else(String::new, |said| match said.number {
            Some(number) => format!("{} #{number}", said.text),
            None => said.text,
        })
    }
    fn maya() -> Actor {
        Actor::Agent { id: 1, name: "Maya Kern".to_owned() }
    }

    #[test]
    fn what_happened_is_said_as_a_sentence() {
        assert_eq!(said(maya(), "assigned", json!({ "agent": "Maya Kern" })), "Maya Kern took this ticket");
        assert_eq!(
            said(maya(), "assigned", json!({ "agent": "Leo Park" })),
            "Maya Kern assigned this ticket to Leo Park"
        );
        assert_eq!(said(Actor::System, "opened", json!({})), "Opened by mail");
        assert_eq!(
            said(maya(), "joined", json!({ "into": "10001" })),
            "Maya Kern joined this ticket to #10001"
        );
        assert_eq!(
            said(Actor::System, "also_received", json!({ "mailbox": "billing@x.example" })),
            "Also came to billing@x.example"
        );
        assert_eq!(
            said(Actor::System, "bounced", json!({ "recipient": "a@x.example" })),
            "A reply came back from a@x.example"
        );
    }

    #[test]
    fn an_event_that_is_new_to_this_page_is_still_said() {
        assert_eq!(said(Actor::System, "moved_house", json!({})), "Postern: moved house");
    }
}
