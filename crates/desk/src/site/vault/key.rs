//! One key, and the ring of keys that a file holds: the first seals, all of them open.
use super::DoesNotOpen;
use anyhow::anyhow;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) const PREFIX: &str = "postern-key-1:";
const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
/// What stands before the nonce: the version, and which key it was.
type Head = [u8; 1 + KEY_ID_BYTES];

/// Keys of one file. A rotation needs two; more lie there when databases were restored beside others' keys.
pub(super) const KEYS_MAX: usize = 16;

const CUT_OFF: DoesNotOpen = DoesNotOpen::Damaged("it is cut off");

pub(super) struct Key {
    bytes: SecretBox<[u8; 32]>,
    /// SHA-256 of the key and a label: tells keys apart, and says nothing about one.
    print: [u8; 32],
}

impl Key {
    pub(super) fn new(key: [u8; 32]) -> Key {
        let print =
            Sha256::new().chain_update(b"postern key fingerprint").chain_update(key).finalize().into();
        Key { bytes: SecretBox::new(Box::new(key)), print }
    }

    /// A line of a key file.
    fn parse(line: &str) -> anyhow::Result<Key> {
        let encoded =
            line.strip_prefix(PREFIX).ok_or_else(|| anyhow!("a line of it should begin with {PREFIX}"))?;
        let mut key = Zeroizing::new([0; 32]);
        // The decoder's own error names bytes of what it read, which is the key.
        match URL_SAFE_NO_PAD.decode_slice(encoded, key.as_mut_slice()) {
            Ok(32) => Ok(Key::new(*key)),
            _ => Err(anyhow!("the key after {PREFIX} should be 32 bytes in base64url, 43 characters")),
        }
    }
    fn line(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.bytes.expose_secret()));
        Zeroizing::new(format!("{PREFIX}{}\n", *encoded))
    }

    /// 16 hexadecimal digits, of which the first eight stand in what it sealed.
    pub(super) fn fingerprint(&self) -> String {
        hex(self.print.iter().take(8))
    }
    fn head(&self) -> Head {
        let [a, b, c, d, ..] = self.print;
        [VERSION, a, b, c, d]
    }
    pub(super) fn has_sealed(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.head())
    }
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes.expose_secret().into())
    }

    pub(super) fn seal(&self, row: &str, secret: &SecretString, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let head = self.head();
        let aad = [head.as_slice(), row.as_bytes()].concat();
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &aad };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("invariant: a secret is far shorter than what the cipher takes");
        [head.as_slice(), &nonce, &sealed].concat()
    }

    fn open(&self, row: &str, sealed: &[u8]) -> Result<SecretString, DoesNotOpen> {
        let head = self.head();
        let rest = sealed.get(head.len()..).unwrap_or_default();
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(CUT_OFF)?;
        let aad = [head.as_slice(), row.as_bytes()].concat();
        let clear = self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: body, aad: &aad });
        let clear = clear.map_err(|_| DoesNotOpen::Damaged("it was changed, or belongs to another row"))?;
        let clear = String::from_utf8(clear).map_err(|e| {
            drop(Zeroizing::new(e.into_bytes()));
            DoesNotOpen::Damaged("it is not a text")
        })?;
        Ok(SecretString::from(clear))
    }
}

/// Never empty; the first key seals.
#[derive(Clone)]
pub(super) struct Ring(Vec<Arc<Key>>);

impl Ring {
    pub(super) fn of(key: Key) -> Ring {
        Ring(vec![Arc::new(key)])
    }

    /// The text of a key file.
    pub(super) fn parse(text: &str) -> anyhow::Result<Ring> {
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let key = Key::parse(line)?;
            if !keys.iter().any(|known| known.print == key.print) {
                keys.push(Arc::new(key));
            }
        }
        match keys.len() {
            0 => Err(anyhow!("a line of it should begin with {PREFIX}")),
            1..=KEYS_MAX => Ok(Ring(keys)),
            _ => Err(anyhow!("it holds more than {KEYS_MAX} keys")),
        }
    }
    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * 64));
        self.0.iter().for_each(|key| text.push_str(&key.line()));
        text
    }

    pub(super) fn first(&self) -> Arc<Key> {
        Arc::clone(self.0.first().expect("invariant: a ring is never empty"))
    }
    pub(super) fn keys(&self) -> &[Arc<Key>] {
        &self.0
    }
    pub(super) fn fingerprints(&self) -> Vec<String> {
        self.0.iter().map(|key| key.fingerprint()).collect()
    }
    pub(super) fn with_first(&self, key: Key) -> Ring {
        Ring(std::iter::once(Arc::new(key)).chain(self.0.iter().cloned()).collect())
    }
    /// Without these, but with its first in any case.
    pub(super) fn without(&self, fingerprints: &[String]) -> Ring {
        let first = self.0.iter().take(1);
        let others = self.0.iter().skip(1).filter(|key| !fingerprints.contains(&key.fingerprint()));
        Ring(first.chain(others).cloned().collect())
    }
    /// With those of another that this one does not have, behind its own.
    pub(super) fn and(&self, other: &Ring) -> Ring {
        let known = |key: &Arc<Key>| self.0.iter().any(|own| own.print == key.print);
        let others = other.0.iter().filter(|key| !known(key)).take(KEYS_MAX);
        Ring(self.0.iter().chain(others).cloned().collect())
    }

    /// The key that sealed it, and what it sealed.
    pub(super) fn open(&self, row: &str, sealed: &[u8]) -> Result<(Arc<Key>, SecretString), DoesNotOpen> {
        let mut why = DoesNotOpen::UnknownKey(key_id(sealed)?);
        for key in self.0.iter().filter(|key| key.has_sealed(sealed)) {
            match key.open(row, sealed) {
                Ok(secret) => return Ok((Arc::clone(key), secret)),
                Err(damaged) => why = damaged,
            }
        }
        Err(why)
    }
}

/// Which key it says it was sealed with.
pub(super) fn key_id(sealed: &[u8]) -> Result<String, DoesNotOpen> {
    match sealed.get(..1 + KEY_ID_BYTES) {
        Some([VERSION, id @ ..]) => Ok(hex(id.iter())),
        Some(_) => Err(DoesNotOpen::Damaged("it was sealed by a newer Postern")),
        None => Err(CUT_OFF),
    }
}

fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
