//! A desk for tests: SQLite in a temporary folder, or, when `POSTERN_TEST_POSTGRES` holds the address of a
//! server (`postgres://postgres@127.0.0.1:5433`), a database of its own there. All is gone when it is dropped.
use crate::db::{Db, Durability, Options};
use crate::{Desk, MIGRATIONS, files::store::Store, site::vault::Vault};
use postgres::{Client, NoTls};
use sha2::{Digest as _, Sha256};
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
    /// The same with the desk's tables in it: on PostgreSQL copied from a database that was made once, because a
    /// migration takes longer than most tests.
    pub fn migrated() -> Place {
        match std::env::var(POSTGRES) {
            Ok(server) if !server.is_empty() => {
                let server = server.trim_end_matches('/');
                Place::copied(server, &format!("TEMPLATE {}", template(server)))
            }
            _ => Place::sqlite(),
        }
    }
    fn postgres(server: &str) -> Place {
        Place::copied(server.trim_end_matches('/'), "")
    }
    fn copied(server: &str, from: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("postern_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let server = server.to_owned();
        admin(
            &server,
            &[
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                &format!("CREATE DATABASE {name} {from}"),
            ],
        );
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
            admin(server, &[&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")]);
        }
    }
}

/// Nothing waits for the disk.
pub fn options() -> Options {
    Options { durability: Durability::Off, ..Options::default() }
}

/// In a thread of its own: the blocking client may not run within a runtime of a test.
fn admin(server: &str, statements: &[&str]) {
    on_server(server, |client| statements.iter().try_for_each(|sql| client.batch_execute(sql)));
}

#[expect(clippy::disallowed_methods, reason = "a test makes its database before there is a Db")]
fn on_server<T: Send>(server: &str, f: impl FnOnce(&mut Client) -> Result<T, postgres::Error> + Send) -> T {
    let url = format!("{server}/postgres");
    let done = std::thread::scope(|s| {
        s.spawn(|| Client::connect(&url, NoTls).and_then(|mut client| f(&mut client))).join()
    });
    done.expect("no panic").expect("POSTERN_TEST_POSTGRES names a server where databases may be made")
}

/// The name of the database that holds the desk's tables and nothing else. It is made under another name and gets this
/// one when it is whole; one test makes it while the others wait.
fn template(server: &str) -> String {
    let mut text = Sha256::new();
    MIGRATIONS.iter().for_each(|m| text.update(m.postgres));
    let hash: String = text.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("postern_template_{hash}");
    on_server(server, |client| {
        client.batch_execute("SELECT pg_advisory_lock(7057)")?;
        if client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])?.is_none() {
            let half = format!("{name}_half");
            client.batch_execute(&format!("DROP DATABASE IF EXISTS {half} WITH (FORCE)"))?;
            client.batch_execute(&format!("CREATE DATABASE {half}"))?;
            let db = Db::open(&format!("{server}/{half}"), &options()).expect("the template opens");
            db.migrate(MIGRATIONS).expect("the template migrates");
            drop(db);
            // The connection that listens would come back, if only for a moment, and a database in use is not renamed.
            client.batch_execute(&format!("ALTER DATABASE {half} WITH ALLOW_CONNECTIONS false"))?;
            let others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
            client.query(others, &[&half])?;
            client.batch_execute(&format!("ALTER DATABASE {half} RENAME TO {name}"))?;
        }
        client.batch_execute("SELECT pg_advisory_unlock(7057)")
    });
    name
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
        TestDesk::on(Place::migrated())
    }
    pub fn on(place: Place) -> TestDesk {
        let open = || {
            let db = place.open();
            db.migrate(MIGRATIONS).expect("the test database migrates");
            let store = Store::open(&place.folder().join("blobs"))
                .expect("the test store opens")
                .keeping(crate::files::reserve::Reserve::Bytes(0));
            let providers = mail::provider::Book::builtin().clone().into();
            Desk { db, vault: Vault::from_key([7; 32]), store, providers }
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
