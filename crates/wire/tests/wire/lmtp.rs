//! LMTP: what is taken over a link and what is not.
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, watch};
use wire::letter::Room;
use wire::lmtp::{Answer, Handed, Keeper, serve};

struct Kept {
    room: Room,
    letters: Mutex<Vec<Handed>>,
}

impl Keeper for Kept {
    fn room(&self) -> &Room {
        &self.room
    }
    async fn recipient(&self, _address: &str) -> Answer {
        Answer::known()
    }
    async fn letter(&self, handed: Handed) -> Vec<Answer> {
        let answers = vec![Answer::kept("Kept"); handed.recipients.len()];
        self.letters.lock().unwrap().push(handed);
        answers
    }
    fn unkept(&self, _error: &std::io::Error) -> Answer {
        Answer::later("No room")
    }
}

/// What is answered to these bytes, and how many letters were taken.
async fn said_to(sent: &str) -> (String, usize) {
    let (mut theirs, ours) = tokio::io::duplex(64 * 1024);
    let kept = Kept { room: Room::in_memory(1000), letters: Mutex::default() };
    let letters = Semaphore::new(1);
    let (_stop, stopping) = watch::channel(false);
    theirs.write_all(sent.as_bytes()).await.unwrap();
    let mut said = String::new();
    let (_, read) = tokio::join!(serve(Box::new(ours), &kept, &letters, stopping), async {
        theirs.read_to_string(&mut said).await
    });
    read.unwrap();
    let count = kept.letters.lock().unwrap().len();
    (said, count)
}

#[tokio::test]
async fn what_speaks_another_language_hands_nothing_over() {
    let handed =
        "LHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nDATA\r\nA: b\r\n\r\nHi\r\n.\r\nQUIT\r\n";
    assert_eq!(said_to(handed).await.1, 1);
    // Whoever tries SMTP first goes on with LMTP.
    assert_eq!(said_to(&format!("EHLO a.example\r\n{handed}")).await.1, 1);
    for head in [
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:2424\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "\r\n",
        "NOOP\r\nhelp\r\n",
        "\u{16}\u{3}\u{1}\n",
    ] {
        let (said, letters) = said_to(&format!("{head}{handed}")).await;
        assert_eq!(letters, 0, "{head:?} {said}");
        assert!(said.ends_with("421 5.5.1 This is LMTP (RFC 2033): begin with LHLO\r\n"), "{said}");
    }
    // A slip later on ends nothing.
    let slip = handed.replace("DATA", "HELP\r\nDATA");
    let (said, letters) = said_to(&slip).await;
    assert!(letters == 1 && said.contains("\r\n500 5.5.1 "), "{said}");
}
