//! POP3 transcripts: `connect`, `login bearer|bearer-xoauth2|password USER SECRET`, `totals`, `list`, `fetch LIMIT NUMBER…`,
//! `header NUMBER`, `fetch-some LIMIT NUMBER…` (and drops the rest), `delete NUMBER`, `record`, `has NAME`, `quit`.

use wire::net::BoxStream;
use wire::pop3::{Retrieve, Retrieved, Session};
use wire::{Result, Server};

use crate::imap::{credential, room};
use crate::transcript::{Player, PretendTls, escape, run_folder};

#[test]
fn every_pop3_transcript_goes_as_written() {
    run_folder::<Pop3>("pop3");
}

struct Pop3(Session);

impl Player for Pop3 {
    const LAST: &str = "quit";
    async fn connect(stream: BoxStream, server: &Server, tls: &PretendTls) -> Result<Pop3> {
        Session::over(stream, server, tls).await.map(Pop3)
    }
    async fn call(&mut self, words: &[&str]) -> Result<String> {
        one(&mut self.0, words).await
    }
    async fn end(self) -> Result<()> {
        self.0.quit().await
    }
}

async fn one(session: &mut Session, words: &[&str]) -> Result<String> {
    match words {
        ["login", kind, user, secret] => {
            session.login(&credential(kind, user, secret)).await.map(|()| String::from("done"))
        }
        ["totals"] => session.totals().await.map(|t| format!("{} {}", t.messages, t.size_bytes)),
        ["list"] => {
            let listed = session.list().await?;
            let lines = listed.iter().map(|listed| format!("{} {}", listed.number, listed.name));
            Ok(lines.collect::<Vec<_>>().join("\n"))
        }
        ["fetch", limit, rest @ ..] => all(session.retrieve(&numbers(rest), &room(limit)).await?).await,
        ["fetch-some", limit, rest @ ..] => {
            let mut retrieve = session.retrieve(&numbers(rest), &room(limit)).await?;
            Ok(retrieve.next().await?.map_or("nothing".into(), |retrieved| told(&retrieved)))
        }
        ["header", rest @ ..] => all(session.headers(&numbers(rest), &room("1000")).await?).await,
        ["delete", number] => session.delete(number.parse().unwrap()).await.map(|()| String::from("done")),
        ["has", name] => Ok(session.has(name).to_string()),
        other => panic!("{other:?}?"),
    }
}

fn numbers(words: &[&str]) -> Vec<u32> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

async fn all(mut retrieve: Retrieve<'_>) -> Result<String> {
    let mut lines = Vec::new();
    while let Some(retrieved) = retrieve.next().await? {
        lines.push(told(&retrieved));
    }
    Ok(lines.join("\n"))
}

fn told(retrieved: &Retrieved) -> String {
    match retrieved {
        Retrieved::Message { number, letter } => format!("{number} {}", escape(letter.bytes().unwrap())),
        Retrieved::TooBig { number, size_bytes } => format!("{number} has {size_bytes} bytes"),
        Retrieved::Missing { number } => format!("{number} is missing"),
    }
}
