//! The messages of a server that names them by texts (POP3's UIDL, the ids of Microsoft Graph): each name has a number for as
//! long as the server may list it, and that number is the UID by which the desk knows the message.
use super::cursor::{self, Cursor};
use super::mailbox::{Mailbox, Side};
use super::numbering;
use crate::db::{Query, Tx};
use crate::{Result, row};

/// A name, and the number it has here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub uid: u32,
    pub name: String,
}

/// What stands where IMAP's UIDVALIDITY does. The names of one server and account say nothing at another one, so that the
/// two are not one numbering. No port is in it, as in [`numbering::whose`]; its text stays as it is for as long as rows have
/// its numbers.
pub fn validity(mailbox: &Mailbox) -> u32 {
    let place =
        format!("{}\0{}\0{}", mailbox.protocol.word(), mailbox.incoming.host, mailbox.user(Side::Incoming));
    numbering::number_of(&place)
}

/// The names of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// In the order of their numbers.
    pub named: Vec<Named>,
    /// The highest number that was ever given, also to a name that is forgotten: a message is known by its number, so
    /// that none is given twice.
    pub last: u32,
}

pub fn known(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, uid_validity: u32) -> Result<Known> {
    let mut query = select(mailbox_id, folder, uid_validity);
    query.push(" ORDER BY uid");
    let named = rows(tx, &query)?;
    Ok(Known { named, last: cursor::last_given(tx, mailbox_id, folder, uid_validity)? })
}

/// Those of these names that have a number, in no order. For a server that does not list all of its names.
pub fn find(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    names: &[String],
) -> Result<Vec<Named>> {
    let mut found = Vec::new();
    for some in names.chunks(AT_ONCE) {
        let mut query = select(mailbox_id, folder, uid_validity);
        query.push(" AND name IN ").bind_list(some.iter().map(String::as_str));
        found.extend(rows(tx, &query)?);
    }
    Ok(found)
}

/// The names of these numbers, in no order; without those that are forgotten.
pub fn of_uids(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    uids: &[u32],
) -> Result<Vec<Named>> {
    let mut found = Vec::new();
    for some in uids.chunks(AT_ONCE) {
        let mut query = select(mailbox_id, folder, uid_validity);
        query.push(" AND uid IN ").bind_list(some.iter().copied());
        found.extend(rows(tx, &query)?);
    }
    Ok(found)
}

/// Names or numbers in one statement.
const AT_ONCE: usize = 512;

fn select<'v>(mailbox_id: i64, folder: &'v str, uid_validity: u32) -> Query<'v> {
    let mut query = Query::new("SELECT uid, name FROM named_message WHERE mailbox_id = ");
    query
        .bind(mailbox_id)
        .push(" AND folder = ")
        .bind(folder)
        .push(" AND uid_validity = ")
        .bind(uid_validity);
    query
}

fn rows(tx: &mut Tx<'_>, query: &Query<'_>) -> Result<Vec<Named>> {
    let rows: Vec<(u32, String)> = tx.all(query.sql(), query.params())?;
    Ok(rows.into_iter().map(|(uid, name)| Named { uid, name }).collect())
}

/// Within the transaction that records the messages, or says that they are passed over.
pub fn remember(tx: &mut Tx<'_>, mailbox_id: i64, cursor: &Cursor, named: &[Named]) -> Result<()> {
    for some in named.chunks(100) {
        let mut query =
            Query::new("INSERT INTO named_message (mailbox_id, folder, uid_validity, uid, name) VALUES ");
        query.bind_rows(some.iter().map(|named| {
            row![mailbox_id, cursor.folder.as_str(), cursor.uid_validity, named.uid, named.name.as_str()]
        }));
        query.push(" ON CONFLICT (mailbox_id, folder, uid_validity, uid) DO NOTHING");
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}

/// Names that the server does not list any more. It may give such a name to another message, which is then a new one.
pub fn forget(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, uid_validity: u32, uids: &[u32]) -> Result<()> {
    for some in uids.chunks(512) {
        let mut query = Query::new("DELETE FROM named_message WHERE mailbox_id = ");
        query.bind(mailbox_id).push(" AND folder = ").bind(folder).push(" AND uid_validity = ");
        query.bind(uid_validity).push(" AND uid IN ").bind_list(some.iter().copied());
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}
