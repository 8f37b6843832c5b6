//! What people wait for: the list, a ticket, finding, and how soon a letter that arrives is in the list.
use crate::desk::{Desk, between};
use crate::mailbox::{Mailbox, plain};
use crate::{median, timed};
use anyhow::{Context as _, ensure};
use std::path::Path;
use std::time::{Duration, Instant};

/// A page is asked for this often; the median counts.
const ASKED: usize = 41;
/// So many letters arrive one by one.
const ARRIVALS: usize = 10;

pub fn run(folder: &Path, tickets: usize) -> anyhow::Result<()> {
    let small = Mailbox::new("small")?;
    small.fill(tickets, plain)?;
    let desk = Desk::new(folder, "pages", &small)?;
    let ((), took) = timed(|| desk.run(&["mailbox", "fetch", &small.address]).map(drop))?;
    println!("{tickets} tickets filed at {:.0} messages/s", tickets as f64 / took.as_secs_f64());
    for (name, ms) in medians(&desk)? {
        println!("{name}: median {ms:.1} ms");
    }
    Ok(())
}

/// List, ticket and find, each asked for after a warm-up.
pub fn medians(desk: &Desk) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let (_running, mut browser) = desk.serve(&["--hold-mail"])?;
    let list = browser.ask("GET", "/tickets", "")?;
    let ticket = between(&list, "href=\"/tickets/", "\"").context("no ticket in the list")?;
    let ticket = format!("/tickets/{}", ticket.split('?').next().unwrap_or_default());
    let mut medians = Vec::new();
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
        medians.push((name, median(times)));
    }
    Ok(medians)
}

/// From the moment Dovecot has a letter to the moment the list shows it: `serve` waits with IDLE, and would poll once
/// a minute.
pub fn arrivals(folder: &Path) -> anyhow::Result<()> {
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
