//! A POP3 server of one mailbox in memory, with faults: enough of RFC 1939 for one client, which has the mailbox to itself
//! until its link is closed. What is deleted goes with QUIT. Every command is written down.
use crate::odd::{self, Oddity};
use crate::pretend::listen;
use crate::stage::PASSWORD;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

/// What RETR of a letter is answered with that is refused.
pub const CANNOT_READ: &[u8] = b"-ERR cannot read it\r\n";

#[derive(Clone)]
pub struct Letter {
    pub name: String,
    pub bytes: Vec<u8>,
}

#[derive(Default)]
pub struct State {
    pub letters: Vec<Letter>,
    pub log: Vec<String>,
    /// RETR of these names answers -ERR.
    pub refused: HashSet<String>,
    /// DELE of these names answers -ERR.
    pub stuck: HashSet<String>,
    /// The link is cut after so many more delivered messages.
    pub cut_after: Option<usize>,
    /// QUIT answers -ERR and deletes nothing.
    pub no_deleting: bool,
    /// DELE and QUIT answer +OK, and nothing is deleted.
    pub keeps_everything: bool,
    /// Nobody may open the mailbox.
    pub in_use: bool,
    /// A link has it open, and nobody else may until that is closed (RFC 1939 §4).
    is_locked: bool,
    /// So long the lock stays after a link that was closed without QUIT.
    pub lets_go_after: Duration,
    /// What it says instead of its greeting and its answers.
    pub odd: Option<Oddity>,
    /// Called when QUIT is about to delete.
    pub before_deletion: Option<Box<dyn Fn() -> String + Send>>,
    /// How many names it has given.
    pub delivered: u32,
    /// There is no TOP.
    pub no_top: bool,
}

/// Of the mailbox, by one link.
struct Lock {
    state: Arc<Mutex<State>>,
    is_held: bool,
}
impl Lock {
    fn take(&mut self) -> bool {
        let mut state = self.state.lock().unwrap();
        self.is_held |= !std::mem::replace(&mut state.is_locked, true);
        self.is_held
    }
    fn give_back(&mut self) {
        if std::mem::take(&mut self.is_held) {
            self.state.lock().unwrap().is_locked = false;
        }
    }
}
impl Drop for Lock {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[derive(Clone)]
pub struct PretendPop3 {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl PretendPop3 {
    pub async fn start() -> PretendPop3 {
        let server = |address| PretendPop3 { address, state: Arc::default() };
        listen(server, |server, stream| async move { server.serve(stream).await }).await
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Under a name of its own; `at` stands in its `Received` field.
    pub fn deliver(&self, at: i64, bytes: Vec<u8>) -> String {
        let mut state = self.state();
        state.delivered += 1;
        let name = format!("name-{:03}", state.delivered);
        state.letters.push(received(&name, at, &bytes));
        name
    }

    pub fn names(&self) -> Vec<String> {
        self.state().letters.iter().map(|letter| letter.name.clone()).collect()
    }

    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut lock = Lock { state: self.state.clone(), is_held: false };
        let ended = self.converse(stream, &mut lock).await;
        let lets_go_after = self.state().lets_go_after;
        if lock.is_held && !lets_go_after.is_zero() {
            tokio::time::sleep(lets_go_after).await;
        }
        ended
    }

