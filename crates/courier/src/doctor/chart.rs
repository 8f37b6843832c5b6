//! What is noted of each link.
use crate::trouble::{Trouble, sentence};
use desk::mailboxes::mailbox::Side;
use std::time::Duration;
use tokio::time::Instant;

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
    pub side: Side,
    pub link: Link,
    pub result: Result,
    /// What was found, or the cause of what is broken: a sentence.
    pub found: String,
    /// The other side's own words; empty when it said nothing.
    pub detail: String,
    /// What to do next; empty when there is nothing to do.
    pub remedy: String,
    /// Empty unless it is broken.
    pub code: String,
    pub took: Duration,
}

/// The link at which a side is broken; what it is stands in the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub Link);

/// The steps so far. A step takes the time since the one before it was noted.
pub(super) struct Chart {
    pub steps: Vec<Step>,
    side: Side,
    began: Instant,
}

impl Chart {
    pub fn new(side: Side) -> Chart {
        Chart { steps: Vec::new(), side, began: Instant::now() }
    }

    pub fn turn_to(&mut self, side: Side) {
        self.side = side;
        self.began = Instant::now();
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
            step.detail = sentence(&trouble.detail);
            step.code = trouble.code;
        }
        Broken(link)
    }

    fn note(&mut self, link: Link, result: Result, found: String, remedy: String) {
        let took = self.began.elapsed();
        let (detail, code) = (String::new(), String::new());
        self.steps.push(Step { side: self.side, link, result, found, detail, remedy, code, took });
        self.began = Instant::now();
    }
}
