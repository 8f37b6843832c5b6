//! Where alerts are posted to, and the secret that signs them.
use crate::db::Tx;
use crate::site::endpoint;
use crate::site::event::{self, Actor, Subject};
use crate::site::sealed;
use crate::site::vault::Vault;
use crate::{By, Refusal, Result, params};
use secrecy::SecretString;
use serde_json::json;
use url::Url;

/// Which addresses may be posted to.
pub use crate::site::endpoint::Scheme;

const URL_BYTES_MAX: usize = 2000;

/// There is one row.
fn secret_row() -> String {
    sealed::WEBHOOK_SECRET.row(1)
}

/// Where alerts are posted to.
pub fn find(tx: &mut Tx<'_>) -> Result<Option<String>> {
    let found: Option<(String,)> = tx.maybe("SELECT url FROM webhook WHERE id = 1", &[])?;
    Ok(found.map(|(url,)| url))
}
pub fn secret_for_system(tx: &mut Tx<'_>, vault: &Vault) -> Result<Option<SecretString>> {
    let found: Option<(Option<Vec<u8>>,)> = tx.maybe("SELECT secret FROM webhook WHERE id = 1", &[])?;
    found.and_then(|(sealed,)| sealed).map(|sealed| vault.unseal(&secret_row(), &sealed)).transpose()
}

/// What is set for a webhook.
#[derive(Debug)]
pub struct Set<'a> {
    pub url: &'a str,
    pub scheme: Scheme,
    /// Used when a new one is due: there was none, the address leads to another host, or `anew`.
    pub fresh: &'a SecretString,
    pub nonce: [u8; 24],
    /// A person asks for a new secret.
    pub anew: bool,
}
/// Whether the fresh secret is the one from now on. It is shown once, by who made it; a kept one signs for the host that
/// it was made for, and no other.
pub fn set(tx: &mut Tx<'_>, vault: &Vault, by: &By, new: &Set<'_>) -> Result<bool> {
    let url = new.url.trim();
    let old = find(tx)?;
    if url.is_empty() {
        if old.is_some() {
            tx.execute("DELETE FROM webhook WHERE id = 1", &[])?;
            tx.execute(
                "UPDATE notice SET state = 'dropped', settled_at = $1, generation = generation + 1
                 WHERE channel = 'webhook' AND state = 'waiting'",
                params![by.at],
            )?;
            event::append(tx, by, Subject::Site, "webhook_removed", json!({}))?;
        }
        return Ok(false);
    }
    check(url, new.scheme)?;
    let origin = |url: &str| Url::parse(url).map(|url| url.origin().ascii_serialization()).ok();
    let fresh = new.anew || old.as_deref().and_then(origin) != origin(url);
    if fresh {
        tx.execute(
            "INSERT INTO webhook (id, url, secret) VALUES (1, $1, $2)
             ON CONFLICT (id) DO UPDATE SET url = excluded.url, secret = excluded.secret",
            params![url, vault.seal(&secret_row(), new.fresh, new.nonce)],
        )?;
    } else if old.as_deref() != Some(url) {
        tx.execute("UPDATE webhook SET url = $1 WHERE id = 1", params![url])?;
    } else {
        return Ok(false);
    }
    // The path may hold a token of the other side.
    event::append(tx, by, Subject::Site, "webhook_set", json!({ "host": origin(url), "new_secret": fresh }))?;
    Ok(fresh)
}

/// How long whoever made a secret is shown it: a second click on the button gets the first one's answer, and the page of
/// the first one is gone by then.
const SHOWN_MS: i64 = 60_000;
/// It is among the newest that happened to the site.
const EVENTS_MAX: i64 = 30;

/// The secret, to who has just made it.
pub fn made_just_now(tx: &mut Tx<'_>, vault: &Vault, by: &By) -> Result<Option<SecretString>> {
    let Actor::Agent { id, .. } = &by.actor else { return Ok(None) };
    let events = event::list(tx, Subject::Site, EVENTS_MAX)?;
    let newest = events.into_iter().rev().find(|event| event.kind.starts_with("webhook_"));
    let is_theirs = newest.is_some_and(|event| {
        event.data["new_secret"] == true
            && matches!(event.actor, Actor::Agent { id: by, .. } if by == *id)
            && by.at.saturating_sub(event.at) < SHOWN_MS
    });
    if !is_theirs {
        return Ok(None);
    }
    secret_for_system(tx, vault)
}

fn check(url: &str, scheme: Scheme) -> Result<()> {
    const FIELD: &str = "Webhook";
    endpoint::check(FIELD, url, scheme, "")?;
    if url.len() > URL_BYTES_MAX {
        return Err(Refusal::BadEndpoint { field: FIELD, why: endpoint::PLAIN.to_owned() }.into());
    }
    Ok(())
}
