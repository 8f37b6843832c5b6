//! What comes again mends what is here: where a content that has a row comes once more and the row's place does not hold it
//! whole (a bad sector, a file that was cut off), the row gets the place of the fresh bytes. A letter that is known again by
//! its content, under other trace headers, mends the letter of its row in the same way. It is done before the letter is
//! recorded, so that no letter is taken from its server while a damaged one stands for it. What waited for the bytes goes on.
use super::record::Arrival;
use crate::db::{Query, Tx};
use crate::files::blob::{self, Elsewhere};
use crate::files::store::{Store, Stored};
use crate::{Desk, Result, params};
use std::collections::HashMap;

/// Rows that may have lost what has just come.
#[derive(Debug, Default)]
pub struct Doubts {
    elsewhere: Vec<Elsewhere>,
    letters: Vec<Letter>,
}
/// A recorded letter that has come again with other bytes.
#[derive(Clone, Debug)]
struct Letter {
    inbox_id: i64,
    blob_id: i64,
    place: String,
    hash: Vec<u8>,
    fresh: Stored,
}

/// Of letters that are in the store, and before they are recorded.
pub fn doubts(tx: &mut Tx<'_>, mailbox_id: i64, arrivals: &[Arrival]) -> Result<Doubts> {
    let stored: Vec<&Stored> = arrivals.iter().map(|arrival| &arrival.stored).collect();
    Ok(Doubts { elsewhere: blob::elsewhere(tx, &stored)?, letters: letters(tx, mailbox_id, arrivals)? })
}

fn letters(tx: &mut Tx<'_>, mailbox_id: i64, arrivals: &[Arrival]) -> Result<Vec<Letter>> {
    let by_key: HashMap<&[u8], &Stored> =
        arrivals.iter().map(|arrival| (arrival.content_key.key.as_slice(), &arrival.stored)).collect();
    let mut letters = Vec::new();
    for some in Vec::from_iter(by_key.keys().copied()).chunks(512) {
        let mut query = Query::new(
            "SELECT i.content_key, i.id, b.id, b.place, b.hash FROM inbox i JOIN blob b ON b.id = i.blob_id
             WHERE i.mailbox_id = ",
        );
        query.bind(mailbox_id).push(" AND i.content_key IN ").bind_list(some.iter().copied());
        query.push(
            " UNION ALL SELECT a.content_key, i.id, b.id, b.place, b.hash FROM inbox_again a
             JOIN inbox i ON i.id = a.inbox_id JOIN blob b ON b.id = i.blob_id WHERE a.mailbox_id = ",
        );
        query.bind(mailbox_id).push(" AND a.content_key IN ").bind_list(some.iter().copied());
        type Columns = (Vec<u8>, i64, i64, String, Vec<u8>);
        for (key, inbox_id, blob_id, place, hash) in tx.all::<Columns>(query.sql(), query.params())? {
            // The same bytes are a matter of their place alone.
            let fresh = by_key.get(key.as_slice()).filter(|fresh| fresh.hash.as_slice() != hash);
            let letter =
                fresh.map(|fresh| Letter { inbox_id, blob_id, place, hash, fresh: (*fresh).clone() });
            letters.extend(letter);
        }
    }
    Ok(letters)
}

/// Looks at what is in doubt and mends what is not whole, in a transaction of its own, which there is only where something is
/// mended. `arrivals` are those of [`doubts`].
pub fn mend(desk: &Desk, arrivals: &[Arrival], doubts: &Doubts, now: i64) -> Result<()> {
    let stored: Vec<&Stored> = arrivals.iter().map(|arrival| &arrival.stored).collect();
    let lost = lost(&desk.store, &stored, &doubts.elsewhere);
    // Its bytes are given up for others, so that not being able to read them now is not enough.
    let is_lost = |letter: &&Letter| desk.store.is_lost(&letter.place, &letter.hash);
    let letters: Vec<&Letter> = doubts.letters.iter().filter(is_lost).collect();
    if lost.is_empty() && letters.is_empty() {
        return Ok(());
    }
    desk.db.write(|tx| {
        move_all(tx, &lost, now)?;
        letters.iter().try_for_each(|letter| replace(tx, letter, now))
    })
}

