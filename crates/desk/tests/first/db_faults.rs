//! What goes wrong with a database, and what is said then.
use super::db::{count, fresh, is_lite, ticket};
use desk::db::{Db, Durability, Error, Options};
use desk::testing::{Place, options};
use std::time::Duration;

fn said(url: &str) -> String {
    Db::open(url, &options()).map(drop).unwrap_err().to_string()
}

#[test]
fn nobody_else_on_the_machine_reads_the_database() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elsewhere.db");
    let db = Db::open(&format!("sqlite:{}", path.display()), &desk::testing::options()).unwrap();
    db.write(|tx| tx.execute("CREATE TABLE t (a INTEGER)", &[])).unwrap();
    for file in ["elsewhere.db", "elsewhere.db-wal", "elsewhere.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_database_that_cannot_be_opened_says_which_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let missing = said(&at("no/such/folder.db"));
    assert!(missing.contains("no/such/folder.db") && missing.contains("folder exists"), "{missing}");
    std::fs::write(
        folder.path().join("text.db"),
        "this is not a database, whatever its name may say ".repeat(50),
    )
    .unwrap();
    let text = said(&at("text.db"));
    assert!(text.contains("text.db") && text.contains("not a whole SQLite database"), "{text}");
    let scheme = said("mysql://root:hunter2@localhost/x");
    assert!(scheme.contains("sqlite:PATH") && !scheme.contains("hunter2"), "{scheme}");
}

#[test]
fn a_postgres_that_is_not_there_is_said_without_the_password() {
    // Port 1 of loopback: nobody listens.
    let away = said("postgres://kim:hunter2@127.0.0.1:1/desk");
    assert!(away.contains("127.0.0.1:1") && away.contains("Check that it runs"), "{away}");
    let unread = said("postgres://kim:hunter2@127.0.0.1:port/desk");
    assert!(unread.contains("postgres://USER@HOST/NAME"), "{unread}");
    assert!(!away.contains("hunter2") && !unread.contains("hunter2"));
}

#[test]
fn pragmas_are_in_force() {
    let place = Place::sqlite();
    let ask = |durability: Durability, name: &'static str| {
        let db = Db::open(&place.url, &Options { durability, ..Options::default() }).unwrap();
        db.write(|tx| tx.one::<(i64,)>(name, &[])).unwrap().0
    };
    assert_eq!(ask(Durability::Full, "PRAGMA synchronous"), 2);
    assert_eq!(ask(Durability::Off, "PRAGMA synchronous"), 0);
    assert_eq!(ask(Durability::Full, "PRAGMA foreign_keys"), 1);
    let db = place.open();
    let mode: (String,) = db.read(|tx| tx.one("PRAGMA journal_mode", &[])).unwrap();
    assert_eq!(mode.0, "wal");
}

#[test]
fn who_waits_too_long_for_a_connection_is_told_that_it_is_busy() {
    let place = Place::new();
    let options = Options { connections: 1, wait: Duration::from_millis(50), ..options() };
    let db = Db::open(&place.url, &options).unwrap();
    let inner = db.read(|_| Ok::<_, Error>(db.read(|_| Ok::<_, Error>(())))).unwrap();
    assert!(matches!(inner, Err(Error::Busy)), "{inner:?}");
    db.read(|_| Ok::<_, Error>(())).unwrap();
}

#[test]
fn a_write_within_a_write_gives_up_instead_of_hanging() {
    let place = Place::sqlite();
    let db = Db::open(&place.url, &Options { wait: Duration::from_millis(50), ..options() }).unwrap();
    let inner = db.write(|_| Ok::<_, Error>(db.write(|_| Ok::<_, Error>(())))).unwrap();
    assert!(matches!(inner, Err(Error::Busy)), "{inner:?}");
}

#[test]
fn two_programs_on_one_sqlite_file_wait_for_each_other() {
    let fresh = fresh();
    if !is_lite(&fresh) {
        return; // every client of PostgreSQL is another program
    }
    let other = fresh.place.open();
    std::thread::scope(|s| {
        for db in [&fresh.db, &other] {
            s.spawn(move || (0..50).for_each(|_| assert!(db.write(|tx| ticket(tx, "x")).unwrap() > 0)));
        }
    });
    assert_eq!(count(&other), 100);
}

