//! The verbs of the database seam mean the same on SQLite and on PostgreSQL.
use desk::db::{Db, Dialect, Error, Migration, Query, Tx};
use desk::params;
use desk::testing::Place;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

/// A little desk of its own, so that these tests do not change when the real one does.
pub const SCHEMA: [Migration; 1] = [Migration::both(
    1,
    "CREATE TABLE ticket (id {id}, subject {text} NOT NULL, state {text} NOT NULL CHECK (state IN ('open', 'closed')),
         owner {text}, changed_at {int} NOT NULL) {strict};
     CREATE TABLE blob (id {id}, hash {bytes} NOT NULL UNIQUE, size {int} NOT NULL) {strict};
     CREATE TABLE outbox (id {id}, ticket_id {int} NOT NULL REFERENCES ticket (id), due_at {int} NOT NULL) {strict};",
)];

pub struct Fresh {
    pub db: Db,
    pub place: Place,
}
pub fn fresh() -> Fresh {
    let place = Place::new();
    let db = place.open();
    db.migrate(&SCHEMA).unwrap();
    Fresh { db, place }
}
impl std::ops::Deref for Fresh {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}
pub fn is_lite(db: &Db) -> bool {
    db.read(|tx| Ok::<_, Error>(tx.dialect() == Dialect::Sqlite)).unwrap()
}
pub fn ticket(tx: &mut Tx<'_>, subject: &str) -> Result<i64, Error> {
    tx.insert(
        "INSERT INTO ticket (subject, state, changed_at) VALUES ($1, 'open', $2) RETURNING id",
        params![subject, 1_700_000_000_i64],
    )
}
pub fn count(db: &Db) -> i64 {
    db.read(|tx| tx.one::<(i64,)>("SELECT count(*) FROM ticket", &[])).unwrap().0
}
fn orphan(tx: &mut Tx<'_>) -> Result<u64, Error> {
    tx.execute("INSERT INTO outbox (ticket_id, due_at) VALUES (-1, 0)", &[])
}

#[test]
fn each_verb_gives_the_rows_that_its_name_says() {
    let db = fresh();
    let id = db.write(|tx| ticket(tx, "a\0b")).unwrap();
    let done = db.write(|tx| tx.execute("UPDATE ticket SET owner = $2 WHERE id = $1", params![id, "kim"]));
    assert_eq!(done.unwrap(), 1);
    let find = "SELECT id, subject, owner FROM ticket WHERE owner = $2 AND id = $1";
    let row: (i64, String, Option<String>) = db.read(|tx| tx.one(find, params![id, "kim"])).unwrap();
    assert_eq!(row, (id, "ab".into(), Some("kim".into())));
    let by_id = "SELECT id FROM ticket WHERE id = $1";
    let none: Option<(i64,)> = db.read(|tx| tx.maybe(by_id, params![id + 1])).unwrap();
    assert_eq!(none, None);
    assert!(matches!(db.read(|tx| tx.one::<(i64,)>(by_id, params![0_i64])), Err(Error::NotFound)));
    db.write(|tx| ticket(tx, "c")).unwrap();
    let all = "SELECT id FROM ticket ORDER BY id";
    assert!(matches!(db.read(|tx| tx.maybe::<(i64,)>(all, &[])), Err(Error::TooMany)));
    assert_eq!(db.read(|tx| tx.all::<(i64,)>(all, &[])).unwrap(), [(id,), (id + 1,)]);
}

#[test]
fn every_type_comes_back_as_it_went_in() {
    let db = fresh();
    let (i, t, b, n) = (i64::MIN, "é 日本\u{10FFFF}", vec![0_u8, 255, 7], None::<&str>);
    type Row = (i64, String, Vec<u8>, Option<String>, bool, i64, Option<i64>, u32);
    let row: Row = db
        .read(|tx| {
            tx.one(
                "SELECT CAST($1 AS BIGINT), $2, $3, $4, EXISTS (SELECT 1), 7, CAST(sum(id) AS BIGINT), $5 FROM ticket",
                params![i, t, b.as_slice(), n, u32::MAX],
            )
        })
        .unwrap();
    assert_eq!(row, (i, t.to_owned(), b, None, true, 7, None, u32::MAX));
    for (sql, what) in [("SELECT 'a secret'", "a text read as i64"), ("SELECT NULL", "NULL read as i64")] {
        let said = db.read(|tx| tx.one::<(i64,)>(sql, &[])).unwrap_err().to_string();
        assert!(said.contains(what) && !said.contains("secret"), "{said}");
    }
    assert!(db.read(|tx| tx.one::<(u32,)>("SELECT $1", params![-1_i64])).is_err());
}

