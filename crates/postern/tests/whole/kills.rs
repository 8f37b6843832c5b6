//! kill -9 in the middle of fetching and of sending: nothing lost, nothing filed or sent twice. Of starting in
//! `starting`, of a token's renewal in `refreshing`, of its end in `revoking`, of a change of the key in `rotating`, of certificates in `certificates`,
//! of POP3 at each point of a fetch in `post_office`, of one fetch anywhere in `fetching`.
//!
//! Each kill comes when a drawn number of rows has reached a stage, another one each time, and what is done is counted
//! before and after it: a kill that found nothing or everything done proves nothing, and is made again with more work.
//! `POSTERN_TEST_KILLS` sets how many kills in the middle there must be of each kind (3 by default, 5 in refreshing and revoking; `dev/prove kills`
//! asks for more) and `POSTERN_TEST_SEED` where chance begins; both are printed.
mod certificates;
pub mod fetching;
mod post_office;
mod refreshing;
mod revoking;
mod rotating;
mod starting;

use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, Program, Server};
use crate::rig;
use desk::params;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What each round has to do.
const LETTERS: i64 = 20;
const REPLIES: i64 = 6;

fn kills() -> usize {
    kills_or(3)
}
fn kills_or(unasked: usize) -> usize {
    let asked = std::env::var("POSTERN_TEST_KILLS").ok();
    asked.map_or(unasked, |n| n.parse().expect("POSTERN_TEST_KILLS is a number"))
}
fn chance(what: &str) -> StdRng {
    chance_of(what, kills())
}
fn chance_of(what: &str, kills: usize) -> StdRng {
    seeded(&format!("{what}: {kills} kills"))
}
pub fn seeded(what: &str) -> StdRng {
    let seed = std::env::var("POSTERN_TEST_SEED")
        .ok()
        .map_or(20_261_124, |n| n.parse().expect("POSTERN_TEST_SEED is a number"));
    println!("{what}, seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// Work that goes through three stages, and how many rows have reached each.
struct Work<'a> {
    program: &'a Program,
    counted_by: &'static str,
    stages: [&'static str; 3],
}
impl Work<'_> {
    /// With a connection of its own that is closed again: an open one would spare the next start its recovery.
    fn done(&self) -> [i64; 3] {
        self.look(Some)
    }
    fn look<T>(&self, mut enough: impl FnMut([i64; 3]) -> Option<T>) -> T {
        let db = self.program.database();
        let began = Instant::now();
        loop {
            let (a, b, c) = db.read(|tx| tx.one(self.counted_by, params![])).unwrap();
            if let Some(found) = enough([a, b, c]) {
                return found;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "after a minute {a}, {b}, {c} of {:?}",
                self.stages
            );
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    /// Starts the server on `new` rows more, up to `all`, and kills it when a drawn number of them has reached the
    /// stage. Whether that was in the middle: some of it done, and not all.
    fn killed_in_the_middle(&self, stage: usize, chance: &mut StdRng, new: i64, all: i64) -> bool {
        let before = self.done();
        let at = before[stage] + chance.random_range(1..new);
        let server: Server = self.program.serve();
        self.look(|done| (done[stage] >= at).then_some(()));
        server.kill();
        let after = self.done();
        let in_the_middle = after != before && after[2] < all;
        let [a, b, c] = self.stages;
        println!(
            "  {a}, {b}, {c}: {before:?}; killed at {at} {}: {after:?} of {all}{}",
            self.stages[stage],
            if in_the_middle { "" } else { ", too late" }
        );
        in_the_middle
    }
}
/// Kills until enough of them were in the middle; `more` makes work and says how much of it there is now in all. How
/// many kills it took.
fn kill_in_the_middle(
    work: &Work<'_>,
    chance: &mut StdRng,
    new: i64,
    mut more: impl FnMut() -> i64,
) -> usize {
    let (mut made, mut in_the_middle) = (0, 0);
    while in_the_middle < kills() {
        assert!(made < 5 * kills() + 5, "{in_the_middle} of {made} kills were in the middle of the work");
        let all = more();
        in_the_middle += usize::from(work.killed_in_the_middle(made % 3, chance, new, all));
        made += 1;
    }
    println!("killed {made} times, {in_the_middle} in the middle");
    made
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
    desk_at(address, &rig::imaps(), more)
}
fn desk_at(address: &str, incoming: &str, more: &str) -> Program {
    desk_on(Program::new(), address, incoming, more)
}
fn desk_on(program: Program, address: &str, incoming: &str, more: &str) -> Program {
    let ca = rig::ca();
    let program = program.with(&["--tls-extra-ca", ca.to_str().unwrap()]).administrator();
    program.file("secret", rig::PASSWORD);
    let file = program.file("fleet.toml", &rig::mailbox_toml(address, incoming, &rig::submission(), more));
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_kill_while_fetching_loses_nothing_and_doubles_nothing() {
    let address = rig::address("support", "contoso.example");
    let program = desk(&address, "batch = 5\nfetched = \"move:Done\"");
    let written = killed_while_fetching("fetching", "moved", &address, &program).await;
    assert_eq!(rig::look(&address, "Done").await.len(), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_kill_while_fetching_by_pop3_loses_nothing_and_doubles_nothing() {
    let address = rig::address("support", "contoso.example");
    let program = desk_at(&address, &rig::pop3s(), "batch = 5\nfetched = \"delete\"");
    killed_while_fetching("fetching by POP3", "deleted", &address, &program).await;
}

/// Until INBOX is empty on the server, and every letter one ticket. How many letters there were.
async fn killed_while_fetching(what: &str, settled: &'static str, address: &str, program: &Program) -> usize {
    let mut chance = chance(what);
    let mut written = 0;
    let work = Work {
        program,
        counted_by: "SELECT count(*), count(CASE WHEN state <> 'new' THEN 1 END), count(settled_on_server_at) FROM inbox",
        stages: ["fetched", "filed", settled],
    };
    kill_in_the_middle(&work, &mut chance, LETTERS, || {
        let letters: Vec<_> = (written..written + LETTERS)
            .map(|i| {
                rig::letter("ann@nordwind.example", address, &format!("Matter {i}"), &"word ".repeat(200))
            })
            .collect();
        written += LETTERS;
        rig::deliver(address, &letters);
        written
    });
    let written = usize::try_from(written).unwrap();
    let server = program.serve();
    until("every letter as a ticket", async || {
        (items(program, &["ticket", "list"]).len() >= written).then_some(())
    })
    .await;
    until("every letter settled on the server", async || {
        (rig::look(address, "INBOX").await.is_empty()).then_some(())
    })
    .await;
    server.stop();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for ticket in items(program, &["ticket", "list"]) {
        *count.entry(ticket["subject"].as_str().unwrap().to_owned()).or_default() += 1;
        assert_eq!(ticket["entries"], 1, "{ticket}");
    }
    for i in 0..written {
        assert_eq!(count.remove(&format!("Matter {i}")), Some(1), "Matter {i} of {written}");
    }
    assert!(count.is_empty(), "{count:?}");
    program.run(&["check"]).fine();
    written
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
    let work = Work {
        program: &program,
        counted_by: "SELECT count(CASE WHEN attempts > 0 THEN 1 END), count(blob_id), count(CASE WHEN state = 'sent' THEN 1 END)
                     FROM outbox",
        stages: ["attempted", "composed", "sent"],
    };
    let made = kill_in_the_middle(&work, &mut chance, REPLIES, || {
        for i in written..written + REPLIES {
            let text = format!("Answer {i}.");
            program.run_with(&["reply", &ticket, "--as", ADMINISTRATOR], &text).fine();
        }
        written += REPLIES;
        written
    });
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
    assert!(repeated <= made, "{repeated} letters repeated by {made} kills");
    println!("sent {written}, repeated {repeated}");
    program.run(&["check"]).fine();
}
