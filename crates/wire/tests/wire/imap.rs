//! IMAP transcripts: `connect`, `login bearer|password USER SECRET`, `select F`, `examine F`, `list`, `since UID`,
//! `since-date MS`, `fetch LIMIT UID…`, `fetch-dropped LIMIT UID…` (after the first message), `seen UID…`,
//! `move F UID…`, `delete UID…`, `create F`, `status F`, `idle S`, `idle-dropped S`, `has NAME`, `logout`,
//! `enable-qresync`, `changes MODSEQ UID…` (held then), `my-rights F`, `subject WORDS`, `record` (what was written down since the last call).

use std::time::Duration;

use mail::provider::Sasl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use wire::imap::{Fetched, Session, Unmoved};
use wire::letter::Room;
use wire::net::BoxStream;
use wire::sasl::Taken;
use wire::{Credential, Result, Server};

use crate::transcript::{Player, PretendTls, complaint, escape, run_folder};

#[test]
fn every_imap_transcript_goes_as_written() {
    run_folder::<Imap>("imap");
}

struct Imap(Session);

impl Player for Imap {
    const LAST: &str = "logout";
    async fn connect(stream: BoxStream, server: &Server, tls: &PretendTls) -> Result<Imap> {
        Session::over(stream, server, tls).await.map(Imap)
    }
    async fn call(&mut self, words: &[&str]) -> Result<String> {
        one(&mut self.0, words).await
    }
    async fn end(self) -> Result<()> {
        self.0.logout().await
    }
}

pub fn credential(kind: &str, user: &str, secret: &str) -> Credential {
    match kind {
        "bearer" | "bearer-xoauth2" | "bearer-unknown" => Credential::Bearer {
            user: user.into(),
            token: secret.into(),
            taken: match kind {
                "bearer-xoauth2" => Taken::Known(Sasl::Xoauth2),
                "bearer-unknown" => Taken::Announced,
                _ => Taken::Known(Sasl::Auto),
            },
        },
        "password" => Credential::Password { user: user.into(), password: secret.into() },
        other => panic!("{other}?"),
    }
}

