//! What the settings mean: each text checked, and named with its source when it is wrong.
use super::{Config, Source, database, default_site, values::Values};
use anyhow::bail;
use desk::files::reserve::Reserve;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use url::Url;
use wire::lmtp::Place;

pub(super) fn checked(values: &Values, data: PathBuf, data_from: Source) -> anyhow::Result<Config> {
    let settings = Settings { values, data: &data };
    let listen = settings.listen()?;
    let site_url = settings.site_url(listen)?;
    let (database, database_url) = settings.database()?;
    let key_file = settings.in_data("secrets.key_file").unwrap_or_else(|| data.join("postern.key"));
    let (reserve, reserve_text) = settings.reserve()?;
    let extra_ca = settings.extra_ca()?;
    let log_level = settings.log_level()?;
    let trusted_proxies = settings.addresses("http.trusted_proxies")?;
    let http_allow = settings.addresses("net.http_allow")?;
    let dns_servers = settings.name_servers()?;
    let lmtp_clients = settings.addresses("lmtp.clients")?;
    let lmtp = settings.lmtp(&lmtp_clients)?;
    let path = |path: Option<&PathBuf>| path.map_or(String::new(), |p| p.display().to_string());
    let texts = [
        ("site.url", site_url.clone().unwrap_or_else(|| default_site(listen)).to_string()),
        ("http.listen", listen.to_string()),
        ("http.trusted_proxies", joined(&trusted_proxies)),
        ("database.url", database),
        ("secrets.key_file", path(Some(&key_file))),
        ("store.reserve", reserve_text),
        ("tls.extra_ca", path(extra_ca.as_ref())),
        ("net.http_allow", joined(&http_allow)),
        ("net.dns_servers", joined(&dns_servers)),
        ("lmtp.listen", lmtp.as_ref().map_or(String::new(), ToString::to_string)),
        ("lmtp.clients", joined(&lmtp_clients)),
        ("log.level", log_level.clone()),
    ];
    let mut shown = vec![("data", data.display().to_string(), data_from)];
    shown.extend(texts.into_iter().map(|(key, text)| (key, text, settings.source(key))));
    let listen_by_flag = matches!(settings.source("http.listen"), Source::Flag(_));
    Ok(Config {
        data,
        site_url,
        listen,
        listen_by_flag,
        trusted_proxies,
        database_url,
        key_file,
        reserve,
        extra_ca,
        http_allow,
        dns_servers,
        lmtp,
        lmtp_clients,
        log_level,
        shown,
    })
}

/// The texts, on their way to what they mean.
struct Settings<'a> {
    values: &'a Values,
    data: &'a Path,
}

