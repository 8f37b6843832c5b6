//! A desk for tests: SQLite in a temporary folder, or, when `POSTERN_TEST_POSTGRES` holds the address of a
//! server (`postgres://postgres@127.0.0.1:5433`), a database of its own there. All is gone when it is dropped.
use super::{Db, Durability, Options};
use crate::{Desk, MIGRATIONS, files::store::Store, site::vault::Vault};
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the second database is, for those who run the tests on it.
pub const POSTGRES: &str = "POSTERN_TEST_POSTGRES";

/// A place for one database.
#[derive(Debug)]
pub struct Place {
    pub url: String,
    folder: tempfile::TempDir,
    /// Server and name of the database that must go.
    made: Option<(String, String)>,
}

impl Place {
    /// On the database that the environment asks for; nothing is in it.
    pub fn new() -> Place {
        match std::env::var(POSTGRES) {
            Ok(server) if !server.is_empty() => Place::postgres(&server),
            _ => Place::sqlite(),
        }
    }
    pub fn sqlite() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("postern.db").display());
        Place { url, folder, made: None }
    }
    fn postgres(server: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("postern_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let server = server.trim_end_matches('/').to_owned();
        admin(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        admin(&server, &format!("CREATE DATABASE {name}"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        Place { url: format!("{server}/{name}"), folder, made: Some((server, name)) }
    }
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
    pub fn open(&self) -> Db {
        Db::open(&self.url, &options()).expect("the test database opens")
    }
}
impl Default for Place {
    fn default() -> Self {
        Place::new()
    }
}
impl Drop for Place {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.made {
            admin(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Nothing waits for the disk.
pub fn options() -> Options {
    Options { durability: Durability::Off, ..Options::default() }
}

/// In a thread of its own: the blocking client may not run within a runtime of a test.
fn admin(server: &str, sql: &str) {
    let (url, sql) = (format!("{server}/postgres"), sql.to_owned());
    let done = std::thread::spawn(move || {
        postgres::Client::connect(&url, postgres::NoTls).and_then(|mut client| client.batch_execute(&sql))
    });
    done.join().expect("no panic").expect("POSTERN_TEST_POSTGRES names a server where databases may be made");
}

/// A migrated desk with a key and a store of its own.
#[derive(Debug)]
pub struct TestDesk {
    desk: Desk,
    place: Place,
}
impl TestDesk {
    #[expect(clippy::new_without_default, reason = "it opens a database")]
    pub fn new() -> TestDesk {
        TestDesk::on(Place::new())
    }
    pub fn on(place: Place) -> TestDesk {
        let open = || {
            let db = place.open();
            db.migrate(&MIGRATIONS).expect("the test database migrates");
            let store = Store::open(&place.folder().join("blobs")).expect("the test store opens");
            Desk { db, vault: Vault::from_key([7; 32]), store }
        };
        // The blocking client of PostgreSQL must not be used on a thread of a runtime.
        let desk = std::thread::scope(|s| s.spawn(open).join()).expect("the test desk opens");
        TestDesk { desk, place }
    }
    /// What this desk stands on: its folder is a good place for a test's own files.
    pub fn place(&self) -> &Place {
        &self.place
    }
}
impl Deref for TestDesk {
    type Target = Desk;
    fn deref(&self) -> &Desk {
        &self.desk
    }
}
