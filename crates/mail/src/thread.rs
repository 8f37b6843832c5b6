//! What a message may belong to: by Message-ID, by tokens of ours, by a number in its subject.
//! Never decides who may write where; that is the desk's.

use crate::message::Message;

/// How a candidate was found, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateKind {
    MessageId,
    AddressToken,
    SubjectToken,
    SubjectNumber,
}

/// Something that names an earlier message or ticket; a claim of the sender, no proof.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Candidate {
    pub kind: CandidateKind,
    pub value: String,
}

/// All candidates, best first: In-Reply-To, References from the newest, tokens, the number (digits only).
#[must_use]
pub fn candidates(message: &Message) -> Vec<Candidate> {
    let _ = message;
    todo!()
}

/// Indices of messages that hang together by Message-ID, In-Reply-To and References; never by subject.
#[must_use]
pub fn group(messages: &[Message]) -> Vec<Vec<usize>> {
    let _ = messages;
    todo!()
}

/// The subject without `Re:`, `AW:`, `Fwd:` and the like.
#[must_use]
pub fn base_subject(subject: &str) -> String {
    let _ = subject;
    todo!()
}
