//! One conversation: LHLO, then letters, one after another.

use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::body;
use super::command::Command;
use super::{
    Answer, COMMAND_TIMEOUT, Handed, Keeper, LETTER_TIMEOUT, LINE_BYTES_MAX, MISTAKES_MAX, RECIPIENTS_MAX,
};
use crate::letter::Came;
use crate::line::{Fault, LineStream};
use crate::net::BoxStream;

const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// RFC 5321 §4.5.3.1.5, without code and line end.
const TEXT_BYTES_MAX: usize = 480;

/// Takes letters over this link until it ends, or until `stopping` turns true between two commands. `letters` has a place
/// for each large letter that may come in at a time, of all links.
pub async fn serve(
    stream: BoxStream,
    keeper: &impl Keeper,
    letters: &Semaphore,
    mut stopping: watch::Receiver<bool>,
) {
    let lines = LineStream::new(stream, None);
    let mut session =
        Session { lines, keeper, letters, from_host: None, sender: None, recipients: Vec::new() };
    // Who went in the middle has not heard that its letter was kept, and hands it over again.
    let _ = session.run(&mut stopping).await;
}

/// Waits until letters are not to be taken any more.
async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

struct Session<'k, K> {
    lines: LineStream,
    keeper: &'k K,
    letters: &'k Semaphore,
    /// What LHLO said.
    from_host: Option<String>,
    /// What MAIL said.
    sender: Option<String>,
    recipients: Vec<String>,
}

/// Whether the link is kept.
#[derive(PartialEq, Eq)]
enum Next {
    Goes,
    Ends,
}

