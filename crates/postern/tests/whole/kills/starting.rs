//! kill -9 while a data folder is set up, and while a database is brought up to date.
use super::{chance, kills, pause};
use crate::program::Program;
use desk::db::{Db, Options, Tx};
use desk::params;
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
    let url = format!("sqlite:{}", file.display());
    write(&url, |tx| {
        for _ in 0..20_000 {
            tx.execute(
                "INSERT INTO event (at, actor_kind, actor_name, subject_kind, subject_id, kind, data)
                 VALUES ($1, 'system', 'Postern', 'site', 1, 'written', $2)",
                params![1, "x".repeat(300)],
            )?;
        }
        Ok(())
    });
    let all = events(&file);
    let copy = file.with_file_name("postern.db.before-step-2");
    let one_step_back = || {
        write(&url, |tx| {
            tx.execute("DROP TABLE entry_words", &[])?;
            tx.execute("DELETE FROM migration WHERE number > 1", &[])?;
            Ok(())
        });
    };
    one_step_back();
    let ready = ready_ms(&program);
    for _ in 0..kills() * 2 {
        one_step_back();
        std::fs::remove_file(&copy).unwrap();
        kill_early(&program, &mut chance, ready);
        if copy.exists() {
            assert_eq!(events(&copy), all, "a copy that has its name is whole");
        }
        program.serve().stop();
        assert_eq!((events(&file), events(&copy)), (all, all));
        program.run(&["check"]).fine();
    }
}

fn write(url: &str, f: impl Fn(&mut Tx<'_>) -> desk::Result<()>) {
    Db::open(url, &Options::default()).unwrap().write(f).unwrap();
}

fn events(file: &Path) -> i64 {
    let db = Db::open(&format!("sqlite:{}", file.display()), &Options::default()).unwrap();
    db.read(|tx| tx.one::<(i64,)>("SELECT count(*) FROM event", &[])).unwrap().0
}
