//! kill -9 at seeded random moments of fetching and of sending: nothing lost, nothing filed or sent twice. Of starting
//! in `starting`, of a token's renewal in `refreshing`.
//!
//! `POSTERN_TEST_KILLS` sets how many kills of each kind (3 by default; `dev/prove kills` asks for more) and
//! `POSTERN_TEST_SEED` where chance begins; both are printed.
mod refreshing;
mod starting;

use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, Program};
use crate::rig;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::collections::BTreeMap;
use std::time::Duration;

fn kills() -> usize {
    std::env::var("POSTERN_TEST_KILLS").ok().map_or(3, |n| n.parse().expect("POSTERN_TEST_KILLS is a number"))
}
fn chance(what: &str) -> StdRng {
    let seed = std::env::var("POSTERN_TEST_SEED")
        .ok()
        .map_or(20_261_124, |n| n.parse().expect("POSTERN_TEST_SEED is a number"));
    println!("{what}: {} kills, seed {seed}", kills());
    StdRng::seed_from_u64(seed)
}
fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
fn items(program: &Program, arguments: &[&str]) -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut arguments = [arguments, &["--json", "--limit", "500"]].concat();
        if let Some(cursor) = &after {
            arguments.extend(["--after", cursor.as_str()]);
        }
        let page = program.run(&arguments).fine().json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return all,
        }
    }
}
fn desk(address: &str, more: &str) -> Program {
    let ca = rig::ca();
    let program = Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap()]).administrator();
    program.file("secret", rig::PASSWORD);
    let file =
        program.file("fleet.toml", &rig::mailbox_toml(address, &rig::imaps(), &rig::submission(), more));
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_kill_while_fetching_loses_nothing_and_doubles_nothing() {
    let mut chance = chance("fetching");
    let address = rig::address("support", "contoso.example");
    let program = desk(&address, "batch = 5\nfetched = \"move:Done\"");
    let mut written = 0;
    for round in 0..kills() {
        let letters: Vec<_> = (0..20)
            .map(|i| {
                rig::letter(
                    "ann@nordwind.example",
                    &address,
                    &format!("Matter {}", written + i),
                    &"word ".repeat(200),
                )
            })
            .collect();
        written += letters.len();
        rig::deliver(&address, &letters);
        let server = program.serve();
        let ms = chance.random_range(0..400);
        pause(ms);
        server.kill();
        println!("round {round}: killed {ms} ms after it was ready");
    }
    let server = program.serve();
    until("every letter as a ticket", async || {
        (items(&program, &["ticket", "list"]).len() >= written).then_some(())
    })
    .await;
    until("every letter moved on the server", async || {
        (rig::look(&address, "INBOX").await.is_empty()).then_some(())
    })
    .await;
    server.stop();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for ticket in items(&program, &["ticket", "list"]) {
        *count.entry(ticket["subject"].as_str().unwrap().to_owned()).or_default() += 1;
        assert_eq!(ticket["entries"], 1, "{ticket}");
    }
    for i in 0..written {
        assert_eq!(count.remove(&format!("Matter {i}")), Some(1), "Matter {i} of {written}");
    }
    assert!(count.is_empty(), "{count:?}");
    assert_eq!(rig::look(&address, "Done").await.len(), written);
    program.run(&["check"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_kill_while_sending_loses_no_reply_and_repeats_only_the_same_letter() {
    let mut chance = chance("sending");
    let (address, ann) =
        (rig::address("support", "contoso.example"), rig::address("ann", "nordwind.example"));
    let program = desk(&address, "");
    rig::deliver(&address, &[rig::letter(&ann, &address, "Many answers", "?")]);
    program.run(&["mailbox", "fetch", &address]).fine();
    let ticket = items(&program, &["ticket", "list"])[0]["number"].as_str().unwrap().to_owned();
    let mut written = 0;
    for round in 0..kills() {
        for _ in 0..3 {
            let text = format!("Answer {written}.");
            program.run_with(&["reply", &ticket, "--as", ADMINISTRATOR], &text).fine();
            written += 1;
        }
        let server = program.serve();
        let ms = chance.random_range(0..250);
        pause(ms);
        server.kill();
        println!("round {round}: killed {ms} ms after it was ready");
    }
    // A message whose fate is not known waits before it is sent again; an operator may ask for it at once.
    let server = program.serve();
    until("every reply settled", async || {
        let rows = items(&program, &["outbox", "list"]);
        for row in rows.iter().filter(|r| r["state"] == "queued" && r["attempts"].as_i64() > Some(0)) {
            program.run(&["outbox", "retry", &row["id"].to_string()]);
        }
        rows.iter().all(|r| r["state"] == "sent").then_some(())
    })
    .await;
    server.stop();
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for letter in rig::look(&ann, "INBOX").await {
        let id = letter.message_id.unwrap();
        by_text.entry(letter.text.trim().lines().next().unwrap_or_default().to_owned()).or_default().push(id);
    }
    let mut repeated = 0;
    for i in 0..written {
        let ids = by_text
            .remove(&format!("Answer {i}."))
            .unwrap_or_else(|| panic!("reply {i} of {written} is lost"));
        assert!(ids.iter().all(|id| *id == ids[0]), "a reply went out under two Message-IDs: {ids:?}");
        repeated += ids.len() - 1;
    }
    // Between the final dot and its answer a broken connection cannot tell: at most one letter a kill.
    assert!(repeated <= kills(), "{repeated} letters repeated by {} kills", kills());
    println!("sent {written}, repeated {repeated}");
    program.run(&["check"]).fine();
}
