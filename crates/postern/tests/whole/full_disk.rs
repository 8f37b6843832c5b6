//! A disk that is full, and one that nearly is: nothing is lost, everything goes on by itself when there is room, and who works
//! here works on as long as that is possible.
use crate::file_limit::noise;
use crate::practice_walk::until_within;
use crate::program::{ADMINISTRATOR, PASSWORD, Program};
use crate::rig;
use crate::visitor::Visitor;
use std::time::Duration;

/// On a disk of 48 MB, of which a quarter is kept free.
fn small() -> Program {
    Program::new().on_a_disk_of(48)
}

#[test]
fn a_server_that_starts_on_a_full_disk_waits_for_room_and_then_starts() {
    let program = small().administrator();
    program.disk().fill(0);
    let (mut server, log) = program.begin_to_serve();
    let said = |word: &str| {
        for _ in 0..600 {
            let log = std::fs::read_to_string(&log).unwrap();
            if log.contains(word) {
                return log;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("“{word}” was not said: {}", std::fs::read_to_string(&log).unwrap())
    };
    said("Postern waits until there is room, and then starts");
    assert!(server.try_wait().unwrap().is_none(), "it ended: {}", said(""));
    // Another command says why, and does not wait.
    program
        .run_with(&["admin", "create", "--email", "leo@contoso.example", "--password-stdin"], PASSWORD)
        .fails(1, &["full"]);
    program.disk().make_room();
    let log = said("ready http");
    assert_eq!(log.matches("waits until").count(), 1, "told once: {log}");
    assert!(std::process::Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    assert!(server.wait().unwrap().success());
    program.run(&["check"]).fine();
}

const WAITS: &str = "waits@contoso.example";

/// The database opens, as its log is there from before, and the first write of the start is what finds no room.
#[test]
fn a_server_that_was_killed_starts_on_a_full_disk_and_waits_with_what_it_writes_at_the_start() {
    for has_administrator in [false, true] {
        // What is kept free is none of this: the database's own disk is looked at too.
        let program = if has_administrator { small().administrator() } else { small() };
        let program = if has_administrator { program } else { program.with(&["--store-reserve", "0%"]) };
        let server =
            "host = \"localhost\"\nport = 1\nauthentication = \"password\"\npassword_file = \"secret\"";
        program.file("secret", "rehearsal");
        let file = program.file("fleet.toml", &rig::mailbox_toml(WAITS, server, "none = true", ""));
        program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
        program.serve().kill();
        program.disk().fill(0);
        let (mut server, log) = program.begin_to_serve();
        let read = || std::fs::read_to_string(&log).unwrap();
        let said = |word: &str| {
            for _ in 0..600 {
                if read().contains(word) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            panic!("“{word}” was not said: {}", read())
        };
        said("Postern waits until there is room, and then starts");
        std::thread::sleep(Duration::from_secs(1));
        assert!(server.try_wait().unwrap().is_none(), "it ended: {}", read());
        assert!(!read().contains("ready http"), "{}", read());
        let shown = program.run(&["mailbox", "show", WAITS, "--json"]).fine().json();
        let listed = program.run(&["mailbox", "list", "--json"]).fine().json();
        for one in [&shown, &listed["items"][0]] {
            assert_eq!(one["state"], "needs_person", "{one}");
            let reason = one["reason"].as_str().unwrap();
            assert!(reason.contains("has 0 MB left") && reason.contains("nothing was lost"), "{reason}");
            assert_eq!(reason.contains("of the database"), !has_administrator, "{reason}");
        }
        program.disk().make_room();
        said("ready http");
        assert_eq!(read().matches("waits until").count(), 1, "told once: {}", read());
        assert!(std::process::Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
        assert!(server.wait().unwrap().success());
        program.run(&["check"]).fine();
    }
}

/// With a mailbox at the rig's servers.
fn fetching(program: Program, address: &str, outgoing: &str, fetched: &str) -> Program {
    let ca = rig::ca();
    let program = program.with(&["--tls-extra-ca", ca.to_str().unwrap()]).administrator();
    program.file("secret", rig::PASSWORD);
    let fetched = format!("fetched = \"{fetched}\"");
    let file = program.file("fleet.toml", &rig::mailbox_toml(address, &rig::imaps(), outgoing, &fetched));
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_fetching_stops_before_the_disk_is_full_and_goes_on_by_itself() {
    const LONG: Duration = Duration::from_secs(150);
    let (address, ann) =
        (rig::address("support", "contoso.example"), rig::address("ann", "nordwind.example"));
    let program = fetching(small(), &address, &rig::submission(), "delete");
    let letter = |subject: &str| rig::letter(&ann, &address, subject, "Please look.");
    rig::deliver(&address, &[letter("Before")]);
    let server = program.serve();
    until_within(LONG, "the first ticket", async || (program.subjects() == ["Before"]).then_some(())).await;

    // Room for who works here, and none for what comes.
    program.disk().fill(6 << 20);
    rig::deliver(&address, &[letter("Meanwhile 1"), letter("Meanwhile 2")]);
    let shown = until_within(LONG, "the reason", async || {
        let shown = program.run(&["mailbox", "show", &address, "--json"]).fine().json();
        (shown["state"] == "needs_person").then_some(shown)
    })
    .await;
    let reason = shown["reason"].as_str().unwrap();
    assert!(reason.contains("MB left") && reason.contains("nothing was lost"), "{reason}");
    assert_eq!(rig::look(&address, "INBOX").await.len(), 2, "what is not stored is not touched");
    let mut maya = Visitor::new();
    let page = maya.sign_in(&server.url, ADMINISTRATOR, PASSWORD).await;
    page.says("Nothing is fetched").says("Free some space");
    let number = program.run(&["ticket", "list", "--json"]).fine().json()["items"][0]["number"].clone();
    let page = maya.get(format!("{}/tickets/{}", server.url, number.as_str().unwrap())).await;
    maya.submit(page.form("Send").set("text", "We have looked.")).await.says("We have looked.");
    until_within(LONG, "the answer", async || rig::look(&ann, "INBOX").await.pop()).await;

    // And not even that: nothing is taken, and what was there is there.
    program.disk().fill(0);
    rig::deliver(&address, &[letter("Meanwhile 3")]);
    program.run(&["mailbox", "fetch", &address]).fails(1, &["full"]);
    assert_eq!(rig::look(&address, "INBOX").await.len(), 3);
    program.disk().make_room();
    let all = ["Before", "Meanwhile 1", "Meanwhile 2", "Meanwhile 3"];
    until_within(LONG, "every letter as a ticket, by itself", async || {
        (program.subjects() == all).then_some(())
    })
    .await;
    until_within(LONG, "none left there", async || {
        rig::look(&address, "INBOX").await.is_empty().then_some(())
    })
    .await;
    let shown = program.run(&["mailbox", "show", &address, "--json"]).fine().json();
    assert_eq!(shown["state"], "ok", "{shown}");
    maya.get(format!("{}/tickets", server.url)).await.says_not("Nothing is fetched");
    let (_, status) = server.stop();
    assert_eq!(status, 0);
    program.run(&["check"]).fine();
}

/// Of a quarter that is kept free a letter that lies on the disk while it comes leaves all.
#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_large_letter_leaves_the_reserve_alone_and_comes_when_there_is_room() {
    let address = rig::address("support", "contoso.example");
    let program = fetching(Program::new().on_a_disk_of(160), &address, "none = true", "delete");
    let letter = |subject: &str, text: &str| rig::letter("ann@nordwind.example", &address, subject, text);
    let text = "All of it, again and again, until it is too much for memory.\n".repeat(200_000);
    let large = letter("2 large", &text);
    rig::deliver(&address, &[letter("1 small", "x"), large.clone(), letter("3 small", "x")]);

    program.disk().fill(46 << 20);
    program.run(&["mailbox", "fetch", &address]).fails(1, &["MB left", "nothing was lost"]);
    let waits: Vec<String> =
        rig::look(&address, "INBOX").await.into_iter().map(|message| message.subject).collect();
    assert!(waits.ends_with(&["2 large".to_owned(), "3 small".to_owned()]), "{waits:?}");
    let other = large.replace("2 large", "4 piped");
    program.run_with(&["pipe", &address], &other).fails(75, &["MB left"]);

    program.disk().make_room();
    program.run(&["mailbox", "fetch", &address]).fine();
    program.run_with(&["pipe", &address], &other).fine();
    assert_eq!(program.subjects(), ["1 small", "2 large", "3 small"]);
    assert_eq!(rig::look(&address, "INBOX").await.len(), 0);
    program.run(&["check"]).fine();
}

/// Also in the middle of what one round brings.
#[tokio::test(flavor = "multi_thread")]
async fn real_servers_many_letters_of_one_round_leave_the_reserve_alone() {
    let address = rig::address("support", "contoso.example");
    let program = fetching(Program::new().on_a_disk_of(60), &address, "none = true", "nothing");
    let text = noise(1_600_000);
    let letter = |i: usize| {
        // Each its own.
        let (text, before) = text.split_at(10_000 * i);
        // Held, so that filing takes no room.
        let subject = format!("{i}\nAuto-Submitted: auto-replied");
        rig::letter("ann@nordwind.example", &address, &subject, &[before, text].concat())
    };
    rig::deliver(&address, &(0..45).map(letter).collect::<Vec<_>>());
    program.run(&["mailbox", "fetch", &address]).fails(1, &["MB left", "nothing was lost"]);
    // Of the 15 MB no more is gone than a batch takes that was begun before.
    assert!(program.disk().left() > 5 << 20, "{} bytes are left", program.disk().left());
    program.run(&["check"]).fine();
}
