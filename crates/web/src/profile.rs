//! Oneself: name, password, looks, sessions.
use crate::page::{Here, Page, show};
use crate::session::Visit;
use crate::{Error, State};
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "profile/show.html")]
struct ProfilePage {
    page: Page,
}

pub async fn show_page(state: &State, visit: &Visit) -> Result<Response, Error> {
    show(&ProfilePage { page: Page::new(state, visit, "Your profile", Here::Profile).await? })
}
pub async fn show_profile(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
) -> Result<Response, Error> {
    show_page(&state, &visit).await
}
