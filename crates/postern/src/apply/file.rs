//! The file of `postern mailbox apply`: its words, and what they ask for. Not what they leave open (`asked`).
use super::asked::{AskedOutgoing, AskedRemote, AskedServer};
use super::registration::{Of, Registration, Wanted as WantedClient};
use anyhow::{Context as _, bail};
use desk::mailboxes::mailbox::{Authentication, Fetched, Protocol, Security, Shape, StartFrom, Submission};
use secrecy::SecretString;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A file's entry with its secrets read and its words understood.
pub struct Wanted {
    pub entry: Entry,
    pub shape: Option<Shape>,
    /// `None`: nothing is said of fetching.
    pub remote: Option<AskedRemote>,
    pub outgoing: Option<AskedOutgoing>,
    pub client: Option<WantedClient>,
    /// Of the outgoing side, where it signs in by one of its own.
    pub outgoing_client: Option<WantedClient>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(default, rename = "mailbox")]
    pub mailboxes: Vec<Entry>,
    /// Registrations that several mailboxes share, by name.
    #[serde(default, rename = "client")]
    pub clients: Vec<Registration>,
}
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub address: String,
    pub name: Option<String>,
    pub department: Option<String>,
    shape: Option<EnteredShape>,
    opens: Option<String>,
    active: Option<bool>,
    start_from: Option<String>,
    fetched: Option<String>,
    frequency_s: Option<i64>,
    batch: Option<i64>,
    incoming: Option<Incoming>,
    outgoing: Option<Outgoing>,
    client: Option<Of>,
}
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    protocol: Option<EnteredProtocol>,
    host: Option<String>,
    port: Option<u16>,
    security: Option<EnteredSecurity>,
    folder: Option<String>,
    folders: Option<Vec<String>>,
    notifications: Option<bool>,
    authentication: EnteredAuthentication,
    user: Option<String>,
    password_file: Option<PathBuf>,
}
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outgoing {
    #[serde(default)]
    same: bool,
    #[serde(default)]
    none: bool,
    protocol: Option<EnteredSubmission>,
    host: Option<String>,
    port: Option<u16>,
    security: Option<EnteredSecurity>,
    authentication: Option<OutgoingAuthentication>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    header_spoofing: Option<bool>,
    client: Option<Of>,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EnteredShape {
    Own,
    Shared,
    Alias,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EnteredProtocol {
    Imap,
    Pop3,
    Graph,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EnteredSubmission {
    Smtp,
    Graph,
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
    Google,
    Other,
    Password,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OutgoingAuthentication {
    Microsoft,
    Google,
    Other,
    Password,
    Same,
    None,
}
impl From<EnteredProtocol> for Protocol {
    fn from(entered: EnteredProtocol) -> Self {
        match entered {
            EnteredProtocol::Imap => Protocol::Imap,
            EnteredProtocol::Pop3 => Protocol::Pop3,
            EnteredProtocol::Graph => Protocol::Graph,
        }
    }
}
impl From<EnteredSubmission> for Submission {
    fn from(entered: EnteredSubmission) -> Self {
        match entered {
            EnteredSubmission::Smtp => Submission::Smtp,
            EnteredSubmission::Graph => Submission::Graph,
        }
    }
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

    /// `None`: it stays what it is.
    pub fn shape(&self) -> anyhow::Result<Option<Shape>> {
        Ok(match (self.shape, &self.opens) {
            (None, None) => None,
            (Some(EnteredShape::Own), None) => Some(Shape::Own),
            (Some(EnteredShape::Shared), None) => Some(Shape::Shared),
            (Some(EnteredShape::Alias), Some(opens)) => Some(Shape::Alias { opens: opens.clone() }),
            (Some(EnteredShape::Alias), None) => {
                bail!("shape = \"alias\" needs opens = \"…\", the mailbox that is opened")
            }
            (_, Some(_)) => bail!("opens belongs to shape = \"alias\", and to nothing else"),
        })
    }

    fn understood(self, folders: &[PathBuf]) -> anyhow::Result<Wanted> {
        let remote = self.remote(folders)?;
        let authentication = remote.as_ref().and_then(|remote| remote.server.authentication);
        if authentication.is_some_and(Authentication::is_oauth) != self.client.is_some() {
            bail!(
                "[mailbox.client] belongs to authentication = \"microsoft\", \"google\" or \"other\", and to nothing else"
            );
        }
        let outgoing = self.outgoing.as_ref().map(|o| o.asked(folders)).transpose()?;
        let client = self.client.as_ref().map(|c| c.wanted(folders, "client")).transpose()?;
        let outgoing_client = self.outgoing.as_ref().and_then(|outgoing| outgoing.client.as_ref());
        let outgoing_client = outgoing_client.map(|c| c.wanted(folders, "outgoing.client")).transpose()?;
        let shape = self.shape()?;
        Ok(Wanted { entry: self, shape, remote, outgoing, client, outgoing_client })
    }

    /// A mailbox may be fetched from nowhere: its mail is handed over by a mail server of one's own (`postern pipe`).
    fn remote(&self, folders: &[PathBuf]) -> anyhow::Result<Option<AskedRemote>> {
        let Some(incoming) = &self.incoming else {
            let fetching = [
                ("active = true", self.active == Some(true)),
                ("start_from", self.start_from.is_some()),
                ("fetched", self.fetched.is_some()),
                ("frequency_s", self.frequency_s.is_some()),
                ("batch", self.batch.is_some()),
            ];
            if let Some((key, _)) = fetching.iter().find(|(_, given)| *given) {
                bail!("{key} is about fetching, and needs [mailbox.incoming]");
            }
            return Ok(None);
        };
        let authentication = Authentication::from(incoming.authentication);
        Ok(Some(AskedRemote {
            protocol: incoming.protocol.map(Into::into),
            server: AskedServer {
                host: incoming.host.clone(),
                port: incoming.port,
                security: incoming.security.map(Into::into),
                authentication: Some(authentication),
                user: incoming.user.clone(),
                password: secret(incoming.password_file.as_deref(), folders, "incoming.password_file")?,
            },
            folders: incoming.folders()?,
            active: self.active,
            frequency_s: self.frequency_s,
            batch: self.batch,
            fetched: self.fetched.as_deref().map(fetched).transpose()?,
            start_from: self.start_from.as_deref().map(start_from).transpose()?,
            notified: incoming.notifications,
        }))
    }
}

impl From<EnteredAuthentication> for Authentication {
    fn from(entered: EnteredAuthentication) -> Self {
        match entered {
            EnteredAuthentication::Microsoft => Authentication::Microsoft,
            EnteredAuthentication::Google => Authentication::Google,
            EnteredAuthentication::Other => Authentication::Other,
            EnteredAuthentication::Password => Authentication::Password,
        }
    }
}

impl Incoming {
    fn folders(&self) -> anyhow::Result<Option<Vec<String>>> {
        match (&self.folder, &self.folders) {
            (Some(_), Some(_)) => {
                bail!("incoming.folder and incoming.folders are one setting: keep one of them")
            }
            (Some(folder), None) => Ok(Some(vec![folder.clone()])),
            (None, Some(folders)) if folders.is_empty() => bail!("incoming.folders names no folder"),
            (None, folders) => Ok(folders.clone()),
        }
    }
}

impl Outgoing {
    fn asked(&self, folders: &[PathBuf]) -> anyhow::Result<AskedOutgoing> {
        if self.none && self.host.is_some() {
            bail!(
                "outgoing: with none = true nothing is sent, so that it has no host; authentication = \"none\" sends through one \
                 where nobody signs in"
            );
        }
        let authentication = match (self.none, self.same, self.authentication) {
            (true, false, None) => Some(Authentication::None),
            (false, true, None | Some(OutgoingAuthentication::Same)) => Some(Authentication::Same),
            (false, false, Some(OutgoingAuthentication::Same)) => Some(Authentication::Same),
            (false, false, Some(OutgoingAuthentication::None)) => Some(Authentication::None),
            (false, false, Some(OutgoingAuthentication::Password)) => Some(Authentication::Password),
            (false, false, Some(OutgoingAuthentication::Microsoft)) => Some(Authentication::Microsoft),
            (false, false, Some(OutgoingAuthentication::Google)) => Some(Authentication::Google),
            (false, false, Some(OutgoingAuthentication::Other)) => Some(Authentication::Other),
            (false, false, None) => None,
            _ => bail!("outgoing: use one of same = true, none = true, or authentication"),
        };
        if authentication.is_some_and(Authentication::is_oauth) != self.client.is_some() {
            bail!(
                "[mailbox.outgoing.client] belongs to outgoing.authentication = \"microsoft\", \"google\" or \"other\", and to nothing else"
            );
        }
        Ok(AskedOutgoing {
            submission: self.protocol.map(Into::into),
            server: AskedServer {
                host: self.host.clone(),
                port: self.port,
                security: self.security.map(Into::into),
                authentication,
                user: self.user.clone(),
                password: secret(self.password_file.as_deref(), folders, "outgoing.password_file")?,
            },
            header_spoofing: self.header_spoofing,
        })
    }
}

/// Beside the file that names it, or in the data folder; the last line end does not belong to it.
pub(super) fn secret(
    path: Option<&Path>,
    folders: &[PathBuf],
    key: &str,
) -> anyhow::Result<Option<SecretString>> {
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
