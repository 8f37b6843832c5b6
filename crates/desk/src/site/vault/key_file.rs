//! The file of the keys: a line each, `postern-key-1:` and the 32 bytes as base64url without padding. Nobody but the
//! user who runs Postern may read it. It is made once and then only ever replaced as a whole.
use super::key::Ring;
use anyhow::{Context as _, anyhow, bail};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Much more than its keys take.
const BYTES_MAX: u64 = 4096;

/// Tells one state of the file from the next: a change that is renamed into place is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    changed: (i64, i64),
    bytes: u64,
}
impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        fs::metadata(path).ok().map(|about| Stamp::from(&about))
    }
}
impl From<&Metadata> for Stamp {
    fn from(about: &Metadata) -> Stamp {
        Stamp {
            file: (about.dev(), about.ino()),
            changed: (about.ctime(), about.ctime_nsec()),
            bytes: about.size(),
        }
    }
}

/// What it holds; an error says which file and what is wrong with it.
pub(super) fn read(path: &Path) -> anyhow::Result<(Ring, Stamp)> {
    let name = path.display();
    let mut file = File::open(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => anyhow!(
            "the key file {name} is missing. The secrets in the database open with it alone: put it back, \
             or name its place with secrets.key_file"
        ),
        _ => unreadable(path, &e),
    })?;
    let about = file.metadata().map_err(|e| unreadable(path, &e))?;
    if !about.is_file() {
        bail!(
            "the key file {name} is not a file. Put the key there, or name its place with secrets.key_file"
        );
    }
    if about.mode() & 0o077 != 0 {
        bail!("the key file {name} can be read by other users of this machine. Run: chmod 600 {name}");
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(BYTES_MAX)?));
    (&mut file).take(BYTES_MAX).read_to_string(&mut text).map_err(|e| unreadable(path, &e))?;
    let ring = Ring::parse(&text).with_context(|| format!("the key file {name} holds no key of Postern"))?;
    Ok((ring, Stamp::from(&about)))
}

/// Makes it, and refuses to replace one.
pub(super) fn create(path: &Path, ring: &Ring) -> anyhow::Result<()> {
    write_new(path, ring.text().as_bytes()).with_context(|| {
        format!(
            "the key file {} could not be made. Let the user who runs Postern write in its folder, or name \
             another place with secrets.key_file",
            path.display()
        )
    })
}

/// Reads it, and replaces it by what `next` makes of it; one process at a time. `None` leaves it as it is.
pub(super) fn change<T>(
    path: &Path,
    next: impl FnOnce(&Ring) -> anyhow::Result<(Option<Ring>, T)>,
) -> anyhow::Result<(Ring, Stamp, T)> {
    // A link stays a link, to a file that is another one.
    let path = &fs::canonicalize(path).map_err(|e| unreadable(path, &e))?;
    let fails = || {
        format!(
            "the key file {} could not be changed, and is as it was. Let the user who runs this write in its folder",
            path.display()
        )
    };
    let _alone = File::open(folder_of(path)).and_then(|f| f.lock().map(|()| f)).with_context(fails)?;
    let (ring, stamp) = read(path)?;
    let (new, out) = next(&ring)?;
    match new {
        None => Ok((ring, stamp, out)),
        Some(new) => {
            replace(path, new.text().as_bytes()).with_context(fails)?;
            let (ring, stamp) = read(path)?;
            Ok((ring, stamp, out))
        }
    }
}

/// The old one is there until the new one is, whole and on the disk. It keeps its owner: who changes it may be root,
/// and the server somebody else.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = part(path, "new");
    let _ = fs::remove_file(&part); // of somebody who was killed
    let done = || -> io::Result<()> {
        let old = fs::metadata(path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let about = file.metadata()?;
        if (about.uid(), about.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        File::open(folder_of(path))?.sync_all()
    }();
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done
}

/// Written under another name and linked into place, so that the file is whole from the moment it is there, and
/// nothing is ever replaced.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if path.exists() {
        bail!("there is one already, and it is not replaced");
    }
    let part = part(path, &format!("part-{}", std::process::id()));
    let made = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::hard_link(&part, path)?;
        File::open(folder_of(path))?.sync_all()
    }();
    let _ = fs::remove_file(&part);
    Ok(made?)
}

fn part(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(end);
    path.with_file_name(name)
}
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unreadable(path: &Path, e: &io::Error) -> anyhow::Error {
    let name = path.display();
    let remedy = match e.kind() {
        io::ErrorKind::PermissionDenied => {
            format!(
                "It must belong to the user who runs Postern: run chown with that user's name on {name}, and chmod 600 {name}"
            )
        }
        io::ErrorKind::InvalidData => "It holds no text: put the key back from where you keep it".to_owned(),
        _ => "Check the disk, or put the key back from where you keep it".to_owned(),
    };
    anyhow!("the key file {name} cannot be read ({e}). {remedy}")
}

#[cfg(test)]
mod tests {
    use super::super::key::{Key, PREFIX};
    use super::*;

    #[test]
    fn a_file_without_a_key_or_with_too_many_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postern.key");
        let said = |text: &str, what: &str| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            let e = format!("{:#}", read(&path).err().unwrap());
            assert!(e.contains("postern.key") && e.contains(what), "{e}");
            assert!(!e.contains("BAUF"), "a part of the key was said: {e}");
        };
        let line = Ring::of(Key::new([5; 32])).text();
        said("", PREFIX);
        said("\n\n", PREFIX);
        said(&line[1..], PREFIX);
        said(&format!("{}{}\n", *line, &line[..line.len() - 2]), "32 bytes");
        said(&format!("{}a comment\n", *line), PREFIX);
        let many: String = (0..17).map(|i| Ring::of(Key::new([i; 32])).text().to_string()).collect();
        said(&many, "more than 16");
    }

    #[test]
    fn what_a_killed_process_left_behind_stands_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postern.key");
        create(&path, &Ring::of(Key::new([5; 32]))).unwrap();
        fs::write(folder.path().join("postern.key.new"), "half a k").unwrap();
        change(&path, |ring| Ok((Some(ring.with_first(Key::new([6; 32]))), ()))).unwrap();
        assert_eq!(read(&path).unwrap().0.keys().len(), 2);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_to_the_file_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real"), folder.path().join("postern.key"));
        create(&path, &Ring::of(Key::new([5; 32]))).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        change(&link, |ring| Ok((Some(ring.with_first(Key::new([6; 32]))), ()))).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read(&path).unwrap().0.keys().len(), 2);
    }
}