/// The same of contents that are not letters, as attachments are.
pub fn mend_contents(desk: &Desk, stored: &[&Stored], now: i64) -> Result<()> {
    if stored.is_empty() {
        return Ok(());
    }
    let elsewhere = desk.db.read(|tx| blob::elsewhere(tx, stored))?;
    let lost = lost(&desk.store, stored, &elsewhere);
    if lost.is_empty() { Ok(()) } else { desk.db.write(|tx| move_all(tx, &lost, now)) }
}

/// Those of the rows whose place does not hold them, each with the place that does. What is whole is known to the store by its
/// row's place from now on, so that it is not looked at each time.
fn lost<'a>(
    store: &Store,
    stored: &[&'a Stored],
    elsewhere: &'a [Elsewhere],
) -> Vec<(&'a Elsewhere, &'a str)> {
    let mut lost = Vec::new();
    for row in elsewhere {
        if store.is_whole(&row.place, &row.hash) {
            store.is_at(row.hash, &row.place);
        } else if let Some(fresh) = stored.iter().find(|fresh| fresh.hash == row.hash) {
            lost.push((row, fresh.place.as_str()));
        }
    }
    lost
}

/// Each row to the place that holds its content whole; what waited for it goes on.
pub fn move_all(tx: &mut Tx<'_>, lost: &[(&Elsewhere, &str)], now: i64) -> Result<()> {
    let mut moved = Vec::new();
    for (row, place) in lost {
        if blob::move_to(tx, row, place)? {
            tracing::warn!(blob = row.id, "it was not whole at {}, and is at {place} now", row.place);
            moved.push(row.id);
        }
    }
    go_on(tx, &moved, now)
}

/// A letter that came again takes the place of the one that is lost.
fn replace(tx: &mut Tx<'_>, letter: &Letter, now: i64) -> Result<()> {
    let blob_id = blob::name(tx, &letter.fresh)?;
    let changed = tx.execute(
        "UPDATE inbox SET blob_id = $3, size_bytes = $4 WHERE id = $1 AND blob_id = $2",
        params![letter.inbox_id, letter.blob_id, blob_id, blob::size_in_row(letter.fresh.size_bytes)],
    )?;
    if changed == 0 {
        return Ok(());
    }
    tx.execute(
        "UPDATE entry SET raw_blob_id = $3 WHERE id = (SELECT entry_id FROM inbox WHERE id = $1) AND raw_blob_id = $2",
        params![letter.inbox_id, letter.blob_id, blob_id],
    )?;
    // What nothing names any more is missed by nobody.
    tx.execute(
        "DELETE FROM blob WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM inbox WHERE blob_id = $1)
             AND NOT EXISTS (SELECT 1 FROM entry WHERE raw_blob_id = $1 OR html_blob_id = $1)
             AND NOT EXISTS (SELECT 1 FROM attachment WHERE blob_id = $1)
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE blob_id = $1)",
        params![letter.blob_id],
    )?;
    let (inbox, place) = (letter.inbox_id, &letter.place);
    tracing::warn!(inbox, "its bytes were not whole at {place}; the letter came again, and stands there now");
    go_on(tx, &[blob_id], now)
}

/// Mail whose bytes could not be read, and now can: it is tried as if for the first time, also what was kept for a person.
fn go_on(tx: &mut Tx<'_>, blob_ids: &[i64], now: i64) -> Result<()> {
    for some in blob_ids.chunks(512) {
        let mut query = Query::new(
            "UPDATE inbox SET state = 'new', reason_code = '', reason = '', attempts = 0, ticket_id = NULL, due_at = ",
        );
        query.bind(now).push(
            ", leased_until = CASE WHEN state = 'new' THEN leased_until ELSE 0 END
             WHERE ((state = 'new' AND reason_code <> '') OR (state = 'failed' AND reason_code = 'failed'))
               AND blob_id IN ",
        );
        query.bind_list(some.iter().copied());
        if tx.execute(query.sql(), query.params())? > 0 {
            tx.wake("inbox");
            tx.wake("mailbox"); // the strip says so
        }
    }
    Ok(())
}
