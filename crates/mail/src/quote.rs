//! New words, quoted history, signature.  Folds, never deletes: every line is in exactly one piece.

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

/// Splits plain text; `split(t)` concatenated is `t`.
#[must_use]
pub fn split(text: &str) -> Vec<Piece> {
    let _ = text;
    todo!()
}

/// The same for HTML, as the text it reads as.
#[must_use]
pub fn split_html(html: &str) -> Vec<Piece> {
    let _ = html;
    todo!()
}

/// The new words of pieces, or all of the text when nothing else would be left.
#[must_use]
pub fn reply_text(pieces: &[Piece]) -> String {
    let _ = pieces;
    todo!()
}
