//! A mailbox in Dovecot, and what lies in it.
use crate::SEED;
use anyhow::{Context as _, ensure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use wire::imap;
use wire::letter::Room;
use wire::net::{Net, Policy};
use wire::{Credential, Security, Server};

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run this through dev/bench"))
}

/// A mailbox in Dovecot.
pub struct Mailbox {
    pub address: String,
    pub server: Server,
    pub ca: PathBuf,
}

impl Mailbox {
    pub fn new(name: &str) -> anyhow::Result<Mailbox> {
        Mailbox::called(&format!("{name}-{}@contoso.example", std::process::id()))
    }

    pub fn called(address: &str) -> anyhow::Result<Mailbox> {
        let port = variable("POSTERN_TEST_IMAPS")?.rsplit(':').next().context("a port")?.parse()?;
        Ok(Mailbox {
            address: address.to_owned(),
            server: Server { host: "localhost".into(), port, security: Security::Tls },
            ca: variable("POSTERN_TEST_CA")?.into(),
        })
    }

    /// Appends `count` letters; their bytes in all.
    pub fn fill(&self, count: usize, write: fn(&mut StdRng, usize) -> String) -> anyhow::Result<usize> {
        let mut chance = StdRng::seed_from_u64(SEED);
        self.append((0..count).map(|i| write(&mut chance, i)))
    }

    /// Returns when the server has them all.
    pub fn append(&self, letters: impl ExactSizeIterator<Item = String>) -> anyhow::Result<usize> {
        let (count, mut plain) = (letters.len(), Plain::sign_in(&self.address)?);
        let mut bytes = 0;
        for (i, letter) in letters.enumerate() {
            let letter = letter.replace('\n', "\r\n");
            bytes += letter.len();
            write!(plain.writer, "b{i} APPEND INBOX {{{}+}}\r\n{letter}\r\n", letter.len())?;
            if i % 20 == 19 || i + 1 == count {
                plain.until(&format!("b{i} "))?;
            }
        }
        Ok(bytes)
    }

    /// Deletes all that is in it.
    pub fn empty(&self) -> anyhow::Result<()> {
        let mut plain = Plain::sign_in(&self.address)?;
        for (tag, command) in
            [("c ", "SELECT INBOX"), ("d ", "STORE 1:* +FLAGS.SILENT (\\Deleted)"), ("e ", "EXPUNGE")]
        {
            write!(plain.writer, "{tag}{command}\r\n")?;
            plain.until(tag)?;
        }
        Ok(())
    }

    /// Fetches everything and throws it away: how fast the wire is.
    pub async fn bare(&self) -> anyhow::Result<usize> {
        let net = Net::new(Policy { extra_ca_pem: Some(std::fs::read(&self.ca)?), ..Policy::default() })?;
        let mut session = imap::connect(&net, &self.server).await?;
        let credential = Credential::Password { user: self.address.clone(), password: "rehearsal".into() };
        session.login(&credential).await?;
        session.select("INBOX").await?;
        let uids = session.uids_since(0).await?;
        let mut count = 0;
        for batch in uids.chunks(100) {
            let mut fetch = session.fetch(batch, &Room::in_memory(64 * 1024 * 1024)).await?;
            while let Some(fetched) = fetch.next().await? {
                count += usize::from(matches!(fetched, imap::Fetched::Message { .. }));
            }
        }
        Ok(count)
    }
}

/// A connection on loopback, without TLS: it fills, and is not measured.
struct Plain {
    reader: BufReader<TcpStream>,
    writer: BufWriter<TcpStream>,
}
impl Plain {
    fn sign_in(address: &str) -> anyhow::Result<Plain> {
        let stream = TcpStream::connect(variable("POSTERN_TEST_IMAP")?)?;
        let mut plain = Plain { reader: BufReader::new(stream.try_clone()?), writer: BufWriter::new(stream) };
        write!(plain.writer, "a LOGIN {address} rehearsal\r\n")?;
        plain.until("a ")?;
        Ok(plain)
    }
    /// What was written is sent, and its answer is good.
    fn until(&mut self, tag: &str) -> anyhow::Result<()> {
        self.writer.flush()?;
        let mut line = String::new();
        loop {
            line.clear();
            ensure!(self.reader.read_line(&mut line)? > 0, "Dovecot closed the connection");
            if line.starts_with(tag) {
                ensure!(line.contains("OK"), "{line}");
                return Ok(());
            }
        }
    }
}

pub fn plain(chance: &mut StdRng, i: usize) -> String {
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
pub fn mix(chance: &mut StdRng, i: usize) -> String {
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
