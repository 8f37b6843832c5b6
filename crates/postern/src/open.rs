//! Opens what every command stands on: the data folder, the key, the database, the store. The key is
//! made only with a new database, and a database without its key does not start.
use crate::config::{Config, database};
use crate::output;
use anyhow::{Context as _, anyhow, bail};
use desk::db::{Db, Options};
use desk::files::{belonging, blob, store::Store};
use desk::site::{key_health, setting, vault::Vault};
use desk::{Desk, MIGRATIONS};
use mail::provider::Book;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use url::Url;

/// Whether a missing database is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Make,
    /// Commands that only look would hide a mistyped folder by making a new one.
    Refuse,
}

/// The desk of this configuration, up to date and with the right key, for a command.
pub fn desk(config: &Config, missing: Missing) -> anyhow::Result<Desk> {
    let providers = book(&config.data)?;
    let (db, _) = database(config, missing)?;
    not_under_a_server(config, &db)?;
    let desk = ready(config, db, providers).map_err(|error| beside_a_server(config, error))?;
    belonging::check(&desk.db, desk.store.root())?;
    no_pack_twice(&desk)?;
    Ok(desk)
}

/// What went wrong with the key may be mended while the server that runs still has it.
fn beside_a_server(config: &Config, error: anyhow::Error) -> anyhow::Error {
    let is_the_key = error.to_string().contains(&config.key_file.display().to_string());
    if !is_the_key || !is_served(config) {
        return error;
    }
    let said = format!("{error:#}");
    anyhow!("{}. {} {}", said.trim_end_matches('.'), key_health::REMEDY, key_health::WITHOUT_A_COPY)
}

/// The same for the server, which holds the lock on the data folder.
pub fn servers_desk(config: &Config) -> anyhow::Result<Desk> {
    let providers = book(&config.data)?;
    let (db, _) = database(config, Missing::Make)?;
    let desk = ready(config, db, providers)?;
    belonging::settle(&desk.db, desk.store.root(), courier::Random::system().bytes())?;
    no_pack_twice(&desk)?;
    Ok(desk)
}

/// The store gives no pack a number that the database knows, also where that pack is gone from its folder.
fn no_pack_twice(desk: &Desk) -> anyhow::Result<()> {
    let places = desk.db.read(blob::newest_places)?;
    desk.store.begins_after(places.iter().map(String::as_str));
    Ok(())
}

/// The desk of a demo. A new database is marked as one; what was made by anything else is refused, and left as it is.
pub fn demo_desk(config: &Config) -> anyhow::Result<Desk> {
    let providers = book(&config.data)?;
    let (db, is_new) = database(config, Missing::Make)?;
    if !is_new && !is_demo(&db)? {
        bail!(
            "this database was not made by `postern demo`, which would play with it. Name another folder with --data."
        );
    }
    let desk = ready(config, db, providers)?;
    if is_new {
        desk.db.write(|tx| setting::set(tx, setting::DEMO, "1"))?;
    }
    Ok(desk)
}

/// Marks a data folder from the beginning of a restore to its end.
pub const RESTORING: &str = "restoring";

/// The database as it is found, and whether it was made just now.
fn database(config: &Config, missing: Missing) -> anyhow::Result<(Db, bool)> {
    let restoring = config.data.join(RESTORING);
    if restoring.exists() {
        bail!(
            "a restore into {} was broken off. Run `postern restore` again: it goes on where it was (a database of \
             PostgreSQL must be empty again).",
            config.data.display()
        );
    }
    // Looked for first: another process that makes a new desk just now makes its database before these.
    let left = left_behind(config);
    let file = config.database_url.strip_prefix("sqlite:").map(Path::new);
    if let Some(path) = file.filter(|path| !path.exists()) {
        let path = path.display();
        if !left.is_empty() {
            bail!(lost(&format!("the database {path} is missing"), &left));
        }
        if missing == Missing::Refuse {
            bail!(
                "there is no database at {path}. Name the folder with --data, or start `postern serve` to make one."
            );
        }
    }
    data_folder(&config.data)?;
    as_its_owner(&config.data)?;
    let shown = database::shown(&config.database_url);
    let db = Db::open(&config.database_url, &Options::default())
        .with_context(|| format!("cannot open the database {shown}"))?;
    let is_new = db.is_new().with_context(|| format!("cannot read the database {shown}"))?;
    if is_new && !left.is_empty() {
        bail!(lost(&format!("the database {shown} is empty"), &left));
    }
    if is_new && missing == Missing::Refuse {
        bail!(
            "the database {shown} is empty: no desk was made in it yet. Name another with --database, or start `postern serve` to \
             make one there."
        );
    }
    Ok((db, is_new))
}

