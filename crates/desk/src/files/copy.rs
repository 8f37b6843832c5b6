//! A store copied beside while it is written to: what is there already is not copied again. Files under `file/` are named
//! by their content, which is looked at when they are copied; a pack only grows, so that what is missing of one is its end.
use super::record;
use super::store::{Place, Store, file_place, said, sync_folder};
use crate::Result;
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// So much of the end of what is there is compared before a pack is continued.
const SEAM_BYTES: u64 = 64 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files that are new or longer than before.
    pub files: u64,
    pub bytes: u64,
    /// Places of files that are damaged, and were not copied.
    pub damaged: BTreeSet<String>,
    /// Places of packs of which one is damaged, here or in the copy: the copy ends otherwise than the pack does there, or is
    /// longer than the pack.
    pub differing: BTreeSet<String>,
    /// Places of packs that were continued, and how long their copies were before: what lies behind that is new there.
    pub grown: BTreeMap<String, u64>,
}

/// Everything that was in the store when this began is in `to` when it returns, durably, save what is damaged; and what was
/// whole there stays.
pub fn store(from: &Path, to: &Path) -> Result<Copied> {
    let mut copied = Copied::default();
    for folder in ["file", "pack"] {
        make(&to.join(folder))?;
    }
    for (name, length) in listed(&from.join("pack"))? {
        let (from, to) = (from.join("pack").join(&name), to.join("pack").join(&name));
        let Continued { bytes, before, differs } = continued(&from, &to, length)?;
        copied.add(bytes);
        if bytes > 0 {
            copied.grown.insert(format!("pack/{name}"), before);
        }
        if differs {
            copied.differing.insert(format!("pack/{name}"));
        }
    }
    sync_folder(&to.join("pack"))?;
    for folder in names(&from.join("file"))? {
        let (here, there) = (from.join("file").join(&folder), to.join("file").join(&folder));
        make(&there)?;
        for (name, length) in listed(&here)?.into_iter().filter(|(name, _)| !name.starts_with("part-")) {
            let place = format!("file/{folder}/{name}");
            match whole(&here.join(&name), &there.join(&name), length)? {
                Some(bytes) => copied.add(bytes),
                None => drop(copied.damaged.insert(place)),
            }
        }
        sync_folder(&there)?;
    }
    sync_folder(&to.join("file"))?;
    sync_folder(to)?;
    Ok(copied)
}

impl Copied {
    /// Whether this place is in what was missing of a pack.
    pub fn is_new(&self, place: &str) -> bool {
        let Some(place) = Place::read(place) else { return false };
        self.grown.get(place.file()).is_some_and(|before| place.offset() >= *before)
    }

    /// Bytes of one file; none: it was there already.
    fn add(&mut self, bytes: u64) {
        self.files += u64::from(bytes > 0);
        self.bytes += bytes;
    }
}

fn make(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    Ok(made.map_err(|e| said(folder, "made", e))?)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
    let names = read().map_err(|e| said(folder, "read", e))?;
    let mut names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

/// The files of a folder and how long they are now.
fn listed(folder: &Path) -> Result<Vec<(String, u64)>> {
    let length = |name: String| {
        let path = folder.join(&name);
        match fs::metadata(&path) {
            Ok(about) => Ok(Some((name, about.len()))),
            // A partial file that has got its name meanwhile.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(said(&path, "read", e).into()),
        }
    };
    names(folder)?.into_iter().filter_map(|name| length(name).transpose()).collect()
}

/// How the copy of a pack was continued.
struct Continued {
    /// That were missing.
    bytes: u64,
    /// The length of the copy before.
    before: u64,
    /// What was there before ends otherwise than the pack does at that length, or is longer. (A pack that is shorter than its
    /// copy has lost what nothing names, in a power cut, or was replaced by an older one.)
    differs: bool,
}

fn continued(from: &Path, to: &Path, length: u64) -> Result<Continued> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(to);
    let mut copy = open.map_err(|e| said(to, "written", e))?;
    let there = copy.metadata().map_err(|e| said(to, "read", e))?.len();
    if there >= length {
        return Ok(Continued { bytes: 0, before: there, differs: there > length });
    }
    let mut pack = File::open(from).map_err(|e| said(from, "read", e))?;
    let differs = !same_end(&pack, &copy, there).map_err(|e| said(to, "read", e))?;
    let mut write = || {
        pack.seek(SeekFrom::Start(there))?;
        copy.seek(SeekFrom::Start(there))?;
        let bytes = io::copy(&mut (&pack).take(length - there), &mut copy)?;
        copy.sync_all().map(|()| bytes)
    };
    let bytes = write().map_err(|e| said(to, "written", e))?;
    Ok(Continued { bytes, before: there, differs })
}

fn same_end(pack: &File, copy: &File, there: u64) -> io::Result<bool> {
    let seam = there.min(SEAM_BYTES);
    let end = |file: &File| {
        let mut bytes = vec![0; usize::try_from(seam).unwrap_or_default()];
        file.read_exact_at(&mut bytes, there - seam).map(|()| bytes)
    };
    Ok(end(pack)? == end(copy)?)
}

/// A file that is named by its content: there already, or copied and looked at. `None`: it is damaged, and what is there,
/// if anything is, stays.
fn whole(from: &Path, to: &Path, length: u64) -> Result<Option<u64>> {
    if fs::metadata(to).is_ok_and(|about| about.len() == length) {
        return Ok(Some(0));
    }
    let name = from.file_name().and_then(|name| name.to_str()).context("invariant: a file has a name")?;
    // Anything else that lies there is nobody's content.
    let is_whole = hash_of(name).is_none_or(|hash| Store::look_at_file(from, &hash).is_ok());
    if is_whole { file(from, to).map(Some) } else { Ok(None) }
}

