//! Waiting until every transaction that has begun is over: for who changes something outside of the database that
//! transactions look at.
use super::{Db, Dialect, Error};
use std::time::{Duration, Instant};

/// A transaction of Postern takes less than a second; one that takes longer than this is somebody else's.
const WAIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// As `CREATE INDEX CONCURRENTLY` does it: each transaction holds a lock on its own number for as long as it lives.
const UNDER_WAY: &str = "SELECT l.virtualxid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'virtualxid' AND l.granted AND l.pid <> pg_backend_pid() AND a.datname = current_database()";

pub(super) fn run(db: &Db) -> Result<(), Error> {
    match db.read(|tx| Ok::<_, Error>(tx.dialect()))? {
        // There is one writer: whoever begins to write has outlasted those before.
        Dialect::Sqlite => db.write(|_| Ok(())),
        Dialect::Postgres => {
            let under_way = || db.read(|tx| tx.all::<(String,)>(UNDER_WAY, &[]));
            let mut before = under_way()?;
            let began = Instant::now();
            while !before.is_empty() {
                if began.elapsed() > WAIT {
                    return Err(Error::Busy);
                }
                std::thread::sleep(LOOK_AGAIN);
                let now = under_way()?;
                before.retain(|transaction| now.contains(transaction));
            }
            Ok(())
        }
    }
}
