//! Speed and size: what `dev/bench` prints. Started by it, with a Dovecot (and a PostgreSQL) of its own on loopback.
//!
//! Filing is measured from the server to a durable ticket, as one `postern mailbox fetch`, and compared in the same
//! sitting with a bare client that fetches the same letters and throws them away, and with `mbsync`, which copies them.
//! Pages are measured from outside, over HTTP, as medians; memory as the system counts it for the process.
#![expect(
    clippy::disallowed_methods,
    reason = "it stands outside of the program, as a browser and a mail client do"
)]
mod curve;
mod desk;
mod filing;
mod mailbox;
mod pages;
mod peer;
mod process;
mod size;

use anyhow::{Context as _, bail};
use std::time::{Duration, Instant};

const SEED: u64 = 1;
const PASSWORD: &str = "correct horse battery staple";

fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args().skip(1);
    let part = arguments.next().context("which part?")?;
    let mut number = |usual: usize| {
        arguments.next().map_or(Ok(usual), |n| n.parse()).with_context(|| format!("{part}: how many?"))
    };
    let folder = tempfile::tempdir()?;
    match part.as_str() {
        "filing" => filing::run(folder.path(), number(3000)?),
        "pages" => pages::run(folder.path(), number(10_000)?),
        "arrivals" => pages::arrivals(folder.path()),
        "large" => size::large(folder.path(), number(200)?),
        "idle" => size::idle(folder.path(), number(100)?),
        "curve" => {
            let (tickets, minutes) = (number(100_000)?, number(60)?);
            curve::run(tickets, Duration::from_secs(minutes as u64 * 60))
        }
        other => bail!("{other} is no part: filing, pages, arrivals, large, idle, curve"),
    }
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
/// How many processes want a core at this moment, as the system averages it over a minute.
fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
