//! The Mailbox Doctor: from the address of the site to the right to send, link by link, each with what was found and
//! the time it took. It stops at the first broken link of a side; the outgoing side is looked at whatever the incoming
//! one came to. It reads no letter, changes none, and sends none, but the one to the mailbox itself that somebody asks for.
mod authorization;
mod callback;
mod chart;
mod domain;
mod graph;
mod incoming;
mod outgoing;
mod pop3;
mod round_trip;
mod server;
mod transcript;

use crate::connect::{self, Access, Which};
use crate::{Courier, probe};
use chart::{Broken, Chart};
use desk::mailboxes::mailbox::{Authentication, Mailbox, Protocol, Side};
use desk::mailboxes::{client, grant};

pub use chart::{Link, Part, Publish, Result, Step};

/// What was found at a mailbox.
#[derive(Clone, Debug)]
pub struct Examination {
    pub address: String,
    pub at: i64,
    pub extent: Extent,
    pub steps: Vec<Step>,
}

impl Examination {
    /// Nothing is broken; a warning is not.
    pub fn is_well(&self) -> bool {
        self.steps.iter().all(|step| step.result != Result::Bad)
    }

    /// The verdict on the whole: a warning breaks nothing, and is not passed over.
    pub fn verdict(&self) -> String {
        match (self.names(Result::Bad).as_slice(), self.names(Result::Warning).as_slice()) {
            ([], []) => "Nothing is broken.".to_owned(),
            ([], warned) => format!("Nothing is broken. Worth a look: {}.", warned.join(", ")),
            (broken, _) => {
                format!("Broken: {}. What comes after a broken link was not looked at.", broken.join(", "))
            }
        }
    }

    /// The links with that result, each once.
    fn names(&self, result: Result) -> Vec<&'static str> {
        let mut names = Vec::new();
        for step in self.steps.iter().filter(|step| step.result == result) {
            if !names.contains(&step.link.name()) {
                names.push(step.link.name());
            }
        }
        names
    }

    pub fn has_warning(&self) -> bool {
        self.steps.iter().any(|step| step.result == Result::Warning)
    }

    /// Everything in plain text, to be sent to whoever helps, with the lines that were said. Every secret is taken out.
    pub fn transcript(&self) -> String {
        transcript::of(self)
    }
}

/// How far an examination goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// No letter is read, changed or sent.
    Links,
    /// A letter is sent from the mailbox to itself.
    WithRoundTrip,
}

pub async fn examine(courier: &Courier, mailbox_id: i64, extent: Extent) -> desk::Result<Examination> {
    let mailbox = probe::find(courier, mailbox_id).await?;
    let mut chart = Chart::new(Part::Incoming);
    let incoming = examine_side(courier, &mailbox, Side::Incoming, &mut chart).await;
    chart.turn_to(Part::Outgoing);
    let shared = mailbox.outgoing.authentication == Authentication::Same && mailbox.shares_incoming();
    let outgoing = match incoming {
        Err(Broken(link)) if shared && link.is_of_the_authorization() => {
            let why = "It opens with the authorization of the incoming side, which is broken.";
            chart.skipped(Link::Settings, why);
            None
        }
        // What is broken is in the chart.
        Ok(_) | Err(_) => examine_side(courier, &mailbox, Side::Outgoing, &mut chart).await.ok().flatten(),
    };
    let incoming = incoming.ok().flatten();
    let signatures = match (extent, &incoming, &outgoing) {
        (Extent::Links, ..) => Ok(None),
        (Extent::WithRoundTrip, Some(incoming), Some(outgoing)) => {
            let both = round_trip::Both { incoming, outgoing };
            round_trip::examine(courier, &mailbox, both, &mut chart).await.map(Some)
        }
        (Extent::WithRoundTrip, ..) => {
            chart.turn_to(Part::RoundTrip);
            chart.skipped(Link::Sent, "A letter can go round once both sides are set up and good.");
            Ok(None)
        }
    };
    if let (Some(access), Ok(signatures)) = (&outgoing, signatures) {
        let provider = provider_of(courier, access).await?;
        let leaving = domain::Leaving { host: &access.server.host, provider, signatures };
        domain::examine(courier, &mailbox, leaving, &mut chart).await;
    }
    Ok(Examination { address: mailbox.address, at: courier.now(), extent, steps: chart.steps })
}