#[test]
fn sixteen_columns_and_more_are_read() {
    let db = fresh();
    type Wide = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);
    let wide: Wide =
        db.read(|tx| tx.one("SELECT 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16", &[])).unwrap();
    assert_eq!((wide.0, wide.15), (1, 16));
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    let done = fresh().write(|tx| {
        tx.execute("INSERT INTO ticket (subject, state, changed_at) VALUES ('s', 'open', $1)", params!["now"])
    });
    assert!(done.is_err());
}

#[test]
fn constraints_are_told_apart() {
    let db = fresh();
    let hash = [1_u8, 2];
    let put = |tx: &mut Tx<'_>| {
        tx.insert("INSERT INTO blob (hash, size) VALUES ($1, 2) RETURNING id", params![&hash])
    };
    let id = db.write(put).unwrap();
    assert!(matches!(db.write(put), Err(Error::Unique(_))));
    // ON CONFLICT DO NOTHING gives no row, never the id of some earlier insert.
    let nothing = "INSERT INTO blob (hash, size) VALUES ($1, 2) ON CONFLICT (hash) DO NOTHING RETURNING id";
    assert_eq!(db.write(|tx| tx.maybe::<(i64,)>(nothing, params![&hash])).unwrap(), None);
    let upsert = "INSERT INTO blob (hash, size) VALUES ($1, 3)
                  ON CONFLICT (hash) DO UPDATE SET size = excluded.size RETURNING id";
    assert_eq!(db.write(|tx| tx.insert(upsert, params![&hash])).unwrap(), id);
    assert!(matches!(db.write(orphan), Err(Error::ForeignKey(_))));
    let odd = "INSERT INTO ticket (subject, state, changed_at) VALUES ('', 'odd', 0)";
    assert!(matches!(db.write(|tx| tx.execute(odd, &[])), Err(Error::Check(_))));
}

#[test]
fn a_filter_that_is_not_given_filters_nothing() {
    let db = fresh();
    db.write(|tx| ticket(tx, "one").and_then(|_| ticket(tx, "two"))).unwrap();
    let find = |owner: Option<&str>, subject: Option<&str>| {
        let sql =
            "SELECT subject FROM ticket WHERE ($1 IS NULL OR owner = $1) AND ($2 IS NULL OR subject = $2)
                   ORDER BY id LIMIT $3";
        db.read(|tx| tx.all::<(String,)>(sql, params![owner, subject, 5_i64])).unwrap()
    };
    assert_eq!(find(None, None).len(), 2);
    assert_eq!(find(None, Some("two")), [("two".to_owned(),)]);
    assert_eq!(find(Some("x"), None).len(), 0);

    let mut q = Query::new("SELECT subject FROM ticket WHERE state = ");
    q.bind("open")
        .push(" AND subject IN ")
        .bind_list(["one", "two", "x"])
        .push(" ORDER BY id DESC LIMIT ")
        .bind(1);
    assert_eq!(db.read(|tx| tx.all::<(String,)>(q.sql(), q.params())).unwrap(), [("two".to_owned(),)]);
}

#[test]
fn like_and_order_are_bytewise() {
    let db = fresh();
    db.write(|tx| ["b", "B", "a", "é"].iter().try_for_each(|s| ticket(tx, s).map(drop))).unwrap();
    let all: Vec<(String,)> =
        db.read(|tx| tx.all("SELECT subject FROM ticket ORDER BY subject", &[])).unwrap();
    assert_eq!(all.iter().map(|(s,)| s.as_str()).collect::<Vec<_>>(), ["B", "a", "b", "é"]);
    let like: (i64,) =
        db.read(|tx| tx.one("SELECT count(*) FROM ticket WHERE subject LIKE 'B%'", &[])).unwrap();
    assert_eq!(like.0, 1);
}

