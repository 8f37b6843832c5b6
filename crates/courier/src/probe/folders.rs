//! Which folders a mailbox has, for somebody who is to choose some: as the server lists them, by their decoded names, in
//! whatever language. No folder need be marked as what it is for.
use super::{LIMIT, find};
use crate::Courier;
use crate::connect::{self, Incoming, Which};
use crate::graph::ask;
use crate::trouble::Trouble;
use desk::mailboxes::mailbox::{Mailbox, Side};

/// What the server offers, and when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub folders: Vec<There>,
    pub at: i64,
}

/// A folder on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct There {
    /// By which it is chosen.
    pub name: String,
    /// The last part of it.
    pub label: String,
    /// Folders that it lies in.
    pub depth: usize,
    /// It holds folders alone.
    pub holds_none: bool,
}

/// INBOX first, then by their names, each behind the one that it lies in. A sentence where the server does not list them.
pub async fn offered(courier: &Courier, mailbox_id: i64) -> desk::Result<Offer> {
    let refused = |trouble: Trouble| trouble.refusal("The folders could not be listed.");
    let mailbox = find(courier, mailbox_id).await?;
    crate::hold::refused(courier, "no mail server is asked").await.map_err(refused)?;
    let listed = match tokio::time::timeout(LIMIT, list(courier, &mailbox)).await {
        Ok(listed) => listed.map_err(refused)?,
        Err(_) => {
            return Err(desk::Refusal::Other("The server did not list its folders in time.".into()).into());
        }
    };
    Ok(Offer { folders: in_order(listed), at: courier.now() })
}

/// Names, what parts them, and whether messages may lie there.
type Listed = Vec<(String, Option<char>, bool)>;

async fn list(courier: &Courier, mailbox: &Mailbox) -> Result<Listed, Trouble> {
    match connect::incoming(courier, mailbox, Which::InUse).await? {
        Incoming::Imap(mut session) => {
            let folders = match session.list().await {
                Ok(folders) => folders,
                Err(error) => {
                    let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
                    return Err(Trouble::of(&error, &place));
                }
            };
            let _ = session.logout().await; // what was listed stands
            let is_empty = |word: &String| matches!(word.as_str(), "noselect" | "nonexistent");
            Ok(folders
                .into_iter()
                .map(|folder| (folder.name, folder.delimiter, folder.attributes.iter().any(is_empty)))
                .collect())
        }
        Incoming::Graph(mut opened) => {
            let folders = ask!(opened, |session| session.folders());
            let folders = folders.map_err(|error| Trouble::of(&error, opened.place()))?;
            Ok(folders.into_iter().map(|folder| (folder.name, Some('/'), false)).collect())
        }
        Incoming::Pop3(session) => {
            let _ = session.quit().await;
            Ok(vec![("INBOX".to_owned(), None, false)])
        }
    }
}

fn in_order(listed: Listed) -> Vec<There> {
    let mut folders: Vec<(Vec<String>, There)> = listed
        .into_iter()
        .filter(|(name, ..)| !name.is_empty())
        .map(|(name, delimiter, holds_none)| {
            let parts: Vec<String> = match delimiter {
                Some(delimiter) => name.split(delimiter).map(str::to_owned).collect(),
                None => vec![name.clone()],
            };
            let label = parts.last().filter(|part| !part.is_empty()).unwrap_or(&name).clone();
            let mut place: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
            if let Some(first) = place.first_mut().filter(|first| *first == "inbox") {
                first.clear(); // before all others
            }
            (place, There { label, depth: parts.len() - 1, name, holds_none })
        })
        .collect();
    folders.sort_by(|(a, _), (b, _)| a.cmp(b));
    folders.into_iter().map(|(_, there)| there).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inbox_is_first_and_each_folder_stands_behind_the_one_that_it_lies_in() {
        let listed =
            ["Zoë", "Gesendet", "INBOX/Verkauf", "Archiv/2025", "INBOX", "Archiv", "Archiv/2025/März"];
        let listed = listed.iter().map(|name| ((*name).to_owned(), Some('/'), *name == "Archiv")).collect();
        let found: Vec<(String, usize, bool)> =
            in_order(listed).into_iter().map(|there| (there.label, there.depth, there.holds_none)).collect();
        let expected = [
            ("INBOX", 0, false),
            ("Verkauf", 1, false),
            ("Archiv", 0, true),
            ("2025", 1, false),
            ("März", 2, false),
            ("Gesendet", 0, false),
            ("Zoë", 0, false),
        ];
        let expected = expected.map(|(label, depth, none)| (label.to_owned(), depth, none));
        assert_eq!(found, expected);
    }
}
