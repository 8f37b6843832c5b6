//! What the doctor reads on an application's token: the role of the protocol that the mailbox is fetched by.
use crate::pretend_provider::PretendProvider;
use crate::stage::Stage;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use courier::authorize;
use courier::doctor::{self, Extent, Link, Result as Found, Step};
use desk::mailboxes::client::Flow;
use desk::mailboxes::mailbox::Side;
use desk::params;
use serde_json::json;

/// A token as Entra makes them, with these roles on it.
fn token(roles: &[&str]) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "aud": "https://outlook.office365.com", "roles": roles, "exp": 1_795_528_800 });
    format!("{}.{}.{}", part(json!({ "alg": "RS256" })), part(claims), URL_SAFE_NO_PAD.encode("signature"))
}

/// What is said of the token of an application with these roles, by which a mailbox is fetched so.
async fn read(protocol: &'static str, roles: &[&str]) -> Step {
    let stage = Stage::new();
    let provider = PretendProvider::start().await;
    let answer = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token(roles) });
    provider.answers(200, answer);
    // Nobody listens there: what is asked for ends before it.
    let client = stage.registered_at(provider.address, ([127, 0, 0, 1], 9).into(), "microsoft", "openid");
    stage
        .write(|tx| tx.execute("UPDATE mailbox SET in_protocol = $1", params![protocol]).map_err(Into::into));
    stage.change_client(&client, |entered| {
        entered.flow = Flow::AppOnly;
        entered.tenant = "contoso.example".into();
    });
    let (courier, by) = (&stage.courier, stage.by());
    authorize::ask_now(courier, &by, stage.mailbox_id, Side::Incoming).await.unwrap();
    let found = doctor::examine(courier, stage.mailbox_id, Extent::Links).await.unwrap();
    found.steps.into_iter().find(|step| step.link == Link::Token).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_the_protocol_that_a_mailbox_is_fetched_by_is_wanted_and_no_other() {
    for (protocol, own, other) in
        [("imap", "IMAP.AccessAsApp", "POP.AccessAsApp"), ("pop3", "POP.AccessAsApp", "IMAP.AccessAsApp")]
    {
        let step = read(protocol, &[own, "SMTP.SendAsApp"]).await;
        assert!(step.result == Found::Good && step.found.contains(own), "{protocol}: {step:?}");
        let step = read(protocol, &[other, "SMTP.SendAsApp"]).await;
        let missing = format!("The role {own} is not on it.");
        assert!(step.result == Found::Warning && step.found.contains(&missing), "{protocol}: {step:?}");
    }
}
