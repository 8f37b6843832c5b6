//! Who asks. Addresses have their own table: one person may write from several.
use crate::{Result, db::Tx, params};

#[derive(Clone, Debug)]
pub struct Requester {
    pub id: i64,
    pub name: Option<String>,
    pub addresses: Vec<String>,
}
/// Finds the requester of this address or makes one; fills in a missing name.
pub fn find_or_make(tx: &mut Tx<'_>, address: &str, name: Option<&str>, at: i64) -> Result<Requester> {
    let id = id_of(tx, address, name, at)?;
    find(tx, id)?.ok_or_else(|| crate::db::Error::NotFound.into())
}
/// The same, and no more than the id.
pub(crate) fn id_of(tx: &mut Tx<'_>, address: &str, name: Option<&str>, at: i64) -> Result<i64> {
    let key = mail::address::key(address);
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    let known: Option<(i64, bool)> = tx.maybe(
        "SELECT r.id, r.name IS NULL FROM requester_address a JOIN requester r ON r.id = a.requester_id
         WHERE a.address_key = $1",
        params![&key],
    )?;
    Ok(match known {
        Some((id, nameless)) => {
            if nameless && name.is_some() {
                tx.execute(
                    "UPDATE requester SET name = $2 WHERE id = $1 AND name IS NULL",
                    params![id, name],
                )?;
            }
            id
        }
        None => {
            let id = tx.insert(
                "INSERT INTO requester (name, created_at) VALUES ($1, $2) RETURNING id",
                params![name, at],
            )?;
            // Two filers may meet the same stranger at once. PostgreSQL then refuses to serialize the second, which
            // runs again and finds the first one's row; without ON CONFLICT it would be an error for good.
            tx.execute(
                "INSERT INTO requester_address (address_key, address, requester_id) VALUES ($1, $2, $3)
                 ON CONFLICT (address_key) DO UPDATE SET address = excluded.address",
                params![&key, address.trim(), id],
            )?;
            id
        }
    })
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Requester>> {
    let Some((name,)) =
        tx.maybe::<(Option<String>,)>("SELECT name FROM requester WHERE id = $1", params![id])?
    else {
        return Ok(None);
    };
    let addresses: Vec<(String,)> = tx.all(
        "SELECT address FROM requester_address WHERE requester_id = $1 ORDER BY address_key LIMIT 100",
        params![id],
    )?;
    Ok(Some(Requester { id, name, addresses: addresses.into_iter().map(|(address,)| address).collect() }))
}
