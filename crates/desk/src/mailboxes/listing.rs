//! What a folder of a server held when it was compared last, kept where the server tells what has changed since (QRESYNC).
use super::uid_set::UidSet;
use crate::{Result, db::Tx, params};

/// Of what is kept for one folder: a folder in so many pieces is listed anew each time.
const WRITTEN_BYTES_MAX: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// When the server listed it as a whole; what it told since is added to that.
    pub listed_at: i64,
    /// The number of changes that the server had counted (HIGHESTMODSEQ, RFC 7162 §3.1.2.1), which has 63 bits.
    pub mod_seq: i64,
    pub uids: UidSet,
}

/// Nothing of another UIDVALIDITY.
pub fn find(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, uid_validity: u32) -> Result<Option<Listing>> {
    let found: Option<(Option<i64>, Option<i64>, String)> = tx.maybe(
        "SELECT listed_at, listed_mod_seq, listed_uids FROM folder_balance
         WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3",
        params![mailbox_id, folder, uid_validity],
    )?;
    Ok(found.and_then(|(listed_at, mod_seq, uids)| {
        Some(Listing { listed_at: listed_at?, mod_seq: mod_seq?, uids: UidSet::read(&uids) })
    }))
}

/// Within the transaction that keeps what the comparison came to.
pub(super) fn keep(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, listing: Option<&Listing>) -> Result<()> {
    let written = listing.map(|listing| (listing, listing.uids.written()));
    let kept = written.filter(|(_, uids)| uids.len() <= WRITTEN_BYTES_MAX);
    let (listed_at, mod_seq) =
        (kept.as_ref().map(|(of, _)| of.listed_at), kept.as_ref().map(|(of, _)| of.mod_seq));
    tx.execute(
        "UPDATE folder_balance SET listed_at = $3, listed_mod_seq = $4, listed_uids = $5
         WHERE mailbox_id = $1 AND folder = $2",
        params![mailbox_id, folder, listed_at, mod_seq, kept.map_or(String::new(), |(_, uids)| uids)],
    )?;
    Ok(())
}
