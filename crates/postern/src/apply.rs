//! `postern mailbox apply FILE.toml`: makes or changes the mailboxes of a file. Running it twice changes
//! nothing the second time.
use crate::json;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, config};
use anyhow::{Context as _, bail};
use desk::db::Tx;
use desk::mailboxes::mailbox::{
    self, Account, Authentication, Completeness, EnteredServer, Fetched, Mailbox, OutgoingMailbox,
    RemoteMailbox, Security, ServerSide, Side, StartFrom,
};
use desk::mailboxes::{client, client::EnteredClient, grant};
use desk::people::department;
use desk::site::vault::Vault;
use desk::{By, Refusal};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "mailbox")]
    mailboxes: Vec<Entry>,
}
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    address: String,
    name: Option<String>,
    department: Option<String>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default = "now")]
    start_from: String,
    #[serde(default = "nothing")]
    fetched: String,
    #[serde(default = "minute")]
    frequency_s: i64,
    #[serde(default = "batch")]
    batch: i64,
    incoming: Incoming,
    #[serde(default)]
    outgoing: Outgoing,
    client: Option<Client>,
}
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    #[serde(default = "imap")]
    protocol: Protocol,
    host: Option<String>,
    port: Option<u16>,
    security: Option<EnteredSecurity>,
    #[serde(default)]
    folder: String,
    authentication: EnteredAuthentication,
    #[serde(default)]
    user: String,
    password_file: Option<PathBuf>,
}
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outgoing {
    #[serde(default)]
    same: bool,
    #[serde(default)]
    none: bool,
    host: Option<String>,
    port: Option<u16>,
    security: Option<EnteredSecurity>,
    authentication: Option<OutgoingAuthentication>,
    #[serde(default)]
    user: String,
    password_file: Option<PathBuf>,
    #[serde(default)]
    header_spoofing: bool,
}
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    client_id: String,
    client_secret_file: Option<PathBuf>,
    #[serde(default)]
    tenant: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    scopes: Option<String>,
    #[serde(default = "yes")]
    strict_matching: bool,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    Imap,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EnteredSecurity {
    Tls,
    StartTls,
    Plain,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EnteredAuthentication {
    Microsoft,
    Password,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OutgoingAuthentication {
    Microsoft,
    Password,
    Same,
    None,
}
fn yes() -> bool {
    true
}
fn now() -> String {
    "now".into()
}
fn nothing() -> String {
    "nothing".into()
}
fn minute() -> i64 {
    60
}
fn batch() -> i64 {
    50
}
fn imap() -> Protocol {
    Protocol::Imap
}
impl From<EnteredSecurity> for Security {
    fn from(entered: EnteredSecurity) -> Self {
        match entered {
            EnteredSecurity::Tls => Security::Tls,
            EnteredSecurity::StartTls => Security::StartTls,
            EnteredSecurity::Plain => Security::Plain,
        }
    }
}

/// A file's entry with its secrets read and its words understood.
struct Wanted {
    entry: Entry,
    remote: RemoteMailbox,
    outgoing: OutgoingMailbox,
    client: Option<EnteredClient>,
}

/// What was done to one mailbox.
struct Outcome {
    address: String,
    done: &'static str,
    callback: Option<String>,
    authorize_at: Option<String>,
}

pub fn run(program: &Program, file: &Path) -> Result<Done, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?;
    let parsed: File =
        toml::from_str(&text).map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?;
    if parsed.mailboxes.is_empty() {
        return Err(Failure::usage(format!("{} holds no [[mailbox]].", file.display())));
    }
    let folders = [file.parent().unwrap_or(Path::new(".")).to_owned(), program.config.data.clone()];
    let wanted = parsed.mailboxes.into_iter().map(|entry| entry.wanted(&folders));
    let wanted: Vec<Wanted> = wanted
        .collect::<anyhow::Result<_>>()
        .map_err(|e| Failure::Usage(e.context(file.display().to_string())))?;
    let desk = open::desk(&program.config, Missing::Make)?;
    let scheme = if open::is_demo(&desk.db)? { client::Scheme::Practice } else { client::Scheme::HttpsOnly };
    let site = program.config.site_url.clone().unwrap_or_else(|| config::default_site(program.config.listen));
    let by = By::system(courier::Clock::system().now());
    let mut outcomes = Vec::new();
    for wanted in &wanted {
        let randoms = Randoms { public_id: public_id(), nonces: rand::random(), scheme };
        let outcome = desk.db.write(|tx| apply(tx, &desk.vault, &by, wanted, &randoms, &site));
        outcomes.push(outcome.map_err(|e| named(e, &wanted.entry.address))?);
    }
    print(program, &outcomes)
}

fn named(error: desk::Error, address: &str) -> Failure {
    Failure::Failed(anyhow::Error::new(error).context(format!("{address} was not applied")))
}

/// 128 random bits, as they stand in a Callback Endpoint.
fn public_id() -> String {
    let random: [u8; 16] = rand::random();
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, random)
}

