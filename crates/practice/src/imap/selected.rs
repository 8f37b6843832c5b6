//! Reading a selected folder, and telling the client what changed in it. The client's view is a list of
//! UIDs that changes only where the protocol allows (RFC 3501 §7.4.1), so that numbers keep their meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Result;

use super::command::{Command, NumberSet, Token};
use super::folders::quote;
use super::search::{self, Last};
use super::{Next, Session, State, fetch};
use crate::faults::Fault;
use crate::mailboxes::{Folder, Stored};
use crate::sasl::Opened;

/// What this client believes of its folder.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub folder: String,
    pub may_write: Access,
    /// UID and flags as told, in the order of sequence numbers.
    pub known: Vec<(u32, BTreeSet<String>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
}

/// A letter a command names, with its sequence number.
pub(super) struct Named {
    pub number: u32,
    pub letter: Stored,
}

fn known(folder: &Folder) -> Vec<(u32, BTreeSet<String>)> {
    folder.letters.iter().map(|letter| (letter.uid, letter.flags.clone())).collect()
}

impl Session {
    pub(super) async fn select(&mut self, command: &Command, who: &Opened) -> Result<Next> {
        if let State::In { selected, .. } = &mut self.state {
            *selected = None;
        }
        let name = command.text(0).unwrap_or_default().to_owned();
        if self.world().faults.strike(Fault::ImapSelectNo, Some(&who.mailbox)) {
            return self.no(command, "Server Unavailable. 15").await;
        }
        let Some((folder_name, folder)) = self.world().mailboxes.folder(&who.mailbox, &name) else {
            return self.no(command, &format!("{} doesn't exist.", quote(&name))).await;
        };
        let access = if command.verb == "SELECT" { Access::ReadWrite } else { Access::ReadOnly };
        let mut validity = folder.uid_validity;
        if self.world().faults.strike(Fault::ImapUidValidity, Some(&who.mailbox)) {
            validity = (validity ^ 1).max(1);
        }
        let mut out = format!("* {} EXISTS\r\n* 0 RECENT\r\n", folder.letters.len());
        out.push_str("* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)\r\n");
        out.push_str("* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] Permanent flags\r\n");
        if let Some(at) = folder.letters.iter().position(|letter| !letter.flags.contains("\\Seen")) {
            out.push_str(&format!("* OK [UNSEEN {}] Is the first unseen message\r\n", at + 1));
        }
        out.push_str(&format!("* OK [UIDVALIDITY {validity}] UIDVALIDITY value\r\n"));
        out.push_str(&format!("* OK [UIDNEXT {}] The next unique identifier value\r\n", folder.uid_next));
        self.link.send(out).await?;
        if let State::In { selected, .. } = &mut self.state {
            *selected = Some(Selected { folder: folder_name, may_write: access, known: known(&folder) });
        }
        let word = if access == Access::ReadWrite { "READ-WRITE" } else { "READ-ONLY" };
        self.ok(command, &format!("[{word}] {} completed.", command.verb)).await
    }

    pub(super) async fn on_selected(&mut self, command: &Command, who: &Opened) -> Result<Next> {
        // News may come with any command; only those that count letters by number must not lose one meanwhile.
        if command.verb.starts_with("UID ") {
            self.news().await?;
        }
        let State::In { selected: Some(selected), .. } = &self.state else {
            return self.bad(command, "Command received in Invalid state.").await;
        };
        let selected = selected.clone();
        let Some((_, folder)) = self.world().mailboxes.folder(&who.mailbox, &selected.folder) else {
            return self.no(command, "The folder is gone.").await;
        };
        let changes = matches!(command.verb.trim_start_matches("UID "), "STORE" | "MOVE" | "EXPUNGE");
        if changes && selected.may_write == Access::ReadOnly {
            return self.no(command, "[READ-ONLY] The folder was opened with EXAMINE.").await;
        }
        match command.verb.as_str() {
            "SEARCH" | "UID SEARCH" => self.search(command, &selected, &folder).await,
            "FETCH" | "UID FETCH" => self.fetch(command, who, &selected, &folder).await,
            "STORE" | "UID STORE" => self.store(command, who, &selected, &folder).await,
            "COPY" | "UID COPY" | "MOVE" | "UID MOVE" => self.copy(command, who, &selected, &folder).await,
            "EXPUNGE" | "UID EXPUNGE" => self.expunge(command, who, &selected, &folder).await,
            "CLOSE" | "UNSELECT" => {
                if command.verb == "CLOSE" && selected.may_write == Access::ReadWrite {
                    self.world().mailboxes.expunge(
                        &who.mailbox,
                        &selected.folder,
                        deleted(&folder, |_| true),
                    );
                }
                if let State::In { selected, .. } = &mut self.state {
                    *selected = None;
                }
                self.ok(command, &format!("{} completed.", command.verb)).await
            }
            _ => self.bad(command, "Command Error. 12").await,
        }
    }

