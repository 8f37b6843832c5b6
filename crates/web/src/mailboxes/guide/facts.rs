//! What is known of a registration to be behind, and which steps of its guide that ticks.
use super::roles;
use courier::doctor::{Examination, Link, Part, Result as Found};
use desk::mailboxes::client::{Client, Flow};
use desk::mailboxes::grant::{self, Grant};
use desk::mailboxes::mailbox::{self, Mailbox, Side};
use mail::explain::{self, Part as Failed};
use mail::provider::Family;

/// What is known to be behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub id: bool,
    pub secret: bool,
    /// A token was given for it.
    pub secret_works: bool,
    pub consent: bool,
    /// What a token of an application has to carry is on it.
    pub permitted: bool,
    pub signed_in: bool,
    pub opened: bool,
    pub sends: bool,
    /// The last that was heard of the registration: this of it is not right.
    pub failed: Option<Failed>,
}

impl Facts {
    pub(super) fn of(
        mailbox: &Mailbox,
        client: &Client,
        side: Side,
        is_authorized: bool,
        (looked, newest): (Option<&Examination>, Option<&Grant>),
    ) -> Facts {
        let steps = || looked.iter().flat_map(|found| &found.steps);
        let failed = failed(side, looked, newest);
        let proved = |part: Part, link: Link| {
            let mut of_link = steps().filter(|step| step.part == part && step.link == link);
            of_link.any(|step| matches!(step.result, Found::Good | Found::Warning))
        };
        // Only a token that can be read tells what it carries, and a warning tells what it lacks.
        let named_on_the_token = steps()
            .filter(|step| step.link == Link::Token && step.result == Found::Good)
            .any(|step| roles(mailbox, client).iter().any(|role| step.found.contains(role.name)));
        let on_a_side = |link: Link| proved(Part::Incoming, link) || proved(Part::Outgoing, link);
        let is_ok = |health: &mailbox::Health| health.state == mailbox::State::Ok;
        // Tokens were given, and what they open is not proved yet.
        let given = is_authorized
            || newest
                .is_some_and(|grant| grant.client_id == client.id && grant.state == grant::State::Unproved);
        let secret_works = failed != Some(Failed::Secret) && (given || on_a_side(Link::Client));
        Facts {
            id: !client.client_id.is_empty(),
            secret: match client.flow {
                Flow::ServiceAccount => !client.account_address.is_empty(),
                // It is made here, and what is to be done is its upload, which only a token shows.
                Flow::Code | Flow::AppOnly if client.shows_certificate() => {
                    client.has_certificate && secret_works
                }
                Flow::Code | Flow::AppOnly => client.has_secret,
            },
            secret_works,
            consent: given || on_a_side(Link::Token),
            permitted: is_authorized || named_on_the_token,
            signed_in: is_authorized || on_a_side(Link::SignIn),
            opened: is_ok(&mailbox.incoming_health)
                || mailbox.last_fetch_at.is_some()
                || proved(Part::Incoming, Link::Folder),
            sends: is_ok(&mailbox.outgoing_health) || proved(Part::Outgoing, Link::Sender),
            failed,
        }
    }

    /// Step by step; what a later failure is about is not done, whatever was reached with it before.
    pub(super) fn steps(&self, flow: Flow, family: Family, side: Side, needs_secret: bool) -> Vec<Step> {
        let mut steps = self.reached(flow, family, side, needs_secret);
        let undone: &[usize] = match (self.failed, flow, family) {
            (None, ..) | (Some(Failed::Callback), Flow::AppOnly | Flow::ServiceAccount, _) => &[],
            (Some(Failed::Callback), Flow::Code, Family::Microsoft) => &[3],
            (Some(Failed::Callback), Flow::Code, Family::Google) => &[5],
            (Some(Failed::Callback), Flow::Code, Family::Other) => &[1],
            (Some(Failed::Secret), Flow::AppOnly, Family::Google | Family::Other) => &[2],
            (Some(Failed::Permissions), Flow::AppOnly, Family::Google | Family::Other) => &[3],
            (Some(Failed::Secret), Flow::AppOnly | Flow::ServiceAccount, _) => &[3],
            (Some(Failed::Secret), Flow::Code, Family::Microsoft) => &[6],
            (Some(Failed::Secret), Flow::Code, Family::Google) => &[7],
            (Some(Failed::Secret), Flow::Code, Family::Other) => &[2],
            (Some(Failed::Permissions), Flow::AppOnly, _) => &[2],
            (Some(Failed::Permissions), Flow::ServiceAccount, _) => &[5],
            (Some(Failed::Permissions), Flow::Code, Family::Microsoft) => &[4, 5],
            (Some(Failed::Permissions), Flow::Code, Family::Google) => &[4],
            (Some(Failed::Permissions), Flow::Code, Family::Other) => &[3],
        };
        for step in undone {
            if let Some(step) = steps.get_mut(step - 1) {
                *step = Step::Open;
            }
        }
        steps
    }

