//! A mailbox is authorized: the address to send the administrator to, and what comes back from there.
//!
//! The order is the point: state used up, code exchanged, who signed in compared, tokens committed as a new
//! grant, proved, and only then put in the place of the old one.
mod admin_consent;
mod banner;
mod certificate;
mod device;
mod discover;
mod dispute;
mod entered;
mod exchange;
mod paste;
mod prove;
mod revoke;
mod unattended;

pub use admin_consent::{AdminAnswer, admin_consented, begin_admin_consent, has_admin_consent};
pub use banner::{Action, Banner};
pub use certificate::{make as make_certificate, make_here as make_certificate_here, new_certificate};
pub use device::{
    Device, Progress, begin_device, cancel_device, device_is_offered, poll_devices, progress, wait_for_device,
};
pub(crate) use device::{Polls, answered, begin_polls};
pub use discover::{Discovered, discover};
pub use dispute::{About, Answer, Question, answer, question};
pub use entered::is_taken;
pub(crate) use unattended::go_on as go_on_unattended;
pub use unattended::{ask_now, needs_nobody};
pub use wire::oauth::thumbprint_sha1;

pub use crate::subscription::before_moving;
pub use paste::{awaits_paste, pasted};
pub use revoke::{
    Watched, change, delete_tokens, delete_tokens_of, remove, take_back_ended, taken_back_where, watch,
};
pub(crate) use revoke::{discard_disputed, take_back_left};

use crate::registration::{self, Consent, asked_scopes, endpoint};
use crate::trouble::Trouble;
use crate::{Courier, probe};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, NewTry, Pending, Way};
use desk::mailboxes::mailbox::{self, Mailbox, Shape, Side};
use exchange::Exchanged;
use prove::{Renewed, Subject};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;
use wire::oauth::{AuthorizationRequest, authorization_url, pkce};

/// Who started it: a callback counts only in the session that began it.
#[derive(Clone, Debug)]
pub struct Session {
    pub session_id: i64,
    pub by: desk::By,
}
impl Session {
    /// No session of the web: the process itself knows what it began.
    pub fn of_command_line(by: desk::By) -> Session {
        Session { session_id: 0, by }
    }
}

/// What the provider appended to the callback address. Never logged.
#[derive(Clone, Default, Deserialize)]
pub struct CallbackQuery {
    pub code: Option<String>,
    pub state: Option<String>,
    pub error: Option<String>,
    pub error_description: Option<String>,
    /// An administrator was asked to consent for everybody: whether they did.
    pub admin_consent: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
}
impl CallbackQuery {
    /// The first of each parameter; an address with two codes is not read more kindly than one with one.
    pub fn parse(query: &str) -> CallbackQuery {
        let mut read = CallbackQuery::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "code" => &mut read.code,
                "state" => &mut read.state,
                "error" => &mut read.error,
                "iss" => &mut read.iss,
                "admin_consent" => &mut read.admin_consent,
                "error_description" => &mut read.error_description,
                _ => continue,
            };
            field.get_or_insert_with(|| value.into_owned());
        }
        read
    }
}
impl std::fmt::Debug for CallbackQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackQuery(..)")
    }
}

/// Where the administrator lands after the callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Wrong, missing, expired or replayed state: one plain page, nothing of the query shown.
    Unknown { sentence: String },
    /// Back to this mailbox's tab.
    Tab { mailbox_id: i64, side: Side, banner: Banner },
}

/// Stores the pending grant; the address of the provider's sign-in page.
pub async fn begin(courier: &Courier, session: &Session, mailbox_id: i64, side: Side) -> desk::Result<Url> {
    begin_by(courier, session, mailbox_id, side, Way::Callback).await
}

/// The same for where no browser comes back to: the address that it ends at is pasted (see [`pasted`]).
pub async fn begin_paste(
    courier: &Courier,
    session: &Session,
    mailbox_id: i64,
    side: Side,
) -> desk::Result<Url> {
    begin_by(courier, session, mailbox_id, side, Way::Paste).await
}

