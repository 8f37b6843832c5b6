//! What comes of a message that somebody has made a ticket of, on the page where that was pressed, until it is one.
use crate::page::Page;
use crate::session::Visit;
use crate::{Error, State};
use desk::intake::inbox::{self, State as Fate};
use desk::tickets::ticket;

/// A banner.
pub struct Decided {
    pub is_good: bool,
    pub sentence: String,
    /// Its number, where the reader may open it.
    pub ticket: Option<String>,
}

/// Of the message in the page's address. `None`: there is nothing to say, or not to this reader.
pub async fn of(
    state: &State,
    visit: &Visit,
    page: &Page,
    message: Option<i64>,
) -> Result<Option<Decided>, Error> {
    let (Some(id), Some(who)) = (message, &visit.who) else { return Ok(None) };
    let (viewer, sees_all) = (who.viewer(), who.is_administrator());
    let read = state.courier.read(move |tx| {
        let Some(row) = inbox::find(tx, id)? else { return Ok(None) };
        let may_open = match &row.ticket_number {
            Some(number) => ticket::find(tx, &viewer, number)?.is_some(),
            None => false,
        };
        Ok(Some((row, may_open)))
    });
    let Some((row, may_open)) = read.await? else { return Ok(None) };
    let good =
        |sentence: &str, ticket| Some(Decided { is_good: true, sentence: sentence.to_owned(), ticket });
    let bad = |said: &str| {
        let sentence = if sees_all { format!("{said}: {}", row.reason) } else { format!("{said}.") };
        Some(Decided { is_good: false, sentence, ticket: None })
    };
    Ok(match row.state {
        Fate::Filed if may_open => good("The message is on ticket", row.ticket_number),
        Fate::Filed => good("The message is on a ticket.", None),
        Fate::New if row.next_at.is_some() => bad("It could not be made a ticket so far, and is tried again"),
        Fate::New if page.on_hold => {
            good("Mail is on hold: the message becomes a ticket as soon as that is released.", None)
        }
        Fate::New => good("The message becomes a ticket in a moment.", None),
        Fate::Failed => bad("The message could not be made a ticket"),
        Fate::Held | Fate::Ignored => None,
    })
}
