//! `postern backup` and `postern restore`: what comes back is whole, on hold, and asks before it sends what may have been
//! sent.
use crate::on_postgres::Database;
use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, Program};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

pub const ADDRESS: &str = "support@contoso.example";

/// A desk whose mailbox sends to a port where nobody listens.
pub fn desk(program: Program) -> Program {
    program.file("secret", "rehearsal\n");
    let program = program.administrator();
    let toml = format!(
        "[[mailbox]]\naddress = \"{ADDRESS}\"\n[mailbox.incoming]\nhost = \"localhost\"\nport = 1\n\
         authentication = \"password\"\npassword_file = \"secret\"\n[mailbox.outgoing]\nhost = \"localhost\"\nport = 1\n\
         authentication = \"password\"\npassword_file = \"secret\"\n"
    );
    let file = program.file("fleet.toml", &toml);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program
}

pub fn pipe(program: &Program, i: usize, more: &str) {
    let letter = format!(
        "From: Ann <ann@nordwind.example>\nTo: {ADDRESS}\nSubject: Matter {i}\nMessage-ID: <{i}@nordwind.example>\n\n\
         Zwiebelkuchen {i}.\n{more}"
    );
    program.run_with(&["pipe", ADDRESS], &letter).fine();
}

pub fn json(program: &Program, arguments: &[&str]) -> Value {
    program.run(&[arguments, &["--json"]].concat()).fine().json()
}
fn items(program: &Program, arguments: &[&str]) -> Vec<Value> {
    json(program, &[arguments, &["--limit", "500"]].concat())["items"].as_array().unwrap().clone()
}
pub fn folder(program: &Program) -> (PathBuf, String) {
    let folder = program.path().join("backup");
    let name = folder.to_str().unwrap().to_owned();
    (folder, name)
}
/// A program without a desk that has the key of another.
pub fn with_key_of(program: &Program, other: &Program) {
    fs::create_dir_all(other.data()).unwrap();
    fs::copy(program.data().join("postern.key"), other.data().join("postern.key")).unwrap();
}
pub async fn tickets(program: &Program, count: usize) -> Vec<Value> {
    until("the tickets", async || {
        let items = items(program, &["ticket", "list"]);
        (items.len() == count).then_some(items)
    })
    .await
}
/// Whatever lies under the folder, by its path in it.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_while_mail_flows_comes_back_whole_on_hold_and_asks_before_it_sends() {
    let program = desk(Program::new());
    let server = program.serve();
    for i in 0..10 {
        pipe(&program, i, "");
    }
    let first = tickets(&program, 10).await;
    let number = first[0]["number"].as_str().unwrap().to_owned();
    program.run_with(&["reply", &number, "--as", ADMINISTRATOR], "It is on its way.").fine();
    let (backup, to) = folder(&program);
    // More comes in all the time.
    let (done, stop) = (AtomicBool::new(false), &program);
    let made = std::thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            let mut i = 10;
            while !done.load(Ordering::Relaxed) {
                pipe(stop, i, &"More of it.\n".repeat(200 * (i % 3)));
                i += 1;
            }
        });
        let made: Vec<Value> = (0..3).map(|_| json(&program, &["backup", &to, "--keep", "2"])).collect();
        done.store(true, Ordering::Relaxed);
        made
    });
    assert_eq!(made[0]["key"], false, "{made:?}");
    drop(server);
    let secret = fs::read_to_string(program.data().join("postern.key")).unwrap();
    for file in files(&backup) {
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(secret.trim().len()).any(|part| part == secret.trim().as_bytes()), "{file:?}");
    }

    let other = Program::new();
    let restored = other.run(&["restore", &to]).fine();
    assert!(restored.out.contains("on hold") && restored.out.contains("key is not here"), "{}", restored.out);
    assert!(restored.out.contains("One message had not gone out"), "{}", restored.out);
    other.run(&["ticket", "list"]).fails(1, &["the key of this database is missing"]);
    with_key_of(&program, &other);
    other.run(&["check"]).fine();
    let (had, has) = (items(&program, &["inbox", "list"]).len(), items(&other, &["inbox", "list"]).len());
    assert!(10 <= has && has <= had, "{has} of {had}");
    // What had not gone out asks, and nothing moves by itself.
    let sent = items(&other, &["outbox", "list"]);
    assert_eq!(sent[0]["state"], "failed", "{sent:?}");
    let answer = sent[0]["deliveries"][0]["answer"].as_str().unwrap();
    assert!(answer.starts_with("This desk was restored from a backup of"), "{answer}");
    pipe(&other, 5000, "");
    let server = other.serve();
    assert!(server.log().contains("Mail is on hold"), "{}", server.log());
    other
        .run(&["mailbox", "fetch", ADDRESS])
        .fails(1, &["Mail is on hold on this desk", "postern mail release"]);
    let unfiled = |program: &Program| items(program, &["inbox", "list", "--state", "new"]).len();
    let waiting = unfiled(&other);
    assert!(waiting >= 1);
    other.run(&["mail", "release"]).fine();
    until("what waited is filed", async || (unfiled(&other) == 0).then_some(())).await;
    assert_eq!(items(&other, &["outbox", "list"])[0]["state"], "failed", "sent without asking");
    // And while the server runs it is put on hold again.
    other.run(&["mail", "hold"]).fine();
    assert_eq!(json(&other, &["mail", "hold"])["done"], "nothing");
    // From some moment on nothing is filed any more.
    let mut next = 5001;
    until("a letter that stays where it is", async || {
        pipe(&other, next, "");
        next += 1;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        (unfiled(&other) > 0).then_some(())
    })
    .await;
    let left = unfiled(&other);
    pipe(&other, next, "");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(unfiled(&other), left + 1);
    server.stop();
    other.run(&["check"]).fine();
}

