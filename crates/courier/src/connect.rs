//! Opens a mailbox's servers: which server, which credential, a fresh token; and once more with a new one when a
//! token that should be good is refused.
mod lacking;
mod moved;

use crate::Courier;
use crate::graph;
use crate::refresh::{self, Want};
use crate::registration;
use crate::trouble::{Place, Trouble};
use desk::mailboxes::client::{self, Flow};
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{self, Authentication, Mailbox, Protocol, Security, Side, Submission};
use lacking::{no_password, nothing_set, of_another_house, server_changed};
use mail::explain::Service;
use mail::provider::Family;
use secrecy::SecretString;
use std::time::Duration;
use wire::sasl::Taken;
use wire::{Credential, Server, imap, oauth, pop3, smtp};

/// Which grant opens the side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    InUse,
    /// A new one that is to be proved.
    This(i64),
}

/// A session with the incoming server, in the mailbox's protocol.
#[derive(Debug)]
pub(crate) enum Incoming {
    Imap(Box<imap::Session>),
    Pop3(Box<pop3::Session>),
    /// Nothing was asked yet: Graph knows no sign-in, and says with each answer whether it takes the token.
    Graph(Box<graph::Opened>),
}

/// What takes messages for sending.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Smtp(Box<smtp::Session>),
    /// As with [`Incoming::Graph`].
    Graph(Box<graph::Opened>),
}

/// Signed in to the incoming server.
pub(crate) async fn incoming(
    courier: &Courier,
    mailbox: &Mailbox,
    which: Which,
) -> Result<Incoming, Trouble> {
    signed_in(courier, mailbox, which, &[]).await
}

/// The same just after a link of ours was closed, where the server may not have let go of the mailbox yet.
pub(crate) async fn incoming_again(courier: &Courier, mailbox: &Mailbox) -> Result<Incoming, Trouble> {
    signed_in(courier, mailbox, Which::InUse, &LETS_GO).await
}

/// Waits before the tries to sign in again at a server that has the mailbox locked.
const LETS_GO: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

async fn signed_in(
    courier: &Courier,
    mailbox: &Mailbox,
    which: Which,
    waits: &[Duration],
) -> Result<Incoming, Trouble> {
    let mut waits = waits.iter();
    let mut access = Access::find(courier, mailbox, Side::Incoming, which).await?;
    if mailbox.is_by_graph(Side::Incoming) {
        return Ok(Incoming::Graph(Box::new(graph::Opened::by(courier, access).await?)));
    }
    let mut compresses = !is_on_this_machine(&access.server.host);
    loop {
        let credential = access.credential(courier).await?;
        let opened = async {
            match mailbox.protocol {
                Protocol::Imap | Protocol::Graph => {
                    let mut session = imap::connect(courier.net(), &access.server).await?;
                    session.login(&credential).await?;
                    if compresses {
                        session.compress().await?;
                    }
                    session.enable_qresync().await?;
                    Ok::<_, wire::Error>(Incoming::Imap(Box::new(session)))
                }
                Protocol::Pop3 => {
                    let mut session = pop3::connect(courier.net(), &access.server).await?;
                    session.login(&credential).await?;
                    Ok(Incoming::Pop3(Box::new(session)))
                }
            }
        };
        match opened.await {
            Ok(session) => return Ok(session),
            // It is worth something, and never needed.
            Err(error) if error.tried() == imap::COMPRESSING => compresses = false,
            Err(error) if error.is_in_use() => match waits.next() {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(Trouble::of(&error, &access.place)),
            },
            Err(error) => access.again(error)?,
        }
    }
}

/// Where the link is no bottleneck, and compressing would be.
fn is_on_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Signed in to the outgoing server, where it asks for that.
pub(crate) async fn outgoing(
    courier: &Courier,
    mailbox: &Mailbox,
    which: Which,
) -> Result<Outgoing, Trouble> {
    let mut access = Access::find(courier, mailbox, Side::Outgoing, which).await?;
    if mailbox.is_by_graph(Side::Outgoing) {
        return Ok(Outgoing::Graph(Box::new(graph::Opened::by(courier, access).await?)));
    }
    loop {
        let credential = access.credential_if_any(courier).await?;
        let opened = async {
            let mut session = smtp::connect(courier.net(), &access.server).await?;
            if let Some(credential) = &credential {
                session.login(credential).await?;
            }
            Ok(Outgoing::Smtp(Box::new(session)))
        };
        match opened.await {
            Ok(session) => return Ok(session),
            Err(error) => access.again(error)?,
        }
    }
}

