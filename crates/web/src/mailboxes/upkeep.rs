//! What an administrator does to a mailbox beside its tabs: check, prove again, pause, resume, remove.
use super::banner::{self, Shown};
use super::side;
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Here, Page, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use courier::authorize;
use courier::probe;
use desk::Refusal;
use desk::mailboxes::balance::{self, Asked};
use desk::mailboxes::mailbox::{self, Side};
use desk::mailboxes::usual;

/// *Check this mailbox*: both servers are opened and used, nothing is sent.
pub async fn check(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    let mailbox = super::find(&state, id).await?;
    let courier = state.courier.clone();
    let sends = !mailbox.sends_nothing();
    // In a task of its own: a request that is dropped stops no work.
    let proofs = tokio::spawn(async move {
        let incoming = probe::incoming(&courier, id).await?;
        let outgoing = if sends { Some(probe::outgoing(&courier, id).await?) } else { None };
        probe::settle(&courier, id, outgoing.as_ref()).await?;
        Ok::<_, desk::Error>((incoming, outgoing))
    });
    let (incoming, outgoing) =
        proofs.await.map_err(|error| anyhow::anyhow!("the check ended early: {error}"))??;
    let (incoming, outgoing) = (Shown::from(incoming), outgoing.map(Shown::from));
    let shown = together(incoming, outgoing);
    let back = if form.text("tab") == "outgoing" { Side::Outgoing } else { Side::Incoming };
    Ok(see_other(&banner::keep(&state, &who, id, back, shown).await?))
}

/// One banner for both sides; the side that does not work speaks first.
fn together(incoming: Shown, outgoing: Option<Shown>) -> Shown {
    // Both sides may lack the same.
    let Some(outgoing) = outgoing.filter(|outgoing| *outgoing != incoming) else { return incoming };
    let join =
        |a: String, b: String| [a, b].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" ");
    let (first, second) =
        if incoming.good && !outgoing.good { (outgoing, incoming) } else { (incoming, outgoing) };
    Shown {
        good: first.good && second.good,
        sentence: first.sentence,
        detail: join(first.detail, join(second.sentence, second.detail)),
        remedy: join(first.remedy, second.remedy),
        action: first.action.or(second.action),
    }
}

/// *Prove again*: the consent that was given is tried once more.
pub async fn prove(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let (courier, by) = (state.courier.clone(), who.by());
    let proved = tokio::spawn(async move { authorize::prove_again(&courier, &by, id, side).await });
    let banner = proved.await.map_err(|error| anyhow::anyhow!("the proof ended early: {error}"))??;
    Ok(see_other(&banner::lead(&state, &who, id, side, banner).await?))
}

pub async fn pause(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    let by = who.by();
    state.courier.write(move |tx| mailbox::pause(tx, &by, id)).await?;
    Ok(see_other(&format!("/mailboxes/{id}/remote?done=paused")))
}

/// *Start fetching*, *Resume fetching*: what is missing for it is said on the tab.
pub async fn resume(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    let by = who.by();
    let resumed = state.courier.write(move |tx| {
        mailbox::resume(tx, &by, id)?;
        mailbox::hurry(tx, id, by.at)
    });
    match error::refusal(resumed.await)? {
        Ok(()) => Ok(see_other(&format!("/mailboxes/{id}/remote?done=resumed"))),
        Err(refusal) => {
            let shown = Shown::refused("Fetching cannot begin yet.", &refusal);
            Ok(see_other(&banner::keep(&state, &who, id, Side::Incoming, shown).await?))
        }
    }
}

/// *Fetch now*: at the next moment, whatever the clock says.
pub async fn fetch(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    let mailbox = super::find(&state, id).await?;
    if !mailbox.active {
        let refusal = Refusal::Other("Fetching is off. Start it first.".to_owned());
        let shown = Shown::refused("Nothing was fetched.", &refusal);
        return Ok(see_other(&banner::keep(&state, &who, id, Side::Incoming, shown).await?));
    }
    let now = who.now();
    state.courier.write(move |tx| mailbox::hurry(tx, id, now)).await?;
    // Back to where it was pressed: a tab of its page, or the list.
    Ok(see_other(&match form.text("tab").as_str() {
        "account" => format!("/mailboxes/{id}?done=fetched"),
        tab @ ("remote" | "outgoing") => format!("/mailboxes/{id}/{tab}?done=fetched"),
        _ => "/mailboxes?done=fetched".to_owned(),
    }))
}

