//! How far each folder of a mailbox was read: UIDVALIDITY and the last UID, and where a listing of changes goes on.
use crate::{Result, db::Tx, params};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub folder: String,
    pub uid_validity: u32,
    pub uid_last: u32,
    /// UIDs up to this one are old mail: filed silently.
    pub start_after_uid: u32,
}
pub fn find(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str) -> Result<Option<Cursor>> {
    let found: Option<(u32, u32, u32)> = tx.maybe(
        "SELECT uid_validity, uid_last, start_after_uid FROM folder WHERE mailbox_id = $1 AND name = $2",
        params![mailbox_id, folder],
    )?;
    Ok(found.map(|(uid_validity, uid_last, start_after_uid)| Cursor {
        folder: folder.to_owned(),
        uid_validity,
        uid_last,
        start_after_uid,
    }))
}
/// Sets or moves the cursor; never backwards within one UIDVALIDITY.
pub fn set(tx: &mut Tx<'_>, mailbox_id: i64, cursor: &Cursor) -> Result<()> {
    // Within one UIDVALIDITY a late batch does not take it back; another UIDVALIDITY voids what was remembered.
    tx.execute(
        "INSERT INTO folder (mailbox_id, name, uid_validity, uid_last, start_after_uid) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (mailbox_id, name) DO UPDATE SET
             uid_last = CASE WHEN folder.uid_validity = excluded.uid_validity AND folder.uid_last > excluded.uid_last
                             THEN folder.uid_last ELSE excluded.uid_last END,
             link = CASE WHEN folder.uid_validity = excluded.uid_validity THEN folder.link ELSE '' END,
             is_first_walk = CASE WHEN folder.uid_validity = excluded.uid_validity THEN folder.is_first_walk ELSE 1 END,
             start_after_uid = excluded.start_after_uid,
             begins_after = CASE WHEN folder.uid_validity = excluded.uid_validity THEN folder.begins_after ELSE 0 END,
             uid_validity = excluded.uid_validity",
        params![mailbox_id, &cursor.folder, cursor.uid_validity, cursor.uid_last, cursor.start_after_uid],
    )?;
    Ok(())
}
/// Up to which number the messages of this folder were listed before its server named all of them anew; 0: it did not.
pub fn begins_after(tx: &mut Tx<'_>, mailbox_id: i64, cursor: &Cursor) -> Result<u32> {
    let found: Option<(u32,)> = tx.maybe(
        "SELECT begins_after FROM folder WHERE mailbox_id = $1 AND name = $2 AND uid_validity = $3",
        params![mailbox_id, &cursor.folder, cursor.uid_validity],
    )?;
    Ok(found.map_or(0, |(after,)| after))
}
/// The server names its messages anew from here on: what it lists is what was there before, under other names.
pub fn begin_after(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, uid_validity: u32) -> Result<()> {
    let last = last_given(tx, mailbox_id, folder, uid_validity)?;
    tx.execute(
        "UPDATE folder SET begins_after = $4 WHERE mailbox_id = $1 AND name = $2 AND uid_validity = $3",
        params![mailbox_id, folder, uid_validity, last],
    )?;
    Ok(())
}
/// Where a server tells what has changed since, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Empty: at the beginning of the folder.
    pub at: String,
    /// What comes there was in the folder when reading began, or began again: the rules of old mail hold for it.
    pub is_first_walk: bool,
}
impl Link {
    pub fn to_the_beginning() -> Link {
        Link { at: String::new(), is_first_walk: true }
    }
}
pub fn link(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, uid_validity: u32) -> Result<Link> {
    let found: Option<(String, bool)> = tx.maybe(
        "SELECT link, is_first_walk FROM folder WHERE mailbox_id = $1 AND name = $2 AND uid_validity = $3",
        params![mailbox_id, folder, uid_validity],
    )?;
    Ok(found.map_or_else(Link::to_the_beginning, |(at, is_first_walk)| Link { at, is_first_walk }))
}
/// Within the transaction that records the last of what was listed before it.
pub fn set_link(tx: &mut Tx<'_>, mailbox_id: i64, cursor: &Cursor, link: &Link) -> Result<()> {
    tx.execute(
        "UPDATE folder SET link = $4, is_first_walk = $5 WHERE mailbox_id = $1 AND name = $2 AND uid_validity = $3",
        params![mailbox_id, &cursor.folder, cursor.uid_validity, &link.at, link.is_first_walk],
    )?;
    Ok(())
}
/// The highest number that a message of this folder ever had, for a folder whose numbers are given here: a message is
/// known by its number, so that none is given twice, also not that of a name which is forgotten. What was listed and not
/// recorded had none: it gets the same again, and stays what was there when reading began.
pub fn last_given(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, uid_validity: u32) -> Result<u32> {
    let (last,): (i64,) = tx.one(
        "SELECT COALESCE(max(uid), 0) FROM (
             SELECT max(uid) AS uid FROM named_message WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3
             UNION ALL
             SELECT max(uid) FROM inbox WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3
             UNION ALL
             SELECT max(uid) FROM inbox_again WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3
             UNION ALL
             SELECT uid_last FROM folder WHERE mailbox_id = $1 AND name = $2 AND uid_validity = $3
         ) AS given",
        params![mailbox_id, folder, uid_validity],
    )?;
    Ok(u32::try_from(last).unwrap_or(u32::MAX))
}
