//! The letters of an open mailbox by number: listed, named, handed out, marked for deletion. Nothing is deleted
//! before a good QUIT.

use std::collections::BTreeSet;
use std::io::Result;

use super::{GOODBYE, Next, Session, State};
use crate::faults::Fault;
use crate::imap::BACKOFF;
use crate::mailboxes::{INBOX, Stored};
use crate::world::World;

/// What a session works with.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub mailbox: String,
    uid_validity: u32,
    /// By number, which counts from one.
    letters: Vec<Stored>,
    deleted: BTreeSet<usize>,
    /// Names count anew in this session, so that one may be another letter's than before.
    reuses_names: bool,
}

impl Open {
    pub fn now(world: &World, mailbox: &str) -> Open {
        let folder = world.mailboxes.folder(mailbox, INBOX).map(|(_, folder)| folder);
        let (uid_validity, letters) =
            folder.map_or((0, Vec::new()), |folder| (folder.uid_validity, folder.letters));
        let reuses_names = world.faults.strike(Fault::PopUidlReused, Some(mailbox));
        Open { mailbox: mailbox.to_owned(), uid_validity, letters, deleted: BTreeSet::new(), reuses_names }
    }

    fn get(&self, text: &str) -> Option<(usize, &Stored)> {
        let number: usize = text.trim().parse().ok()?;
        let letter = self.letters.get(number.checked_sub(1)?)?;
        (!self.deleted.contains(&number)).then_some((number, letter))
    }

    fn all(&self) -> impl Iterator<Item = (usize, &Stored)> {
        let numbered = self.letters.iter().enumerate().map(|(at, letter)| (at + 1, letter));
        numbered.filter(|(number, _)| !self.deleted.contains(number))
    }

    fn name(&self, number: usize, letter: &Stored) -> String {
        let uid = if self.reuses_names { number as u32 } else { letter.uid };
        format!("UID{uid}-{}", self.uid_validity)
    }
}

/// An estimate, as by IMAP: nobody may rely on it.
fn size(letter: &Stored) -> usize {
    letter.raw.len() + letter.raw.len() / 50
}

impl Session {
    pub(super) async fn inside(&mut self, verb: &str, rest: &str) -> Result<Next> {
        let State::In(open) = &self.state else { return Ok(Next::Drop) };
        let open = open.clone();
        let faults = self.world.faults.clone();
        let strikes = |fault| faults.strike(fault, Some(&open.mailbox));
        if strikes(Fault::PopSystemTemporary) {
            return self.no("[SYS/TEMP] Server Unavailable. 21").await;
        }
        if strikes(Fault::PopThrottled) {
            self.no(BACKOFF).await?;
            return Ok(Next::Close);
        }
        match verb {
            "STAT" => {
                let total: usize = open.all().map(|(_, letter)| size(letter)).sum();
                self.ok(&format!("{} {total}", open.all().count())).await
            }
            "LIST" => self.list(rest, &open, |_, letter| size(letter).to_string()).await,
            "UIDL" if strikes(Fault::PopNoUidl) => self.no("Protocol error. 14").await,
            "UIDL" => self.list(rest, &open, |number, letter| open.name(number, letter)).await,
            "RETR" if strikes(Fault::PopRetrieveNo) => self.no("Server Unavailable. 21").await,
            "RETR" => self.hand_out(rest, &open).await,
            "TOP" => self.top(rest, &open).await,
            "DELE" => match open.get(rest) {
                Some((number, _)) => {
                    if let State::In(open) = &mut self.state {
                        open.deleted.insert(number);
                    }
                    self.ok("").await
                }
                None => self.unknown().await,
            },
            "RSET" => {
                if let State::In(open) = &mut self.state {
                    open.deleted.clear();
                }
                self.ok("").await
            }
            "NOOP" => self.ok("").await,
            "QUIT" => self.quit(&open).await,
            _ => self.no("Protocol error. 14").await,
        }
    }

