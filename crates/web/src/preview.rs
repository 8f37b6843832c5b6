//! What a raw message says, as text alone: for who decides about it. Its HTML is never shown here, nor what it would load.
use crate::{Error, State, inbox};
use desk::intake::inbox::Inbox;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// As much of a text as decides.
const TEXT_CHARACTERS_MAX: usize = 20_000;
const FILES_MAX: usize = 50;

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
    let raw = inbox::bytes(state, row).await?;
    // A message that makes the parser fail must not take the page with it.
    let read = state.courier.blocking(move |_| {
        Ok(catch_unwind(AssertUnwindSafe(|| read(&mail::message::parse(&raw)))).unwrap_or_else(|_| Preview {
            why: Some(
                "Postern fails when it reads this message. It can be downloaded, and looked into elsewhere.",
            ),
            ..Preview::default()
        }))
    });
    Ok(read.await?)
}

fn read(message: &mail::Message) -> Preview {
    let text: String = message.text.chars().take(TEXT_CHARACTERS_MAX).collect();
    Preview {
        from: people(&message.from),
        to: people(&message.to),
        subject: message.subject.clone(),
        is_cut: text.len() < message.text.len(),
        text,
        files: message
            .attachments
            .iter()
            .take(FILES_MAX)
            .map(|file| (file.name.clone(), i64::try_from(file.content.len()).unwrap_or(i64::MAX)))
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
    of.iter().take(20).map(said).collect::<Vec<_>>().join(", ")
}
