//! What a mail server that hands letters over by LMTP is told.
use crate::stage::{ADDRESS, Stage, letter};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::lmtp::{Listener, Place};

/// The desk, listening.
pub struct Door {
    socket: PathBuf,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}
impl Door {
    pub async fn open(stage: &Stage) -> Door {
        let socket = stage.folder().join("lmtp.sock");
        let listener = Listener::bind(&Place::Socket(socket.clone())).await.unwrap();
        let (stop, stopping) = watch::channel(false);
        let serving = courier::lmtp::serve(stage.courier.clone(), listener, Vec::new(), stopping);
        Door { socket, stop, serving: tokio::spawn(serving) }
    }

    /// The answers to one letter, the last line of each.
    pub async fn hands_over(&self, to: &'static str, letter: Vec<u8>) -> Vec<String> {
        let socket = self.socket.clone();
        tokio::task::spawn_blocking(move || handed_over(&socket, to, &letter)).await.unwrap()
    }

    pub async fn closes(self) {
        let _ = self.stop.send(true);
        self.serving.await.unwrap();
    }
}

fn handed_over(socket: &Path, to: &str, letter: &[u8]) -> Vec<String> {
    let mut link = UnixStream::connect(socket).unwrap();
    link.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("LHLO mx.example\r\nMAIL FROM:<ann@nordwind.example>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
    link.write_all(&[head.as_bytes(), letter, b"\r\n.\r\nQUIT\r\n"].concat()).unwrap();
    let lines = BufReader::new(link).lines().map(|line| line.unwrap());
    lines.filter(|line| line.as_bytes().get(3) != Some(&b'-')).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_here_is_told_to_the_log_and_not_to_whoever_wrote() {
    let stage = Stage::new();
    let door = Door::open(&stage).await;
    // Its folder is a file now: nothing can be stored.
    let (blobs, away) = (stage.folder().join("blobs"), stage.folder().join("away"));
    std::fs::rename(&blobs, &away).unwrap();
    std::fs::write(&blobs, "").unwrap();
    let said = door.hands_over(ADDRESS, letter("one")).await;
    assert_eq!(said[5], "451 4.3.0 The letter cannot be kept now; the log of the desk says why", "{said:?}");
    std::fs::remove_file(&blobs).unwrap();
    std::fs::rename(&away, &blobs).unwrap();
    let said = door.hands_over(ADDRESS, letter("one")).await;
    assert_eq!(said[5], "250 2.0.0 Kept", "{said:?}");
    door.closes().await;
}