/// The same with who signs in, which the registration says: what a server says to an application is mended otherwise.
pub(crate) async fn place_of_flow(courier: &Courier, mailbox: &Mailbox, side: Side) -> Place {
    let client_id = mailbox.server(signs_in_as(mailbox, side)).client_id;
    let found = courier.read(move |tx| Ok(client_id.map(|id| client::find(tx, id)).transpose()?.flatten()));
    // What stands in the words is not worth another failure.
    let client = found.await.ok().flatten();
    Place { is_alone: client.is_some_and(|client| client.flow == Flow::AppOnly), ..place(mailbox, side) }
}

/// What a side's server has said, in the words for whoever signs in there.
pub(crate) async fn explained<T>(
    courier: &Courier,
    mailbox: &Mailbox,
    side: Side,
    answer: wire::Result<T>,
) -> Result<T, Trouble> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) => Err(Trouble::of(&error, &place_of_flow(courier, mailbox, side).await)),
    }
}

/// The words for what a mailbox's server says on a side.
fn place(mailbox: &Mailbox, side: Side) -> Place {
    let authentication = effective(mailbox, side);
    Place {
        provider: match authentication {
            Authentication::Microsoft => Family::Microsoft.word(),
            Authentication::Google => Family::Google.word(),
            Authentication::None
            | Authentication::Same
            | Authentication::Password
            | Authentication::Other => Family::Other.word(),
        },
        service: match (side, mailbox.protocol, mailbox.submission) {
            (Side::Incoming, Protocol::Imap, _) => Service::Imap,
            (Side::Incoming, Protocol::Pop3, _) => Service::Pop,
            (Side::Outgoing, _, Submission::Smtp) => Service::Smtp,
            (Side::Incoming, Protocol::Graph, _) | (Side::Outgoing, _, Submission::Graph) => Service::Graph,
        },
        by_token: authentication.is_oauth(),
        is_alone: false,
    }
}

/// How many messages a minute the outgoing side may send: its provider's limit, by the way that it signs in or by
/// the name of its server. `None`: no limit is known.
pub(crate) fn sends_a_minute_max(courier: &Courier, mailbox: &Mailbox) -> Option<u32> {
    let providers = &courier.desk().providers;
    let by_sign_in = providers.find(place(mailbox, Side::Outgoing).provider);
    by_sign_in.or_else(|| providers.of_smtp_host(&mailbox.outgoing.host))?.sends_a_minute_max
}

/// How a side signs in, following *Same as Remote Mailbox*.
pub(crate) fn effective(mailbox: &Mailbox, side: Side) -> Authentication {
    mailbox.server(signs_in_as(mailbox, side)).authentication
}

pub(crate) struct Access {
    pub place: Place,
    pub server: Server,
    user: String,
    key: Key,
    want: Want,
}
enum Key {
    /// A relay knows this machine, and asks nobody to sign in.
    Nobody,
    Password(SecretString),
    Grant {
        id: i64,
        protocol: oauth::Protocol,
        taken: Taken,
    },
}

