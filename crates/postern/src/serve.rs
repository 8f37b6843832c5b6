//! `postern serve`: the server, from the lock on its data folder to the last connection.
use crate::config::Config;
use crate::open::{self, Providers};
use crate::output::{self, Done, Failure};
use crate::{Program, config, connections, json, scratch};
use anyhow::{Context as _, bail};
use courier::{Clock, Courier, Parts, Process, Random};
use desk::people::first_administrator;
use desk::site::{mail_hold, setting};
use desk::{By, Desk};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;
use wire::lmtp::{Listener, Place};

/// Whether mail moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mail {
    Flowing,
    /// No fetch, no refresh, no send: a restored copy must not answer customers.
    Held,
}

/// After the signal, requests and rounds get this long; the whole stop stays under ten seconds.
const STOP_S_MAX: u64 = 6;
/// And then what blocks.
const LAST_WORK: Duration = Duration::from_secs(1);

pub fn run(program: &Program, mail: Mail) -> Result<Done, Failure> {
    let _lock = open::lock(&program.config)?;
    scratch::sweep();
    let desk = once_there_is_room(|| open::servers_desk(&program.config))?;
    if open::is_demo(&desk.db)? {
        let folder = program.config.data.display();
        return Err(Failure::Failed(anyhow::anyhow!(
            "{folder} belongs to `postern demo` and trusts its practice provider. Name another folder with --data."
        )));
    }
    to_the_end(async {
        let bound = bind(&program.config).await?;
        let courier = courier(&program.config, desk, Providers::Real, bound.site.clone())?;
        let offered = async || offer_first_administrator(&program.config, &courier, &bound.site).await;
        with_room(offered).await?;
        until_stopped(&program.config, courier, bound, mail).await
    })?;
    Ok(Done::Fine)
}

/// A full disk is waited out: a server that ended would not be there when space is free again.
fn once_there_is_room<T>(start: impl Fn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut waiting = Waiting::default();
    loop {
        match start() {
            Err(error) if waiting.is_for(&error) => std::thread::sleep(LOOK_FOR_ROOM),
            done => return done,
        }
    }
}

/// The same of what is written between the opening of the database and the first request, while the ports are open already.
async fn with_room<T>(write: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut waiting = Waiting::default();
    loop {
        match write().await {
            Err(error) if waiting.is_for(&error) => tokio::time::sleep(LOOK_FOR_ROOM).await,
            done => return done,
        }
    }
}

#[derive(Default)]
struct Waiting {
    is_told: bool,
}
impl Waiting {
    /// Whether this is for want of room; told once.
    fn is_for(&mut self, error: &anyhow::Error) -> bool {
        if !is_full(error) {
            return false;
        }
        if !std::mem::replace(&mut self.is_told, true) {
            let said = format!("{error:#}");
            let said = said.trim_end_matches('.');
            output::tell(&format!("postern: {said}. Postern waits until there is room, and then starts."));
        }
        true
    }
}
fn is_full(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let said = |e: &std::io::Error| matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        let is_full_for_the_desk = |e: &desk::Error| match e {
            desk::Error::Db(error) => error.is_full(),
            desk::Error::Failed(cause) => is_full(cause),
            desk::Error::Refused(_) => false,
        };
        cause.downcast_ref::<std::io::Error>().is_some_and(said)
            || cause.downcast_ref::<desk::db::Error>().is_some_and(desk::db::Error::is_full)
            || cause.downcast_ref::<desk::Error>().is_some_and(is_full_for_the_desk)
    })
}
const LOOK_FOR_ROOM: Duration = Duration::from_secs(5);

/// Runs the server. Work of its that still blocks when it has ended, on a database that does not answer, is left to end
/// with the process.
pub fn to_the_end<T>(server: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let ended = runtime.block_on(server);
    runtime.shutdown_timeout(LAST_WORK);
    ended
}

pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")
}

/// What carries mail, for a server or one command.
pub fn courier(config: &Config, desk: Desk, providers: Providers, site_url: Url) -> anyhow::Result<Courier> {
    let net = open::net(config, providers)?;
    let practice = providers == Providers::Practice;
    let random = Random::system();
    let process = Process::begin(&config.data, random.bytes());
    Ok(Courier::new(Parts { desk, net, clock: Clock::system(), random, site_url, practice, process }))
}

/// Open ports, and the address of the site.
#[derive(Debug)]
pub struct Bound {
    pub listener: TcpListener,
    pub site: Url,
    lmtp: Option<Listener>,
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub async fn bind(config: &Config) -> anyhow::Result<Bound> {
    let listener = match TcpListener::bind(config.listen).await {
        Ok(listener) => listener,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!(
                "cannot listen on {}: another program uses this port. Stop it, or name another with --http-listen.",
                config.listen
            )
        }
        Err(error) => return Err(error).with_context(|| format!("cannot listen on {}", config.listen)),
    };
    let local = listener.local_addr().context("cannot tell the address that is listened on")?;
    let site = config.site_url.clone().unwrap_or_else(|| config::default_site(local));
    let lmtp = match &config.lmtp {
        Some(place) => Some(listen_for_letters(place).await?),
        None => None,
    };
    Ok(Bound { listener, site, lmtp })
}

