//! A message that a mail server of one's own hands over, to a command or by LMTP: into the store, then its row in one
//! commit. Nothing waits for a network, so this blocks.
use crate::letter::Raw;
use desk::Desk;
use desk::files::store::{Store, Stored};
use desk::intake::piped::{self, Piped};
use desk::intake::{earlier_key, mending};
use wire::letter::Letter;

pub use crate::letter::room;

/// Stored durably and recorded when it returns. The same content again changes nothing but that it came again. For a
/// process that takes this one and ends.
pub fn take(desk: &Desk, mailbox_id: i64, letter: &Letter, now: i64) -> desk::Result<Piped> {
    keep(desk, mailbox_id, Raw::of(letter), now, Store::put_alone)
}

/// The same for the server, which takes many, and writes its trace fields before each.
pub(crate) fn take_into_pack(desk: &Desk, mailbox_id: i64, raw: Raw<'_>, now: i64) -> desk::Result<Piped> {
    keep(desk, mailbox_id, raw, now, Store::put)
}

fn keep(
    desk: &Desk,
    mailbox_id: i64,
    raw: Raw<'_>,
    now: i64,
    put: impl Fn(&Store, &[u8]) -> desk::Result<Stored>,
) -> desk::Result<Piped> {
    let content_key = raw.content_key()?;
    let known = desk.db.read(|tx| piped::known_with_bytes(tx, mailbox_id, &content_key.key))?;
    // One that is damaged here is mended by what came.
    if let Some((inbox_id, _)) = known.filter(|(_, blob)| desk.store.is_whole(&blob.place, &blob.hash)) {
        desk.db.write(|tx| piped::again(tx, mailbox_id, inbox_id, now))?;
        return Ok(Piped { inbox_id, known: true });
    }
    if let Some(shortage) = desk.store.shortage()? {
        return Err(anyhow::anyhow!("{shortage}. Free some space on the disk of the data folder.").into());
    }
    let stored = raw.store(&desk.store, put)?;
    let arrival = raw.arrival(0, now, stored, content_key, false)?;
    let arrivals = [arrival];
    let (unsure, doubts) = desk.db.read(|tx| {
        let unsure = earlier_key::unsure(tx, mailbox_id, &arrivals)?;
        Ok::<_, desk::Error>((unsure, mending::doubts(tx, mailbox_id, &arrivals)?))
    })?;
    mending::mend(desk, &arrivals, &doubts, now)?;
    let rekeyed = earlier_key::read(&desk.store, &unsure)?;
    let [arrival] = &arrivals;
    desk.db.write(|tx| {
        earlier_key::keep(tx, &rekeyed)?;
        piped::record(tx, mailbox_id, arrival, now)
    })
}
