//! The key that seals secrets: shown, changed beside a server, and given up when it is lost.
use crate::applying::{self, MICROSOFT_BOX, PASSWORD_BOX};
use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, PASSWORD, Program};
use crate::visitor::Visitor;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const OUTGOING: &str = r#"
[mailbox.outgoing]
host = "localhost"
port = 1587
authentication = "password"
password_file = "secret"
"#;

/// A desk with three secrets: two passwords and a client secret.
fn fleet() -> Program {
    let program = applying::program();
    apply(&program, "created");
    program
}
fn apply(program: &Program, done: &str) {
    let file = program.file("fleet.toml", &[PASSWORD_BOX, OUTGOING, MICROSOFT_BOX].concat());
    let applied = program.run(&["mailbox", "apply", file.to_str().unwrap(), "--json"]).fine().json();
    assert_eq!((&applied["items"][0]["done"], &applied["items"][1]["done"]), (&done.into(), &done.into()));
}
fn key(program: &Program) -> PathBuf {
    program.data().join("postern.key")
}
fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().count()
}
fn shown(program: &Program) -> serde_json::Value {
    program.run(&["key", "show", "--json"]).fine().json()
}
/// No key and no secret is in what was said.
fn tells_nothing(said: &str, keys: &[&str]) {
    let secrets = keys.iter().flat_map(|text| text.lines()).map(|line| line.rsplit(':').next().unwrap());
    for secret in secrets.chain(["rehearsal", "a~secret"]) {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_key_is_changed_beside_a_running_server_and_the_old_one_opens_nothing_any_more() {
    let program = fleet();
    let old_text = fs::read_to_string(key(&program)).unwrap();
    let before = shown(&program);
    assert_eq!(before["keys"].as_array().unwrap().len(), 1, "{before}");
    assert_eq!((&before["keys"][0]["values"], &before["keys"][0]["seals"]), (&3.into(), &true.into()));
    let old = before["keys"][0]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(before["database"], old.as_str());

    let server = program.serve();
    let ran = program.run(&["key", "rotate"]).fine();
    let new_text = fs::read_to_string(key(&program)).unwrap();
    tells_nothing(&ran.out, &[&old_text, &new_text]);
    assert!(ran.out.contains("3 values were sealed anew") && ran.out.contains(&old), "{}", ran.out);
    assert_ne!(new_text, old_text);
    assert_eq!((lines(&key(&program)), fs::metadata(key(&program)).unwrap().mode() & 0o777), (1, 0o600));
    let after = shown(&program);
    assert_eq!(after["keys"][0]["values"], 3);
    assert_ne!(after["keys"][0]["fingerprint"], old.as_str());
    assert_eq!(after["database"], after["keys"][0]["fingerprint"]);
    // The secrets are what they were: entered again they change nothing.
    apply(&program, "unchanged");
    let document = program.run(&["key", "rotate", "--json"]).fine().json();
    assert_eq!(
        (&document["done"], &document["sealed"], &document["unopened"]),
        (&"rotated".into(), &3.into(), &0.into())
    );
    assert_eq!(document["dropped"][0], after["keys"][0]["fingerprint"]);
    server.stop();
    program.run(&["check"]).fine();
    program.serve().stop();

    fs::write(key(&program), &old_text).unwrap();
    program.run(&["serve"]).fails(1, &["is not the key of this database", &old, "key forget"]);
}

#[test]
fn a_database_that_is_restored_beside_another_key_opens_when_its_own_is_added_and_is_changed_to_one() {
    let program = fleet();
    let own = fs::read_to_string(key(&program)).unwrap();
    let other = fleet();
    let another = fs::read_to_string(key(&other)).unwrap();
    fs::write(key(&program), &another).unwrap();
    program.run(&["serve"]).fails(1, &["is not the key of this database", "as a further line", "key forget"]);
    let ran = program.run(&["key", "show"]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(
        ran.out.contains("which sealed 3 values") && ran.out.contains("The database belongs to key"),
        "{}",
        ran.out
    );
    tells_nothing(&ran.out, &[&own, &another]);

    fs::write(key(&program), format!("{another}{own}")).unwrap();
    let server = program.serve();
    assert!(server.log().contains("holds 2 keys"), "{}", server.log());
    server.stop();
    let ran = program.run(&["key", "rotate"]).fine();
    assert!(ran.out.contains("broken off") && ran.out.contains("3 values"), "{}", ran.out);
    assert_eq!(fs::read_to_string(key(&program)).unwrap(), another);
    program.run(&["check"]).fine();
}

#[test]
fn a_lost_key_is_given_up_only_when_that_is_said_and_each_mailbox_is_named_with_what_it_needs() {
    let program = fleet();
    let own = fs::read_to_string(key(&program)).unwrap();
    fs::remove_file(key(&program)).unwrap();
    program.run(&["serve"]).fails(1, &["the key of this database is missing", "postern key forget"]);
    let would = program.run(&["key", "forget"]);
    assert_eq!((would.status, would.err.as_str()), (1, ""));
    for words in [
        "3 values do not open",
        "postern.key is missing",
        "support@contoso.example: enter the password of its outgoing server, then enter the password of its remote mailbox.",
        "billing@contoso.example: enter the client secret of its registration.",
        "Nothing was dropped",
        "--yes",
    ] {
        assert!(would.out.contains(words), "“{words}” is not in {}", would.out);
    }
    assert!(!key(&program).exists(), "a key was made");
    // It was only mislaid.
    fs::write(key(&program), &own).unwrap();
    fs::set_permissions(key(&program), fs::Permissions::from_mode(0o600)).unwrap();
    program.run(&["check"]).fine();
    let nothing = program.run(&["key", "forget"]).fine();
    assert!(nothing.out.contains("nothing to forget"), "{}", nothing.out);

    let server = program.serve();
    fs::remove_file(key(&program)).unwrap();
    program.run(&["key", "forget", "--yes"]).fails(1, &["another Postern", "Stop it first"]);
    server.stop();
    let done = program.run(&["key", "forget", "--yes", "--json"]).fine().json();
    assert_eq!((&done["done"], &done["values"]), (&"forgotten".into(), &3.into()));
    assert_eq!(done["mailboxes"][0]["address"], "billing@contoso.example");
    assert_eq!(done["mailboxes"][0]["authorize"], false);
    assert_eq!(fs::metadata(key(&program)).unwrap().mode() & 0o777, 0o600);
    program.run(&["check"]).fine();
    let after = shown(&program);
    assert_eq!((&after["keys"][0]["values"], &after["damaged"]), (&0.into(), &0.into()));
    program.serve().stop();
    apply(&program, "changed");
    assert_eq!(shown(&program)["keys"][0]["values"], 3);
}

#[test]
fn a_key_file_that_its_folder_does_not_let_be_changed_is_told_and_left_as_it_is() {
    let program = fleet();
    let before = fs::read(key(&program)).unwrap();
    // What is to be written first is in the way, and is no file that could be removed.
    fs::create_dir(program.data().join("postern.key.new")).unwrap();
    program.run(&["key", "rotate"]).fails(1, &["postern.key could not be changed", "is as it was"]);
    assert_eq!(fs::read(key(&program)).unwrap(), before);
    program.run(&["check"]).fine();
}

#[test]
fn root_changes_the_key_of_a_server_that_is_somebody_else() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return; // only root gives files away
    }
    let program = fleet();
    std::os::unix::fs::chown(key(&program), Some(65534), Some(65534)).unwrap();
    program.run(&["key", "rotate"]).fine();
    let about = fs::metadata(key(&program)).unwrap();
    assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (65534, 65534, 0o600));
}

