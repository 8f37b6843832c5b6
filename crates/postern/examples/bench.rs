//! Speed, as ratios: what `dev/bench` prints. Started by it, with a Dovecot of its own on loopback.
//!
//! Filing is measured from the server to a durable ticket, as one `postern mailbox fetch`, and compared in the same
//! sitting with a bare client that fetches the same letters and throws them away. Pages are measured from outside,
//! over HTTP, as medians.
#![expect(
    clippy::disallowed_methods,
    reason = "it stands outside of the program, as a browser and a mail client do"
)]
use anyhow::{Context as _, bail, ensure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wire::imap;
use wire::net::{Net, Policy};
use wire::{Credential, Security, Server};

const SEED: u64 = 1;
const PASSWORD: &str = "correct horse battery staple";
/// A page is asked for this often; the median counts.
const ASKED: usize = 41;

fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let letters: usize =
        std::env::args().nth(1).map_or(Ok(3000), |n| n.parse()).context("how many letters?")?;
    let tickets: usize =
        std::env::args().nth(2).map_or(Ok(10_000), |n| n.parse()).context("how many tickets?")?;
    let folder = tempfile::tempdir()?;
    println!(
        "seed {SEED}; {letters} letters of 44 kB on average (2 kB plain; 37 % HTML of 30 kB; one in ten with a 200 kB attachment; 32 % answers)"
    );
    let mixed = Mailbox::new("mixed")?;
    let (bytes, took) = timed(|| mixed.fill(letters, mix))?;
    println!("filled Dovecot with {:.0} MB in {:.1} s", bytes as f64 / 1e6, took.as_secs_f64());
    let runtime = tokio::runtime::Runtime::new()?;
    let mut ratios = Vec::new();
    for round in 1..=3 {
        let (count, bare) = timed(|| runtime.block_on(mixed.bare()))?;
        ensure!(count == letters, "the bare client saw {count}");
        let desk = Desk::new(folder.path(), &format!("mixed-{round}"), &mixed)?;
        let (out, filed) = timed(|| desk.run(&["mailbox", "fetch", &mixed.address, "--json"]))?;
        ensure!(out.contains(&format!("\"filed\":{letters}")), "{out}");
        let rate = |took: Duration| letters as f64 / took.as_secs_f64();
        println!(
            "round {round}: bare client {:.0} messages/s, Postern {:.0} messages/s from server to durable, searchable entry, ratio {:.2}",
            rate(bare),
            rate(filed),
            bare.as_secs_f64() / filed.as_secs_f64()
        );
        ratios.push(bare.as_secs_f64() / filed.as_secs_f64());
    }
    println!("median ratio Postern / bare client: {:.2}", median(ratios));

    let small = Mailbox::new("small")?;
    small.fill(tickets, plain)?;
    let desk = Desk::new(folder.path(), "pages", &small)?;
    let ((), took) = timed(|| desk.run(&["mailbox", "fetch", &small.address]).map(drop))?;
    println!("{tickets} tickets filed at {:.0} messages/s", tickets as f64 / took.as_secs_f64());
    pages(&desk)
}

fn timed<T>(f: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Duration)> {
    let began = Instant::now();
    let value = f()?;
    Ok((value, began.elapsed()))
}
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run this through dev/bench"))
}

/// A mailbox in Dovecot.
struct Mailbox {
    address: String,
    server: Server,
    ca: PathBuf,
}

impl Mailbox {
    fn new(name: &str) -> anyhow::Result<Mailbox> {
        let port = variable("POSTERN_TEST_IMAPS")?.rsplit(':').next().context("a port")?.parse()?;
        Ok(Mailbox {
            address: format!("{name}-{}@contoso.example", std::process::id()),
            server: Server { host: "localhost".into(), port, security: Security::Tls },
            ca: variable("POSTERN_TEST_CA")?.into(),
        })
    }

    /// Appends `count` letters; their bytes in all.
    fn fill(&self, count: usize, write: fn(&mut StdRng, usize) -> String) -> anyhow::Result<usize> {
        let mut chance = StdRng::seed_from_u64(SEED);
        let stream = TcpStream::connect(variable("POSTERN_TEST_IMAP")?)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = std::io::BufWriter::new(stream);
        let mut line = String::new();
        let mut until = |tag: &str, writer: &mut std::io::BufWriter<TcpStream>| -> anyhow::Result<()> {
            writer.flush()?;
            loop {
                line.clear();
                ensure!(reader.read_line(&mut line)? > 0, "Dovecot closed the connection");
                if line.starts_with(tag) {
                    ensure!(line.contains("OK"), "{line}");
                    return Ok(());
                }
            }
        };
        write!(writer, "a LOGIN {} rehearsal\r\n", self.address)?;
        until("a ", &mut writer)?;
        let mut bytes = 0;
        for i in 0..count {
            let letter = write(&mut chance, i).replace('\n', "\r\n");
            bytes += letter.len();
            write!(writer, "b{i} APPEND INBOX {{{}+}}\r\n{letter}\r\n", letter.len())?;
            if i % 20 == 19 || i + 1 == count {
                until(&format!("b{i} "), &mut writer)?;
            }
        }
        Ok(bytes)
    }