#[test]
fn a_savepoint_fails_alone() {
    let db = fresh();
    let report = db.write(|tx| {
        let mut report = Vec::new();
        for i in 0..100_i64 {
            let filed = tx.savepoint(|tx| {
                let id = ticket(tx, &format!("t{i}"))?;
                match i {
                    50 => drop(orphan(tx)?),
                    60 => return tx.savepoint(|_| Err(Error::NotFound)),
                    61 => drop(orphan(tx)), // swallowed
                    _ => {}
                }
                Ok(id)
            });
            report.push(filed.is_ok());
        }
        Ok::<_, Error>(report)
    });
    let report = report.unwrap();
    assert_eq!(report.iter().filter(|ok| !**ok).count(), 3);
    // The foreign key holds at once on both, not at the commit.
    assert!(!report[50] && !report[60] && !report[61]);
    assert_eq!(count(&db), 97);
}

#[test]
fn a_swallowed_error_does_not_commit() {
    let db = fresh();
    let done = db.write(|tx| {
        ticket(tx, "lost")?;
        let _ = orphan(tx);
        assert!(matches!(ticket(tx, "after"), Err(Error::Doomed)));
        Ok::<_, Error>(())
    });
    assert!(matches!(done, Err(Error::Doomed)));
    assert_eq!(count(&db), 0);
}

#[test]
fn an_error_and_a_panic_roll_back() {
    let db = fresh();
    let done = db.write(|tx| ticket(tx, "x").and(Err::<(), _>(Error::NotFound)));
    assert!(matches!(done, Err(Error::NotFound)));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        db.write(|tx| -> Result<(), Error> {
            ticket(tx, "x")?;
            panic!("on purpose")
        })
    }));
    assert!(caught.is_err());
    assert_eq!(count(&db), 0);
    db.write(|tx| ticket(tx, "y")).unwrap(); // the connection is fit for use
    assert_eq!(count(&db), 1);
}

#[test]
fn a_read_cannot_write() {
    let db = fresh();
    assert!(db.read(|tx| ticket(tx, "x")).is_err());
    assert_eq!(count(&db), 0);
}

#[test]
fn a_read_is_one_snapshot() {
    let db = fresh();
    let all = |tx: &mut Tx<'_>| tx.one::<(i64,)>("SELECT count(*) FROM ticket", &[]);
    let seen = db.read(|tx| {
        let before = all(tx)?.0;
        std::thread::scope(|s| s.spawn(|| db.write(|tx| ticket(tx, "x")).unwrap()).join().unwrap());
        Ok::<_, Error>((before, all(tx)?.0))
    });
    assert_eq!(seen.unwrap(), (0, 0));
    assert_eq!(count(&db), 1);
}

#[test]
fn wake_ups_come_after_the_commit_and_only_then() {
    let db = fresh();
    let (say, heard) = mpsc::channel();
    let inner = db.db.clone();
    db.on_wake(move |topic| say.send((topic.to_owned(), count(&inner))).unwrap());
    let _ = db.write(|tx| {
        ticket(tx, "x")?;
        tx.wake("undone");
        Err::<(), _>(Error::NotFound)
    });
    db.write(|tx| {
        let _ = tx.savepoint(|tx| {
            tx.wake("undone");
            Err::<(), _>(Error::NotFound)
        });
        tx.wake("outbox");
        tx.wake("outbox");
        ticket(tx, "x")
    })
    .unwrap();
    assert_eq!(heard.try_recv().unwrap(), ("outbox".to_owned(), 1), "in this thread, once the row is there");
    if is_lite(&db) {
        assert!(heard.try_recv().is_err());
    } else {
        // Once more by the listening connection: what other processes hear.
        assert_eq!(heard.recv_timeout(Duration::from_secs(10)).unwrap().0, "outbox");
    }
}

