//! Commands that change letters of a selected folder: STORE, COPY, MOVE, EXPUNGE. Who may, was asked before.

use std::collections::BTreeSet;
use std::io::Result;

use super::command::{Command, NumberSet};
use super::folders::quote;
use super::selected::{Named, Selected, deleted, last, named};
use super::{Next, Session, State, fetch};
use crate::faults::Fault;
use crate::mailboxes::{Folder, Stored};
use crate::sasl::Opened;

impl Session {
    pub(super) async fn store(
        &mut self,
        command: &Command,
        who: &Opened,
        selected: &Selected,
        folder: &Folder,
    ) -> Result<Next> {
        let (Some(named), Some(how)) = (named(command, selected, folder), command.text(1)) else {
            return self.bad(command, "Command Argument Error. 11").await;
        };
        let how = how.to_ascii_uppercase();
        let (how, silent) = how.strip_suffix(".SILENT").map_or((how.as_str(), false), |how| (how, true));
        let flags: BTreeSet<String> =
            (2..command.arguments.len()).filter_map(|at| command.text(at)).map(flag_name).collect();
        for Named { number, mut letter } in named {
            match how {
                "FLAGS" => letter.flags = flags.clone(),
                "+FLAGS" => letter.flags.extend(flags.iter().cloned()),
                "-FLAGS" => letter.flags.retain(|flag| !flags.contains(flag)),
                _ => return self.bad(command, "Command Argument Error. 11").await,
            }
            self.set_flags(who, selected, &letter);
            if !silent {
                let uid = if command.verb.starts_with("UID") {
                    format!(" UID {}", letter.uid)
                } else {
                    String::new()
                };
                self.link
                    .send(format!("* {number} FETCH (FLAGS ({}){uid})\r\n", fetch::flags(&letter)))
                    .await?;
            }
        }
        self.ok(command, "STORE completed.").await
    }

    /// Sets flags, and remembers that the client knows them.
    pub(super) fn set_flags(&mut self, who: &Opened, selected: &Selected, letter: &Stored) {
        self.world().mailboxes.set_flags(&who.mailbox, &selected.folder, letter.uid, letter.flags.clone());
        if let State::In { selected: Some(selected), .. } = &mut self.state
            && let Some(entry) = selected.known.iter_mut().find(|(uid, _)| *uid == letter.uid)
        {
            entry.1 = letter.flags.clone();
        }
    }

    pub(super) async fn copy(
        &mut self,
        command: &Command,
        who: &Opened,
        selected: &Selected,
        folder: &Folder,
    ) -> Result<Next> {
        let (Some(named), Some(to)) = (named(command, selected, folder), command.text(1).map(str::to_owned))
        else {
            return self.bad(command, "Command Argument Error. 11").await;
        };
        if self.world().faults.strike(Fault::ImapMoveNo, Some(&who.mailbox)) {
            return self.no(command, "Server Unavailable. 15").await;
        }
        let uids: Vec<u32> = named.iter().map(|named| named.letter.uid).collect();
        let Some((_, target)) = self.world().mailboxes.folder(&who.mailbox, &to) else {
            return self.no(command, &format!("[TRYCREATE] {} doesn't exist.", quote(&to))).await;
        };
        let (mailboxes, copies) = (&self.world().mailboxes, command.verb.ends_with("COPY"));
        let pairs = match copies {
            true => mailboxes.copy(&who.mailbox, &selected.folder, &uids, &to),
            false => mailboxes.move_to(&who.mailbox, &selected.folder, &uids, &to),
        }
        .unwrap_or_default();
        let list = |pick: fn(&(u32, u32)) -> u32| {
            pairs.iter().map(|pair| pick(pair).to_string()).collect::<Vec<_>>().join(",")
        };
        let code = match pairs.is_empty() {
            true => String::new(),
            false => {
                format!("[COPYUID {} {} {}] ", target.uid_validity, list(|pair| pair.0), list(|pair| pair.1))
            }
        };
        if copies {
            return self.ok(command, &format!("{code}COPY completed.")).await;
        }
        if !code.is_empty() {
            self.link.send(format!("* OK {}\r\n", code.trim_end())).await?;
        }
        self.news().await?;
        self.ok(command, "MOVE completed.").await
    }

    pub(super) async fn expunge(
        &mut self,
        command: &Command,
        who: &Opened,
        selected: &Selected,
        folder: &Folder,
    ) -> Result<Next> {
        let only = match command.verb.as_str() {
            "UID EXPUNGE" => {
                let set = command.text(0).and_then(|text| NumberSet::parse(text, last(selected).uid));
                let Some(set) = set else { return self.bad(command, "Command Argument Error. 11").await };
                Some(set)
            }
            _ => None,
        };
        let uids = deleted(folder, |uid| only.as_ref().is_none_or(|set| set.contains(uid)));
        self.world().mailboxes.expunge(&who.mailbox, &selected.folder, uids);
        self.news().await?;
        self.ok(command, "EXPUNGE completed.").await
    }
}

/// Flags of the standard in its spelling, so that `\seen` and `\Seen` are one.
fn flag_name(flag: &str) -> String {
    let known = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"];
    known
        .iter()
        .find(|known| known.eq_ignore_ascii_case(flag))
        .map_or_else(|| flag.to_owned(), |known| (*known).to_owned())
}
