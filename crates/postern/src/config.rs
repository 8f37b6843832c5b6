//! The configuration: `postern.toml`, `POSTERN_…` variables and flags, one precedence (a flag beats a
//! variable, a variable beats the file), checked in full before anything starts.
mod checked;
pub mod database;
mod values;

use anyhow::Context as _;
use desk::files::reserve::Reserve;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use url::Url;
use values::Values;

pub use values::toml_mistake;

/// Every key, as `section.name` stands in the file, `POSTERN_SECTION__NAME` in the environment and
/// `--section-name` among the flags (`--database` for the database).
pub const KEYS: [(&str, &str); 12] = [
    ("site.url", "the one source of links, callbacks and cookie flags: https://help.example.org"),
    ("http.listen", "address and port: 127.0.0.1:8080"),
    ("http.trusted_proxies", "addresses of proxies whose X-Forwarded-For counts"),
    ("database.url", "sqlite:FILE in the data folder, or postgres://user@host/name"),
    ("secrets.key_file", "the file with the key that seals secrets"),
    ("store.reserve", "what is kept free on the disk, of which fetching uses nothing: 5%, 500MB, 2GB"),
    ("tls.extra_ca", "a PEM file with certificates of private mail servers"),
    ("net.http_allow", "private addresses that HTTP may reach"),
    ("net.dns_servers", "name servers that the doctor asks, in place of the system's"),
    (
        "lmtp.listen",
        "where a mail server hands letters over: unix:FILE in the data folder, or 127.0.0.1:2424",
    ),
    ("lmtp.clients", "addresses of mail servers on other machines that may do so"),
    ("log.level", "error, warn, info, debug or trace"),
];

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Variable(String),
    Flag(String),
}
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Variable(name) => f.write_str(name),
            Source::Flag(name) => f.write_str(name),
        }
    }
}

/// What the flags said; the rest comes from the environment and the file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub data: Option<PathBuf>,
    /// (key, value) as given: `("site.url", "https://…")`.
    pub values: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub data: PathBuf,
    /// `None`: made from the address that is listened on.
    pub site_url: Option<Url>,
    pub listen: SocketAddr,
    /// `http.listen` was said by a flag of this very command.
    pub listen_by_flag: bool,
    pub trusted_proxies: Vec<IpAddr>,
    /// As `Db::open` takes it.
    pub database_url: String,
    pub key_file: PathBuf,
    pub reserve: Reserve,
    pub extra_ca: Option<PathBuf>,
    pub http_allow: Vec<IpAddr>,
    pub dns_servers: Vec<SocketAddr>,
    /// Letters are handed over here; over a port by this machine and by `lmtp_clients`.
    pub lmtp: Option<wire::lmtp::Place>,
    pub lmtp_clients: Vec<IpAddr>,
    pub log_level: String,
    /// For `config show`: key, value without secrets, where from.
    pub shown: Vec<(&'static str, String, Source)>,
}

/// Reads and checks everything. `data` is the folder when no flag and no variable names one.
pub fn load(flags: &Flags, environment: &BTreeMap<String, String>, data: &str) -> anyhow::Result<Config> {
    let (data, data_from) = match (&flags.data, environment.get("POSTERN_DATA")) {
        (Some(path), _) => (path.clone(), Source::Flag("--data".into())),
        (None, Some(path)) => (PathBuf::from(path), Source::Variable("POSTERN_DATA".into())),
        (None, None) => (PathBuf::from(data), Source::Default),
    };
    let mut values = Values::default();
    if let Some((path, text)) = config_file(flags, environment, &data)? {
        values.take_file(&path, &text)?;
    }
    values.take_environment(environment)?;
    for (key, value) in &flags.values {
        values.set(key, value.clone(), Source::Flag(flag(key)));
    }
    checked::checked(&values, data, data_from)
}

/// As it stands in the help.
fn flag(key: &str) -> String {
    match key {
        "database.url" => "--database".to_owned(),
        key => format!("--{}", key.replace(['.', '_'], "-")),
    }
}

