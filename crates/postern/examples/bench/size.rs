//! Memory: for one very large message, and for many mailboxes in which nothing happens.
use crate::desk::Desk;
use crate::mailbox::Mailbox;
use crate::{load, process};
use anyhow::{Context as _, ensure};
use base64::Engine as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// One message with so many megabytes of attachments, as `mailbox fetch` takes it.
pub fn large(folder: &Path, megabytes: usize) -> anyhow::Result<()> {
    let mailbox = Mailbox::new("large")?;
    let bytes = mailbox.append(std::iter::once(letter(megabytes)))?;
    let desk = Desk::new(folder, "large", &mailbox)?;
    let mut fetch = desk.command()?;
    let mut child =
        fetch.args(["mailbox", "fetch", &mailbox.address, "--json"]).stdout(Stdio::piped()).spawn()?;
    let (most, took) = process::high_water(&mut child, 10 * MINUTE)?;
    let out = std::io::read_to_string(child.stdout.take().context("standard output")?)?;
    let end = if out.contains("\"filed\":1") { "filed" } else { "NOT FILED, left on the server" };
    println!(
        "a message with {megabytes} MB of attachments ({:.0} MB on the wire): {end}, at most {most:.0} MB in memory, {:.1} s (load {})",
        bytes as f64 / 1e6,
        took.as_secs_f64(),
        load()
    );
    Ok(())
}

/// Attachments of 10 MB of random bytes each.
fn letter(megabytes: usize) -> String {
    let mut letter = String::from(
        "From: Ann <ann@nordwind.example>\nTo: support@contoso.example\nSubject: Everything\nMessage-ID: <large@nordwind.example>\n\
         Date: Tue, 24 Nov 2026 09:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=mixed\n\n\
         --mixed\nContent-Type: text/plain\n\nAll of it.\n",
    );
    let mut chance = StdRng::seed_from_u64(crate::SEED);
    for i in 0..megabytes.div_ceil(10) {
        letter.push_str(&format!(
            "--mixed\nContent-Type: application/octet-stream; name=\"part-{i}.bin\"\n\
             Content-Disposition: attachment; filename=\"part-{i}.bin\"\nContent-Transfer-Encoding: base64\n\n"
        ));
        let mut raw = vec![0; 10_000_000];
        chance.fill(&mut raw[..]);
        for line in raw.chunks(57) {
            base64::engine::general_purpose::STANDARD.encode_string(line, &mut letter);
            letter.push('\n');
        }
    }
    letter.push_str("--mixed--\n");
    letter
}

/// So many mailboxes, all in IDLE, and no mail: what they cost in memory and on a core.
pub fn idle(folder: &Path, mailboxes: usize) -> anyhow::Result<()> {
    let all: Vec<Mailbox> =
        (0..mailboxes).map(|i| Mailbox::new(&format!("idle{i}"))).collect::<anyhow::Result<_>>()?;
    let first = all.first().context("no mailbox")?;
    let desk = Desk::with(folder, "idle", &all)?;
    let (running, _browser) = desk.serve(&[])?;
    let (pid, began) = (running.pid(), Instant::now());
    while connections(first.server.port)? < mailboxes {
        ensure!(began.elapsed() < 3 * MINUTE, "only {} are connected", connections(first.server.port)?);
        std::thread::sleep(Duration::from_secs(1));
    }
    let connected = began.elapsed();
    std::thread::sleep(Duration::from_secs(20)); // their first rounds end
    let before = process::on_a_core(pid)?;
    std::thread::sleep(MINUTE);
    let cpu = process::on_a_core(pid)? - before;
    let of = |what| process::megabytes(pid, what).context("it is gone");
    println!(
        "{mailboxes} mailboxes in IDLE ({} connections, made in {:.0} s): {:.0} MB resident in all ({:.0} MB of its own, {:.0} MB of the program's file), at most {:.0} MB; {:.0} ms on a core in a minute (load {})",
        connections(first.server.port)?,
        connected.as_secs_f64(),
        of("VmRSS")?,
        of("RssAnon")?,
        of("RssFile")?,
        of("VmHWM")?,
        cpu * 1000.0,
        load()
    );
    Ok(())
}

/// Established ones to this port of this machine.
fn connections(port: u16) -> anyhow::Result<usize> {
    let (table, to) = (std::fs::read_to_string("/proc/net/tcp")?, format!(":{port:04X}"));
    let of = |line: &str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next().is_some_and(|remote| remote.ends_with(&to)) && fields.next() == Some("01")
    };
    Ok(table.lines().filter(|line| of(line)).count())
}
