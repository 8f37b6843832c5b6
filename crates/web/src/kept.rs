//! What was typed when nobody was signed in any more: kept for its writer, and the way to the sign-in page and back.
use crate::form::{self, Arriving, Form};
use crate::gate::{Asked, Gate, Rule, Turned, see_other};
use crate::session::{self, Visit};
use crate::{Error, State, origin, uploads};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use desk::people::kept_form;

/// Nobody is signed in. A page leads to the sign-in; what was typed into a form is kept for its writer.
pub(crate) async fn sign_in_first(
    gate: &Gate,
    visit: &Visit,
    rule: Rule,
    request: Request<Body>,
) -> Result<Turned, Error> {
    let state = &gate.state;
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        if !Asked::of(&request).wants_page {
            return Ok(Turned::Error(Error::SignInFirst));
        }
        let to = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return Ok(Turned::Response(see_other(&sign_in_address(to, Typed::Nothing))));
    }
    let place = page_of(gate, visit, request.headers());
    // By the cookie, or by the page itself when the cookie is gone. From nobody, no more than its beginning is read.
    let ended = session::find_ended(state, request.headers()).await?;
    let mut arriving = Arriving::of(request);
    let writer = match ended {
        Some(agent_id) => Some(agent_id),
        None => session::find_writer(state, arriving.token().await?).await?,
    };
    if writer.is_none() {
        return sign_in_to_go_on(state, visit, None, &place, &Form::default()).await;
    }
    let form = arriving.read(rule.body_bytes_max).await?;
    sign_in_to_go_on(state, visit, writer, &place, &form).await
}

/// To the sign-in page, with what was typed kept for its writer, if anybody knows who that is.
pub(crate) async fn sign_in_to_go_on(
    state: &State,
    visit: &Visit,
    writer: Option<i64>,
    place: &str,
    form: &Form,
) -> Result<Turned, Error> {
    let address = match writer {
        Some(agent_id) => {
            sign_in_address(place, Typed::Kept(&keep(state, visit, agent_id, place, form).await?))
        }
        None => sign_in_address(place, Typed::Lost),
    };
    Ok(Turned::Response(see_other(&address)))
}

/// The page that a form was on.
pub(crate) fn page_of(gate: &Gate, visit: &Visit, headers: &HeaderMap) -> String {
    let said = origin::page_of(&gate.state.site.url, headers);
    gate.policies.nearest_page(said.as_deref().unwrap_or(&visit.path))
}

pub(crate) async fn keep(
    state: &State,
    visit: &Visit,
    agent_id: i64,
    place: &str,
    form: &Form,
) -> Result<String, Error> {
    let id = session::random_token(state);
    let taken = uploads::take(state, form.files("files"), &[]).await?;
    let mut fields = form.to_keep();
    fields.extend(taken.too_much.map(|sentence| (form::LEFT_OUT.to_owned(), sentence)));
    let kept = kept_form::KeptForm { id: id.clone(), place: place.to_owned(), fields, files: Vec::new() };
    let at = visit.now;
    state
        .courier
        .write(move |tx| {
            let files = uploads::keep(tx, &taken.files)?.into_iter().map(uploads::for_later).collect();
            kept_form::keep(tx, agent_id, &kept_form::KeptForm { files, ..kept.clone() }, at)
        })
        .await?;
    Ok(id)
}

/// The page of a kept form.
pub fn with_kept(place: &str, id: &str) -> String {
    let sign = if place.contains('?') { '&' } else { '?' };
    format!("{place}{sign}kept={id}")
}

/// What became of what was typed when nobody was signed in.
enum Typed<'a> {
    Nothing,
    Kept(&'a str),
    /// Nobody knows whose it was.
    Lost,
}

fn sign_in_address(to: &str, typed: Typed<'_>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if to != "/" {
        query.append_pair("to", to);
    }
    match typed {
        Typed::Nothing => {}
        Typed::Kept(id) => drop(query.append_pair("kept", id)),
        Typed::Lost => drop(query.append_pair("lost", "1")),
    }
    let query = query.finish();
    if query.is_empty() { "/sign-in".to_owned() } else { format!("/sign-in?{query}") }
}
