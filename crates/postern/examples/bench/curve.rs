//! What a message costs while the desk grows: it must not cost more.
use crate::desk::Desk;
use crate::mailbox::{Mailbox, plain};
use crate::{SEED, load, pages, timed};
use anyhow::{Context as _, ensure};
use rand::{SeedableRng as _, rngs::StdRng};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Letters that are in Dovecot at a time.
const LEG: usize = 5_000;

/// Grows a desk to so many tickets, and says at each power of ten from a thousand on what the last thousand cost. The desk stays in
/// `POSTERN_BENCH_CURVE`, where that is set, and the next run goes on with it.
pub fn run(tickets: usize, limit: Duration) -> anyhow::Result<()> {
    let own = tempfile::tempdir()?;
    let folder = std::env::var_os("POSTERN_BENCH_CURVE").map_or(own.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let kept = folder.join("curve-tickets");
    let mut filed: usize = match std::fs::read_to_string(&kept) {
        Ok(text) => text.trim().parse().context("how far it came")?,
        Err(_) => 0,
    };
    let began = Instant::now();
    while filed < tickets {
        if began.elapsed() > limit {
            println!("{filed} tickets after {} minutes; run it again to go on", limit.as_secs() / 60);
            return Ok(());
        }
        let next = (3..=9).map(|n| 10_usize.pow(n)).find(|n| *n > filed).unwrap_or(tickets).min(tickets);
        let count = match next - filed {
            rest if rest <= 1000 => rest,
            rest => (rest - 1000).min(LEG),
        };
        let (desk, took) = leg(&folder, filed, count)?;
        filed += count;
        std::fs::write(&kept, filed.to_string())?;
        if filed == next {
            told(&desk, filed, count, took)?;
        }
    }
    Ok(())
}

/// The next letters into Dovecot, from there into the desk, and away from Dovecot.
fn leg(folder: &std::path::Path, filed: usize, count: usize) -> anyhow::Result<(Desk, Duration)> {
    let mailbox = Mailbox::called("curve@contoso.example")?;
    let mut chance = StdRng::seed_from_u64(SEED + filed as u64);
    let letters: Vec<String> = (filed..filed + count).map(|i| plain(&mut chance, i)).collect();
    mailbox.append(letters.into_iter())?;
    let desk = Desk::with(folder, "curve", std::slice::from_ref(&mailbox))?;
    let (out, took) = timed(|| desk.run(&["mailbox", "fetch", &mailbox.address, "--json"]))?;
    ensure!(out.contains(&format!("\"filed\":{count}")), "{out}");
    mailbox.empty()?;
    Ok((desk, took))
}

fn told(desk: &Desk, filed: usize, count: usize, took: Duration) -> anyhow::Result<()> {
    let pages: Vec<String> =
        pages::medians(desk)?.into_iter().map(|(name, ms)| format!("{name} {ms:.1}")).collect();
    println!(
        "{filed} tickets: the last {count} at {:.0} messages/s, {:.2} ms each; pages in ms: {}; {:.0} MB on the disk (load {})",
        count as f64 / took.as_secs_f64(),
        took.as_secs_f64() * 1000.0 / count as f64,
        pages.join(", "),
        desk.megabytes()?,
        load()
    );
    Ok(())
}
