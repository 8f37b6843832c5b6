//! The authorization page behind *Config*: the tabs *Info*, *IdP Config* and *Token*, with the guide beside.
//!
//! *Submit* saves the registration and leaves for the provider. Chromium applies `form-action` to
//! redirects, so this page's policy lets its form lead to any provider, also one typed just now.
use super::banner::Shown;
use super::credentials::{self, Credentials};
use super::entered::ClientForm;
use super::guide::Guide;
use super::preset::{self, Preset};
use super::ways::Ways;
use super::{Tab, attempt, banner, frame, provider, side, side_word};
use crate::extract::{Path, Query};
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::page::{Page, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use courier::authorize::{self, About, Discovered};
use desk::db::Tx;
use desk::mailboxes::choice;
use desk::mailboxes::client::{self, Authentication, Client, Flow, Scheme};
use desk::mailboxes::grant::{self, Grant, State as GrantState, Whose};
use desk::mailboxes::mailbox::{self, Completeness, Mailbox, Shape, Side};
use mail::provider::Family;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    pub tab: Option<String>,
    pub done: Option<String>,
    pub kept: Option<String>,
    pub banner: Option<String>,
    /// The other ways are open.
    pub ways: Option<String>,
    /// Why what was pasted does not count.
    #[serde(skip)]
    pub not_pasted: Option<String>,
    /// Why there is no code for another device.
    #[serde(skip)]
    pub no_code: Option<Shown>,
}

impl Asked {
    fn of_a_tab(&self) -> super::Asked {
        super::Asked { done: self.done.clone(), banner: self.banner.clone(), kept: None }
    }
}

/// The tab *Token*: the consent that is in use, or a newer one that waits for its proof.
pub struct Token {
    pub grant: Grant,
    /// The latest access token has ended, or will within the minute.
    pub is_ended: bool,
    pub in_use: bool,
    pub words: &'static str,
    pub color: &'static str,
}

#[derive(Template)]
#[template(path = "mailboxes/authorization.html")]
struct AuthorizationPage {
    page: Page,
    frame: super::Frame,
    side: &'static str,
    side_label: &'static str,
    callback: String,
    callback_host: String,
    form: ClientForm,
    credentials: Credentials,
    tokens: Vec<Token>,
    /// A guide for each way to sign in that can be chosen here; the page shows the one that is.
    guides: Vec<Guide>,
    /// Which of them is chosen, as it was stored or typed.
    chosen: usize,
    open_tab: &'static str,
    practice: bool,
    /// As *Authentication* names it.
    title: &'static str,
    family: Family,
    preset: Preset,
    provider: String,
    /// Keys and labels; with one there is nothing to choose.
    choices: Vec<(String, String)>,
    /// An administrator of the tenant can be sent a link.
    has_admin_consent: bool,
    /// Its endpoints are nobody's that is known: they can be looked up.
    is_typed: bool,
    /// The provider takes no callback to this site.
    callback_refused: Option<String>,
    issuer: String,
    why: Option<String>,
    ways: Ways,
}

/// Gives the side a registration at the provider, unless it has one: its callback never changes.
pub async fn allot(state: &State, who: &Who, id: i64, side: Side) -> desk::Result<()> {
    use base64::Engine as _;
    let public_id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(state.courier.random::<16>());
    let (by, providers) = (who.by(), state.courier.desk().providers.clone());
    let allotted = move |tx: &mut Tx<'_>| {
        let Some(mailbox) = mailbox::find(tx, id)? else {
            return Err(desk::Refusal::NotFound("email").into());
        };
        let (own, other) = match side {
            Side::Incoming => (&mailbox.incoming, &mailbox.outgoing),
            Side::Outgoing => (&mailbox.outgoing, &mailbox.incoming),
        };
        let Some(family) = choice::family(own.authentication) else {
            let sentence = "Choose one of OAuth2 under Authentication first. A password needs no Config.";
            return Err(desk::Refusal::Other(sentence.to_owned()).into());
        };
        if let Some(id) = own.client_id
            && let Some(client) = client::find(tx, id)?
            && choice::family_of(&providers, &client.provider) == family
        {
            return Ok(());
        }
        // One registration serves both sides of a mailbox.
        let shared = other.client_id.filter(|_| own.authentication == other.authentication);
        let client_id = match shared {
            Some(client_id) => client_id,
            None => {
                let preset = choice::preset_for(&providers, family, &mailbox);
                let key = preset.map_or(client::OTHER, |preset| preset.key.as_str());
                client::create(tx, &providers, &by, key, &public_id)?
            }
        };
        mailbox::set_client(tx, &by, id, side, client_id)
    };
    authorize::change(&state.courier, &who.by(), vec![Whose::Mailbox(id)], allotted).await
}

async fn find(state: &State, mailbox: &Mailbox, side: Side) -> Result<Client, Error> {
    let client_id = mailbox.server(side).client_id.ok_or(Error::NotFound)?;
    state.courier.read(move |tx| client::find(tx, client_id)).await?.ok_or(Error::NotFound)
}

pub async fn show_page(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    show_tab(&state, &visit, id, side(&word)?, &asked, kept.as_ref(), None).await
}

