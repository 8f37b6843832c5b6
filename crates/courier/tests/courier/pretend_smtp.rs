//! A submission server that takes mail into memory, with faults.
use crate::pretend::listen;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

#[derive(Default)]
pub struct State {
    pub connections: usize,
    /// Recipients and bytes of each message that came whole.
    pub taken: Vec<(Vec<String>, String)>,
    /// What RCPT answers for a recipient.
    pub answers: HashMap<String, &'static str>,
    /// What MAIL answers.
    pub sender_answer: Option<&'static str>,
    /// What a whole message is answered; with this nothing is taken.
    pub letter_answer: Option<&'static str>,
    /// What AUTH answers.
    pub sign_in: Option<&'static str>,
    /// The next message is taken, and the link is cut before that is said.
    pub cut_after_dot: bool,
}

#[derive(Clone)]
pub struct PretendSmtp {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl PretendSmtp {
    pub async fn start() -> PretendSmtp {
        let server = |address| PretendSmtp { address, state: Arc::default() };
        listen(server, |server, stream| async move { server.serve(stream).await }).await
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        self.state().connections += 1;
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 ready\r\n").await?;
        let mut recipients = Vec::new();
        while let Some(line) = lines.next_line().await? {
            let verb = line.to_ascii_uppercase();
            let answer = if verb.starts_with("EHLO") {
                "250-here\r\n250-AUTH PLAIN XOAUTH2\r\n250 8BITMIME".to_owned()
            } else if verb.starts_with("AUTH") {
                if verb.split(' ').count() == 2 {
                    write.write_all(b"334 \r\n").await?;
                    lines.next_line().await?;
                }
                self.state().sign_in.unwrap_or("235 2.7.0 welcome").to_owned()
            } else if verb.starts_with("MAIL FROM") {
                recipients.clear();
                self.state().sender_answer.unwrap_or("250 2.1.0 ok").to_owned()
            } else if verb.starts_with("RCPT TO:<") {
                let recipient = line["RCPT TO:<".len()..].trim_end_matches('>').to_owned();
                let answer = self.state().answers.get(&recipient).copied().unwrap_or("250 2.1.5 ok");
                if answer.starts_with('2') {
                    recipients.push(recipient);
                }
                answer.to_owned()
            } else if verb == "DATA" {
                write.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push_str("\r\n");
                }
                let mut state = self.state();
                if let Some(answer) = state.letter_answer {
                    answer.to_owned()
                } else {
                    state.taken.push((std::mem::take(&mut recipients), text));
                    if std::mem::take(&mut state.cut_after_dot) {
                        return Ok(());
                    }
                    "250 2.0.0 taken".to_owned()
                }
            } else if verb == "QUIT" {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            } else {
                "250 ok".to_owned()
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}
