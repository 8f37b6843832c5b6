//! What may be changed in a folder, without changing anything.

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

impl Session {
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
