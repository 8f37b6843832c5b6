//! Pieces of a letter's text, each of one kind: what the markup says of it, and what `quote` makes of that.

/// What a run of lines is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    New,
    Quoted,
    Signature,
}

/// A run of lines of one kind; the pieces' texts joined are the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub kind: Kind,
    pub text: String,
}
