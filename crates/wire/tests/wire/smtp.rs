//! SMTP transcripts: `connect`, `login bearer|password USER SECRET`, `send FROM RECIPIENT… : MESSAGE`,
//! `probe FROM`, `probe-to FROM RECIPIENT`, `record`, `has NAME`, `size`, `quit`. `<>` is the null sender.

use wire::net::BoxStream;
use wire::smtp::{Envelope, Session};
use wire::{Result, Server};

use crate::imap::credential;
use crate::transcript::{Player, PretendTls, complaint, escape, run_folder};

#[test]
fn every_smtp_transcript_goes_as_written() {
    run_folder::<Smtp>("smtp");
}

struct Smtp(Session);

impl Player for Smtp {
    const LAST: &str = "quit";
    async fn connect(stream: BoxStream, server: &Server, tls: &PretendTls) -> Result<Smtp> {
        Session::over(stream, server, tls).await.map(Smtp)
    }
    async fn call(&mut self, words: &[&str]) -> Result<String> {
        one(&mut self.0, words).await
    }
    async fn end(self) -> Result<()> {
        self.0.quit().await;
        Ok(())
    }
}

async fn one(session: &mut Session, words: &[&str]) -> Result<String> {
    match words {
        ["login", kind, user, secret] => {
            session.login(&credential(kind, user, secret)).await.map(|()| String::from("done"))
        }
        ["send", from, rest @ ..] => {
            let split = rest.iter().position(|word| *word == ":").unwrap();
            let envelope = Envelope {
                from: from.trim_start_matches("<>").to_owned(),
                recipients: rest[..split].iter().map(|word| (*word).to_owned()).collect(),
            };
            let sent = session.send(&envelope, rest[split + 1].as_bytes()).await?;
            let lines = sent
                .fates
                .iter()
                .map(|(recipient, fate)| format!("{} {fate:?}", escape(recipient.as_bytes())));
            Ok(lines.collect::<Vec<_>>().join("\n"))
        }
        ["send-bytes", from, to, count] => {
            let line = "x".repeat(98) + "\r\n";
            let message = line.repeat(count.parse::<usize>().unwrap() / 100);
            let envelope = Envelope { from: (*from).to_owned(), recipients: vec![(*to).to_owned()] };
            let sent = session.send(&envelope, message.as_bytes()).await?;
            Ok(format!("{:?}", sent.fates))
        }
        ["probe-to", from, to] => match session.probe_to(from, to).await? {
            None => Ok("taken".into()),
            Some(refused) => Ok(format!("recipient: {}", complaint(&refused))),
        },
        ["probe", from] => session.probe(from).await.map(|()| String::from("done")),
        ["has", name] => Ok(session.has(name).to_string()),
        ["size"] => Ok(format!("{:?}", session.size_max_bytes())),
        other => panic!("{other:?}?"),
    }
}
