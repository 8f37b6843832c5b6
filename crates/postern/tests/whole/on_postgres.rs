//! The same program on PostgreSQL, against the real mail servers.
use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, PASSWORD, Program};
use crate::rig;
use crate::visitor::Visitor;
use desk::db::{Db, Options};
use desk::params;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A database of its own, dropped at the end.
pub struct Database {
    server: String,
    name: String,
}
impl Database {
    pub fn new() -> Database {
        let server = rig::variable("POSTERN_TEST_POSTGRES_SERVER");
        let database = Database { name: format!("whole_{:016x}", rand::random::<u64>()), server };
        database.ask(&format!("CREATE DATABASE {}", database.name));
        database
    }
    fn ask(&self, sql: &str) {
        let mut client =
            postgres::Client::connect(&format!("{}/postgres", self.server), postgres::NoTls).unwrap();
        client.batch_execute(sql).unwrap();
    }
    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }
}
impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Ok(mut client) =
            postgres::Client::connect(&format!("{}/postgres", self.server), postgres::NoTls)
        {
            let _ = client.batch_execute(&sql);
        }
    }
}

/// Looks closely: what comes after is to strike while the rest is under way.
fn until_stored(url: &str, least: i64) {
    let db = Db::open(url, &Options::default()).unwrap();
    let began = Instant::now();
    loop {
        let (count,): (i64,) = db.read(|tx| tx.one("SELECT count(*) FROM inbox", params![])).unwrap();
        if count >= least {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{count} letters are stored");
        std::thread::sleep(Duration::from_millis(3));
    }
}

#[test]
fn on_postgres_real_servers_mail_comes_in_is_answered_and_survives_a_kill() {
    let database = Database::new();
    let (address, ann) =
        (rig::address("support", "contoso.example"), rig::address("ann", "nordwind.example"));
    let (ca, url) = (rig::ca(), database.url());
    let program =
        Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap(), "--database", &url]).administrator();
    program.file("secret", rig::PASSWORD);
    let toml =
        rig::mailbox_toml(&address, &rig::imaps(), &rig::submission(), "batch = 5\nfetched = \"move:Done\"");
    let file = program.file("fleet.toml", &toml);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    let letters: Vec<_> =
        (0..30).map(|i| rig::letter(&ann, &address, &format!("Matter {i}"), "Please look.")).collect();
    rig::deliver(&address, &letters);
    let server = program.serve();
    until_stored(&url, 1);
    server.kill(); // with some of them stored, and others not
    let server = program.serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        until("every letter as a ticket", async || {
            let page = program.run(&["ticket", "list", "--json", "--limit", "500"]).fine().json();
            (page["items"].as_array().unwrap().len() == 30).then_some(())
        })
        .await;
        let found = program.run(&["ticket", "list", "--query", "Matter 7", "--json"]).fine().json();
        // A random address may begin with a 7 too.
        let items = found["items"].as_array().unwrap();
        let seven =
            items.iter().find(|item| item["subject"] == "Matter 7").expect("it is found by its words");
        let ticket = seven["number"].as_str().unwrap().to_owned();
        program.run_with(&["reply", &ticket, "--as", ADMINISTRATOR], "Looked.").fine();
        let letter = until("the reply", async || rig::look(&ann, "INBOX").await.pop()).await;
        assert!(letter.subject.contains("Matter 7"), "{}", letter.subject);
    });
    server.stop();
    program.run(&["check"]).fine();
}

#[test]
fn on_postgres_a_database_that_goes_away_for_a_while_loses_no_text() {
    let database = Database::new();
    let program = Program::new().with(&["--database", &database.url()]).administrator();
    let server = program.serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut maya = Visitor::new();
        maya.sign_in(&server.url, ADMINISTRATOR, PASSWORD).await.says("Open");
        let page = maya.get(format!("{}/mailboxes/new", server.url)).await;
        let form = page.form("Add").set("address", "support@contoso.example").set("notes", "Line 1\nLine 2");
        let name = &database.name;
        let gone = format!(
            "ALTER DATABASE {name} ALLOW_CONNECTIONS false;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        tokio::task::block_in_place(|| database.ask(&gone));

        let page = maya.submit(form).await;
        assert_eq!(page.status, 503, "{}", page.words());
        assert_eq!(page.headers["retry-after"], "10");
        page.says("Not just now").says("does not answer").says("Reference number").says("Line 2");
        let read = maya.get(format!("{}/mailboxes", server.url)).await;
        assert_eq!(read.status, 503, "{}", read.words());
        read.says("Not just now").says("Try again");

        let back = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
        tokio::task::block_in_place(|| database.ask(&back));
        maya.submit(page.form("Send again")).await.says("support@contoso.example");
        maya.submit(page.form("Send again")).await.says("support@contoso.example");
        let list = maya.get(format!("{}/mailboxes", server.url)).await;
        assert_eq!(list.words().matches("not set up").count(), 1, "it is there once: {}", list.words());
    });
    server.stop();
}