async fn begin_by(
    courier: &Courier,
    session: &Session,
    mailbox_id: i64,
    side: Side,
    way: Way,
) -> desk::Result<Url> {
    let (mailbox, client, hint) = courier
        .read(move |tx| {
            let (mailbox, client) = registration(tx, mailbox_id, side)?;
            let hint = who_signs_in(tx, &mailbox, side)?;
            Ok((mailbox, client, hint))
        })
        .await?;
    ready(&client)?;
    let authorization = endpoint(courier, "Authorization Endpoint", &client.authorization_endpoint)?;
    endpoint(courier, "Token Endpoint", &client.token_endpoint)?; // before the detour, not after it

    let providers = &courier.desk().providers;
    let known =
        registration::oauth2(providers, &client).map(|oauth2| registration::parameters(&oauth2.authorize));
    // Of a provider that nothing is known of it is asked too: or else the account that the browser is signed in with is
    // used in silence.
    let extra = known.unwrap_or_else(|| vec![("prompt".to_owned(), "select_account".to_owned())]);
    let word = || URL_SAFE_NO_PAD.encode(courier.random::<32>());
    let (state, verifier, nonce) = (word(), word(), word());
    let address = authorization_url(&AuthorizationRequest {
        endpoint: &authorization,
        client_id: client.client_id.trim(),
        redirect_uri: callback_url(courier.site_url(), &client.public_id).as_str(),
        scopes: &asked_scopes(providers, &client, Consent { mailbox: &mailbox, side }),
        state: &state,
        nonce: &nonce,
        code_challenge: &pkce(&verifier),
        login_hint: hint.as_deref(),
        extra: &extra,
    });
    let new = NewTry {
        client_id: client.id,
        mailbox_id,
        side,
        session_id: session.session_id,
        way,
        state,
        verifier: SecretString::from(verifier),
        nonce,
    };
    let (vault, by, seal) = (courier.desk().vault.clone(), session.by.clone(), courier.random());
    let waited = revoke::waiting(courier, mailbox_id, side).await?;
    let begun = courier.write(move |tx| grant::begin(tx, &vault, &by, &new, seal)).await?;
    revoke::take_back_ended(courier, &session.by, waited.before(begun)).await;
    Ok(address)
}

/// Whether anything can be asked with it.
fn switched_on(client: &Client) -> desk::Result<()> {
    if client.active {
        return Ok(());
    }
    let off = "This registration is switched off. Switch it on in the tab Info, then authorize it again.";
    Err(desk::Refusal::Other(off.to_owned()).into())
}

/// A person can be sent to sign in by it.
fn ready(client: &Client) -> desk::Result<()> {
    switched_on(client)?;
    if client.client_id.trim().is_empty() {
        return Err(desk::Refusal::Required("Client ID").into());
    }
    Ok(())
}

/// The account that is asked for; to a shared mailbox it is who opened it before, as far as that is known.
fn who_signs_in(tx: &mut desk::db::Tx<'_>, mailbox: &Mailbox, side: Side) -> desk::Result<Option<String>> {
    match &mailbox.shape {
        Shape::Own => Ok(Some(mailbox.address.clone())),
        Shape::Alias { opens } => Ok(Some(opens.clone())),
        Shape::Shared => {
            let Some(in_use) = mailbox.grant_id(side) else { return Ok(None) };
            Ok(grant::find(tx, in_use)?.and_then(|grant| grant.owner_address))
        }
    }
}

/// The mailbox and the registration that a side is bound to.
fn registration(tx: &mut desk::db::Tx<'_>, mailbox_id: i64, side: Side) -> desk::Result<(Mailbox, Client)> {
    let mailbox = mailbox::find(tx, mailbox_id)?.ok_or(desk::Refusal::NotFound("mailbox"))?;
    let bound = match side {
        Side::Incoming => mailbox.incoming.client_id,
        Side::Outgoing => mailbox.outgoing.client_id,
    };
    let client = match bound {
        Some(id) => client::find(tx, id)?,
        None => None,
    };
    Ok((mailbox, client.ok_or(desk::Refusal::NotFound("registration of this mailbox"))?))
}

/// Takes the provider's answer. Runs in its own task: a dropped request stops no work.
pub async fn callback(
    courier: &Courier,
    session: &Session,
    public_id: &str,
    query: CallbackQuery,
) -> desk::Result<Landing> {
    let (courier, session, public_id) = (courier.clone(), session.clone(), public_id.to_owned());
    let task = tokio::spawn(async move { take(&courier, &session, &public_id, query).await });
    task.await.map_err(|error| anyhow::anyhow!("authorizing ended early: {error}"))?
}

