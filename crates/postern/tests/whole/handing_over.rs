//! LMTP: a mail server of one's own hands letters over, one after another or many at once, and hears of each recipient what
//! became of it.
use crate::practice_walk::until;
use crate::program::{Program, Server};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const SUPPORT: &str = "support@contoso.example";
const SALES: &str = "sales@contoso.example";

/// A desk with two mailboxes that are fetched from nowhere, and a socket in its data folder.
fn desk() -> Program {
    let program = Program::new().administrator();
    let fleet = format!("[[mailbox]]\naddress = \"{SUPPORT}\"\n[[mailbox]]\naddress = \"{SALES}\"\n");
    let file = program.file("fleet.toml", &fleet);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program.with(&["--lmtp-listen", "unix:lmtp.sock"])
}

struct Client(BufReader<UnixStream>);
impl Client {
    fn connect(program: &Program) -> Client {
        let stream = UnixStream::connect(program.data().join("lmtp.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut client = Client(BufReader::new(stream));
        assert_eq!(client.code(), "220");
        assert!(client.ask("LHLO mx.contoso.example").starts_with("250"));
        client
    }
    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }
    /// An answer of one line or several; the last one.
    fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }
    fn code(&mut self) -> String {
        self.answer().chars().take(3).collect()
    }
    fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\r\n"));
        self.answer()
    }
    /// To these, all at once as RFC 2920 allows: the answers to each RCPT, and those to the letter.
    fn hand_over(&mut self, to: &[&str], letter: &str) -> (Vec<String>, Vec<String>) {
        let rcpts: String = to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")).collect();
        self.say(&format!("MAIL FROM:<ann@nordwind.example> BODY=8BITMIME\r\n{rcpts}DATA\r\n"));
        assert_eq!(self.code(), "250");
        let known: Vec<String> = to.iter().map(|_| self.answer()).collect();
        let data = self.code();
        let taken = known.iter().filter(|answer| answer.starts_with("250")).count();
        assert_eq!(data, if taken == 0 { "503" } else { "354" });
        if taken == 0 {
            self.ask("RSET");
            return (known, Vec::new());
        }
        self.say(&format!("{letter}.\r\n"));
        (known, (0..taken).map(|_| self.answer()).collect())
    }
}

fn letter(id: &str) -> String {
    format!(
        "From: Ann <ann@nordwind.example>\r\nTo: {SUPPORT}\r\nSubject: Broken lamp {id}\r\n\
         Message-ID: <{id}@nordwind.example>\r\n\r\nThe lamp is broken.\r\n..and this line begins with a dot.\r\n"
    )
}

fn inbox(program: &Program) -> Vec<serde_json::Value> {
    program.run(&["inbox", "list", "--limit", "500", "--json"]).fine().json()["items"]
        .as_array()
        .unwrap()
        .clone()
}

