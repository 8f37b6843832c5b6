//! What the system says of a process.
use anyhow::{Context as _, bail};
use std::process::Child;
use std::time::{Duration, Instant};

/// Of `/proc/PID/status`, in MB: `VmHWM` is the most that was ever resident, `VmRSS` what is now, files that are mapped included.
pub fn megabytes(pid: u32, what: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

/// Seconds on a core since it began.
pub fn on_a_core(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, after) = stat.rsplit_once(") ").context("a name in parentheses")?;
    let ticks = after.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.collect::<Result<Vec<_>, _>>()?.into_iter().sum::<f64>() / 100.0)
}

/// Waits for its end; the most that it had in memory, and how long it took.
pub fn high_water(child: &mut Child, limit: Duration) -> anyhow::Result<(f64, Duration)> {
    let (began, mut most) = (Instant::now(), 0.0);
    loop {
        if let Some(now) = megabytes(child.id(), "VmHWM") {
            most = now;
        }
        if let Some(status) = child.try_wait()? {
            anyhow::ensure!(status.success(), "it ended with {status}");
            return Ok((most, began.elapsed()));
        }
        if began.elapsed() > limit {
            child.kill()?;
            bail!("it takes longer than {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
