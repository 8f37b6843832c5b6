//! What a raw message says, as text alone: for who decides about it. Its HTML is never shown here, nor what it would load.
use crate::{Error, State, inbox};
use desk::files::store::Content;
use desk::intake::filing::{self, LARGE_BYTES, Parsed};
use desk::intake::inbox::Inbox;
use mail::message::Attachment;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// As much of a text as decides.
const TEXT_CHARACTERS_MAX: usize = 20_000;
const FILES_MAX: usize = 50;

const UNREADABLE: &str =
    "Postern fails when it reads this message. It can be downloaded, and looked into elsewhere.";
const LEFT: &str = "It is on its server, and was not fetched.";

#[derive(Clone, Debug, Default)]
pub struct Preview {
    pub from: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    /// There is more of it than is shown.
    pub is_cut: bool,
    /// Names and sizes of its attachments.
    pub files: Vec<(String, i64)>,
    /// Why it cannot be shown.
    pub why: Option<&'static str>,
}
impl Preview {
    pub fn title(&self) -> String {
        if self.subject.is_empty() { "(no subject)".to_owned() } else { self.subject.clone() }
    }
}

/// Of the bytes as they came. What cannot be read is said, and can still be downloaded.
pub async fn of(state: &State, row: &Inbox) -> Result<Preview, Error> {
    if row.is_left {
        return Ok(Preview { why: Some(LEFT), ..Preview::default() });
    }
    let ((place, hash), id) = (inbox::place(state, row).await?, row.id);
    // A message that makes the parser fail must not take the page with it.
    let read = state.courier.blocking(move |desk| {
        let reading = || desk.store.open_blob(&place, &hash).and_then(parsed).map(|parsed| read(&parsed));
        Ok(match catch_unwind(AssertUnwindSafe(reading)) {
            Ok(Ok(preview)) => preview,
            Ok(Err(error)) => {
                tracing::error!(inbox = id, "a raw message could not be read: {error}");
                Preview { why: Some(inbox::DAMAGED), ..Preview::default() }
            }
            Err(_) => Preview { why: Some(UNREADABLE), ..Preview::default() },
        })
    });
    Ok(read.await?)
}

/// Nothing of it is kept.
fn parsed(content: Content) -> desk::Result<Parsed> {
    if content.size_bytes() <= LARGE_BYTES {
        return Ok(filing::parse(&content.into_bytes()?));
    }
    Ok(filing::parse_large(content, None)?)
}

fn read(parsed: &Parsed) -> Preview {
    let message = &parsed.message;
    let size = |file: &Attachment| match file.handed_over {
        Some(index) => parsed.handed_over.get(index).map_or(0, |stored| stored.size_bytes),
        None => file.content.len() as u64,
    };
    let text: String = message.text.chars().take(TEXT_CHARACTERS_MAX).collect();
    Preview {
        from: people(&message.from),
        to: people(&message.to),
        subject: mail::one_line(&message.subject),
        is_cut: text.len() < message.text.len(),
        text,
        files: message
            .attachments
            .iter()
            .take(FILES_MAX)
            .map(|file| (file.name.clone(), i64::try_from(size(file)).unwrap_or(i64::MAX)))
            .collect(),
        why: None,
    }
}

fn people(of: &[mail::Address]) -> String {
    let said = |address: &mail::Address| match (&address.name, &address.address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    };
    of.iter().take(20).map(said).map(|one| mail::one_line(&one)).collect::<Vec<_>>().join(", ")
}
