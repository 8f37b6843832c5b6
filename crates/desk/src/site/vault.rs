//! Seals secrets at rest: XChaCha20-Poly1305 with a key kept outside the database, bound to their row.
//!
//! The key file may hold several keys: the first seals, the others open what they sealed before. What is sealed:
//! version byte 1, four bytes that name the key, the nonce of 24 bytes, the encrypted secret with its tag. The name of
//! the row is authenticated with it, so a secret that is copied into another row does not open there. Nothing here
//! falls back to clear text.
//!
//! A key may be changed beside a running server. So a vault looks whether its file is another one before it seals, and
//! reads it again when it meets a key that it does not know. A key that it has once read it keeps for as long as it
//! lives: what it opens may have been read before the change.
mod key;
mod key_file;

use crate::{Error, Result};
use anyhow::{Context as _, bail};
use key::{Key, Ring};
use key_file::Stamp;
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use subtle::ConstantTimeEq as _;

/// The keys. No `Display`, no revealing `Debug`, no `PartialEq`; clones share them.
#[derive(Clone)]
pub struct Vault(Arc<Inside>);
struct Inside {
    /// `None`: a key that lies nowhere, of a test.
    file: Option<PathBuf>,
    held: RwLock<Held>,
}
#[derive(Clone)]
struct Held {
    /// What the file holds.
    ring: Ring,
    /// The same and what it held before.
    all: Ring,
    seen: Option<Stamp>,
}
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

/// Why a secret does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DoesNotOpen {
    /// The first eight digits of the fingerprint of a key that is not there.
    UnknownKey(String),
    Damaged(&'static str),
}
impl fmt::Display for DoesNotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DoesNotOpen::UnknownKey(id) => write!(f, "it was sealed with another key ({id}…)"),
            DoesNotOpen::Damaged(why) => f.write_str(why),
        }
    }
}
impl std::error::Error for DoesNotOpen {}

/// What a change of the key begins with.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The fingerprint of the key that seals from now on.
    pub to: String,
    /// Those that are to go.
    pub from: Vec<String>,
    /// Another one had been begun and not ended: no new key was made.
    pub taken_up: bool,
}

impl Vault {
    /// Makes a new key file (0600) and refuses to replace one. `random` is fresh.
    pub fn create(path: &Path, random: [u8; 32]) -> Result<Vault> {
        key_file::create(path, &Ring::of(Key::new(random)))?;
        Vault::open(path)
    }

