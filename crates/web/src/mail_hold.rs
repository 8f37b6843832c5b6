//! Admin Panel › Emails › Hold: all mail on hold, or released.
use crate::extract::Query;
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::page::{Here, Page, show};
use crate::session::Visit;
use crate::{Error, State, Who};
use askama::Template;
use axum::response::Response;
use desk::By;
use desk::db::Tx;
use desk::site::mail_hold::{self, MailHold, UnderWay};
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "mail_hold/show.html")]
struct HoldPage {
    page: Page,
    hold: Option<MailHold>,
    /// What had begun before.
    under_way: UnderWay,
}

/// `GET /mail`
pub async fn show_page(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let now = visit.now;
    let read = state.courier.read(move |tx| Ok((mail_hold::find(tx)?, mail_hold::under_way(tx, now)?)));
    let (hold, under_way) = read.await?;
    let mut page = Page::new(&state, &visit, "Mail on hold", Here::Emails).await?;
    page.done = match (asked.done.as_deref(), hold) {
        (Some("released"), None) => Some("Mail moves again.".to_owned()),
        (Some("held"), Some(_)) => Some("Mail is on hold.".to_owned()),
        _ => None,
    };
    show(&HoldPage { page, hold, under_way })
}

/// `POST /mail/hold`
pub async fn hold(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    change(&state, &who, &form, "/mail?done=held", |tx, by| mail_hold::begin(tx, by, None)).await
}

/// `POST /mail/release`
pub async fn release(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    change(&state, &who, &form, "/mail?done=released", mail_hold::release).await
}

/// Whoever finds it done already sees it done.
async fn change(
    state: &State,
    who: &Who,
    form: &Form,
    done: &'static str,
    act: impl Fn(&mut Tx<'_>, &By) -> desk::Result<bool> + Send + 'static,
) -> Result<Response, Error> {
    let (by, once) = (who.by(), form.once(who));
    let changed = state.courier.write(move |tx| {
        act(tx, &by)?;
        form::record(once.as_ref(), tx, done, by.at)
    });
    changed.await?;
    Ok(see_other(done))
}
