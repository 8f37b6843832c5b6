//! Seals secrets at rest: XChaCha20-Poly1305 with a key kept outside the database, bound to their row.
use crate::Result;
use secrecy::SecretString;
use std::path::Path;

/// The key. No `Display`, no revealing `Debug`, no `PartialEq`; clones share it.
#[derive(Clone)]
pub struct Vault(std::sync::Arc<Key>);
struct Key {
    #[expect(dead_code, reason = "filled with the vault")]
    bytes: secrecy::SecretBox<[u8; 32]>,
}
impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    /// Makes a new key file (0600) and refuses to replace one. `random` is fresh.
    pub fn create(path: &Path, random: [u8; 32]) -> Result<Vault> {
        let _ = (path, random);
        todo!()
    }
    /// Opens an existing key file; an error says which file and what is wrong with it.
    pub fn open(path: &Path) -> Result<Vault> {
        let _ = path;
        todo!()
    }
    pub fn from_key(key: [u8; 32]) -> Vault {
        let _ = key;
        todo!()
    }
    /// Tells one key from another, and nothing about it.
    pub fn fingerprint(&self) -> String {
        todo!()
    }
    /// `row` names table, row and column (`client:12:client_secret`); the secret opens only there.
    pub fn seal(&self, row: &str, secret: &SecretString, nonce: [u8; 24]) -> Vec<u8> {
        let _ = (row, secret, nonce);
        todo!()
    }
    /// Fails closed: a wrong key, a wrong row or one flipped bit is an error.
    pub fn unseal(&self, row: &str, sealed: &[u8]) -> Result<SecretString> {
        let _ = (row, sealed);
        todo!()
    }
}
