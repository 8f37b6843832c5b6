//! How filing a message ended, and its inbox row that says so.
use super::inbox::{Claim, State};
use crate::db::{Query, ROWS_MAX, powers_of_two};
use crate::{Result, db::Tx, row};

/// How filing a row ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Filed {
        ticket_id: i64,
        entry_id: i64,
    },
    Ignored {
        code: String,
        reason: String,
    },
    Held {
        code: String,
        reason: String,
    },
    /// It could not be filed; tried again at `next_at`, or kept for a person when `None`.
    Failed {
        code: String,
        reason: String,
        next_at: Option<i64>,
    },
    /// Another filer has claimed the row since: nothing was changed.
    Late,
}

/// An outcome that is to stand in its row.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    inbox_id: i64,
    generation: i64,
    state: State,
    code: String,
    reason: String,
    due_at: i64,
    ticket_id: Option<i64>,
    entry_id: Option<i64>,
}
impl Settled {
    /// `None`: there is nothing to say. `ticket_id`: the ticket that it is about, where it is not filed.
    pub(super) fn of(claim: &Claim, outcome: &Outcome, ticket_id: Option<i64>, now: i64) -> Option<Settled> {
        let none = String::new;
        let (state, code, reason, due_at, ticket_id, entry_id) = match outcome.clone() {
            Outcome::Late => return None,
            Outcome::Filed { ticket_id, entry_id } => {
                (State::Filed, none(), none(), now, Some(ticket_id), Some(entry_id))
            }
            Outcome::Ignored { code, reason } => (State::Ignored, code, reason, now, ticket_id, None),
            Outcome::Held { code, reason } => (State::Held, code, reason, now, ticket_id, None),
            Outcome::Failed { code, reason, next_at: Some(at) } => {
                (State::New, code, reason, at, ticket_id, None)
            }
            Outcome::Failed { code, reason, next_at: None } => {
                (State::Failed, code, reason, now, ticket_id, None)
            }
        };
        let (inbox_id, generation) = (claim.inbox_id, claim.generation);
        Some(Settled { inbox_id, generation, state, code, reason, due_at, ticket_id, entry_id })
    }
}

/// `WHERE generation` is the one claimed; `false`: too late.
pub fn settle(tx: &mut Tx<'_>, claim: &Claim, outcome: &Outcome, now: i64) -> Result<bool> {
    let settled: Vec<Settled> = Settled::of(claim, outcome, None, now).into_iter().collect();
    Ok(settle_all(tx, &settled)? == 1)
}
/// How many were in time.
pub(super) fn settle_all(tx: &mut Tx<'_>, all: &[Settled]) -> Result<u64> {
    let mut in_time = 0;
    for some in powers_of_two(all, ROWS_MAX) {
        let mut query =
            Query::new("WITH done (row_id, claimed, ended, code, why, due, ticket, entry) AS (VALUES ");
        query.bind_rows(some.iter().map(|one| {
            let (state, code, reason) = (one.state.as_str(), one.code.as_str(), one.reason.as_str());
            row![one.inbox_id, one.generation, state, code, reason, one.due_at, one.ticket_id, one.entry_id]
        }));
        query.push(
            ") UPDATE inbox SET state = done.ended, reason_code = done.code, reason = done.why, due_at = done.due,
                 ticket_id = COALESCE(done.ticket, ticket_id), entry_id = COALESCE(done.entry, entry_id),
                 leased_until = 0, leased_by = ''
             FROM done WHERE id = done.row_id AND generation = done.claimed AND state = 'new'",
        );
        in_time += tx.execute(query.sql(), query.params())?;
    }
    for one in all {
        match one.state {
            State::New | State::Failed => tx.wake("mailbox"), // the strip says so
            State::Held => tx.wake("inbox"),                  // the rail says so
            State::Filed | State::Ignored => {}
        }
    }
    Ok(in_time)
}
