//! Transcripts: a server's side of a conversation as a text file, the calls of the client and their results.
//!
//! ```text
//! # anything                 a remark
//! @ security starttls        tls (default), starttls, plain
//! > verb arguments           a call of the client; see imap.rs, pop3.rs and smtp.rs
//! = text                     its result, one line each
//! S: text                    the server sends a line (CRLF is added)
//! S~ text                    the server sends bytes without CRLF
//! S# 70000 x                 the server sends a text many times
//! S. text                    the server sends a line, a byte a second
//! C: text                    the client must send exactly this line
//! CLOSE                      the server closes the link
//! SILENCE                    the server says nothing more, until the client gives up
//! ```
//!
//! `\r`, `\n`, `\0`, `\x01`, `\\` are escapes. Server lines that follow each other go out in one write. Time is
//! tokio's and jumps when everybody waits, so that time-outs cost nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use wire::net::{BoxStream, Secure};
use wire::{Error, Record, Result, Security, Server};

pub struct Transcript {
    pub server: Server,
    calls: Vec<Call>,
    script: Vec<Step>,
}

struct Call {
    words: Vec<String>,
    expected: Vec<String>,
    line: usize,
}

#[derive(Debug)]
enum Step {
    Send(Vec<u8>),
    Drip(Vec<u8>),
    Expect { text: String, line: usize },
    Close,
    Silence,
}

/// A protocol's client, as transcripts call it.
pub trait Player: Sized {
    /// What ends the session: `logout`, `quit`.
    const LAST: &str;
    fn connect(stream: BoxStream, server: &Server, tls: &PretendTls) -> impl Future<Output = Result<Self>>;
    fn call(&mut self, words: &[&str]) -> impl Future<Output = Result<String>>;
    fn end(self) -> impl Future<Output = Result<()>>;
}

pub fn complaint(error: &Error) -> String {
    let sent = if error.may_have_been_sent() { "\nmay have been sent" } else { "" };
    format!("{:?}\n{error}{sent}", error.kind())
}

/// Plays the calls of one transcript against a stream; the result of each call as text.
async fn play<P: Player>(stream: BoxStream, server: Server, calls: Vec<Vec<String>>) -> Vec<String> {
    let (mut results, tls) = (Vec::new(), PretendTls::default());
    let (mut stream, mut player) = (Some(stream), None);
    for call in &calls {
        let words: Vec<&str> = call.iter().map(String::as_str).collect();
        let result = match (words.as_slice(), &mut player) {
            (["connect"], _) => match P::connect(stream.take().unwrap(), &server, &tls).await {
                Ok(connected) => {
                    player = Some(connected);
                    Ok(String::from("connected"))
                }
                Err(error) => Err(error),
            },
            (["record"], _) => Ok(tls.record.take().join("\n")),
            ([last], player) if *last == P::LAST => {
                player.take().unwrap().end().await.map(|()| "done".into())
            }
            (words, Some(player)) => player.call(words).await,
            (_, None) => Ok("not connected".into()),
        };
        results.push(result.unwrap_or_else(|error| complaint(&error)));
    }
    tls.kept_secrets(&calls, &results);
    results
}

/// STARTTLS in a transcript: both sides go on as before, and every line is written down.
#[derive(Default)]
pub struct PretendTls {
    pub record: Record,
}

impl PretendTls {
    /// Whatever was said, no secret of a sign-in stands in the record, as it is or in base64.
    pub fn kept_secrets(&self, calls: &[Vec<String>], lines: &[String]) {
        let lines = lines.iter().cloned().chain(self.record.take());
        let decoded =
            |word: &str| STANDARD.decode(word).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let texts: Vec<String> = lines
            .flat_map(|line| {
                line.split(' ')
                    .filter_map(|word| decoded(word).ok())
                    .chain([line.clone()])
                    .collect::<Vec<_>>()
            })
            .collect();
        for secret in
            calls.iter().filter(|call| call[0] == "login" && call[3].len() >= 4).map(|call| &call[3])
        {
            assert!(!texts.iter().any(|text| text.contains(secret)), "{secret}: {texts:?}");
        }
    }
}

impl Secure for PretendTls {
    async fn secure(&self, stream: BoxStream, _host: &str) -> wire::Result<BoxStream> {
        Ok(stream)
    }

    fn record(&self) -> Option<Record> {
        Some(self.record.clone())
    }
}

