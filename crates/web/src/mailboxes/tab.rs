//! How a tab of a System Email is opened, with what is stored or what was typed: the same for all three.
use super::preset::Presets;
use super::{Asked, Frame, Tab, frame};
use crate::extract::{Path, Query};
use crate::form::{self, Form};
use crate::page::Page;
use crate::session::Visit;
use crate::{Error, State, Who};
use axum::http::StatusCode;
use axum::response::Response;
use desk::mailboxes::mailbox::Mailbox;
use std::future::Future;

/// The fields of a tab, and the page they stand on.
pub trait TabForm: Sized + Send {
    const TAB: Tab;
    fn stored(mailbox: &Mailbox) -> Self;
    fn typed(form: &Form, mailbox: &Mailbox, presets: &Presets) -> Self;
    fn show(self, state: &State, around: Around) -> impl Future<Output = Result<Response, Error>> + Send;
}

/// What a tab's page holds beside its fields.
pub struct Around {
    pub status: StatusCode,
    pub page: Page,
    pub frame: Frame,
    /// Why what was typed was refused.
    pub why: Option<String>,
}

/// `GET` of a tab.
pub async fn show<F: TabForm>(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    open::<F>(&state, &visit, id, &asked, kept.as_ref(), None).await
}

/// The tab again: what was typed, and why it was refused.
pub async fn refused<F: TabForm>(
    state: &State,
    visit: &Visit,
    id: i64,
    typed: &Form,
    why: String,
) -> Result<Response, Error> {
    open::<F>(state, visit, id, &Asked::default(), Some(typed), Some(why)).await
}

async fn open<F: TabForm>(
    state: &State,
    visit: &Visit,
    id: i64,
    asked: &Asked,
    typed: Option<&Form>,
    why: Option<String>,
) -> Result<Response, Error> {
    let (mut page, frame) = frame(state, visit, id, F::TAB, asked).await?;
    page.given_back = typed.is_some() && why.is_none();
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let form = match typed {
        Some(typed) => F::typed(typed, &frame.mailbox, &state.presets),
        None => F::stored(&frame.mailbox),
    };
    let may_leave = frame.can_authorize() || !frame.questions.is_empty();
    let response = form.show(state, Around { status, page, frame, why }).await?;
    Ok(if may_leave { super::leaving(state, response) } else { response })
}
