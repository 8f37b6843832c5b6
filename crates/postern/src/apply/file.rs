//! The file of `postern mailbox apply`: its words, and what they ask for.
use anyhow::{Context as _, bail};
use desk::mailboxes::client::EnteredClient;
use desk::mailboxes::mailbox::{
    Authentication, EnteredServer, Fetched, OutgoingMailbox, RemoteMailbox, Security, StartFrom,
};
use secrecy::SecretString;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A file's entry with its secrets read and its words understood.
pub struct Wanted {
    pub entry: Entry,
    pub remote: RemoteMailbox,
    pub outgoing: OutgoingMailbox,
    pub client: Option<EnteredClient>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(default, rename = "mailbox")]
    pub mailboxes: Vec<Entry>,
}
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub address: String,
    pub name: Option<String>,
    pub department: Option<String>,
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

impl Entry {
    pub fn wanted(self, folders: &[PathBuf]) -> anyhow::Result<Wanted> {
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
