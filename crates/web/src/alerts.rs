//! Admin Panel › Emails › Alerts: who is told when something needs a person, by which ways, and what became of it.
use crate::extract::Query;
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::mailboxes::banner;
use crate::moment::Moment;
use crate::page::{Here, Page, show_as};
use crate::session::{self, Visit};
use crate::{Error, State, Who, error};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use desk::alerts::alert::{self, Alert};
use desk::alerts::look::Asked as Look;
use desk::alerts::notice::{self, Channel, Notice, Occasion, State as Fate};
use desk::alerts::webhook::{self, Scheme, Set};
use desk::alerts::{recipients, test};
use desk::db::Tx;
use desk::{By, Refusal};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::collections::BTreeMap;

const HISTORY_MAX: i64 = 20;

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    done: Option<String>,
    kept: Option<String>,
    banner: Option<String>,
}

/// One line of *What was told*.
struct Told {
    at: Moment,
    what: String,
    by: &'static str,
    /// `good`, `warn`, `bad` or empty.
    color: &'static str,
    became: String,
    next: Option<Moment>,
}

#[derive(Template)]
#[template(path = "alerts/show.html")]
struct AlertsPage {
    page: Page,
    recipients: String,
    url: String,
    /// Who is told now.
    now_told: Vec<String>,
    has_webhook: bool,
    /// Shown this once.
    fresh_secret: Option<String>,
    history: Vec<Told>,
    why: Option<String>,
}

/// What was typed, or what is stored.
struct Typed {
    recipients: String,
    url: String,
}

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    let typed = kept.map(|kept| Typed { recipients: kept.text("recipients"), url: kept.text("secret_url") });
    let mut fresh_secret = None;
    if asked.done.as_deref() == Some("secret") {
        let (by, vault) = (who.by(), state.courier.desk().vault.clone());
        let made = state.courier.read(move |tx| webhook::made_just_now(tx, &vault, &by)).await?;
        fresh_secret = made.map(|secret| secret.expose_secret().to_owned());
    }
    let done = match asked.done.as_deref() {
        Some("saved") => Some("Saved."),
        Some("mailed") => Some("A test letter is in the outbox. What becomes of it stands below."),
        Some("posted") => Some("A test is posted in a moment. What becomes of it stands below."),
        _ => None,
    };
    let why = banner::take(&state, &who, asked.banner.as_deref()).await?.map(|said| said.sentence);
    show_page(&state, &visit, Shown { done, typed, why, fresh_secret, ..Shown::default() }).await
}

#[derive(Default)]
struct Shown {
    done: Option<&'static str>,
    typed: Option<Typed>,
    fresh_secret: Option<String>,
    why: Option<String>,
    /// This is the answer to what was typed, and not the page behind it.
    is_refused: bool,
}

async fn show_page(state: &State, visit: &Visit, shown: Shown) -> Result<Response, Error> {
    let read = state.courier.read(|tx| {
        let notices = notice::list(tx, HISTORY_MAX)?;
        let alerts = about(tx, &notices)?;
        Ok((recipients::chosen(tx)?, recipients::now(tx)?, webhook::find(tx)?, notices, alerts))
    });
    let (chosen, now_told, stored_url, notices, alerts) = read.await?;
    let mut page = Page::new(state, visit, "Alerts", Here::Emails).await?;
    page.done = shown.done.map(str::to_owned);
    page.given_back = shown.typed.is_some() && shown.why.is_none();
    let history = notices.iter().map(|notice| told(notice, &alerts, &page)).collect();
    let status = if shown.is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let has_webhook = stored_url.is_some();
    let typed = shown
        .typed
        .unwrap_or_else(|| Typed { recipients: chosen.join(", "), url: stored_url.unwrap_or_default() });
    let (recipients, url) = (typed.recipients, typed.url);
    let (fresh_secret, why) = (shown.fresh_secret, shown.why);
    show_as(status, &AlertsPage { page, recipients, url, now_told, has_webhook, fresh_secret, history, why })
}

fn about(tx: &mut Tx<'_>, notices: &[Notice]) -> desk::Result<BTreeMap<i64, Alert>> {
    let mut alerts = BTreeMap::new();
    for id in notices.iter().filter_map(|notice| notice.alert_id) {
        alerts.extend(alert::find(tx, id)?.map(|alert| (id, alert)));
    }
    Ok(alerts)
}