async fn one(session: &mut Session, words: &[&str]) -> Result<String> {
    let done = |()| String::from("done");
    match words {
        ["login", kind, user, secret] => session.login(&credential(kind, user, secret)).await.map(done),
        ["select", folder] => session.select(folder).await.map(|selected| format!("{selected:?}")),
        ["examine", folder] => session.examine(folder).await.map(|selected| format!("{selected:?}")),
        ["list"] => {
            let folders = session.list().await?;
            let lines =
                folders.iter().map(|f| format!("{} {:?} {}", f.name, f.delimiter, f.attributes.join(",")));
            Ok(lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n"))
        }
        ["enable-qresync"] => session.enable_qresync().await.map(|enabled| enabled.to_string()),
        ["changes", mod_seq, held @ ..] => {
            let changes = session.changes_since(mod_seq.parse().unwrap()).await?;
            let now = changes.map(|changes| changes.applied_to(&numbers(held)));
            Ok(now
                .map_or("not told".into(), |uids| format!("{uids:?} of {} in the folder", session.exists())))
        }
        ["since", uid] => session.uids_since(uid.parse().unwrap()).await.map(|uids| format!("{uids:?}")),
        ["since-date", at] => {
            session.uids_since_date(at.parse().unwrap()).await.map(|uids| format!("{uids:?}"))
        }
        ["fetch", limit, uids @ ..] => fetch(session, limit, &numbers(uids), usize::MAX).await,
        ["fetch-dropped", limit, uids @ ..] => fetch(session, limit, &numbers(uids), 1).await,
        ["seen", uids @ ..] => session.mark_seen(&numbers(uids)).await.map(done),
        ["move", folder, uids @ ..] => match session.move_to(&numbers(uids), folder).await {
            Ok(removal) => Ok(format!("{removal:?}")),
            Err(Unmoved { error, moved, copied }) if moved.is_empty() && copied.is_empty() => Err(error),
            Err(Unmoved { error, moved, copied }) => {
                Ok(format!("moved {moved:?}, copied {copied:?}\n{}", complaint(&error)))
            }
        },
        ["delete", uids @ ..] => session.delete(&numbers(uids)).await.map(|removal| format!("{removal:?}")),
        ["create", folder] => session.create(folder).await.map(done),
        ["status", folder] => session.status(folder).await.map(|status| format!("{status:?}")),
        ["idle", s] => session.idle(seconds(s)).await.map(|idle| format!("{idle:?}")),
        ["idle-dropped", s] => match timeout(seconds(s), session.idle(seconds("900"))).await {
            Ok(ended) => ended.map(|idle| format!("not dropped: {idle:?}")),
            Err(_) => Ok("dropped".into()),
        },
        ["my-rights", folder] => session.my_rights(folder).await.map(|granted| format!("{granted:?}")),
        ["subject", words] => session.uids_with_subject(words).await.map(|uids| format!("{uids:?}")),
        ["has", name] => Ok(session.has(name).to_string()),
        other => panic!("{other:?}?"),
    }
}

async fn fetch(session: &mut Session, limit: &str, uids: &[u32], take: usize) -> Result<String> {
    let mut batch = session.fetch(uids, &room(limit)).await?;
    let mut lines = Vec::new();
    while lines.len() < take {
        match batch.next().await {
            Ok(None) => break,
            Ok(Some(Fetched::Message { uid, internal_date_at, letter })) => {
                lines.push(format!("{uid} {internal_date_at:?} {}", escape(letter.bytes().unwrap())));
            }
            Ok(Some(Fetched::TooBig { uid, internal_date_at, size_bytes })) => {
                lines.push(format!("{uid} {internal_date_at:?} too big: {size_bytes}"));
            }
            Ok(Some(Fetched::Missing { uid })) => lines.push(format!("{uid} missing")),
            Err(error) => {
                lines.push(complaint(&error));
                break;
            }
        }
    }
    Ok(lines.join("\n"))
}

pub fn room(limit_bytes: &str) -> Room {
    Room::in_memory(limit_bytes.parse().unwrap())
}

fn numbers(words: &[&str]) -> Vec<u32> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.parse().unwrap())
}

#[test]
fn a_session_can_be_driven_from_any_task() {
    fn is_send<T: Send>(_: &T) {}
    let net = wire::net::Net::new(wire::net::Policy::default()).unwrap();
    let server = Server { host: "h".into(), port: 993, security: wire::Security::Tls };
    is_send(&wire::imap::connect(&net, &server));
    is_send(&wire::smtp::connect(&net, &server));
}

/// The most that this process has had in memory, in kB.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().split(' ').next().unwrap().parse().unwrap()
}

/// Of what is over the limit every byte is read past and none kept, whatever was announced.
#[tokio::test]
async fn a_message_of_a_gigabyte_takes_no_memory() {
    const PIECES: usize = 400;
    let (client, mut server) = tokio::io::duplex(1024 * 1024);
    let served = tokio::spawn(async move {
        let mut commands = Vec::new();
        server.write_all(b"* OK ready\r\n").await.unwrap();
        server.read_buf(&mut commands).await.unwrap();
        server.write_all(b"* CAPABILITY IMAP4rev1\r\nA1 OK x\r\n").await.unwrap();
        server.read_buf(&mut commands).await.unwrap();
        server.write_all(b"* 1 FETCH (UID 1 BODY[] {1073741824}\r\n").await.unwrap();
        let piece = vec![b'x'; 1024 * 1024];
        for _ in 0..PIECES {
            server.write_all(&piece).await.unwrap();
        }
    });
    let at = Server { host: "mail.example".into(), port: 993, security: wire::Security::Tls };
    let mut session = Session::over(Box::new(client), &at, &PretendTls::default()).await.unwrap();
    let before = peak_kb();
    let mut batch = session.fetch(&[1], &Room::in_memory(64 * 1024 * 1024)).await.unwrap();
    let error = batch.next().await.unwrap_err();
    assert!(matches!(error.kind(), wire::Kind::Transient { .. }), "{error}");
    served.await.unwrap();
    let grown = peak_kb() - before;
    assert!(grown < 100 * 1024, "{PIECES} MB of a message took {grown} kB");
}

