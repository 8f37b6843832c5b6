//! What a proof or a callback came to, said once on top of the tab it led to.
//!
//! Kept on the server, under an id that only its reader's page can take: the address stays clean, and
//! nobody can make a link that shows words of theirs.
use crate::{Error, State, Who, session};
use courier::authorize::{Action, Banner};
use courier::probe::Proof;
use desk::mailboxes::mailbox::Side;
use desk::people::kept_form::{self, KeptForm};

const PLACE: &str = "banner";

/// A banner as the template shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub good: bool,
    pub sentence: String,
    pub detail: String,
    pub remedy: String,
    /// The button that is offered.
    pub action: Option<Action>,
}
impl From<Banner> for Shown {
    fn from(banner: Banner) -> Shown {
        match banner {
            Banner::Green { sentence, detail } => {
                Shown { good: true, sentence, detail, remedy: String::new(), action: None }
            }
            Banner::Red { sentence, detail, remedy, action } => {
                Shown { good: false, sentence, detail, remedy, action: Some(action) }
            }
            Banner::Waits { sentence, detail, remedy } => {
                Shown { good: false, sentence, detail, remedy, action: None }
            }
            Banner::Asks { sentence, remedy } => {
                Shown { good: false, sentence, detail: String::new(), remedy, action: None }
            }
        }
    }
}
impl From<Proof> for Shown {
    fn from(proof: Proof) -> Shown {
        let Proof { ok, sentence, detail, remedy, .. } = proof;
        Shown { good: ok, sentence, detail, remedy, action: None }
    }
}

impl Shown {
    /// For templates.
    pub fn offers(&self, word: &str) -> bool {
        self.action.is_some_and(|action| action.word() == word)
    }
    /// A rule said no to what a button does.
    pub fn refused(sentence: &str, refusal: &desk::Refusal) -> Shown {
        let (sentence, detail) = (sentence.to_owned(), refusal.to_string());
        Shown { good: false, sentence, detail, remedy: String::new(), action: None }
    }
}

/// Where it is told: on the tab, which itself says what it waits for, or asks.
pub async fn lead(
    state: &State,
    who: &Who,
    mailbox_id: i64,
    side: Side,
    banner: Banner,
) -> Result<String, Error> {
    match banner {
        Banner::Asks { .. } | Banner::Waits { .. } => {
            Ok(format!("/mailboxes/{mailbox_id}/{}", super::side_word(side)))
        }
        told @ (Banner::Green { .. } | Banner::Red { .. }) => {
            keep(state, who, mailbox_id, side, Shown::from(told)).await
        }
    }
}

/// Keeps it for the next page of this agent; the address of that page.
pub async fn keep(
    state: &State,
    who: &Who,
    mailbox_id: i64,
    side: Side,
    shown: Shown,
) -> Result<String, Error> {
    keep_at(state, who, &format!("/mailboxes/{mailbox_id}/{}", super::side_word(side)), shown).await
}

/// The same for another page than a mailbox's tab.
pub async fn keep_at(state: &State, who: &Who, path: &str, shown: Shown) -> Result<String, Error> {
    let id = session::random_token(state);
    let flag = |on: bool| if on { "1" } else { "" }.to_owned();
    let fields = vec![
        ("good".to_owned(), flag(shown.good)),
        ("sentence".to_owned(), shown.sentence),
        ("detail".to_owned(), shown.detail),
        ("remedy".to_owned(), shown.remedy),
        ("action".to_owned(), shown.action.map_or("", Action::word).to_owned()),
    ];
    let kept = KeptForm { id: id.clone(), place: PLACE.to_owned(), fields, files: Vec::new() };
    let (agent_id, at) = (who.agent().id, who.now());
    state.courier.write(move |tx| kept_form::keep(tx, agent_id, &kept, at)).await?;
    Ok(format!("{path}?banner={id}"))
}

pub async fn take(state: &State, who: &Who, id: Option<&str>) -> Result<Option<Shown>, Error> {
    let Some(form) = crate::form::given_back(state, who, id).await? else { return Ok(None) };
    Ok(Some(Shown {
        good: form.is_on("good"),
        sentence: form.text("sentence"),
        detail: form.text("detail"),
        remedy: form.text("remedy"),
        action: Action::from_word(&form.text("action")),
    }))
}
