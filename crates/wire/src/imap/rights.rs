//! What may be changed in a folder, without changing anything (RFC 4314).

use super::reader::USUAL;
use super::response::Untagged;
use super::session::Session;
use super::utf7;
use crate::Result;

/// By the answer to SELECT, which by RFC 4314 §5.2 shows the rights that MYRIGHTS would name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Letters may be marked as read.
    pub mark: bool,
    /// Letters may be deleted, and so moved out.
    pub delete: bool,
}

/// What an access control list gives whoever signed in, a letter a right (RFC 4314 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub letters: String,
}

impl Granted {
    pub fn mark(&self) -> bool {
        self.has('s')
    }

    /// To delete, and so to move out, takes marking as deleted and expunging; servers of RFC 2086 have one right for
    /// both (RFC 4314 §2.1.1).
    pub fn delete(&self) -> bool {
        self.has('d') || (self.has('t') && self.has('e'))
    }

    /// To copy or move letters in.
    pub fn insert(&self) -> bool {
        self.has('i')
    }

    fn has(&self, right: char) -> bool {
        self.letters.contains(right)
    }
}

impl Session {
    /// MYRIGHTS; `None` where the server announces no access control lists (`ACL`).
    pub async fn my_rights(&mut self, folder: &str) -> Result<Option<Granted>> {
        if !self.has("ACL") {
            return Ok(None);
        }
        let tried = format!("ask for the rights on the folder “{folder}”");
        let mut granted = None;
        self.run(&tried, &format!("MYRIGHTS {}", utf7::quoted(folder)), USUAL, |untagged| {
            if let Untagged::MyRights(letters) = untagged {
                granted = Some(Granted { letters });
            }
        })
        .await?;
        match granted {
            Some(granted) => Ok(Some(granted)),
            None => Err(self.broken(&tried, "it answers without them")),
        }
    }

    /// Opens a folder for changes and reads what the server says may be changed there.
    pub async fn rights(&mut self, folder: &str) -> Result<Rights> {
        let tried = format!("open the folder “{folder}” for changes");
        // Where the server names none, all flags can be kept (RFC 3501 §7.1).
        let mut kept: Option<String> = None;
        self.exists = 0;
        let words = self
            .run(&tried, &format!("SELECT {}", utf7::quoted(folder)), USUAL, |untagged| {
                if let Untagged::Status(_, words) = untagged
                    && let Some((name, value)) = words.code
                    && name == "PERMANENTFLAGS"
                {
                    kept = Some(value.to_ascii_lowercase());
                }
            })
            .await?;
        self.news = false;
        let writable = words.code.is_none_or(|(name, _)| name != "READ-ONLY");
        let keeps = |flag: &str| {
            let words = |kept: &String| kept.split(['(', ')', ' ']).any(|word| word == flag);
            writable && kept.as_ref().is_none_or(words)
        };
        Ok(Rights { mark: keeps("\\seen"), delete: keeps("\\deleted") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_old_and_new_servers_mean_the_same() {
        for (letters, mark, delete, insert) in [
            ("lrswipkxtea", true, true, true),
            ("lrswipcda", true, true, true),
            ("lrs", true, false, false),
            ("lrte", false, true, false),
            ("lrt", false, false, false),
            ("", false, false, false),
        ] {
            let granted = Granted { letters: letters.to_owned() };
            assert_eq!(
                (granted.mark(), granted.delete(), granted.insert()),
                (mark, delete, insert),
                "{letters}"
            );
        }
    }
}
