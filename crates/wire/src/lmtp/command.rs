//! A line of the other side, read.

/// RFC 5321 §4.5.3.1.3, and as much again for SMTPUTF8.
const PATH_BYTES_MAX: usize = 512;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Lhlo(String),
    Mail {
        sender: String,
        /// As it was announced (RFC 1870).
        size_bytes: Option<u64>,
    },
    Rcpt(String),
    Data,
    Rset,
    Noop,
    Vrfy,
    Quit,
    /// EHLO and HELO: this is no SMTP (RFC 2033 §4.1).
    Smtp,
    /// What is wrong with it: code, enhanced code, sentence.
    Wrong(u16, &'static str, &'static str),
}

const SYNTAX: Command = Command::Wrong(501, "5.5.4", "That is no address between < and >");

impl Command {
    pub(super) fn read(line: &[u8]) -> Command {
        let Ok(line) = std::str::from_utf8(line) else {
            return Command::Wrong(500, "5.5.2", "That line is no UTF-8");
        };
        if line.chars().any(char::is_control) {
            return Command::Wrong(500, "5.5.2", "That line holds a control character");
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match verb.to_ascii_uppercase().as_str() {
            "LHLO" if rest.is_empty() || rest.len() > PATH_BYTES_MAX => {
                Command::Wrong(501, "5.5.4", "LHLO needs the name of your host")
            }
            "LHLO" => Command::Lhlo(rest.to_owned()),
            "EHLO" | "HELO" => Command::Smtp,
            "MAIL" => mail(rest),
            "RCPT" => rcpt(rest),
            "DATA" if rest.is_empty() => Command::Data,
            "RSET" if rest.is_empty() => Command::Rset,
            "QUIT" if rest.is_empty() => Command::Quit,
            "DATA" | "RSET" | "QUIT" => Command::Wrong(501, "5.5.4", "This command takes nothing behind it"),
            "NOOP" => Command::Noop,
            "VRFY" => Command::Vrfy,
            _ => Command::Wrong(500, "5.5.1", "This command is not known here"),
        }
    }
}

fn mail(rest: &str) -> Command {
    let Some((sender, parameters)) = path(rest, "FROM:") else { return SYNTAX };
    let mut size_bytes = None;
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.to_ascii_uppercase().as_str() {
            "SIZE" => match value.parse() {
                Ok(size) => size_bytes = Some(size),
                Err(_) => return Command::Wrong(501, "5.5.4", "SIZE is no number"),
            },
            "BODY" if ["7BIT", "8BITMIME"].contains(&value.to_ascii_uppercase().as_str()) => {}
            "SMTPUTF8" => {}
            _ => return Command::Wrong(555, "5.5.4", "A parameter of MAIL is not known here"),
        }
    }
    Command::Mail { sender, size_bytes }
}

fn rcpt(rest: &str) -> Command {
    match path(rest, "TO:") {
        Some((address, _)) if address.is_empty() => SYNTAX,
        Some((address, "")) => Command::Rcpt(address),
        Some(_) => Command::Wrong(555, "5.5.4", "A parameter of RCPT is not known here"),
        None => SYNTAX,
    }
}

/// The address between `<` and `>`, and what is behind it. A source route is left out (RFC 5321 §4.1.1.3); the `>` of a
/// quoted name is not the end.
fn path<'a>(rest: &'a str, word: &str) -> Option<(String, &'a str)> {
    let begin = rest.get(..word.len()).filter(|begin| begin.eq_ignore_ascii_case(word))?;
    let inside = rest.get(begin.len()..)?.trim_start().strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inside.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
        None
    })?;
    let (address, behind) = (inside.get(..end)?, inside.get(end + 1..)?);
    if !behind.is_empty() && !behind.starts_with(' ') {
        return None;
    }
    let address = match address.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => address,
    };
    let whole =
        address.is_empty() || address.rsplit_once('@').is_some_and(|(l, d)| !l.is_empty() && !d.is_empty());
    // `postmaster` alone is allowed (RFC 5321 §4.1.1.3); whether it is known is not decided here.
    let fits = whole || address.eq_ignore_ascii_case("postmaster");
    (fits && address.len() <= PATH_BYTES_MAX).then(|| (address.to_owned(), behind.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_mail_servers_write_them() {
        assert_eq!(Command::read(b"lhlo mx.example.org"), Command::Lhlo("mx.example.org".to_owned()));
        let mail = |sender: &str, size_bytes| Command::Mail { sender: sender.to_owned(), size_bytes };
        assert_eq!(Command::read(b"MAIL FROM:<> BODY=8BITMIME SIZE=12"), mail("", Some(12)));
        assert_eq!(Command::read(b"mail from: <a@b.example> SMTPUTF8"), mail("a@b.example", None));
        assert_eq!(
            Command::read(b"RCPT TO:<@relay.example:a@b.example>"),
            Command::Rcpt("a@b.example".to_owned())
        );
        assert_eq!(
            Command::read(br#"RCPT TO:<"a > \" b"@c.example>"#),
            Command::Rcpt(r#""a > \" b"@c.example"#.to_owned())
        );
        assert_eq!(Command::read(b"EHLO mx.example.org"), Command::Smtp);
        for wrong in [
            "LHLO",
            "MAIL FROM:a@b.example",
            "MAIL FROM:<a@b.example",
            "MAIL FROM:<a@b.example>x",
            "MAIL FROM:<a@b.example> RET=HDRS",
            "MAIL FROM:<a@b.example> SIZE=much",
            "RCPT TO:<>",
            "RCPT TO:<a>",
            "RCPT TO:<@b>",
            "RCPT TO:<a@b.example> NOTIFY=NEVER",
            "RCPT FROM:<a@b.example>",
            "DATA now",
            "STARTTLS",
            "NOOP\u{7}",
        ] {
            assert!(matches!(Command::read(wrong.as_bytes()), Command::Wrong(..)), "{wrong}");
        }
        assert!(matches!(Command::read(b"RCPT TO:<\xFF@b>"), Command::Wrong(..)));
        let long = format!("RCPT TO:<{}@b.example>", "a".repeat(600));
        assert!(matches!(Command::read(long.as_bytes()), Command::Wrong(..)));
    }
}