/// The hash that a file is named by.
fn hash_of(name: &str) -> Option<Vec<u8>> {
    let two = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok();
    name.as_bytes().chunks(2).map(two).collect::<Option<Vec<u8>>>().filter(|hash| hash.len() == 32)
}

/// What is whole at this place of a store once more, as a file of its own: of what lies in a pack there nothing is written over, as
/// it may be another content, of which that is the only copy.
pub(crate) fn alone(from: &Path, to: &Path, place: &str, hash: &[u8; 32]) -> Result<()> {
    let from_place = Place::read(place).with_context(|| format!("{place} is no place of the store"))?;
    let (from, to) = (from.join(from_place.file()), to.join(file_place(hash)));
    let folder = to.parent().context("invariant: a place has a folder")?;
    make(folder)?;
    if from_place.has_own_file() {
        file(&from, &to)?;
    } else {
        let record = record::stored(&from, from_place.offset());
        let record = record.with_context(|| format!("{place} cannot be read"))?;
        written(&mut record.as_slice(), &to).map_err(|e| said(&to, "written", e))?;
    }
    sync_folder(folder)?;
    Ok(folder.parent().map_or(Ok(()), sync_folder)?)
}

/// Copies one file, readable by its owner alone; it has its name when it is whole and on the disk.
pub fn file(from: &Path, to: &Path) -> Result<u64> {
    let bytes = File::open(from).and_then(|mut source| written(&mut source, to));
    Ok(bytes.map_err(|e| said(to, "written", e))?)
}

/// The file has its name when it is whole and on the disk.
fn written(source: &mut impl Read, to: &Path) -> io::Result<u64> {
    let part = to.with_file_name(format!("part-{}", to.file_name().unwrap_or_default().display()));
    let mut write = || -> io::Result<u64> {
        let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let bytes = io::copy(source, &mut copy)?;
        copy.sync_all()?;
        fs::rename(&part, to)?;
        Ok(bytes)
    };
    let bytes = write();
    if bytes.is_err() {
        let _ = fs::remove_file(&part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::store::Store;

    #[test]
    fn a_pack_is_continued_where_its_copy_ends_and_it_is_said_where_that_is_not_the_same() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        let kept = Store::open(&from).unwrap();
        let one = kept.put(b"one").unwrap();
        assert_eq!(store(&from, &to).unwrap().files, 1);
        let large = vec![7; 5_000_000];
        let two = kept.put_all(&[b"two", &large]).unwrap();
        let copied = store(&from, &to).unwrap();
        assert_eq!(copied.files, 2, "{copied:?}");
        assert_eq!(store(&from, &to).unwrap(), Copied::default());
        let copy = Store::open(&to).unwrap();
        for (stored, content) in [(&one, &b"one"[..]), (&two[0], b"two"), (&two[1], &large)] {
            assert_eq!(copy.get(&stored.place, &stored.hash).unwrap(), content);
        }
        fs::write(to.join("pack/00000001"), "another beginning").unwrap();
        let differing = store(&from, &to).unwrap().differing;
        assert_eq!(Vec::from_iter(differing), ["pack/00000001"]);
        // A copy that is longer than a pack that lost its end stays as it is.
        let whole = fs::read(from.join("pack/00000001")).unwrap();
        fs::write(to.join("pack/00000001"), &whole).unwrap();
        fs::write(from.join("pack/00000001"), &whole[..whole.len() - 3]).unwrap();
        let copied = store(&from, &to).unwrap();
        assert_eq!((copied.bytes, Vec::from_iter(copied.differing)), (0, vec!["pack/00000001".to_owned()]));
        assert_eq!(fs::read(to.join("pack/00000001")).unwrap(), whole);
    }
    #[test]
    fn a_damaged_file_takes_the_place_of_no_whole_one() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        let kept = Store::open(&from).unwrap();
        let noise = |seed: u64| -> Vec<u8> {
            let step = |at: &u64| Some(at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            std::iter::successors(Some(seed), step).map(|at| (at >> 56) as u8).take(2_000_000).collect()
        };
        let (one, two) = (kept.put(&noise(1)).unwrap(), kept.put(&noise(2)).unwrap());
        let bytes = fs::read(from.join(&one.place)).unwrap();
        // Cut off before it was ever copied, and then there.
        fs::write(from.join(&one.place), &bytes[..bytes.len() / 2]).unwrap();
        let copied = store(&from, &to).unwrap();
        assert_eq!((copied.files, Vec::from_iter(&copied.damaged)), (1, vec![&one.place]));
        assert!(!to.join(&one.place).exists());
        fs::write(from.join(&one.place), &bytes).unwrap();
        assert_eq!(store(&from, &to).unwrap().files, 1);
        // And cut off afterwards.
        fs::write(from.join(&two.place), "nothing").unwrap();
        assert!(store(&from, &to).unwrap().damaged.contains(&two.place));
        Store::of(&to).look_at(&two.place, &two.hash).unwrap();
        // One that was cut off in the copy is copied again.
        fs::write(to.join(&one.place), "nothing").unwrap();
        assert_eq!(store(&from, &to).unwrap().files, 1);
        Store::of(&to).look_at(&one.place, &one.hash).unwrap();
    }
}
