//! What a registration shows at its provider, on the page *Config*: which flow, secret or certificate with its roll-over,
//! a service account's key file; and which mailboxes share the registration.
use super::{banner, expiry};
use crate::extract::Path;
use crate::gate::see_other;
use crate::{Error, State, Who};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use courier::authorize;
use desk::db::Tx;
use desk::mailboxes::choice;
use desk::mailboxes::client::certificate::{self, Certificate, State as CertificateState};
use desk::mailboxes::client::{self, Client, Flow, Use};
use desk::mailboxes::grant::{self, Whose};
use desk::mailboxes::mailbox::Side;
use mail::provider::Family;

/// Registrations to choose from.
const OTHERS_MAX: i64 = 200;

/// What the template shows of them.
pub struct Credentials {
    pub flows: Vec<(Flow, &'static str)>,
    /// As it is stored: the steps beside the form are those of this flow.
    pub stored: Flow,
    pub takes_certificate: bool,
    pub certificates: Vec<Certificate>,
    /// The last that was made, retired or not.
    pub newest: i64,
    /// Who signs in by this registration, when it is more than this mailbox.
    pub uses: Vec<Use>,
    /// Others of the same providers that this mailbox could use.
    pub others: Vec<(i64, String)>,
    /// The longest that the provider lets a secret last, from today.
    pub suggested: Option<String>,
    pub account_address: String,
    /// The mail servers that its tokens go to where nobody signs in; others ask for what they are made from again.
    pub goes_to: Option<Vec<String>>,
    /// The scope that the administrator of a domain delegates.
    pub account_scope: String,
}

impl Credentials {
    pub async fn of(state: &State, client: &Client, mailbox_id: i64, now: i64) -> Result<Credentials, Error> {
        let desk = state.courier.desk().clone();
        let (id, family) = (client.id, state.presets.family(&client.provider));
        let (provider, asked) = (client.provider.clone(), client.clone());
        let (certificates, newest, uses, others, goes_to) = state
            .courier
            .read(move |tx| {
                let all = client::list(tx, OTHERS_MAX)?;
                let fits = |other: &Client| {
                    other.id != id
                        && !other.client_id.is_empty()
                        && choice::family_of(&desk.providers, &other.provider) == family
                        && (family != Family::Other || other.provider == provider)
                };
                let mut others: Vec<(i64, String)> = Vec::new();
                for other in all.into_iter().filter(fits) {
                    let preset = desk.providers.find(&other.provider);
                    let provider = preset.map_or(other.provider.as_str(), |preset| preset.label.as_str());
                    others.push((other.id, called(&other, provider, &client::uses(tx, other.id)?)));
                }
                let goes_to = client::hosts::of(tx, &desk.providers, &asked)?;
                let uses = client::uses(tx, id)?;
                Ok((certificate::list(tx, id)?, certificate::newest(tx, id)?, uses, others, goes_to))
            })
            .await?;
        let preset = state.courier.desk().providers.find(&client.provider);
        let oauth2 = preset.and_then(|preset| preset.oauth2.as_ref());
        let months = oauth2.and_then(|oauth2| oauth2.secret_months_max);
        let is_shared = uses.iter().any(|one| one.mailbox_id != mailbox_id);
        Ok(Credentials {
            flows: client::offer::flows(preset).into_iter().map(|flow| (flow, label(flow))).collect(),
            stored: client.flow,
            takes_certificate: client::offer::takes_certificate(preset),
            certificates,
            newest,
            uses: if is_shared { uses } else { Vec::new() },
            others,
            suggested: months.and_then(|months| expiry::suggested(now, months)),
            account_address: client.account_address.clone(),
            goes_to,
            account_scope: oauth2.and_then(|oauth2| oauth2.service_account_scope.clone()).unwrap_or_default(),
        })
    }
    /// The other mailboxes that it serves.
    pub fn shared_with(&self, mailbox_id: &i64) -> Vec<&Use> {
        self.uses.iter().filter(|one| one.mailbox_id != *mailbox_id).collect()
    }
    /// The certificate that waits.
    pub fn waiting(&self) -> Option<i64> {
        self.certificates.iter().find(|one| one.state == CertificateState::Waiting).map(|one| one.id)
    }
    pub fn offers(&self, word: &str) -> bool {
        self.flows.iter().any(|(flow, _)| flow.word() == word)
    }
    /// With one there is nothing to choose.
    pub fn has_choice(&self) -> bool {
        self.flows.len() > 1
    }
}

/// As the provider's own list of certificates has it.
pub fn thumbprint_there(one: &Certificate) -> String {
    authorize::thumbprint_sha1(&one.der)
}

pub fn is_in_use(one: &Certificate) -> bool {
    one.state == CertificateState::InUse
}

fn label(flow: Flow) -> &'static str {
    match flow {
        Flow::Code => "A person signs in",
        Flow::AppOnly => "The application itself (app-only)",
        Flow::ServiceAccount => "A service account",
    }
}

