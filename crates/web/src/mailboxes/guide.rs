//! How far the provider's guide has come, for the numbered steps beside the form: what is stored, and what the last look
//! of the Mailbox Doctor has proved. The words, which are the provider's own, stand in the templates.
mod facts;
mod scripts;

use crate::State;
use desk::mailboxes::client::{Authentication as Shown, Client, Flow};
use desk::mailboxes::grant::Grant;
use desk::mailboxes::mailbox::{Authentication, Mailbox, Protocol, Side};
use facts::{Facts, Step};
use mail::explain::{self, Explanation, Fault};
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
    done: Vec<Step>,
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
            roles: scripts::names(&roles, scripts::EXCHANGE).join("\n"),
            graph_roles: scripts::names(&roles, scripts::GRAPH).join("\n"),
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
        self.done.iter().filter(|step| **step == Step::Done).count()
    }
    /// Steps that are behind, as far as anybody can tell, and are not ticked.
    pub fn has_unseen(&self) -> bool {
        self.done.contains(&Step::Unseen)
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
        step.checked_sub(1).and_then(|at| self.done.get(at)) == Some(&Step::Done)
    }
    /// `done` for a step that is behind.
    pub fn class(&self, step: usize) -> &'static str {
        if self.is_done(step) { "done" } else { "" }
    }
    /// `aria-current` of the step that comes next.
    pub fn current(&self, step: usize) -> &'static str {
        let next = self.done.iter().position(|step| *step == Step::Open).map(|at| at + 1);
        if next == Some(step) { "step" } else { "false" }
    }
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
