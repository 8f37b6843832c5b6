//! Which ticket a message belongs to (invariant 12).
//!
//! What a letter carries (ids, a number) is a claim of its sender: it joins a ticket only when the sender
//! may write to that ticket. Its own Message-ID is no claim: the same one with other content is another
//! letter.
use super::batch::Known;
use crate::tickets::reference;
use mail::thread::CandidateKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    New,
    /// It carries an id or the number of this ticket, and its sender may write to it.
    Joins {
        ticket_id: i64,
    },
    /// It refers to this ticket, but comes from someone else: a new ticket that says so.
    Refers {
        ticket_id: i64,
    },
}
/// How many of the ids that a letter names are looked up, best first.
const IDS_MAX: usize = 100;
const NUMBERS_MAX: usize = 3;

/// What a letter claims.
#[derive(Debug)]
pub(super) struct Claims {
    /// Best first.
    pub ids: Vec<String>,
    pub numbers: Vec<String>,
    /// The key of its sender's address; empty: nobody's.
    pub sender: String,
}
pub(super) fn claims(message: &mail::Message) -> Claims {
    let candidates = mail::thread::candidates(message);
    let of = |kind: CandidateKind| candidates.iter().filter(move |c| c.kind == kind).map(|c| &c.value);
    let ids = of(CandidateKind::MessageId).filter(|id| Some(*id) != message.message_id.as_ref());
    let sender = message.author().and_then(|author| author.address.as_deref()).unwrap_or_default();
    Claims {
        ids: ids.take(IDS_MAX).filter_map(|id| reference::kept(id)).collect(),
        numbers: of(CandidateKind::SubjectNumber).take(NUMBERS_MAX).cloned().collect(),
        sender: mail::address::key(sender),
    }
}

pub(super) fn thread(known: &Known, claims: &Claims) -> Place {
    let mut seen: Vec<i64> = Vec::new();
    for id in known.tickets_of(&claims.ids).into_iter().chain(known.numbered(&claims.numbers)) {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    match seen.iter().find(|id| known.may_write(**id, &claims.sender)) {
        Some(ticket_id) => Place::Joins { ticket_id: *ticket_id },
        None => seen.first().map_or(Place::New, |ticket_id| Place::Refers { ticket_id: *ticket_id }),
    }
}