/// Drawn once a mailbox, since a transaction may run again.
struct Randoms {
    public_id: String,
    nonces: [[u8; 24]; 3],
    scheme: client::Scheme,
}

fn apply(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    wanted: &Wanted,
    randoms: &Randoms,
    site: &url::Url,
) -> desk::Result<Outcome> {
    let entry = &wanted.entry;
    let name = entry.department.as_deref().unwrap_or("Support");
    let department = department::find_by_name(tx, name)?
        .ok_or_else(|| Refusal::Other(format!("There is no department {name}.")))?;
    let (id, mut done) = match mailbox::find_by_address(tx, &entry.address)? {
        Some(found) => (found.id, "unchanged"),
        None => {
            let shown = entry.name.as_deref().unwrap_or(&entry.address);
            (mailbox::create(tx, by, &entry.address, shown, department.id)?, "created")
        }
    };
    let found = get(tx, id)?;
    let account = Account {
        address: entry.address.clone(),
        name: entry.name.clone().unwrap_or_else(|| found.name.clone()),
        department_id: department.id,
        notes: found.notes.clone(),
    };
    let mut changed = false;
    if account.name != found.name || account.department_id != found.department_id {
        mailbox::change_account(tx, by, id, &account)?;
        changed = true;
    }
    let has_client = wanted.client.is_some();
    let completeness = if has_client { Completeness::Draft } else { Completeness::Complete };
    if !same_remote(tx, vault, &found, &wanted.remote)? {
        mailbox::change_remote(tx, vault, by, id, &wanted.remote, completeness, randoms.nonces[0])?;
        changed = true;
    }
    if let Some(entered) = &wanted.client {
        changed |= apply_client(tx, vault, by, id, entered, randoms)?;
    }
    if !same_outgoing(tx, vault, &found, &wanted.outgoing)? {
        mailbox::change_outgoing(tx, vault, by, id, &wanted.outgoing, completeness, randoms.nonces[2])?;
        changed = true;
    }
    if changed && done == "unchanged" {
        done = "changed";
    }
    let found = get(tx, id)?;
    let view = json::view(tx, found, site)?;
    let consented = view.grant.as_ref().is_some_and(|g| g.state == grant::State::Fulfilled);
    let authorize_at =
        (view.client.is_some() && !consented).then(|| web::links::mailbox(site, id).to_string());
    Ok(Outcome { address: view.mailbox.address, done, callback: view.callback, authorize_at })
}

fn get(tx: &mut Tx<'_>, id: i64) -> desk::Result<Mailbox> {
    mailbox::find(tx, id)?.ok_or_else(|| Refusal::NotFound("mailbox").into())
}

fn apply_client(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    mailbox_id: i64,
    entered: &EnteredClient,
    randoms: &Randoms,
) -> desk::Result<bool> {
    let mailbox = get(tx, mailbox_id)?;
    let mut changed = false;
    let id = match mailbox.incoming.client_id {
        Some(id) => id,
        None => {
            let id = client::create(tx, by, "microsoft", &randoms.public_id)?;
            mailbox::set_client(tx, by, mailbox_id, Side::Incoming, id)?;
            changed = true;
            id
        }
    };
    let Some(found) = client::find(tx, id)? else { return Err(Refusal::NotFound("registration").into()) };
    let mut entered = entered.clone();
    if entered.name.is_empty() {
        entered.name = if found.name.is_empty() { mailbox.address.clone() } else { found.name.clone() };
    }
    entered.notes.clone_from(&found.notes);
    if entered.scopes.is_empty() {
        entered.scopes.clone_from(&found.scopes);
    }
    let secret_same = match &entered.client_secret {
        None => true,
        Some(secret) => same_secret(client::secret_for_system(tx, vault, id)?.as_ref(), secret),
    };
    let endpoints = |empty: &str, stored: &str| empty.is_empty() || empty == stored;
    let same = found.tenant == entered.tenant
        && found.client_id == entered.client_id
        && found.scopes == entered.scopes
        && found.strict_matching == entered.strict_matching
        && found.active == entered.active
        && found.name == entered.name
        && endpoints(&entered.authorization_endpoint, &found.authorization_endpoint)
        && endpoints(&entered.token_endpoint, &found.token_endpoint)
        && secret_same;
    if same {
        return Ok(changed);
    }
    client::change(tx, vault, by, id, &entered, randoms.scheme, randoms.nonces[1])?;
    Ok(true)
}

