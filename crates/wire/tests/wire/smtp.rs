//! SMTP transcripts: `connect`, `login bearer|password USER SECRET`, `send FROM RECIPIENT… : MESSAGE`,
//! `probe FROM`, `probe-to FROM RECIPIENT`, `record`, `has NAME`, `size`, `quit`. `<>` is the null sender.

use wire::net::BoxStream;
use wire::smtp::{Envelope, Session};
use wire::{Result, Server};

use crate::imap::{complaint, credential};
use crate::transcript::{Player, PretendTls, escape, run_folder};

#[test]
fn every_smtp_transcript_goes_as_written() {
    run_folder::<Smtp>("smtp");
}

struct Smtp;

impl Player for Smtp {
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
                (["quit"], session) => {
                    session.take().unwrap().quit().await;
                    Ok("done".into())
                }
                (["record"], _) => Ok(tls.record.take().join("\n")),
                (words, Some(session)) => one(session, words).await,
                (_, None) => Ok("not connected".into()),
            };
            results.push(result.unwrap_or_else(|error| match error.may_have_been_sent() {
                true => format!("{}\nmay have been sent", complaint(&error)),
                false => complaint(&error),
            }));
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
