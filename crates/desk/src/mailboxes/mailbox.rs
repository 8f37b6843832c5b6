//! An address Postern reads and answers from, with its servers and its health.
mod change;
mod life;
mod round;
mod row;
mod rules;
mod secret;
mod server;
mod shape;

pub use change::{change_folders, change_outgoing, change_remote, set_client};
pub use life::{change_account, create, pause, remove, resume};
pub use round::{
    claim, claim_due, holder, hurry, hurry_well, is_held, note_before_end, renew, settle, settle_outgoing,
    try_outgoing,
};
pub(in crate::mailboxes) use round::{lost_grant, told};
pub use rules::{BATCH, FOLDERS_MAX, FREQUENCY_S, is_same_folder};
pub use secret::password_for_system;
pub(in crate::mailboxes) use shape::may_be;
pub use shape::{Shape, change_shape, fetched_by, folders_of_round, in_one_folder, round_fetches};

use crate::db::{Query, Tx};
use crate::{Refusal, Result, params};
use secrecy::SecretString;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    Tls,
    StartTls,
    Plain,
}
/// How the incoming server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Imap,
    Pop3,
    /// Microsoft's, which is opened with a token of Microsoft's alone.
    Graph,
}
impl Protocol {
    /// Under TLS from the beginning (RFC 8314).
    pub fn port(self) -> u16 {
        match self {
            Protocol::Imap => 993,
            Protocol::Pop3 => 995,
            Protocol::Graph => 443,
        }
    }
    /// The port of another protocol becomes this one's; one that was chosen stays.
    pub fn port_instead_of(self, port: u16) -> u16 {
        let of_another =
            [Protocol::Imap, Protocol::Pop3, Protocol::Graph].iter().any(|other| other.port() == port);
        if of_another { self.port() } else { port }
    }
}
/// How the outgoing server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submission {
    Smtp,
    Graph,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Incoming,
    Outgoing,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    None,
    /// Outgoing only: server of the provider, grant or password of the incoming side.
    Same,
    Microsoft,
    Google,
    Other,
    Password,
}
impl Authentication {
    pub fn is_oauth(self) -> bool {
        matches!(self, Authentication::Microsoft | Authentication::Google | Authentication::Other)
    }
}
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fetched {
    Nothing,
    Read,
    Move(String),
    Delete,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFrom {
    Now,
    Everything,
    /// `YYYY-MM-DD`.
    Date(String),
}
/// One side's server and how it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSide {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub authentication: Authentication,
    /// Empty: the address.
    pub user: String,
    pub has_password: bool,
    pub client_id: Option<i64>,
    pub grant_id: Option<i64>,
}
/// How one side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Set up, never opened.
    New,
    Ok,
    /// A passing trouble: it is tried again by itself.
    Waiting,
    /// Somebody must do something: the red strip.
    NeedsPerson,
    Paused,
}
#[derive(Clone, Debug)]
pub struct Health {
    pub state: State,
    pub since: i64,
    pub reason_code: String,
    pub reason: String,
    pub remedy: String,
}
#[derive(Clone, Debug)]
pub struct Mailbox {
    pub id: i64,
    pub address: String,
    pub name: String,
    pub department_id: i64,
    pub notes: String,
    pub shape: Shape,
    pub active: bool,
    pub removed_at: Option<i64>,
    pub protocol: Protocol,
    pub incoming: ServerSide,
    /// The first that is fetched, whose news the server announces. Empty: INBOX.
    pub folder: String,
    /// Fetched besides it.
    pub more_folders: Vec<String>,
    pub submission: Submission,
    pub outgoing: ServerSide,
    pub outgoing_active: bool,
    pub header_spoofing: bool,
    pub fetched: Fetched,
    pub frequency_s: i64,
    pub batch: i64,
    pub start_from: StartFrom,
    /// The server is asked to tell of new mail by itself, where it is Microsoft Graph.
    pub notified: bool,
    pub activated_at: Option<i64>,
    /// Since when it is read at this account and server, where it was read at another one before.
    pub moved_at: Option<i64>,
    pub incoming_health: Health,
    pub outgoing_health: Health,
    pub failures: i64,
    pub last_fetch_at: Option<i64>,
    pub last_mail_at: Option<i64>,
    pub last_sent_at: Option<i64>,
    pub due_at: i64,
}
impl Mailbox {
    /// The first folder that is fetched: `INBOX` when none is named.
    pub fn folder_or_inbox(&self) -> &str {
        if self.folder.is_empty() { "INBOX" } else { &self.folder }
    }
    /// All that are fetched.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.folder_or_inbox()).chain(self.more_folders.iter().map(String::as_str))
    }
    pub fn fetches(&self, folder: &str) -> bool {
        self.folders().any(|fetched| is_same_folder(fetched, folder))
    }
    /// The same mailbox as far as this folder goes.
    pub fn in_folder(&self, folder: &str) -> Mailbox {
        Mailbox { folder: folder.to_owned(), more_folders: Vec::new(), ..self.clone() }
    }
    /// A side's own server, also where it sends by the same as the Remote Mailbox.
    pub fn server(&self, side: Side) -> &ServerSide {
        match side {
            Side::Incoming => &self.incoming,
            Side::Outgoing => &self.outgoing,
        }
    }
    pub fn health(&self, side: Side) -> &Health {
        match side {
            Side::Incoming => &self.incoming_health,
            Side::Outgoing => &self.outgoing_health,
        }
    }
    /// Nobody has authorized the side yet, and it has never worked: its set-up is not finished, which is no outage. Where
    /// somebody has deleted its token, or it lives on what the other side did, it is one.
    pub fn is_unfinished(&self, side: Side) -> bool {
        let shares = self.outgoing.authentication == Authentication::Same;
        let worked_at = match side {
            Side::Incoming => self.last_fetch_at,
            Side::Outgoing if shares => self.last_sent_at.or(self.last_fetch_at),
            Side::Outgoing => self.last_sent_at,
        };
        let (code, reason, _) = super::grant::NOT_AUTHORIZED;
        let health = self.health(side);
        worked_at.is_none() && health.reason_code == code && health.reason == reason
    }
    /// What does not work, in a few words, where mail comes in all the same.
    pub fn lack(&self) -> Option<&'static str> {
        match self.incoming_health.reason_code.as_str() {
            SOME_FOLDERS => Some("not all folders are fetched"),
            NOT_DELIVERED => Some("not all letters are delivered"),
            NOT_SETTLED => Some("fetched emails stay as they are"),
            LISTED_ANEW => Some("the whole folder is listed at each look"),
            _ => None,
        }
    }
    /// The login name of a side: as entered, else the mailbox that is opened.
    pub fn user(&self, side: Side) -> &str {
        let user = &self.server(side).user;
        if user.is_empty() { self.opens() } else { user }
    }
    /// Nothing is sent, and nobody has said how. With *None* and a Status of *Enable* it goes through a relay that asks
    /// nobody to sign in.
    pub fn sends_nothing(&self) -> bool {
        self.outgoing.authentication == Authentication::None && !self.outgoing_active
    }
    /// Whether a side is spoken to by Microsoft Graph; of an outgoing side that is not set up yet, whether it is to be.
    pub fn is_by_graph(&self, side: Side) -> bool {
        let is_open = self.sends_nothing();
        match side {
            Side::Incoming => self.protocol == Protocol::Graph,
            Side::Outgoing if is_open => self.protocol == Protocol::Graph,
            Side::Outgoing => self.submission == Submission::Graph,
        }
    }
    /// The grant a side lives on, following *Same as Remote Mailbox* to a server of the same house.
    pub fn grant_id(&self, side: Side) -> Option<i64> {
        match (side, self.outgoing.authentication) {
            (Side::Incoming, _) => self.incoming.grant_id,
            (Side::Outgoing, Authentication::Same) => {
                self.incoming.grant_id.filter(|_| self.shares_incoming())
            }
            (Side::Outgoing, _) => self.outgoing.grant_id,
        }
    }
}

