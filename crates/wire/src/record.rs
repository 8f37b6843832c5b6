//! The lines of a conversation, for a person who looks for a fault: what was sent and what came, bounded, and without a
//! secret. Nothing is written down unless somebody asked for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

use crate::error::clean;
use crate::hidden::hide;

/// Lines between two looks; what comes after them is only counted.
const LINES_MAX: usize = 60;
/// A line that is sent and never ends.
const SENT_BYTES_MAX: usize = 64 * 1024;

/// Clones write to the same record.
#[derive(Clone, Default)]
pub struct Record {
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    lines: Vec<String>,
    left_out: usize,
    /// What is being sent, up to the end of its line.
    sent: Vec<u8>,
    secrets: Vec<SecretString>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = self.inside();
        f.debug_struct("Record").field("lines", &inside.lines.len()).finish_non_exhaustive()
    }
}

impl Record {
    pub fn new() -> Record {
        Record::default()
    }

    /// The lines since the last call: `C: …` was sent, `S: …` came.
    pub fn take(&self) -> Vec<String> {
        let mut inside = self.inside();
        let mut lines = std::mem::take(&mut inside.lines);
        let left_out = std::mem::take(&mut inside.left_out);
        if left_out > 0 {
            lines.push(format!("… and {left_out} more"));
        }
        lines
    }

    /// This stands in no line from now on, whoever writes it, and in none that was not taken yet.
    pub fn hide(&self, secrets: impl IntoIterator<Item = SecretString>) {
        let mut inside = self.inside();
        inside.secrets.extend(secrets);
        let lines = std::mem::take(&mut inside.lines);
        inside.lines = lines.iter().map(|line| inside.without_secrets(line)).collect();
    }

    /// The text without the secrets that are known here.
    pub fn without_secrets(&self, text: &str) -> String {
        self.inside().without_secrets(text)
    }

    pub(crate) fn sent(&self, bytes: &[u8]) {
        let mut inside = self.inside();
        for byte in bytes {
            match byte {
                b'\n' => inside.end_of_sent(),
                b'\r' => {}
                _ if inside.sent.len() < SENT_BYTES_MAX => inside.sent.push(*byte),
                _ => {}
            }
        }
    }

    pub(crate) fn came(&self, line: &[u8]) {
        let line = format!("S: {}", String::from_utf8_lossy(line));
        self.inside().note(&line);
    }

    /// Bytes that are a letter's, and no line of the protocol.
    pub(crate) fn letter(&self, whose: char, bytes: u64) {
        self.inside().note(&format!("{whose}: ({bytes} bytes)"));
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn end_of_sent(&mut self) {
        let sent = std::mem::take(&mut self.sent);
        let line = format!("C: {}", String::from_utf8_lossy(&sent));
        self.note(&line);
    }

    fn note(&mut self, line: &str) {
        if self.lines.len() >= LINES_MAX {
            self.left_out += 1;
            return;
        }
        // Before it is cut, or a piece of a secret would not be known for one.
        let line = clean(&self.without_secrets(line));
        self.lines.push(line);
    }

    fn without_secrets(&self, text: &str) -> String {
        let secrets: Vec<&str> = self.secrets.iter().map(|secret| secret.expose_secret()).collect();
        hide(text, &secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_bounded_and_without_secrets() {
        let record = Record::new();
        record.hide(["t0ken-of-ann".to_owned().into()]);
        record.sent(b"A1 NO");
        record.sent(b"OP\r\nA2 ");
        record.came(b"A1 OK t0ken-of-ann \x1b[31m");
        record.sent(b"LOGOUT\r\n");
        assert_eq!(record.take(), ["C: A1 NOOP", "S: A1 OK [hidden]  [31m", "C: A2 LOGOUT"]);
        for _ in 0..LINES_MAX + 7 {
            record.came(b"* 1 EXISTS");
        }
        let lines = record.take();
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (LINES_MAX + 1, "… and 7 more"));
        assert!(record.take().is_empty());
        assert_eq!(format!("{record:?}"), "Record { lines: 0, .. }");
    }

    #[test]
    fn a_secret_that_is_learnt_later_is_taken_out_of_what_was_written() {
        let record = Record::new();
        record.came(b"* OK token is t0ken-of-ann");
        record.hide(["t0ken-of-ann".to_owned().into()]);
        assert_eq!(record.take(), ["S: * OK token is [hidden]"]);
    }
}
