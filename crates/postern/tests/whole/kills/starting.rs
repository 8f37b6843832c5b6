//! kill -9 while a data folder is set up, and while a database is brought up to date.
use super::{chance, kills, pause};
use crate::program::Program;
use desk::db::{Db, Options};
use desk::{MIGRATIONS, params};
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::path::Path;
use std::time::Instant;

/// A kill in the first moments of `serve`, which takes about so long to be ready.
fn kill_early(program: &Program, chance: &mut StdRng, ready_ms: u64) {
    let mut server = program.begin(&["serve", "--http-listen", "127.0.0.1:0"]);
    let ms = chance.random_range(0..ready_ms);
    pause(ms);
    server.kill().unwrap();
    server.wait().unwrap();
    println!("starting: killed after {ms} of {ready_ms} ms");
}

fn ready_ms(program: &Program) -> u64 {
    let began = Instant::now();
    let server = program.serve();
    let took = began.elapsed();
    server.stop();
    u64::try_from(took.as_millis()).unwrap().max(10)
}

#[test]
fn a_kill_in_set_up_leaves_a_folder_that_starts_with_one_key_and_a_link_that_works() {
    let mut chance = chance("starting");
    let ready = ready_ms(&Program::new());
    for _ in 0..kills() * 2 {
        let program = Program::new();
        kill_early(&program, &mut chance, ready);
        let server = program.serve();
        let link = std::fs::read_to_string(program.data().join("first-administrator.url")).unwrap();
        assert!(link.starts_with(&server.url), "{link}");
        server.stop();
        let key = std::fs::read(program.data().join("postern.key")).unwrap();
        let program = program.administrator();
        program.run(&["check"]).fine();
        program.serve().stop();
        assert_eq!(std::fs::read(program.data().join("postern.key")).unwrap(), key, "another key");
    }
}

#[test]
fn a_kill_while_a_database_is_brought_up_to_date_costs_nothing_and_the_next_start_ends_it() {
    let mut chance = chance("upgrading");
    let program = Program::new().administrator();
    let file = program.data().join("postern.db");
    let old = program.data().join("old");
    an_old_database(&file, &old);
    let all = events(&old);
    let copy = file.with_file_name("postern.db.before-step-2");
    let go_back = || {
        for end in ["", "-wal", "-shm", ".before-step-2"] {
            let _ = std::fs::remove_file(file.with_file_name(format!("postern.db{end}")));
        }
        std::fs::copy(&old, &file).unwrap();
    };
    go_back();
    let ready = ready_ms(&program);
    for _ in 0..kills() * 2 {
        go_back();
        kill_early(&program, &mut chance, ready);
        if copy.exists() {
            assert_eq!(events(&copy), all, "a copy that has its name is whole");
        }
        program.serve().stop();
        assert_eq!((events(&file), events(&copy)), (all, all));
        program.run(&["check"]).fine();
    }
}

/// A database as it was after the first step, large enough that bringing it up to date takes a moment; with the
/// settings of `new`, so that it belongs to the same key.
fn an_old_database(new: &Path, old: &Path) {
    let settings: Vec<(String, String)> =
        open(new).read(|tx| tx.all("SELECT name, value FROM setting", &[])).unwrap();
    let db = open(old);
    db.migrate(&MIGRATIONS[..1]).unwrap();
    let written: desk::Result<()> = db.write(|tx| {
        for (name, value) in &settings {
            tx.execute("INSERT INTO setting (name, value) VALUES ($1, $2)", params![name, value])?;
        }
        for _ in 0..20_000 {
            tx.execute(
                "INSERT INTO event (at, actor_kind, actor_name, subject_kind, subject_id, kind, data)
                 VALUES ($1, 'system', 'Postern', 'site', 1, 'written', $2)",
                params![1, "x".repeat(300)],
            )?;
        }
        Ok(())
    });
    written.unwrap();
}

fn open(file: &Path) -> Db {
    Db::open(&format!("sqlite:{}", file.display()), &Options::default()).unwrap()
}

fn events(file: &Path) -> i64 {
    open(file).read(|tx| tx.one::<(i64,)>("SELECT count(*) FROM event", &[])).unwrap().0
}