fn same_secret(stored: Option<&SecretString>, given: &SecretString) -> bool {
    let same = |s: &SecretString| {
        let (a, b) = (s.expose_secret().as_bytes(), given.expose_secret().as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
    };
    stored.is_some_and(same)
}

fn same_server(side: &ServerSide, entered: &EnteredServer) -> bool {
    side.host == entered.host
        && side.port == entered.port
        && side.security == entered.security
        && side.authentication == entered.authentication
        && side.user == entered.user
}

fn same_password(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    side: Side,
    given: Option<&SecretString>,
) -> desk::Result<bool> {
    match given {
        None => Ok(true),
        Some(given) => Ok(same_secret(mailbox::password_for_system(tx, vault, id, side)?.as_ref(), given)),
    }
}

fn same_remote(
    tx: &mut Tx<'_>,
    vault: &Vault,
    found: &Mailbox,
    wanted: &RemoteMailbox,
) -> desk::Result<bool> {
    let same = same_server(&found.incoming, &wanted.server)
        && found.folder == wanted.folder
        && found.active == wanted.active
        && found.frequency_s == wanted.frequency_s
        && found.batch == wanted.batch
        && found.fetched == wanted.fetched
        && found.start_from == wanted.start_from;
    Ok(same && same_password(tx, vault, found.id, Side::Incoming, wanted.server.password.as_ref())?)
}

fn same_outgoing(
    tx: &mut Tx<'_>,
    vault: &Vault,
    found: &Mailbox,
    wanted: &OutgoingMailbox,
) -> desk::Result<bool> {
    let same = same_server(&found.outgoing, &wanted.server)
        && found.outgoing_active == wanted.active
        && found.header_spoofing == wanted.header_spoofing;
    Ok(same && same_password(tx, vault, found.id, Side::Outgoing, wanted.server.password.as_ref())?)
}

impl Entry {
    fn wanted(self, folders: &[PathBuf]) -> anyhow::Result<Wanted> {
        let address = self.address.clone();
        self.understood(folders).with_context(|| format!("mailbox {address}"))
    }

    fn understood(self, folders: &[PathBuf]) -> anyhow::Result<Wanted> {
        let Protocol::Imap = self.incoming.protocol;
        let microsoft = matches!(self.incoming.authentication, EnteredAuthentication::Microsoft);
        if microsoft != self.client.is_some() {
            bail!("[mailbox.client] belongs to authentication = \"microsoft\", and to nothing else");
        }
        let preset = if microsoft { mail::provider::find("microsoft") } else { None };
        let host = self.incoming.host.clone().or_else(|| preset.map(|p| p.imap.host.to_owned()));
        let server = EnteredServer {
            host: host.context("incoming.host is needed")?,
            port: self.incoming.port.unwrap_or(993),
            security: self.incoming.security.map_or(Security::Tls, Into::into),
            authentication: if microsoft { Authentication::Microsoft } else { Authentication::Password },
            user: self.incoming.user.clone(),
            password: secret(self.incoming.password_file.as_deref(), folders, "incoming.password_file")?,
        };
        let remote = RemoteMailbox {
            server,
            folder: self.incoming.folder.clone(),
            active: self.active,
            frequency_s: self.frequency_s,
            batch: self.batch,
            fetched: fetched(&self.fetched)?,
            start_from: start_from(&self.start_from)?,
        };
        let outgoing = self.outgoing.wanted(preset.map(|p| p.smtp.host), folders)?;
        let client = self.client.as_ref().map(|c| c.wanted(folders)).transpose()?;
        Ok(Wanted { entry: self, remote, outgoing, client })
    }
}

impl Outgoing {
    fn wanted(&self, preset_host: Option<&str>, folders: &[PathBuf]) -> anyhow::Result<OutgoingMailbox> {
        let authentication = match (self.none, self.same, self.authentication) {
            (true, false, None) => Authentication::None,
            (false, true, None | Some(OutgoingAuthentication::Same)) => Authentication::Same,
            (false, false, Some(OutgoingAuthentication::Same)) => Authentication::Same,
            (false, false, Some(OutgoingAuthentication::None)) => Authentication::None,
            (false, false, Some(OutgoingAuthentication::Password)) => Authentication::Password,
            (false, false, Some(OutgoingAuthentication::Microsoft)) => {
                bail!(
                    "outgoing.authentication: a registration of its own for sending is set up on the page; here use same = true"
                )
            }
            (false, false, None) if self.host.is_none() => Authentication::None,
            (false, false, None) => bail!("outgoing.authentication is needed: password, same or none"),
            _ => bail!("outgoing: use one of same = true, none = true, or authentication"),
        };
        let host = self.host.clone().or_else(|| {
            (authentication == Authentication::Same).then(|| preset_host.map(str::to_owned)).flatten()
        });
        let active = !(authentication == Authentication::None && host.is_none());
        if active && host.is_none() {
            bail!("outgoing.host is needed");
        }
        Ok(OutgoingMailbox {
            server: EnteredServer {
                host: host.unwrap_or_default(),
                port: self.port.unwrap_or(587),
                security: self.security.map_or(Security::StartTls, Into::into),
                authentication,
                user: self.user.clone(),
                password: secret(self.password_file.as_deref(), folders, "outgoing.password_file")?,
            },
            active,
            header_spoofing: self.header_spoofing,
        })
    }
}

impl Client {
    fn wanted(&self, folders: &[PathBuf]) -> anyhow::Result<EnteredClient> {
        Ok(EnteredClient {
            name: String::new(),
            active: true,
            tenant: self.tenant.clone(),
            client_id: self.client_id.clone(),
            client_secret: secret(self.client_secret_file.as_deref(), folders, "client.client_secret_file")?,
            authorization_endpoint: self.authorization_endpoint.clone().unwrap_or_default(),
            token_endpoint: self.token_endpoint.clone().unwrap_or_default(),
            scopes: self.scopes.clone().unwrap_or_default(),
            resource_details_endpoint: String::new(),
            email_attribute: String::new(),
            strict_matching: self.strict_matching,
            notes: String::new(),
        })
    }
}

/// Beside the file that names it, or in the data folder; the last line end does not belong to it.
fn secret(path: Option<&Path>, folders: &[PathBuf], key: &str) -> anyhow::Result<Option<SecretString>> {
    let Some(path) = path else { return Ok(None) };
    let places = folders.iter().map(|folder| folder.join(path));
    let place = places.clone().find(|p| p.exists()).or_else(|| places.clone().next()).context("no folder")?;
    let text =
        std::fs::read_to_string(&place).with_context(|| format!("{key}: cannot read {}", place.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("{key}: {} is empty", place.display());
    }
    Ok(Some(SecretString::from(text)))
}

fn fetched(text: &str) -> anyhow::Result<Fetched> {
    match text {
        "nothing" => Ok(Fetched::Nothing),
        "read" => Ok(Fetched::Read),
        "delete" => Ok(Fetched::Delete),
        other => match other.strip_prefix("move:").filter(|folder| !folder.is_empty()) {
            Some(folder) => Ok(Fetched::Move(folder.to_owned())),
            None => bail!("fetched is “{other}”; expected nothing, read, delete or move:Folder"),
        },
    }
}

fn start_from(text: &str) -> anyhow::Result<StartFrom> {
    match text {
        "now" => Ok(StartFrom::Now),
        "everything" => Ok(StartFrom::Everything),
        date if date.parse::<jiff::civil::Date>().is_ok() => Ok(StartFrom::Date(date.to_owned())),
        other => bail!("start_from is “{other}”; expected now, everything or a date as in 2026-01-31"),
    }
}

fn print(program: &Program, outcomes: &[Outcome]) -> Result<Done, Failure> {
    let item = |o: &Outcome| serde_json::json!({ "address": o.address, "done": o.done, "callback": o.callback, "authorize_at": o.authorize_at });
    let document = output::page(outcomes.iter().map(item).collect(), None);
    output::print(program.json, &document, || {
        outcomes.iter().fold(String::new(), |mut text, o| {
            let _ = writeln!(text, "{}: {}", o.address, o.done);
            if let Some(callback) = &o.callback {
                let _ = writeln!(text, "  Callback Endpoint: {callback}");
            }
            if let Some(place) = &o.authorize_at {
                let _ = writeln!(text, "  Consent is missing. Give it here: {place}");
            }
            text
        })
    })
}
