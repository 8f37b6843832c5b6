//! Commands on folders that need none selected: LIST, STATUS, CREATE, APPEND. Folder names are passed on as
//! they come, in modified UTF-7.

use std::io::Result;

use super::command::{Command, Token};
use super::{Next, Session};
use crate::sasl::Opened;

impl Session {
    pub(super) async fn list(&mut self, command: &Command, who: &Opened) -> Result<Next> {
        let pattern = command.text(1).unwrap_or_default().to_owned();
        let mut out = String::new();
        if pattern.is_empty() {
            out.push_str(&format!("* {} (\\Noselect) \"/\" \"\"\r\n", command.verb));
        }
        let folders = self.world.mailboxes.folders(&who.mailbox).unwrap_or_default();
        for name in folders.keys().filter(|name| glob(&pattern.to_lowercase(), &name.to_lowercase())) {
            let attributes = if name == "INBOX" { "\\Marked \\HasNoChildren" } else { "\\HasNoChildren" };
            out.push_str(&format!("* {} ({attributes}) \"/\" {}\r\n", command.verb, quote(name)));
        }
        self.link.send(out).await?;
        self.ok(command, &format!("{} completed.", command.verb)).await
    }

    pub(super) async fn status(&mut self, command: &Command, who: &Opened) -> Result<Next> {
        let name = command.text(0).unwrap_or_default();
        let Some((name, folder)) = self.world.mailboxes.folder(&who.mailbox, name) else {
            return self.no(command, &format!("{} doesn't exist.", quote(name))).await;
        };
        let mut answers = Vec::new();
        for item in command.arguments.iter().skip(1) {
            let Token::Text(item) = item else { continue };
            let value = match item.to_ascii_uppercase().as_str() {
                "MESSAGES" => folder.letters.len() as u64,
                "UNSEEN" => {
                    folder.letters.iter().filter(|letter| !letter.flags.contains("\\Seen")).count() as u64
                }
                "UIDNEXT" => u64::from(folder.uid_next),
                "UIDVALIDITY" => u64::from(folder.uid_validity),
                "RECENT" => 0,
                _ => return self.bad(command, "Command Argument Error. 11").await,
            };
            answers.push(format!("{} {value}", item.to_ascii_uppercase()));
        }
        self.link.send(format!("* STATUS {} ({})\r\n", quote(&name), answers.join(" "))).await?;
        self.ok(command, "STATUS completed.").await
    }

    pub(super) async fn create(&mut self, command: &Command, who: &Opened) -> Result<Next> {
        let name = command.text(0).unwrap_or_default().trim_end_matches('/').to_owned();
        if name.is_empty() || name.len() > 255 {
            return self.bad(command, "Command Argument Error. 11").await;
        }
        match self.world.mailboxes.create(&who.mailbox, &name) {
            true => self.ok(command, "CREATE completed.").await,
            false => self.no(command, "Mailbox already exists.").await,
        }
    }

    pub(super) async fn append(&mut self, command: &Command, who: &Opened) -> Result<Next> {
        let name = command.text(0).unwrap_or_default().to_owned();
        let raw = match command.arguments.last() {
            Some(Token::Text(text)) if command.arguments.len() > 1 => text.as_bytes().to_vec(),
            Some(Token::Bytes(bytes)) => bytes.clone(),
            _ => return self.bad(command, "Command Argument Error. 11").await,
        };
        let flags: Vec<&str> = (1..command.arguments.len())
            .filter_map(|at| command.text(at))
            .filter(|text| text.starts_with('\\') && text.len() < 20)
            .collect();
        let at = self.world.clock.now_at();
        let Some(uid) = self.world.mailboxes.deliver(&who.mailbox, &name, &raw, at, &flags) else {
            return self.no(command, "[TRYCREATE] The specified folder does not exist.").await;
        };
        let validity =
            self.world.mailboxes.folder(&who.mailbox, &name).map_or(0, |(_, folder)| folder.uid_validity);
        self.ok(command, &format!("[APPENDUID {validity} {uid}] APPEND completed.")).await
    }
}

pub(super) fn quote(name: &str) -> String {
    let plain = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// LIST's `*` (anything) and `%` (anything within one level).
fn glob(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = pattern.get(first.len_utf8()..).unwrap_or_default();
    match first {
        '*' | '%' => name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| {
            let (skipped, left) = name.split_at(at);
            (first == '*' || !skipped.contains('/')) && glob(rest, left)
        }),
        other => name.strip_prefix(other).is_some_and(|left| glob(rest, left)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn list_patterns_match_as_the_standard_says() {
        assert!(super::glob("*", "sent items") && super::glob("inb%", "inbox") && !super::glob("%", "a/b"));
        assert!(super::glob("a/%", "a/b") && !super::glob("inbox", "inboxes"));
    }
}
