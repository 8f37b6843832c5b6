//! How far the provider's guide has come, for the numbered steps beside the form: what is stored, and what the last look
//! of the Mailbox Doctor has proved. The words, which are the provider's own, stand in the templates.
mod scripts;

use crate::State;
use courier::doctor::{Examination, Link, Part, Result as Found};
use desk::mailboxes::client::{Authentication as Shown, Client, Flow};
use desk::mailboxes::grant::{self, Grant};
use desk::mailboxes::mailbox::{self, Authentication, Mailbox, Protocol, Side};
use mail::explain::{self, Explanation, Fault, Part as Failed};
use mail::provider::Family;
use scripts::{IMAP, POP, READ, Role, SEND, SMTP, Scripts, Values};

/// The redirect URI, one tenant at `common`, the Client ID, an app of personal accounts alone, the account, a shared
/// mailbox's own account, the consent.
const KEPT_THERE: [u32; 7] = [50011, 50194, 700_016, 9_002_331, 50020, 50057, 90094];

pub struct Guide {
    /// The flow that its steps are of.
    pub flow: Flow,
    /// `secret` or `certificate`; empty where nothing of the two is shown.
    pub shows: &'static str,
    /// Follows `guide` in the ids of its parts, since several guides stand on one page.
    pub key: &'static str,
    /// Where an app is registered; empty where it is not known.
    pub portal: String,
    /// As its own pages call it.
    pub portal_name: String,
    /// What the provider is called.
    pub provider: String,
    /// What the registration may be called there.
    pub name: String,
    pub address: String,
    /// The mailbox that is opened, by its first address.
    pub opens: String,
    /// The delegated permissions of the app registration.
    pub permissions: Vec<&'static str>,
    pub reads_by_graph: bool,
    pub sends_by_graph: bool,
    /// The same by scripts, where the provider takes some.
    pub scripts: Option<Scripts>,
    /// What an application needs for this mailbox at Exchange's servers, one a line.
    pub roles: String,
    /// And of Microsoft Graph.
    pub graph_roles: String,
    pub facts: Facts,
    /// Of the outgoing side's Config.
    pub is_outgoing: bool,
    done: Vec<bool>,
}

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
    fn of(
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
        Facts {
            id: !client.client_id.is_empty(),
            secret: match client.flow {
                Flow::ServiceAccount => !client.account_address.is_empty(),
                Flow::Code | Flow::AppOnly if client.shows_certificate() => client.has_certificate,
                Flow::Code | Flow::AppOnly => client.has_secret,
            },
            secret_works: failed != Some(Failed::Secret) && (is_authorized || on_a_side(Link::Client)),
            consent: is_authorized || on_a_side(Link::Token),
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
    fn steps(&self, flow: Flow, family: Family, side: Side, needs_secret: bool) -> Vec<bool> {
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
                *step = false;
            }
        }
        steps
    }

    /// As the family's template numbers them. An id exists only after the steps that make it, and a secret that was
    /// entered after those before it.
    fn reached(&self, flow: Flow, family: Family, side: Side, needs_secret: bool) -> Vec<bool> {
        let secret = self.secret || !needs_secret;
        let (opened, sends) = (self.consent && self.opened, self.consent && self.sends);
        match flow {
            Flow::Code => {}
            Flow::AppOnly if family != Family::Microsoft => {
                let (consent, entered) = (self.consent, self.consent || (self.id && secret));
                return vec![consent || self.id, entered, entered, consent, consent, opened, sends];
            }
            Flow::AppOnly => {
                let (permitted, let_in) = (self.consent && self.permitted, self.consent && self.signed_in);
                let consent = self.consent;
                return vec![consent || self.id, permitted, secret, let_in, let_in, opened, sends, consent];
            }
            Flow::ServiceAccount => {
                let (file, consent) = (self.secret, self.consent);
                return vec![file, file, file, consent, consent, consent, opened, sends];
            }
        }
        let entered = self.consent || (self.id && secret);
        let (id, consent) = (self.consent || self.id, self.consent);
        let callback = consent || id;
        let mut steps = match family {
            Family::Microsoft => vec![id, id, callback, entered, entered, entered, entered, consent],
            Family::Google => vec![id, id, id, id, callback, id, entered, consent],
            Family::Other => vec![callback, entered, entered, consent],
        };
        match side {
            Side::Incoming => steps.extend([opened, sends]),
            Side::Outgoing => steps.push(sends),
        }
        steps
    }
}

