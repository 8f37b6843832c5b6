//! `postern pipe`: what a mail server on this machine hands over, and the exit status by which it decides what to do next.
use crate::practice_walk::until;
use crate::program::Program;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const ADDRESS: &str = "support@contoso.example";
const PIPE: [&str; 2] = ["pipe", ADDRESS];

/// A desk with a mailbox that is fetched from nowhere.
fn desk() -> Program {
    let program = Program::new().administrator();
    let file = program.file("fleet.toml", &format!("[[mailbox]]\naddress = \"{ADDRESS}\"\n"));
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program
}

/// As Postfix hands it over: the line of the envelope before it, its own trace fields, and bare line ends.
fn letter(queue_id: &str, subject: &str) -> String {
    format!(
        "From ann@nordwind.example  Fri Nov 27 09:00:0{} 2026\nReturn-Path: <ann@nordwind.example>\n\
         X-Original-To: {ADDRESS}\nDelivered-To: {ADDRESS}\nReceived: by mx.contoso.example; id {queue_id}\n\
         From: Ann <ann@nordwind.example>\nTo: {ADDRESS}\nSubject: {subject}\n\
         Message-ID: <1@nordwind.example>\n\nThe confidential text of {subject}.\n",
        queue_id.len()
    )
}

fn inbox(program: &Program) -> Vec<serde_json::Value> {
    program.run(&["inbox", "list", "--json"]).fine().json()["items"].as_array().unwrap().clone()
}

#[test]
fn a_letter_that_is_piped_twice_is_stored_once_and_is_kept_as_it_came() {
    let program = desk();
    let first = program.run_with(&PIPE, &letter("A", "Broken lamp")).fine();
    assert_eq!((first.out.as_str(), first.err.as_str()), ("", ""), "mail servers log what is printed");
    let again =
        program.run_with(&["pipe", "SUPPORT@contoso.example", "--json"], &letter("BB", "Broken lamp"));
    let again = again.fine().json();
    let rows = inbox(&program);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(again, serde_json::json!({ "address": ADDRESS, "inbox": rows[0]["id"], "done": "known" }));
    assert_eq!((&rows[0]["folder"], &rows[0]["uid"]), (&"(pipe)".into(), &1.into()));
    assert_eq!(rows[0]["message_id"], "1@nordwind.example");
    assert_eq!(rows[0]["size"], letter("A", "Broken lamp").len());
    // The same Message-ID with other content is another message.
    let other = program.run_with(&["pipe", ADDRESS, "--json"], &letter("A", "Another lamp")).fine().json();
    assert_eq!(other["done"], "stored");
    assert_eq!(inbox(&program).iter().map(|row| row["uid"].as_i64().unwrap()).max(), Some(3));
    program.run(&["check"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_runs_files_it_within_a_second_and_one_that_starts_later_files_what_is_there() {
    let program = desk();
    program.run_with(&PIPE, &letter("A", "Before the start")).fine();
    let server = program.serve();
    let tickets = |count: usize| {
        let program = &program;
        until("the ticket", async move || {
            let page = program.run(&["ticket", "list", "--json"]).fine().json();
            let items = page["items"].as_array().unwrap().clone();
            (items.len() == count).then_some(items)
        })
    };
    tickets(1).await;
    program.run_with(&PIPE, &letter("A", "While it runs")).fine();
    let began = std::time::Instant::now();
    let items = tickets(2).await;
    // The round itself looks at the clock every five seconds only.
    assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
    let newest = items.iter().find(|ticket| ticket["subject"] == "While it runs").unwrap();
    assert_eq!(newest["requester"]["address"], "ann@nordwind.example");
    assert_eq!(newest["mailbox"], ADDRESS);
    assert!(!server.log().contains("confidential"), "{}", server.log());
    server.stop();
    program.run(&["check"]).fine();
}

#[test]
fn the_exit_status_says_whether_the_message_is_to_be_kept() {
    let program = desk();
    let body = letter("A", "Broken lamp");
    program.run_with(&["pipe", "nobody@contoso.example"], &body).fails(67, &["no mailbox nobody@"]);
    program.run_with(&["pipe"], &body).fails(64, &["ADDRESS"]);
    program.run_with(&["pipe", ADDRESS, "--bogus"], &body).fails(64, &["--bogus"]);
    program.run_with(&["pipe", ADDRESS, "--log-level", "loud"], &body).fails(75, &["configuration"]);
    program.run_with(&PIPE, "\n \r\n").fails(65, &["nothing but empty lines"]);
    program.run_with(&PIPE, "").fails(75, &["Nothing came on standard input"]);
    // What a program finds in place of a standard input that is closed.
    program
        .run_from(&PIPE, fs::File::open("/dev/null").unwrap())
        .fails(75, &["Nothing came on standard input"]);
    // A hole in a file takes no room on the disk.
    let hole = program.file("hole", "");
    fs::File::options().write(true).open(&hole).unwrap().set_len((400 << 20) + 1).unwrap();
    program.run_from(&PIPE, fs::File::open(hole).unwrap()).fails(65, &["larger than 400 MB"]);
    assert_eq!(inbox(&program).len(), 0);
    // One that is there and cannot be reached: the mail server tries again.
    let nowhere = program.path().join("nowhere");
    program
        .run_with(&["pipe", ADDRESS, "--data", nowhere.to_str().unwrap()], &body)
        .fails(75, &["no database"]);
    let ran = program.run_with(&["pipe", "--help"], "").fine();
    assert!(!ran.out.contains("confidential"));
}

/// The blobs belong to somebody else, or take nothing: 75, and later the same letter is taken.
#[test]
fn what_cannot_be_stored_now_is_taken_later() {
    let program = desk();
    let body = letter("A", "Broken lamp");
    let blobs = program.data().join("blobs");
    let as_root = rustix::process::geteuid().is_root();
    if as_root {
        // For whom a mode is no obstacle, but a file in place of a folder is.
        let kept = program.data().join("kept");
        fs::rename(blobs.join("file"), &kept).unwrap();
        fs::write(blobs.join("file"), "").unwrap();
        let ran = program.run_with(&PIPE, &body).fails(75, &[]);
        assert!(!ran.err.contains("confidential") && ran.out.is_empty(), "{ran:?}");
        fs::remove_file(blobs.join("file")).unwrap();
        fs::rename(&kept, blobs.join("file")).unwrap();
        std::os::unix::fs::chown(&blobs, Some(65_534), None).unwrap();
        program.run_with(&PIPE, &body).fails(75, &["belongs to user 65534", "the user who runs Postern"]);
        std::os::unix::fs::chown(&blobs, Some(0), None).unwrap();
    } else {
        for folder in [program.data(), blobs.join("file")] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
            let ran = program.run_with(&PIPE, &body).fails(75, &[]);
            assert!(!ran.err.contains("confidential") && ran.out.is_empty(), "{ran:?}");
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
    }
    assert_eq!(inbox(&program).len(), 0);
    program.run_with(&PIPE, &body).fine();
    assert_eq!(inbox(&program).len(), 1);
}