#[test]
fn a_second_backup_adds_what_is_new_and_an_older_moment_can_be_restored() {
    let program = desk(Program::new());
    let (_, to) = folder(&program);
    pipe(&program, 1, "");
    let first = json(&program, &["backup", &to]);
    assert_eq!((&first["new_files"], &first["kept"]), (&1.into(), &1.into()));
    let again = json(&program, &["backup", &to]);
    assert_eq!((&again["new_files"], &again["new_bytes"]), (&0.into(), &0.into()));
    pipe(&program, 2, "");
    let third = json(&program, &["backup", &to, "--with-key"]);
    assert_eq!((&third["new_files"], &third["key"]), (&1.into(), &true.into()));

    let listed = items_of(&program.run(&["restore", &to, "--list", "--json"]).fine().json());
    let oldest = listed[0]["name"].as_str().unwrap().to_owned();
    let other = Program::new();
    other.run(&["restore", &to, "--of", "2001-01-01T00-00-00Z"]).fails(3, &["--list"]);
    other.run(&["restore", &to, "--of", &oldest]).fine();
    assert_eq!(items(&other, &["inbox", "list"]).len(), 1, "the key came with it");
    // One of a clock that was ahead does not take the place of the one that was just made.
    let databases = PathBuf::from(&to).join("database");
    fs::copy(databases.join(format!("{oldest}.db")), databases.join("2199-01-01T00-00-00.000Z.db")).unwrap();
    let last = json(&program, &["backup", &to, "--keep", "2"]);
    assert_eq!((&last["kept"], &last["dropped"]), (&2.into(), &3.into()), "{last}");
    let made = last["database"].as_str().unwrap();
    assert!(fs::exists(made).unwrap(), "{made}");
    // Where a desk is, nothing is written over.
    other.run(&["restore", &to]).fails(1, &["there is a database at"]);
    // What was restored is another desk, with backups of its own.
    other.run(&["backup", &to]).fails(1, &["backups of another desk"]);
    let strange = program.path().join("strange");
    fs::create_dir(&strange).unwrap();
    fs::write(strange.join("photo.jpg"), "").unwrap();
    program.run(&["backup", strange.to_str().unwrap()]).fails(1, &["not empty and holds no backups"]);
    program.run(&["restore", strange.to_str().unwrap()]).fails(1, &["holds no backups"]);
}

pub fn items_of(page: &Value) -> Vec<Value> {
    page["items"].as_array().unwrap().clone()
}

#[test]
fn a_restore_that_was_broken_off_is_begun_again_and_nothing_starts_before() {
    let program = desk(Program::new());
    let (_, to) = folder(&program);
    for i in 0..20 {
        pipe(&program, i, "");
    }
    json(&program, &["backup", &to, "--with-key"]);
    for ms in [1, 5, 10, 20, 40, 80] {
        let other = Program::new();
        let mut child = other.begin(&["restore", &to]);
        std::thread::sleep(std::time::Duration::from_millis(ms));
        child.kill().unwrap();
        child.wait().unwrap();
        if other.data().join("restoring").exists() {
            other.run(&["ticket", "list"]).fails(1, &["a restore into", "was broken off"]);
        }
        let (database, mark) = (other.data().join("postern.db"), other.data().join("restoring"));
        match (database.exists(), mark.exists()) {
            (false, _) => drop(other.run(&["restore", &to]).fine()),
            (true, true) => drop(other.run(&["restore", &to]).fails(1, &["had come to its end"])),
            (true, false) => {}
        }
        other.run(&["check"]).fine();
        assert_eq!(items(&other, &["inbox", "list"]).len(), 20);
        assert_eq!(
            json(&other, &["mail", "release"])["done"],
            "released",
            "after {ms} ms it was not on hold"
        );
    }
}

