//! A data folder with one mailbox, the program on it, and the least of a browser.
use crate::PASSWORD;
use crate::mailbox::Mailbox;
use anyhow::{Context as _, bail, ensure};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A data folder with one mailbox, and the program that works on it.
pub struct Desk {
    data: PathBuf,
    ca: PathBuf,
}

impl Desk {
    pub fn new(folder: &Path, name: &str, mailbox: &Mailbox) -> anyhow::Result<Desk> {
        Desk::with(folder, name, std::slice::from_ref(mailbox))
    }
    /// A new one, or the one that is there, with these mailboxes.
    pub fn with(folder: &Path, name: &str, mailboxes: &[Mailbox]) -> anyhow::Result<Desk> {
        let first = mailboxes.first().context("no mailbox")?;
        let desk = Desk { data: folder.join(name), ca: first.ca.clone() };
        if !desk.data.exists() {
            desk.make_database()?;
            let person = ["admin", "create", "--email", "maya@contoso.example", "--password-stdin"];
            desk.run_with(&person, PASSWORD)?;
        }
        std::fs::write(folder.join("secret"), "rehearsal")?;
        let file = folder.join(format!("{name}.toml"));
        let one = |mailbox: &Mailbox| {
            format!(
                "[[mailbox]]\naddress = \"{}\"\nstart_from = \"everything\"\nbatch = 100\n[mailbox.incoming]\nhost = \"localhost\"\n\
                 port = {}\nauthentication = \"password\"\npassword_file = \"secret\"\n[mailbox.outgoing]\nnone = true\n",
                mailbox.address, mailbox.server.port
            )
        };
        std::fs::write(&file, mailboxes.iter().map(one).collect::<String>())?;
        desk.run(&["mailbox", "apply", file.to_str().context("a path")?])?;
        Ok(desk)
    }
    /// Where `POSTERN_BENCH_DATABASE` names a server: a database of its own there.
    fn database(&self) -> Option<(String, String)> {
        let server = std::env::var("POSTERN_BENCH_DATABASE").ok()?;
        Some((server, self.data.file_name()?.to_string_lossy().replace('-', "_")))
    }
    fn make_database(&self) -> anyhow::Result<()> {
        let Some((server, name)) = self.database() else { return Ok(()) };
        let made = Command::new("psql")
            .args(["-q", &format!("{server}/postgres"), "-c", &format!("CREATE DATABASE {name}")])
            .status()?;
        ensure!(made.success(), "psql ended with {made}");
        Ok(())
    }
    /// What its folder takes.
    pub fn megabytes(&self) -> anyhow::Result<f64> {
        let out = Command::new("du").arg("-sk").arg(&self.data).output()?.stdout;
        let text = String::from_utf8(out)?;
        Ok(text.split_whitespace().next().context("a size")?.parse::<f64>()? / 1024.0)
    }
    pub fn command(&self) -> anyhow::Result<Command> {
        let here = std::env::current_exe()?;
        let program = here.parent().and_then(Path::parent).context("where the program is")?.join("postern");
        let mut command = Command::new(program);
        command
            .arg("--data")
            .arg(&self.data)
            .arg("--tls-extra-ca")
            .arg(&self.ca)
            .args(["--log-level", "warn"]);
        // It refuses what it does not know.
        for name in ["POSTERN_BENCH_DATABASE", "POSTERN_BENCH_CURVE", "POSTERN_RIG_FSYNC"] {
            command.env_remove(name);
        }
        if let Some((server, name)) = self.database() {
            command.args(["--database", &format!("{server}/{name}")]);
        }
        Ok(command)
    }
    /// The server, and a browser that has signed in.
    pub fn serve(&self, more: &[&str]) -> anyhow::Result<(Running, Browser)> {
        let mut command = self.command()?;
        command
            .args(["serve", "--http-listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let mut ready = String::new();
        BufReader::new(child.stdout.take().context("standard output")?).read_line(&mut ready)?;
        let running = Running(child);
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
        Ok((running, browser))
    }
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
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

pub struct Running(Child);
impl Running {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(value, _)| value.to_owned())
}

/// The least that asks for pages and keeps cookies.
pub struct Browser {
    port: u16,
    cookies: Vec<(String, String)>,
}
impl Browser {
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
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