    /// As the family's template numbers them. An id and a secret are here because somebody has made them there; what else
    /// was done there nothing but a token shows.
    fn reached(&self, flow: Flow, family: Family, side: Side, needs_secret: bool) -> Vec<Step> {
        let (consent, secret) = (self.consent, self.secret || !needs_secret);
        let (id, entered) = (consent || self.id, consent || (self.id && secret));
        let (opened, sends) = (consent && self.opened, consent && self.sends);
        let let_in = consent && self.signed_in;
        let (is, shown_after) = (Step::is, |entered| Step::shown(consent, entered));
        match flow {
            Flow::Code => {}
            Flow::AppOnly if family != Family::Microsoft => {
                let steps = [is(id), is(entered), shown_after(entered), is(let_in), is(consent)];
                return steps.into_iter().chain([is(opened), is(sends)]).collect();
            }
            Flow::AppOnly => {
                let steps = [id, consent && self.permitted, secret, let_in, let_in, opened, sends, consent];
                return steps.map(is).to_vec();
            }
            Flow::ServiceAccount => {
                let file = self.secret;
                let steps = [shown_after(file), is(file), is(file), is(consent), is(consent), is(consent)];
                return steps.into_iter().chain([is(opened), is(sends)]).collect();
            }
        }
        let (with_id, with_both) = (shown_after(self.id), shown_after(entered));
        let (id, secret, consent) = (is(id), is(consent || secret), is(consent));
        let mut steps = match family {
            Family::Microsoft => vec![id, id, with_id, with_both, with_both, secret, id, consent],
            Family::Google => vec![id, with_id, with_id, with_id, with_id, id, secret, consent],
            Family::Other => vec![with_id, is(entered), with_both, consent],
        };
        match side {
            Side::Incoming => steps.extend([is(opened), is(sends)]),
            Side::Outgoing => steps.push(is(sends)),
        }
        steps
    }
}

/// How far a step of the guide is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody has to do it.
    Open,
    /// Whether it was done nothing here shows yet; what comes after it does.
    Unseen,
    /// What is stored here or was proved says so.
    Done,
}
impl Step {
    fn is(done: bool) -> Step {
        if done { Step::Done } else { Step::Open }
    }
    /// `passed`: what is entered here comes after it, so that nobody is sent back to it.
    fn shown(proved: bool, passed: bool) -> Step {
        match (proved, passed) {
            (true, _) => Step::Done,
            (false, true) => Step::Unseen,
            (false, false) => Step::Open,
        }
    }
}

