//! What other processes commit to a SQLite database: it sends no word, but says to who asks that something has changed.
use super::{Listeners, Pools};
use std::sync::Weak;
use std::time::Duration;

/// Looking costs some microseconds, and nothing of the disk.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// What it was that changed is not known, so all that listens looks.
const TOPICS: [&str; 7] = ["ticket", "inbox", "outbox", "mailbox", "grant", "notice", "mail_hold"];

pub(super) fn listen(pools: Weak<Pools>, listeners: Weak<Listeners>) {
    let mut known = look(&pools).flatten();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(LOOK_EVERY);
            let (Some(found), Some(listeners)) = (look(&pools), listeners.upgrade()) else { return };
            if let Some(now) = found
                && known.replace(now).is_some_and(|before| before != now)
            {
                TOPICS.iter().for_each(|topic| listeners.fire(topic));
            }
        }
    });
}

/// The number that each commit of another process changes. Asked of the one connection that writes here, which therefore
/// does not count what this process commits. `None`: the database is closed; `Some(None)`: somebody is writing.
fn look(pools: &Weak<Pools>) -> Option<Option<i64>> {
    let pools = pools.upgrade()?;
    let Pools::Lite { writer, .. } = &*pools else { return None };
    let Some(conn) = writer.idle() else { return Some(None) };
    Some(conn.pragma_query_value(None, "data_version", |row| row.get(0)).ok())
}
