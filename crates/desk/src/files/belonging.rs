//! The folder of a database's contents is one and the same: a mark in both says so. With another folder a server would
//! fetch mail that the first one cannot show, and show none of what is there.
use super::store::{Store, said, sync_folder};
use crate::db::{Db, Tx};
use crate::site::setting;
use crate::{Refusal, Result, params};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const FILE: &str = "belongs-to";

/// That nothing speaks against this folder. A command marks nothing.
pub fn check(db: &Db, root: &Path) -> Result<()> {
    let (known, names_any) = db.read(|tx| Ok::<_, crate::Error>((known(tx)?, names_any(tx)?)))?;
    let here = mark(root)?;
    match known {
        Some(known) if here.as_deref() == Some(&known) => Ok(()),
        Some(known) => Err(elsewhere(root, here.as_deref(), Some(&known))),
        None if names_any && !Store::holds_any(root) => Err(elsewhere(root, None, None)),
        None => Ok(()),
    }
}

/// The same for a server, which marks what has no mark yet. The folder first: broken off after that, it is read again.
pub fn settle(db: &Db, root: &Path, new_id: [u8; 16]) -> Result<()> {
    check(db, root)?;
    let new_id: String = new_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let here = marked(root, &new_id)?;
    // Of two servers that begin at once, the second finds the mark of the first.
    let known = db.write(|tx| match known(tx)? {
        Some(known) => Ok::<_, crate::Error>(known),
        None => setting::set(tx, setting::STORE, &here).map(|()| here.clone()),
    })?;
    if known == here { Ok(()) } else { Err(elsewhere(root, Some(&here), Some(&known))) }
}

fn known(tx: &mut Tx<'_>) -> Result<Option<String>> {
    setting::find(tx, setting::STORE)
}

fn names_any(tx: &mut Tx<'_>) -> Result<bool> {
    let found: Option<(i64,)> = tx.maybe("SELECT id FROM blob ORDER BY id LIMIT 1", params![])?;
    Ok(found.is_some())
}

/// None: there is no file, or one that a full disk left empty.
fn mark(root: &Path) -> Result<Option<String>> {
    let path = root.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|id| !id.is_empty())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(said(&path, "read", e).into()),
    }
}

fn marked(root: &Path, new_id: &str) -> Result<String> {
    let path = root.join(FILE);
    let write = || {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        if !text.trim().is_empty() {
            return Ok(text.trim().to_owned());
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(format!("{new_id}\n").as_bytes())?;
        file.sync_all()?;
        Ok(new_id.to_owned())
    };
    let id = write().map_err(|e| said(&path, "written", e))?;
    sync_folder(root)?;
    Ok(id)
}

fn elsewhere(root: &Path, here: Option<&str>, known: Option<&str>) -> crate::Error {
    let (root, file) = (root.display(), root.join(FILE));
    let file = file.display();
    let found = match (here, known) {
        (_, None) => format!("{root} holds none"),
        (None, Some(_)) => format!("{root} is not marked as its folder"),
        (Some(here), Some(known)) => format!("{file} says {here}, the database says {known}"),
    };
    let put_back = match known {
        Some(known) => {
            format!(" Where this is its mail, put back without that file, write {known} into {file}.")
        }
        None => String::new(),
    };
    Refusal::Other(format!(
        "the mail of this database is in another data folder: {found}. Name that folder with --data, or put its blobs back \
         from a copy of it. Each server needs a database and a data folder of its own: two folders with one database would \
         each hold mail that the other cannot show.{put_back} Nothing was changed."
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Options;
    use crate::files::blob;

    fn database(folder: &Path) -> Db {
        let db =
            Db::open(&format!("sqlite:{}", folder.join("desk.db").display()), &Options::default()).unwrap();
        db.migrate(crate::MIGRATIONS).unwrap();
        db
    }

    #[test]
    fn a_folder_without_the_mail_of_the_database_is_refused_and_left_unmarked() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        let db = database(folder.path());
        let (store, _) = (Store::open(&own).unwrap(), Store::open(&other).unwrap());
        let stored = store.put_all(&[b"a letter"]).unwrap();
        db.write(|tx| blob::name(tx, &stored[0])).unwrap();
        // Before there was a mark, too.
        let refused = settle(&db, &other, [2; 16]).unwrap_err().to_string();
        assert!(refused.contains("holds none") && refused.contains("--data"), "{refused}");
        settle(&db, &own, [1; 16]).unwrap();
        settle(&db, &own, [3; 16]).unwrap();
        check(&db, &own).unwrap();
        let refused = settle(&db, &other, [2; 16]).unwrap_err().to_string();
        let id = "01".repeat(16);
        assert!(refused.contains("not marked") && refused.contains(&id), "{refused}");
        assert!(!other.join(FILE).exists());
        // What the sentence says helps.
        fs::write(other.join(FILE), format!("{id}\n")).unwrap();
        check(&db, &other).unwrap();
        fs::write(other.join(FILE), "02").unwrap();
        assert!(check(&db, &other).unwrap_err().to_string().contains("says 02"));
    }

    #[test]
    fn a_mark_that_was_broken_off_is_made_whole_and_one_before_its_database_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("blobs");
        Store::open(&root).unwrap();
        let db = database(folder.path());
        fs::write(root.join(FILE), "").unwrap(); // by a full disk
        settle(&db, &root, [1; 16]).unwrap();
        db.write(|tx| setting::forget(tx, setting::STORE)).unwrap(); // killed in between
        settle(&db, &root, [2; 16]).unwrap();
        assert_eq!(db.read(known).unwrap(), mark(&root).unwrap());
    }
}