    /// Fetches everything and throws it away: how fast the wire is.
    async fn bare(&self) -> anyhow::Result<usize> {
        let net = Net::new(Policy { extra_ca_pem: Some(std::fs::read(&self.ca)?), ..Policy::default() })?;
        let mut session = imap::connect(&net, &self.server).await?;
        let credential = Credential::Password { user: self.address.clone(), password: "rehearsal".into() };
        session.login(&credential).await?;
        session.select("INBOX").await?;
        let uids = session.uids_since(0).await?;
        let mut count = 0;
        for batch in uids.chunks(100) {
            let mut fetch = session.fetch(batch, 64 * 1024 * 1024).await?;
            while let Some(fetched) = fetch.next().await? {
                count += usize::from(matches!(fetched, imap::Fetched::Message { .. }));
            }
        }
        Ok(count)
    }
}

fn plain(chance: &mut StdRng, i: usize) -> String {
    let to = chance.random_range(0..2000);
    format!(
        "From: Person {to} <person{to}@nordwind.example>\nTo: support@contoso.example\nSubject: {} {} {i}\n\
         Message-ID: <plain-{i}@nordwind.example>\nDate: Tue, 24 Nov 2026 09:00:00 +0000\n\n{}\n",
        word(chance),
        word(chance),
        words(chance, 280)
    )
}

/// The mix of a helpdesk's mailbox.
fn mix(chance: &mut StdRng, i: usize) -> String {
    let answers = i > 0 && chance.random_bool(0.32);
    let of = if answers { chance.random_range(0..i) } else { i };
    let from = of % 500;
    let mut head = format!(
        "From: Person {from} <person{from}@nordwind.example>\nTo: support@contoso.example\nSubject: Matter {of}\n\
         Message-ID: <mix-{i}@nordwind.example>\nDate: Tue, 24 Nov 2026 09:00:00 +0000\nMIME-Version: 1.0\n"
    );
    if answers {
        head.push_str(&format!(
            "In-Reply-To: <mix-{of}@nordwind.example>\nReferences: <mix-{of}@nordwind.example>\n"
        ));
    }
    let text = words(chance, 300);
    let body = if chance.random_bool(0.37) {
        let mut html = String::from("<html><body>");
        while html.len() < 30_000 {
            html.push_str(&format!(
                "<p style=\"margin:0\"><b>{}</b> {}</p>\n",
                word(chance),
                words(chance, 60)
            ));
        }
        html.push_str("</body></html>");
        format!(
            "Content-Type: multipart/alternative; boundary=alt\n\n--alt\nContent-Type: text/plain\n\n{text}\n--alt\nContent-Type: text/html; charset=utf-8\n\n{html}\n--alt--\n"
        )
    } else {
        format!("Content-Type: text/plain; charset=utf-8\n\n{text}\n")
    };
    if !chance.random_bool(0.1) {
        return head + &body;
    }
    let mut raw = vec![0; 200_000];
    chance.fill(&mut raw[..]);
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, raw);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!(
        "{head}Content-Type: multipart/mixed; boundary=mixed\n\n--mixed\n{body}\n--mixed\nContent-Type: application/pdf; name=\"report.pdf\"\n\
         Content-Disposition: attachment; filename=\"report.pdf\"\nContent-Transfer-Encoding: base64\n\n{}\n--mixed--\n",
        lines.join("\n")
    )
}

const WORDS: [&str; 32] = [
    "gate", "printer", "invoice", "order", "cellar", "garden", "answer", "number", "letter", "monday",
    "please", "screen", "window", "delivery", "account", "password", "train", "office", "street", "weather",
    "report", "paper", "green", "quiet", "quick", "broken", "again", "never", "always", "thanks", "kindly",
    "regards",
];
fn word(chance: &mut StdRng) -> &'static str {
    WORDS[chance.random_range(0..WORDS.len())]
}
fn words(chance: &mut StdRng, count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        text.push_str(word(chance));
        text.push(if i % 12 == 11 { '\n' } else { ' ' });
    }
    text
}

/// A data folder with one mailbox, and the program that works on it.
struct Desk {
    data: PathBuf,
    ca: PathBuf,
}

