//! The one error of this crate: what was tried, on which host, what the other side said, what to do next.
//!
//! It never holds a token, a password or a SASL line: whoever makes one from an answer to a secret calls
//! [`Error::hiding`] with that secret, since servers are known to echo commands.

use std::fmt;

use crate::hidden::hide;
use crate::oauth::OAuthError;

/// Longest part of a server's answer that is kept, in characters.
pub const SERVER_TEXT_CHARS_MAX: usize = 500;

/// What was tried, of an error of fetching messages themselves, by whichever protocol: the server answered, or broke off, at
/// what was asked for. Callers tell it by this, and it is said once.
pub const FETCHING: &str = "fetch messages";

/// What was tried, of an error of waiting for what a server says first, by whichever protocol.
pub const GREETING: &str = "get a greeting";

/// Words of servers that give no code: Exchange, and those who say it in full.
const PASSING: [&str; 3] = ["server unavailable", "temporar", "try again later"];

/// What the caller has to do. Four kinds because callers have four branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The credential was not accepted: a person must authorize (or type a password) again.
    Unauthorized,
    /// Try later, not before `retry_after_ms` where the other side named a time.
    Transient { retry_after_ms: Option<i64> },
    /// Refused for good as things stand: tell a person.
    Rejected,
    /// The other side, or we, broke the protocol.
    Broken,
}

/// Says what was tried, on which host, what the server said and what to do next.
#[derive(Clone)]
pub struct Error {
    inside: Box<Inside>,
}

#[derive(Clone)]
struct Inside {
    kind: Kind,
    tried: String,
    host: String,
    server_text: Option<String>,
    remedy: Option<String>,
    oauth: Option<OAuthError>,
    smtp_code: Option<u16>,
    may_have_been_sent: bool,
    is_unkept: bool,
    passes: bool,
    is_in_use: bool,
}

impl Error {
    /// `tried` completes the sentence "could not …", for example `open the folder “INBOX”`; `host` is the
    /// host it was tried on, empty when nothing was connected.
    pub fn new(kind: Kind, tried: impl Into<String>, host: impl Into<String>) -> Error {
        Error {
            inside: Box::new(Inside {
                kind,
                tried: clean(&tried.into()),
                host: clean(&host.into()),
                server_text: None,
                remedy: None,
                oauth: None,
                smtp_code: None,
                may_have_been_sent: false,
                is_unkept: false,
                passes: false,
                is_in_use: false,
            }),
        }
    }

    /// Try later; the other side named no time.
    pub fn transient(tried: impl Into<String>, host: impl Into<String>) -> Error {
        Error::new(Kind::Transient { retry_after_ms: None }, tried, host)
    }

    pub fn broken(tried: impl Into<String>, host: impl Into<String>) -> Error {
        Error::new(Kind::Broken, tried, host)
    }

    pub fn rejected(tried: impl Into<String>, host: impl Into<String>) -> Error {
        Error::new(Kind::Rejected, tried, host)
    }

    /// What came could not be written down on this machine: no matter of the other side.
    pub(crate) fn unkept(tried: impl Into<String>, error: &std::io::Error) -> Error {
        let why = format!("a large message could not be written to the disk of this machine ({error})");
        let mut unkept = Error::transient(tried, "").remedy(why);
        unkept.inside.is_unkept = true;
        unkept
    }

    /// The words of the other side, verbatim but bounded and without control characters.
    #[must_use]
    pub fn said(mut self, text: &str) -> Error {
        let text = clean(text);
        self.inside.server_text = if text.is_empty() { None } else { Some(text) };
        self
    }

    /// A sentence that says what to do next, or what is behind it.
    #[must_use]
    pub fn remedy(mut self, sentence: impl Into<String>) -> Error {
        self.inside.remedy = Some(clean(&sentence.into()));
        self
    }

    #[must_use]
    pub(crate) fn with_kind(mut self, kind: Kind) -> Error {
        self.inside.kind = kind;
        self
    }

    #[must_use]
    pub(crate) fn with_oauth(mut self, oauth: OAuthError) -> Error {
        self.inside.oauth = Some(oauth);
        self
    }

    /// The three digits of an SMTP answer.
    #[must_use]
    pub fn coded(mut self, code: u16) -> Error {
        self.inside.smtp_code = Some(code);
        self
    }

    /// The other side itself says that it passes.
    #[must_use]
    pub(crate) fn passing(mut self) -> Error {
        self.inside.passes = true;
        self
    }

    /// Somebody else has the mailbox open, and it opens for one at a time.
    #[must_use]
    pub(crate) fn in_use(mut self) -> Error {
        self.inside.is_in_use = true;
        self
    }

    /// The link broke after the final dot: the message may be on its way.
    #[must_use]
    pub(crate) fn after_final_dot(mut self) -> Error {
        self.inside.may_have_been_sent = true;
        self
    }

