//! The real servers that `dev/rig` started, and the letters that people put into them.
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;
use wire::letter::Room;
use wire::net::{Net, Policy};
use wire::{Credential, Security, Server, imap, smtp};

/// Every mailbox of the rig opens with it.
pub const PASSWORD: &str = "rehearsal";

pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this test through dev/test"))
}
pub fn port(name: &str) -> u16 {
    variable(name).rsplit(':').next().unwrap().parse().unwrap()
}
pub fn ca() -> PathBuf {
    variable("POSTERN_TEST_CA").into()
}

/// An address that no other test uses.
pub fn address(part: &str, domain: &str) -> String {
    format!("{part}-{:08x}@{domain}", rand::random::<u32>())
}

/// Delivers over LMTP, as the world's mail servers would.
pub fn deliver(to: &str, letters: &[String]) {
    let stream = TcpStream::connect(variable("POSTERN_TEST_LMTP")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    let mut answer = |expected: char| loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with(expected), "{line}");
        if line.as_bytes().get(3) == Some(&b' ') {
            return;
        }
    };
    answer('2');
    writer.write_all(b"LHLO test.example\r\n").unwrap();
    answer('2');
    for letter in letters {
        assert!(!letter.lines().any(|line| line.starts_with('.')), "a dot needs stuffing");
        write!(writer, "MAIL FROM:<sender@nordwind.example>\r\n").unwrap();
        answer('2');
        write!(writer, "RCPT TO:<{to}>\r\n").unwrap();
        answer('2');
        writer.write_all(b"DATA\r\n").unwrap();
        answer('3');
        writer.write_all(letter.replace('\n', "\r\n").as_bytes()).unwrap();
        writer.write_all(b"\r\n.\r\n").unwrap();
        answer('2');
    }
}

/// A letter as people write them.
pub fn letter(from: &str, to: &str, subject: &str, text: &str) -> String {
    let id: u64 = rand::random();
    format!(
        "From: {from}\nTo: {to}\nSubject: {subject}\nMessage-ID: <{id:016x}@nordwind.example>\n\
         Date: Tue, 24 Nov 2026 09:00:00 +0000\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    )
}

/// A folder that was not there.
pub async fn make_folder(address: &str, folder: &str) {
    let mut session = signed_in(address).await;
    session.create(folder).await.unwrap();
    session.logout().await.ok();
}

/// Commands of a mail program, one after the other, each of which the server takes.
pub fn say(address: &str, commands: &[String]) {
    let mut stream = TcpStream::connect(variable("POSTERN_TEST_IMAP")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let login = format!("LOGIN {address} {PASSWORD}");
    for command in std::iter::once(&login).chain(commands) {
        write!(stream, "a {command}\r\n").unwrap();
        let mut line = String::new();
        while !line.starts_with("a ") {
            line.clear();
            assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the link ended after {command}");
        }
        assert!(line.starts_with("a OK"), "{command}: {line}");
    }
}

/// Puts a letter into a folder, by its name on the wire, as a rule of the server would.
pub fn append(folder: &str, letter: &str) -> String {
    let letter = letter.replace('\n', "\r\n");
    format!("APPEND \"{folder}\" {{{}+}}\r\n{letter}", letter.len())
}

pub async fn signed_in(address: &str) -> imap::Session {
    let mut session = imap().await;
    session.login(&Credential::Password { user: address.into(), password: PASSWORD.into() }).await.unwrap();
    session
}

fn net() -> Net {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Net::new(Policy { extra_ca_pem: Some(std::fs::read(ca()).unwrap()), ..Policy::default() }).unwrap()
}
fn at(name: &str, security: Security) -> Server {
    Server { host: "localhost".into(), port: port(name), security }
}

/// A link on which nobody has signed in yet.
pub async fn imap() -> imap::Session {
    imap::connect(&net(), &at("POSTERN_TEST_IMAPS", Security::Tls)).await.unwrap()
}
pub async fn smtp() -> smtp::Session {
    smtp::connect(&net(), &at("POSTERN_TEST_SUBMISSION", Security::StartTls)).await.unwrap()
}

/// Looks into a mailbox with a client of our own choosing.
pub async fn look(address: &str, folder: &str) -> Vec<mail::Message> {
    let mut session = signed_in(address).await;
    if session.examine(folder).await.is_err() {
        return Vec::new();
    }
    let uids = session.uids_since(0).await.unwrap();
    let mut found = Vec::new();
    if !uids.is_empty() {
        let mut fetch = session.fetch(&uids, &Room::in_memory(64 * 1024 * 1024)).await.unwrap();
        while let Some(fetched) = fetch.next().await.unwrap() {
            if let imap::Fetched::Message { letter, .. } = fetched {
                found.push(mail::message::parse(letter.bytes().unwrap()));
            }
        }
    }
    session.logout().await.ok();
    found
}

/// A mailbox for `mailbox apply` on these servers.
pub fn mailbox_toml(address: &str, incoming: &str, outgoing: &str, more: &str) -> String {
    format!(
        "[[mailbox]]\naddress = \"{address}\"\nname = \"Contoso Support\"\nstart_from = \"everything\"\n{more}\n\
         [mailbox.incoming]\n{incoming}\n[mailbox.outgoing]\n{outgoing}\n"
    )
}
pub fn imaps() -> String {
    format!(
        "host = \"localhost\"\nport = {}\nauthentication = \"password\"\npassword_file = \"secret\"",
        port("POSTERN_TEST_IMAPS")
    )
}
pub fn pop3s() -> String {
    format!(
        "protocol = \"pop3\"\nhost = \"localhost\"\nport = {}\nauthentication = \"password\"\npassword_file = \"secret\"",
        port("POSTERN_TEST_POP3S")
    )
}
pub fn imap_starttls() -> String {
    format!(
        "host = \"localhost\"\nport = {}\nsecurity = \"starttls\"\nauthentication = \"password\"\npassword_file = \"secret\"",
        port("POSTERN_TEST_IMAP")
    )
}
pub fn submission() -> String {
    format!("host = \"localhost\"\nport = {}\nauthentication = \"same\"", port("POSTERN_TEST_SUBMISSION"))
}

/// How many letters of INBOX nobody has marked as read.
pub async fn unseen(address: &str) -> u64 {
    let mut stream = TcpStream::connect(variable("POSTERN_TEST_IMAP")).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    write!(stream, "a LOGIN {address} {PASSWORD}\r\nb STATUS INBOX (UNSEEN)\r\n").unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some((_, rest)) = line.split_once("(UNSEEN ") {
            return rest.trim_end().trim_end_matches(')').parse().unwrap();
        }
    }
}