async fn take(
    courier: &Courier,
    session: &Session,
    public_id: &str,
    query: CallbackQuery,
) -> desk::Result<Landing> {
    let Some((client, pending)) = pending(courier, session, public_id, query.state.as_deref()).await? else {
        return Ok(Landing::Unknown { sentence: UNKNOWN.to_owned() });
    };
    let (mailbox_id, side) = (pending.mailbox_id, pending.side);
    let of = Of { grant_id: pending.grant_id, mailbox_id, side };
    let exchanged = exchange::exchange(courier, session, &client, &pending, query).await;
    let banner = settle(courier, &session.by, &client, of, exchanged).await?;
    Ok(Landing::Tab { mailbox_id, side, banner })
}

/// What an exchange came to: proved, asked about, or failed with its reason.
async fn settle(
    courier: &Courier,
    by: &desk::By,
    client: &Client,
    of: Of,
    exchanged: Result<Exchanged, Trouble>,
) -> desk::Result<Banner> {
    Ok(match exchanged {
        Ok(Exchanged::Owned(owned)) => {
            let mailbox = probe::find(courier, of.mailbox_id).await?;
            prove::prove(courier, by, &mailbox, of.side, Subject::New(of.grant_id), owned.note).await?
        }
        Ok(Exchanged::Disputed(trouble)) => Banner::Asks { sentence: trouble.reason, remedy: trouble.remedy },
        Ok(Exchanged::Dropped(trouble, given)) => {
            let banner = failed(courier, by, of.grant_id, trouble).await?;
            revoke::take_back_dropped(courier, client, &given).await;
            banner
        }
        Err(trouble) => failed(courier, by, of.grant_id, trouble).await?,
    })
}

/// Which try.
#[derive(Clone, Copy)]
struct Of {
    grant_id: i64,
    mailbox_id: i64,
    side: Side,
}

/// The try has come to nothing, for this reason.
async fn failed(courier: &Courier, by: &desk::By, grant_id: i64, trouble: Trouble) -> desk::Result<Banner> {
    let (by, kept) = (by.clone(), trouble.clone());
    courier
        .write(move |tx| grant::fail(tx, &by, grant_id, &kept.code, &kept.whole_reason(), &kept.remedy))
        .await?;
    Ok(Banner::failed(trouble))
}

const UNKNOWN: &str = "This answer belongs to no sign-in that was begun here: it was used already, took longer than \
                       ten minutes, or was begun in another session. Nothing was changed. Authorize \
                       the mailbox again.";

/// The try that this answer belongs to, used up by this call.
async fn pending(
    courier: &Courier,
    session: &Session,
    public_id: &str,
    state: Option<&str>,
) -> desk::Result<Option<(Client, Pending)>> {
    let Some(state) = state.map(str::to_owned) else { return Ok(None) };
    let (public_id, session_id) = (public_id.to_owned(), session.session_id);
    let (vault, now) = (courier.desk().vault.clone(), courier.now());
    let taken = courier.write(move |tx| {
        let Some(client) = client::find_by_public_id(tx, &public_id)? else { return Ok(None) };
        let pending = grant::take_pending(tx, &vault, client.id, &state, session_id, now)?;
        Ok(pending.map(|pending| (client, pending)))
    });
    taken.await
}

/// Proves the newest grant (or the password) of a side again; the first proof that holds fulfils it.
pub async fn prove_again(
    courier: &Courier,
    by: &desk::By,
    mailbox_id: i64,
    side: Side,
) -> desk::Result<Banner> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        let (mailbox, latest) = courier
            .read(move |tx| {
                let mailbox = mailbox::find(tx, mailbox_id)?.ok_or(desk::Refusal::NotFound("mailbox"))?;
                Ok((mailbox, grant::latest(tx, mailbox_id, side)?))
            })
            .await?;
        let subject = match latest {
            Some(grant) if grant.state == grant::State::Unproved => Subject::New(grant.id),
            Some(_) | None => Subject::InUse,
        };
        // The last token may open the mailbox for an hour after the consent behind it has ended.
        let note = match subject {
            Subject::New(_) => None,
            Subject::InUse => match prove::renewed(&courier, &mailbox, side).await {
                Renewed::Over(ended) => return Ok(ended),
                Renewed::Waits(note) => Some(note),
                Renewed::Well => None,
            },
        };
        prove::prove(&courier, &by, &mailbox, side, subject, note).await
    });
    task.await.map_err(|error| anyhow::anyhow!("proving ended early: {error}"))?
}

/// The Callback Endpoint: `{site}/oauth/callback/{public_id}`.
pub fn callback_url(site: &Url, public_id: &str) -> Url {
    let mut url = site.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["oauth", "callback", public_id]);
    }
    url
}
