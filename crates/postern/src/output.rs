//! How a command ends: what it prints, and its exit status (0 done, 1 failed or a fault was found, 2 wrong
//! usage, 3 not found).
use std::fmt;
use std::io::Write as _;

#[derive(Debug)]
pub enum Done {
    Fine,
    /// Everything was done, and the status says what was found.
    Status(u8),
}

#[derive(Debug)]
pub enum Failure {
    Usage(anyhow::Error),
    NotFound(String),
    /// What was handed over is not what the command takes.
    BadInput(String),
    Failed(anyhow::Error),
}

impl Failure {
    pub fn status(&self) -> u8 {
        match self {
            Failure::Failed(_) | Failure::BadInput(_) => 1,
            Failure::Usage(_) => 2,
            Failure::NotFound(_) => 3,
        }
    }
    pub fn usage(sentence: impl Into<String>) -> Failure {
        Failure::Usage(anyhow::anyhow!(sentence.into()))
    }
}
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(error) | Failure::Failed(error) => write!(f, "{error:#}"),
            Failure::NotFound(sentence) | Failure::BadInput(sentence) => f.write_str(sentence),
        }
    }
}
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Failed(error)
    }
}
impl From<desk::Error> for Failure {
    fn from(error: desk::Error) -> Self {
        match error {
            desk::Error::Refused(refusal @ desk::Refusal::NotFound(_)) => {
                Failure::NotFound(refusal.to_string())
            }
            other => Failure::Failed(other.into()),
        }
    }
}
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Failed(error.into())
    }
}

/// One JSON document, or text for people with every control character but the line end made visible
/// (what stands in mail must not drive a terminal).
pub fn print(
    json: bool,
    document: &serde_json::Value,
    text: impl FnOnce() -> String,
) -> Result<Done, Failure> {
    let mut out = if json { document.to_string() } else { shown(&text()) };
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    write(&out)
}

/// The one way to standard output.
pub fn write(text: &str) -> Result<Done, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Done::Fine),
        // Whoever reads has read enough: `postern ticket list | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Done::Fine),
        Err(error) => {
            Err(Failure::Failed(anyhow::anyhow!("cannot write the result to standard output: {error}")))
        }
    }
}

/// A line to standard error, as far as it can be written: there is no third place to complain at.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Why a command has failed, to standard error.
pub fn complain(failure: &Failure) {
    tell(&format!("postern: {}", shown(&failure.to_string())));
}

/// Text for people. What stands in it may come from a letter or a server.
pub fn shown(text: &str) -> String {
    let visible = |c: char| match c {
        '\n' => c,
        '\t' => ' ',
        c if c.is_control() || mail::is_hidden(c) => '\u{FFFD}',
        c => c,
    };
    text.chars().map(visible).collect()
}

/// A page of a list, and for people how to get the next one.
pub fn list(
    json: bool,
    items: Vec<serde_json::Value>,
    next: Option<String>,
    text: impl FnOnce() -> String,
) -> Result<Done, Failure> {
    let more = next.as_ref().map_or(String::new(), |next| format!("More: --after {next}\n"));
    print(json, &page(items, next), || text() + &more)
}

/// `{"items": […], "next": "…" | null}`.
pub fn page(items: Vec<serde_json::Value>, next: Option<String>) -> serde_json::Value {
    serde_json::json!({ "items": items, "next": next })
}

/// What was done to a row: `{"id": 7, "done": "retry"}`.
pub fn done(json: bool, id: i64, what: &str, sentence: &str) -> Result<Done, Failure> {
    print(json, &serde_json::json!({ "id": id, "done": what }), || sentence.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_that_is_shown_runs_in_a_terminal_or_turns_a_line_round() {
        let said = "Ann\u{202e}gpj.exe \u{2066}a\u{200b}b\u{1b}[2J\tc\nd";
        assert_eq!(super::shown(said), "Ann\u{FFFD}gpj.exe \u{FFFD}a\u{FFFD}b\u{FFFD}[2J c\nd");
    }
}