fn ready(config: &Config, db: Db, providers: Book) -> anyhow::Result<Desk> {
    migrated(&db)?;
    let rehearsed = if is_demo(&db)? { crate::demo::providers(config)? } else { None };
    let providers = rehearsed.unwrap_or(providers);
    let vault = vault(&db, &config.key_file)?;
    let store = Store::open(&config.data.join("blobs"))?.keeping(config.reserve);
    Ok(Desk { db, vault, store, providers: providers.into() })
}

/// The providers that are built in, and those of the site's own file.
fn book(data: &Path) -> anyhow::Result<Book> {
    let path = data.join("providers.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Book::builtin().clone()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    Book::with_file(&text).map_err(|why| anyhow!("{}: {why} Nothing was changed.", path.display()))
}

/// What is in the data folder of a desk that has its database.
fn left_behind(config: &Config) -> Vec<String> {
    let mut there = Vec::new();
    let blobs = config.data.join("blobs");
    if Store::holds_any(&blobs) {
        there.push(format!("the mail in {}", blobs.display()));
    }
    let database = config.database_url.strip_prefix("sqlite:").map(Path::new);
    if let Some(log) = database.filter(|path| !path.exists()).and_then(last_changes) {
        there.push(format!("the last changes in {}", log.display()));
    }
    // One that lies elsewhere may have been made by hand, for a desk that is yet to be.
    if config.key_file.parent() == Some(config.data.as_path()) && config.key_file.exists() {
        there.push(format!("the key {}", config.key_file.display()));
    }
    there
}

/// What SQLite keeps beside a database that was not closed: the next database of that name would be mixed up with it.
pub fn last_changes(database: &Path) -> Option<PathBuf> {
    let beside = |end: &str| PathBuf::from(format!("{}{end}", database.display()));
    ["-wal", "-journal"]
        .map(beside)
        .into_iter()
        .find(|path| path.metadata().is_ok_and(|about| about.len() > 0))
}

/// A new database beside the mail of another one would look as if all was well, while every ticket is gone.
fn lost(what: &str, left: &[String]) -> String {
    let (there, them) = if left.len() == 1 { ("is still there", "it") } else { ("are still there", "them") };
    format!(
        "{what}, but {} {there}, of a desk that was here before. Restore the database from a backup, or name its place \
         with --database. For a new desk, move {them} away, or name another folder with --data. Nothing was changed.",
        left.join(" and ")
    )
}

/// Makes the folder (0700) or checks that it can be written.
fn data_folder(path: &Path) -> anyhow::Result<()> {
    let name = path.display();
    let remedy = "Let the user who runs Postern write there, or name another folder with --data";
    if !path.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("cannot make the data folder {name}. {remedy}"))?;
    }
    // A name of this process alone: commands run beside each other, and one may have been killed here.
    let probe = path.join(format!(".writable-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&probe);
    match written {
        Ok(_) => drop(std::fs::remove_file(&probe)),
        // Whoever only reads needs no room, and what does says so itself.
        Err(e) if e.kind() == ErrorKind::StorageFull => {}
        Err(e) => return Err(e).with_context(|| format!("cannot write in the data folder {name}. {remedy}")),
    }
    Ok(())
}

/// What another user writes here is not readable for the server.
fn as_its_owner(path: &Path) -> anyhow::Result<()> {
    let blobs = path.join("blobs");
    let Ok(about) = std::fs::metadata(&blobs) else { return Ok(()) }; // nothing is kept yet
    let (owner, own) = (about.uid(), rustix::process::geteuid().as_raw());
    if own != owner {
        bail!(
            "the folder {} belongs to user {owner}, and this is user {own}, whose files the server could not read. Run this \
             as the user who runs Postern (`sudo -u '#{owner}' postern …`). Nothing was changed.",
            blobs.display()
        );
    }
    Ok(())
}

/// A folder that was there before keeps its mode, which may be meant so; but who runs Postern is told.
fn look_at_mode(path: &Path) -> anyhow::Result<()> {
    let about = std::fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let folder = path.display();
        tracing::warn!(
            "others than its owner may enter the data folder {folder} (mode {mode:03o}). `chmod 700 {folder}` keeps them out."
        );
    }
    Ok(())
}

/// The fingerprint of the key that the database belongs to.
pub fn known_key(db: &Db) -> anyhow::Result<Option<String>> {
    Ok(db.read(|tx| setting::find(tx, setting::KEY_FINGERPRINT))?)
}

/// The database with whatever key lies there, or none: for who looks at keys, or gives a lost one up.
pub fn with_any_key(config: &Config) -> anyhow::Result<(Db, Option<Vault>)> {
    let (db, _) = database(config, Missing::Refuse)?;
    not_under_a_server(config, &db)?;
    migrated(&db)?;
    let vault = config.key_file.exists().then(|| Vault::open(&config.key_file)).transpose()?;
    Ok((db, vault))
}

