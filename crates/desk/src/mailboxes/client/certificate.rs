//! Certificates that a registration shows in place of a secret. One is in use; another may wait, so that it can be
//! registered at the provider before it follows. The private key never leaves: only what is public is handed out.
use super::hosts;
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::mailboxes::grant;
use crate::site::event::{self, Subject};
use crate::site::sealed;
use crate::site::vault::Vault;
use crate::{By, Refusal, Result, params};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    InUse,
    /// Made, and not in use: the next one, or the one before.
    Waiting,
    /// Its key is destroyed.
    Retired,
}

#[derive(Clone, Debug)]
pub struct Certificate {
    pub id: i64,
    pub client_id: i64,
    pub state: State,
    pub der: Vec<u8>,
    /// SHA-256 of the DER in lower-case hexadecimal.
    pub thumbprint: String,
    pub not_after: i64,
    pub created_at: i64,
}

/// Made outside, where chance is.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    pub der: Vec<u8>,
    /// PKCS#8 in PEM.
    pub private_key: SecretString,
    pub not_after: i64,
}

/// Who asks for one more.
#[derive(Clone, Copy, Debug)]
pub struct For {
    pub client_id: i64,
    /// Tokens made with it go to the servers of this mailbox.
    pub mailbox_id: Option<i64>,
    /// The newest that was there when it was asked for (see [`newest`]): asked twice, one is made.
    pub after: i64,
}

/// The first one is in use at once, a second one waits; a third has to wait for one to be retired.
pub fn add(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    asked: For,
    new: &NewCertificate,
    nonce: [u8; 24],
) -> Result<i64> {
    let For { client_id, mailbox_id, after } = asked;
    // Two at once must change one row: what is looked at next is safe only so.
    tx.execute("UPDATE client SET name = name WHERE id = $1", params![client_id])?;
    if newest(tx, client_id)? != after {
        let sentence = "Another certificate was made meanwhile. Look at it before a further one is made.";
        return Err(Refusal::Other(sentence.into()).into());
    }
    let there = list(tx, client_id)?;
    if there.iter().any(|one| one.state == State::Waiting) {
        return Err(second());
    }
    let state = if there.is_empty() { State::InUse } else { State::Waiting };
    let thumbprint = thumbprint(&new.der);
    let id = tx.insert(
        "INSERT INTO client_certificate (client_id, state, der, thumbprint, not_after, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        params![client_id, state.word(), &new.der, &thumbprint, new.not_after, by.at],
    )?;
    // Sealed for its row, which has its number only now.
    let sealed = vault.seal(&row(id), &new.private_key, nonce);
    tx.execute("UPDATE client_certificate SET private_key = $2 WHERE id = $1", params![id, sealed])?;
    if state == State::InUse {
        grant::ask_anew(tx, by, client_id)?;
    }
    hosts::enter(tx, client_id, hosts::Held::Certificate(id), mailbox_id, hosts::Before::Another)?;
    note(tx, by, client_id, "certificate_made", &thumbprint)?;
    Ok(id)
}

/// This one is in use from now on, and the one before waits, so that one can go back. Asked twice nothing more happens.
pub fn put_in_use(tx: &mut Tx<'_>, by: &By, client_id: i64, id: i64) -> Result<()> {
    let there = list(tx, client_id)?;
    let next = there.iter().find(|one| one.id == id).ok_or_else(gone)?;
    if next.state == State::InUse {
        return Ok(());
    }
    if next.not_after <= by.at {
        let sentence =
            "This certificate has ended: the provider takes it no longer. Retire it and make another one.";
        return Err(Refusal::Other(sentence.into()).into());
    }
    for one in &there {
        let state = if one.id == next.id { State::InUse } else { State::Waiting };
        tx.execute("UPDATE client_certificate SET state = $2 WHERE id = $1", params![one.id, state.word()])?;
    }
    grant::ask_anew(tx, by, client_id)?;
    note(tx, by, client_id, "certificate_used", &next.thumbprint)
}

/// This one ends while it waits, and its key is destroyed. One that has ended already stays so.
pub fn retire_waiting(tx: &mut Tx<'_>, by: &By, client_id: i64, id: i64) -> Result<()> {
    let there = list(tx, client_id)?;
    let Some(old) = there.iter().find(|one| one.id == id) else { return Ok(()) };
    if old.state == State::InUse {
        let sentence = "This certificate is in use by now. Use the other one before it is retired.";
        return Err(Refusal::Other(sentence.into()).into());
    }
    retire(tx, by, old)
}