    async fn search(&mut self, command: &Command, selected: &Selected, folder: &Folder) -> Result<Next> {
        let Some(key) = search::parse(&command.arguments, last(selected)) else {
            return self.bad(command, "Command Argument Error. 11").await;
        };
        let by_uid = command.verb.starts_with("UID");
        let mut out = String::from("* SEARCH");
        for Named { number, letter } in all(selected, folder) {
            if key.matches(number, &letter) {
                out.push_str(&format!(" {}", if by_uid { letter.uid } else { number }));
            }
        }
        self.link.send(out + "\r\n").await?;
        self.ok(command, "SEARCH completed.").await
    }

    async fn fetch(
        &mut self,
        command: &Command,
        who: &Opened,
        selected: &Selected,
        folder: &Folder,
    ) -> Result<Next> {
        let Some(named) = named(command, selected, folder) else {
            return self.bad(command, "Command Argument Error. 11").await;
        };
        let Some(mut items) = fetch::parse(command.arguments.get(1..).unwrap_or_default()) else {
            return self.bad(command, "Command Argument Error. 11").await;
        };
        if command.verb.starts_with("UID") && !items.contains(&fetch::Item::Uid) {
            items.insert(0, fetch::Item::Uid);
        }
        if self.world().faults.strike(Fault::ImapFetchNo, Some(&who.mailbox)) {
            return self.no(command, "Server Unavailable. 15").await;
        }
        let whole = items.iter().any(|item| matches!(item, fetch::Item::Body { .. }));
        let sets_seen = items.iter().any(|item| matches!(item, fetch::Item::Body { sets_seen: true, .. }));
        for Named { number, mut letter } in named {
            if sets_seen
                && selected.may_write == Access::ReadWrite
                && letter.flags.insert("\\Seen".to_owned())
            {
                self.set_flags(who, selected, &letter);
            }
            let answer = fetch::answer(number as usize, &letter, &items);
            if whole && let Some(next) = self.break_off(who, &answer).await? {
                return Ok(next);
            }
            self.link.send(answer).await?;
        }
        self.ok(command, "FETCH completed.").await
    }

    /// The faults that strike in the middle of a letter.
    async fn break_off(&mut self, who: &Opened, answer: &[u8]) -> Result<Option<Next>> {
        let half = answer.get(..answer.len() / 2).unwrap_or_default();
        let faults = self.world().faults.clone();
        let strikes = |fault| faults.strike(fault, Some(&who.mailbox));
        if strikes(Fault::ImapByeInFetch) {
            self.link.send(half).await?;
            self.link.send("\r\n* BYE Connection closed. 14\r\n").await?;
            return Ok(Some(Next::Close));
        }
        if strikes(Fault::ImapDropInFetch) {
            self.link.send(half).await?;
            return Ok(Some(Next::Drop));
        }
        if strikes(Fault::ImapStalls) {
            self.link.send(half).await?;
            // Until the client gives up: whatever it says is not answered.
            while self.link.line().await?.is_some() {}
            return Ok(Some(Next::Drop));
        }
        Ok(None)
    }

