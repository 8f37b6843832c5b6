//! Speed, as ratios: what `dev/bench` prints. Started by it, with a Dovecot of its own on loopback.
//!
//! Filing is measured from the server to a durable ticket, as one `postern mailbox fetch`, and compared in the same
//! sitting with a bare client that fetches the same letters and throws them away. Pages are measured from outside,
//! over HTTP, as medians; so is the time from a letter's arrival at the server to its row in the list, over IDLE.
#![expect(
    clippy::disallowed_methods,
    reason = "it stands outside of the program, as a browser and a mail client do"
)]
mod desk;
mod mailbox;

use anyhow::{Context as _, ensure};
use desk::{Desk, between};
use mailbox::{Mailbox, mix, plain};
use std::path::Path;
use std::time::{Duration, Instant};

const SEED: u64 = 1;
const PASSWORD: &str = "correct horse battery staple";
/// A page is asked for this often; the median counts.
const ASKED: usize = 41;
/// So many letters arrive one by one.
const ARRIVALS: usize = 10;

fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let letters: usize =
        std::env::args().nth(1).map_or(Ok(3000), |n| n.parse()).context("how many letters?")?;
    let tickets: usize =
        std::env::args().nth(2).map_or(Ok(10_000), |n| n.parse()).context("how many tickets?")?;
    let folder = tempfile::tempdir()?;
    println!(
        "seed {SEED}; {letters} letters of 44 kB on average (2 kB plain; 37 % HTML of 30 kB; one in ten with a 200 kB attachment; 32 % answers)"
    );
    let mixed = Mailbox::new("mixed")?;
    let (bytes, took) = timed(|| mixed.fill(letters, mix))?;
    println!("filled Dovecot with {:.0} MB in {:.1} s", bytes as f64 / 1e6, took.as_secs_f64());
    let runtime = tokio::runtime::Runtime::new()?;
    let mut ratios = Vec::new();
    for round in 1..=3 {
        let (count, bare) = timed(|| runtime.block_on(mixed.bare()))?;
        ensure!(count == letters, "the bare client saw {count}");
        let desk = Desk::new(folder.path(), &format!("mixed-{round}"), &mixed)?;
        let (out, filed) = timed(|| desk.run(&["mailbox", "fetch", &mixed.address, "--json"]))?;
        ensure!(out.contains(&format!("\"filed\":{letters}")), "{out}");
        let rate = |took: Duration| letters as f64 / took.as_secs_f64();
        println!(
            "round {round}: bare client {:.0} messages/s, Postern {:.0} messages/s from server to durable, searchable entry, ratio {:.2}",
            rate(bare),
            rate(filed),
            bare.as_secs_f64() / filed.as_secs_f64()
        );
        ratios.push(bare.as_secs_f64() / filed.as_secs_f64());
    }
    println!("median ratio Postern / bare client: {:.2}", median(ratios));

    let small = Mailbox::new("small")?;
    small.fill(tickets, plain)?;
    let desk = Desk::new(folder.path(), "pages", &small)?;
    let ((), took) = timed(|| desk.run(&["mailbox", "fetch", &small.address]).map(drop))?;
    println!("{tickets} tickets filed at {:.0} messages/s", tickets as f64 / took.as_secs_f64());
    pages(&desk)?;
    drop(desk);
    arrivals(folder.path())
}

fn timed<T>(f: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Duration)> {
    let began = Instant::now();
    let value = f()?;
    Ok((value, began.elapsed()))
}
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// List, ticket and find, asked over one connection after a warm-up.
fn pages(desk: &Desk) -> anyhow::Result<()> {
    let (_running, mut browser) = desk.serve(&["--hold-mail"])?;
    let list = browser.ask("GET", "/tickets", "")?;
    let ticket = between(&list, "href=\"/tickets/", "\"").context("no ticket in the list")?;
    let ticket = format!("/tickets/{}", ticket.split('?').next().unwrap_or_default());
    for (name, path) in [
        ("list", "/tickets"),
        ("ticket", ticket.as_str()),
        ("find a word", "/tickets?find=cellar"),
        ("find two words", "/tickets?find=cellar+gate"),
        ("find an address", "/tickets?find=person7%40nordwind.example"),
    ] {
        browser.ask("GET", path, "")?;
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let (text, took) = timed(|| browser.ask("GET", path, ""))?;
            ensure!(text.starts_with("HTTP/1.1 200"), "{path}: {}", text.lines().next().unwrap_or_default());
            times.push(took.as_secs_f64() * 1000.0);
        }
        println!("{name}: median {:.1} ms", median(times));
    }
    Ok(())
}

/// From the moment Dovecot has a letter to the moment the list shows it: `serve` waits with IDLE, and would poll once
/// a minute.
fn arrivals(folder: &Path) -> anyhow::Result<()> {
    let mailbox = Mailbox::new("arrivals")?;
    let desk = Desk::new(folder, "arrivals", &mailbox)?;
    let (_running, mut browser) = desk.serve(&[])?;
    let mut times = Vec::new();
    // The first one finds a connection that is being made, and is not counted.
    for i in 0..=ARRIVALS {
        let subject = format!("Arrival {i} of many");
        mailbox.append(std::iter::once(format!(
            "From: Ann <ann@nordwind.example>\nTo: support@contoso.example\nSubject: {subject}\n\
             Message-ID: <arrival-{i}@nordwind.example>\nDate: Tue, 24 Nov 2026 09:00:00 +0000\n\nIs it there?\n"
        )))?;
        let began = Instant::now();
        while !browser.ask("GET", "/tickets", "")?.contains(&subject) {
            ensure!(began.elapsed() < Duration::from_secs(90), "{subject} did not come into the list");
            std::thread::sleep(Duration::from_millis(5));
        }
        if i > 0 {
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        std::thread::sleep(Duration::from_secs(1)); // back to IDLE
    }
    let longest = times.iter().copied().fold(0.0, f64::max);
    println!(
        "from arrival at the server to the list, over IDLE: median {:.0} ms of {ARRIVALS}, longest {longest:.0} ms",
        median(times)
    );
    Ok(())
}
