//! What lies in the mailbox: how much, and each message by its lasting name.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::retrieve::Retrieved;
use super::session::{Session, Status};
use super::{ANSWER_TIMEOUT, MESSAGES_MAX, NAME_BYTES_MAX, NAMES_BYTES_MAX};
use crate::letter::Room;
use crate::{Error, Result};

/// Messages without a name that are known by their headers: each costs a command at every look.
const NAMELESS_MAX: usize = 1_000;
/// Of one header.
const HEADER_BYTES_MAX: u64 = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    pub messages: u32,
    pub size_bytes: u64,
}

/// A message: its number in this session, and its name for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub number: u32,
    /// Unique in the mailbox and kept by the server (RFC 1939 §7); of a message that has none, made of its header. Where a server gives one name to several messages,
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
        let (mut listed, mut nameless, mut bytes): (Vec<Listed>, Vec<u32>, usize) = Default::default();
        self.lines(tried, MESSAGES_MAX, |line| {
            let Some((number, name)) = entry(line) else { return false };
            bytes += name.len();
            if name.is_empty() {
                nameless.push(number);
            }
            listed.push(Listed { number, name });
            bytes <= NAMES_BYTES_MAX && nameless.len() <= NAMELESS_MAX
        })
        .await?;
        self.done();
        if !nameless.is_empty() {
            self.name_by_header(&mut listed, &nameless).await?;
        }
        tell_apart(&mut listed);
        Ok(listed)
    }

    /// LIST: how many bytes each message has, by its number in this session; of none where the server does not say it.
    pub async fn sizes(&mut self) -> Result<HashMap<u32, u64>> {
        let tried = "list the sizes of the messages";
        self.begin(tried)?;
        let status = self.send(tried, "LIST", ANSWER_TIMEOUT).await?;
        let mut sizes = HashMap::new();
        if let Status::Refused(_) = status {
            self.done();
            return Ok(sizes);
        }
        self.good(tried, status)?;
        self.lines(tried, MESSAGES_MAX, |line| {
            let mut words = line.split_ascii_whitespace();
            let number: Option<u32> = words.next().and_then(|word| word.parse().ok());
            let size_bytes: Option<u64> = words.next().and_then(|word| word.parse().ok());
            sizes.extend(number.zip(size_bytes));
            true
        })
        .await?;
        self.done();
        Ok(sizes)
    }

    /// Those without a name are known by their header; where that is not given out, by their place among such.
    async fn name_by_header(&mut self, listed: &mut [Listed], nameless: &[u32]) -> Result<()> {
        let mut names = HashMap::new();
        let mut headers = self.headers(nameless, &Room::in_memory(HEADER_BYTES_MAX)).await?;
        while let Some(retrieved) = headers.next().await? {
            if let Retrieved::Message { number, letter } = retrieved {
                names.insert(number, format!("header {}", hash(letter.bytes().unwrap_or_default())));
            }
        }
        for message in listed.iter_mut().filter(|message| message.name.is_empty()) {
            message.name = names.remove(&message.number).unwrap_or_else(|| "no name".to_owned());
        }
        Ok(())
    }
}

/// A count behind a name that was given before.
fn tell_apart(listed: &mut [Listed]) {
    let mut order: Vec<&Listed> = listed.iter().collect();
    order.sort_by(|a, b| a.name.cmp(&b.name)); // stable: the server's order among those of one name
    let mut times = 1u32;
    let mut again: HashMap<u32, u32> = HashMap::new();
    for pair in order.windows(2) {
        let [before, here] = pair else { continue };
        times = if before.name == here.name { times + 1 } else { 1 };
        if times > 1 {
            again.insert(here.number, times);
        }
    }
    for message in listed {
        if let Some(times) = again.get(&message.number) {
            message.name.push_str(&format!(" {times}"));
        }
    }
}

/// RFC 1939 §7 has names of 1 to 70 printable ASCII characters. Another one is as good, as long as it is the same each time:
/// its hash stands for it, behind a word and a blank, which no name holds.
fn entry(line: &str) -> Option<(u32, String)> {
    let (number, name) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let name = name.trim();
    let is_fine = name.len() <= NAME_BYTES_MAX && name.bytes().all(|b| b.is_ascii_graphic());
    let number = number.parse().ok().filter(|number| *number > 0)?;
    Some((number, if is_fine { name.to_owned() } else { format!("odd {}", hash(name.as_bytes())) }))
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_for_several_is_told_apart_in_the_servers_order() {
        let names = ["b", "a", "b", "c", "b", "a"];
        let mut listed: Vec<Listed> =
            (1..).zip(names).map(|(number, name)| Listed { number, name: name.to_owned() }).collect();
        tell_apart(&mut listed);
        let names: Vec<&str> = listed.iter().map(|message| message.name.as_str()).collect();
        assert_eq!(names, ["b", "a", "b 2", "c", "b 3", "a 2"]);
    }

    #[test]
    fn an_entry_has_a_number_and_a_name_of_one_word() {
        for (line, read) in [
            ("1 whqtswO00WBw418f9t5JxYwZ", Some((1, "whqtswO00WBw418f9t5JxYwZ"))),
            ("4294967295  a ", Some((4_294_967_295, "a"))),
            ("0 a", None),
            ("1", Some((1, ""))),
            ("1 ", Some((1, ""))),
            ("x a", None),
            ("4294967296 a", None),
        ] {
            assert_eq!(entry(line).as_ref().map(|(number, name)| (*number, name.as_str())), read, "{line}");
        }
        let long = format!("1 {}", "a".repeat(NAME_BYTES_MAX + 1));
        let odd: Vec<String> =
            ["1 a b", "1 a c", "1 \u{e4}", &long].map(|line| entry(line).unwrap().1).into();
        assert!(odd.iter().all(|name| name.starts_with("odd ") && name.len() < 50), "{odd:?}");
        assert!(odd.windows(2).all(|pair| pair[0] != pair[1]), "{odd:?}");
        assert_eq!(entry("1 a b"), entry("1 a b "));
    }
}