#[test]
fn two_writers_of_one_row_run_one_after_the_other() {
    let db = fresh();
    let (runs, gate, lite) = (AtomicU32::new(0), Barrier::new(2), is_lite(&db));
    let id = db.write(|tx| ticket(tx, "0")).unwrap();
    let read = |tx: &mut Tx<'_>| tx.one::<(String,)>("SELECT subject FROM ticket WHERE id = $1", params![id]);
    let add = || {
        db.write(|tx| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            let n: i64 = read(tx)?.0.parse().unwrap();
            if !lite && run < 2 {
                gate.wait();
            }
            tx.execute("UPDATE ticket SET subject = $2 WHERE id = $1", params![id, (n + 1).to_string()])
        })
    };
    std::thread::scope(|s| (0..2).for_each(|_| drop(s.spawn(|| add().unwrap()))));
    assert_eq!(db.read(read).unwrap().0, "2");
    assert_eq!(runs.load(Ordering::SeqCst), if lite { 2 } else { 3 });
}

#[test]
fn a_deadlock_in_a_savepoint_reruns_the_whole() {
    let db = fresh();
    let (runs, gate, lite) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)), is_lite(&db));
    let (a, b) = db.write(|tx| Ok::<_, Error>((ticket(tx, "a")?, ticket(tx, "b")?))).unwrap();
    let later = "UPDATE ticket SET changed_at = changed_at + 1 WHERE id = $1";
    std::thread::scope(|s| {
        for (x, y) in [(a, b), (b, a)] {
            let (runs, gate, db) = (Arc::clone(&runs), Arc::clone(&gate), db.db.clone());
            s.spawn(move || {
                let ok = db.write(|tx| {
                    let run = runs.fetch_add(1, Ordering::SeqCst);
                    tx.execute(later, params![x])?;
                    if !lite && run < 2 {
                        gate.wait();
                    }
                    Ok::<_, Error>(tx.savepoint(|tx| tx.execute(later, params![y])).is_ok())
                });
                assert!(ok.unwrap());
            });
        }
    });
    let sum: (i64,) =
        db.read(|tx| tx.one("SELECT CAST(sum(changed_at) AS BIGINT) FROM ticket", &[])).unwrap();
    assert_eq!(sum.0, 2 * 1_700_000_000 + 4);
    if !lite {
        // Once more at least; the one that runs again may meet the other's commit.
        assert!(runs.load(Ordering::SeqCst) >= 3);
    }
}

#[test]
fn many_writers_wait_for_each_other() {
    let db = fresh();
    std::thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| (0..20).for_each(|_| assert!(db.write(|tx| ticket(tx, "x")).unwrap() > 0)));
        }
    });
    assert_eq!(count(&db), 160);
}

/// As two processes have it: another handle on the same file.
#[test]
fn what_another_process_commits_to_sqlite_wakes_too_and_ones_own_commits_wake_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("postern.db").display());
    let open = || Db::open(&url, &desk::db::Options::default()).unwrap();
    let (here, elsewhere) = (open(), open());
    here.write(|tx| tx.execute("CREATE TABLE thing (a BIGINT NOT NULL)", params![])).unwrap();
    let (say, heard) = mpsc::channel();
    here.on_wake(move |topic| say.send(topic.to_owned()).unwrap());
    let insert = |tx: &mut Tx<'_>| tx.execute("INSERT INTO thing (a) VALUES (1)", params![]);
    here.write(insert).unwrap();
    assert!(heard.recv_timeout(Duration::from_secs(2)).is_err(), "nothing that this process did");
    elsewhere.write(insert).unwrap();
    let topics: Vec<String> = (0..7).map(|_| heard.recv_timeout(Duration::from_secs(5)).unwrap()).collect();
    for waited_for in ["inbox", desk::site::mail_hold::TOPIC] {
        assert!(topics.iter().any(|topic| topic == waited_for), "{topics:?}");
    }
    assert!(heard.recv_timeout(Duration::from_secs(2)).is_err(), "it is said once");
}
