//! Seals secrets at rest: XChaCha20-Poly1305 with a key kept outside the database, bound to their row.
//!
//! The key file is one line, `postern-key-1:` and the 32 bytes as base64url without padding; nobody but the user who
//! runs Postern may read it. What is sealed: version byte 1, four bytes that name the key, the nonce of 24
//! bytes, the encrypted secret with its tag. The name of the row is authenticated with it, so a secret that is
//! copied into another row does not open there. Nothing here falls back to clear text.
use crate::Result;
use anyhow::{Context as _, anyhow, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const PREFIX: &str = "postern-key-1:";
const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

/// The key. No `Display`, no revealing `Debug`, no `PartialEq`; clones share it.
#[derive(Clone)]
pub struct Vault(Arc<Key>);
struct Key {
    bytes: SecretBox<[u8; 32]>,
    /// SHA-256 of the key and a label: tells keys apart, and says nothing about one.
    print: [u8; 32],
}
impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    /// Makes a new key file (0600) and refuses to replace one. `random` is fresh.
    pub fn create(path: &Path, random: [u8; 32]) -> Result<Vault> {
        let random = Zeroizing::new(random);
        let line = Zeroizing::new(format!("{PREFIX}{}\n", URL_SAFE_NO_PAD.encode(*random)));
        write_new(path, line.as_bytes()).with_context(|| {
            format!(
                "the key file {} could not be made. Let the user who runs Postern write in its folder, or name \
                 another place with secrets.key_file",
                path.display()
            )
        })?;
        Ok(Vault::from_key(*random))
    }

    /// Opens an existing key file; an error says which file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Vault> {
        let name = path.display();
        let mut file = File::open(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => anyhow!(
                "the key file {name} is missing. The secrets in the database open with it alone: put it back, \
                 or name its place with secrets.key_file"
            ),
            _ => unreadable(path, &e),
        })?;
        let about = file.metadata().map_err(|e| unreadable(path, &e))?;
        if !about.is_file() {
            Err(anyhow!(
                "the key file {name} is not a file. Put the key there, or name its place with secrets.key_file"
            ))?;
        }
        if about.mode() & 0o077 != 0 {
            Err(anyhow!(
                "the key file {name} can be read by other users of this machine. Run: chmod 600 {name}"
            ))?;
        }
        let mut text = Zeroizing::new(String::new());
        (&mut file).take(1024).read_to_string(&mut text).map_err(|e| unreadable(path, &e))?;
        let key = parse(&text).with_context(|| format!("the key file {name} holds no key of Postern"))?;
        Ok(Vault::from_key(*key))
    }

    pub fn from_key(key: [u8; 32]) -> Vault {
        let print =
            Sha256::new().chain_update(b"postern key fingerprint").chain_update(key).finalize().into();
        Vault(Arc::new(Key { bytes: SecretBox::new(Box::new(key)), print }))
    }

    /// Tells one key from another, and nothing about it.
    pub fn fingerprint(&self) -> String {
        self.0.print.iter().take(8).fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// `row` names table, row and column (`client:12:client_secret`); the secret opens only there.
    /// `nonce` is fresh random each time.
    pub fn seal(&self, row: &str, secret: &SecretString, nonce: [u8; 24]) -> Vec<u8> {
        let head = self.head();
        let aad = [head.as_slice(), row.as_bytes()].concat();
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &aad };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("invariant: a secret is far shorter than what the cipher takes");
        [head.as_slice(), &nonce, &sealed].concat()
    }

    /// Fails closed: a wrong key, a wrong row or one flipped bit is an error.
    pub fn unseal(&self, row: &str, sealed: &[u8]) -> Result<SecretString> {
        Ok(self.try_unseal(row, sealed).with_context(|| format!("the secret {row} does not open"))?)
    }

    fn try_unseal(&self, row: &str, sealed: &[u8]) -> anyhow::Result<SecretString> {
        let head = self.head();
        let (theirs, rest) = sealed.split_at_checked(head.len()).context("it is cut off")?;
        let (nonce, body) = rest.split_at_checked(NONCE_BYTES).context("it is cut off")?;
        if theirs.first() != Some(&VERSION) {
            bail!("it was sealed by a newer Postern");
        }
        if theirs != head {
            bail!("it was sealed with another key than {}", self.fingerprint());
        }
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().context("it is cut off")?;
        let aad = [head.as_slice(), row.as_bytes()].concat();
        let clear = self.cipher().decrypt(&XNonce::from(nonce), Payload { msg: body, aad: &aad });
        let clear = clear.map_err(|_| anyhow!("it was changed, or belongs to another row"))?;
        let clear = String::from_utf8(clear).map_err(|e| {
            drop(Zeroizing::new(e.into_bytes()));
            anyhow!("it is not a text")
        })?;
        Ok(SecretString::from(clear))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.bytes.expose_secret().into())
    }

    fn head(&self) -> [u8; 1 + KEY_ID_BYTES] {
        let [a, b, c, d, ..] = self.0.print;
        [VERSION, a, b, c, d]
    }
}

/// Whether a kept secret is this one, in a time that does not tell where they differ.
pub fn is_same(kept: Option<&SecretString>, entered: &SecretString) -> bool {
    kept.is_some_and(|kept| kept.expose_secret().as_bytes().ct_eq(entered.expose_secret().as_bytes()).into())
}

fn unreadable(path: &Path, e: &std::io::Error) -> anyhow::Error {
    let name = path.display();
    let remedy = match e.kind() {
        std::io::ErrorKind::PermissionDenied => {
            format!(
                "It must belong to the user who runs Postern: run chown with that user's name on {name}, and chmod 600 {name}"
            )
        }
        std::io::ErrorKind::InvalidData => {
            "It holds no text: put the key back from where you keep it".to_owned()
        }
        _ => "Check the disk, or put the key back from where you keep it".to_owned(),
    };
    anyhow!("the key file {name} cannot be read ({e}). {remedy}")
}

fn parse(text: &str) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let line = text.trim_end();
    let encoded = line.strip_prefix(PREFIX).with_context(|| format!("it should begin with {PREFIX}"))?;
    let mut key = Zeroizing::new([0; 32]);
    // The decoder's own error names bytes of what it read, which is the key.
    match URL_SAFE_NO_PAD.decode_slice(encoded, key.as_mut_slice()) {
        Ok(32) => Ok(key),
        _ => Err(anyhow!("the key after {PREFIX} should be 32 bytes in base64url, 43 characters")),
    }
}

/// Written under another name and linked into place, so that the file is whole from the moment it is there, and
/// nothing is ever replaced.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if path.exists() {
        bail!("there is one already, and it is not replaced");
    }
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let made = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::hard_link(&part, path)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }();
    let _ = fs::remove_file(&part);
    Ok(made?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut line = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([5; 32]));
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
