//! What a mail server that hands letters over by LMTP is told.
use crate::stage::{ADDRESS, Stage, letter};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use wire::lmtp::{Listener, Place};

/// The answers to one letter, the last line of each.
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
    let socket = stage.folder().join("lmtp.sock");
    let listener = Listener::bind(&Place::Socket(socket.clone())).await.unwrap();
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(courier::lmtp::serve(stage.courier.clone(), listener, Vec::new(), stopping));
    let hands = |subject: &'static str| {
        let socket = socket.clone();
        tokio::task::spawn_blocking(move || handed_over(&socket, ADDRESS, &letter(subject)))
    };
    // Its folder is a file now: nothing can be stored.
    let (blobs, away) = (stage.folder().join("blobs"), stage.folder().join("away"));
    std::fs::rename(&blobs, &away).unwrap();
    std::fs::write(&blobs, "").unwrap();
    let said = hands("one").await.unwrap();
    assert_eq!(said[5], "451 4.3.0 The letter cannot be kept now; the log of the desk says why", "{said:?}");
    std::fs::remove_file(&blobs).unwrap();
    std::fs::rename(&away, &blobs).unwrap();
    let said = hands("one").await.unwrap();
    assert_eq!(said[5], "250 2.0.0 Kept", "{said:?}");
    let _ = stop.send(true);
    serving.await.unwrap();
}