impl Desk {
    fn new(folder: &Path, name: &str, mailbox: &Mailbox) -> anyhow::Result<Desk> {
        let desk = Desk { data: folder.join(name), ca: mailbox.ca.clone() };
        desk.run_with(&["admin", "create", "--email", "maya@contoso.example", "--password-stdin"], PASSWORD)?;
        std::fs::write(folder.join("secret"), "rehearsal")?;
        let file = folder.join(format!("{name}.toml"));
        let toml = format!(
            "[[mailbox]]\naddress = \"{}\"\nstart_from = \"everything\"\nbatch = 100\n[mailbox.incoming]\nhost = \"localhost\"\n\
             port = {}\nauthentication = \"password\"\npassword_file = \"secret\"\n[mailbox.outgoing]\nnone = true\n",
            mailbox.address, mailbox.server.port
        );
        std::fs::write(&file, toml)?;
        desk.run(&["mailbox", "apply", file.to_str().context("a path")?])?;
        Ok(desk)
    }
    fn command(&self) -> anyhow::Result<Command> {
        let here = std::env::current_exe()?;
        let program = here.parent().and_then(Path::parent).context("where the program is")?.join("postern");
        let mut command = Command::new(program);
        command
            .arg("--data")
            .arg(&self.data)
            .arg("--tls-extra-ca")
            .arg(&self.ca)
            .args(["--log-level", "warn"]);
        if let Ok(server) = std::env::var("POSTERN_BENCH_DATABASE") {
            let name = self.data.file_name().context("a name")?.to_string_lossy().replace('-', "_");
            command.args(["--database", &format!("{server}/{name}")]);
        }
        Ok(command)
    }
    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.run_with(arguments, "")
    }
    fn run_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        let mut command = self.command()?;
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().context("standard input")?.write_all(input.as_bytes())?;
        let done = child.wait_with_output()?;
        ensure!(done.status.success(), "{arguments:?} ended with {}", done.status);
        Ok(String::from_utf8(done.stdout)?)
    }
}

struct Running(Child);
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// List, ticket and find, asked over one connection after a warm-up.
fn pages(desk: &Desk) -> anyhow::Result<()> {
    let mut command = desk.command()?;
    command
        .args(["serve", "--hold-mail", "--http-listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    let mut ready = String::new();
    BufReader::new(child.stdout.take().context("standard output")?).read_line(&mut ready)?;
    let _running = Running(child);
    let port: u16 = ready
        .trim()
        .rsplit(':')
        .next()
        .and_then(|p| p.parse().ok())
        .with_context(|| format!("not ready: {ready}"))?;
    let mut browser = Browser { port, cookies: Vec::new() };
    let form = browser.ask("GET", "/sign-in", "")?;
    let token = between(&form, "name=\"form_token\" value=\"", "\"").unwrap_or_default();
    let id = between(&form, "name=\"form_id\" value=\"", "\"").unwrap_or_default();
    let encoded = PASSWORD.replace(' ', "+");
    browser.ask(
        "POST",
        "/sign-in",
        &format!("form_token={token}&form_id={id}&email=maya%40contoso.example&password={encoded}"),
    )?;
    let list = browser.ask("GET", "/tickets", "")?;
    let ticket = between(&list, "href=\"/tickets/", "\"").context("no ticket in the list")?;
    let ticket = format!("/tickets/{}", ticket.split('?').next().unwrap_or_default());
    for (name, path) in [
        ("list", "/tickets"),
        ("ticket", ticket.as_str()),
        ("find a word", "/tickets?find=cellar"),
        ("find two words", "/tickets?find=cellar+gate"),
        ("find an address", "/tickets?find=person7%40nordwind.example"),
    ] {
        browser.ask("GET", path, "")?;
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let (text, took) = timed(|| browser.ask("GET", path, ""))?;
            ensure!(text.starts_with("HTTP/1.1 200"), "{path}: {}", text.lines().next().unwrap_or_default());
            times.push(took.as_secs_f64() * 1000.0);
        }
        println!("{name}: median {:.1} ms", median(times));
    }
    Ok(())
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(value, _)| value.to_owned())
}

/// The least that asks for pages and keeps cookies.
struct Browser {
    port: u16,
    cookies: Vec<(String, String)>,
}
impl Browser {
    fn ask(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let origin = format!("http://localhost:{}", self.port);
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nOrigin: {origin}\r\nReferer: {origin}/\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            cookies.join("; "),
            body.len()
        )?;
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw)?;
        let text = String::from_utf8_lossy(&raw).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { bail!("no answer to {method} {path}") };
        for line in head.lines() {
            if let Some((name, value)) = line
                .to_lowercase()
                .starts_with("set-cookie:")
                .then(|| &line[11..])
                .and_then(|c| c.trim().split(';').next()?.split_once('='))
            {
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(text)
    }
}
