//! The configuration: `postern.toml`, `POSTERN_…` variables and flags, one precedence (a flag beats a
//! variable, a variable beats the file), checked in full before anything starts.
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use url::Url;

/// Every key, as `section.name` stands in the file, `POSTERN_SECTION__NAME` in the environment and
/// `--section-name` among the flags.
pub const KEYS: [(&str, &str); 8] = [
    ("site.url", "the one source of links, callbacks and cookie flags: https://help.example.org"),
    ("http.listen", "address and port: 127.0.0.1:8080"),
    ("http.trusted_proxies", "addresses of proxies whose X-Forwarded-For counts"),
    ("database.url", "sqlite:FILE in the data folder, or postgres://user@host/name"),
    ("secrets.key_file", "the file with the key that seals secrets"),
    ("tls.extra_ca", "a PEM file with certificates of private mail servers"),
    ("net.http_allow", "private addresses that HTTP may reach"),
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
    pub trusted_proxies: Vec<IpAddr>,
    /// As `Db::open` takes it.
    pub database_url: String,
    pub key_file: PathBuf,
    pub extra_ca: Option<PathBuf>,
    pub http_allow: Vec<IpAddr>,
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
        values.set(key, value.clone(), Source::Flag(format!("--{}", key.replace(['.', '_'], "-"))));
    }
    checked(&values, data, data_from)
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

/// The texts of all keys, with where each comes from; later sources win.
#[derive(Debug, Default)]
struct Values(BTreeMap<&'static str, (String, Source)>);

impl Values {
    fn set(&mut self, key: &'static str, value: String, source: Source) {
        self.0.insert(key, (value, source));
    }
    fn get(&self, key: &str) -> Option<&(String, Source)> {
        self.0.get(key)
    }

    fn take_file(&mut self, path: &Path, text: &str) -> anyhow::Result<()> {
        let name = path.display();
        let table: toml::Table =
            text.parse().map_err(|e| anyhow::anyhow!("{name} is not valid TOML: {e}"))?;
        for (section, value) in &table {
            let Some(inner) = value.as_table() else {
                bail!("{name}{}: `{section}` is not a section. Known: {}.", line_of(text, section), known());
            };
            for (key, value) in inner {
                let full = format!("{section}.{key}");
                let Some((known_key, meaning)) = KEYS.iter().find(|(k, _)| *k == full) else {
                    bail!("{name}{}: there is no key `{full}`. Known: {}.", line_of(text, key), known());
                };
                let text_value = match value {
                    toml::Value::String(s) => s.clone(),
                    toml::Value::Array(list) if list.iter().all(toml::Value::is_str) => {
                        list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                    }
                    other => bail!(
                        "{name}{}: `{full}` is {}; expected {meaning}.",
                        line_of(text, key),
                        other.type_str()
                    ),
                };
                self.set(known_key, text_value, Source::File(path.to_owned()));
            }
        }
        Ok(())
    }

    fn take_environment(&mut self, environment: &BTreeMap<String, String>) -> anyhow::Result<()> {
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix("POSTERN_") else { continue };
            if ["CONFIG", "DATA"].contains(&rest) || rest.starts_with("TEST_") {
                continue;
            }
            let key = if rest == "DATABASE" {
                "database.url".into()
            } else {
                rest.to_lowercase().replace("__", ".")
            };
            let Some((known_key, _)) = KEYS.iter().find(|(k, _)| *k == key) else {
                let variables: Vec<_> = KEYS
                    .iter()
                    .map(|(k, _)| format!("POSTERN_{}", k.to_uppercase().replace('.', "__")))
                    .collect();
                bail!(
                    "the environment has {name}, which means nothing here. Known: {}.",
                    variables.join(", ")
                );
            };
            self.set(known_key, value.clone(), Source::Variable(name.clone()));
        }
        Ok(())
    }
}

fn known() -> String {
    KEYS.map(|(key, _)| key).join(", ")
}
fn line_of(text: &str, key: &str) -> String {
    let at = text.lines().position(|line| {
        let line = line.trim_start();
        line.starts_with(&format!("[{key}"))
            || line.strip_prefix(key).is_some_and(|r| r.trim_start().starts_with('='))
    });
    at.map_or(String::new(), |i| format!(", line {}", i + 1))
}

