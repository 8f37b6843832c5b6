//! `postern demo`: the server together with the practice provider. Nothing leaves the machine, and nothing
//! of it can reach production: its database carries a mark.
use crate::config::Config;
use crate::open::{self, Providers};
use crate::output::{self, Done, Failure};
use crate::{Program, serve};
use anyhow::{Context as _, bail};
use desk::people::agent::{self, NewAgent, Role};
use desk::{By, Desk};
use mail::provider::Book;
use secrecy::{ExposeSecret as _, SecretString};
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const ADMINISTRATOR: &str = "admin@contoso.example";

/// What a demo keeps beside its database: the practice provider's seed, its ports, and the sign-in.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    seed: [u8; 32],
    password: String,
    http: SocketAddr,
    #[serde(default = "any_port")]
    https: SocketAddr,
    imap: SocketAddr,
    #[serde(default = "any_port")]
    pop: SocketAddr,
    smtp: SocketAddr,
}

impl Kept {
    /// Nobody but the practice provider.
    fn providers(&self) -> Book {
        let http_url = format!("http://{}", self.http);
        practice::providers(&http_url, self.imap.port(), self.pop.port(), self.smtp.port())
    }
}

fn place(config: &Config) -> PathBuf {
    config.data.join("demo.json")
}

/// The providers of a demo, for a command beside it; `None` before it has ever run.
pub fn providers(config: &Config) -> anyhow::Result<Option<Book>> {
    let place = place(config);
    match std::fs::read(&place) {
        Ok(raw) => Ok(Some(parse(&place, &raw)?.providers())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", place.display())),
    }
}

fn parse(place: &Path, raw: &[u8]) -> anyhow::Result<Kept> {
    serde_json::from_slice(raw)
        .with_context(|| format!("{} is damaged. Remove the demo's folder and start again", place.display()))
}

pub fn run(program: &Program) -> Result<Done, Failure> {
    if !program.config.listen.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "the demo listens on this machine only; http.listen is {}. Use 127.0.0.1:PORT.",
            program.config.listen
        )));
    }
    let _lock = open::lock(&program.config)?;
    let mut desk = open::demo_desk(&program.config)?;
    let place = place(&program.config);
    let mut kept = match std::fs::read(&place) {
        Ok(raw) => parse(&place, &raw)?,
        Err(error) if error.kind() == ErrorKind::NotFound => new_demo(),
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!("cannot read {}", place.display())).into());
        }
    };
    administrator(&desk, &kept.password)?;
    serve::to_the_end(async {
        let bound = serve::bind(&program.config).await?;
        let practice = practice::start(practice::Options {
            seed: kept.seed,
            listen_http: kept.http,
            listen_https: kept.https,
            listen_imap: kept.imap,
            listen_pop: kept.pop,
            listen_smtp: kept.smtp,
            imap_security: practice::MailSecurity::Implicit,
            pop_security: practice::MailSecurity::Implicit,
            state_dir: Some(open::practice_folder(&program.config)),
            postern_url: Some(bound.site.to_string()),
            clock: practice::Clock::system(),
        });
        let practice = practice.await.context("cannot start the practice provider")?;
        kept.http = practice
            .http_url
            .trim_start_matches("http://")
            .parse()
            .context("the practice provider's address")?;
        kept.https = practice
            .https_url
            .trim_start_matches("https://")
            .parse()
            .context("the practice provider's secure address")?;
        kept.imap = practice.imap_addr;
        kept.pop = practice.pop_addr;
        kept.smtp = practice.smtp_addr;
        keep(&place, &kept)?;
        let ca = open::practice_folder(&program.config).join("ca.pem");
        std::fs::write(&ca, &practice.ca_pem).with_context(|| format!("cannot write {}", ca.display()))?;
        desk.providers = kept.providers().into();
        let courier = serve::courier(&program.config, desk, Providers::Practice, bound.site.clone())?;
        welcome(&bound.site, &practice, &kept.password);
        serve::until_stopped(&program.config, courier, bound, serve::Mail::Flowing).await?;
        practice.shutdown().await;
        anyhow::Ok(())
    })?;
    Ok(Done::Fine)
}

fn new_demo() -> Kept {
    // Without letters that look alike; 16 of 32 letters are 80 bits.
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789-";
    let random: [u8; 16] = courier::Random::system().bytes();
    let password = random.iter().map(|b| char::from(LETTERS[usize::from(b % 32)])).collect();
    let any = any_port();
    Kept {
        seed: courier::Random::system().bytes(),
        password,
        http: any,
        https: any,
        imap: any,
        pop: any,
        smtp: any,
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn keep(place: &Path, kept: &Kept) -> anyhow::Result<()> {
    let draft = place.with_extension("new");
    let _ = std::fs::remove_file(&draft);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(serde_json::to_string_pretty(kept)?.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, place).with_context(|| format!("cannot write {}", place.display()))
}

/// The ready-made sign-in, made at the first start.
fn administrator(desk: &Desk, password: &str) -> anyhow::Result<()> {
    let password = SecretString::from(password);
    if password.expose_secret().len() < 16 {
        bail!("the demo's password is damaged. Remove the demo's folder and start again");
    }
    if desk.db.read(|tx| agent::find_by_email(tx, ADMINISTRATOR))?.is_some() {
        return Ok(());
    }
    let by = By::system(courier::Clock::system().now());
    let new = NewAgent {
        email: ADMINISTRATOR.into(),
        name: "Maya Kern".into(),
        role: Role::Administrator,
        password_hash: agent::hash_password(&password, courier::Random::system().bytes())?,
    };
    desk.db.write(|tx| agent::create(tx, &by, &new)).map(drop).map_err(Into::into)
}

fn welcome(site: &url::Url, practice: &practice::Practice, password: &str) {
    let (portal, mailboxes) = (practice.portal_url(), practice.mailboxes_url());
    let (imap, pop) = (practice.imap_addr.port(), practice.pop_addr.port());
    let smtp = practice.smtp_addr.port();
    output::tell(&format!(
        "
Postern demo. Nothing leaves this machine.

    Postern             {site}
    Sign in as          {ADMINISTRATOR}
    Password            {password}

    Practice portal     {portal}
    Practice mailboxes  {mailboxes}

    IMAP server         localhost:{imap} (SSL/TLS)
    POP3 server         localhost:{pop} (SSL/TLS)
    SMTP server         localhost:{smtp} (STARTTLS)

1. Sign in, open Admin Panel › Emails › Emails › Add New Email and enter support@contoso.example. Under Remote Mailbox
   choose OAuth2 - Microsoft and Config, and follow the guide beside the form with the practice portal.
2. Set Status to Enable and Start From to Everything: the mail becomes tickets. Write more as a customer in the
   practice mailboxes.
3. Under Outgoing (SMTP) choose Same as Remote Mailbox, Status Enable. Answer a ticket, and see the answer arrive
   in the customer's practice mailbox.

Stop with Ctrl+C; started again, everything is as it was.
"
    ));
}