    /// Opens an existing key file; an error says which file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Vault> {
        let (ring, seen) = key_file::read(path)?;
        Ok(Vault::holding(Some(path.to_owned()), ring, Some(seen)))
    }

    pub fn from_key(key: [u8; 32]) -> Vault {
        Vault::holding(None, Ring::of(Key::new(key)), None)
    }

    fn holding(file: Option<PathBuf>, ring: Ring, seen: Option<Stamp>) -> Vault {
        Vault(Arc::new(Inside { file, held: RwLock::new(Held { all: ring.clone(), ring, seen }) }))
    }

    /// Tells the key that seals from another, and says nothing about it.
    pub fn fingerprint(&self) -> String {
        self.held().ring.first().fingerprint()
    }
    /// Of all keys of the file, the one that seals first.
    pub fn fingerprints(&self) -> Vec<String> {
        self.held().ring.fingerprints()
    }

    /// `row` names table, row and column (`client:12:client_secret`), as [`super::sealed`] has it; the secret opens
    /// only there. `nonce` is fresh random each time. Within the transaction that keeps what was sealed, or a change
    /// of the key passes it by.
    pub fn seal(&self, row: &str, secret: &SecretString, nonce: [u8; 24]) -> Vec<u8> {
        self.now().ring.first().seal(row, secret, nonce)
    }

    /// Fails closed: a wrong key, a wrong row or one flipped bit is an error.
    pub fn unseal(&self, row: &str, sealed: &[u8]) -> Result<SecretString> {
        let opened = self.opened(row, sealed).map(|(_, secret)| secret);
        Ok(opened.map_err(anyhow::Error::new).with_context(|| format!("the secret {row} does not open"))?)
    }

    /// The fingerprint of the key that sealed it.
    pub fn sealed_by(&self, row: &str, sealed: &[u8]) -> Result<String, DoesNotOpen> {
        self.opened(row, sealed).map(|(key, _)| key.fingerprint())
    }

    /// Whether it says of itself that the key of this fingerprint has sealed it.
    pub(super) fn names(&self, fingerprint: &str, sealed: &[u8]) -> bool {
        let held = self.held();
        held.all.keys().iter().any(|key| key.fingerprint() == fingerprint && key.has_sealed(sealed))
    }

    /// The same secret, sealed by the key of this fingerprint; `None` where it already is.
    pub(super) fn resealed(
        &self,
        row: &str,
        sealed: &[u8],
        to: &str,
        nonce: [u8; 24],
    ) -> Result<Option<Vec<u8>>, DoesNotOpen> {
        let (key, secret) = self.opened(row, sealed)?;
        let held = self.held();
        match held.all.keys().iter().find(|key| key.fingerprint() == to) {
            Some(to) if to.fingerprint() != key.fingerprint() => Ok(Some(to.seal(row, &secret, nonce))),
            Some(_) | None => Ok(None),
        }
    }

    fn opened(&self, row: &str, sealed: &[u8]) -> Result<(Arc<Key>, SecretString), DoesNotOpen> {
        match self.held().all.open(row, sealed) {
            Err(DoesNotOpen::UnknownKey(_)) => self.now().all.open(row, sealed),
            opened => opened,
        }
    }

    fn held(&self) -> Held {
        self.0.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn hold(&self, ring: Ring, seen: Stamp) -> Held {
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        *held = Held { all: ring.and(&held.all), ring, seen: Some(seen) };
        held.clone()
    }

    /// What is held, after a look whether the file is another one. Where it cannot be read, what was read before
    /// counts: the server goes on, and says so.
    fn now(&self) -> Held {
        let held = self.held();
        let Some(file) = &self.0.file else { return held };
        if Stamp::of(file) == held.seen {
            return held;
        }
        match key_file::read(file) {
            Ok((ring, seen)) => {
                let (before, now) = (held.ring.first().fingerprint(), ring.first().fingerprint());
                if before != now {
                    tracing::info!(
                        "the key file has changed: secrets are sealed with key {now}, no longer {before}"
                    );
                }
                self.hold(ring, seen)
            }
            Err(error) => {
                tracing::warn!("the key file has changed, and the key of before goes on: {error:#}");
                held
            }
        }
    }

    /// The file, and the fingerprints of what it holds now; an error says what is wrong with it. `None`: it lies in none.
    pub(super) fn file_now(&self) -> Option<(&Path, anyhow::Result<Vec<String>>)> {
        let file = self.0.file.as_deref()?;
        let held = self.held();
        let keys = match Stamp::of(file) {
            Some(stamp) if Some(stamp) == held.seen => Ok(held.ring.fingerprints()),
            Some(_) | None => key_file::read(file).map(|(ring, _)| ring.fingerprints()),
        };
        Some((file, keys))
    }

    /// Puts a new key before those of the file. Where there are several already, somebody has begun and not ended: the
    /// first of them stays the one that seals, and there is no new one.
    pub(super) fn begin_rotation(&self, random: [u8; 32]) -> Result<Rotation> {
        let file = self.file()?;
        let (ring, seen, taken_up) = key_file::change(file, |ring| {
            let taken_up = ring.keys().len() > 1;
            Ok(((!taken_up).then(|| ring.with_first(Key::new(random))), taken_up))
        })?;
        let mut from = ring.fingerprints();
        let to = from.remove(0);
        self.hold(ring, seen);
        Ok(Rotation { to, from, taken_up })
    }

    /// Takes the old keys out of the file. Refused when somebody has put another key before this one meanwhile.
    pub(super) fn end_rotation(&self, rotation: &Rotation) -> Result<()> {
        let file = self.file()?;
        let (ring, seen, ()) = key_file::change(file, |ring| {
            if ring.first().fingerprint() != rotation.to {
                bail!("another rotation has begun meanwhile, and ends what this one began");
            }
            Ok((Some(ring.without(&rotation.from)), ()))
        })?;
        self.hold(ring, seen);
        Ok(())
    }

    fn file(&self) -> anyhow::Result<&Path> {
        self.0.file.as_deref().context("this key lies in no file")
    }
}

