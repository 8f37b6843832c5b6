//! What came of a try, for a page and for the command line alike.
use crate::trouble::Trouble;
use mail::explain;

/// What the tab says on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Banner {
    Green {
        sentence: String,
        detail: String,
    },
    /// It does not work, and this is what a person does about it in Postern, beside the remedy.
    Red {
        sentence: String,
        detail: String,
        remedy: String,
        action: Action,
    },
    /// It does not work yet, and is tried again by itself.
    Waits {
        sentence: String,
        detail: String,
        remedy: String,
    },
    /// Somebody else than expected has signed in: the page asks (see [`super::Question`]).
    Asks {
        sentence: String,
        remedy: String,
    },
}
/// What is done next. A page has a button for it and the command line a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing was kept.
    AuthorizeAgain,
    /// The tokens are kept.
    ProveAgain,
    /// The registration's secret or certificate is not taken: nothing else helps before.
    EnterSecret,
}
impl Action {
    /// After a try that came to nothing, by the code that it was kept with.
    pub(super) fn after(code: &str) -> Action {
        match explain::part(code) {
            Some(explain::Part::Secret) => Action::EnterSecret,
            Some(explain::Part::Callback | explain::Part::Permissions) | None => Action::AuthorizeAgain,
        }
    }
    /// As the JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Action::AuthorizeAgain => "authorize_again",
            Action::ProveAgain => "prove_again",
            Action::EnterSecret => "enter_secret",
        }
    }
    pub fn from_word(word: &str) -> Option<Action> {
        let all = [Action::AuthorizeAgain, Action::ProveAgain, Action::EnterSecret];
        all.into_iter().find(|action| action.word() == word)
    }
}

impl Banner {
    /// Nothing was kept.
    pub(super) fn failed(Trouble { code, reason: sentence, detail, remedy, .. }: Trouble) -> Banner {
        Banner::Red { sentence, detail, remedy, action: Action::after(&code) }
    }

    /// The same of what is tried again by itself.
    pub(super) fn waiting(self) -> Banner {
        match self {
            Banner::Red { sentence, detail, remedy, .. } => Banner::Waits { sentence, detail, remedy },
            other @ (Banner::Green { .. } | Banner::Waits { .. } | Banner::Asks { .. }) => other,
        }
    }
}
