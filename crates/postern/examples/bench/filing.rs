//! Messages filed a second, beside who only fetches and who only copies them.
use crate::desk::Desk;
use crate::mailbox::{Mailbox, mix};
use crate::{SEED, load, median, peer, timed};
use anyhow::ensure;
use std::path::Path;
use std::time::Duration;

const ROUNDS: usize = 3;

pub fn run(folder: &Path, letters: usize) -> anyhow::Result<()> {
    println!(
        "seed {SEED}; {letters} letters of 44 kB on average (2 kB plain; 37 % HTML of 30 kB; one in ten with a 200 kB attachment; 32 % answers)"
    );
    let mixed = Mailbox::new("mixed")?;
    let (bytes, took) = timed(|| mixed.fill(letters, mix))?;
    println!("filled Dovecot with {:.0} MB in {:.1} s", bytes as f64 / 1e6, took.as_secs_f64());
    let runtime = tokio::runtime::Runtime::new()?;
    let rate = |took: Duration| letters as f64 / took.as_secs_f64();
    let (mut to_bare, mut to_mbsync) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (count, bare) = timed(|| runtime.block_on(mixed.bare()))?;
        ensure!(count == letters, "the bare client saw {count}");
        let copied = peer::mbsync(&folder.join(format!("mbsync-{round}")), &mixed, letters)?;
        let desk = Desk::new(folder, &format!("mixed-{round}"), &mixed)?;
        let (out, filed) = timed(|| desk.run(&["mailbox", "fetch", &mixed.address, "--json"]))?;
        ensure!(out.contains(&format!("\"filed\":{letters}")), "{out}");
        let beside = copied.map_or(String::new(), |took| format!(", mbsync {:.0}", rate(took)));
        println!(
            "round {round}: bare client {:.0}{beside}, Postern {:.0} messages/s from server to durable, searchable entry (load {})",
            rate(bare),
            rate(filed),
            load()
        );
        to_bare.push(bare.as_secs_f64() / filed.as_secs_f64());
        to_mbsync.extend(copied.map(|took| took.as_secs_f64() / filed.as_secs_f64()));
    }
    println!("median ratio Postern / bare client: {:.2}", median(to_bare));
    if !to_mbsync.is_empty() {
        println!("median ratio Postern / mbsync: {:.2}", median(to_mbsync));
    }
    Ok(())
}
