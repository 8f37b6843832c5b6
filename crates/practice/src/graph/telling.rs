//! What subscriptions tell: that a letter has come, or something about the subscription itself. Each delivery is tried
//! once: what is lost is lost, and a client that waits for it alone loses mail.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use url::Url;

use super::access;
use super::ids::{Found, Ids};
use super::subscriptions::{self, Subscription, here, time};
use crate::faults::Fault;
use crate::world::{Shared, World};

/// Whoever takes longer to answer is not waited for.
const LIMIT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Whether the address says the token back.
pub(super) async fn ask(world: &World, url: &Url, token: &str) -> Result<(), String> {
    let mut asked = url.clone();
    asked.query_pairs_mut().append_pair("validationToken", token);
    let sent = world.net.post_text(
        "ask an address",
        &asked,
        "text/plain; charset=utf-8",
        String::new(),
        ANSWER_BYTES_MAX,
    );
    let answer = match tokio::time::timeout(LIMIT, sent).await {
        Err(_) => return Err("It did not respond within 10 seconds.".to_owned()),
        Ok(Err(error)) => return Err(error.to_string()),
        Ok(Ok(answer)) => answer,
    };
    let media_type = answer.media_type.as_deref().unwrap_or_default();
    match answer.status {
        200 if !media_type.starts_with("text/plain") => {
            Err(format!("It responded as '{media_type}', not as 'text/plain'."))
        }
        200 if answer.body != token.as_bytes() => {
            Err("It responded with another text than the token.".to_owned())
        }
        200 => Ok(()),
        status => Err(format!("It responded with HTTP status {status}.")),
    }
}

/// Tells until the provider stops.
pub(crate) async fn run(world: Shared, mut stopped: watch::Receiver<()>) {
    let mut news = world.mailboxes.news();
    // By subscription, the UID that is to be told next.
    let mut next: BTreeMap<String, u32> = BTreeMap::new();
    loop {
        news.borrow_and_update();
        let alive = subscriptions::alive(&world);
        next.retain(|id, _| alive.iter().any(|one| one.id == *id));
        for one in &alive {
            tokio::select! {
                () = tell(&world, one, next.entry(one.id.clone()).or_insert(one.from_uid)) => {}
                _ = stopped.changed() => return,
            }
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            _ = stopped.changed() => return,
        }
    }
}

async fn tell(world: &World, one: &Subscription, next: &mut u32) {
    let Some((name, folder)) = world.mailboxes.folder(&one.mailbox, &one.folder) else { return };
    let from = std::mem::replace(next, folder.uid_next);
    let new: Vec<Found> = folder
        .letters
        .iter()
        .filter(|letter| letter.uid >= from)
        .map(|letter| Found {
            folder: name.clone(),
            letter: letter.clone(),
            uid_validity: folder.uid_validity,
        })
        .collect();
    if new.is_empty() {
        return;
    }
    let strikes = |fault| world.faults.strike(fault, Some(&one.mailbox));
    if strikes(Fault::GraphSubscriptionRemoved) {
        subscriptions::end(world, &one.id);
        return lifecycle(world, one, "subscriptionRemoved").await;
    }
    if strikes(Fault::GraphNotificationsMissed) {
        return lifecycle(world, one, "missed").await;
    }
    if strikes(Fault::GraphReauthorization) {
        lifecycle(world, one, "reauthorizationRequired").await;
    }
    let ids = Ids { world, mailbox: &one.mailbox, immutable: one.immutable_ids };
    let told: Vec<Value> = new.iter().map(|found| notification(world, one, &ids.of(found))).collect();
    post(world, &one.notification_url, told).await;
}

fn notification(world: &World, one: &Subscription, id: &str) -> Value {
    let resource = format!("Users/{}/Messages/{id}", access::object_id(world, &one.mailbox));
    json!({
        "subscriptionId": one.id,
        "subscriptionExpirationDateTime": time(one.ends_at),
        "changeType": "created",
        "resource": resource,
        "resourceData": { "@odata.type": "#Microsoft.Graph.Message", "@odata.id": resource, "id": id },
        "clientState": one.client_state,
        "tenantId": world.tenant_of(&one.mailbox),
    })
}

/// Something about the subscription itself, where anybody asked to be told.
async fn lifecycle(world: &World, one: &Subscription, event: &str) {
    let Some(url) = &one.lifecycle_url else { return };
    let said = json!({
        "lifecycleEvent": event,
        "subscriptionId": one.id,
        "subscriptionExpirationDateTime": time(one.ends_at),
        "resource": one.resource,
        "clientState": one.client_state,
        "tenantId": world.tenant_of(&one.mailbox),
    });
    post(world, url, vec![said]).await;
}

async fn post(world: &World, url: &str, value: Vec<Value>) {
    let Some(url) = here(url) else { return };
    let body = json!({ "value": value }).to_string();
    let sent = world.net.post_text("tell of a change", &url, "application/json", body, ANSWER_BYTES_MAX);
    match tokio::time::timeout(LIMIT, sent).await {
        Ok(Ok(answer)) if (200..300).contains(&answer.status) => {}
        Ok(Ok(answer)) => {
            tracing::debug!("a practice notification was answered with HTTP status {}", answer.status)
        }
        Ok(Err(error)) => tracing::debug!("a practice notification was lost: {error}"),
        Err(_) => tracing::debug!("a practice notification was not answered in time"),
    }
}