/// Why no third one is made.
pub fn second() -> crate::Error {
    let sentence = "There is a second certificate already. Use it, or retire it, before another one is made.";
    Refusal::Other(sentence.into()).into()
}

fn gone() -> crate::Error {
    Refusal::Other("This certificate was retired meanwhile. Make another one.".into()).into()
}

/// All of them: the registration is at another provider from now on.
pub(in crate::mailboxes) fn retire_all(tx: &mut Tx<'_>, by: &By, client_id: i64) -> Result<()> {
    list(tx, client_id)?.iter().try_for_each(|one| retire(tx, by, one))
}

/// Its key is lost: it signs nothing any more, and another one takes its place.
pub(in crate::mailboxes) fn retire_lost(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE id = ").bind(id).push(" AND state <> 'retired'");
    let lost: Option<Certificate> = tx.maybe(query.sql(), query.params())?;
    lost.map_or(Ok(()), |lost| retire(tx, by, &lost))
}

fn retire(tx: &mut Tx<'_>, by: &By, old: &Certificate) -> Result<()> {
    tx.execute(
        "UPDATE client_certificate SET state = 'retired', private_key = NULL WHERE id = $1",
        params![old.id],
    )?;
    note(tx, by, old.client_id, "certificate_retired", &old.thumbprint)
}

/// Those that are not retired: the one in use first.
pub fn list(tx: &mut Tx<'_>, client_id: i64) -> Result<Vec<Certificate>> {
    let mut query = Query::new(SELECT);
    query
        .push(" WHERE client_id = ")
        .bind(client_id)
        .push(" AND state <> 'retired' ORDER BY state, id LIMIT 2");
    Ok(tx.all(query.sql(), query.params())?)
}

/// The number of the last one that was made, retired or not; 0 where none ever was.
pub fn newest(tx: &mut Tx<'_>, client_id: i64) -> Result<i64> {
    let (id,): (i64,) = tx.one(
        "SELECT COALESCE(MAX(id), 0) FROM client_certificate WHERE client_id = $1",
        params![client_id],
    )?;
    Ok(id)
}

/// The one that waits.
pub fn waiting(tx: &mut Tx<'_>, client_id: i64) -> Result<Option<Certificate>> {
    Ok(list(tx, client_id)?.into_iter().find(|one| one.state == State::Waiting))
}

/// The one that signs.
pub fn in_use(tx: &mut Tx<'_>, client_id: i64) -> Result<Option<Certificate>> {
    Ok(list(tx, client_id)?.into_iter().find(|one| one.state == State::InUse))
}

/// The same with its key.
pub fn in_use_for_system(
    tx: &mut Tx<'_>,
    vault: &Vault,
    client_id: i64,
) -> Result<Option<(Certificate, SecretString)>> {
    let Some(found) = in_use(tx, client_id)? else { return Ok(None) };
    let (sealed,): (Option<Vec<u8>>,) =
        tx.one("SELECT private_key FROM client_certificate WHERE id = $1", params![found.id])?;
    let Some(sealed) = sealed else { return Ok(None) }; // its key was lost and given up
    let key = vault.unseal(&row(found.id), &sealed)?;
    Ok(Some((found, key)))
}

fn note(tx: &mut Tx<'_>, by: &By, client_id: i64, kind: &str, thumbprint: &str) -> Result<()> {
    event::append(tx, by, Subject::Client(client_id), kind, json!({ "thumbprint": thumbprint }))
}

fn thumbprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn row(id: i64) -> String {
    sealed::CERTIFICATE_KEY.row(id)
}

const SELECT: &str =
    "SELECT id, client_id, state, der, thumbprint, not_after, created_at FROM client_certificate";

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::InUse => "in_use",
            State::Waiting => "waiting",
            State::Retired => "retired",
        }
    }
}

impl FromRow for Certificate {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        Ok(Certificate {
            id: c.take()?,
            client_id: c.take()?,
            state: match c.take::<&str>()? {
                "in_use" => State::InUse,
                "waiting" => State::Waiting,
                "retired" => State::Retired,
                word => {
                    return Err(db::Error::Decode(format!("the state {word} of a certificate is not known")));
                }
            },
            der: c.take()?,
            thumbprint: c.take()?,
            not_after: c.take()?,
            created_at: c.take()?,
        })
    }
}