#[test]
fn the_manual_says_what_every_key_of_the_documents_is() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/json.md");
    let manual = fs::read_to_string(manual).unwrap();
    let program = fleet();
    let show = shown(&program);
    let rotate = program.run(&["key", "rotate", "--json"]).fine().json();
    fs::remove_file(key(&program)).unwrap();
    let forget = program.run(&["key", "forget", "--json"]).json();
    for object in [&show, &show["keys"][0], &rotate, &forget, &forget["mailboxes"][0]] {
        for key in object.as_object().unwrap().keys() {
            let words = [format!("`{key}`"), format!("{key},"), format!("{key}}}")];
            assert!(
                words.iter().any(|word| manual.contains(word)),
                "docs/manual/json.md does not say what {key} is"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_goes_away_under_a_server_is_told_on_pages_in_the_log_and_by_check_until_it_is_back()
{
    let program = fleet().administrator();
    let server = program.serve();
    let mut maya = Visitor::new();
    maya.sign_in(&server.url, ADMINISTRATOR, PASSWORD).await.says_not("Do not stop Postern");
    let pages = format!("{}/tickets", server.url);
    let (key, away) = (key(&program), program.path().join("away"));
    let text = fs::read_to_string(&key).unwrap();
    let still_there = "Put the file back from your copy before you stop it";

    fs::rename(&key, &away).unwrap();
    maya.get(&pages).await.says("Do not stop Postern").says("postern.key is missing").says(still_there);
    let ran = program.run(&["check"]).fails(1, &["postern.key", "is missing", still_there]);
    assert!(!ran.err.contains(".."), "{}", ran.err);
    let log = until("the log", async || Some(server.log()).filter(|log| log.contains(still_there))).await;
    tells_nothing(&log, &[&text]);
    // What needs the key goes on with the one in memory.
    let page = maya.get(format!("{}/mailboxes/1/outgoing", server.url)).await;
    maya.submit(page.form("Save Changes").set("password", "another~one")).await.says("Saved");

    // Another one in its place would seal what nobody opens after a restart.
    let other = Program::new().administrator();
    fs::copy(other.data().join("postern.key"), &key).unwrap();
    maya.get(&pages).await.says("is not the key of this database any more").says("as a further line");
    program.run(&["check"]).fails(1, &["is not the key of this database", still_there]);

    fs::remove_file(&key).unwrap();
    fs::rename(&away, &key).unwrap();
    maya.get(&pages).await.says_not("Do not stop Postern");
    until("the end in the log", async || server.log().contains("in its place again").then_some(())).await;
    server.stop();
    program.run(&["check"]).fine();
}
