//! Settings kept in the database: the vault's fingerprint, the demo mark, the site's name.
use crate::{Result, db::Tx};

pub fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>> {
    let _ = (tx, name);
    todo!()
}
pub fn set(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<()> {
    let _ = (tx, name, value);
    todo!()
}

/// A database made by `demo` carries this mark: `serve` refuses it, and `demo` refuses one without.
pub const DEMO: &str = "demo";
/// SHA-256 (hex, first 16 digits) of the key: a database without its key does not start.
pub const KEY_FINGERPRINT: &str = "key_fingerprint";
/// What people call this desk.
pub const SITE_NAME: &str = "site_name";
