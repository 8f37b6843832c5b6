//! What lies in the mailbox: how much, and each message by its lasting name.

use std::collections::HashMap;

use super::session::{Session, Status};
use super::{ANSWER_TIMEOUT, MESSAGES_MAX, NAME_BYTES_MAX};
use crate::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    pub messages: u32,
    pub size_bytes: u64,
}

/// A message: its number in this session, and its name for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub number: u32,
    /// Unique in the mailbox and kept by the server (RFC 1939 §7). Where a server gives one name to several messages,
    /// the later ones have a count after a space, which no name can hold.
    pub name: String,
}

impl Session {
    /// STAT, which also proves that the mailbox is open: Exchange refuses it to who may sign in and not read.
    pub async fn totals(&mut self) -> Result<Totals> {
        let tried = "open the mailbox";
        let text = self.command(tried, "STAT").await?;
        let mut words = text.split_ascii_whitespace();
        let messages = words.next().and_then(|word| word.parse().ok());
        let size_bytes = words.next().and_then(|word| word.parse().ok());
        match (messages, size_bytes) {
            (Some(messages), Some(size_bytes)) => Ok(Totals { messages, size_bytes }),
            (_, _) => Err(self.broken(tried, "its answer to STAT has no count")),
        }
    }

    /// UIDL: every message, in the server's order, which is the order of arrival.
    pub async fn list(&mut self) -> Result<Vec<Listed>> {
        let tried = "list the messages";
        self.begin(tried)?;
        let status = self.send(tried, "UIDL", ANSWER_TIMEOUT).await?;
        if let Status::Refused(_) = status {
            self.done();
            return Err(self.good(tried, status).map(drop).err().map_or_else(
                || Error::rejected(tried, &self.host),
                |error| match error.kind() {
                    crate::Kind::Rejected => error.remedy(
                        "this server gives its messages no lasting name (UIDL), without which new mail cannot be told \
                         from old: use IMAP",
                    ),
                    _ => error,
                },
            ));
        }
        self.good(tried, status)?;
        let mut listed: Vec<Listed> = Vec::new();
        let mut seen: HashMap<String, u32> = HashMap::new();
        self.lines(tried, MESSAGES_MAX, |line| {
            let Some((number, name)) = entry(line) else { return false };
            let times = seen.entry(name.to_owned()).or_insert(0);
            *times += 1;
            let name = if *times == 1 { name.to_owned() } else { format!("{name} {times}") };
            listed.push(Listed { number, name });
            true
        })
        .await?;
        self.done();
        Ok(listed)
    }
}

fn entry(line: &str) -> Option<(u32, &str)> {
    let (number, name) = line.trim().split_once(' ')?;
    let name = name.trim();
    let fine = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(|b| b.is_ascii_graphic());
    let number = number.parse().ok().filter(|number| *number > 0);
    number.filter(|_| fine).map(|number| (number, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_a_number_and_a_name_of_one_word() {
        for (line, read) in [
            ("1 whqtswO00WBw418f9t5JxYwZ", Some((1, "whqtswO00WBw418f9t5JxYwZ"))),
            ("4294967295  a ", Some((4_294_967_295, "a"))),
            ("0 a", None),
            ("1", None),
            ("1 ", None),
            ("x a", None),
            ("1 a b", None),
            ("1 \u{e4}", None),
            ("4294967296 a", None),
        ] {
            assert_eq!(entry(line), read, "{line}");
        }
    }
}
