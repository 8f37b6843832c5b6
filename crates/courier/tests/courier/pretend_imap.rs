//! An IMAP server in memory, mostly of one folder, with faults: enough of RFC 3501 for one client. Every command is
//! written down, with what the desk had stored when it came.
mod answers;

use crate::odd::{self, Oddity};
use crate::pretend::listen;
use answers::{fetch, search, uids};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

pub struct Letter {
    pub uid: u32,
    pub at: i64,
    pub bytes: Vec<u8>,
    pub seen: bool,
    pub deleted: bool,
}

/// A folder beside INBOX.
pub struct Other {
    pub uid_validity: u32,
    pub uid_next: u32,
    pub letters: Vec<Letter>,
}

/// No folder is open.
const NONE: &str = "";

#[derive(Default)]
pub struct State {
    /// Beside INBOX, by their names.
    pub others: BTreeMap<String, Other>,
    pub uid_validity: u32,
    pub uid_next: u32,
    pub letters: Vec<Letter>,
    /// Or copied.
    pub moved: Vec<(String, u32)>,
    pub log: Vec<String>,
    /// FETCH of these answers NO.
    pub refused: HashSet<u32>,
    /// The same of their bytes alone.
    pub withheld: HashSet<u32>,
    /// FETCH of these leaves them out.
    pub skipped: HashSet<u32>,
    /// The link is cut each time when these are to be delivered, after those before them.
    pub breaks_at: HashSet<u32>,
    /// What is written now is the last that this link has.
    is_last_word: bool,
    /// The link is cut after so many more delivered messages.
    pub cut_after: Option<usize>,
    /// Whom each token was given for.
    pub users: Vec<String>,
    /// Only this token opens the mailbox, when it is set.
    pub token: Option<String>,
    /// What a sign-in is answered with, instead of being looked at.
    pub sign_in: Option<String>,
    /// Called once, before the next sign-in is answered.
    pub at_sign_in: Option<Box<dyn FnOnce() + Send>>,
    /// It does not list all messages of a folder at once.
    pub no_listing: bool,
    /// The link is cut when the folders are asked for.
    pub cut_at_list: bool,
    /// A search by subject finds nothing.
    pub hidden_from_subject_search: bool,
    /// A search by subject finds every letter.
    pub finds_everything: bool,
    /// It ends the waiting as soon as it has begun.
    pub idle_ends: bool,
    /// What it says at once to who waits for news.
    pub idle_says: Option<&'static str>,
    /// Nobody is told of news.
    pub no_idle: bool,
    /// What SELECT and EXAMINE are answered with, instead of being looked at.
    pub opening: Option<String>,
    /// SELECT opens the folder for reading alone.
    pub read_only: bool,
    /// What MYRIGHTS says of a folder; with none the server has no access control lists.
    pub rights: HashMap<String, String>,
    /// Counts what changes (RFC 7162), and says at each opening how far it has come.
    pub highest_mod_seq: Option<u64>,
    /// It counts these, and lists them never.
    pub unlisted: HashSet<u32>,
    /// It tells what has changed (QRESYNC), in these lines; `NO` refuses.
    pub changes: Option<String>,
    /// It has neither UIDPLUS nor MOVE.
    pub is_old: bool,
    /// It has UIDPLUS, and moves by COPY alone.
    pub has_no_move: bool,
    /// MOVE, COPY and STORE of any of these answer NO.
    pub stuck: HashSet<u32>,
    /// STORE answers NO.
    pub no_storing: bool,
    /// MOVE and CREATE answer NO.
    pub no_moving: bool,
    /// What it says of UIDNEXT, if anything, where that is not true.
    pub claims_uid_next: Option<Option<u32>>,
    /// UIDs that each of the next searches names beside what is there.
    pub ghosts: VecDeque<u32>,
    /// It does not say when these came.
    pub undated: HashSet<u32>,
    /// A search by date leaves these out.
    pub hidden_from_date_search: HashSet<u32>,
    /// What it says instead of its greeting and its answers.
    pub odd: Option<Oddity>,
    /// Called before each STORE, MOVE and EXPUNGE.
    pub before_change: Option<Box<dyn Fn() -> String + Send>>,
}

#[derive(Clone)]
pub struct PretendImap {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    news: watch::Sender<u32>,
}