#[test]
fn what_is_not_whole_is_no_backup_and_nothing_is_mixed_up_with_what_was_there() {
    let program = desk(Program::new());
    let (backup, to) = folder(&program);
    pipe(&program, 1, "");
    let first = json(&program, &["backup", &to]);
    // The mail cannot be copied.
    fs::rename(backup.join("blobs"), backup.join("aside")).unwrap();
    fs::write(backup.join("blobs"), "").unwrap();
    pipe(&program, 2, "");
    program.run(&["backup", &to]).fails(1, &["blobs"]);
    fs::remove_file(backup.join("blobs")).unwrap();
    fs::rename(backup.join("aside"), backup.join("blobs")).unwrap();
    let moments = || items_of(&program.run(&["restore", &to, "--list", "--json"]).fine().json());
    assert_eq!(moments().len(), 1, "what was broken off is not offered");
    json(&program, &["backup", &to]);
    let names = || fs::read_dir(backup.join("database")).unwrap().flatten().map(|file| file.file_name());
    assert!(names().all(|name| name.to_str().unwrap().ends_with(".db")), "{:?}", names().collect::<Vec<_>>());
    assert_eq!(moments().len(), 2);

    // One that was emptied is no desk.
    fs::write(first["database"].as_str().unwrap(), "").unwrap();
    let oldest = moments()[0]["name"].as_str().unwrap().to_owned();
    let other = Program::new();
    other.run(&["restore", &to, "--of", &oldest]).fails(1, &["is empty", &oldest]);

    // The last changes of a database that was put aside after a kill.
    let other = Program::new();
    fs::create_dir_all(other.data()).unwrap();
    let log = other.data().join("postern.db-wal");
    fs::write(&log, "changes").unwrap();
    other.run(&["restore", &to]).fails(1, &["postern.db-wal holds the last changes", "Nothing was changed"]);
    other.run(&["ticket", "list"]).fails(1, &["the last changes in", "postern.db-wal"]);
    fs::remove_file(&log).unwrap();
    with_key_of(&program, &other);
    other.run(&["restore", &to]).fine();
    assert_eq!(items(&other, &["inbox", "list"]).len(), 2);
}

#[test]
fn on_postgres_a_backup_goes_there_and_comes_back_with_its_search() {
    let program = desk(Program::new());
    let server = program.serve();
    for i in 0..70 {
        pipe(&program, i, "");
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(tickets(&program, 70));
    server.stop();
    let (_, to) = folder(&program);
    json(&program, &["backup", &to]);

    let database = Database::new();
    let there = Program::new().with(&["--database", &database.url()]);
    with_key_of(&program, &there);
    there.run(&["restore", &to]).fine();
    there.run(&["check"]).fine();
    assert_eq!(items(&there, &["ticket", "list", "--query", "zwiebelkuchen"]).len(), 70);
    there.run(&["restore", &to]).fails(1, &["is not empty"]);
    let second = Program::new().with(&["--database", &database.url()]);
    second.run(&["restore", &to]).fails(1, &["is not empty"]);
    assert!(!second.data().join("restoring").exists());
    // Numbers go on where they were.
    there.run(&["mail", "release"]).fine();
    let server = there.serve();
    pipe(&there, 70, "");
    let all = runtime.block_on(tickets(&there, 71));
    let numbers: std::collections::BTreeSet<&str> =
        all.iter().map(|t| t["number"].as_str().unwrap()).collect();
    assert_eq!(numbers.len(), 71);
    server.stop();

    let (_, from_there) = folder(&there);
    json(&there, &["backup", &from_there]);
    let back = Program::new();
    with_key_of(&program, &back);
    back.run(&["restore", &from_there]).fine();
    back.run(&["check"]).fine();
    assert_eq!(items(&back, &["ticket", "list", "--query", "zwiebelkuchen 70"]).len(), 1);
    let of = |program: &Program, what: &[&str]| items(program, what);
    for what in [["inbox", "list"], ["ticket", "list"]] {
        assert_eq!(of(&there, &what), of(&back, &what), "{what:?}");
    }
}