impl Access {
    pub(crate) async fn find(
        courier: &Courier,
        mailbox: &Mailbox,
        side: Side,
        which: Which,
    ) -> Result<Access, Trouble> {
        let same = is_same(mailbox, side);
        if same && !mailbox.outgoing.host.is_empty() && !mailbox.shares_incoming() {
            return Err(of_another_house(mailbox));
        }
        let key = match effective(mailbox, side) {
            Authentication::None if side == Side::Outgoing && !mailbox.sends_nothing() => Key::Nobody,
            Authentication::None | Authentication::Same => return Err(nothing_set(side)),
            Authentication::Password => {
                let (vault, known) = (courier.desk().vault.clone(), mailbox.clone());
                let kept = courier.read(move |tx| {
                    if is_elsewhere(tx, &known, side)? {
                        return Ok(None);
                    }
                    mailbox::password_for_system(tx, &vault, known.id, side).map(Some)
                });
                let kept = kept.await?.ok_or_else(server_changed)?;
                Key::Password(kept.ok_or_else(|| no_password(side))?)
            }
            Authentication::Microsoft | Authentication::Google | Authentication::Other => {
                let in_use = mailbox.grant_id(side);
                let id = match which {
                    Which::This(id) => id,
                    Which::InUse => match in_use {
                        Some(id) => id,
                        None => {
                            let of = signs_in_as(mailbox, side);
                            return Err(refresh::has_none(courier, mailbox.id, of).await);
                        }
                    },
                };
                let protocol = registration::protocol_of(mailbox, side);
                Key::Grant { id, protocol, taken: taken(courier, id).await? }
            }
        };
        let place = place_of_flow(courier, mailbox, side).await;
        let server = server(courier, mailbox, side).await?;
        if let Key::Grant { id, .. } = &key {
            may_have_token(courier, mailbox, side, *id, &server.host).await?;
        }
        Ok(Access { server, user: user(mailbox, side).to_owned(), place, key, want: Want::Use })
    }

    /// Who signs in.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// For what carries a token with each request.
    pub(crate) async fn token(&self, courier: &Courier, want: Want) -> Result<SecretString, Trouble> {
        match &self.key {
            Key::Nobody | Key::Password(_) => Err(graph::by_token_alone()),
            Key::Grant { id, protocol, .. } => refresh::access_token(courier, *id, *protocol, want).await,
        }
    }

    /// `None`: a password opens it, or nothing does.
    pub(crate) fn grant_id(&self) -> Option<i64> {
        match &self.key {
            Key::Nobody | Key::Password(_) => None,
            Key::Grant { id, .. } => Some(*id),
        }
    }

    /// `None`: nobody signs in.
    pub(crate) async fn credential_if_any(&self, courier: &Courier) -> Result<Option<Credential>, Trouble> {
        match &self.key {
            Key::Nobody => Ok(None),
            Key::Password(_) | Key::Grant { .. } => self.credential(courier).await.map(Some),
        }
    }

    pub(crate) async fn credential(&self, courier: &Courier) -> Result<Credential, Trouble> {
        let user = self.user.clone();
        match &self.key {
            Key::Nobody => Err(nothing_set(Side::Outgoing)),
            Key::Password(password) => Ok(Credential::Password { user, password: password.clone() }),
            Key::Grant { id, protocol, taken } => {
                let token = refresh::access_token(courier, *id, *protocol, self.want).await?;
                Ok(Credential::Bearer { user, token, taken: *taken })
            }
        }
    }

    /// A token that is refused before its end is replaced once; everything else is the answer.
    fn again(&mut self, error: wire::Error) -> Result<(), Trouble> {
        let refused = error.kind() == wire::Kind::Unauthorized && matches!(self.key, Key::Grant { .. });
        if refused && self.want == Want::Use {
            self.want = Want::New;
            return Ok(());
        }
        Err(Trouble::of(&error, &self.place))
    }
}

/// Whether a token may go to that server: one that a person gave, to the one that the side has now, and one that needs
/// nobody besides only where what it is made from was entered for it.
async fn may_have_token(
    courier: &Courier,
    mailbox: &Mailbox,
    side: Side,
    grant_id: i64,
    host: &str,
) -> Result<(), Trouble> {
    let (desk, known, host) = (courier.desk().clone(), mailbox.clone(), host.to_owned());
    let checked = courier.read(move |tx| {
        if is_elsewhere(tx, &known, side)? {
            return Ok(false);
        }
        let Some(grant) = grant::find(tx, grant_id)? else { return Ok(true) };
        if let Some(client) = client::find(tx, grant.client_id)? {
            if registration::is_unattended(&client, &grant) {
                client::hosts::check(tx, &desk.providers, &client, &host)?;
            }
            if known.is_by_graph(side) {
                graph::belongs_there(&desk.providers, &client, &host)?;
            }
        }
        Ok(true)
    });
    if checked.await? { Ok(()) } else { Err(server_changed()) }
}

