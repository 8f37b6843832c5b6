//! The program: what it was called with, and which command that is. Rules live in `desk`, SQL too.
#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic on a full device; `output` does not"
)]

mod admin;
mod apply;
mod backup;
mod certificate;
mod check;
mod config;
mod connections;
mod consent;
mod demo;
mod doctor;
mod dry_run;
mod hold;
mod inbox;
mod index;
mod json;
mod key;
mod mailbox;
mod message;
mod open;
mod outbox;
mod output;
mod pipe;
mod replay;
mod reply;
mod restore;
mod scratch;
mod serve;
mod ticket;
mod trace;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use output::{Done, Failure};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::SignalKind;

/// A self-hosted email helpdesk: connects mailboxes by OAuth2, turns each mail into a ticket exactly once,
/// and answers through the same mailbox.
#[derive(Parser)]
#[command(name = "postern", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Every command takes these; a flag beats a POSTERN_… variable, a variable beats postern.toml.
#[derive(Args)]
#[command(next_help_heading = "Settings")]
struct Settings {
    /// The configuration file [default: postern.toml in the data folder]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder [default: ./postern-data, for demo ./postern-demo]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// sqlite:FILE or postgres://user@host/name
    #[arg(long, alias = "database-url", global = true, value_name = "URL")]
    database: Option<String>,
    /// The one source of links, callbacks and cookie flags
    #[arg(long, global = true, value_name = "URL")]
    site_url: Option<String>,
    /// Address and port
    #[arg(long, alias = "listen", global = true, value_name = "ADDRESS:PORT")]
    http_listen: Option<String>,
    /// Proxies whose X-Forwarded-For counts, separated by commas
    #[arg(long, global = true, value_name = "ADDRESSES")]
    http_trusted_proxies: Option<String>,
    /// The file with the key that seals secrets
    #[arg(long, global = true, value_name = "FILE")]
    secrets_key_file: Option<String>,
    /// Certificates (PEM) of private mail servers
    #[arg(long, global = true, value_name = "FILE")]
    tls_extra_ca: Option<String>,
    /// Private addresses that HTTP may reach, separated by commas
    #[arg(long, global = true, value_name = "ADDRESSES")]
    net_http_allow: Option<String>,
    /// Name servers that the doctor asks, in place of the system's, separated by commas
    #[arg(long, global = true, value_name = "ADDRESSES")]
    net_dns_servers: Option<String>,
    /// What is kept free on the disk, of which fetching uses nothing: 5%, 500MB, 2GB
    #[arg(long, global = true, value_name = "SHARE|SIZE")]
    store_reserve: Option<String>,
    /// Where a mail server hands letters over by LMTP
    #[arg(long, global = true, value_name = "unix:FILE|ADDRESS:PORT")]
    lmtp_listen: Option<String>,
    /// Mail servers on other machines that may do so, separated by commas
    #[arg(long, global = true, value_name = "ADDRESSES")]
    lmtp_clients: Option<String>,
    /// error, warn, info, debug or trace; commands beside the server log errors unless this is given
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve {
        /// Do not fetch, refresh or send until the server is started without this
        #[arg(long)]
        hold_mail: bool,
    },
    /// Run the server with a practice provider: nothing leaves this machine
    Demo,
    /// The configuration in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Administrators without a browser
    #[command(subcommand)]
    Admin(admin::Command),
    /// Mailboxes: set up, look at, fetch, pause
    #[command(subcommand)]
    Mailbox(mailbox::Command),
    /// Look at every link of a mailbox, and stop at the first broken one: site, secret, token, DNS, TCP, TLS, sign-in,
    /// folders, the right to send
    Doctor(doctor::Doctor),
    /// Tickets
    #[command(subcommand)]
    Ticket(ticket::Command),
    /// Answer a ticket; the text comes from standard input
    Reply(reply::Reply),
    /// Write an internal note; the text comes from standard input
    Note(reply::Note),
    /// Raw messages and what became of them
    #[command(subcommand)]
    Inbox(inbox::Command),
    /// Take one message from standard input, for a mail server on this machine; exit statuses of sysexits.h
    Pipe(pipe::Pipe),
    /// The whole life of a message, from its arrival to its entry, or from its writing to each recipient
    Trace(trace::Trace),
    /// File stored raw mail again with this version's parser and rules, into a desk of its own, and show what differs
    Replay(replay::Replay),
    /// Outgoing messages
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// The key that seals secrets: show, rotate, give up a lost one
    #[command(subcommand)]
    Key(key::Command),
    /// Mail as a whole: put it on hold, release it
    #[command(subcommand)]
    Mail(hold::Command),
    /// Copy everything into a folder while everything runs
    Backup(backup::Backup),
    /// Make a desk out of a backup, with its mail on hold
    Restore(restore::Restore),
    /// Integrity: every raw message has its entry or its reason, every blob its hash
    Check,
    /// The index of words, by which entries are found
    #[command(subcommand)]
    Index(index::Command),
    /// What Postern understands of a message; needs no database
    #[command(subcommand)]
    Message(message::Command),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print it, with where each value comes from and without secrets
    Show,
}