/// What was heard last: how the newest try ended, what the token endpoint says of the one in use, or what the doctor was
/// told since.
fn failed(side: Side, looked: Option<&Examination>, newest: Option<&Grant>) -> Option<Failed> {
    let has_failed = |grant: &&Grant| grant.state == grant::State::Failed || grant.is_refused();
    let of_a_try = newest.filter(has_failed).and_then(|grant| explain::part(&grant.reason_code));
    let since = newest.map_or(0, |grant| grant.since);
    let of_the_look = looked.filter(|looked| looked.at > since).and_then(|looked| {
        let of_the_side = looked.steps.iter().filter(|step| step.part == Part::from(side));
        let mut of_the_registration =
            of_the_side.filter(|step| matches!(step.link, Link::Site | Link::Client));
        of_the_registration.find_map(|step| explain::part(&step.code))
    });
    of_the_look.or(of_a_try)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_ticked_by_what_is_known() {
        let facts = |id, secret, consent, opened, sends| Facts {
            id,
            secret,
            secret_works: consent,
            consent,
            permitted: consent,
            signed_in: opened,
            opened,
            sends,
            failed: None,
        };
        for (facts, family, done) in [
            (facts(false, false, false, false, false), Family::Microsoft, 0),
            (facts(true, false, false, false, false), Family::Microsoft, 3),
            // Permissions, the consent of an administrator and the callback are proved by nothing that was typed.
            (facts(true, true, false, false, false), Family::Microsoft, 4),
            (facts(true, true, true, false, false), Family::Microsoft, 8),
            (facts(true, true, true, true, false), Family::Microsoft, 9),
            (facts(true, true, true, true, true), Family::Microsoft, 10),
            // Of another registration of the mailbox, say.
            (facts(true, true, false, true, true), Family::Microsoft, 4),
            (facts(true, false, false, false, false), Family::Google, 2),
            (facts(true, true, false, false, false), Family::Other, 1),
            (facts(true, true, true, false, true), Family::Google, 9),
            (facts(true, true, true, true, true), Family::Other, 6),
        ] {
            let steps = facts.steps(Flow::Code, family, Side::Incoming, true);
            assert_eq!(ticked(&steps).len(), done, "{facts:?} {family:?}");
        }
        let without =
            Facts { id: true, ..Facts::default() }.steps(Flow::Code, Family::Other, Side::Incoming, false);
        assert_eq!(ticked(&without), [2], "no secret is needed");
        for (failed, family, first) in [
            (Failed::Callback, Family::Microsoft, 3),
            (Failed::Callback, Family::Google, 5),
            (Failed::Callback, Family::Other, 1),
            (Failed::Secret, Family::Microsoft, 6),
            (Failed::Permissions, Family::Microsoft, 4),
        ] {
            // Also where it was authorized before: the next sign-in would fail.
            for consent in [false, true] {
                let told = Facts { failed: Some(failed), ..facts(true, true, consent, true, true) };
                let steps = told.steps(Flow::Code, family, Side::Incoming, true);
                assert_eq!(next(&steps), Some(first), "{failed:?} {family:?}");
            }
        }
        let sends =
            facts(true, true, true, false, true).steps(Flow::Code, Family::Microsoft, Side::Outgoing, true);
        assert_eq!(ticked(&sends), (1..=9).collect::<Vec<_>>(), "nothing of it is fetching");
    }

    #[test]
    fn what_nothing_has_proved_is_not_ticked_and_sends_nobody_back() {
        let id = Facts { id: true, ..Facts::default() };
        let entered = Facts { secret: true, ..id };
        let microsoft = |facts: Facts| facts.steps(Flow::Code, Family::Microsoft, Side::Incoming, true);
        assert_eq!((ticked(&microsoft(id)), next(&microsoft(id))), (vec![1, 2, 7], Some(4)));
        assert_eq!((ticked(&microsoft(entered)), next(&microsoft(entered))), (vec![1, 2, 6, 7], Some(8)));
        let google = entered.steps(Flow::Code, Family::Google, Side::Incoming, true);
        assert_eq!((ticked(&google), next(&google)), (vec![1, 6, 7], Some(8)));
    }

    fn ticked(steps: &[Step]) -> Vec<usize> {
        (1..=steps.len()).filter(|step| steps[step - 1] == Step::Done).collect()
    }
    fn next(steps: &[Step]) -> Option<usize> {
        steps.iter().position(|step| *step == Step::Open).map(|at| at + 1)
    }

    #[test]
    fn where_nobody_signs_in_steps_are_ticked_by_what_was_proved() {
        let entered = Facts { id: true, secret: true, ..Facts::default() };
        let asked = Facts { secret_works: true, consent: true, ..entered };
        let done = |facts: Facts, flow| -> Vec<usize> {
            let steps = facts.steps(flow, Family::Microsoft, Side::Incoming, true);
            assert_eq!(steps.len(), 8);
            ticked(&steps)
        };
        for (facts, ticked) in [
            (Facts::default(), vec![]),
            (Facts { id: true, ..Facts::default() }, vec![1]),
            (entered, vec![1, 3]),
            // Entra gives a token without any permission.
            (asked, vec![1, 3, 8]),
            (Facts { permitted: true, ..asked }, vec![1, 2, 3, 8]),
            // Exchange lets it in, and not into this mailbox.
            (Facts { permitted: true, signed_in: true, ..asked }, vec![1, 2, 3, 4, 5, 8]),
            (Facts { permitted: true, signed_in: true, opened: true, ..asked }, vec![1, 2, 3, 4, 5, 6, 8]),
            (
                Facts { permitted: true, signed_in: true, opened: true, sends: true, ..asked },
                (1..=8).collect(),
            ),
            // The secret was deleted at the provider since.
            (
                Facts {
                    failed: Some(Failed::Secret),
                    permitted: true,
                    signed_in: true,
                    opened: true,
                    ..asked
                },
                vec![1, 2, 4, 5, 6, 8],
            ),
            // By another registration of the mailbox.
            (Facts { signed_in: true, opened: true, sends: true, ..entered }, vec![1, 3]),
        ] {
            assert_eq!(done(facts, Flow::AppOnly), ticked, "{facts:?}");
        }
        let elsewhere =
            |facts: Facts| ticked(&facts.steps(Flow::AppOnly, Family::Other, Side::Incoming, true));
        assert_eq!(elsewhere(entered), [1, 2], "a provider of its own has a guide of its own");
        assert_eq!(elsewhere(asked), [1, 2, 3, 5], "a token says nothing of the mail server");
        assert_eq!(elsewhere(Facts { signed_in: true, ..asked }), [1, 2, 3, 4, 5]);
        assert_eq!(done(entered, Flow::ServiceAccount), [2, 3]);
        assert_eq!(done(asked, Flow::ServiceAccount), [1, 2, 3, 4, 5, 6]);
        assert_eq!(done(Facts { opened: true, ..asked }, Flow::ServiceAccount), [1, 2, 3, 4, 5, 6, 7]);
    }
}
