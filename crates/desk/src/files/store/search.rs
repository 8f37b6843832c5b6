//! Contents found by their hashes alone, wherever in the store they are: records say what they hold.
use super::Store;
use super::whole::file_place;
use crate::files::record;
use std::collections::{HashMap, HashSet};
use std::fs;

/// By hash, the places that may hold it: whether they do is known when they are read.
pub type Found = HashMap<Vec<u8>, Vec<String>>;

impl Store {
    /// The place, or the one of a file of its own, if one of them holds this content whole.
    pub(crate) fn whole_place(&self, place: &str, hash: &[u8]) -> Option<String> {
        let own = <&[u8; 32]>::try_from(hash).ok().map(file_place);
        [Some(place.to_owned()), own].into_iter().flatten().find(|place| self.is_whole(place, hash))
    }

    /// Where these may be in packs, and in files of their own. A pack that cannot be read is passed by.
    pub(crate) fn search(&self, wanted: &HashSet<&[u8]>) -> Found {
        let mut found = Found::new();
        let folder = self.root.join("pack");
        for name in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.file_name()) {
            let Some(name) = name.to_str() else { continue };
            let searched = record::each(&folder.join(name), |offset, hash| {
                if wanted.contains(hash) {
                    found.entry(hash.to_vec()).or_default().push(format!("pack/{name}@{offset}"));
                }
            });
            if let Err(error) = searched {
                tracing::warn!("{name} among the packs was not searched to its end: {error}");
            }
        }
        for hash in wanted {
            if let Ok(own) = <&[u8; 32]>::try_from(*hash) {
                found.entry(hash.to_vec()).or_default().push(file_place(own));
            }
        }
        found
    }
}