fn checked(values: &Values, data: PathBuf, data_from: Source) -> anyhow::Result<Config> {
    let wrong = |key: &str, expected: &str| {
        let (found, source) = values.get(key).cloned().unwrap_or((String::new(), Source::Default));
        anyhow::anyhow!("{key} from {source} is “{found}”; expected {expected}")
    };
    let text = |key: &str| values.get(key).map(|(v, _)| v.as_str()).filter(|v| !v.is_empty());
    let addresses = |key: &'static str| -> anyhow::Result<Vec<IpAddr>> {
        let list = text(key).unwrap_or_default();
        list.split(',')
            .map(str::trim)
            .filter(|a| !a.is_empty())
            .map(|a| a.parse().map_err(|_| wrong(key, "IP addresses, as in 10.0.0.5")))
            .collect()
    };
    let listen: SocketAddr = text("http.listen")
        .unwrap_or("127.0.0.1:8080")
        .parse()
        .map_err(|_| wrong("http.listen", "an address and a port, as in 127.0.0.1:8080"))?;
    let site_url = text("site.url")
        .map(|u| {
            site_url(u).ok_or_else(|| {
                wrong(
                    "site.url",
                    "https://host or http://host, without a path, as in https://help.example.org",
                )
            })
        })
        .transpose()?;
    if site_url.is_none() && !listen.ip().is_loopback() {
        bail!(
            "http.listen is {listen}, which others can reach; site.url must say under which address, as in https://help.example.org"
        );
    }
    let database = text("database.url").unwrap_or("sqlite:postern.db");
    let database_url = database_url(database, &data)
        .ok_or_else(|| wrong("database.url", "sqlite:FILE or postgres://user@host/name"))?;
    let in_data = |path: &str| data.join(path); // an absolute path stays as it is
    let key_file = in_data(text("secrets.key_file").unwrap_or("postern.key"));
    let extra_ca = text("tls.extra_ca").map(in_data);
    if let Some(path) = &extra_ca
        && let Err(error) = std::fs::File::open(path)
    {
        bail!("tls.extra_ca: cannot read {}: {error}", path.display());
    }
    let log_level = text("log.level").unwrap_or("info").to_lowercase();
    if !["error", "warn", "info", "debug", "trace"].contains(&log_level.as_str()) {
        return Err(wrong("log.level", "error, warn, info, debug or trace"));
    }
    let from = |key: &str| values.get(key).map_or(Source::Default, |(_, source)| source.clone());
    let join = |list: &[IpAddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (trusted_proxies, http_allow) = (addresses("http.trusted_proxies")?, addresses("net.http_allow")?);
    let shown = vec![
        ("data", data.display().to_string(), data_from),
        (
            "site.url",
            site_url.as_ref().map_or_else(|| default_site(listen).to_string(), Url::to_string),
            from("site.url"),
        ),
        ("http.listen", listen.to_string(), from("http.listen")),
        ("http.trusted_proxies", join(&trusted_proxies), from("http.trusted_proxies")),
        ("database.url", without_password(database), from("database.url")),
        ("secrets.key_file", key_file.display().to_string(), from("secrets.key_file")),
        (
            "tls.extra_ca",
            extra_ca.as_ref().map_or(String::new(), |p| p.display().to_string()),
            from("tls.extra_ca"),
        ),
        ("net.http_allow", join(&http_allow), from("net.http_allow")),
        ("log.level", log_level.clone(), from("log.level")),
    ];
    Ok(Config {
        data,
        site_url,
        listen,
        trusted_proxies,
        database_url,
        key_file,
        extra_ca,
        http_allow,
        log_level,
        shown,
    })
}

/// An origin: scheme, host, port and nothing else.
fn site_url(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/" && plain).then_some(url)
}

/// Where the site is when nobody says: this machine, by the name that browsers treat as secure.
pub fn default_site(listen: SocketAddr) -> Url {
    let text = format!("http://localhost:{}/", listen.port());
    text.parse().expect("invariant: localhost and a port make a URL")
}

fn database_url(text: &str, data: &Path) -> Option<String> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return (!path.is_empty()).then(|| format!("sqlite:{}", data.join(path).display()));
    }
    let postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
    (postgres && text.parse::<Url>().is_ok()).then(|| text.to_owned())
}

fn without_password(text: &str) -> String {
    let Ok(mut url) = text.parse::<Url>() else { return text.to_owned() };
    if url.password().is_some() && url.set_password(Some("…")).is_err() {
        return String::from("postgres://…");
    }
    if url.query().is_some_and(|q| q.contains("password")) {
        url.set_query(None);
    }
    url.to_string().replace("%E2%80%A6", "…")
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
            ("log.level", "loud"),
        ] {
            let error = check("", &[], &[(key, value)]).unwrap_err();
            assert!(error.contains(key) && error.contains(value) && error.contains("expected"), "{error}");
        }
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