/// Runs every transcript of a folder and complains about all that differ at once.
pub fn run_folder<P: Player>(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "no transcripts in {}", folder.display());
    let complaints: Vec<String> = files.iter().filter_map(|file| run_file::<P>(file)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn run_file<P: Player>(file: &Path) -> Option<String> {
    let transcript = parse(&std::fs::read_to_string(file).unwrap());
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let script = tokio::spawn(serve(server, transcript.script));
        let words = transcript.calls.iter().map(|call| call.words.clone()).collect();
        let results = play::<P>(Box::new(client), transcript.server, words).await;
        let mut complaint = String::new();
        if let Err(why) = script.await.unwrap() {
            writeln!(complaint, "  {why}").unwrap();
        }
        for (call, result) in transcript.calls.iter().zip(results) {
            let expected = call.expected.join("\n");
            if result != expected {
                let call_words = call.words.join(" ");
                writeln!(
                    complaint,
                    "  line {}: > {call_words}\n--- expected\n{expected}\n--- got\n{result}",
                    call.line
                )
                .unwrap();
            }
        }
        (!complaint.is_empty()).then(|| format!("{name}:\n{complaint}"))
    })
}

/// The server's side. Every line of the script must be used up, unless the client is gone at CLOSE or SILENCE.
async fn serve(mut stream: DuplexStream, script: Vec<Step>) -> Result<(), String> {
    let mut input = Vec::new();
    for step in script {
        match step {
            Step::Send(bytes) => {
                // A client that gave up is noticed by what it says, or does not say, next.
                let _gone = stream.write_all(&bytes).await;
            }
            Step::Drip(bytes) => {
                for byte in bytes {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if stream.write_all(&[byte]).await.is_err() {
                        break;
                    }
                }
            }
            Step::Expect { text, line } => {
                let got = read_line(&mut stream, &mut input).await;
                let got = got.ok_or_else(|| format!("line {line}: expected “{text}”, the client hung up"))?;
                if got != text {
                    return Err(format!("line {line}: expected “{text}”, the client sent “{got}”"));
                }
            }
            Step::Close => return Ok(()),
            Step::Silence => {
                let mut rest = Vec::new();
                let _until_gone = stream.read_to_end(&mut rest).await;
                return if rest.is_empty() {
                    Ok(())
                } else {
                    Err(format!("not silent: “{}”", escape(&rest)))
                };
            }
        }
    }
    match read_line(&mut stream, &mut input).await {
        Some(line) => Err(format!("after the end the client sent “{line}”")),
        None => Ok(()),
    }
}

/// One line, escaped, its CRLF taken off. `None` when the client hung up.
async fn read_line(stream: &mut DuplexStream, input: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") {
            let line = escape(&input[..end]);
            input.drain(..end + 2);
            return Some(line);
        }
        if stream.read_buf(input).await.ok()? == 0 {
            return None;
        }
    }
}

fn parse(text: &str) -> Transcript {
    let mut server = Server { host: "mail.example".into(), port: 993, security: Security::Tls };
    let (mut calls, mut script) = (Vec::<Call>::new(), Vec::<Step>::new());
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        let (mark, rest) = raw.split_at(raw.len().min(2));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        match mark {
            "" | "# " | "#" => {}
            "@ " => {
                server.security = match rest {
                    "security tls" => Security::Tls,
                    "security starttls" => Security::StartTls,
                    "security plain" => Security::Plain,
                    other => panic!("line {line}: {other}?"),
                }
            }
            "> " => calls.push(Call { words: words(rest), expected: Vec::new(), line }),
            "= " | "=" => calls.last_mut().expect("a call before its result").expected.push(rest.to_owned()),
            "S:" => send(&mut script, [unescape(rest), b"\r\n".to_vec()].concat()),
            "S." => script.push(Step::Drip([unescape(rest), b"\r\n".to_vec()].concat())),
            "S~" => send(&mut script, unescape(rest)),
            "S#" => {
                let (count, text) = rest.split_once(' ').unwrap();
                send(&mut script, unescape(text).repeat(count.parse().unwrap()));
            }
            "C:" => script.push(Step::Expect { text: rest.to_owned(), line }),
            _ if raw == "CLOSE" => script.push(Step::Close),
            _ if raw == "SILENCE" => script.push(Step::Silence),
            _ => panic!("line {line}: {raw}?"),
        }
    }
    Transcript { server, calls, script }
}

/// Words apart by spaces; quotes hold some together.
fn words(text: &str) -> Vec<String> {
    let parts = text.split('"').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![String::from_utf8(unescape(part)).unwrap()],
    });
    words.collect()
}

fn send(script: &mut Vec<Step>, bytes: Vec<u8>) {
    match script.last_mut() {
        Some(Step::Send(before)) => before.extend(bytes),
        _ => script.push(Step::Send(bytes)),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let known: [(&str, u8); 5] = [("r", b'\r'), ("n", b'\n'), ("0", 0), ("x01", 1), ("\\", b'\\')];
        let (name, byte) = known.into_iter().find(|(name, _)| after.starts_with(name)).expect(text);
        bytes.push(byte);
        rest = &after[name.len()..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

pub fn escape(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.replace('\\', "\\\\")
        .replace('\r', "\\r")
        .replace('\n', "\\n")
        .replace('\0', "\\0")
        .replace('\x01', "\\x01")
}
