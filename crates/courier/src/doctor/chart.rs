//! What is noted of each link.
use crate::trouble::{Trouble, sentence};
use desk::mailboxes::mailbox::Side;
use std::time::Duration;
use tokio::time::Instant;
use wire::Record;

/// What of a mailbox is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Incoming,
    Outgoing,
    /// A letter to itself, out by the one and in by the other.
    RoundTrip,
    /// What the sending domain says of itself to other servers.
    Domain,
}

impl Part {
    pub const ALL: [Part; 4] = [Part::Incoming, Part::Outgoing, Part::RoundTrip, Part::Domain];

    /// As the JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Part::Incoming => "incoming",
            Part::Outgoing => "outgoing",
            Part::RoundTrip => "round_trip",
            Part::Domain => "domain",
        }
    }

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Part::Incoming => "Incoming",
            Part::Outgoing => "Outgoing",
            Part::RoundTrip => "A letter to itself",
            Part::Domain => "Sending domain",
        }
    }
}

impl From<Side> for Part {
    fn from(side: Side) -> Part {
        match side {
            Side::Incoming => Part::Incoming,
            Side::Outgoing => Part::Outgoing,
        }
    }
}

/// The links of a mailbox, in the order in which they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Settings,
    Site,
    Client,
    Token,
    Dns,
    Tcp,
    Tls,
    Capabilities,
    SmtpAuth,
    SignIn,
    Folder,
    Folders,
    Rights,
    Sender,
    SendAs,
    Sent,
    Returned,
    /// Mail to an alias is found in the mailbox behind it, and told from that one's.
    Alias,
    Threads,
    Spf,
    Dkim,
    Dmarc,
}

impl Link {
    /// As the JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Link::Settings => "settings",
            Link::Site => "site",
            Link::Client => "client",
            Link::Token => "token",
            Link::Dns => "dns",
            Link::Tcp => "tcp",
            Link::Tls => "tls",
            Link::Capabilities => "capabilities",
            Link::SmtpAuth => "smtp_auth",
            Link::SignIn => "sign_in",
            Link::Folder => "folder",
            Link::Folders => "folders",
            Link::Rights => "rights",
            Link::Sender => "sender",
            Link::SendAs => "send_as",
            Link::Sent => "sent",
            Link::Returned => "returned",
            Link::Alias => "alias",
            Link::Threads => "threads",
            Link::Spf => "spf",
            Link::Dkim => "dkim",
            Link::Dmarc => "dmarc",
        }
    }

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Link::Settings => "Settings",
            Link::Site => "Site and callback",
            Link::Client => "Client and secret",
            Link::Token => "Access token",
            Link::Dns => "DNS",
            Link::Tcp => "TCP",
            Link::Tls => "TLS",
            Link::Capabilities => "Capabilities",
            Link::SmtpAuth => "SMTP AUTH allowed",
            Link::SignIn => "Sign-in",
            Link::Folder => "Past the sign-in",
            Link::Folders => "Folder list",
            Link::Rights => "Move and delete rights",
            Link::Sender => "Past the sign-in",
            Link::SendAs => "Send As",
            Link::Sent => "Sent",
            Link::Returned => "Came back",
            Link::Alias => "Alias",
            Link::Threads => "Answers would thread",
            Link::Spf => "SPF",
            Link::Dkim => "DKIM",
            Link::Dmarc => "DMARC",
        }
    }

    pub(super) fn is_of_the_authorization(self) -> bool {
        matches!(self, Link::Site | Link::Client | Link::Token)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Result {
    Good,
    Warning,
    Bad,
    Skipped,
}

impl Result {
    pub fn word(self) -> &'static str {
        match self {
            Result::Good => "good",
            Result::Warning => "warning",
            Result::Bad => "bad",
            Result::Skipped => "skipped",
        }
    }
}

/// One link that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub part: Part,
    pub link: Link,
    pub result: Result,
    /// What was found, or the cause of what is broken: a sentence.
    pub found: String,
    /// The other side's own words; empty when it said nothing.
    pub detail: String,
    /// What to do next; empty when there is nothing to do.
    pub remedy: String,
    /// Empty unless it is broken, or would break the next sign-in.
    pub code: String,
    pub took: Duration,
    /// A record that would mend it, for the domain's DNS.
    pub publish: Option<Publish>,
    /// What was said on the way to it, a line each: `C: …` by us, `S: …` by the server. No secret is in it.
    pub lines: Vec<String>,
}

/// A TXT record as whoever keeps the domain has to enter it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    pub name: String,
    pub value: String,
}

/// The link at which a side is broken; what it is stands in the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub Link);

/// The steps so far. A step takes the time since the one before it was noted.
pub(super) struct Chart {
    pub steps: Vec<Step>,
    /// Where conversations are written down, and what may stand nowhere.
    pub record: Record,
    part: Part,
    began: Instant,
}

impl Chart {
    pub fn new(part: Part) -> Chart {
        Chart { steps: Vec::new(), record: Record::new(), part, began: Instant::now() }
    }

    pub fn turn_to(&mut self, part: Part) {
        self.part = part;
        self.began = Instant::now();
        self.record.take(); // goodbyes of the part before
    }

    pub fn good(&mut self, link: Link, found: impl Into<String>) {
        self.note(link, Result::Good, found.into(), String::new());
    }

    pub fn warning(&mut self, link: Link, found: impl Into<String>, remedy: impl Into<String>) {
        self.note(link, Result::Warning, found.into(), remedy.into());
    }

    pub fn skipped(&mut self, link: Link, why: impl Into<String>) {
        self.note(link, Result::Skipped, why.into(), String::new());
    }

    pub fn bad(&mut self, link: Link, trouble: Trouble) -> Broken {
        self.note(link, Result::Bad, trouble.reason, trouble.remedy);
        if let Some(step) = self.steps.last_mut() {
            step.detail = self.record.without_secrets(&sentence(&trouble.detail));
            step.code = trouble.code;
        }
        Broken(link)
    }

    /// What the provider calls that which was noted last.
    pub fn coded(&mut self, code: String) {
        if let Some(step) = self.steps.last_mut() {
            step.code = code;
        }
    }

    /// The same as a warning, with the record that would mend it.
    pub fn publish(
        &mut self,
        link: Link,
        found: String,
        remedy: impl Into<String>,
        name: &str,
        value: String,
    ) {
        self.note(link, Result::Warning, found, remedy.into());
        if let Some(step) = self.steps.last_mut() {
            step.publish = Some(Publish { name: name.to_owned(), value });
        }
    }

    fn note(&mut self, link: Link, result: Result, found: String, remedy: String) {
        let took = self.began.elapsed();
        let (detail, code) = (String::new(), String::new());
        let [found, remedy] = [found, remedy].map(|text| self.record.without_secrets(&text));
        let lines = self.record.take();
        let (part, publish) = (self.part, None);
        self.steps.push(Step { part, link, result, found, detail, remedy, code, took, publish, lines });
        self.began = Instant::now();
    }
}
