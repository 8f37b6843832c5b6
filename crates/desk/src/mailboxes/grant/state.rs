//! The life of a grant.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Unproved,
    Fulfilled,
    /// The provider no longer takes its refresh token; kept, tried again at long intervals.
    Lapsed,
    Revoked,
    /// A pending try that came to nothing.
    Failed,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Unproved => "unproved",
            State::Fulfilled => "fulfilled",
            State::Lapsed => "lapsed",
            State::Revoked => "revoked",
            State::Failed => "failed",
        }
    }
    pub(super) fn from_word(word: &str) -> Option<State> {
        let all =
            [State::Pending, State::Unproved, State::Fulfilled, State::Lapsed, State::Revoked, State::Failed];
        all.into_iter().find(|state| state.word() == word)
    }
    /// Whether there is something to sign in with.
    pub fn has_tokens(self) -> bool {
        matches!(self, State::Unproved | State::Fulfilled | State::Lapsed)
    }
}
