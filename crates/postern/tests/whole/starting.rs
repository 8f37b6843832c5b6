//! What a command finds wrong before it begins: each is a sentence that says what to do, and nothing is changed.
use crate::program::{ADMINISTRATOR, PASSWORD, Program, Ran};
use desk::db::Error;
use desk::params;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

/// A desk whose store holds something.
fn desk_with_mail() -> Program {
    let program = Program::new().administrator();
    fs::create_dir_all(program.data().join("blobs/pack")).unwrap();
    fs::write(program.data().join("blobs/pack/00000001"), "a letter").unwrap();
    program
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn remove_database(program: &Program) {
    for name in ["postern.db", "postern.db-wal", "postern.db-shm"] {
        let _ = fs::remove_file(program.data().join(name));
    }
}

#[test]
fn a_lost_database_is_not_made_anew_beside_its_mail_and_its_key() {
    let program = desk_with_mail();
    let database = program.data().join("postern.db");
    let kept = fs::read(&database).unwrap();
    remove_database(&program);
    let words =
        ["is missing", "postern.db", "blobs", "postern.key", "Restore the database", "For a new desk"];
    for command in [&["serve"][..], &["demo"], &["ticket", "list"], &["check"]] {
        program.run(command).fails(1, &words);
        assert!(!database.exists(), "{command:?} made a database");
    }
    program
        .run_with(&["admin", "create", "--email", ADMINISTRATOR, "--password-stdin"], PASSWORD)
        .fails(1, &words);
    assert!(!database.exists());
    // An empty file is no database either, and neither thing alone is passed over.
    fs::write(&database, "").unwrap();
    program.run(&["check"]).fails(1, &["is empty", "blobs", "postern.key"]);
    remove_database(&program);
    let key = program.data().join("postern.key");
    fs::rename(&key, program.path().join("key")).unwrap();
    let ran = program.run(&["serve"]).fails(1, &["is missing", "blobs"]);
    assert!(!ran.err.contains("the key "), "{}", ran.err);
    fs::rename(program.path().join("key"), &key).unwrap();
    fs::rename(program.data().join("blobs"), program.path().join("blobs")).unwrap();
    let ran = program.run(&["serve"]).fails(1, &["is missing", "postern.key"]);
    assert!(!ran.err.contains("the mail in"), "{}", ran.err);
    // Restored, it goes on; with both moved away, a new desk begins.
    fs::write(&database, kept).unwrap();
    program.run(&["check"]).fine();
    remove_database(&program);
    fs::rename(&key, program.path().join("key")).unwrap();
    program.serve().stop();
    assert!(database.exists() && key.exists());
}

#[test]
fn a_wrong_file_of_providers_is_told_with_its_line_before_anything_is_made() {
    let program = Program::new();
    fs::create_dir_all(program.data()).unwrap();
    let file = program.data().join("providers.toml");
    fs::write(
        &file,
        "[[provider]]\nkey = \"contoso\"\nlike = \"fastmail\"\nlabel = \"Contoso\"\nport = 993\n",
    )
    .unwrap();
    program
        .run_with(&["admin", "create", "--email", ADMINISTRATOR, "--password-stdin"], PASSWORD)
        .fails(1, &["providers.toml", "Line 5", "there is no setting “port” here"]);
    assert!(!program.data().join("postern.db").exists());
    fs::write(&file, "[[provider]]\nkey = \"contoso\"\nlike = \"fastmail\"\nlabel = \"Contoso\"\n").unwrap();
    program.administrator().run(&["check"]).fine();
}

#[test]
fn a_database_that_nobody_uses_is_one_whole_file() {
    let program = Program::new().administrator();
    let log = program.data().join("postern.db-wal");
    assert!(!log.exists(), "a command left its log behind");
    let server = program.serve();
    assert!(log.exists());
    server.stop();
    assert!(!log.exists(), "a server left its log behind");
}

#[test]
fn a_server_leaves_no_core_dump_whatever_the_shell_allows() {
    let program = Program::new().with_cores();
    let server = program.serve();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = cores.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{cores}");
}

#[test]
fn a_key_from_elsewhere_may_wait_for_its_desk() {
    let other = Program::new().administrator();
    let key = other.data().join("postern.key");
    let program = Program::new().with(&["--secrets-key-file", key.to_str().unwrap()]);
    program.serve().stop();
    program.run(&["check"]).fine();
}

#[test]
fn on_postgres_an_empty_database_beside_mail_is_not_taken_for_a_new_desk() {
    let database = crate::on_postgres::Database::new();
    let program = desk_with_mail().with(&["--database", &database.url()]);
    let ran = program.run(&["serve"]).fails(1, &["is empty", "postgres://", "blobs", "postern.key"]);
    assert!(ran.err.contains(database.name()), "{}", ran.err);
}

/// Runs as somebody who owns nothing: the permissions of files do not bind root.
fn as_nobody(program: &Program, arguments: &[&str]) -> Ran {
    const NOBODY: u32 = 65534;
    chown(program.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    program.run_as(NOBODY, arguments)
}

#[test]
fn what_may_not_be_read_or_written_is_said_with_its_remedy() {
    if fs::metadata("/proc/self").map(|m| std::os::unix::fs::MetadataExt::uid(&m)).unwrap() != 0 {
        return what_may_not_be_written_by_its_owner_is_said();
    }
    let nobody = |path: &Path| chown(path, Some(65534), Some(65534)).unwrap();
    let program = Program::new().administrator();
    nobody(&program.data());
    for entry in fs::read_dir(program.data()).unwrap() {
        nobody(&entry.unwrap().path());
    }
    for folder in ["blobs/file", "blobs/pack"] {
        nobody(&program.data().join(folder));
    }
    as_nobody(&program, &["check"]).fine();

    let database = program.data().join("postern.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o444)).unwrap();
    as_nobody(&program, &["check"]).fails(1, &["postern.db", "cannot be written", "the right to write"]);
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();

    let key = program.data().join("postern.key");
    chown(&key, Some(0), Some(0)).unwrap();
    as_nobody(&program, &["check"]).fails(1, &["postern.key", "cannot be read", "chown", "chmod 600"]);
    nobody(&key);

    let closed = program.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = closed.join("data");
    let ran = as_nobody(&program, &["serve", "--data", folder.to_str().unwrap()]);
    ran.fails(1, &["cannot make the data folder", "closed/data", "name another folder with --data"]);
}

/// The same without the right to become somebody else.
fn what_may_not_be_written_by_its_owner_is_said() {
    let program = Program::new().administrator();
    let database = program.data().join("postern.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o444)).unwrap();
    program.run(&["check"]).fails(1, &["postern.db", "cannot be written", "the right to write"]);
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    let key = program.data().join("postern.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o000)).unwrap();
    program.run(&["check"]).fails(1, &["postern.key", "cannot be read", "chown", "chmod 600"]);
}

#[test]
fn a_data_folder_that_cannot_be_made_or_written_is_one_sentence() {
    // The modes of files stop nobody who is root; the kernel's own folder lets nobody write.
    for (leads_to, words) in
        [("/proc", "cannot write in the data folder"), ("/proc/nowhere", "cannot make the data folder")]
    {
        let program = Program::new();
        symlink(leads_to, program.data()).unwrap();
        let folder = program.data().display().to_string();
        for command in [&["serve"][..], &["admin", "create", "--email", ADMINISTRATOR, "--password-stdin"]] {
            let ran = program
                .run_with(command, PASSWORD)
                .fails(1, &[words, &folder, "name another folder with --data"]);
            assert_eq!(ran.err.trim().lines().count(), 1, "{}", ran.err);
        }
    }
    let program = Program::new();
    fs::write(program.data(), "a file in its place").unwrap();
    let ran = program.run(&["serve"]);
    assert!(ran.status != 0 && ran.err.contains("Not a directory"), "{ran:?}");
    assert_eq!(fs::read_to_string(program.data()).unwrap(), "a file in its place");
}

#[test]
fn a_data_folder_that_others_may_enter_is_told_of_and_left_as_it_is() {
    let program = Program::new();
    fs::create_dir(program.data()).unwrap();
    fs::set_permissions(program.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let server = program.serve();
    let log = server.log();
    assert!(log.contains("(mode 755)") && log.contains("chmod 700"), "{log}");
    assert_eq!(mode(&program.data()), 0o755);
    // What is in it is the owner's alone all the same.
    let mut folders = vec![program.data()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            assert_eq!(mode(&path) & 0o077, 0, "{} has mode {:o}", path.display(), mode(&path));
            seen += 1;
            folders.extend(path.is_dir().then_some(path));
        }
    }
    assert!(seen >= 4, "{seen}");
    server.stop();
    let told = || program.serve().log().matches("others than its owner").count();
    fs::set_permissions(program.data(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(told(), 1, "the log is the one of both starts");
}

#[test]
fn no_part_of_a_database_password_is_printed() {
    for password in ["hunter2", "hun@ter2", "1/hunter2@ter2"] {
        let url = format!("postgres://desk:{password}@127.0.0.1:1/desk");
        let program = Program::new().with(&["--database", &url]);
        for command in [&["serve"][..], &["check"], &["config", "show"], &["config", "show", "--json"]] {
            let ran = program.run(command);
            let said = format!("{}{}", ran.out, ran.err);
            assert!(!said.contains("ter2") && said.contains("postgres://"), "{command:?}: {said}");
        }
    }
    let program = Program::new();
    let file = program.file("a.toml", "[database]\nurl = \"postgres://desk:hunter2@127.0.0.1/desk\n");
    let ran = program.run(&["check", "--config", file.to_str().unwrap()]).fails(2, &["a.toml, line 2"]);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}

#[test]
fn a_newer_command_changes_no_database_under_an_older_server_and_one_that_looks_needs_no_writer() {
    let program = Program::new().administrator();
    let server = program.serve();
    let other = program.database();
    // Who reads does not wait for who writes.
    let waited = other.write(|tx| {
        tx.execute("UPDATE setting SET value = value", &[])?;
        let began = std::time::Instant::now();
        program.run(&["mailbox", "list"]).fine();
        Ok::<_, Error>(began.elapsed())
    });
    assert!(waited.unwrap() < std::time::Duration::from_secs(5));
    // As if this program had one more step than the server.
    const LAST: &str =
        "DELETE FROM migration WHERE number = (SELECT max(number) FROM migration) RETURNING number, hash";
    let there = || other.read(|tx| tx.one::<(i64,)>("SELECT count(*) FROM migration", &[])).unwrap().0;
    let before = there();
    let (number, hash) = other.write(|tx| tx.one::<(i64, String)>(LAST, &[])).unwrap();
    program.run(&["mailbox", "list"]).fails(1, &["is of an older version", "Restart the server"]);
    assert_eq!(there() + 1, before);
    server.stop();
    let put_back = "INSERT INTO migration (number, hash) VALUES ($1, $2)";
    other.write(|tx| tx.execute(put_back, params![number, &hash])).unwrap();
    program.run(&["mailbox", "list"]).fine();
}
