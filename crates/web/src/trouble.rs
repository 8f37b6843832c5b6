//! The page in the place of one that could not be shown. It says why and what to do, and what was typed into a
//! form is on it, so that the text outlives a database that is away for a while.
use crate::form::Form;
use crate::gate::Asked;
use crate::origin::own_path;
use crate::page::{Here, Page, show_as};
use crate::session::Visit;
use crate::{Error, State};
use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// When a browser or a proxy may ask again by itself.
const RETRY_AFTER_S: &str = "10";

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage<'a> {
    page: Page,
    heading: &'a str,
    sentence: &'a str,
    reference: Option<&'a str>,
    typed: Option<Typed>,
    /// Where the button leads, and what it says.
    way_out: (&'a str, &'a str),
}

/// What was typed, to be sent again or at least copied.
struct Typed {
    /// The address it was sent to.
    path: String,
    /// In their order; long ones are shown.
    fields: Vec<Field>,
    /// It can be sent again as it was: nothing was in it that no page gives back.
    is_whole: bool,
}
struct Field {
    name: String,
    value: String,
    is_text: bool,
}

impl Typed {
    /// Nothing when the form held nothing that a person wrote.
    fn of(form: &Form, visit: &Visit) -> Option<Typed> {
        let is_text = |name: &str, value: &str| {
            matches!(name, "text" | "notes") || value.contains('\n') || value.chars().count() > 80
        };
        let mut fields: Vec<Field> = form
            .to_keep()
            .into_iter()
            .map(|(name, value)| Field { is_text: is_text(&name, &value), name, value })
            .collect();
        if fields.iter().all(|field| field.value.trim().is_empty()) {
            return None;
        }
        // The form's own: its token was right, or is judged when it comes again; by its id it is done once.
        for name in ["form_token", "form_id"] {
            let value = form.get(name).map(str::to_owned);
            fields.extend(value.map(|value| Field { name: name.to_owned(), value, is_text: false }));
        }
        Some(Typed { path: visit.path.clone(), fields, is_whole: !form.holds_more() })
    }
    fn shows_text(&self) -> bool {
        self.fields.iter().any(|field| field.is_text)
    }
}

/// An error as a page, in the person's own frame where there is one.
pub async fn show(
    state: &State,
    visit: &Visit,
    asked: &Asked,
    error: &Error,
    typed: Option<&Form>,
) -> Response {
    let mut response = page(state, visit, asked, error, typed).await;
    let headers = response.headers_mut();
    if passes(error) || matches!(error, Error::TooManyOpen) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    }
    if matches!(error, Error::TooSlow | Error::TooLarge { .. }) {
        // What was not read is not waited for.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn page(state: &State, visit: &Visit, asked: &Asked, error: &Error, typed: Option<&Form>) -> Response {
    let (heading, mut sentence) = error.words();
    let reference = logged(state, visit, error);
    let site = state.site.url.as_str();
    let mut way_out =
        if visit.who.is_some() { ("/tickets", "To the tickets") } else { ("/sign-in", "To the sign-in") };
    if matches!(error, Error::WrongHost) {
        sentence = format!(
            "Postern lives at {site} and answers nowhere else. If that is not right, change site.url in its configuration."
        );
        way_out = (site, "Open it there");
    }
    if !asked.wants_page {
        return (error.status(), [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], sentence)
            .into_response();
    }
    let typed = typed.filter(|_| passes(error)).and_then(|form| Typed::of(form, visit));
    if passes(error) && typed.is_none() && !asked.changes {
        way_out = (own_path(&visit.path).unwrap_or("/"), "Try again");
    }
    let framed = !passes(error) && !matches!(error, Error::Failed(_) | Error::WrongHost);
    let page = if framed { Page::new(state, visit, heading, Here::Nowhere).await.ok() } else { None };
    let page = page.unwrap_or_else(|| Page::bare(state, visit, heading));
    let shown =
        TroublePage { page, heading, sentence: &sentence, reference: reference.as_deref(), typed, way_out };
    match show_as(error.status(), &shown) {
        Ok(response) => response,
        Err(_) => (error.status(), sentence).into_response(),
    }
}

/// A path as the log has it: the one-time link is a secret, and still good when its page failed.
fn told(path: &str) -> &str {
    if path.starts_with("/setup/") { "/setup/…" } else { path }
}

/// It is the database, and it will be there again.
fn passes(error: &Error) -> bool {
    matches!(error, Error::Busy | Error::Down(_) | Error::Unsure)
}

/// What is broken goes to the log, under a number that the page shows.
fn logged(state: &State, visit: &Visit, error: &Error) -> Option<String> {
    match error {
        Error::Failed(cause) | Error::Down(cause) => {
            let number = reference_number(state);
            // The chain, never the query string: it may hold a code or a state.
            tracing::error!(reference = %number, path = told(&visit.path), "{cause:#}");
            Some(number)
        }
        Error::SentTwice(what) => {
            tracing::warn!(path = told(&visit.path), "sent twice: {what}");
            None
        }
        _ => None,
    }
}

/// Ten characters that a person can read out; the log has the same.
fn reference_number(state: &State) -> String {
    let bytes = state.courier.random::<5>();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_log_has_no_one_time_link() {
        assert_eq!(super::told("/setup/c2VjcmV0"), "/setup/…");
        assert_eq!(super::told("/tickets/10001"), "/tickets/10001");
    }
}
