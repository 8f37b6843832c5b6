//! A server's answer as a value, and what it means for the caller.

use crate::error::clean;
use crate::{Error, Kind};

/// An answer: its code, and the text of all its lines in one, the enhanced code (RFC 2034) with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
}

impl Reply {
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.code)
    }

    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    pub fn text(&self) -> String {
        clean(&self.lines.join(" "))
    }

    /// `5.7.139`
    fn enhanced(&self) -> Option<&str> {
        let word = self.lines.first()?.split(' ').next()?;
        let mut parts = word.split('.');
        let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u16>().is_ok());
        (is_number(parts.next()) && is_number(parts.next()) && is_number(parts.next())).then_some(word)
    }

    /// The error of a command that was refused as a whole.
    pub fn refusal(&self, tried: &str, host: &str) -> Error {
        let error = Error::new(self.kind(), tried, host);
        let error = error.said(&format!("{} {}", self.code, self.text())).coded(self.code);
        match self.enhanced() {
            Some("5.7.139") => error.remedy(
                "the organization's settings forbid it: switch Authenticated SMTP on for this mailbox, or look at \
                 security defaults and Conditional Access",
            ),
            Some("5.7.60") => error.remedy("the account that signed in lacks Send As for this address"),
            _ => error,
        }
    }

    fn kind(&self) -> Kind {
        match (self.code, self.enhanced()) {
            (400..500, _) => Kind::Transient { retry_after_ms: None },
            // A policy of the organization: authorizing again would change nothing.
            (_, Some("5.7.139")) => Kind::Rejected,
            // 530: sign in first; 534, 535, 538: the sign-in is not good (RFC 4954 §6).
            (530 | 534 | 535 | 538, _) => Kind::Unauthorized,
            (500..600, _) => Kind::Rejected,
            _ => Kind::Broken,
        }
    }
}

/// One line: its code, whether more follow, its text.
pub(super) fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code: u16 =
        std::str::from_utf8(digits).ok()?.parse().ok().filter(|code| (200..600).contains(code))?;
    let (more, text) = match rest.split_first() {
        None => (false, rest),
        Some((b' ', text)) => (false, text),
        Some((b'-', text)) => (true, text),
        Some(_) => return None,
    };
    Some((code, more, String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_what_is_none_is_refused() {
        assert_eq!(parse_line(b"250-SIZE 10"), Some((250, true, "SIZE 10".into())));
        assert_eq!(parse_line(b"250 ok"), Some((250, false, "ok".into())));
        assert_eq!(parse_line(b"334"), Some((334, false, String::new())));
        for odd in ["", "25", "25O ok", "250_ok", "999 x", "100 x", "\u{e4}50 x", "+50 x"] {
            assert_eq!(parse_line(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn the_code_decides_what_the_caller_does() {
        for (line, kind) in [
            ("432 4.3.2 Concurrent connections limit exceeded", Kind::Transient { retry_after_ms: None }),
            ("535 5.7.3 Authentication unsuccessful", Kind::Unauthorized),
            ("530 5.7.57 Client not authenticated to send mail", Kind::Unauthorized),
            ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", Kind::Rejected),
            ("550 5.7.60 Client does not have permissions to send as this sender", Kind::Rejected),
            ("354 go on", Kind::Broken),
        ] {
            let (code, _, text) = parse_line(line.as_bytes()).unwrap();
            let error = Reply { code, lines: vec![text] }.refusal("x", "h");
            assert_eq!(error.kind(), kind, "{line}");
            assert_eq!(error.server_text(), Some(line));
            assert_eq!(error.smtp_code(), Some(code));
        }
    }
}
