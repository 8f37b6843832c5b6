//! Which ticket a message belongs to (invariant 12).
//!
//! What a letter carries (ids, a number) is a claim of its sender: it joins a ticket only when the sender
//! may write to that ticket. Its own Message-ID is no claim: the same one with other content is another
//! letter.
use crate::tickets::{participant, reference, ticket};
use crate::{Result, db::Tx, params};
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

pub fn thread(tx: &mut Tx<'_>, message: &mail::Message) -> Result<Place> {
    let candidates = mail::thread::candidates(message);
    let of = |kind: CandidateKind| candidates.iter().filter(move |c| c.kind == kind).map(|c| c.value.clone());
    let mut ids: Vec<String> =
        of(CandidateKind::MessageId).filter(|id| Some(id) != message.message_id.as_ref()).collect();
    ids.truncate(IDS_MAX);
    let mut tickets: Vec<i64> = reference::find(tx, &ids)?.into_iter().map(|found| found.ticket_id).collect();
    for number in of(CandidateKind::SubjectNumber).take(3) {
        let found = tx.maybe::<(i64,)>("SELECT id FROM ticket WHERE number = $1", params![&number])?;
        tickets.extend(found.map(|(id,)| id));
    }
    let mut seen: Vec<i64> = Vec::new();
    for id in tickets {
        let (id, _) = ticket::followed(tx, id)?;
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    let sender = message.author().and_then(|author| author.address.as_deref()).unwrap_or_default();
    for ticket_id in &seen {
        if participant::may_write(tx, *ticket_id, sender)? {
            return Ok(Place::Joins { ticket_id: *ticket_id });
        }
    }
    Ok(seen.first().map_or(Place::New, |ticket_id| Place::Refers { ticket_id: *ticket_id }))
}
