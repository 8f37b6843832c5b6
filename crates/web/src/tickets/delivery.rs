//! What became of a reply, recipient by recipient, as lines below it.
use crate::moment::{Clock, Moment};
use desk::outgoing::delivery::{Delivery, Sending, State};

/// The lines below a reply, and what an agent can still do about it.
#[derive(Debug)]
pub struct DeliveriesView {
    pub outbox_id: i64,
    pub lines: Vec<DeliveryLine>,
    pub can_retry: bool,
    pub can_give_up: bool,
}

#[derive(Debug)]
pub struct DeliveryLine {
    /// `good`, `bad`, `warn`, or empty while it is on its way.
    pub tone: &'static str,
    pub icon: &'static str,
    pub said: String,
    pub when: Option<Moment>,
    /// The recipients this line is about.
    pub to: String,
    /// What the other server said.
    pub answer: String,
    pub answer_shown: bool,
}

impl DeliveriesView {
    pub fn new(sending: &Sending, clock: &Clock) -> DeliveriesView {
        let Sending { outbox_id, deliveries } = sending;
        let any = |states: &[State]| deliveries.iter().any(|delivery| states.contains(&delivery.state));
        DeliveriesView {
            outbox_id: *outbox_id,
            lines: lines(deliveries, clock),
            can_retry: any(&[State::Failed, State::Bounced, State::Deferred]),
            can_give_up: any(&[State::Failed, State::Deferred]),
        }
    }
}

/// Those with one fate share a line; trouble has a line each, because each has its own reason.
fn lines(deliveries: &[Delivery], clock: &Clock) -> Vec<DeliveryLine> {
    let mut lines: Vec<(State, DeliveryLine)> = Vec::new();
    for delivery in deliveries {
        let line = line(delivery, clock);
        let shared = matches!(delivery.state, State::Sent | State::Queued | State::Cancelled);
        match lines.iter_mut().find(|(state, _)| shared && *state == delivery.state) {
            Some((_, first)) => {
                first.to.push_str(", ");
                first.to.push_str(&delivery.recipient);
            }
            None => lines.push((delivery.state, line)),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

fn line(delivery: &Delivery, clock: &Clock) -> DeliveryLine {
    let (tone, icon, said, answer_shown) = match delivery.state {
        State::Queued => ("", "clock", "on its way to".to_owned(), false),
        State::Sent => ("good", "check", "sent to".to_owned(), false),
        State::Deferred => {
            ("warn", "clock", format!("{}, will be tried again:", tries(delivery.attempts)), true)
        }
        State::Failed => ("bad", "alert", "not sent to".to_owned(), true),
        State::Bounced => ("bad", "alert", "came back from".to_owned(), true),
        State::Cancelled => ("", "alert", "given up:".to_owned(), false),
    };
    let settled = matches!(delivery.state, State::Sent | State::Failed | State::Bounced);
    DeliveryLine {
        tone,
        icon,
        said,
        when: settled.then(|| clock.in_thread(delivery.at)),
        to: delivery.recipient.clone(),
        answer: delivery.answer.trim().to_owned(),
        answer_shown: answer_shown && !delivery.answer.trim().is_empty(),
    }
}

fn tries(attempts: i64) -> String {
    match attempts {
        ..=0 => "waiting".to_owned(),
        1 => "tried once".to_owned(),
        n => format!("tried {n} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(recipient: &str, state: State, answer: &str) -> Delivery {
        Delivery {
            id: 1,
            recipient: recipient.to_owned(),
            state,
            answer: answer.to_owned(),
            attempts: 2,
            at: 0,
        }
    }
    fn sending(deliveries: &[Delivery]) -> Sending {
        Sending { outbox_id: 1, deliveries: deliveries.to_vec() }
    }
    fn said(deliveries: &[Delivery]) -> Vec<String> {
        let view = DeliveriesView::new(&sending(deliveries), &Clock::new(0, jiff::tz::TimeZone::UTC));
        view.lines.iter().map(|line| format!("{} {}", line.said, line.to)).collect()
    }

    #[test]
    fn those_with_one_fate_share_a_line_and_trouble_has_its_own() {
        assert_eq!(
            said(&[
                delivery("a@x.example", State::Sent, "250 ok"),
                delivery("b@y.example", State::Failed, "550 no such user"),
                delivery("c@x.example", State::Sent, "250 ok"),
                delivery("d@y.example", State::Failed, "552 full"),
                delivery("e@z.example", State::Deferred, "451 later"),
            ]),
            [
                "sent to a@x.example, c@x.example",
                "not sent to b@y.example",
                "not sent to d@y.example",
                "tried 2 times, will be tried again: e@z.example",
            ]
        );
    }

    #[test]
    fn what_went_wrong_can_be_tried_again_and_what_went_well_cannot() {
        let view = |state| {
            let sending = sending(&[delivery("a@x.example", state, "")]);
            DeliveriesView::new(&sending, &Clock::new(0, jiff::tz::TimeZone::UTC))
        };
        assert!(!view(State::Sent).can_retry && !view(State::Sent).can_give_up);
        assert!(!view(State::Queued).can_retry && !view(State::Queued).can_give_up);
        assert!(view(State::Failed).can_retry && view(State::Failed).can_give_up);
        assert!(view(State::Bounced).can_retry && !view(State::Bounced).can_give_up);
    }
}