/// By its name, and by what tells two of one name apart; without a name by its provider and a mailbox that it serves.
fn called(client: &Client, provider: &str, uses: &[Use]) -> String {
    match uses.first() {
        _ if !client.name.is_empty() => format!("{} ({})", client.name, client.client_id),
        Some(one) => format!("{provider} · {}", one.address),
        None => format!("{provider} ({})", client.client_id),
    }
}

/// A button of the block *Certificate*, and the grant whose next token tells what the provider makes of it. It names the certificate that its page showed (the next one the newest that was
/// ever there), so that a second click, or a page that is no longer true, changes nothing else.
pub async fn step(
    state: &State,
    who: &Who,
    client: &Client,
    (mailbox_id, side): (i64, Side),
    button: &str,
) -> desk::Result<Option<i64>> {
    let (by, id) = (who.by(), client.id);
    let Some((step, of)) = button.strip_prefix("certificate_").and_then(|rest| rest.split_once(':')) else {
        return Ok(None);
    };
    let of: i64 = of.parse().map_err(|_| desk::Refusal::NotFound("certificate"))?;
    match step {
        "make" => {
            if state.courier.read(move |tx| certificate::newest(tx, id)).await? != of {
                return Ok(None);
            }
            let name = if client.name.is_empty() { state.site.name.clone() } else { client.name.clone() };
            let asked = certificate::For { client_id: id, mailbox_id: Some(mailbox_id), after: of };
            // The provider does not know it yet.
            authorize::make_certificate(&state.courier, &by, asked, &name).await.map(|()| None)
        }
        "use" => {
            let used = move |tx: &mut Tx<'_>| {
                certificate::put_in_use(tx, &by, id, of)?;
                grant::asked_anew(tx, id, mailbox_id, side, by.at)
            };
            state.courier.write(used).await
        }
        "retire" => {
            state.courier.write(move |tx| certificate::retire_waiting(tx, &by, id, of)).await.map(|()| None)
        }
        _ => Err(desk::Refusal::NotFound("button").into()),
    }
}

/// The page again, which says what the provider makes of what was saved, where a grant tells that.
pub async fn saved(state: &State, who: &Who, at: &str, asked_anew: Option<i64>) -> Result<Response, Error> {
    let came = match asked_anew {
        Some(grant_id) => authorize::is_taken(&state.courier, grant_id, who.now()).await?,
        None => None,
    };
    Ok(see_other(&match came {
        Some(came) => banner::keep_at(state, who, at, came.into()).await?,
        None => format!("{at}?done=saved"),
    }))
}

/// The mailbox signs in by a registration that is there already.
pub async fn share(state: &State, who: &Who, id: i64, side: Side, chosen: i64) -> desk::Result<()> {
    let (by, desk) = (who.by(), state.courier.desk().clone());
    let change = move |tx: &mut Tx<'_>| choice::share(tx, &desk.providers, &by, id, side, chosen);
    authorize::change(&state.courier, &who.by(), vec![Whose::Mailbox(id)], change).await
}

/// The public certificate as a `.cer` file (DER), and nothing else of it.
pub async fn download(
    axum::extract::State(state): axum::extract::State<State>,
    Path((id, word, certificate_id)): Path<(i64, String, i64)>,
) -> Result<Response, Error> {
    let side = super::side(&word)?;
    let mailbox = super::find(&state, id).await?;
    let client_id = mailbox.server(side).client_id.ok_or(Error::NotFound)?;
    let there = state.courier.read(move |tx| certificate::list(tx, client_id)).await?;
    let found = there.into_iter().find(|one| one.id == certificate_id).ok_or(Error::NotFound)?;
    let name = found.thumbprint.get(..8).unwrap_or("certificate").to_owned();
    let headers = [
        (header::CONTENT_TYPE, "application/pkix-cert".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"postern-{name}.cer\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, found.der).into_response())
}