/// Every column of a [`Mailbox`], in the order that it is read in.
const SELECT: &str = "SELECT id, address, name, department_id, notes, shape, opened_address, active, removed_at,
    in_protocol, in_host, in_port, in_security, in_authentication, in_user, in_password IS NOT NULL, in_client_id, in_grant_id,
    in_folder, in_more_folders,
    out_protocol, out_host, out_port, out_security, out_authentication, out_user, out_password IS NOT NULL, out_client_id, out_grant_id,
    out_active, header_spoofing, fetched, fetched_folder, frequency_s, batch, start_from, notified, activated_at, moved_at,
    state, state_since, reason_code, reason, remedy,
    out_state, out_state_since, out_reason_code, out_reason, out_remedy,
    failures, last_fetch_at, last_mail_at, last_sent_at, due_at
    FROM mailbox";

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Mailbox>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE id = ").bind(id);
    Ok(tx.maybe(query.sql(), query.params())?)
}
/// One that a page or another row names, removed ones too; a sentence for the person when there is none.
pub fn get(tx: &mut Tx<'_>, id: i64) -> Result<Mailbox> {
    find(tx, id)?.ok_or_else(|| Refusal::NotFound("mailbox").into())
}
/// Removed ones too.
pub fn find_by_address(tx: &mut Tx<'_>, address: &str) -> Result<Option<Mailbox>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE address_key = ").bind(mail::address::key(address));
    Ok(tx.maybe(query.sql(), query.params())?)
}
/// Those that a page shows at once.
pub const LIST_MAX: i64 = 1000;
/// Not the removed ones; by address, those behind the address `after`.
pub fn list(tx: &mut Tx<'_>, after: Option<&str>, limit: i64) -> Result<Vec<Mailbox>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE removed_at IS NULL");
    if let Some(after) = after {
        query.push(" AND address_key > ").bind(mail::address::key(after));
    }
    query.push(" ORDER BY address_key LIMIT ").bind(limit);
    Ok(tx.all(query.sql(), query.params())?)
}
/// These, in no order.
pub fn of_ids(tx: &mut Tx<'_>, ids: &[i64]) -> Result<Vec<Mailbox>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE id IN ").bind_list(ids.iter().copied());
    Ok(tx.all(query.sql(), query.params())?)
}
/// Every address of the desk's own mailboxes (normalised), the removed ones too, and those that aliases open: what is
/// written to them comes back here.
pub fn own_addresses(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let all: Vec<(String, String)> = tx
        .all("SELECT address_key, opened_address FROM mailbox ORDER BY address_key LIMIT 10000", params![])?;
    let mut own = Vec::with_capacity(all.len());
    for (key, opened) in all {
        own.push(key);
        if !opened.is_empty() {
            own.push(mail::address::key(&opened));
        }
    }
    Ok(own)
}

