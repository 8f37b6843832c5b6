//! Backups of a store that is damaged, and backups that are: what is damaged is named, everything else is there, and what is whole
//! anywhere stays so.
use crate::backups::{ADDRESS, desk, folder, items_of, json, pipe, tickets, with_key_of};
use crate::program::Program;
use std::fs;
use std::path::Path;

/// More than is packed with others.
fn noise(seed: u64) -> String {
    let step =
        |at: &u64| Some(at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let digits = std::iter::successors(Some(seed), step).map(|at| format!("{:016x}", at));
    digits.take(150_000).collect::<Vec<_>>().join("\n")
}
/// Another byte in the middle of a file of the folder, or at this place of it.
fn damage(root: &Path, place: &str) {
    use std::os::unix::fs::FileExt as _;
    let (file, offset) =
        place.split_once('@').map_or((place, None), |(file, at)| (file, at.parse::<u64>().ok()));
    let file = fs::File::options().read(true).write(true).open(root.join(file)).unwrap();
    let at = offset.map_or(file.metadata().unwrap().len() / 2, |offset| offset + 60);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0xff], at).unwrap();
}
/// Where the store keeps the raw messages, in the order in which they came.
fn places(program: &Program) -> Vec<String> {
    let read = program.database().read::<_, desk::db::Error>(|tx| {
        tx.all::<(String,)>("SELECT b.place FROM inbox i JOIN blob b ON b.id = i.blob_id ORDER BY i.id", &[])
    });
    read.unwrap().into_iter().map(|(place,)| place).collect()
}
/// What `backup` names as damaged: what it belongs to, and whether the backup has it whole.
fn damaged(ran: &crate::program::Ran) -> Vec<(String, bool)> {
    let items = ran.json()["damaged"].as_array().unwrap().clone();
    items
        .iter()
        .map(|one| (one["belongs_to"][0].as_str().unwrap_or_default().to_owned(), one["in_backup"] == true))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_named_and_the_rest_is_backed_up_and_a_whole_copy_stays() {
    let program = desk(Program::new());
    let server = program.serve();
    // Two that lie in a pack, handed over by LMTP or fetched in truth; and two in files of their own.
    for i in 0..4 {
        pipe(&program, i, &if i < 2 { String::new() } else { noise(i as u64) });
    }
    tickets(&program, 4).await;
    server.stop();
    let store = program.data().join("blobs");
    let (backup, to) = folder(&program);
    let copy = backup.join("blobs");
    let place = places(&program);
    damage(&store, &place[2]);
    let first = program.run(&["backup", &to, "--json"]);
    assert_eq!(first.status, 1, "{first:?}");
    assert_eq!(damaged(&first), [(format!("message 3 of {ADDRESS}, “Matter 2”"), false)]);
    assert!(!copy.join(&place[2]).exists());
    let said = program.run(&["backup", &to]);
    assert_eq!(said.status, 1, "as long as it is so: {said:?}");
    assert!(
        said.out.contains("Matter 2") && said.out.contains("Everything else is in the backup"),
        "{}",
        said.out
    );

    // It is whole again, and then another one is damaged that the backup has.
    damage(&store, &place[2]);
    assert_eq!(damaged(&program.run(&["backup", &to, "--json"]).fine()), []);
    fs::write(store.join(&place[3]), "cut off").unwrap();
    let third = program.run(&["backup", &to, "--json"]);
    assert_eq!(
        (third.status, damaged(&third)),
        (1, vec![(format!("message 4 of {ADDRESS}, “Matter 3”"), true)])
    );
    let other = Program::new();
    with_key_of(&program, &other);
    let restored = other.run(&["restore", &to, "--json"]).fine().json();
    assert_eq!(restored["damaged"], serde_json::json!([]), "{restored}");
    assert!(restored["looked_at"].as_u64().unwrap() >= 4, "{restored}");
    other.run(&["check"]).fine();

    // Damage of the same length in the backup is found when that is asked for, and mended from what is whole here.
    fs::copy(copy.join(&place[3]), store.join(&place[3])).unwrap();
    damage(&copy, &place[2]);
    damage(&copy, &place[0]);
    let quick = program.run(&["backup", &to, "--json"]).fine().json();
    assert_eq!((&quick["looked_at"], &quick["mended"]), (&1.into(), &0.into()), "{quick}: what was damaged");
    let damaged_copy = Program::new();
    with_key_of(&program, &damaged_copy);
    let restored = damaged_copy.run(&["restore", &to]);
    assert_eq!(restored.status, 1, "{restored:?}");
    for matter in ["Matter 0", "Matter 2", "Everything else is here"] {
        assert!(restored.out.contains(matter), "{matter} is not in {}", restored.out);
    }
    let thorough = program.run(&["backup", &to, "--verify", "--json"]).fine().json();
    assert_eq!(thorough["mended"], 2, "{thorough}");
    let last = Program::new();
    with_key_of(&program, &last);
    // The name of the file does as well.
    let newest = format!(
        "{}.db",
        items_of(&json(&program, &["restore", &to, "--list"])).last().unwrap()["name"].as_str().unwrap()
    );
    last.run(&["restore", &to, "--of", &newest]).fine();
    last.run(&["check"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_check_says_to_do_brings_back_one_letter_and_loses_none() {
    let program = desk(Program::new());
    let server = program.serve();
    let (_, to) = folder(&program);
    for i in 0..2 {
        pipe(&program, i, "");
    }
    tickets(&program, 2).await;
    program.run(&["backup", &to]).fine();
    pipe(&program, 2, "");
    tickets(&program, 3).await;
    let store = program.data().join("blobs");
    damage(&store, &places(&program)[0]);
    let checked = program.run(&["check"]);
    assert_eq!(checked.status, 1);
    let said = checked.out.contains("`postern restore DIR --files` writes it back");
    assert!(said && !checked.out.contains("Restore pack/"), "{}", checked.out);
    // Beside the server.
    let restored = program.run(&["restore", &to, "--files", "--json"]).fine().json();
    assert_eq!((&restored["done"], &restored["mended"]), (&"files_restored".into(), &1.into()), "{restored}");
    program.run(&["check"]).fine();
    // What no backup has is named, and the status says so.
    damage(&store, &places(&program)[2]);
    let left = program.run(&["restore", &to, "--files"]);
    assert_eq!(left.status, 1, "{left:?}");
    assert!(
        left.out.contains("Matter 2") && left.out.contains("not whole in that folder either"),
        "{}",
        left.out
    );
    server.stop();
    // What was written back lies in a pack, and is gone with it; the backup has it where it was before.
    fs::remove_file(store.join("pack/00000001")).unwrap();
    let without = program.run(&["backup", &to]);
    assert_eq!(without.status, 1, "{without:?}");
    let says = ["Matter 0", "The backup holds it whole, from before", "--files` writes back"];
    assert!(says.iter().all(|words| without.out.contains(words)), "{}", without.out);
    assert_eq!(program.run(&["backup", &to, "--verify"]).status, 1);
    program.run(&["restore", &to, "--files", "--list"]).fails(2, &["cannot be used with"]);
}
