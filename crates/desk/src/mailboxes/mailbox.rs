//! An address Postern reads and answers from, with its servers and its health.
use crate::{By, Result, db::Tx, site::vault::Vault};
use secrecy::SecretString;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    Tls,
    StartTls,
    Plain,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub active: bool,
    pub removed_at: Option<i64>,
    pub incoming: ServerSide,
    /// Empty: INBOX.
    pub folder: String,
    pub outgoing: ServerSide,
    pub outgoing_active: bool,
    pub header_spoofing: bool,
    pub fetched: Fetched,
    pub frequency_s: i64,
    pub batch: i64,
    pub start_from: StartFrom,
    pub activated_at: Option<i64>,
    pub incoming_health: Health,
    pub outgoing_health: Health,
    pub failures: i64,
    pub last_fetch_at: Option<i64>,
    pub last_mail_at: Option<i64>,
    pub last_sent_at: Option<i64>,
    pub due_at: i64,
}
impl Mailbox {
    /// The folder that is fetched: `INBOX` when none is named.
    pub fn folder_or_inbox(&self) -> &str {
        if self.folder.is_empty() { "INBOX" } else { &self.folder }
    }
    /// The login name of a side.
    pub fn user(&self, side: Side) -> &str {
        let user = match side {
            Side::Incoming => &self.incoming.user,
            Side::Outgoing => &self.outgoing.user,
        };
        if user.is_empty() { &self.address } else { user }
    }
    /// The grant a side lives on, following *Same as Remote Mailbox*.
    pub fn grant_id(&self, side: Side) -> Option<i64> {
        match (side, self.outgoing.authentication) {
            (Side::Incoming, _) | (Side::Outgoing, Authentication::Same) => self.incoming.grant_id,
            (Side::Outgoing, _) => self.outgoing.grant_id,
        }
    }
}

pub fn create(tx: &mut Tx<'_>, by: &By, address: &str, name: &str, department_id: i64) -> Result<i64> {
    let _ = (tx, by, address, name, department_id);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Mailbox>> {
    let _ = (tx, id);
    todo!()
}
pub fn find_by_address(tx: &mut Tx<'_>, address: &str) -> Result<Option<Mailbox>> {
    let _ = (tx, address);
    todo!()
}
/// Not the removed ones; by address.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Mailbox>> {
    let _ = tx;
    todo!()
}
/// Every address of the desk's own mailboxes (normalised), the removed ones too.
pub fn own_addresses(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let _ = tx;
    todo!()
}

/// The tab *Account*.
#[derive(Clone, Debug)]
pub struct Account {
    pub address: String,
    pub name: String,
    pub department_id: i64,
    pub notes: String,
}
pub fn change_account(tx: &mut Tx<'_>, by: &By, id: i64, account: &Account) -> Result<()> {
    let _ = (tx, by, id, account);
    todo!()
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
    pub server: EnteredServer,
    pub folder: String,
    pub active: bool,
    pub frequency_s: i64,
    pub batch: i64,
    pub fetched: Fetched,
    pub start_from: StartFrom,
}
/// Rules: plain only to loopback; *Move to Folder* refuses the fetched folder; what fetching needs is
/// there before Status is on. `draft` saves what is there without asking for completeness (*Config*).
pub fn change_remote(tx: &mut Tx<'_>, vault: &Vault, by: &By, id: i64, remote: &RemoteMailbox, completeness: Completeness, nonce: [u8; 24]) -> Result<()> {
    let _ = (tx, vault, by, id, remote, completeness, nonce);
    todo!()
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    Draft,
    Complete,
}
/// The tab *Outgoing (SMTP)*.
#[derive(Clone, Debug)]
pub struct OutgoingMailbox {
    pub server: EnteredServer,
    pub active: bool,
    pub header_spoofing: bool,
}
pub fn change_outgoing(tx: &mut Tx<'_>, vault: &Vault, by: &By, id: i64, outgoing: &OutgoingMailbox, completeness: Completeness, nonce: [u8; 24]) -> Result<()> {
    let _ = (tx, vault, by, id, outgoing, completeness, nonce);
    todo!()
}
/// The password of a side, following *Same as Remote Mailbox*.
pub fn password_for_system(tx: &mut Tx<'_>, vault: &Vault, id: i64, side: Side) -> Result<Option<SecretString>> {
    let _ = (tx, vault, id, side);
    todo!()
}
/// Binds a side to a registration; called by *Config*.
pub fn set_client(tx: &mut Tx<'_>, by: &By, id: i64, side: Side, client_id: i64) -> Result<()> {
    let _ = (tx, by, id, side, client_id);
    todo!()
}
pub fn pause(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let _ = (tx, by, id);
    todo!()
}
pub fn resume(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let _ = (tx, by, id);
    todo!()
}
/// Stops fetching, destroys tokens; tickets, raw mail and cursor stay. Refused while it has unsent mail.
pub fn remove(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let _ = (tx, by, id);
    todo!()
}

/// A mailbox claimed for one fetching round.
#[derive(Clone, Debug)]
pub struct Claim {
    pub mailbox_id: i64,
    pub generation: i64,
}
/// Leases active mailboxes that are due, at most `limit`.
pub fn claim_due(tx: &mut Tx<'_>, now: i64, lease_ms: i64, owner: &str, limit: i64) -> Result<Vec<Claim>> {
    let _ = (tx, now, lease_ms, owner, limit);
    todo!()
}
/// Leases this one now, due or not; `None` when somebody else holds it (the error text of the caller says who: see [`holder`]).
pub fn claim(tx: &mut Tx<'_>, id: i64, now: i64, lease_ms: i64, owner: &str) -> Result<Option<Claim>> {
    let _ = (tx, id, now, lease_ms, owner);
    todo!()
}
pub fn holder(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<Option<String>> {
    let _ = (tx, id, now);
    todo!()
}
/// `false`: the lease was lost; stop.
pub fn renew(tx: &mut Tx<'_>, claim: &Claim, until: i64) -> Result<bool> {
    let _ = (tx, claim, until);
    todo!()
}
/// What a fetching round came to.
#[derive(Clone, Debug)]
pub enum Round {
    Done { mail: bool, next_at: i64 },
    /// Passing trouble; with when it is tried again.
    Retry { code: String, reason: String, remedy: String, next_at: i64 },
    NeedsPerson { code: String, reason: String, remedy: String, next_at: i64 },
}
/// Settles the round `WHERE generation` is the one claimed; `false`: it came too late and was dropped.
pub fn settle(tx: &mut Tx<'_>, claim: &Claim, round: &Round, now: i64) -> Result<bool> {
    let _ = (tx, claim, round, now);
    todo!()
}
/// The outgoing side's health, after a try to send or a proof.
pub fn settle_outgoing(tx: &mut Tx<'_>, id: i64, round: &Round, now: i64) -> Result<()> {
    let _ = (tx, id, round, now);
    todo!()
}
/// Makes it due at once and wakes the rounds (topic `mailbox`).
pub fn hurry(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<()> {
    let _ = (tx, id, now);
    todo!()
}
