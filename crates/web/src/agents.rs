//! Who works here: for administrators.
use crate::page::{Here, Page, show};
use crate::session::Visit;
use crate::{Error, State};
use askama::Template;
use axum::response::Response;
use desk::people::agent::{self, Agent};

#[derive(Template)]
#[template(path = "agents/list.html")]
struct ListPage {
    page: Page,
    agents: Vec<Agent>,
}

pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
) -> Result<Response, Error> {
    let agents = state.courier.read(|tx| agent::list(tx)).await?;
    let page = Page::new(&state, &visit, "Agents", Here::Agents).await?;
    show(&ListPage { page, agents })
}