/// What was heard last: how the newest try ended, what the token endpoint says of the one in use, or what the doctor was
/// told since.
fn failed(side: Side, looked: Option<&Examination>, newest: Option<&Grant>) -> Option<Failed> {
    let has_failed = |grant: &&Grant| grant.state == grant::State::Failed || grant.is_refused();
    let of_a_try = newest.filter(has_failed).and_then(|grant| explain::part(&grant.reason_code));
    let since = newest.map_or(0, |grant| grant.since);
    let of_the_look = looked.filter(|looked| looked.at > since).and_then(|looked| {
        let of_the_side = looked.steps.iter().filter(|step| step.part == part_of(side));
        let of_the_registration = of_the_side.filter(|step| matches!(step.link, Link::Site | Link::Client));
        of_the_registration.filter_map(|step| explain::part(&step.code)).next()
    });
    of_the_look.or(of_a_try)
}

fn part_of(side: Side) -> Part {
    match side {
        Side::Incoming => Part::Incoming,
        Side::Outgoing => Part::Outgoing,
    }
}

impl Guide {
    /// One word of PowerShell, whatever it holds; what is not known yet stands there by its name.
    pub fn word(&self, text: &str, unknown: &str) -> String {
        scripts::in_powershell(if text.trim().is_empty() { unknown } else { text.trim() })
    }

    pub fn of(
        state: &State,
        mailbox: &Mailbox,
        client: &Client,
        side: Side,
        callback: &str,
        (is_authorized, newest): (bool, Option<&Grant>),
    ) -> Guide {
        let preset = state.presets.of(&client.provider);
        let family = state.presets.family(&client.provider);
        let looked = state.examined.found(mailbox.id);
        let facts = Facts::of(mailbox, client, side, is_authorized, (looked.as_deref(), newest));
        let name = format!("{} mail", state.site.name);
        // The practice portal takes none, and the real one is not what is rehearsed.
        let oauth2 = state.presets.oauth2(&client.provider).filter(|_| !state.practice());
        let roles = roles(mailbox, client);
        let sends_alone = side == Side::Outgoing && mailbox.incoming.client_id != mailbox.outgoing.client_id;
        let mut permissions = scripts::permissions(mailbox);
        // What only sends is to read nothing.
        permissions.retain(|name| !(sends_alone && scripts::READING.contains(name)));
        let shows = match (client.flow, client.authentication) {
            (Flow::ServiceAccount, _) => "",
            (Flow::Code | Flow::AppOnly, Shown::Secret) => "secret",
            (Flow::Code | Flow::AppOnly, Shown::Certificate) => "certificate",
        };
        let values = Values {
            permissions: &permissions,
            name: &name,
            callback,
            tenant: client.tenant.trim(),
            makes_secret: shows != "certificate",
        };
        let (reads_by_graph, sends_by_graph) =
            (mailbox.is_by_graph(Side::Incoming), mailbox.is_by_graph(Side::Outgoing));
        Guide {
            reads_by_graph,
            sends_by_graph,
            scripts: oauth2.and_then(|oauth2| match client.flow {
                Flow::AppOnly => Scripts::of_app_only(&values, oauth2, &roles),
                Flow::Code => Scripts::of(&values, oauth2),
                Flow::ServiceAccount => None,
            }),
            flow: client.flow,
            shows,
            key: match (client.flow, shows) {
                (Flow::Code, "certificate") => "-certificate",
                (Flow::Code, _) => "",
                (Flow::AppOnly, "certificate") => "-app-certificate",
                (Flow::AppOnly, _) => "-app",
                (Flow::ServiceAccount, _) => "-account",
            },
            provider: if preset.label.is_empty() { "the provider".to_owned() } else { preset.label },
            portal_name: match (state.practice(), preset.portal_name) {
                (true, _) => "practice portal".to_owned(),
                (false, name) if name.is_empty() => "Microsoft Entra admin center".to_owned(),
                (false, name) => name,
            },
            portal: preset.portal,
            address: mailbox.address.clone(),
            opens: mailbox.opens().to_owned(),
            roles: lines(&roles, scripts::EXCHANGE),
            graph_roles: lines(&roles, scripts::GRAPH),
            done: facts.steps(client.flow, family, side, preset.needs_secret),
            is_outgoing: side == Side::Outgoing,
            facts,
            permissions,
            name,
        }
    }
    /// What Exchange calls the roles of this mailbox alone: a name has 64 characters at most, and is taken once.
    pub fn management_scope(&self) -> String {
        scripts::in_powershell(&format!("Postern {}", self.opens).chars().take(64).collect::<String>())
    }
    /// Which mailbox they are for, as one word of PowerShell with another one in it.
    pub fn management_filter(&self) -> String {
        scripts::in_powershell(&format!("PrimarySmtpAddress -eq {}", scripts::in_powershell(&self.opens)))
    }
    /// The mailbox that is opened has another first address.
    pub fn is_alias(&self) -> bool {
        !self.opens.eq_ignore_ascii_case(&self.address)
    }
    /// Microsoft's own pages, which name the directory otherwise than the Azure portals do.
    pub fn is_entra(&self) -> bool {
        self.portal_name.contains("Entra")
    }
    pub fn steps(&self) -> usize {
        self.done.len()
    }
    pub fn done(&self) -> usize {
        self.done.iter().filter(|done| **done).count()
    }
    /// What Microsoft shows on its own page and does not send the browser back with: number, cause, remedy.
    pub fn kept_there(&self) -> Vec<(u32, Explanation)> {
        KEPT_THERE
            .map(|number| {
                let fault = Fault { codes: vec![number], ..Fault::default() };
                (number, explain::oauth(Family::Microsoft.word(), &fault))
            })
            .to_vec()
    }
    fn is_done(&self, step: usize) -> bool {
        step.checked_sub(1).and_then(|at| self.done.get(at)).copied().unwrap_or(false)
    }
    /// `done` for a step that is behind.
    pub fn class(&self, step: usize) -> &'static str {
        if self.is_done(step) { "done" } else { "" }
    }
    /// `aria-current` of the step that comes next.
    pub fn current(&self, step: usize) -> &'static str {
        let next = self.done.iter().position(|done| !done).map(|at| at + 1);
        if next == Some(step) { "step" } else { "false" }
    }
}

