//! Settings kept in the database: the vault's fingerprint, the demo mark, the site's name.
use crate::{Result, db::Tx, params};

pub fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>> {
    let found: Option<(String,)> = tx.maybe("SELECT value FROM setting WHERE name = $1", params![name])?;
    Ok(found.map(|(value,)| value))
}
pub fn set(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![name, value],
    )?;
    Ok(())
}
pub fn forget(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.execute("DELETE FROM setting WHERE name = $1", params![name])?;
    Ok(())
}

/// A database made by `demo` carries this mark: `serve` refuses it, and `demo` refuses one without.
pub const DEMO: &str = "demo";
/// SHA-256 (hex, first 16 digits) of the key: a database without its key does not start.
pub const KEY_FINGERPRINT: &str = "key_fingerprint";
/// Names the folder that holds the contents of this database, which has the same name in it.
pub const STORE: &str = "store";
/// What people call this desk.
pub const SITE_NAME: &str = "site_name";
/// Where the site was when the server last started: commands beside it print its links.
pub const SITE_URL: &str = "site_url";