    /// Takes `secrets` out of every text, in case the other side echoed them.
    #[must_use]
    pub fn hiding(mut self, secrets: &[&str]) -> Error {
        let inside = &mut *self.inside;
        for text in [&mut inside.server_text, &mut inside.remedy].into_iter().flatten() {
            *text = hide(text, secrets);
        }
        if let Some(oauth) = &mut inside.oauth {
            oauth.hide(secrets);
        }
        self
    }

    /// What to check, where the error names it.
    pub fn advice(&self) -> Option<&str> {
        self.inside.remedy.as_deref()
    }

    /// The other side itself says that it passes, by a code or in words: what [`Kind::Transient`] alone does not tell, since
    /// most of what is refused is worth another try.
    pub fn passes(&self) -> bool {
        let said = self.inside.server_text.as_deref().unwrap_or_default().to_ascii_lowercase();
        self.inside.passes || PASSING.iter().any(|words| said.contains(words))
    }

    /// True when a link that is open has the mailbox locked (`IN-USE`, RFC 2449 §8.1.1): perhaps one of ours that was closed just
    /// now, and that the server has not let go of.
    pub fn is_in_use(&self) -> bool {
        self.inside.is_in_use
    }

    pub fn kind(&self) -> Kind {
        self.inside.kind
    }

    /// How long the other side wants to be left alone, where it said so.
    pub fn retry_after_ms(&self) -> Option<i64> {
        match self.kind() {
            Kind::Transient { retry_after_ms } => retry_after_ms,
            Kind::Unauthorized | Kind::Rejected | Kind::Broken => None,
        }
    }

    /// What was tried, without "could not".
    pub fn tried(&self) -> &str {
        &self.inside.tried
    }

    pub fn host(&self) -> &str {
        &self.inside.host
    }

    /// What the server said, verbatim (bounded, no control characters), if it said anything.
    pub fn server_text(&self) -> Option<&str> {
        self.inside.server_text.as_deref()
    }

    /// The parts of an OAuth error answer (RFC 6749 §5.2), where it was one.
    pub fn oauth(&self) -> Option<&OAuthError> {
        self.inside.oauth.as_ref()
    }

    /// The three digits of the SMTP answer that made this error.
    pub fn smtp_code(&self) -> Option<u16> {
        self.inside.smtp_code
    }

    /// True when it is the disk of this machine that failed, and nothing is wrong with the other side or the message.
    pub fn is_unkept(&self) -> bool {
        self.inside.is_unkept
    }

    /// True when the link broke between the final dot and its answer (RFC 5321 §6.1, RFC 1047): wait, then
    /// send the same bytes with the same Message-ID, and say so.
    pub fn may_have_been_sent(&self) -> bool {
        self.inside.may_have_been_sent
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = &self.inside;
        write!(f, "could not {}", inside.tried)?;
        if !inside.host.is_empty() {
            write!(f, " on {}", inside.host)?;
        }
        match &inside.server_text {
            Some(text) if inside.host.is_empty() => write!(f, ": “{text}”")?,
            Some(text) => write!(f, ": it answered “{text}”")?,
            None => {}
        }
        if let Some(remedy) = &inside.remedy {
            write!(f, "{} {remedy}", if inside.server_text.is_some() { ";" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.inside.kind)
    }
}

impl std::error::Error for Error {}

/// One line without control characters, at most [`SERVER_TEXT_CHARS_MAX`] characters.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count >= SERVER_TEXT_CHARS_MAX {
            cleaned.push('…');
            break;
        }
        cleaned.push(if is_control(c) { ' ' } else { c });
    }
    cleaned
}

/// Control characters, and those that reorder or hide text on a screen or in a log.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || mail::is_hidden(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_was_tried_where_and_what_was_answered() {
        let error =
            Error::rejected("open the folder “INBOX”", "imap.example.com").said("Mailbox doesn't exist");
        assert_eq!(
            error.to_string(),
            "could not open the folder “INBOX” on imap.example.com: it answered “Mailbox doesn't exist”"
        );
    }

    #[test]
    fn what_passes_is_told_by_a_code_or_in_words() {
        let said = |text| Error::rejected("x", "h").said(text);
        assert!(!said("this one is damaged").passes());
        assert!(said("this one is damaged").passing().passes());
        assert!(said("Server Unavailable. 15").passes() && said("Temporary System Error").passes());
    }

    #[test]
    fn a_servers_text_is_one_bounded_line() {
        let error = Error::broken("x", "h").said(&format!("a\r\n\u{1b}[31mb\u{202e}{}", "c".repeat(9000)));
        let text = error.server_text().unwrap();
        assert!(text.starts_with("a   [31mb c") && text.ends_with('…'));
        assert!(text.chars().count() <= SERVER_TEXT_CHARS_MAX + 1);
    }

    #[test]
    fn an_echoed_secret_is_hidden_whole_or_cut() {
        let secret = "dXNlcj1hQGIuYwFhdXRoPUJlYXJlciBFd0JBQWwzQkFBVUZGcFVBbzdKMw==";
        let error =
            Error::broken("x", "h").said(&format!("bad {secret} or {}", &secret[..30])).hiding(&[secret]);
        assert_eq!(error.server_text(), Some("bad [hidden] or [hidden]"));
    }
}
