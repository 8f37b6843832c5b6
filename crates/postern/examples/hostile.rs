//! What `postern message inspect` costs at worst: hostile letters of 40 MB each, against its limits of 5 s and
//! 256 MB. Started by `dev/prove inspect`, which keeps what it prints; it fails when a limit is passed.
use anyhow::{Context as _, ensure};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SIZE_BYTES: usize = 40 * 1000 * 1000;
const TIME_MAX: Duration = Duration::from_secs(5);
const RESIDENT_KB_MAX: u64 = 256 * 1024;
const HTML: &str = "Content-Type: text/html; charset=utf-8\n\n";
const PLAIN: &str = "Content-Type: text/plain; charset=utf-8\n\n";

/// A kind of letter: its name, how it begins, and what is repeated until it has its size; `#` is a running number.
type Kind = (&'static str, &'static str, &'static str);

const KINDS: &[Kind] = &[
    ("fields without end", "", "X-#: y\n"),
    ("one field", "X: ", "y"),
    ("a field folded without end", "X: a", "\n y"),
    ("references", "References:", " <#@x.example>"),
    ("recipients", "To: a@b.example", ", Person # <p#@nordwind.example>"),
    ("comments in an address", "To: ", "("),
    ("quotes in an address", "To: ", "\"\\"),
    ("brackets in an address", "To: ", "<,"),
    ("encoded words", "Subject:", " =?utf-8?Q?=C3=A4=?="),
    ("broken encoded words", "Subject: ", "=?"),
    ("parameters", "Content-Type: text/plain", "; a*#*=utf-8''%C3%A4"),
    ("parts", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n"),
    ("parts in parts", "", "Content-Type: multipart/mixed; boundary=b#\n\n--b#\n"),
    ("letters in letters", "", "Content-Type: message/rfc822\n\n"),
    ("almost boundaries", "Content-Type: multipart/mixed; boundary=bb\n\n", "--b\n"),
    (
        "one attachment",
        "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n",
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\n",
    ),
    ("base64 without line ends", "Content-Transfer-Encoding: base64\n\n", "QUJD"),
    ("quoted printable", "Content-Transfer-Encoding: quoted-printable\n\n", "=C3=A4=\n"),
    ("UTF-7", "Content-Type: text/plain; charset=utf-7\n\n", "+AOQ-"),
    ("UTF-16", "Content-Type: text/plain; charset=utf-16le\n\n", "a\0\n\0"),
    ("Shift_JIS", "Content-Type: text/plain; charset=shift_jis\n\n", "\u{83}"),
    ("words", PLAIN, "words "),
    ("line ends", PLAIN, "\n"),
    ("bare CR", PLAIN, "\r"),
    ("NUL", PLAIN, "\0"),
    ("quotes", PLAIN, "> a\n>> b\n"),
    ("a deep quote", PLAIN, ">"),
    ("attributions", PLAIN, "On Tue, 3 Mar 2026 Ann wrote:\n"),
    ("signatures", PLAIN, "-- \nAnn\n"),
    ("Outlook headers", PLAIN, "From: a\nSent: b\nTo: c\nSubject: d\n"),
    ("HTML in depth", HTML, "<div>"),
    ("HTML flat", HTML, "<p>words</p>"),
    ("one tag", "Content-Type: text/html\n\n<a", " x#=1"),
    ("tags with attributes", HTML, "<a b=1 c=2 d=3 e=4>"),
    ("ampersands", HTML, "&"),
    ("entities", HTML, "&amp;&#65;&notanentity;"),
    ("open brackets", HTML, "<"),
    ("comments", HTML, "<!--"),
    ("tables and links", HTML, "<table><a>"),
    ("formatting elements", HTML, "<b><i><p>"),
    ("closing tags", HTML, "</div>"),
    ("quotes in HTML", HTML, "<blockquote type=cite>a"),
    ("styles", HTML, "<td style='color:red;background:url(http://x.example)'>"),
    ("pictures", HTML, "<img src=cid:a#@b>"),
    ("SVG and MathML", HTML, "<svg><math><style>"),
    ("a style sheet", "Content-Type: text/html\n\n<style>", "p{color:red}"),
    (
        "winmail.dat",
        "Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\neJ8+IgEG",
        "AAAA",
    ),
    (
        "a delivery report",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n",
        "Final-Recipient: rfc822; p#@x.example\nAction: failed\nStatus: 5.1.1\n\n",
    ),
    (
        "a report in words",
        "From: mailer-daemon@x.example\n\nThis is the qmail-send program\n",
        "<p#@x.example>:\n550 5.1.1 no\n",
    ),
    ("a format=flowed text", "Content-Type: text/plain; format=flowed; delsp=yes\n\n", "> > a \n"),
];

fn write(path: &Path, (_, begin, unit): Kind) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let begin = format!(
        "From: Ann <ann@nordwind.example>\nTo: support@contoso.example\nMessage-ID: <h@x>\nMIME-Version: 1.0\n{begin}"
    );
    out.write_all(begin.as_bytes())?;
    let mut written = begin.len();
    for i in 0.. {
        if written >= SIZE_BYTES {
            break;
        }
        // Bytes above 0x7f stand for themselves: Shift_JIS is not UTF-8.
        let unit: Vec<u8> = if unit.contains('#') {
            unit.replace('#', &i.to_string()).into_bytes()
        } else {
            unit.chars().map_while(|c| u8::try_from(u32::from(c)).ok()).collect()
        };
        out.write_all(&unit)?;
        written += unit.len();
    }
    Ok(out.flush()?)
}

/// The most that a running process has had in memory, in kB; `None` when it is gone.
fn resident_kb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn main() -> anyhow::Result<()> {
    let here = std::env::current_exe()?;
    let program = here.parent().and_then(Path::parent).context("where the program is")?.join("postern");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("letter.eml");
    let (mut slowest, mut largest) = (("", Duration::ZERO), ("", 0));
    let mut over = Vec::new();
    for kind in KINDS {
        write(&path, *kind)?;
        let began = Instant::now();
        let mut child = Command::new(&program);
        let mut child =
            child.args(["message", "inspect", "--json"]).arg(&path).stdout(Stdio::null()).spawn()?;
        let mut resident = 0;
        // The high-water mark only grows: the last look before the end has all but the last moment of it.
        let status = loop {
            resident = resident.max(resident_kb(child.id()).unwrap_or(0));
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let took = began.elapsed();
        let name = kind.0;
        println!(
            "{name}: {:.2} s, {} MB, status {}",
            took.as_secs_f64(),
            resident / 1024,
            status.code().unwrap_or(-1)
        );
        if !matches!(status.code(), Some(0 | 3)) || took > TIME_MAX || resident > RESIDENT_KB_MAX {
            over.push(name);
        }
        slowest = if took > slowest.1 { (name, took) } else { slowest };
        largest = if resident > largest.1 { (name, resident) } else { largest };
    }
    println!(
        "{} kinds of 40 MB; slowest {} with {:.2} s; largest {} with {} MB",
        KINDS.len(),
        slowest.0,
        slowest.1.as_secs_f64(),
        largest.0,
        largest.1 / 1024
    );
    ensure!(over.is_empty(), "over a limit: {}", over.join(", "));
    Ok(())
}