    async fn unknown(&mut self) -> Result<Next> {
        self.no("The specified message is out of range.").await
    }

    /// Of one letter, or of all.
    async fn list(
        &mut self,
        rest: &str,
        open: &Open,
        tell: impl Fn(usize, &Stored) -> String,
    ) -> Result<Next> {
        if !rest.is_empty() {
            return match open.get(rest) {
                Some((number, letter)) => self.ok(&format!("{number} {}", tell(number, letter))).await,
                None => self.unknown().await,
            };
        }
        let mut out = String::from("+OK\r\n");
        for (number, letter) in open.all() {
            out.push_str(&format!("{number} {}\r\n", tell(number, letter)));
        }
        self.link.send(out + ".\r\n").await?;
        Ok(Next::Go)
    }

    async fn hand_out(&mut self, rest: &str, open: &Open) -> Result<Next> {
        let Some((_, letter)) = open.get(rest) else { return self.unknown().await };
        let bytes = stuffed(&letter.raw);
        let faults = self.world.faults.clone();
        let strikes = |fault| faults.strike(fault, Some(&open.mailbox));
        let (drops, stalls) = (strikes(Fault::PopDropInLetter), strikes(Fault::PopStalls));
        self.link.send("+OK\r\n").await?;
        if drops || stalls {
            self.link.send(bytes.get(..bytes.len() / 2).unwrap_or_default()).await?;
            return if stalls { self.is_silent().await } else { Ok(Next::Drop) };
        }
        self.link.send(bytes).await?;
        Ok(Next::Go)
    }

    /// The header and so many lines of what follows.
    async fn top(&mut self, rest: &str, open: &Open) -> Result<Next> {
        let (number, lines) = rest.split_once(' ').unwrap_or((rest, ""));
        let (Some((_, letter)), Ok(lines)) = (open.get(number), lines.trim().parse::<usize>()) else {
            return self.unknown().await;
        };
        let mut out = Vec::new();
        let (mut body, mut left) = (false, lines);
        for line in letter.raw.split_inclusive(|byte| *byte == b'\n') {
            if body {
                if left == 0 {
                    break;
                }
                left -= 1;
            }
            out.extend(line);
            body |= line == b"\r\n";
        }
        self.link.send("+OK\r\n").await?;
        self.link.send(stuffed(&out)).await?;
        Ok(Next::Go)
    }

    async fn quit(&mut self, open: &Open) -> Result<Next> {
        let faults = self.world.faults.clone();
        let strikes = |fault| faults.strike(fault, Some(&open.mailbox));
        if strikes(Fault::PopDropAtQuit) {
            return Ok(Next::Drop);
        }
        if strikes(Fault::PopStallAtQuit) {
            return self.is_silent().await;
        }
        let uids: Vec<u32> =
            open.deleted.iter().filter_map(|number| Some(open.letters.get(number - 1)?.uid)).collect();
        self.world.mailboxes.expunge(&open.mailbox, INBOX, uids);
        if strikes(Fault::PopDropAfterQuit) {
            return Ok(Next::Drop);
        }
        if strikes(Fault::PopStallAfterQuit) {
            return self.is_silent().await;
        }
        self.ok(GOODBYE).await?;
        Ok(Next::Close)
    }

    /// Until the client gives up: whatever it says is not answered.
    async fn is_silent(&mut self) -> Result<Next> {
        while self.link.line().await?.is_some() {}
        Ok(Next::Drop)
    }
}

/// With a dot before a dot that begins a line, and the one that ends it all.
fn stuffed(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 8);
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend(b"\r\n");
    }
    out.extend(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_dot_at_the_start_of_a_line_is_doubled() {
        assert_eq!(super::stuffed(b"a\r\n.b\r\n..\r\nc"), b"a\r\n..b\r\n...\r\nc\r\n.\r\n");
        assert_eq!(super::stuffed(b""), b".\r\n");
    }
}
