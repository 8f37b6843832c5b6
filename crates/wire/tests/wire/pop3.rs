//! POP3 transcripts: `connect`, `login bearer|bearer-xoauth2|password USER SECRET`, `totals`, `list`, `fetch LIMIT NUMBER…`,
//! `header NUMBER`, `fetch-some LIMIT NUMBER…` (and drops the rest), `delete NUMBER`, `record`, `has NAME`, `quit`.

use wire::net::BoxStream;
use wire::pop3::{Retrieve, Retrieved, Session};
use wire::{Result, Server};

use crate::imap::{complaint, credential};
use crate::transcript::{Player, PretendTls, escape, run_folder};

#[test]
fn every_pop3_transcript_goes_as_written() {
    run_folder::<Pop3>("pop3");
}

struct Pop3;

impl Player for Pop3 {
    async fn play(stream: BoxStream, server: Server, calls: Vec<Vec<String>>) -> Vec<String> {
        let (mut results, tls, said) = (Vec::new(), PretendTls::default(), calls.clone());
        let (mut stream, mut session) = (Some(stream), None);
        for call in calls {
            let words: Vec<&str> = call.iter().map(String::as_str).collect();
            let result = match (words.as_slice(), &mut session) {
                (["connect"], _) => match Session::over(stream.take().unwrap(), &server, &tls).await {
                    Ok(connected) => {
                        session = Some(connected);
                        Ok(String::from("connected"))
                    }
                    Err(error) => Err(error),
                },
                (["quit"], session) => session.take().unwrap().quit().await.map(|()| String::from("done")),
                (["record"], _) => Ok(tls.record.take().join("\n")),
                (words, Some(session)) => one(session, words).await,
                (_, None) => Ok("not connected".into()),
            };
            results.push(result.unwrap_or_else(|error| complaint(&error)));
        }
        tls.kept_secrets(&said, &results);
        results
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
        ["fetch", limit, rest @ ..] => {
            all(session.retrieve(&numbers(rest), limit.parse().unwrap()).await?).await
        }
        ["fetch-some", limit, rest @ ..] => {
            let mut retrieve = session.retrieve(&numbers(rest), limit.parse().unwrap()).await?;
            Ok(retrieve.next().await?.map_or("nothing".into(), |retrieved| told(&retrieved)))
        }
        ["header", rest @ ..] => all(session.headers(&numbers(rest), 1000).await?).await,
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
        Retrieved::Message { number, bytes } => format!("{number} {}", escape(bytes)),
        Retrieved::TooBig { number, size_bytes } => format!("{number} has {size_bytes} bytes"),
        Retrieved::Missing { number } => format!("{number} is missing"),
    }
}
