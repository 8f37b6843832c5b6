//! Where a content lies in the store, as its row says it.

/// `pack/00000007@1234`, or `file/ab/abcd…`: never a path that leads out of the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'p> {
    /// A record among others, from this byte on.
    Pack { file: &'p str, number: &'p str, offset: u64 },
    /// A file of its own.
    File { file: &'p str },
}

impl<'p> Place<'p> {
    pub fn read(place: &'p str) -> Option<Place<'p>> {
        if let Some((file, offset)) = place.split_once('@') {
            let number = file.strip_prefix("pack/")?;
            let fine = [number, offset].into_iter().all(|digits| are(digits, u8::is_ascii_digit));
            return Some(Place::Pack { file, number, offset: offset.parse().ok()? }).filter(|_| fine);
        }
        let (folder, name) = place.strip_prefix("file/")?.split_once('/')?;
        let fine = [folder, name].into_iter().all(|digits| are(digits, u8::is_ascii_hexdigit));
        fine.then_some(Place::File { file: place })
    }

    /// The file that holds it, below the store's folder.
    pub fn file(self) -> &'p str {
        match self {
            Place::Pack { file, .. } | Place::File { file } => file,
        }
    }

    /// From which byte of that on.
    pub fn offset(self) -> u64 {
        match self {
            Place::Pack { offset, .. } => offset,
            Place::File { .. } => 0,
        }
    }

    pub fn has_own_file(self) -> bool {
        matches!(self, Place::File { .. })
    }

    /// Of a pack.
    pub fn number(self) -> Option<u64> {
        match self {
            Place::Pack { number, .. } => number.parse().ok(),
            Place::File { .. } => None,
        }
    }
}

fn are(digits: &str, of: fn(&u8) -> bool) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| of(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_of_two_and_leads_nowhere_else() {
        let place = Place::read("pack/00000007@1234").unwrap();
        assert_eq!((place.file(), place.offset(), place.number()), ("pack/00000007", 1234, Some(7)));
        let place = Place::read("file/ab/abcd").unwrap();
        assert_eq!((place.file(), place.offset(), place.number()), ("file/ab/abcd", 0, None));
        for other in [
            "",
            "pack/7",
            "pack/@7",
            "pack/7@",
            "pack/7@x",
            "pack/../7@1",
            "pack/7@99999999999999999999",
            "file/ab",
            "file/ab/",
            "file/../../x",
            "file/ab/..",
            "file/ab/cd@1",
            "other/7@1",
        ] {
            assert_eq!(Place::read(other), None, "{other}");
        }
    }
}