/// *Compare now*: the folder on the server is listed, and set against what is held.
pub async fn compare(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    reconcile(&state, &who, id, Asked::Compare).await
}

/// *Fetch what is unaccounted*: compared once more, and exactly that fetched.
pub async fn fetch_unaccounted(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    reconcile(&state, &who, id, Asked::Fetch).await
}

async fn reconcile(state: &State, who: &Who, id: i64, asked: Asked) -> Result<Response, Error> {
    let mailbox = super::find(state, id).await?;
    let by = who.by();
    let done = match asked {
        Asked::Fetch => "unaccounted",
        Asked::Compare | Asked::Nothing => "compared",
    };
    match error::refusal(state.courier.write(move |tx| balance::ask(tx, &by, &mailbox, asked)).await)? {
        Ok(()) => Ok(see_other(&format!("/mailboxes/{id}/remote?done={done}"))),
        Err(refusal) => {
            let shown = Shown::refused("The folder was not compared.", &refusal);
            Ok(see_other(&banner::keep(state, who, id, Side::Incoming, shown).await?))
        }
    }
}

/// What is unaccounted, and was to be fetched, is not wanted any more.
pub async fn cancel(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let mailbox = super::find(&state, id).await?;
    let by = who.by();
    state.courier.write(move |tx| balance::cancel(tx, &by, &mailbox)).await?;
    Ok(see_other(&format!("/mailboxes/{id}/remote?done=cancelled")))
}

/// Whether an unusual silence is told.
pub async fn watch_silence(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    let mailbox = super::find(&state, id).await?;
    let (by, watched) = (who.by(), form.is_on("watched"));
    state.courier.write(move |tx| usual::watch(tx, &by, &mailbox, watched)).await?;
    Ok(see_other(&format!("/mailboxes/{id}/remote?done=saved")))
}

#[derive(Template)]
#[template(path = "mailboxes/remove.html")]
struct RemovePage {
    page: Page,
    id: i64,
    address: String,
    why: Option<String>,
}

/// Asks first: what stays, and what goes.
pub async fn ask_remove(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    show_remove(&state, &visit, id, None).await
}

async fn show_remove(state: &State, visit: &Visit, id: i64, why: Option<String>) -> Result<Response, Error> {
    let address = super::find(state, id).await?.address;
    let page = Page::new(state, visit, &format!("Remove {address}"), Here::Emails).await?;
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    show_as(status, &RemovePage { page, id, address, why })
}

pub async fn remove(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    match error::refusal(authorize::remove(&state.courier, &who.by(), id).await)? {
        Ok(said) if said.is_empty() => Ok(see_other("/mailboxes?done=removed")),
        // What the provider said of the tokens, and what a person has to do where it could not be told.
        Ok(said) => {
            let (sentence, remedy) = (super::list::REMOVED.to_owned(), String::new());
            let shown = Shown { good: true, sentence, detail: said, remedy, action: None };
            Ok(see_other(&banner::keep_at(&state, &who, "/mailboxes", shown).await?))
        }
        Err(refusal) => show_remove(&state, &visit, id, Some(refusal.to_string())).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(good: bool, sentence: &str) -> Shown {
        Shown {
            good,
            sentence: sentence.to_owned(),
            detail: String::new(),
            remedy: String::new(),
            action: None,
        }
    }

    #[test]
    fn the_side_that_does_not_work_speaks_first() {
        let both = together(shown(true, "INBOX opened."), Some(shown(false, "Sending was refused.")));
        assert!(!both.good);
        assert_eq!(both.sentence, "Sending was refused.");
        assert_eq!(both.detail, "INBOX opened.");
        assert_eq!(together(shown(true, "INBOX opened."), None), shown(true, "INBOX opened."));
        let lacking = || shown(false, "Nobody has authorized it.");
        assert_eq!(together(lacking(), Some(lacking())), lacking(), "once is enough");
    }
}
