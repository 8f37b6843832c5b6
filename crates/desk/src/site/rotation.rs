//! The key is changed: what the old one sealed is sealed by the new one, and the old one goes. Beside a server at work,
//! and whenever it is killed it is taken up again.
//!
//! The new key is in the file before anything is sealed with it, and an old one leaves the file only when nothing is
//! sealed with it any more. A vault looks at the file each time it seals, within the transaction that keeps what it
//! sealed: so when every transaction that had begun before the file changed is over, nothing more is sealed with the
//! old key, and a pass that finds nothing of it has found all.
use super::event::{self, Subject};
use super::sealed::{self, Value};
use super::setting;
use super::vault::{DoesNotOpen, Rotation, Vault};
use crate::db::Db;
use crate::{By, Result};
use anyhow::anyhow;
use serde_json::json;

/// What a change of the key has done.
#[derive(Debug)]
pub struct Rotated {
    pub rotation: Rotation,
    pub resealed: usize,
    /// What opens with no key that there is, with the reason; left as it is.
    pub unopened: Vec<(Value, DoesNotOpen)>,
}

/// How often the values are gone through until nothing of the old key is found. Once would do, but for what is written
/// meanwhile.
const PASSES_MAX: usize = 20;

/// Puts a new key in the place of the old one, or takes up where that was left. `key` and each `nonce` are fresh random.
pub fn rotate(
    db: &Db,
    vault: &Vault,
    by: &By,
    key: [u8; 32],
    mut nonce: impl FnMut() -> [u8; 24],
) -> Result<Rotated> {
    let rotation = vault.begin_rotation(key)?;
    let mut resealed = 0;
    let unopened = pass_until_done(db, vault, &rotation.to, &mut resealed, &mut nonce)?;
    let named = |value: &Value| rotation.from.iter().any(|old| vault.names(old, value.bytes()));
    if let Some((value, why)) = unopened.iter().find(|(value, _)| named(value)) {
        return Err(anyhow!(
            "the secret {} does not open: {why}. Everything else is sealed with the new key, {}; the old one stays in \
             the file for this. `postern key forget` drops what does not open, and says what is to be entered again; \
             then run this once more",
            value.row(),
            rotation.to
        )
        .into());
    }
    note(db, by, &rotation, resealed)?;
    vault.end_rotation(&rotation)?;
    // The vault still knows the old keys: whatever was on its way all the same is caught.
    let unopened = pass_until_done(db, vault, &rotation.to, &mut resealed, &mut nonce)?;
    Ok(Rotated { rotation, resealed, unopened })
}

/// Before the old key leaves the file: a database that names a key which is not there does not start.
fn note(db: &Db, by: &By, rotation: &Rotation, resealed: usize) -> Result<()> {
    db.write(|tx| {
        setting::set(tx, setting::KEY_FINGERPRINT, &rotation.to)?;
        if rotation.from.is_empty() {
            return Ok(());
        }
        let data = json!({ "from": rotation.from, "to": rotation.to, "sealed": resealed });
        event::append(tx, by, Subject::Site, "key_rotated", data)
    })
}

/// Goes through all values until nothing is found that another key has sealed. What does not open.
fn pass_until_done(
    db: &Db,
    vault: &Vault,
    to: &str,
    resealed: &mut usize,
    nonce: &mut impl FnMut() -> [u8; 24],
) -> Result<Vec<(Value, DoesNotOpen)>> {
    for _ in 0..PASSES_MAX {
        db.outlast()?;
        let (mut found, mut unopened) = (0, Vec::new());
        sealed::each_batch(db, |values| {
            let mut anew = Vec::new();
            for value in values {
                match vault.resealed(&value.row(), value.bytes(), to, nonce()) {
                    Ok(Some(sealed)) => anew.push((value, sealed)),
                    Ok(None) => {}
                    Err(why) => unopened.push((value, why)),
                }
            }
            found += anew.len();
            *resealed += db.write(|tx| {
                let mut done = 0;
                for (value, sealed) in &anew {
                    done += usize::from(value.replace(tx, sealed)?);
                }
                Ok::<_, crate::Error>(done)
            })?;
            Ok(())
        })?;
        if found == 0 {
            return Ok(unopened);
        }
    }
    Err(anyhow!(
        "something goes on sealing with the old key. Nothing is lost, and both keys are in the file: stop what runs \
         beside this, and run it again"
    )
    .into())
}
