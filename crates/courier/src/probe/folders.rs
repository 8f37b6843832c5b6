//! Which folders a mailbox has, for somebody who is to choose some: as the server lists them, by their decoded names, in
//! whatever language. No folder need be marked as what it is for.
use super::{LIMIT, find};
use crate::Courier;
use crate::connect::{self, Incoming, Which};
use crate::graph::ask;
use crate::trouble::Trouble;
use desk::mailboxes::mailbox::{Mailbox, Side, is_same_folder};

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
    /// What would happen if it were fetched, where that is mostly not what is meant.
    pub warning: Option<&'static str>,
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

/// What is said of a folder to move to that the server does not list: it is made, which is not meant where it is mistyped.
/// `None`: it is there, or the server lists none.
pub(crate) fn is_made(to: &str, folders: &[String]) -> Option<String> {
    let is_there = folders.is_empty() || folders.iter().any(|there| is_same_folder(there, to));
    (!is_there).then(|| {
        format!(
            "The folder to move to, “{to}”, does not exist yet: Postern makes it when it moves the first letter. These are \
             there: {}.",
            super::named(folders)
        )
    })
}

/// Names, what parts them, and what the server says of each (RFC 6154).
type Listed = Vec<(String, Option<char>, Vec<String>)>;

/// What would come of fetching it: by what the server says that it is for, and where it says nothing, by its name.
fn warning(name: &str, attributes: &[String]) -> Option<&'static str> {
    let purpose =
        attributes.iter().find_map(|word| PURPOSES.iter().find(|purpose| purpose.attribute == word));
    let by_name = || {
        let name = name.to_lowercase();
        PURPOSES.iter().find(|purpose| purpose.names.contains(&name.as_str()))
    };
    purpose.or_else(by_name).map(|purpose| purpose.warning)
}

struct Purpose {
    attribute: &'static str,
    /// In lower case, as mail programs and providers make them.
    names: &'static [&'static str],
    warning: &'static str,
}
const PURPOSES: [Purpose; 5] = [
    Purpose {
        attribute: "sent",
        names: &[
            "sent",
            "sent items",
            "sent mail",
            "sent messages",
            "gesendet",
            "gesendete elemente",
            "gesendete objekte",
            "éléments envoyés",
            "envoyés",
            "messages envoyés",
            "enviados",
            "elementos enviados",
            "itens enviados",
            "inviati",
            "posta inviata",
            "verzonden",
            "verzonden items",
        ],
        warning: "What was sent lies here: each letter that was not sent from this desk would open a ticket or join one.",
    },
    Purpose {
        attribute: "drafts",
        names: &["drafts", "entwürfe", "brouillons", "borradores", "rascunhos", "bozze", "concepten"],
        warning: "Unfinished letters lie here: each would become a ticket, and once more each time it is saved.",
    },
    Purpose {
        attribute: "junk",
        names: &[
            "junk",
            "junk email",
            "junk e-mail",
            "spam",
            "bulk mail",
            "junk-e-mail",
            "spamverdacht",
            "courrier indésirable",
            "correo no deseado",
            "lixo eletrônico",
            "posta indesiderata",
            "ongewenste e-mail",
        ],
        warning: "What the server took for junk lies here: each letter would become a ticket, and its sender be told of it.",
    },
    Purpose {
        attribute: "trash",
        names: &[
            "trash",
            "deleted",
            "deleted items",
            "deleted messages",
            "papierkorb",
            "gelöschte elemente",
            "gelöscht",
            "corbeille",
            "éléments supprimés",
            "papelera",
            "elementos eliminados",
            "itens excluídos",
            "lixeira",
            "cestino",
            "posta eliminata",
            "prullenbak",
            "verwijderde items",
        ],
        warning: "What was thrown away lies here: each letter that is not in this desk already would become a ticket.",
    },
    Purpose {
        attribute: "all",
        names: &["all mail"],
        warning: "All mail lies here, also what was sent and what was put away: each letter that is not in this desk already \
                  would become a ticket.",
    },
];

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
            let listed = folders.into_iter();
            Ok(listed.map(|folder| (folder.name, folder.delimiter, folder.attributes)).collect())
        }
        Incoming::Graph(mut opened) => {
            let folders = ask!(opened, |session| session.folders());
            let folders = folders.map_err(|error| Trouble::of(&error, opened.place()))?;
            Ok(folders.into_iter().map(|folder| (folder.name, Some('/'), Vec::new())).collect())
        }
        Incoming::Pop3(session) => {
            let _ = session.quit().await;
            Ok(vec![("INBOX".to_owned(), None, Vec::new())])
        }
    }
}

fn in_order(listed: Listed) -> Vec<There> {
    let mut folders: Vec<(Vec<String>, There)> = listed
        .into_iter()
        .filter(|(name, ..)| !name.is_empty())
        .map(|(name, delimiter, attributes)| {
            let is_empty = |word: &String| matches!(word.as_str(), "noselect" | "nonexistent");
            let holds_none = attributes.iter().any(is_empty);
            let parts: Vec<String> = match delimiter {
                Some(delimiter) => name.split(delimiter).map(str::to_owned).collect(),
                None => vec![name.clone()],
            };
            let label = parts.last().filter(|part| !part.is_empty()).unwrap_or(&name).clone();
            let mut place: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
            if let Some(first) = place.first_mut().filter(|first| *first == "inbox") {
                first.clear(); // before all others
            }
            let warning = warning(&label, &attributes).filter(|_| !holds_none);
            (place, There { label, depth: parts.len() - 1, name, holds_none, warning })
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
        let listed = listed
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    Some('/'),
                    if *name == "Archiv" { vec!["noselect".to_owned()] } else { Vec::new() },
                )
            })
            .collect();
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

    #[test]
    fn what_is_mostly_not_meant_is_said_by_what_the_server_says_of_it_or_by_its_name() {
        let said = |name: &str, words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            warning(name, &words).map_or("", |warning| warning.split_once(':').unwrap().0)
        };
        assert_eq!(said("Versendetes", &["hasnochildren", "sent"]), "What was sent lies here");
        assert_eq!(said("Gesendete Elemente", &[]), "What was sent lies here");
        assert_eq!(said("Brouillons", &[]), "Unfinished letters lie here");
        assert_eq!(said("Junk Email", &[]), "What the server took for junk lies here");
        assert_eq!(said("Rest", &["trash"]), "What was thrown away lies here");
        assert_eq!(said("All Mail", &[]), "All mail lies here, also what was sent and what was put away");
        assert_eq!(said("Archive", &["archive"]), "");
        assert_eq!(said("Sent by customers", &[]), "");
    }
}