/// The rows of the inbox, when nothing of it waits any more.
async fn settled(program: &Program) -> Vec<serde_json::Value> {
    until("all is filed", async || {
        Some(inbox(program)).filter(|rows| rows.iter().all(|row| row["state"] != "new"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_is_answered_for_and_one_letter_to_two_mailboxes_is_one_ticket() {
    let program = desk();
    let server = program.serve();
    let mut client = Client::connect(&program);
    let to = [SUPPORT, "nobody@contoso.example", SALES, "support+lamp@contoso.example"];
    let (known, kept) = client.hand_over(&to, &letter("a"));
    assert!(known[1].starts_with("550 5.1.1 "), "{known:?}");
    assert!([0, 2, 3].iter().all(|i| known[*i].starts_with("250 2.1.5 ")), "{known:?}");
    assert_eq!(kept, ["250 2.0.0 Kept", "250 2.0.0 Kept", "250 2.0.0 Kept"]);
    // What the mail server has not heard of it hands over again.
    let (_, again) = client.hand_over(&[SUPPORT], &letter("a"));
    assert_eq!(again, ["250 2.0.0 Known already"]);
    let (_, other) = client.hand_over(&[SUPPORT], &letter("b"));
    assert_eq!(other, ["250 2.0.0 Kept"]);
    assert_eq!(client.hand_over(&["nobody@contoso.example"], &letter("c")).1, [""; 0]);
    assert!(client.ask("QUIT").starts_with("221 "));

    let rows = settled(&program).await;
    let mut states: Vec<&str> = rows.iter().map(|row| row["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["filed", "filed", "ignored"], "{rows:?}");
    let tickets =
        program.run(&["ticket", "list", "--json"]).fine().json()["items"].as_array().unwrap().clone();
    assert_eq!(tickets.len(), 2, "{tickets:?}");
    let number = tickets.iter().find(|t| t["subject"] == "Broken lamp a").unwrap()["number"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown = program.run(&["ticket", "show", &number]).fine().out;
    assert!(shown.contains(".and this line begins with a dot") && !shown.contains("..and"), "{shown}");
    program.run(&["check"]).fine();
    let (took, status) = server.stop();
    assert!(took < Duration::from_secs(10) && status == 0, "{took:?} {status}");
    assert!(!program.data().join("lmtp.sock").exists(), "the socket is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_was_not_answered_for_is_handed_over_again_after_a_kill_and_is_there_once() {
    let seed = std::env::var("POSTERN_TEST_SEED").map_or(7, |seed| seed.parse().unwrap());
    println!("POSTERN_TEST_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let program = desk();
    let mut answered = 0;
    for round in 0..6 {
        // Its socket is still there after a kill, and stands in nobody's way.
        let server = program.serve();
        let mut client = Client::connect(&program);
        let (mine, wait) = (letter(&format!("kill-{round}")), chance.random_range(0..12_000));
        client.say(&format!("MAIL FROM:<>\r\nRCPT TO:<{SUPPORT}>\r\nDATA\r\n"));
        assert_eq!((client.code(), client.code(), client.code()), ("250".into(), "250".into(), "354".into()));
        client.say(&format!("{mine}.\r\n"));
        std::thread::sleep(Duration::from_micros(wait));
        server.kill();
        let mut said = String::new();
        let _ = client.0.read_to_string(&mut said);
        let kept = said.starts_with("250 2.0.0 Kept");
        answered += usize::from(kept);
        println!("killed {wait} µs after the dot: {said:?}");
        let server = program.serve();
        if kept {
            assert_eq!(program.run(&["trace", &format!("kill-{round}@nordwind.example")]).fine().status, 0);
        } else {
            let (_, again) = Client::connect(&program).hand_over(&[SUPPORT], &mine);
            assert!(again[0].starts_with("250 "), "{again:?}");
        }
        server.kill();
    }
    let _server = program.serve();
    let rows = settled(&program).await;
    assert_eq!(rows.len(), 6, "{answered} were answered for: {rows:?}");
    program.run(&["check"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_hold_and_while_the_server_ends_the_mail_server_keeps_its_letters() {
    let program = desk();
    let server: Server = program.serve();
    let mut client = Client::connect(&program);
    program.run(&["mail", "hold"]).fine();
    let (known, _) = client.hand_over(&[SUPPORT], &letter("a"));
    assert!(known[0].starts_with("451 4.3.0 ") && known[0].contains("hold"), "{known:?}");
    program.run(&["mail", "release"]).fine();
    let (_, kept) = client.hand_over(&[SUPPORT], &letter("a"));
    assert_eq!(kept, ["250 2.0.0 Kept"]);
    let stopped = std::thread::spawn(|| server.stop());
    assert!(client.answer().starts_with("421 4.3.2 "));
    let (took, status) = stopped.join().unwrap();
    assert!(took < Duration::from_secs(10) && status == 0, "{took:?} {status}");
    // The same by `--hold-mail`: nobody listens.
    let _server = program.start("serve", &["--hold-mail"]);
    assert!(UnixStream::connect(program.data().join("lmtp.sock")).is_err());
}

#[test]
fn a_port_that_others_can_reach_needs_the_names_of_mail_servers() {
    let program = Program::new();
    let config = |flags: &[&str]| program.run(&[&["config", "show"], flags].concat());
    config(&["--lmtp-listen", "0.0.0.0:2424"]).fails(2, &["lmtp.clients", "10.0.0.5"]);
    config(&["--lmtp-clients", "10.0.0.5"]).fails(2, &["lmtp.listen"]);
    config(&["--lmtp-listen", "here"]).fails(2, &["unix:FILE", "127.0.0.1:2424"]);
    let both = config(&["--lmtp-listen", "0.0.0.0:2424", "--lmtp-clients", "10.0.0.5"]).fine();
    assert!(both.out.contains("lmtp.listen = \"0.0.0.0:2424\""), "{}", both.out);
}
