//! What is done on the server with a message that is stored here, and what came of it: written down with one statement for
//! many messages.
use crate::db::{Query, Value};
use crate::mailboxes::mailbox::Fetched;
use crate::{Result, db::Tx, params};

/// What became of a message on its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnServer {
    /// As it was, as *Fetched Emails* says.
    Left,
    Read,
    Deleted,
    /// Into this folder.
    Moved(String),
    /// Into this folder, and it stands where it was as well: the server copies it and does not let it be removed.
    Copied(String),
    /// It did not lie there any more: somebody has moved or deleted it.
    Gone,
    /// Its bytes are there alone: it is too large, or is not delivered.
    Stays,
}
impl OnServer {
    /// What this setting does.
    pub fn by(fetched: &Fetched) -> OnServer {
        match fetched {
            Fetched::Nothing => OnServer::Left,
            Fetched::Read => OnServer::Read,
            Fetched::Delete => OnServer::Deleted,
            Fetched::Move(folder) => OnServer::Moved(folder.clone()),
        }
    }
    fn word(&self) -> String {
        match self {
            OnServer::Left => "left".to_owned(),
            OnServer::Read => "read".to_owned(),
            OnServer::Deleted => "deleted".to_owned(),
            OnServer::Moved(folder) => format!("{MOVED}{folder}"),
            OnServer::Copied(folder) => format!("{COPIED}{folder}"),
            OnServer::Gone => "gone".to_owned(),
            OnServer::Stays => STAYS.to_owned(),
        }
    }
    /// `None`: it was not written down.
    pub fn of_word(word: &str) -> Option<OnServer> {
        match word {
            "left" => Some(OnServer::Left),
            "read" => Some(OnServer::Read),
            "deleted" => Some(OnServer::Deleted),
            "gone" => Some(OnServer::Gone),
            STAYS => Some(OnServer::Stays),
            _ => match word.strip_prefix(COPIED) {
                Some(folder) => Some(OnServer::Copied(folder.to_owned())),
                None => word.strip_prefix(MOVED).map(|folder| OnServer::Moved(folder.to_owned())),
            },
        }
    }
}
const MOVED: &str = "moved:";
const COPIED: &str = "copied:";
const STAYS: &str = "stays";
/// Of a reason that is kept beside a message.
const WHY_CHARS_MAX: usize = 500;

/// A folder and the numbering of its messages.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub mailbox_id: i64,
    pub folder: &'a str,
    pub uid_validity: u32,
}

/// UIDs that are stored here and not yet settled on the server, lowest first.
pub fn unsettled(tx: &mut Tx<'_>, place: Place<'_>, limit: i64) -> Result<Vec<u32>> {
    let place = params![place.mailbox_id, place.folder, place.uid_validity, limit];
    let uids = tx.all::<(i64,)>(UNSETTLED, place)?;
    Ok(uids.into_iter().filter_map(|(uid,)| u32::try_from(uid).ok()).collect())
}
const UNSETTLED: &str = "SELECT uid FROM inbox
     WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 AND settled_on_server_at IS NULL
     UNION ALL
     SELECT uid FROM inbox_again
     WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 AND settled_on_server_at IS NULL
     ORDER BY 1 LIMIT $4";
/// How SQLite goes about that.
#[cfg(any(test, feature = "testing"))]
pub fn plan(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    Ok(tx.plan(UNSETTLED, params![1, "INBOX", 1, 1])?)
}

/// This was done with these. What is settled already stays as it is.
pub fn settled(tx: &mut Tx<'_>, place: Place<'_>, uids: &[u32], done: &OnServer, now: i64) -> Result<()> {
    settled_for(tx, place, uids, done, "", now)
}

/// The same, and why no more was done.
pub fn settled_for(
    tx: &mut Tx<'_>,
    place: Place<'_>,
    uids: &[u32],
    done: &OnServer,
    why: &str,
    now: i64,
) -> Result<()> {
    let why: String = why.chars().take(WHY_CHARS_MAX).collect();
    for table in ["UPDATE inbox SET ", "UPDATE inbox_again SET "] {
        for some in uids.chunks(AT_ONCE) {
            let mut query = Query::new(table);
            query.push("settled_on_server_at = ").bind(now).push(", settled_as = ").bind(done.word());
            query.push(", unsettled_why = ").bind(why.as_str()).push(" WHERE ");
            of_these(&mut query, place, some);
            tx.execute(query.sql(), query.params())?;
        }
    }
    Ok(())
}

/// The server did not do it with these, which stay as they are; it is tried again.
pub fn refused(tx: &mut Tx<'_>, place: Place<'_>, uids: &[u32], why: &str) -> Result<()> {
    let why: String = why.chars().take(WHY_CHARS_MAX).collect();
    for table in ["UPDATE inbox SET ", "UPDATE inbox_again SET "] {
        for some in uids.chunks(AT_ONCE) {
            let mut query = Query::new(table);
            query.push("unsettled_why = ").bind(why.as_str());
            query.push(" WHERE unsettled_why <> ").bind(why.as_str()).push(" AND ");
            of_these(&mut query, place, some);
            tx.execute(query.sql(), query.params())?;
        }
    }
    Ok(())
}

const AT_ONCE: usize = 512;

fn of_these<'v>(query: &mut Query<'v>, place: Place<'v>, uids: &[u32]) {
    query.push("settled_on_server_at IS NULL AND mailbox_id = ").bind(Value::from(place.mailbox_id));
    query.push(" AND folder = ").bind(place.folder).push(" AND uid_validity = ").bind(place.uid_validity);
    query.push(" AND uid IN ").bind_list(uids.iter().copied());
}

/// UIDs of those whose bytes are there alone, lowest first.
pub fn staying(tx: &mut Tx<'_>, place: Place<'_>) -> Result<Vec<u32>> {
    let uids: Vec<(u32,)> = tx.all(
        "SELECT uid FROM inbox WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 AND settled_as = 'stays'
         ORDER BY uid LIMIT 1000000",
        params![place.mailbox_id, place.folder, place.uid_validity],
    )?;
    Ok(uids.into_iter().map(|(uid,)| uid).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_read_as_it_was_written() {
        for done in [
            OnServer::Left,
            OnServer::Read,
            OnServer::Deleted,
            OnServer::Moved("Done/2026".to_owned()),
            OnServer::Moved(String::new()),
            OnServer::Copied("Done/2026".to_owned()),
            OnServer::Gone,
            OnServer::Stays,
        ] {
            assert_eq!(OnServer::of_word(&done.word()), Some(done));
        }
        assert_eq!(OnServer::of_word(""), None);
    }
}