/// The permissions of one resource, a line each.
fn lines(roles: &[Role], of: &str) -> String {
    let names = roles.iter().filter(|role| role.api == of).map(|role| role.name);
    names.collect::<Vec<_>>().join("\n")
}

/// What an application is to be allowed for this mailbox, and no more. Sending that is not set up yet will be by the same.
fn roles(mailbox: &Mailbox, client: &Client) -> Vec<Role> {
    let reads = mailbox.incoming.client_id == Some(client.id);
    let sends = match mailbox.outgoing.authentication {
        Authentication::Same => reads,
        Authentication::None => reads && !mailbox.outgoing_active,
        Authentication::Password => false,
        Authentication::Microsoft | Authentication::Google | Authentication::Other => {
            mailbox.outgoing.client_id == Some(client.id)
        }
    };
    let reading = match mailbox.protocol {
        Protocol::Imap => IMAP,
        Protocol::Pop3 => POP,
        Protocol::Graph => READ,
    };
    let sending = if mailbox.is_by_graph(Side::Outgoing) { SEND } else { SMTP };
    [reads.then_some(reading), sends.then_some(sending)].into_iter().flatten().collect()
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
            (facts(true, true, false, false, false), Family::Microsoft, 7),
            (facts(true, true, true, false, false), Family::Microsoft, 8),
            (facts(true, true, true, true, false), Family::Microsoft, 9),
            (facts(true, true, true, true, true), Family::Microsoft, 10),
            // Of another registration of the mailbox, say.
            (facts(true, true, false, true, true), Family::Microsoft, 7),
            (facts(true, false, false, false, false), Family::Google, 6),
            (facts(true, true, true, false, true), Family::Google, 9),
            (facts(true, true, true, true, true), Family::Other, 6),
        ] {
            let steps = facts.steps(Flow::Code, family, Side::Incoming, true);
            assert_eq!(steps.iter().filter(|step| **step).count(), done, "{facts:?} {family:?}");
        }
        let without =
            Facts { id: true, ..Facts::default() }.steps(Flow::Code, Family::Other, Side::Incoming, false);
        assert_eq!(without.iter().filter(|step| **step).count(), 3, "no secret is needed");
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
                assert_eq!(steps.iter().position(|done| !done), Some(first - 1), "{failed:?} {family:?}");
            }
        }
        let sends =
            facts(true, true, true, false, true).steps(Flow::Code, Family::Microsoft, Side::Outgoing, true);
        assert_eq!((sends.len(), sends.iter().all(|done| *done)), (9, true), "nothing of it is fetching");
    }

    #[test]
    fn where_nobody_signs_in_steps_are_ticked_by_what_was_proved() {
        let entered = Facts { id: true, secret: true, ..Facts::default() };
        let asked = Facts { secret_works: true, consent: true, ..entered };
        let done = |facts: Facts, flow| -> Vec<usize> {
            let steps = facts.steps(flow, Family::Microsoft, Side::Incoming, true);
            assert_eq!(steps.len(), 8);
            (1..=8).filter(|step| steps[step - 1]).collect()
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
        let elsewhere = |facts: Facts| {
            let steps = facts.steps(Flow::AppOnly, Family::Other, Side::Incoming, true);
            steps.iter().filter(|step| **step).count()
        };
        assert_eq!(
            [elsewhere(entered), elsewhere(asked)],
            [3, 5],
            "a provider of its own has a guide of its own"
        );
        assert_eq!(done(entered, Flow::ServiceAccount), [1, 2, 3]);
        assert_eq!(done(asked, Flow::ServiceAccount), [1, 2, 3, 4, 5, 6]);
        assert_eq!(done(Facts { opened: true, ..asked }, Flow::ServiceAccount), [1, 2, 3, 4, 5, 6, 7]);
    }
}