/// The key of the preset whose token opens it.
async fn provider_of(courier: &Courier, access: &Access) -> desk::Result<Option<String>> {
    let Some(grant_id) = access.grant_id() else { return Ok(None) };
    let found = courier.read(move |tx| {
        let Some(grant) = grant::find(tx, grant_id)? else { return Ok(None) };
        client::find(tx, grant.client_id)
    });
    Ok(found.await?.map(|client| client.provider))
}

/// The way to it, when it is good; `None` for a side that is not set up.
async fn examine_side(
    courier: &Courier,
    mailbox: &Mailbox,
    side: Side,
    chart: &mut Chart,
) -> std::result::Result<Option<Access>, Broken> {
    if let Some(why) = not_set_up(mailbox, side) {
        chart.skipped(Link::Settings, why);
        return Ok(None);
    }
    let which = which(courier, mailbox, side).await;
    let found = match which {
        Ok(which) => Access::find(courier, mailbox, side, which).await,
        Err(error) => Err(error.into()),
    };
    let access = found.map_err(|trouble| chart.bad(Link::Settings, trouble))?;
    let how = if access.place.by_token { "OAuth2" } else { "a password" };
    let (server, user) = (&access.server, access.user());
    let found = format!("{}:{} is opened as {user} with {how}.", server.host, server.port);
    let warning = courier.desk().providers.password_warning(&mailbox.address, &server.host);
    match warning.filter(|_| !access.place.by_token) {
        Some(warning) => chart.warning(
            Link::Settings,
            format!("{found} {warning}"),
            "Choose OAuth2 as Authentication, and authorize the mailbox.",
        ),
        None => chart.good(Link::Settings, found),
    }
    if let Some(grant_id) = access.grant_id() {
        let asked = match (side, mailbox.outgoing.authentication) {
            // The token was asked for on the incoming side just now.
            (Side::Outgoing, Authentication::Same) => authorization::Asked::Already,
            (Side::Incoming | Side::Outgoing, _) => authorization::Asked::Now,
        };
        let serves = match (side, mailbox.protocol) {
            _ if mailbox.is_by_graph(side) => wire::oauth::Protocol::Graph,
            (Side::Incoming, Protocol::Imap | Protocol::Graph) => wire::oauth::Protocol::Imap,
            (Side::Incoming, Protocol::Pop3) => wire::oauth::Protocol::Pop,
            (Side::Outgoing, _) => wire::oauth::Protocol::Smtp,
        };
        authorization::examine(courier, mailbox, grant_id, (side, serves), asked, chart).await?;
    }
    match side {
        Side::Incoming => match mailbox.protocol {
            Protocol::Imap => incoming::examine(courier, mailbox, &access, chart).await?,
            Protocol::Pop3 => pop3::examine(courier, mailbox, &access, chart).await?,
            Protocol::Graph => graph::examine(courier, mailbox, &access, chart).await?,
        },
        Side::Outgoing if mailbox.is_by_graph(side) => {
            graph::examine_sending(courier, mailbox, &access, chart).await?
        }
        Side::Outgoing => outgoing::examine(courier, mailbox, &access, chart).await?,
    }
    Ok(Some(access))
}

/// A sentence for a side that nobody has filled in.
fn not_set_up(mailbox: &Mailbox, side: Side) -> Option<&'static str> {
    match side {
        Side::Incoming if mailbox.incoming.authentication == Authentication::None => {
            Some("The tab Remote Mailbox is not filled in: nothing is fetched.")
        }
        Side::Outgoing if mailbox.sends_nothing() => {
            Some("The tab Outgoing (SMTP) is not filled in: nothing is sent.")
        }
        Side::Incoming | Side::Outgoing => None,
    }
}

/// The grant in use; while there is none, the one that could not be proved yet.
async fn which(courier: &Courier, mailbox: &Mailbox, side: Side) -> desk::Result<Which> {
    if mailbox.grant_id(side).is_some() || !connect::effective(mailbox, side).is_oauth() {
        return Ok(Which::InUse);
    }
    let (id, of) = match mailbox.outgoing.authentication {
        Authentication::Same => (mailbox.id, Side::Incoming),
        _ => (mailbox.id, side),
    };
    let latest = courier.read(move |tx| grant::latest(tx, id, of)).await?;
    let unproved = latest.filter(|grant| grant.state == grant::State::Unproved);
    Ok(unproved.map_or(Which::InUse, |grant| Which::This(grant.id)))
}