/// The tab *Account*.
#[derive(Clone, Debug)]
pub struct Account {
    pub address: String,
    pub name: String,
    pub department_id: i64,
    pub notes: String,
    pub shape: Shape,
}
/// A server as entered. An empty password keeps the stored one, but only for the host it was entered
/// for: another host asks again (`Refusal::SecretAgain`), ends pending grants, and is an event.
#[derive(Clone, Debug)]
pub struct EnteredServer {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub authentication: Authentication,
    pub user: String,
    pub password: Option<SecretString>,
}
/// The tab *Remote Mailbox*.
#[derive(Clone, Debug)]
pub struct RemoteMailbox {
    pub protocol: Protocol,
    pub server: EnteredServer,
    /// The first is the one that is watched; none: INBOX.
    pub folders: Vec<String>,
    pub active: bool,
    pub frequency_s: i64,
    pub batch: i64,
    pub fetched: Fetched,
    pub start_from: StartFrom,
    /// Of Microsoft Graph alone.
    pub notified: bool,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    Draft,
    Complete,
}
/// The tab *Outgoing (SMTP)*.
#[derive(Clone, Debug)]
pub struct OutgoingMailbox {
    pub submission: Submission,
    pub server: EnteredServer,
    pub active: bool,
    pub header_spoofing: bool,
}

/// A mailbox claimed for one fetching round.
#[derive(Clone, Debug)]
pub struct Claim {
    pub mailbox_id: i64,
    pub generation: i64,
}
/// The reason code of a mailbox, some of whose folders are not fetched.
pub const SOME_FOLDERS: &str = "some_folders";
/// Of one whose server does not deliver some letters for now.
pub const NOT_DELIVERED: &str = "not_delivered";
/// Of one at whose server what *Fetched Emails* says cannot be done.
pub const NOT_SETTLED: &str = "not_settled";
/// Of one whose server has to list a whole folder at each look, round after round.
pub const LISTED_ANEW: &str = "listed_anew";

/// What a fetching round came to.
#[derive(Clone, Debug)]
pub enum Round {
    Done {
        mail: bool,
        next_at: i64,
    },
    /// Mail came in, and something else could not be done: the round goes on as one that was done, and says so.
    Partly {
        mail: bool,
        next_at: i64,
        code: String,
        reason: String,
        remedy: String,
        needs_person: bool,
    },
    /// Passing trouble; with when it is tried again.
    Retry {
        code: String,
        reason: String,
        remedy: String,
        next_at: i64,
    },
    NeedsPerson {
        code: String,
        reason: String,
        remedy: String,
        next_at: i64,
    },
}