async fn listen_for_letters(place: &Place) -> anyhow::Result<Listener> {
    Listener::bind(place).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "cannot listen for letters at {place}: another program does. Stop it, or name another place with \
             --lmtp-listen."
        ),
        ErrorKind::AlreadyExists => {
            anyhow::anyhow!(
                "cannot listen for letters at {place}: there is a file of this name. Name another."
            )
        }
        _ => anyhow::Error::new(error).context(format!("cannot listen for letters at {place}")),
    })
}

/// While there is no administrator, a one-time link is made anew at each start: shown on the terminal, or
/// put into a file that only the owner reads. It is never logged.
async fn offer_first_administrator(config: &Config, courier: &Courier, site: &Url) -> anyhow::Result<()> {
    let token: [u8; 16] = courier.random();
    let by = By::system(courier.now());
    let offered = courier.write(move |tx| first_administrator::offer(tx, &by, token)).await?;
    let file = config.data.join("first-administrator.url");
    if offered.is_none() {
        let _ = std::fs::remove_file(&file); // a used link is of no use
        return Ok(());
    }
    let link = web::links::set_up(site, &token);
    if std::io::stderr().is_terminal() {
        output::tell(&format!("Make the first administrator here, within an hour, once:\n\n    {link}\n"));
        return Ok(());
    }
    let _ = std::fs::remove_file(&file);
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(out, "{link}").with_context(|| format!("cannot write {}", file.display()))?;
    output::tell(&format!(
        "Make the first administrator with the link in {}, within an hour.",
        file.display()
    ));
    Ok(())
}

/// Serves until SIGTERM, SIGINT or the end of its terminal, then ends in time with nothing half done.
pub async fn until_stopped(
    config: &Config,
    courier: Courier,
    bound: Bound,
    mail: Mail,
) -> anyhow::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let rounds = match mail {
        Mail::Flowing => {
            tell_of_hold(&courier).await?;
            Some(courier::rounds::while_released(courier.clone(), stopping.clone()))
        }
        Mail::Held => {
            courier.hold_mail();
            output::tell(
                "Mail is held: nothing is fetched, refreshed or sent, and no sign-in by a code is asked about, until Postern starts without \
                 --hold-mail.",
            );
            None
        }
    };
    let site = bound.site.clone();
    let kept = site.to_string(); // commands beside the server may not know what its flags said
    with_room(async || {
        let kept = kept.clone();
        Ok(courier.write(move |tx| setting::set(tx, setting::SITE_URL, &kept)).await?)
    })
    .await?;
    let name = courier.read(|tx| setting::find(tx, setting::SITE_NAME)).await?;
    let pages = web::Site {
        url: site.clone(),
        name: name.unwrap_or_else(|| "Postern".into()),
        trusted_proxies: config.trusted_proxies.clone(),
        mail_is_held: rounds.is_none(),
    };
    let letters = match (bound.lmtp, mail) {
        (Some(listener), Mail::Flowing) => {
            let clients = config.lmtp_clients.clone();
            Some(tokio::spawn(courier::lmtp::serve(courier.clone(), listener, clients, stopping.clone())))
        }
        // Nobody listens, so the mail server keeps what it has.
        (Some(_), Mail::Held) | (None, _) => None,
    };
    let ending = courier.clone();
    let state = web::State::new(courier, pages, stopping.clone());
    let (app, limits) = (web::app(state), connections::Limits::default());
    let server = tokio::spawn(connections::serve(bound.listener, app, limits, stopping));
    let signals = Signals::listen()?; // before anybody is told that this can be stopped
    output::write(&format!("ready {}\n", site.as_str().trim_end_matches('/')))
        .map_err(|failure| anyhow::anyhow!("{failure}"))?;
    signals.first().await;
    let _ = stop.send(true);
    let ended = async {
        let _ = server.await;
        if let Some(letters) = letters {
            let _ = letters.await;
        }
        if let Some(rounds) = rounds {
            let _ = rounds.await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(STOP_S_MAX), ended).await.is_err() {
        tracing::warn!(
            "some requests or rounds did not end in {STOP_S_MAX} s and were dropped; their rows are claimed again"
        );
    }
    courier::rounds::let_go(&ending).await;
    Ok(())
}

async fn tell_of_hold(courier: &Courier) -> anyhow::Result<()> {
    let Some(hold) = courier.read(mail_hold::find).await? else { return Ok(()) };
    let since = json::time(hold.backup_of.unwrap_or(hold.since));
    let why = if hold.backup_of.is_some() {
        "this desk was restored from a backup of"
    } else {
        "so it was asked for at"
    };
    output::tell(&format!(
        "Mail is on hold: {why} {}. Nothing is fetched, refreshed or sent until `postern mail release`.",
        since.as_str().unwrap_or_default()
    ));
    Ok(())
}

/// What ends a process that waits.
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}
impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            hang_up: match hang_up_is_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?),
            },
        })
    }
    pub(crate) async fn first(mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = hang_up => {}
        }
    }
}

/// As under `nohup`: the server then outlives its terminal.
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
