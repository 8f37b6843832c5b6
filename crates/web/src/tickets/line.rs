//! One ticket as a row of a list.
use super::name;
use crate::moment::{Clock, Moment};
use desk::tickets::entry::Kind;
use desk::tickets::queue::{Line, Queue};
use desk::tickets::ticket::State;

/// What the template `tickets/lines.html` shows of a ticket.
#[derive(Debug)]
pub struct LineView {
    pub number: String,
    pub subject: String,
    pub preview: String,
    pub requester: String,
    pub requester_address: String,
    pub assignee: String,
    pub assignee_full: String,
    pub last_by: String,
    pub last_kind: &'static str,
    pub when: Moment,
    pub news: bool,
    pub tag: Option<Tag>,
    /// Where the row stands among the others: the script keeps this order.
    pub order: String,
}

/// The one tag a row may carry.
#[derive(Debug, PartialEq, Eq)]
pub struct Tag {
    pub tone: &'static str,
    pub text: String,
}

impl LineView {
    /// `queue`: `None` in what was found, where open and closed tickets stand side by side.
    pub fn new(line: &Line, queue: Option<Queue>, clock: &Clock) -> LineView {
        LineView {
            number: line.number.clone(),
            subject: subject(&line.subject),
            preview: line.preview.clone(),
            requester: line.requester_name.clone().unwrap_or_else(|| line.requester_address.clone()),
            requester_address: line.requester_address.clone(),
            assignee: line.assignee.as_deref().map(name::short).unwrap_or_default().to_owned(),
            assignee_full: line.assignee.clone().unwrap_or_default(),
            last_by: name::short(&line.last_name).to_owned(),
            last_kind: match line.last_kind {
                Kind::Message => "wrote",
                Kind::Reply => "replied",
                Kind::Note => "noted",
            },
            when: clock.ago(line.updated_at),
            news: line.news,
            tag: tag(line, queue),
            order: format!("{:016}-{:012}", line.updated_at, line.id),
        }
    }
}

/// A letter without a subject still needs something to click on.
pub fn subject(subject: &str) -> String {
    if subject.trim().is_empty() { "(no subject)".to_owned() } else { subject.to_owned() }
}

/// What matters most: trouble, then a doubt about who wrote, then what has been done.
fn tag(line: &Line, queue: Option<Queue>) -> Option<Tag> {
    if line.unsent > 0 {
        Some(Tag { tone: "bad", text: "not delivered".to_owned() })
    } else if let Some(number) = &line.refers_to {
        Some(Tag { tone: "warn", text: format!("refers to #{number}") })
    } else if line.state == State::Closed {
        (queue != Some(Queue::Closed)).then(|| Tag { tone: "", text: "closed".to_owned() })
    } else if line.last_kind == Kind::Reply {
        Some(Tag { tone: "good", text: "answered".to_owned() })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            id: 7,
            number: "10007".to_owned(),
            subject: "Printer".to_owned(),
            preview: "It burns.".to_owned(),
            state: State::Open,
            requester_name: None,
            requester_address: "ann@customer.example".to_owned(),
            assignee: Some("Maya Kern".to_owned()),
            department: "Support".to_owned(),
            mailbox: None,
            created_at: 0,
            updated_at: 1000,
            last_name: "Maya Kern".to_owned(),
            last_kind: Kind::Reply,
            entries: 2,
            unsent: 0,
            refers_to: Some("10001".to_owned()),
            news: false,
        }
    }

    fn tag_of(line: &Line) -> String {
        tag(line, Some(Queue::Open)).map(|tag| tag.text).unwrap_or_default()
    }

    #[test]
    fn a_row_carries_one_tag_and_trouble_comes_first() {
        let mut line = line();
        line.unsent = 1;
        assert_eq!(tag_of(&line), "not delivered");
        line.unsent = 0;
        assert_eq!(tag_of(&line), "refers to #10001");
        line.refers_to = None;
        assert_eq!(tag_of(&line), "answered");
        line.last_kind = Kind::Message;
        assert_eq!(tag_of(&line), "");
        line.state = State::Closed;
        assert_eq!(tag_of(&line), "closed");
        assert_eq!(tag(&line, Some(Queue::Closed)), None);
    }

    #[test]
    fn who_has_no_name_is_called_by_the_address() {
        let view = LineView::new(&line(), None, &Clock::new(61_000, jiff::tz::TimeZone::UTC));
        assert_eq!(
            (view.requester.as_str(), view.assignee.as_str(), view.when.words()),
            ("ann@customer.example", "Maya", "1 min")
        );
        assert_eq!(subject("  "), "(no subject)");
    }
}