/// Why it does not open where there is no key at all: it says itself which one it was.
pub(super) fn without_key(sealed: &[u8]) -> DoesNotOpen {
    key::key_id(sealed).map_or_else(|damaged| damaged, DoesNotOpen::UnknownKey)
}

/// One that does not open is as good as none, where another one may take its place.
pub fn if_it_opens(kept: Result<Option<SecretString>>) -> Result<Option<SecretString>> {
    match kept {
        Err(Error::Failed(error)) if error.is::<DoesNotOpen>() => Ok(None),
        kept => kept,
    }
}

/// Whether a kept secret is this one, in a time that does not tell where they differ.
pub fn is_same(kept: Option<&SecretString>, entered: &SecretString) -> bool {
    kept.is_some_and(|kept| kept.expose_secret().as_bytes().ct_eq(entered.expose_secret().as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    const NONCE: [u8; 24] = [9; 24];

    fn text(secret: Result<SecretString>) -> String {
        secret.map(|s| s.expose_secret().to_owned()).unwrap_or_else(|e| format!("no: {e}"))
    }

    #[test]
    fn a_secret_opens_in_its_own_row_and_nowhere_else() {
        let vault = Vault::from_key([1; 32]);
        let sealed = vault.seal("client:1:client_secret", &"hunter2".into(), NONCE);
        assert_eq!(text(vault.unseal("client:1:client_secret", &sealed)), "hunter2");
        assert!(text(vault.unseal("client:2:client_secret", &sealed)).ends_with("belongs to another row"));
        assert!(!sealed.windows(7).any(|w| w == b"hunter2"));
    }

    #[test]
    fn one_flipped_bit_anywhere_is_an_error() {
        let vault = Vault::from_key([1; 32]);
        let sealed = vault.seal("row", &"hunter2".into(), NONCE);
        for bit in 0..sealed.len() * 8 {
            let mut other = sealed.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(vault.unseal("row", &other).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(vault.unseal("row", &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn another_key_says_that_it_is_another_key() {
        let sealed = Vault::from_key([1; 32]).seal("row", &"hunter2".into(), NONCE);
        let said = text(Vault::from_key([2; 32]).unseal("row", &sealed));
        assert!(said.contains("sealed with another key"), "{said}");
        assert_ne!(Vault::from_key([1; 32]).fingerprint(), Vault::from_key([2; 32]).fingerprint());
        assert_eq!(Vault::from_key([1; 32]).fingerprint().len(), 16);
    }

    #[test]
    fn a_key_file_is_made_once_for_its_owner_alone_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postern.key");
        let made = Vault::create(&path, [5; 32]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(Vault::open(&path).unwrap().fingerprint(), made.fingerprint());
        let before = fs::read(&path).unwrap();
        let again = Vault::create(&path, [6; 32]).unwrap_err().to_string();
        assert!(again.contains("there is one already"), "{again}");
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file is left");
    }

    #[test]
    fn a_key_file_that_is_missing_open_to_others_or_broken_is_refused_by_name() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postern.key");
        let said = |what: &str| {
            let e = Vault::open(&path).unwrap_err().to_string();
            assert!(e.contains("postern.key") && e.contains(what), "{e}");
        };
        said("missing");
        let mut line = format!("{}{}", key::PREFIX, URL_SAFE_NO_PAD.encode([5; 32]));
        fs::write(&path, &line).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        said("chmod 600");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Vault::open(&path).unwrap();
        line.pop();
        fs::write(&path, &line).unwrap();
        said("32 bytes");
        fs::write(&path, "").unwrap();
        said("should begin with");
    }
}