fn config_file(
    flags: &Flags,
    environment: &BTreeMap<String, String>,
    data: &Path,
) -> anyhow::Result<Option<(PathBuf, String)>> {
    let named = flags.config.clone().or_else(|| environment.get("POSTERN_CONFIG").map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| data.join("postern.toml"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the configuration {}", path.display())),
    }
}

/// Where the site is when nobody says: this machine, by the name that browsers treat as secure.
pub fn default_site(listen: SocketAddr) -> Url {
    let text = format!("http://localhost:{}/", listen.port());
    text.parse().expect("invariant: localhost and a port make a URL")
}

impl Config {
    /// `key = value  (from …)`, a line each.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (key, value, source) in &self.shown {
            let _ = writeln!(out, "{key} = {value:?}  # {source}");
        }
        out
    }
    pub fn to_json(&self) -> serde_json::Value {
        let entry = |(key, value, source): &(&str, String, Source)| {
            (key.to_string(), serde_json::json!({ "value": value, "from": source.to_string() }))
        };
        serde_json::Value::Object(self.shown.iter().map(entry).collect())
    }

    /// Where the site is: as the configuration says, else where the last server said that it is (`kept`), which may
    /// have been told by a flag of its own.
    pub fn site(&self, kept: Option<Url>) -> Url {
        let here = || default_site(self.listen);
        match &self.site_url {
            Some(url) => url.clone(),
            None if self.listen_by_flag && self.listen.port() != 0 => here(),
            None => kept.unwrap_or_else(here),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        if !file.is_empty() {
            std::fs::write(folder.path().join("postern.toml"), file).unwrap();
        }
        let environment = environment.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let flags = Flags {
            config: None,
            data: Some(folder.path().to_owned()),
            values: flags.iter().map(|(k, v)| (*k, v.to_string())).collect(),
        };
        load(&flags, &environment, "unused").map_err(|e| format!("{e:#}"))
    }

    #[test]
    fn a_flag_beats_a_variable_and_a_variable_beats_the_file() {
        let file =
            "[http]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n[site]\nurl = \"https://a.example\"";
        let config = check(
            file,
            &[("POSTERN_HTTP__LISTEN", "127.0.0.1:2"), ("POSTERN_LOG__LEVEL", "error")],
            &[("http.listen", "127.0.0.1:3")],
        )
        .unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.log_level, "error");
        assert_eq!(config.site_url.unwrap().as_str(), "https://a.example/");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_what_is_known() {
        let error = check("[http]\nlisten = \"127.0.0.1:1\"\nport = \"80\"", &[], &[]).unwrap_err();
        assert!(
            error.contains("line 3") && error.contains("http.port") && error.contains("http.listen"),
            "{error}"
        );
        let error = check("", &[("POSTERN_HTTP__PORT", "1")], &[]).unwrap_err();
        assert!(error.contains("POSTERN_HTTP__PORT") && error.contains("POSTERN_HTTP__LISTEN"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_source_and_what_was_expected() {
        for (key, value) in [
            ("site.url", "help.example.org"),
            ("site.url", "https://help.example.org/desk"),
            ("http.listen", "8080"),
            ("http.trusted_proxies", "proxy.example"),
            ("database.url", "mysql://x"),
            ("store.reserve", "2"),
            ("lmtp.listen", "here"),
            ("lmtp.clients", "mx.example"),
            ("log.level", "loud"),
        ] {
            let error = check("", &[], &[(key, value)]).unwrap_err();
            assert!(error.contains(key) && error.contains(value) && error.contains("expected"), "{error}");
        }
    }

    #[test]
    fn a_flag_is_named_as_it_is_given() {
        let error = check("", &[], &[("database.url", "mysql://x")]).unwrap_err();
        assert!(error.contains("from --database is"), "{error}");
        let error = check("", &[], &[("http.trusted_proxies", "x")]).unwrap_err();
        assert!(error.contains("from --http-trusted-proxies is"), "{error}");
    }

    #[test]
    fn an_address_that_others_reach_needs_a_site_url() {
        let error = check("", &[], &[("http.listen", "0.0.0.0:8080")]).unwrap_err();
        assert!(error.contains("site.url"), "{error}");
    }

    #[test]
    fn what_is_shown_holds_no_password() {
        let config = check("", &[], &[("database.url", "postgres://desk:hunter2@db.example/desk")]).unwrap();
        assert!(!config.to_text().contains("hunter2") && !config.to_json().to_string().contains("hunter2"));
        assert!(config.database_url.contains("hunter2"));
    }
}
