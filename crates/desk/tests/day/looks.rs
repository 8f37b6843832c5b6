//! Whether a look for alerts is needed at all.
use crate::alerts::{breaks, day, letters, mended, minutes};
use crate::desk::{MINUTE, SUPPORT};
use desk::alerts::look;
use desk::db::Tx;
use desk::mailboxes::mailbox::Side;
use desk::params;

type WrittenAlert = (i64, i64, Option<i64>, Option<i64>, Option<i64>, String);
type WrittenNotice = (i64, String, Option<i64>, String);

/// All that a look may write.
pub(crate) fn written(tx: &mut Tx<'_>) -> desk::Result<String> {
    let alerts: Vec<WrittenAlert> =
        tx.all("SELECT id, times, gone_at, ended_at, again_at, reason FROM alert ORDER BY id", params![])?;
    let notices: Vec<WrittenNotice> =
        tx.all("SELECT id, state, outbox_id, answer FROM notice ORDER BY id", params![])?;
    let learned: Vec<(i64, Option<i64>)> =
        tx.all("SELECT mailbox_id, last_hour FROM usual ORDER BY mailbox_id", params![])?;
    let outbox: Vec<(i64, String)> = tx.all("SELECT id, state FROM outbox ORDER BY id", params![])?;
    Ok(format!("{alerts:?} {notices:?} {learned:?} {outbox:?}"))
}

#[test]
fn what_is_told_already_needs_no_look_until_its_day_is_over() {
    let day = day();
    breaks(&day, SUPPORT, Side::Incoming);
    let needed = |at| day.read(|tx| look::is_needed(tx, at));
    assert!(needed(day.now()));
    minutes(&day, 3);
    letters(&day);
    assert!(!needed(day.now() + MINUTE));
    assert!(needed(day.now() + 25 * 60 * MINUTE), "told again after a day");
    mended(&day, SUPPORT, Side::Incoming);
    assert!(needed(day.now()), "it seems to be over");
    minutes(&day, 1);
    assert!(!needed(day.now() + MINUTE), "not yet for long");
    assert!(needed(day.now() + 11 * MINUTE));
}