impl PretendImap {
    pub async fn start() -> PretendImap {
        let server = |address| PretendImap {
            address,
            state: Arc::new(Mutex::new(State { uid_validity: 1, uid_next: 1, ..State::default() })),
            news: watch::Sender::new(0),
        };
        listen(server, |server, stream| async move { server.serve(stream).await }).await
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn deliver(&self, at: i64, bytes: Vec<u8>) -> u32 {
        let uid = {
            let mut state = self.state();
            let uid = state.uid_next;
            state.uid_next += 1;
            state.letters.push(Letter { uid, at, bytes, seen: false, deleted: false });
            state.highest_mod_seq = state.highest_mod_seq.map(|number| number + 1);
            uid
        };
        self.news.send_replace(uid);
        uid
    }

    pub fn create(&self, folder: &str, uid_validity: u32) {
        let other = Other { uid_validity, uid_next: 1, letters: Vec::new() };
        self.state().others.insert(folder.to_owned(), other);
    }

    /// Into a folder that was created. Nobody who waits elsewhere is told.
    pub fn deliver_to(&self, folder: &str, at: i64, bytes: Vec<u8>) -> u32 {
        let mut state = self.state();
        let other = state.others.get_mut(folder).unwrap();
        let uid = other.uid_next;
        other.uid_next += 1;
        other.letters.push(Letter { uid, at, bytes, seen: false, deleted: false });
        uid
    }

    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        if !self.say(&mut write, "", b"* OK ready\r\n").await? {
            return Ok(());
        }
        let mut line = String::new();
        let mut news = self.news.subscribe();
        let mut open = NONE.to_owned();
        loop {
            line.clear();
            if read.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let (tag, command) = line.trim_end().split_once(' ').unwrap_or(("*", ""));
            let (tag, command) = (tag.to_owned(), command.to_owned());
            let verb = command.to_ascii_uppercase();
            if verb.starts_with("AUTHENTICATE") || verb.starts_with("LOGIN ") {
                self.state().log.push(verb.split(' ').take(2).collect::<Vec<_>>().join(" "));
                self.sign_in(&tag, &command, &mut read, &mut write).await?;
                continue;
            }
            self.state().log.push(command.clone());
            if verb == "IDLE" {
                self.idle(&tag, &mut news, &mut read, &mut write).await?;
                continue;
            }
            if verb.starts_with("SELECT") {
                news.mark_unchanged();
            }
            let Some(answer) = self.answer_in(&mut open, &tag, &command) else { return Ok(()) };
            let goes_on = self.say(&mut write, &command, &answer).await?;
            if !goes_on || verb == "LOGOUT" || std::mem::take(&mut self.state().is_last_word) {
                return Ok(());
            }
        }
    }

    /// `false`: the link is over.
    async fn say(&self, write: &mut OwnedWriteHalf, command: &str, answer: &[u8]) -> std::io::Result<bool> {
        let oddity = self.state().odd.clone();
        odd::say(write, oddity.as_ref(), command, answer).await
    }

    async fn sign_in(
        &self,
        tag: &str,
        command: &str,
        read: &mut BufReader<OwnedReadHalf>,
        write: &mut OwnedWriteHalf,
    ) -> std::io::Result<()> {
        let words: Vec<&str> = command.split(' ').collect();
        let secret = match words.as_slice() {
            ["LOGIN", _, password] => password.trim_matches('"').to_owned(),
            [_, _, response] => decoded(response),
            _ => {
                write.write_all(b"+ \r\n").await?;
                let mut line = String::new();
                read.read_line(&mut line).await?;
                decoded(line.trim_end())
            }
        };
        let hook = self.state().at_sign_in.take();
        if let Some(hook) = hook {
            hook();
        }
        let (fixed, token) = {
            let mut state = self.state();
            let user = secret.strip_prefix("user=").and_then(|rest| rest.split('\u{1}').next());
            state.users.extend(user.map(str::to_owned));
            (state.sign_in.clone(), state.token.clone())
        };
        let good = match token {
            Some(token) => secret.contains(&format!("Bearer {token}\u{1}")),
            None => secret.contains(crate::stage::PASSWORD),
        };
        let answer = match (fixed, good) {
            (Some(answer), _) => answer,
            (None, true) => "OK signed in".to_owned(),
            (None, false) => "NO [AUTHENTICATIONFAILED] no".to_owned(),
        };
        write.write_all(format!("{tag} {answer}\r\n").as_bytes()).await
    }