#[test]
fn on_postgres_a_wrong_address_is_one_sentence_without_the_password() {
    let program = Program::new().with(&["--database", "postgres://desk:hunter2@127.0.0.1:1/desk"]);
    let ran = program.run(&["serve"]).fails(1, &["127.0.0.1:1"]);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}

/// Between Postern and the database. Frozen, it holds every connection open and passes nothing on.
#[derive(Debug)]
struct Between {
    port: u16,
    frozen: Arc<AtomicBool>,
    /// What it has been asked or answered since, and keeps.
    held: Arc<AtomicUsize>,
}
impl Between {
    /// Before this database; and the address that leads through it.
    fn before(database: &Database) -> (Between, String) {
        let mut url: url::Url = database.url().parse().unwrap();
        let to: SocketAddr = format!("127.0.0.1:{}", url.port().unwrap()).parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let between = Between { port, frozen: Arc::default(), held: Arc::default() };
        let (frozen, held) = (between.frozen.clone(), between.held.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(to) else { continue };
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    let (frozen, held) = (frozen.clone(), held.clone());
                    std::thread::spawn(move || {
                        let mut some = [0; 8192];
                        while let Ok(count @ 1..) = from.read(&mut some) {
                            if frozen.load(Ordering::SeqCst) {
                                held.fetch_add(1, Ordering::SeqCst);
                            }
                            while frozen.load(Ordering::SeqCst) {
                                std::thread::sleep(Duration::from_millis(20));
                            }
                            if to.write_all(&some[..count]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(between.port)).unwrap();
        (between, url.into())
    }
    fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }
    fn thaw(&self) {
        self.frozen.store(false, Ordering::SeqCst);
    }
    /// So many questions wait for an answer.
    fn until_asked(&self, least: usize) {
        let began = Instant::now();
        while self.held.load(Ordering::SeqCst) < least {
            assert!(began.elapsed() < Duration::from_secs(60), "{self:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn on_postgres_a_database_that_says_nothing_does_not_keep_the_server_from_ending() {
    let database = Database::new();
    let (between, url) = Between::before(&database);
    let program = Program::new().with(&["--database", &url]);
    let server = program.serve();
    between.freeze();
    between.until_asked(1); // by a round
    let (took, status) = server.stop();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(status, 0);
    between.thaw();
}

/// While letters are fetched and filed, and somebody waits for a page.
#[test]
fn on_postgres_real_servers_a_server_at_work_ends_in_time_when_its_database_hangs_and_nothing_is_half_done() {
    const LETTERS: usize = 60;
    let database = Database::new();
    let (between, url) = Between::before(&database);
    let (address, ann) =
        (rig::address("support", "contoso.example"), rig::address("ann", "nordwind.example"));
    let ca = rig::ca();
    let program =
        Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap(), "--database", &url]).administrator();
    program.file("secret", rig::PASSWORD);
    let more = "batch = 5\nfetched = \"delete\"";
    let toml = rig::mailbox_toml(&address, &rig::imaps(), &rig::submission(), more);
    let file = program.file("fleet.toml", &toml);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    let subject = |number: usize| format!("Matter {number:02}");
    let letters: Vec<_> =
        (0..LETTERS).map(|i| rig::letter(&ann, &address, &subject(i), "Please look.")).collect();
    rig::deliver(&address, &letters);
    let server = program.serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut maya, form) = runtime.block_on(async {
        let mut maya = Visitor::new();
        let page = maya.get(format!("{}/sign-in", server.url)).await;
        (maya, page.form("Sign in").set("email", ADMINISTRATOR).set("password", PASSWORD))
    });
    until_stored(&database.url(), 5);
    between.freeze();
    let waiting = runtime.spawn(async move { maya.submit(form).await });
    between.until_asked(2);
    let (took, status) = server.stop();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(status, 0);
    between.thaw();
    // Answered in words, or not at all.
    if let Ok(page) = runtime.block_on(waiting) {
        assert_eq!(page.status, 503, "{}", page.words());
    }
    println!("it ended after {took:?}");

    let server = program.serve();
    runtime.block_on(async {
        until("every letter as a ticket", async || (program.subjects().len() >= LETTERS).then_some(())).await;
        until("nothing left on the server", async || {
            rig::look(&address, "INBOX").await.is_empty().then_some(())
        })
        .await;
    });
    assert_eq!(program.subjects(), (0..LETTERS).map(subject).collect::<Vec<_>>());
    server.stop();
    program.run(&["check"]).fine();
}