/// Lists: where to begin and how many.
#[derive(Args, Clone, Debug)]
pub struct Paging {
    /// How many at most, up to 1000
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1000))]
    pub limit: i64,
    /// The `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

impl Paging {
    /// For lists whose cursor is a row's id.
    pub fn id_after(&self) -> Result<Option<i64>, Failure> {
        let parse = |text: &String| {
            text.parse().map_err(|_| Failure::usage(format!("--after {text}: not the `next` of a page")))
        };
        self.after.as_ref().map(parse).transpose()
    }

    /// Of a page that was read with one row more than asked for: the rows, and where the next page begins.
    pub fn cut<T>(&self, mut rows: Vec<T>, cursor: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        (rows, next)
    }
}

/// What every command has: the configuration and how to print.
#[derive(Debug)]
pub struct Program {
    pub config: config::Config,
    pub json: bool,
}

fn main() -> ExitCode {
    // The process has one cryptography provider, named before anything uses TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && pipe::is_asked_for(std::env::args_os().skip(1)) => {
            output::tell(&error.to_string());
            return ExitCode::from(pipe::USAGE);
        }
        Err(error) => error.exit(),
    };
    if matches!(cli.command, Command::Pipe(_)) {
        return pipe::ended(|| prepared_and_run(cli));
    }
    match prepared_and_run(cli) {
        Ok(Done::Fine) => ExitCode::SUCCESS,
        Ok(Done::Status(status)) => ExitCode::from(status),
        Err(failure) => {
            output::complain(&failure);
            ExitCode::from(failure.status())
        }
    }
}

fn prepared_and_run(cli: Cli) -> Result<Done, Failure> {
    let prepared = keep_memory_out_of_files().and_then(|()| outlive_the_limit_on_files());
    prepared.map_err(Failure::Failed).and_then(|()| run(cli))
}

/// Memory holds keys, secrets and tokens: no crash writes it into a file, and no other process of the same user reads it.
fn keep_memory_out_of_files() -> anyhow::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("cannot switch core dumps off")?;
    // A limit of 0 does not bind a core_pattern that pipes into a program; this does.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot switch core dumps off")
}

/// A write past the limit on the size of files (`ulimit -f`) sends a signal that ends the process, unless somebody
/// listens to it: then the write fails alone, as on a full disk.
fn outlive_the_limit_on_files() -> anyhow::Result<()> {
    /// On Linux, but for MIPS, which Postern is not built for.
    const SIGXFSZ: i32 = 25;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.context("cannot start the asynchronous runtime")?;
    let _inside = runtime.enter();
    // The handler stays when this listener, and its runtime, are dropped.
    tokio::signal::unix::signal(SignalKind::from_raw(SIGXFSZ)).context("cannot listen for SIGXFSZ").map(drop)
}

fn run(cli: Cli) -> Result<Done, Failure> {
    if let Command::Message(command) = cli.command {
        return message::run(command); // needs no configuration
    }
    let data = if matches!(cli.command, Command::Demo) { "postern-demo" } else { "postern-data" };
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let json = cli.settings.json;
    let asked = cli.settings.log_level.is_some();
    let config = config::load(&cli.settings.flags(), &environment, data)
        .context("the configuration is not usable")
        .map_err(Failure::Usage)?;
    log_to_standard_error(if asked { &config.log_level } else { cli.command.log_level(&config.log_level) })?;
    let program = Program { config, json };
    match cli.command {
        Command::Serve { hold_mail } => {
            serve::run(&program, if hold_mail { serve::Mail::Held } else { serve::Mail::Flowing })
        }
        Command::Demo => demo::run(&program),
        Command::Config(ConfigCommand::Show) => {
            output::print(program.json, &program.config.to_json(), || program.config.to_text())
        }
        Command::Admin(command) => admin::run(&program, command),
        Command::Mailbox(command) => mailbox::run(&program, command),
        Command::Doctor(asked) => doctor::run(&program, &asked),
        Command::Ticket(command) => ticket::run(&program, command),
        Command::Reply(reply) => reply::reply(&program, reply),
        Command::Note(note) => reply::note(&program, note),
        Command::Inbox(command) => inbox::run(&program, command),
        Command::Pipe(asked) => pipe::run(&program, &asked),
        Command::Trace(asked) => trace::run(&program, &asked),
        Command::Replay(asked) => replay::run(&program, &asked),
        Command::Outbox(command) => outbox::run(&program, command),
        Command::Key(command) => key::run(&program, &command),
        Command::Mail(command) => hold::run(&program, &command),
        Command::Backup(asked) => backup::run(&program, &asked),
        Command::Restore(asked) => restore::run(&program, &asked),
        Command::Check => check::run(&program),
        Command::Index(command) => index::run(&program, &command),
        Command::Message(_) => unreachable!("answered above"),
    }
}