    async fn idle(
        &self,
        tag: &str,
        news: &mut watch::Receiver<u32>,
        read: &mut BufReader<OwnedReadHalf>,
        write: &mut OwnedWriteHalf,
    ) -> std::io::Result<()> {
        if self.state().idle_ends {
            return write.write_all(format!("+ idling\r\n{tag} OK done\r\n").as_bytes()).await;
        }
        let said = self.state().idle_says.unwrap_or_default();
        write.write_all(format!("+ idling\r\n{said}").as_bytes()).await?;
        let mut line = String::new();
        loop {
            tokio::select! {
                _ = news.changed() => {
                    let exists = self.state().letters.len();
                    write.write_all(format!("* {exists} EXISTS\r\n").as_bytes()).await?;
                }
                read = read.read_line(&mut line) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    return write.write_all(format!("{tag} OK done\r\n").as_bytes()).await;
                }
            }
        }
    }

    /// In the folder that is open, or is opened by this.
    fn answer_in(&self, open: &mut String, tag: &str, command: &str) -> Option<Vec<u8>> {
        let mut asked = command.to_owned();
        if let Some((verb @ ("SELECT" | "EXAMINE"), name)) = command.split_once(' ') {
            name.trim_matches('"').clone_into(open);
            if self.state().others.contains_key(open.as_str()) {
                asked = format!("{verb} INBOX");
            } else if open != "INBOX" {
                NONE.clone_into(open);
            }
        } else if open == NONE && command.starts_with("UID ") {
            return Some(format!("{tag} BAD no folder is open\r\n").into_bytes());
        }
        self.exchange(open);
        let answer = self.answer(tag, &asked);
        self.exchange(open);
        answer
    }

    /// Another folder takes the place of INBOX, and gives it back.
    fn exchange(&self, folder: &str) {
        let state = &mut *self.state();
        if let Some(other) = state.others.get_mut(folder) {
            std::mem::swap(&mut other.uid_validity, &mut state.uid_validity);
            std::mem::swap(&mut other.uid_next, &mut state.uid_next);
            std::mem::swap(&mut other.letters, &mut state.letters);
        }
    }

    /// `None`: the link is cut.
    fn answer(&self, tag: &str, command: &str) -> Option<Vec<u8>> {
        let words: Vec<&str> = command.split(' ').collect();
        let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
        let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
        let mut state = self.state();
        let ok = format!("{tag} OK done\r\n");
        Some(match upper.as_slice() {
            ["CAPABILITY"] => {
                let idle = if state.no_idle { "" } else { " IDLE" };
                let new = match (state.is_old, state.has_no_move) {
                    (true, _) => "",
                    (false, true) => " UIDPLUS",
                    (false, false) => " UIDPLUS MOVE",
                };
                let qresync = state.changes.as_ref().map_or("", |_| " ENABLE QRESYNC");
                let acl = if state.rights.is_empty() { "" } else { " ACL" };
                let offered = "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2";
                format!("* CAPABILITY {offered}{new}{qresync}{acl}{idle}\r\n{ok}").into_bytes()
            }
            ["SELECT" | "EXAMINE", _] if state.opening.is_some() => {
                format!("{tag} {}\r\n", state.opening.as_deref().unwrap_or_default()).into_bytes()
            }
            ["SELECT", _] if state.read_only => format!(
                "* OK [UIDVALIDITY 1] ok\r\n* OK [PERMANENTFLAGS ()] ok\r\n{tag} OK [READ-ONLY] ok\r\n"
            )
            .into_bytes(),
            ["SELECT" | "EXAMINE", folder] if folder.trim_matches('"') == "INBOX" => format!(
                "* {} EXISTS\r\n* OK [UIDVALIDITY {}] ok\r\n{}{}{ok}",
                state.letters.len(),
                state.uid_validity,
                state
                    .claims_uid_next
                    .unwrap_or(Some(state.uid_next))
                    .map_or(String::new(), |next| format!("* OK [UIDNEXT {next}] ok\r\n")),
                state.highest_mod_seq.map_or(String::new(), |n| format!("* OK [HIGHESTMODSEQ {n}] ok\r\n"))
            )
            .into_bytes(),
            ["SELECT" | "EXAMINE", _] => format!("{tag} NO [NONEXISTENT] no such folder\r\n").into_bytes(),
            ["MYRIGHTS", folder] => match state.rights.get(words[1].trim_matches('"')) {
                Some(rights) => format!("* MYRIGHTS {folder} {rights}\r\n{ok}").into_bytes(),
                None => format!("{tag} NO [NONEXISTENT] no such folder\r\n").into_bytes(),
            },
            ["LIST", ..] if state.cut_at_list => return None,
            ["LIST", ..] => {
                let other = |name| format!("* LIST () \"/\" \"{name}\"\r\n");
                let others: String = state.others.keys().map(other).collect();
                format!("* LIST () \"/\" INBOX\r\n* LIST () \"/\" Sent\r\n{others}{ok}").into_bytes()
            }
            ["UID", "SEARCH", "UID", "1:*"] if state.no_listing => {
                format!("{tag} NO too much to list\r\n").into_bytes()
            }
            ["UID", "SEARCH", criteria @ ..] => {
                let mut found = search(&state, criteria);
                if let Some(ghost) = state.ghosts.pop_front() {
                    found.push_str(&format!(" {ghost}"));
                }
                format!("* SEARCH {found}\r\n{ok}").into_bytes()
            }
            ["ENABLE", "QRESYNC"] => format!("* ENABLED QRESYNC\r\n{ok}").into_bytes(),
            ["UID", "FETCH", _, "(UID)", "(CHANGEDSINCE", _, "VANISHED)"] => match state.changes.as_deref() {
                None | Some("NO") => format!("{tag} NO not now\r\n").into_bytes(),
                Some(told) => format!("{told}{ok}").into_bytes(),
            },
            ["UID", "FETCH", set, items @ ..] => {
                let is_whole = items.iter().any(|item| item.starts_with("BODY"));
                fetch(&mut state, tag, set, is_whole)?
            }
            ["UID", "MOVE" | "COPY" | "STORE", set, ..]
                if state.stuck.iter().any(|uid| uids(set, u32::MAX)(*uid)) =>
            {
                format!("{tag} NO this one stays\r\n").into_bytes()
            }
            ["UID", "STORE", ..] if state.no_storing => {
                format!("{tag} NO [NOPERM] you may not delete here\r\n").into_bytes()
            }
            ["UID", "COPY", set, _] => {
                let (set, folder) = (uids(set, u32::MAX), words[3].trim_matches('"').to_owned());
                let there: Vec<u32> = state.letters.iter().map(|letter| letter.uid).collect();
                state
                    .moved
                    .extend(there.into_iter().filter(|uid| set(*uid)).map(|uid| (folder.clone(), uid)));
                ok.into_bytes()
            }
            ["UID", "STORE", set, _, flags] => {
                note_change(&mut state);
                let seen = flags.contains("SEEN");
                let set = uids(set, u32::MAX);
                for letter in state.letters.iter_mut().filter(|letter| set(letter.uid)) {
                    letter.seen |= seen;
                    letter.deleted |= !seen;
                }
                ok.into_bytes()
            }
            ["UID", "EXPUNGE", set] => {
                note_change(&mut state);
                let set = uids(set, u32::MAX);
                state.letters.retain(|letter| !(letter.deleted && set(letter.uid)));
                ok.into_bytes()
            }
            ["UID", "MOVE", ..] | ["CREATE", _] if state.no_moving => {
                format!("{tag} NO not allowed\r\n").into_bytes()
            }
            ["UID", "MOVE", set, _] => {
                note_change(&mut state);
                let set = uids(set, u32::MAX);
                let folder = words[3].trim_matches('"').to_owned();
                let (go, stay) = std::mem::take(&mut state.letters).into_iter().partition(|l| set(l.uid));
                state.letters = stay;
                let go: Vec<Letter> = go;
                state.moved.extend(go.into_iter().map(|letter| (folder.clone(), letter.uid)));
                ok.into_bytes()
            }
            ["LOGOUT"] => format!("* BYE bye\r\n{ok}").into_bytes(),
            ["NOOP"] | ["CREATE", _] => ok.into_bytes(),
            _ => format!("{tag} BAD unknown\r\n").into_bytes(),
        })
    }
}

fn note_change(state: &mut State) {
    if let Some(look) = &state.before_change {
        let seen = look();
        state.log.push(format!("-- {seen}"));
    }
}

fn decoded(base64: &str) -> String {
    String::from_utf8_lossy(&STANDARD.decode(base64).unwrap_or_default()).into_owned()
}
