//! Whether the next start would find its key. A server goes on with the key that it has read, and would end with it in its
//! memory alone: so what has become of the file is told while it can still be put back.
use super::setting;
use super::vault::Vault;
use crate::{Desk, Result};

/// For people: what the file has become. What is to be done stands beside it, in [`REMEDY`].
pub fn trouble(desk: &Desk) -> Result<Option<String>> {
    let look = || -> Result<Option<String>> {
        let known = desk.db.read(|tx| setting::find(tx, setting::KEY_FINGERPRINT))?;
        Ok(file_trouble(&desk.vault, known.as_deref()))
    };
    // A key that is being changed is in the file before the database knows of it, or the other way round: once more.
    match look()? {
        None => Ok(None),
        Some(_) => look(),
    }
}

/// What helps while a server runs, and only then.
pub const REMEDY: &str = "The running server still has the key and goes on; the next start would fail. Put the file back from \
    your copy before you stop it.";
/// For who reads more than a line.
pub const WITHOUT_A_COPY: &str = "Where there is no copy, every secret has to be entered again after a restart (`postern key forget` says which).";

fn file_trouble(vault: &Vault, known: Option<&str>) -> Option<String> {
    let (file, keys) = vault.file_now()?;
    let keys = match keys {
        Ok(keys) => keys,
        Err(_) if !file.exists() => return Some(format!("The key file {} is missing.", file.display())),
        Err(error) => return Some(format!("The key is not where the next start looks for it: {error:#}.")),
    };
    let known = known.filter(|known| !keys.iter().any(|key| key == known))?;
    Some(format!(
        "{} is not the key of this database any more (its fingerprint is {}, the database belongs to {known}). Put the right \
         key into it as a further line, so that what was sealed meanwhile opens too.",
        file.display(),
        keys.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_is_gone_or_another_one_is_told_until_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, away) = (folder.path().join("postern.key"), folder.path().join("away"));
        let vault = Vault::create(&path, [5; 32]).unwrap();
        let known = vault.fingerprint();
        let told = || file_trouble(&vault, Some(&known)).unwrap_or_default();
        assert_eq!(told(), "");
        fs::rename(&path, &away).unwrap();
        assert!(told().contains("postern.key is missing"), "{}", told());
        let other = Vault::create(&path, [6; 32]).unwrap().fingerprint();
        assert!(
            told().contains(&other) && told().contains(&known) && told().contains("further line"),
            "{}",
            told()
        );
        fs::write(&path, "").unwrap();
        assert!(told().contains("holds no key of Postern"), "{}", told());
        fs::rename(&away, &path).unwrap();
        assert_eq!(told(), "");
        // A key that the database does not know yet tells nothing.
        assert_eq!(file_trouble(&vault, None), None);
        assert_eq!(file_trouble(&Vault::from_key([1; 32]), Some("x")), None, "a key that lies in no file");
    }
}