/// A command of a newer version changes no database under a server of an older one.
fn not_under_a_server(config: &Config, db: &Db) -> anyhow::Result<()> {
    if db.is_current(MIGRATIONS)? || !is_served(config) {
        return Ok(());
    }
    bail!(
        "the server that runs on {} is of an older version than this program, which would bring the database up to date \
         under it. Restart the server with this version first. Nothing was changed.",
        config.data.display()
    )
}

fn is_served(config: &Config) -> bool {
    let lock = File::open(config.data.join("lock"));
    lock.is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

fn migrated(db: &Db) -> anyhow::Result<()> {
    db.migrate(MIGRATIONS).context("cannot bring the database up to date")
}

fn vault(db: &Db, key_file: &Path) -> anyhow::Result<Vault> {
    let file = key_file.display();
    let Some(known) = known_key(db)? else {
        let vault = if key_file.exists() {
            Vault::open(key_file)?
        } else {
            let made = Vault::create(key_file, courier::Random::system().bytes())?;
            output::tell(&format!(
                "A new key is in {file}. It opens the passwords and tokens that are stored here: keep a copy of it apart from your \
                 backups. Without it all of them have to be entered again.\n"
            ));
            made
        };
        let fingerprint = vault.fingerprint();
        db.write(|tx| setting::set(tx, setting::KEY_FINGERPRINT, &fingerprint))?;
        return Ok(vault);
    };
    if !key_file.exists() {
        bail!(
            "the key of this database is missing: {file}. Put it back from where you keep it, or name its place with \
             secrets.key_file. Without it the stored secrets cannot be read, so Postern does not start. If it is lost, \
             `postern key forget` says what is to be entered again."
        );
    }
    let vault = Vault::open(key_file)?;
    let keys = vault.fingerprints();
    if !keys.contains(&known) {
        bail!(
            "{file} is not the key of this database (its fingerprint is {}, the database belongs to {known}). Name the \
             right key with secrets.key_file, or add it to this file as a further line. If it is lost, \
             `postern key forget` says what is to be entered again.",
            keys.join(", ")
        );
    }
    if keys.len() > 1 {
        tracing::warn!(
            "{file} holds {} keys. `postern key rotate` seals everything with the first of them and drops the others.",
            keys.len()
        );
    }
    Ok(vault)
}

/// Held while a server runs on a data folder; the operating system lets go of it when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

pub fn lock(config: &Config) -> anyhow::Result<Lock> {
    data_folder(&config.data)?;
    look_at_mode(&config.data)?;
    let path = config.data.join("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = file.with_context(|| {
        format!(
            "cannot open {}. It must belong to the user who runs Postern; remove it if it does not",
            path.display()
        )
    })?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(&path).unwrap_or_default();
            let folder = config.data.display();
            bail!(
                "another Postern (process {}) runs on the data folder {folder}. Stop it first.",
                holder.trim()
            );
        }
        Err(std::fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    // For the sentence above alone: on a full disk it says less.
    let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    Ok(Lock { _file: file })
}

/// Where the site is, for a command beside the server.
pub fn site(config: &Config, db: &Db) -> anyhow::Result<Url> {
    let kept = db.read(|tx| setting::find(tx, setting::SITE_URL))?;
    Ok(config.site(kept.and_then(|text| text.parse().ok())))
}

/// Whether the database belongs to a demo.
pub fn is_demo(db: &Db) -> anyhow::Result<bool> {
    Ok(db.read(|tx| setting::find(tx, setting::DEMO))?.is_some())
}

/// Where the demo keeps its practice provider.
pub fn practice_folder(config: &Config) -> PathBuf {
    config.data.join("practice")
}

/// Which providers a database may deal with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Providers {
    Real,
    /// Under the demo mark: the practice provider too.
    Practice,
}

pub fn providers(db: &Db) -> anyhow::Result<Providers> {
    Ok(if is_demo(db)? { Providers::Practice } else { Providers::Real })
}

/// The outgoing policy. The practice CA and plain http to loopback count only under the demo mark.
pub fn net(config: &Config, providers: Providers) -> anyhow::Result<wire::net::Net> {
    let mut ca = Vec::new();
    if let Some(path) = &config.extra_ca {
        ca = std::fs::read(path).with_context(|| format!("cannot read tls.extra_ca {}", path.display()))?;
    }
    let practice = providers == Providers::Practice;
    let practice_ca = practice_folder(config).join("ca.pem");
    if practice && practice_ca.exists() {
        ca.push(b'\n');
        ca.extend(
            std::fs::read(&practice_ca).with_context(|| format!("cannot read {}", practice_ca.display()))?,
        );
    }
    let policy = wire::net::Policy {
        http_allow: config.http_allow.clone(),
        dns_servers: config.dns_servers.clone(),
        extra_ca_pem: (!ca.is_empty()).then_some(ca),
        practice,
    };
    wire::net::Net::new(policy).map_err(|e| anyhow::anyhow!("tls.extra_ca: {e}"))
}