fn told(notice: &Notice, alerts: &BTreeMap<i64, Alert>, page: &Page) -> Told {
    let fact = notice.alert_id.and_then(|id| alerts.get(&id)).map(|alert| &alert.fact);
    // As it was said, and not as it would be said today.
    let said = |today: String| if notice.headline.is_empty() { today } else { notice.headline.clone() };
    let what = match (notice.occasion, fact) {
        (Occasion::Test, _) | (_, None) => "A test".to_owned(),
        (Occasion::Begun, Some(fact)) => said(fact.headline()),
        (Occasion::Again, Some(fact)) => format!("Again: {}", said(fact.headline())),
        (Occasion::Ended, Some(fact)) => said(fact.well()),
    };
    let (color, became) = match notice.channel {
        Channel::Mail => mailed(notice),
        Channel::Webhook => posted(notice),
    };
    let waits = notice.channel == Channel::Webhook && notice.state == Fate::Waiting;
    Told {
        at: page.moment(&notice.created_at),
        what,
        by: match notice.channel {
            Channel::Mail => "mail",
            Channel::Webhook => "webhook",
        },
        color,
        became,
        next: waits.then(|| page.moment(&notice.due_at.max(page.now))),
    }
}
fn mailed(notice: &Notice) -> (&'static str, String) {
    let through = notice.carrier.as_deref().unwrap_or_default();
    let error = notice.sending_error.as_deref().unwrap_or_default();
    match (notice.state, notice.sending.as_deref()) {
        (Fate::Waiting, _) if notice.answer.is_empty() => ("", "Goes out with the next letter.".to_owned()),
        (Fate::Waiting, _) => ("bad", notice.answer.clone()),
        (Fate::Dropped, _) => ("", "Not sent: it was over before.".to_owned()),
        (Fate::Failed, _) => ("bad", format!("Not sent. {}", notice.answer).trim_end().to_owned()),
        (Fate::Told, Some("sent")) => ("good", format!("Sent through {through}.")),
        (Fate::Told, Some("queued")) if error.is_empty() => ("", format!("On its way through {through}.")),
        (Fate::Told, Some("queued")) => ("warn", format!("Waits at {through}. {error}")),
        (Fate::Told, _) => ("bad", format!("Not sent through {through}. {error}").trim_end().to_owned()),
    }
}
fn posted(notice: &Notice) -> (&'static str, String) {
    match notice.state {
        Fate::Waiting if notice.attempts == 0 => ("", "Goes out in a moment.".to_owned()),
        Fate::Waiting => ("warn", format!("Try {} failed. {}", notice.attempts, notice.answer)),
        Fate::Told => ("good", format!("Taken ({}).", notice.answer)),
        Fate::Failed => ("bad", format!("Given up after {} tries. {}", notice.attempts, notice.answer)),
        Fate::Dropped => ("", "Not posted: it was over before.".to_owned()),
    }
}

/// Saves both ways. A new secret is on the answer itself, and nowhere after that.
pub async fn change(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    let typed = Typed { recipients: form.text("recipients"), url: form.text("secret_url") };
    save(&state, &visit, &who, &form, typed, false).await
}

/// *New secret*: the old one signs nothing any more.
pub async fn new_secret(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    let stored = state.courier.read(|tx| Ok((recipients::chosen(tx)?, webhook::find(tx)?))).await?;
    let typed = Typed { recipients: stored.0.join(", "), url: stored.1.unwrap_or_default() };
    if typed.url.is_empty() {
        return refused(&state, &visit, typed, &Refusal::Required("Webhook")).await;
    }
    save(&state, &visit, &who, &form, typed, true).await
}

const WITH_SECRET: &str = "/alerts?done=secret";

async fn save(
    state: &State,
    visit: &Visit,
    who: &Who,
    form: &Form,
    typed: Typed,
    anew: bool,
) -> Result<Response, Error> {
    let (by, once) = (who.by(), form.once(who));
    let vault = state.courier.desk().vault.clone();
    let scheme = if state.practice() { Scheme::Practice } else { Scheme::HttpsOnly };
    let fresh = format!("postern_{}", session::random_token(state));
    let (secret, nonce) = (SecretString::from(fresh.clone()), state.courier.random());
    let (recipients, url) = (typed.recipients.clone(), typed.url.clone());
    let saved = state.courier.write(move |tx| {
        recipients::choose(tx, &by, &recipients)?;
        let set = Set { url: &url, scheme, fresh: &secret, nonce, anew };
        let is_new = webhook::set(tx, &vault, &by, &set)?;
        // A second click gets this: the page that the first one shows is gone then.
        form::record(once.as_ref(), tx, if is_new { WITH_SECRET } else { "/alerts?done=saved" }, by.at)?;
        Ok(is_new)
    });
    match error::refusal(saved.await)? {
        Ok(false) => Ok(see_other("/alerts?done=saved")),
        Ok(true) => {
            let shown = Shown { fresh_secret: Some(fresh), ..Shown::default() };
            show_page(state, visit, shown).await
        }
        Err(refusal) => refused(state, visit, typed, &refusal).await,
    }
}

async fn refused(state: &State, visit: &Visit, typed: Typed, refusal: &Refusal) -> Result<Response, Error> {
    let why = Some(refusal.to_string());
    let shown = Shown { typed: Some(typed), why, is_refused: true, ..Shown::default() };
    show_page(state, visit, shown).await
}

/// *Send a test* by mail.
pub async fn test_mail(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    test(&state, &who, &form, "/alerts?done=mailed", test::mail).await
}
/// *Send a test* to the webhook.
pub async fn test_post(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    test(&state, &who, &form, "/alerts?done=posted", test::post).await
}

/// What was answered with a page at the address of its form leads to the page itself when it is loaded again.
pub async fn to_the_page(_who: Who) -> Response {
    see_other("/alerts")
}

type Test = fn(&mut Tx<'_>, &By, &Look) -> desk::Result<()>;

fn look(state: &State) -> Look {
    Look { site_url: state.site.url.to_string(), random: state.courier.random() }
}

async fn test(
    state: &State,
    who: &Who,
    form: &Form,
    answer: &'static str,
    test: Test,
) -> Result<Response, Error> {
    let (by, once, asked) = (who.by(), form.once(who), look(state));
    let tested = state.courier.write(move |tx| {
        test(tx, &by, &asked)?;
        form::record(once.as_ref(), tx, answer, by.at)
    });
    match error::refusal(tested.await)? {
        Ok(()) => Ok(see_other(answer)),
        Err(refusal) => {
            let said = banner::Shown::refused(&refusal.to_string(), &refusal);
            Ok(see_other(&banner::keep_at(state, who, "/alerts", said).await?))
        }
    }
}
