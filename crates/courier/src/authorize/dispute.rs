//! Somebody else than expected has signed in (*Strict Matching*): what is asked about it, and what the answer does.
use super::{Banner, discard_disputed, prove};
use crate::who::{ANOTHER_OPENER, opened};
use crate::{Courier, probe};
use desk::Refusal;
use desk::mailboxes::grant::{self, Dispute};
use desk::mailboxes::mailbox::{Shape, Side};

/// Tokens that are kept sealed, and used for nothing, until somebody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub grant_id: i64,
    pub side: Side,
    pub about: About,
    /// As the provider named it.
    pub signed_in: String,
    pub until: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The address that signed in is not the mailbox's.
    Address,
    /// The mailbox is shared, and another person opened it before.
    Person,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// *It is a shared mailbox*.
    Shared,
    /// *It is an alias* of the mailbox that signed in.
    Alias,
    /// The person who signed in opens the shared mailbox from now on.
    Person,
}

/// What the side waits for a word about. One whose time has come is discarded by the look.
pub async fn question(courier: &Courier, mailbox_id: i64, side: Side) -> desk::Result<Option<Question>> {
    discard_disputed(courier).await?;
    let now = courier.now();
    let found = courier.read(move |tx| grant::disputed(tx, mailbox_id, side, now)).await?;
    Ok(found.map(|dispute| Question::of(&dispute)))
}

impl Question {
    pub fn of(dispute: &Dispute) -> Question {
        let grant = &dispute.grant;
        Question {
            grant_id: grant.id,
            side: grant.side,
            about: if grant.reason_code == ANOTHER_OPENER { About::Person } else { About::Address },
            signed_in: grant.owner_address.clone().unwrap_or_default(),
            until: dispute.until,
        }
    }
    /// What can be said to it.
    pub fn answers(&self) -> &'static [Answer] {
        match self.about {
            About::Address => &[Answer::Shared, Answer::Alias],
            About::Person => &[Answer::Person],
        }
    }
}

impl Answer {
    /// As the command line and the form have it.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Shared => "shared",
            Answer::Alias => "alias",
            Answer::Person => "person",
        }
    }
}

/// The answer, and then the proof: the consent in use stays in use until that has succeeded.
pub async fn answer(
    courier: &Courier,
    by: &desk::By,
    mailbox_id: i64,
    side: Side,
    grant_id: i64,
    answer: Answer,
) -> desk::Result<Banner> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        let Some(question) = question(&courier, mailbox_id, side).await?.filter(|q| q.grant_id == grant_id)
        else {
            let sentence =
                "This question was answered already, or its ten minutes are over. Authorize it again.";
            return Err(Refusal::Other(sentence.to_owned()).into());
        };
        let shape = match (question.about, answer) {
            (About::Address, Answer::Shared) => Some(Shape::Shared),
            (About::Address, Answer::Alias) => Some(Shape::Alias { opens: question.signed_in.clone() }),
            (About::Person, Answer::Person) => None,
            (About::Address, Answer::Person) | (About::Person, Answer::Shared | Answer::Alias) => {
                return Err(Refusal::NotFound("question").into());
            }
        };
        let (acts, said) = (by.clone(), shape.clone());
        courier.write(move |tx| grant::release(tx, &acts, grant_id, said.as_ref())).await?;
        let mut mailbox = probe::find(&courier, mailbox_id).await?;
        mailbox.shape = shape.unwrap_or(mailbox.shape);
        let note = opened(&mailbox, &question.signed_in);
        prove::prove(&courier, &by, &mailbox, side, prove::Subject::New(grant_id), Some(note)).await
    });
    task.await.map_err(|error| anyhow::anyhow!("answering ended early: {error}"))?
}