impl Command {
    /// What a command beside the server has to say it prints: the log of a passing trouble would stand before it.
    fn log_level<'a>(&self, configured: &'a str) -> &'a str {
        match self {
            Command::Serve { .. } | Command::Demo => configured,
            Command::Config(_)
            | Command::Admin(_)
            | Command::Mailbox(_)
            | Command::Doctor(_)
            | Command::Ticket(_)
            | Command::Reply(_)
            | Command::Note(_)
            | Command::Inbox(_)
            | Command::Pipe(_)
            | Command::Trace(_)
            | Command::Replay(_)
            | Command::Outbox(_)
            | Command::Key(_)
            | Command::Mail(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Check
            | Command::Index(_)
            | Command::Message(_) => "error",
        }
    }
}

impl Settings {
    fn flags(&self) -> config::Flags {
        let given = [
            ("database.url", &self.database),
            ("site.url", &self.site_url),
            ("http.listen", &self.http_listen),
            ("http.trusted_proxies", &self.http_trusted_proxies),
            ("secrets.key_file", &self.secrets_key_file),
            ("store.reserve", &self.store_reserve),
            ("tls.extra_ca", &self.tls_extra_ca),
            ("net.http_allow", &self.net_http_allow),
            ("net.dns_servers", &self.net_dns_servers),
            ("lmtp.listen", &self.lmtp_listen),
            ("lmtp.clients", &self.lmtp_clients),
            ("log.level", &self.log_level),
        ];
        config::Flags {
            config: self.config.clone(),
            data: self.data.clone(),
            values: given.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect(),
        }
    }
}

/// Postern's own lines at the level asked for; libraries warn at most, since some of them trace what they
/// send.
fn log_to_standard_error(level: &str) -> Result<(), Failure> {
    let own = ["mail", "wire", "desk", "courier", "web", "practice", "postern"];
    let directives = own.map(|name| format!("{name}={level}")).join(",");
    let others = if level == "error" { "error" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_new(format!("{others},{directives}"))
        .map_err(|e| Failure::Failed(anyhow::anyhow!("cannot set up the log: {e}")))?;
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A log that cannot be written (a full disk) is no reason for the rounds to panic.
    let log = tracing_subscriber::fmt().log_internal_errors(false);
    log.with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_the_configuration_is_for_the_server_alone() {
        let level = |words: &[&str]| {
            let cli = Cli::try_parse_from([&["postern"], words].concat()).unwrap_or_else(|e| panic!("{e}"));
            cli.command.log_level("debug").to_owned()
        };
        assert_eq!((level(&["serve"]).as_str(), level(&["demo"]).as_str()), ("debug", "debug"));
        assert_eq!(level(&["mailbox", "fetch", "a@example.org"]), "error");
        assert_eq!(level(&["check"]), "error");
    }

    #[test]
    fn whether_a_message_was_to_be_taken_is_seen_in_arguments_that_are_not_understood() {
        let asked = |words: &[&str]| pipe::is_asked_for(words.iter().map(Into::into));
        assert!(asked(&["pipe"]) && asked(&["--data", "d", "--json", "--config=c", "pipe", "--bogus"]));
        assert!(!asked(&["--data", "pipe", "check"]) && !asked(&["mailbox", "show", "pipe"]) && !asked(&[]));
    }

    #[test]
    fn memory_is_written_into_no_core_dump() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        keep_memory_out_of_files().unwrap_or_else(|e| panic!("{e}"));
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().ok(), Some(DumpableBehavior::NotDumpable));
    }

    #[test]
    fn recipients_are_given_several_times_or_with_commas() {
        let words = [
            "postern",
            "reply",
            "1",
            "--as",
            "b@example.org",
            "--to",
            "c@x.example",
            "--to",
            "d@x.example,e@x.example",
        ];
        let Command::Reply(reply) = Cli::parse_from(words).command else { panic!("a reply") };
        assert_eq!(reply.to, ["c@x.example", "d@x.example,e@x.example"]);
    }
}