/// With a server that gives these answers, one to each line that it reads.
async fn answered(answers: Vec<Vec<u8>>) -> Session {
    let (client, server) = tokio::io::duplex(8 * 1024 * 1024);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(server);
        let mut read = tokio::io::BufReader::new(read);
        write.write_all(b"* OK ready\r\n").await.unwrap();
        for answer in answers {
            let mut line = Vec::new();
            tokio::io::AsyncBufReadExt::read_until(&mut read, b'\n', &mut line).await.unwrap();
            write.write_all(&answer).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let at = Server { host: "mail.example".into(), port: 993, security: wire::Security::Tls };
    Session::over(Box::new(client), &at, &PretendTls::default()).await.unwrap()
}

const CAPABLE: &[u8] = b"* CAPABILITY IMAP4rev1 IDLE COMPRESS=DEFLATE\r\nA1 OK x\r\n";

#[tokio::test(start_paused = true)]
async fn a_server_that_only_says_that_it_compresses_is_found_out_at_once() {
    let ok = b"A2 OK go\r\n".to_vec();
    for behind in [&b"A3 OK noop\r\n"[..], b"\xff\xff\xff\xff\xff\xff", b""] {
        let mut session = answered(vec![CAPABLE.into(), ok.clone(), behind.into()]).await;
        let error = session.compress().await.unwrap_err();
        assert_eq!(error.tried(), wire::imap::COMPRESSING, "{error}");
    }
}

#[tokio::test]
async fn a_list_of_folders_takes_no_more_memory_than_any_real_one() {
    let mut list = format!("* LIST () \"/\" \"{}\"\r\n* LIST () \"/\" INBOX\r\n", "x".repeat(60_000));
    for number in 0..4_000 {
        list.push_str(&format!("* LIST (\\HasNoChildren) \"/\" \"{number}{}\"\r\n", "y".repeat(900)));
    }
    list.push_str("A2 OK x\r\n");
    let mut session = answered(vec![CAPABLE.into(), list.into_bytes()]).await;
    let folders = session.list().await.unwrap();
    assert_eq!(folders[0].name, "INBOX", "one that no person could have given is passed over");
    let bytes: usize = folders.iter().map(|folder| folder.name.len()).sum();
    assert!(folders.len() > 1_000 && bytes <= wire::imap::FOLDERS_BYTES_MAX, "{}", folders.len());
}

#[tokio::test(start_paused = true)]
async fn recent_is_news_only_where_it_is_more_than_was_said_before() {
    let opened = b"* 3 EXISTS\r\n* 1 RECENT\r\n* OK [UIDVALIDITY 7] x\r\nA2 OK x\r\n".to_vec();
    let told = |tag: &str, count: u32| {
        let done = format!("{tag} OK done\r\n").into_bytes();
        [format!("+ idling\r\n* {count} RECENT\r\n").into_bytes(), done]
    };
    let mut answers = vec![CAPABLE.to_vec(), opened];
    answers.extend([told("A3", 1), told("A4", 2), told("A5", 2), told("A6", 1)].into_iter().flatten());
    let mut session = answered(answers).await;
    session.select("INBOX").await.unwrap();
    let mut ended = Vec::new();
    for _ in 0..4 {
        ended.push(session.idle(Duration::from_secs(60)).await.unwrap());
    }
    use wire::imap::Idle::{News, Timeout};
    assert_eq!(ended, [Timeout, News, Timeout, Timeout]);
}