#[test]
fn a_full_disk_dooms_the_whole_and_not_a_hundred_messages() {
    let place = Place::sqlite();
    let db = place.open();
    db.migrate(&super::db::SCHEMA).unwrap();
    db.write(|tx| tx.all::<(i64,)>("PRAGMA max_page_count = 60", &[])).unwrap();
    let big = "x".repeat(8192);
    let done = db.write(|tx| {
        let failed = (0..100).filter(|_| tx.savepoint(|tx| ticket(tx, &big)).is_err()).count();
        assert!(failed > 0);
        Ok::<_, Error>(failed)
    });
    assert!(matches!(done, Err(Error::Doomed)), "{done:?}");
    assert_eq!(count(&db), 0);
}

#[test]
fn a_lost_connection_is_replaced_when_nothing_has_happened_and_told_otherwise() {
    let db = fresh();
    if is_lite(&db) {
        return; // it has no connection to lose
    }
    let kill = || {
        #[expect(clippy::disallowed_methods, reason = "it does to the server what no Db does")]
        let mut client = postgres::Client::connect(&db.place.url, postgres::NoTls).unwrap();
        // The time-out makes the server wait until each is gone. (The one that listens comes back by itself.)
        let others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        client.query(others, &[]).unwrap();
    };
    kill();
    // The client learns of it when it next speaks, so each idle connection may cost one try.
    let wrote = (0..8).find_map(|_| db.write(|tx| ticket(tx, "x")).ok());
    assert!(wrote.is_some());
    let cut = db.write(|tx| {
        let id = ticket(tx, "y")?;
        kill();
        let _ = tx.savepoint(|tx| ticket(tx, "z"));
        Ok::<_, Error>(id)
    });
    assert!(matches!(cut, Err(Error::Doomed)), "{cut:?}");
    let before = (0..8).find_map(|_| db.read(|tx| tx.one::<(i64,)>("SELECT count(*) FROM ticket", &[])).ok());
    assert_eq!(before, Some((1,)));
}

#[test]
fn a_table_that_changes_under_a_prepared_statement_is_asked_again() {
    let db = fresh();
    let read = || db.read(|tx| tx.all::<(i64,)>("SELECT * FROM blob", &[])).map(|rows| rows.len());
    (0..8).for_each(|_| assert_eq!(read().unwrap(), 0));
    let other = db.place.open();
    let add = desk::db::Migration::both(2, "ALTER TABLE blob ADD COLUMN more {text}");
    other.migrate(&[super::db::SCHEMA[0], add]).unwrap();
    (0..8).for_each(|_| assert_eq!(read().unwrap(), 0));
}

/// It takes links and says nothing, as one that was stopped does.
#[test]
#[expect(clippy::disallowed_methods, reason = "what hangs is a server")]
fn a_server_that_hangs_is_told_at_the_beginning_in_time() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let url = format!("postgres://desk:hunter2@127.0.0.1:{port}/desk");
    let options = Options { wait: std::time::Duration::from_millis(200), ..Options::default() };
    let began = std::time::Instant::now();
    let said = Db::open(&url, &options).unwrap_err().to_string();
    assert!(began.elapsed() < std::time::Duration::from_secs(9), "{:?}", began.elapsed());
    for word in [&format!("127.0.0.1:{port}"), "has not said a word", "Then begin again"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

/// In a build with its assertions: so each test of this desk says it too.
#[cfg(debug_assertions)]
#[test]
fn a_statement_for_which_sqlite_makes_an_index_at_each_run_is_a_fault() {
    let desk = fresh();
    if !is_lite(&desk.db) {
        return;
    }
    desk.write(|tx| ticket(tx, "one").and_then(|_| ticket(tx, "two"))).unwrap();
    let same = "SELECT a.id FROM ticket a JOIN ticket b ON b.subject = a.subject AND b.id <> a.id";
    let run = || desk.read(|tx| tx.all::<(i64,)>(same, &[])).map(drop);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
    let said = panicked.downcast_ref::<String>().unwrap();
    assert!(said.contains("makes one of its own") && said.contains(same), "{said}");
}