/// Another server was entered since the mailbox was read. What was entered for that one, a password or a consent, is not for
/// the one before, and whoever wrote that one down can have it answer as slowly as they like.
fn is_elsewhere(tx: &mut desk::db::Tx<'_>, known: &Mailbox, side: Side) -> desk::Result<bool> {
    let now = mailbox::get(tx, known.id)?;
    let place = |mailbox: &Mailbox| {
        let shared = is_same(mailbox, side).then(|| mailbox.incoming.host.clone());
        (mailbox.server(side).host.clone(), mailbox.server(side).security, shared)
    };
    Ok(place(&now) != place(known))
}

/// The server that a side's token would go to: where a token is asked for at once, it is known first.
pub(crate) async fn check_host(
    courier: &Courier,
    mailbox: &Mailbox,
    side: Side,
    client: &client::Client,
) -> desk::Result<()> {
    let server = match server(courier, mailbox, side).await {
        Ok(server) => server,
        Err(trouble) => return Err(desk::Refusal::Other(trouble.reason).into()),
    };
    let (desk, client) = (courier.desk().clone(), client.clone());
    courier.read(move |tx| client::hosts::check(tx, &desk.providers, &client, &server.host)).await
}

/// How the servers of the grant's provider take a token. Of one that was typed in nothing is known.
async fn taken(courier: &Courier, grant_id: i64) -> Result<Taken, Trouble> {
    let found = courier.read(move |tx| {
        let Some(grant) = grant::find(tx, grant_id)? else { return Ok(None) };
        client::find(tx, grant.client_id)
    });
    let providers = &courier.desk().providers;
    let client = found.await?;
    let known = client.as_ref().and_then(|client| registration::oauth2(providers, client));
    Ok(known.map_or(Taken::Announced, |oauth2| Taken::Known(oauth2.sasl)))
}

/// The server of a side. *Same* without a host of its own means the provider's.
async fn server(courier: &Courier, mailbox: &Mailbox, side: Side) -> Result<Server, Trouble> {
    let entered = mailbox.server(side);
    let same = is_same(mailbox, side);
    let registered = mailbox.incoming.client_id.filter(|_| mailbox.incoming.authentication.is_oauth());
    if same
        && entered.host.is_empty()
        && let Some(client_id) = registered
        && let Some(client) = courier.read(move |tx| client::find(tx, client_id)).await?
        && let Some(preset) = courier.desk().providers.find(&client.provider)
    {
        let graph = preset.graph.as_ref().filter(|_| mailbox.is_by_graph(side));
        let preset = graph.unwrap_or(&preset.smtp);
        let security = match preset.security {
            mail::provider::Security::Tls => wire::Security::Tls,
            mail::provider::Security::Starttls => wire::Security::StartTls,
            mail::provider::Security::Plain => wire::Security::Plain,
        };
        return Ok(Server { host: preset.host.clone(), port: preset.port, security });
    }
    if entered.host.is_empty() {
        return Err(nothing_set(side));
    }
    let security = match entered.security {
        Security::Tls => wire::Security::Tls,
        Security::StartTls => wire::Security::StartTls,
        Security::Plain => wire::Security::Plain,
    };
    Ok(Server { host: entered.host.clone(), port: entered.port, security })
}

/// *Same as Remote Mailbox*: the side signs in as the incoming one does.
fn is_same(mailbox: &Mailbox, side: Side) -> bool {
    side == Side::Outgoing && mailbox.outgoing.authentication == Authentication::Same
}

/// The side whose settings say how this one signs in.
fn signs_in_as(mailbox: &Mailbox, side: Side) -> Side {
    if is_same(mailbox, side) { Side::Incoming } else { side }
}

/// The login name of a side: *Same* signs in as the incoming side does.
fn user(mailbox: &Mailbox, side: Side) -> &str {
    let same = is_same(mailbox, side);
    if same && mailbox.outgoing.user.is_empty() { mailbox.user(Side::Incoming) } else { mailbox.user(side) }
}
