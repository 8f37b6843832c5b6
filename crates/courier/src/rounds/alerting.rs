//! The alerting round: looks every 20 seconds, and when a mailbox changed, for what needs a person; and posts what is to be
//! posted. What is told, and how often, is the desk's.
use super::{AFTER_FAILURE, wake::Wake};
use crate::Courier;
use crate::trouble::{RETRY_MS_MIN, back_off, sentence};
use desk::alerts::look::{self, Asked, Told};
use desk::alerts::notice::{self, Claim, Occasion, Outcome};
use desk::alerts::webhook;
use secrecy::SecretString;
use std::time::Duration;
use tokio::sync::watch;
use url::Url;

const LOOK_EVERY: Duration = Duration::from_secs(20);
/// A mailbox that changes many times a second is looked at no more often than this.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// Outlasts a request with its time-outs.
const LEASE_MS: i64 = 90_000;
const REQUEST_LIMIT: Duration = Duration::from_secs(60);
const RETRY_MS_MAX: i64 = 60 * 60_000;
const AT_ONCE: i64 = 20;

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut changes = Wake::on(&courier, "mailbox", &stop);
    let mut tests = Wake::on(&courier, "notice", &stop);
    loop {
        let wait = match turn(&courier).await {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                tracing::error!("what needs a person could not be looked for: {error}");
                AFTER_FAILURE
            }
        };
        let go_on = async {
            tokio::select! { on = changes.wait(wait) => on, on = tests.wait(wait) => on }
        };
        if !go_on.await {
            return;
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// One turn of the round: for who has no round running, too.
pub async fn turn(courier: &Courier) -> desk::Result<()> {
    let now = courier.now();
    // Mailboxes change often, and hardly ever does it matter here: the one writer is not kept for that.
    if courier.read(move |tx| look::is_needed(tx, now)).await? {
        let asked = Asked { site_url: courier.site_url().to_string(), random: courier.random() };
        let told = courier.write_behind(move |tx| look::look(tx, &asked, now)).await?;
        told.iter().for_each(log);
    }
    post(courier).await
}

/// For who reads the log and no letters: what Postern says of it, and nothing of what the other side said.
fn log(told: &Told) {
    let Told { occasion, headline, code } = told;
    match occasion {
        Occasion::Begun => tracing::warn!(code, "alert: {headline}"),
        Occasion::Again => tracing::warn!(code, "alert, still: {headline}"),
        Occasion::Ended => tracing::info!("alert is over: {headline}"),
        Occasion::Test => {}
    }
}

async fn post(courier: &Courier) -> desk::Result<()> {
    let (now, node) = (courier.now(), courier.node().to_owned());
    let vault = courier.desk().vault.clone();
    // Looked for before anything is claimed: a site without a webhook writes nothing here.
    let target = courier.read(move |tx| {
        let Some(url) = webhook::find(tx)? else { return Ok(None) };
        Ok(webhook::secret_for_system(tx, &vault)?.map(|secret| (url, secret)))
    });
    let Some((url, secret)) = target.await? else { return Ok(()) };
    let claims =
        courier.write_behind(move |tx| notice::claim_posts(tx, now, LEASE_MS, &node, AT_ONCE)).await?;
    let posting = claims.into_iter().map(|claim| one(courier, &url, &secret, claim));
    futures_util::future::join_all(posting).await;
    Ok(())
}

async fn one(courier: &Courier, url: &str, secret: &SecretString, claim: Claim) {
    let (outcome, answer) = attempt(courier, url, secret, &claim).await;
    let now = courier.now();
    let settled = {
        let claim = claim.clone();
        courier.write_behind(move |tx| notice::settle(tx, &claim, &outcome, &answer, now)).await
    };
    match settled {
        Ok(true) => {}
        Ok(false) => tracing::info!(notice = claim.id, "a late result of a post was dropped"),
        Err(error) => tracing::warn!(notice = claim.id, "what became of a post is not stored: {error}"),
    }
}

async fn attempt(courier: &Courier, url: &str, secret: &SecretString, claim: &Claim) -> (Outcome, String) {
    let Ok(url) = Url::parse(url) else {
        return (Outcome::Failed, "The webhook's address is none.".to_owned());
    };
    let (now, id) = (courier.now(), claim.id.to_string());
    let posting = wire::webhook::post(courier.net(), &url, secret, &id, &claim.body, now / 1000);
    let again = |least: i64| {
        let wait = back_off(courier, claim.attempts - 1, RETRY_MS_MIN, RETRY_MS_MAX).max(least);
        Outcome::Retry { next_at: now.saturating_add(wait) }
    };
    let (outcome, answer) = match tokio::time::timeout(REQUEST_LIMIT, posting).await {
        Ok(Ok(status)) => return (Outcome::Told, format!("HTTP status {status}")),
        Ok(Err(error)) => match error.kind() {
            wire::Kind::Transient { retry_after_ms } => {
                (again(retry_after_ms.unwrap_or(0).min(RETRY_MS_MAX)), sentence(&error.to_string()))
            }
            wire::Kind::Rejected | wire::Kind::Unauthorized | wire::Kind::Broken => {
                (Outcome::Failed, sentence(&error.to_string()))
            }
        },
        Err(_) => (again(0), "It did not answer in time.".to_owned()),
    };
    tracing::warn!(notice = claim.id, attempt = claim.attempts, "webhook: {answer}");
    (outcome, answer)
}