impl Settings<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(text, _)| text.as_str()).filter(|text| !text.is_empty())
    }
    fn source(&self, key: &str) -> Source {
        self.values.get(key).map_or(Source::Default, |(_, source)| source.clone())
    }
    fn wrong(&self, key: &str, expected: &str) -> anyhow::Error {
        let found = self.text(key).unwrap_or_default();
        let found = if key == "database.url" { database::shown(found) } else { found.to_owned() };
        anyhow::anyhow!("{key} from {} is “{found}”; expected {expected}", self.source(key))
    }
    /// A path in the data folder; an absolute one stays as it is.
    fn in_data(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(|path| self.data.join(path))
    }

    fn listen(&self) -> anyhow::Result<SocketAddr> {
        let text = self.text("http.listen").unwrap_or("127.0.0.1:8080");
        text.parse().map_err(|_| self.wrong("http.listen", "an address and a port, as in 127.0.0.1:8080"))
    }

    fn site_url(&self, listen: SocketAddr) -> anyhow::Result<Option<Url>> {
        const EXPECTED: &str = "https://host or http://host, without a path, as in https://help.example.org";
        let Some(text) = self.text("site.url") else {
            if !listen.ip().is_loopback() {
                bail!(
                    "http.listen is {listen}, which others can reach; site.url must say under which address, as in \
                     https://help.example.org"
                );
            }
            return Ok(None);
        };
        origin(text).map(Some).ok_or_else(|| self.wrong("site.url", EXPECTED))
    }

    /// A port that others can reach without being named would take mail from anybody.
    fn lmtp(&self, clients: &[IpAddr]) -> anyhow::Result<Option<Place>> {
        const KEY: &str = "lmtp.listen";
        let Some(text) = self.text(KEY) else {
            if !clients.is_empty() {
                bail!(
                    "lmtp.clients names mail servers, and lmtp.listen does not say where Postern listens for them"
                );
            }
            return Ok(None);
        };
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Some(Place::Socket(self.data.join(path))));
        }
        let expected = "unix:FILE, or an address and a port, as in 127.0.0.1:2424";
        let address: SocketAddr = text.parse().map_err(|_| self.wrong(KEY, expected))?;
        if !address.ip().is_loopback() && clients.is_empty() {
            bail!(
                "lmtp.listen is {address}, which others can reach; lmtp.clients must say which mail servers may hand \
                 letters over, as in 10.0.0.5"
            );
        }
        Ok(Some(Place::Port(address)))
    }

    /// As it is shown, and as `Db::open` takes it.
    fn database(&self) -> anyhow::Result<(String, String)> {
        let text = self.text("database.url").unwrap_or("sqlite:postern.db");
        let url = database::url(text, self.data).ok_or_else(|| {
            self.wrong(
                "database.url",
                "sqlite:FILE or postgres://user@host/name, in the password %40 for @, %2F for /, %3A for :, %3F for ? \
                 and %23 for #",
            )
        })?;
        Ok((database::shown(text), url))
    }

    /// What it is, and how it is shown.
    fn reserve(&self) -> anyhow::Result<(Reserve, String)> {
        let Some(text) = self.text("store.reserve") else {
            return Ok((Reserve::Usual, "5%, and 1GB at least".to_owned()));
        };
        let wrong = || self.wrong("store.reserve", "a share of the disk or a size, as in 5%, 500MB or 2GB");
        Ok((Reserve::read(text).ok_or_else(wrong)?, text.to_owned()))
    }

    fn extra_ca(&self) -> anyhow::Result<Option<PathBuf>> {
        let path = self.in_data("tls.extra_ca");
        if let Some(path) = &path
            && let Err(error) = std::fs::File::open(path)
        {
            bail!("tls.extra_ca: cannot read {}: {error}", path.display());
        }
        Ok(path)
    }

    fn log_level(&self) -> anyhow::Result<String> {
        let level = self.text("log.level").unwrap_or("info").to_lowercase();
        if ["error", "warn", "info", "debug", "trace"].contains(&level.as_str()) {
            return Ok(level);
        }
        Err(self.wrong("log.level", "error, warn, info, debug or trace"))
    }

    fn addresses(&self, key: &str) -> anyhow::Result<Vec<IpAddr>> {
        let wrong = |_| self.wrong(key, "IP addresses, as in 10.0.0.5");
        self.list(key).map(|a| a.parse().map_err(wrong)).collect()
    }

    /// Port 53 where none is named.
    fn name_servers(&self) -> anyhow::Result<Vec<SocketAddr>> {
        const KEY: &str = "net.dns_servers";
        let server = |text: &str| match text.parse::<IpAddr>() {
            Ok(address) => Ok(SocketAddr::new(address, 53)),
            Err(_) => text.parse().map_err(|_| self.wrong(KEY, "addresses of name servers, as in 10.0.0.53")),
        };
        self.list(KEY).map(server).collect()
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        self.text(key).unwrap_or_default().split(',').map(str::trim).filter(|one| !one.is_empty())
    }
}

fn joined<T: ToString>(list: &[T]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// An origin: scheme, host, port and nothing else.
fn origin(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/" && plain).then_some(url)
}