impl<K: Keeper> Session<'_, K> {
    async fn run(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<(), Fault> {
        self.say(220, "", "Postern takes letters by LMTP").await?;
        let mut mistakes = 0;
        loop {
            let line = tokio::select! {
                line = self.lines.read_line(LINE_BYTES_MAX, COMMAND_TIMEOUT) => line,
                () = told(stopping) => {
                    return self.say(421, "4.3.2", "Postern stops; try again soon").await;
                }
            };
            let command = match line {
                Ok(line) => Command::read(&line),
                Err(Fault::TimedOut(_)) => {
                    return self.say(421, "4.4.2", "No command came for five minutes").await;
                }
                Err(Fault::TooLong(_)) => return self.say(421, "5.5.2", "That line is too long").await,
                Err(fault) => return Err(fault),
            };
            if let Command::Wrong(..) | Command::Smtp = command {
                // A browser or another program that was led here would speak on, and what it posts would be taken for letters.
                if self.from_host.is_none() && matches!(command, Command::Wrong(..)) {
                    return self.say(421, "5.5.1", "This is LMTP (RFC 2033): begin with LHLO").await;
                }
                mistakes += 1;
                if mistakes > MISTAKES_MAX {
                    return self.say(421, "4.7.0", "Too many commands were not understood").await;
                }
            }
            if self.obey(command).await? == Next::Ends {
                return Ok(());
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Result<Next, Fault> {
        match command {
            Command::Lhlo(host) => self.lhlo(host).await?,
            Command::Smtp => self.say(500, "5.5.1", "This is LMTP (RFC 2033): begin with LHLO").await?,
            Command::Mail { sender, size_bytes } => self.mail(sender, size_bytes).await?,
            Command::Rcpt(address) => self.rcpt(address).await?,
            Command::Data => return self.data().await,
            Command::Rset => {
                self.reset();
                self.say(250, "2.0.0", "Begun anew").await?;
            }
            Command::Noop => self.say(250, "2.0.0", "Still here").await?,
            Command::Vrfy => self.say(252, "2.5.0", "Ask with RCPT").await?,
            Command::Quit => {
                self.say(221, "2.0.0", "Goodbye").await?;
                return Ok(Next::Ends);
            }
            Command::Wrong(code, enhanced, text) => self.say(code, enhanced, text).await?,
        }
        Ok(Next::Goes)
    }

    async fn lhlo(&mut self, host: String) -> Result<(), Fault> {
        self.reset();
        self.from_host = Some(host);
        let size = format!("250 SIZE {}\r\n", self.keeper.room().bytes_max());
        for line in [
            "250-postern\r\n",
            "250-PIPELINING\r\n",
            "250-ENHANCEDSTATUSCODES\r\n",
            "250-8BITMIME\r\n",
            "250-SMTPUTF8\r\n",
            &size,
        ] {
            self.lines.queue(line.as_bytes());
        }
        self.lines.flush(WRITE_TIMEOUT).await
    }

    async fn mail(&mut self, sender: String, size_bytes: Option<u64>) -> Result<(), Fault> {
        if self.from_host.is_none() {
            return self.say(503, "5.5.1", "Begin with LHLO").await;
        }
        if self.sender.is_some() {
            return self.say(503, "5.5.1", "A letter has been begun; RSET gives it up").await;
        }
        if size_bytes.is_some_and(|size| size > self.keeper.room().bytes_max()) {
            return self.answer(&self.too_large()).await;
        }
        self.sender = Some(sender);
        self.say(250, "2.1.0", "Sender ok").await
    }

    async fn rcpt(&mut self, address: String) -> Result<(), Fault> {
        if self.sender.is_none() {
            return self.say(503, "5.5.1", "First MAIL, then RCPT").await;
        }
        if self.recipients.len() >= RECIPIENTS_MAX {
            return self.say(452, "4.5.3", "Too many recipients; send the letter again for the others").await;
        }
        let answer = self.keeper.recipient(&address).await;
        if answer.is_positive() {
            self.recipients.push(address);
        }
        self.answer(&answer).await
    }

    async fn data(&mut self) -> Result<Next, Fault> {
        // RFC 2033 §4.2: without a recipient that was taken there is nobody to answer for.
        if self.recipients.is_empty() {
            self.say(503, "5.5.1", "No recipient was taken").await?;
            return Ok(Next::Goes);
        }
        self.say(354, "", "Go on, and end with a dot").await?;
        let body =
            timeout(LETTER_TIMEOUT, body::read(&mut self.lines, self.keeper.room(), self.letters)).await;
        let recipients = std::mem::take(&mut self.recipients);
        let sender = self.sender.take().unwrap_or_default();
        let count = recipients.len();
        let (came, place) = match body {
            Ok(Ok(body)) => (body.came, body.place),
            Ok(Err(Fault::TimedOut(_))) => {
                self.say(421, "4.4.2", "The letter comes too slowly").await?;
                return Ok(Next::Ends);
            }
            Ok(Err(fault)) => return Err(fault),
            Err(_) => {
                self.say(421, "4.4.2", "The letter did not end within ten minutes").await?;
                return Ok(Next::Ends);
            }
        };
        let mut answers = match came {
            Err(error) => vec![self.keeper.unkept(&error); count],
            Ok(Came::TooBig(_)) => vec![self.too_large(); count],
            Ok(Came::Whole(letter)) => {
                let from_host = self.from_host.clone().unwrap_or_default();
                self.keeper.letter(Handed { from_host, sender, recipients, letter }).await
            }
        };
        drop(place);
        // One for each recipient, whatever the keeper said.
        answers.resize(count, Answer::later("It is not known what became of the letter"));
        for answer in &answers {
            self.queue(answer.code, answer.enhanced, &answer.text);
        }
        self.lines.flush(WRITE_TIMEOUT).await?;
        Ok(Next::Goes)
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    fn too_large(&self) -> Answer {
        let megabytes = self.keeper.room().bytes_max() / (1024 * 1024);
        let text = format!("Postern takes letters of {megabytes} MB at most");
        Answer { code: 552, enhanced: "5.3.4", text }
    }

    async fn answer(&mut self, answer: &Answer) -> Result<(), Fault> {
        self.say(answer.code, answer.enhanced, &answer.text).await
    }

    async fn say(&mut self, code: u16, enhanced: &str, text: &str) -> Result<(), Fault> {
        self.queue(code, enhanced, text);
        self.lines.flush(WRITE_TIMEOUT).await
    }

    /// One line, whatever is in the sentence.
    fn queue(&mut self, code: u16, enhanced: &str, text: &str) {
        let mut line = format!("{code} ");
        if !enhanced.is_empty() {
            line.push_str(enhanced);
            line.push(' ');
        }
        line.extend(
            text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).take(TEXT_BYTES_MAX),
        );
        line.push_str("\r\n");
        self.lines.queue(line.as_bytes());
    }
}