pub async fn show_tab(
    state: &State,
    visit: &Visit,
    id: i64,
    side: Side,
    asked: &Asked,
    typed: Option<&Form>,
    why: Option<String>,
) -> Result<Response, Error> {
    let tab = if side == Side::Incoming { Tab::Remote } else { Tab::Outgoing };
    let (mut page, mut frame) = frame(state, visit, id, tab, &asked.of_a_tab()).await?;
    frame.is_config = true;
    page.given_back = typed.is_some() && why.is_none();
    let client = find(state, &frame.mailbox, side).await?;
    let tokens = tokens(state, &frame.mailbox, side, page.now).await?;
    let credentials = Credentials::of(state, &client, frame.mailbox.id, page.now).await?;
    let form = match typed {
        Some(typed) => ClientForm::typed(typed, client.has_secret),
        None => ClientForm::stored(&client, &state.presets.of(&client.provider)),
    };
    let (family, preset) = (state.presets.family(&client.provider), state.presets.of(&client.provider));
    let refused = preset.needs_public_name && !choice::has_public_name(&state.site.url);
    let callback_refused = refused.then(|| state.site.url.host_str().unwrap_or_default().to_owned());
    let callback = authorize::callback_url(&state.site.url, &client.public_id).to_string();
    let open_tab = match asked.tab.as_deref() {
        Some("info") => "info",
        Some("token") if !tokens.is_empty() => "token",
        _ => "idp",
    };
    let ways = Ways::of(state, &frame.mailbox, &client, side, asked, page.now).await?;
    let is_authorized = tokens.iter().any(|token| token.color == "good");
    let newest = state.courier.read(move |tx| grant::newest(tx, id, side)).await?;
    let known = (is_authorized, newest.as_ref());
    let kinds = kinds(&credentials, &form);
    let chosen = kinds.iter().position(|kind| *kind == chosen(&form)).unwrap_or_default();
    let guide = |(flow, authentication): (Flow, Authentication)| {
        let guided = Client { flow, authentication, ..client.clone() };
        Guide::of(state, &frame.mailbox, &guided, side, &callback, known)
    };
    let guides: Vec<Guide> = kinds.into_iter().map(guide).collect();
    let shown = AuthorizationPage {
        page,
        frame,
        side: side_word(side),
        side_label: if side == Side::Incoming { "Remote Mailbox" } else { "Outgoing (SMTP)" },
        callback,
        callback_host: state.site.url.host_str().unwrap_or_default().to_owned(),
        credentials,
        form,
        tokens,
        guides,
        chosen,
        open_tab,
        practice: state.practice(),
        title: preset::label(family),
        family,
        choices: state.presets.choices(family),
        has_admin_consent: authorize::has_admin_consent(&state.courier, &client),
        is_typed: client.provider == client::OTHER,
        provider: client.provider,
        preset,
        callback_refused,
        issuer: typed.map(|typed| typed.text("issuer")).unwrap_or_default(),
        why,
        ways,
    };
    let is_refused = shown.why.is_some() || shown.ways.was_refused();
    let status = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(super::leaving(state, show_as(status, &shown)?))
}

impl AuthorizationPage {
    fn guide(&self) -> &Guide {
        self.guides.get(self.chosen).expect("invariant: a form has a guide at least")
    }
}

/// What can be chosen on the page: who signs in, and what the registration shows. What is chosen now is always among it.
fn kinds(credentials: &Credentials, form: &ClientForm) -> Vec<(Flow, Authentication)> {
    let mut kinds = vec![];
    for (flow, _) in &credentials.flows {
        kinds.push((*flow, Authentication::Secret));
        if credentials.takes_certificate && *flow != Flow::ServiceAccount {
            kinds.push((*flow, Authentication::Certificate));
        }
    }
    let now = chosen(form);
    if !kinds.contains(&now) {
        kinds.push(now);
    }
    kinds
}

fn chosen(form: &ClientForm) -> (Flow, Authentication) {
    match form.flow {
        Flow::Code | Flow::AppOnly => (form.flow, form.authentication),
        Flow::ServiceAccount => (form.flow, Authentication::Secret),
    }
}

async fn tokens(state: &State, mailbox: &Mailbox, side: Side, now: i64) -> Result<Vec<Token>, Error> {
    let (id, used) = (mailbox.id, mailbox.grant_id(side));
    let (newest, used) = state
        .courier
        .read(move |tx| {
            let newest = grant::latest(tx, id, side)?;
            let used = used.map(|used| grant::find(tx, used)).transpose()?.flatten();
            Ok((newest, used))
        })
        .await?;
    let newest = newest.filter(|newest| used.as_ref().is_none_or(|used| used.id != newest.id));
    let newest = newest.map(|grant| Token::of(grant, false, now));
    let used = used.map(|grant| Token::of(grant, true, now));
    Ok(newest.into_iter().chain(used).filter(|token| token.is_worth_showing()).collect())
}