    /// Tells the client what has changed since it was told last: EXPUNGE from the end, flags, EXISTS.
    pub(super) async fn news(&mut self) -> Result<()> {
        let State::In { who, selected: Some(selected) } = &mut self.state else { return Ok(()) };
        let Some((_, folder)) = self.world.mailboxes.folder(&who.mailbox, &selected.folder) else {
            return Ok(());
        };
        let now: BTreeMap<u32, &BTreeSet<String>> =
            folder.letters.iter().map(|letter| (letter.uid, &letter.flags)).collect();
        let mut out = String::new();
        for at in (0..selected.known.len()).rev() {
            if selected.known.get(at).is_some_and(|(uid, _)| !now.contains_key(uid)) {
                selected.known.remove(at);
                out.push_str(&format!("* {} EXPUNGE\r\n", at + 1));
            }
        }
        let last_known = selected.known.last().map_or(0, |(uid, _)| *uid);
        let mut grew = false;
        for (uid, flags) in now.iter().filter(|(uid, _)| **uid > last_known) {
            selected.known.push((*uid, (*flags).clone()));
            grew = true;
        }
        if grew {
            out.push_str(&format!("* {} EXISTS\r\n* 0 RECENT\r\n", selected.known.len()));
        }
        for (at, (uid, flags)) in selected.known.iter_mut().enumerate() {
            if let Some(fresh) = now.get(uid)
                && *fresh != flags
            {
                *flags = (*fresh).clone();
                let list: Vec<&str> = flags.iter().map(String::as_str).collect();
                out.push_str(&format!("* {} FETCH (FLAGS ({}))\r\n", at + 1, list.join(" ")));
            }
        }
        self.link.send(out).await
    }

    /// IDLE (RFC 2177): news at once, until the client says DONE.
    pub(super) async fn idle(&mut self, command: &Command, who: &Opened) -> Result<Next> {
        let mut news = self.world().mailboxes.news();
        self.link.send("+ IDLE accepted, awaiting DONE command.\r\n").await?;
        let silent = self.world().faults.strike(Fault::ImapIdleSilent, Some(&who.mailbox));
        if !silent {
            self.news().await?;
        }
        loop {
            tokio::select! {
                line = self.link.line() => {
                    let Some(line) = line? else { return Ok(Next::Drop) };
                    return match line.eq_ignore_ascii_case(b"DONE") {
                        true => self.ok(command, "IDLE completed.").await,
                        false => self.bad(command, "Command Error. 12").await,
                    };
                }
                // The sender lives as long as the world that this session holds.
                _ = news.changed(), if !silent => self.news().await?,
            }
        }
    }
}

pub(super) fn last(selected: &Selected) -> Last {
    Last { number: selected.known.len() as u32, uid: selected.known.last().map_or(0, |(uid, _)| *uid) }
}

/// The letters the client knows of and that are still there.
fn all<'a>(selected: &'a Selected, folder: &'a Folder) -> impl Iterator<Item = Named> + 'a {
    selected.known.iter().zip(1..).filter_map(|((uid, _), number)| {
        let letter = folder.find(*uid)?.clone();
        Some(Named { number, letter })
    })
}

/// The letters that the first argument names, by number or by UID.
pub(super) fn named(command: &Command, selected: &Selected, folder: &Folder) -> Option<Vec<Named>> {
    let by_uid = command.verb.starts_with("UID");
    let last = last(selected);
    let set = match command.arguments.first() {
        Some(Token::Text(text)) => NumberSet::parse(text, if by_uid { last.uid } else { last.number })?,
        _ => return None,
    };
    let wanted = |named: &Named| set.contains(if by_uid { named.letter.uid } else { named.number });
    Some(all(selected, folder).filter(wanted).collect())
}

pub(super) fn deleted(folder: &Folder, only: impl Fn(u32) -> bool) -> Vec<u32> {
    folder
        .letters
        .iter()
        .filter(|letter| letter.flags.contains("\\Deleted") && only(letter.uid))
        .map(|letter| letter.uid)
        .collect()
}