    async fn converse(&self, stream: TcpStream, lock: &mut Lock) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        if !self.say(&mut write, "", b"+OK ready\r\n").await? {
            return Ok(());
        }
        let letters = self.state().letters.clone();
        let mut deleted = HashSet::new();
        while let Some(line) = lines.next_line().await? {
            let verb = line.split(' ').next().unwrap_or("").to_owned();
            self.state().log.push(if verb == "PASS" { verb.clone() } else { line.clone() });
            let number = line.split(' ').nth(1).and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
            let letter = number.checked_sub(1).and_then(|index| letters.get(index));
            let answer = match (verb.as_str(), letter) {
                ("CAPA", _) if self.state().no_top => b"+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n".to_vec(),
                ("CAPA", _) => b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n".to_vec(),
                ("PASS", _) if self.state().in_use => b"-ERR [IN-USE] locked\r\n".to_vec(),
                ("PASS", _) if line != format!("PASS {PASSWORD}") => b"-ERR no\r\n".to_vec(),
                ("PASS", _) if !lock.take() => b"-ERR [IN-USE] maildrop already locked\r\n".to_vec(),
                ("UIDL", _) => list(&letters),
                ("LIST", _) => sizes(&letters),
                ("RETR", Some(letter)) if self.state().refused.contains(&letter.name) => CANNOT_READ.to_vec(),
                ("RETR", Some(letter)) => {
                    if self.is_cut() {
                        let half = &letter.bytes[..letter.bytes.len() / 2];
                        return write.write_all(&[b"+OK\r\n", half].concat()).await;
                    }
                    stuffed(&letter.bytes)
                }
                ("TOP", Some(letter)) if !self.state().no_top => {
                    let text = String::from_utf8_lossy(&letter.bytes).into_owned();
                    stuffed(text.split("\r\n\r\n").next().unwrap().as_bytes())
                }
                ("DELE", Some(letter)) if self.state().stuck.contains(&letter.name) => {
                    b"-ERR this one stays\r\n".to_vec()
                }
                ("DELE", Some(letter)) => {
                    deleted.insert(letter.name.clone());
                    b"+OK\r\n".to_vec()
                }
                ("QUIT", _) => {
                    let answer = self.end(&deleted);
                    lock.give_back();
                    answer
                }
                ("USER" | "PASS", _) => b"+OK\r\n".to_vec(),
                ("STAT", _) => format!("+OK {} 0\r\n", letters.len()).into_bytes(),
                _ => b"-ERR what?\r\n".to_vec(),
            };
            if !self.say(&mut write, &line, &answer).await? || verb == "QUIT" {
                return Ok(());
            }
        }
        Ok(())
    }

    /// `false`: the link is over.
    async fn say(&self, write: &mut OwnedWriteHalf, command: &str, answer: &[u8]) -> std::io::Result<bool> {
        let oddity = self.state().odd.clone();
        odd::say(write, oddity.as_ref(), command, answer).await
    }

    fn is_cut(&self) -> bool {
        match &mut self.state().cut_after {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    fn end(&self, deleted: &HashSet<String>) -> Vec<u8> {
        let mut state = self.state();
        if state.no_deleting && !deleted.is_empty() {
            return b"-ERR some deleted messages not removed\r\n".to_vec();
        }
        if !deleted.is_empty()
            && let Some(look) = &state.before_deletion
        {
            let seen = look();
            state.log.push(format!("when deleted: {seen}"));
        }
        if state.keeps_everything {
            return b"+OK bye\r\n".to_vec();
        }
        state.letters.retain(|letter| !deleted.contains(&letter.name));
        b"+OK bye\r\n".to_vec()
    }
}

/// As the last server writes it down.
pub fn received(name: &str, at: i64, bytes: &[u8]) -> Letter {
    let at_text = jiff::Timestamp::from_millisecond(at).unwrap().strftime("%a, %d %b %Y %H:%M:%S +0000");
    let bytes = [format!("Received: from a by b; {at_text}\r\n").as_bytes(), bytes].concat();
    Letter { name: name.to_owned(), bytes }
}

fn list(letters: &[Letter]) -> Vec<u8> {
    let lines: Vec<String> = letters
        .iter()
        .enumerate()
        .map(|(index, letter)| format!("{} {}\r\n", index + 1, letter.name))
        .collect();
    format!("+OK\r\n{}.\r\n", lines.concat()).into_bytes()
}

fn sizes(letters: &[Letter]) -> Vec<u8> {
    let lines =
        letters.iter().zip(1..).map(|(letter, number)| format!("{number} {}\r\n", letter.bytes.len()));
    format!("+OK\r\n{}.\r\n", lines.collect::<String>()).into_bytes()
}

fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut answer = String::from("+OK\r\n");
    for line in text.trim_end_matches("\r\n").split("\r\n") {
        if line.starts_with('.') {
            answer.push('.');
        }
        answer.push_str(line);
        answer.push_str("\r\n");
    }
    answer.push_str(".\r\n");
    answer.into_bytes()
}