impl Token {
    fn of(grant: Grant, in_use: bool, now: i64) -> Token {
        let (words, color) = match grant.state {
            GrantState::Pending => ("waiting for the sign-in", ""),
            GrantState::Unproved => ("authorized, not proved yet", "warn"),
            GrantState::Fulfilled => ("authorized", "good"),
            GrantState::Lapsed => ("no longer accepted: authorize again", "bad"),
            GrantState::Revoked => ("deleted", ""),
            GrantState::Failed => ("came to nothing", "bad"),
        };
        let is_ended = grant.expires_at.is_none_or(|at| at <= now + 60_000);
        Token { grant, is_ended, in_use, words, color }
    }
    fn is_worth_showing(&self) -> bool {
        matches!(self.grant.state, GrantState::Unproved | GrantState::Fulfilled | GrantState::Lapsed)
    }
    pub fn can_be_proved(&self) -> bool {
        self.grant.state == GrantState::Unproved
    }
}

/// *Submit* saves and leaves for the provider, for which everything is needed; *Save only* keeps what there is.
pub async fn submit(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
    form: Form,
) -> Result<Response, Error> {
    let side = side(&word)?;
    let mailbox = super::find(&state, id).await?;
    let client = find(&state, &mailbox, side).await?;
    let button = form.get("do").unwrap_or_default().to_owned();
    let leaves = !matches!(button.as_str(), "save" | "provider" | "discover" | "registration")
        && !button.starts_with("certificate_");
    // Nobody signs in by this: what the link says is enough.
    let only_asks = button == "admin-consent";
    let mut asked_anew = None;
    let done = async {
        match button.as_str() {
            "provider" => {
                let provider = form.text("provider");
                return provider::choose(&state, &who, &mailbox, side, client.id, &provider)
                    .await
                    .map(|()| None);
            }
            "discover" => {
                let found = authorize::discover(&state.courier, &form.text("issuer")).await?;
                save(&state, &who, (&client, id, side), &form, Completeness::Draft, Some(found)).await?;
                return Ok(None);
            }
            "registration" => {
                let chosen = form.number("registration").unwrap_or_default();
                return credentials::share(&state, &who, id, side, chosen).await.map(|()| None);
            }
            // Before what was typed is saved: a form that says Certificate needs one.
            button => asked_anew = credentials::step(&state, &who, &client, (id, side), button).await?,
        }
        let completeness = if leaves && !only_asks { Completeness::Complete } else { Completeness::Draft };
        let saved = save(&state, &who, (&client, id, side), &form, completeness, None).await?;
        if !leaves {
            asked_anew = asked_anew.or(saved);
            return Ok(None);
        }
        attempt::next(&state, &who, id, side, form.get("do")).await.map(Some)
    };
    match error::refusal(done.await)? {
        Ok(None) => {
            credentials::saved(&state, &who, &format!("/mailboxes/{id}/{word}/authorization"), asked_anew)
                .await
        }
        Ok(Some(next)) => attempt::go(&state, &visit, &who, id, side, next).await,
        Err(refusal) => {
            let asked = Asked { tab: form.get("tab").map(str::to_owned), ..Asked::default() };
            show_tab(&state, &visit, id, side, &asked, Some(&form), Some(refusal.to_string())).await
        }
    }
}

/// The grant whose next token tells what the provider makes of what was saved.
async fn save(
    state: &State,
    who: &Who,
    (client, mailbox_id, side): (&Client, i64, Side),
    form: &Form,
    completeness: Completeness,
    discovered: Option<Discovered>,
) -> desk::Result<Option<i64>> {
    let mut entered = ClientForm::typed(form, client.has_secret).entered(form)?;
    entered.entered_for = Some(mailbox_id);
    if let Some(found) = discovered {
        entered.authorization_endpoint = found.authorization_endpoint;
        entered.token_endpoint = found.token_endpoint;
        if entered.scopes.is_empty() {
            entered.scopes = found.scopes.join(" ");
        }
    }
    let scheme = if state.practice() { Scheme::Practice } else { Scheme::HttpsOnly };
    let (by, desk, id) = (who.by(), state.courier.desk().clone(), client.id);
    let nonces = [state.courier.random(), state.courier.random()];
    let change = move |tx: &mut Tx<'_>| {
        let (vault, providers) = (&desk.vault, &desk.providers);
        let with = client::Change { vault, providers, by: &by, scheme, completeness, nonces };
        client::change(tx, &with, id, &entered)?;
        grant::asked_anew(tx, id, mailbox_id, side, by.at)
    };
    authorize::change(&state.courier, &who.by(), vec![Whose::Client(id)], change).await
}

/// *Delete Token* of the tab *Token*.
pub async fn delete_token(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path((id, word, grant_id)): Path<(i64, String, i64)>,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let found = state.courier.read(move |tx| grant::find(tx, grant_id)).await?;
    if found.is_none_or(|grant| (grant.mailbox_id, grant.side) != (id, side)) {
        return Err(Error::NotFound);
    }
    let detail = authorize::delete_tokens(&state.courier, &who.by(), grant_id).await?;
    let sentence = "The tokens are deleted. Authorize again to go on.".to_owned();
    let shown = Shown { good: true, sentence, detail, remedy: String::new(), action: None };
    Ok(see_other(&banner::keep(&state, &who, id, side, shown).await?))
}
