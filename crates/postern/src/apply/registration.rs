//! Registrations in the file of `postern mailbox apply`: a mailbox's own, or one of the file's (or of the desk's) that
//! several mailboxes share by its name.
use super::asked::AskedClient;
use super::file::secret;
use anyhow::{Context as _, bail};
use desk::mailboxes::client::{Authentication, Flow, first_moment};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use std::path::PathBuf;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub name: Option<String>,
    provider: Option<String>,
    flow: Option<EnteredFlow>,
    authentication: Option<EnteredAuthentication>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    client_secret_expires: Option<String>,
    service_account_file: Option<PathBuf>,
    tenant: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    scopes: Option<String>,
    strict_matching: Option<bool>,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EnteredFlow {
    Code,
    AppOnly,
    ServiceAccount,
}
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EnteredAuthentication {
    Secret,
    Certificate,
}

/// `client = "name"` or `[mailbox.client]`.
#[derive(Debug)]
pub enum Of {
    Shared(String),
    Own(Box<Registration>),
}

/// The same, understood.
pub enum Wanted {
    Shared(String),
    Own(Box<AskedClient>),
}

impl Of {
    pub fn wanted(&self, folders: &[PathBuf], key: &str) -> anyhow::Result<Wanted> {
        match self {
            Of::Shared(name) => Ok(Wanted::Shared(name.clone())),
            Of::Own(own) => Ok(Wanted::Own(Box::new(own.asked(folders, key)?))),
        }
    }
}

impl Registration {
    pub fn asked(&self, folders: &[PathBuf], key: &str) -> anyhow::Result<AskedClient> {
        let path = |name: &str| format!("{key}.{name}");
        let flow = self.flow.map(|flow| match flow {
            EnteredFlow::Code => Flow::Code,
            EnteredFlow::AppOnly => Flow::AppOnly,
            EnteredFlow::ServiceAccount => Flow::ServiceAccount,
        });
        if self.client_id.is_none() && flow != Some(Flow::ServiceAccount) {
            bail!("{} is needed", path("client_id"));
        }
        Ok(AskedClient {
            name: self.name.clone(),
            provider: self.provider.clone(),
            flow,
            authentication: self.authentication.map(|authentication| match authentication {
                EnteredAuthentication::Secret => Authentication::Secret,
                EnteredAuthentication::Certificate => Authentication::Certificate,
            }),
            client_id: self.client_id.clone(),
            client_secret: secret(self.client_secret_file.as_deref(), folders, &path("client_secret_file"))?,
            secret_expires_at: self
                .client_secret_expires
                .as_deref()
                .map(|text| day(text).with_context(|| path("client_secret_expires")))
                .transpose()?,
            account_file: secret(
                self.service_account_file.as_deref(),
                folders,
                &path("service_account_file"),
            )?,
            tenant: self.tenant.clone(),
            authorization_endpoint: self.authorization_endpoint.clone(),
            token_endpoint: self.token_endpoint.clone(),
            scopes: self.scopes.clone(),
            strict_matching: self.strict_matching,
        })
    }
}

fn day(text: &str) -> anyhow::Result<i64> {
    first_moment(text).with_context(|| format!("“{text}” is no date; expected one as in 2028-01-31"))
}

impl<'de> Deserialize<'de> for Of {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Of, D::Error> {
        struct Either;
        // By hand: an untagged enum would not name the key that is wrong.
        impl<'de> Visitor<'de> for Either {
            type Value = Of;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a [[client]], or a table of its own")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Of, E> {
                Ok(Of::Shared(name.to_owned()))
            }
            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Of, M::Error> {
                Registration::deserialize(MapAccessDeserializer::new(map)).map(|own| Of::Own(Box::new(own)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
