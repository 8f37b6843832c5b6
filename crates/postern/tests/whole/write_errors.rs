//! Each write goes wrong once: the first call by which a fetch changes a file, the second, the third … until there is none
//! left. `write_errors.c`, preloaded, counts the calls of the whole process (the database's and the store's writes, syncs,
//! renames and new files alike) and lets one fail, all from one on, or the process die in it.
//!
//! After each: what is gone from the server is recorded here, and the next fetch takes the rest, each letter once.
//! `POSTERN_TEST_WRITES=all` (`dev/prove fetching`) takes every call of a fetch by IMAP, and every third by POP3 and Graph;
//! otherwise some are drawn (`POSTERN_TEST_SEED`).
use crate::kills::fetching::Scene;
use crate::kills::seeded;
use crate::rig;
use rand::RngExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One small letter after another, and one that gets a file of its own in the store.
const LETTERS: usize = 3;
const DRAWN: usize = 2;
/// What goes wrong, and whether a fetch may still end well.
const KINDS: [&str; 3] = ["once", "stays", "kill"];

struct Breaking {
    library: PathBuf,
    notes: PathBuf,
}
/// What the library noted of one fetch.
struct Noted {
    struck: Option<String>,
    calls: usize,
}

impl Breaking {
    fn built(folder: &Path) -> Breaking {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole/write_errors.c");
        let library = folder.join("write_errors.so");
        let mut cc = Command::new("cc");
        let built = cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl").status();
        assert!(built.unwrap().success(), "the C compiler that SQLite is built with");
        Breaking { library, notes: folder.join("notes") }
    }
    /// One fetch whose nth write goes wrong; its status.
    fn fetch(&self, scene: &Scene, kind: &str, at: usize) -> (i32, String, Noted) {
        let _ = std::fs::remove_file(&self.notes);
        let (library, notes, at) = (self.library.display(), self.notes.display(), at.to_string());
        let (library, notes) = (library.to_string(), notes.to_string());
        let variables = [
            ("LD_PRELOAD", library.as_str()),
            ("WRITE_NOTES", notes.as_str()),
            ("WRITE_GOES_WRONG", kind),
            ("WRITE_GOES_WRONG_AT", at.as_str()),
        ];
        let ran = scene.program().run_in(&variables, &scene.fetch());
        let noted = std::fs::read_to_string(&self.notes).unwrap_or_default();
        let (mut struck, mut calls) = (None, 0);
        for (what, number) in noted.lines().filter_map(|line| line.split_once(' ')) {
            match what {
                "calls" => calls = number.parse().unwrap(),
                what => struck = Some(what.to_owned()),
            }
        }
        (ran.status, ran.err, Noted { struck, calls })
    }
}

async fn write(scene: &mut Scene) {
    scene.write(LETTERS - 1).await;
    scene.write_large().await;
}

/// Of one write that goes wrong. Whether there was such a write.
async fn goes_wrong(scene: &mut Scene, breaking: &Breaking, kind: &str, at: usize) -> Option<(String, i32)> {
    write(scene).await;
    let (waiting, before) = (scene.on_the_server().await, scene.recorded());
    let (status, err, noted) = breaking.fetch(scene, kind, at);
    let (left, recorded) = (scene.on_the_server().await, scene.recorded());
    let at = format!("{kind} at {at} ({}): {status} {err}", noted.struck.as_deref().unwrap_or("no write"));
    assert!(left.is_subset(&waiting) && before.is_subset(&recorded), "{at}");
    let lost: Vec<_> = waiting.difference(&left).filter(|id| !recorded.contains(*id)).collect();
    assert!(lost.is_empty(), "{at}: touched on the server and not recorded: {lost:?}");
    if noted.struck.is_none() {
        assert_eq!(status, 0, "{at}");
    }
    scene.ends().await;
    noted.struck.map(|struck| (struck, status))
}

async fn each_write_goes_wrong(scene: &mut Scene, drawn: usize, step: usize) {
    let name = format!("write errors by {}", scene.name());
    scene.ends().await; // what was there before
    let folder = tempfile::tempdir().unwrap();
    let breaking = Breaking::built(folder.path());
    write(scene).await;
    let (status, err, whole) = breaking.fetch(scene, "once", 0);
    assert!(status == 0 && whole.calls > 50, "{name}: {status} {err}: {} writes", whole.calls);
    let all = std::env::var("POSTERN_TEST_WRITES").is_ok_and(|which| which == "all");
    let mut chance = seeded(&name);
    for kind in KINDS {
        let (mut struck, mut told) = (std::collections::BTreeMap::<String, usize>::new(), 0);
        let mut at = chance.random_range(1..=step);
        for made in 1.. {
            if !all {
                at = chance.random_range(1..=whole.calls / 2); // one fetch has more of them, and another less
            }
            let Some((what, status)) = goes_wrong(scene, &breaking, kind, at).await else {
                assert!(at > whole.calls / 2, "{name}: {kind}: no write number {at}, of {}", whole.calls);
                break;
            };
            *struck.entry(what).or_default() += 1;
            told += usize::from(status != 0);
            at += step;
            if !all && made == drawn {
                break;
            }
        }
        let count: usize = struck.values().sum();
        println!("{name}: {kind}: {count} writes went wrong {struck:?}, {told} fetches said so");
        assert!(kind == "once" || told > 0, "{name}: nothing went wrong");
    }
    scene.each_is_one_ticket();
    println!("{name}: {} letters, each recorded once", scene.written);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_whichever_write_goes_wrong_no_letter_is_lost_or_doubled() {
    let mut scene = Scene::imap();
    each_write_goes_wrong(&mut scene, DRAWN, 1).await;
    assert_eq!(rig::look(scene.address(), "Done").await.len(), scene.written, "moved, each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_whichever_write_goes_wrong_by_pop3_no_letter_is_lost_or_doubled() {
    each_write_goes_wrong(&mut Scene::pop3(), 1, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_goes_wrong_by_graph_no_letter_is_lost_or_doubled() {
    each_write_goes_wrong(&mut Scene::graph().await, 1, 3).await;
}
