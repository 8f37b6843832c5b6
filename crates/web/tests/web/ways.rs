//! Other ways to authorize: an address that is pasted, a code for another device.
use crate::mailboxes::with_config;
use crate::office::{Browser, Office};
use axum::http::StatusCode;
use desk::mailboxes::grant::{self, NewDevice};
use desk::mailboxes::mailbox::{self, Side};
use desk::{Actor, By};

const PAGE: &str = "/mailboxes/1/remote/authorization";
const PASTE: &str = "/mailboxes/1/remote/paste";

/// A code that waits, as the provider gave it.
fn waiting(office: &Office, page: &str) -> i64 {
    let by = By { actor: Actor::System, at: office.clock.now() };
    office.write(|tx| {
        let client_id = mailbox::get(tx, 1)?.incoming.client_id.unwrap();
        let new = NewDevice {
            client_id,
            mailbox_id: 1,
            side: Side::Incoming,
            session_id: 0,
            process: None,
            device_code: "the-device-code".into(),
            user_code: "ABCD-1234".into(),
            verification_uri: page.into(),
            interval_s: 5,
            expires_at: by.at + 900_000,
        };
        grant::begin_device(tx, &office.desk.vault, &by, &new, [9; 24])
    })
}

async fn maya(office: &Office) -> Browser {
    let (mut maya, _) = with_config(office).await;
    maya.get(PAGE).await.shows("Other ways to authorize").shows("Paste the address it ended on");
    maya
}

#[tokio::test]
async fn what_is_pasted_and_does_not_count_is_said_and_shown_nowhere() {
    let office = Office::staffed();
    let mut maya = maya(&office).await;
    let callback = crate::mailboxes::callback(&maya.get(PAGE).await);
    for (pasted, why) in [
        ("https://evil.example/?code=SECRETCODE&state=s".to_owned(), "address of evil.example"),
        (format!("{callback}?code=SECRETCODE"), "holds no answer"),
        (format!("{callback}x?code=SECRETCODE&state=s"), "another registration"),
        (format!("{callback}?code=SECRETCODE&state=s"), "was used already"),
        (String::new(), "holds no answer"),
    ] {
        let answer = maya.post(PASTE, &[("pasted_secret", &pasted)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{pasted}");
        answer.shows(why).hides("SECRETCODE").shows("id=\"ways\" open");
    }
    let answer = maya.get(PASTE).await;
    assert_eq!(
        answer.location(),
        format!("{PAGE}?ways=open#ways"),
        "the page of a refused form is loaded again"
    );
}

#[tokio::test]
async fn what_is_pasted_when_the_session_has_ended_is_not_kept_and_empties_no_form() {
    let office = Office::staffed();
    let mut maya = maya(&office).await;
    maya.cookies.clear();
    let pasted = [("pasted_secret", "https://help.contoso.example/oauth/callback/x?code=SECRETCODE&state=s")];
    let answer = maya.post(PASTE, &pasted).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let fields: Vec<(String,)> =
        office.write(|tx| tx.all("SELECT fields FROM kept_form", &[]).map_err(Into::into));
    assert!(fields.iter().all(|(fields,)| !fields.contains("SECRETCODE")), "{fields:?}");
    let kept: Vec<(String,)> = office.write(|tx| tx.all("SELECT id FROM kept_form", &[]).map_err(Into::into));
    let mut again = office.maya().await;
    for (id,) in kept {
        again.get(&format!("{PAGE}?kept={id}")).await.shows("IMAP.AccessAsUser.All");
    }
}

#[tokio::test]
async fn a_code_is_shown_with_its_page_and_its_time_and_can_be_cancelled() {
    let office = Office::staffed();
    let mut maya = maya(&office).await;
    maya.get(PAGE).await.shows("Get a code").hides("Enter this code");
    let id = waiting(&office, "https://login.example/device");
    office.clock.advance(60_000);
    let page = maya.get(PAGE).await;
    page.shows(">ABCD-1234<")
        .shows("data-copy=\"#user-code\"")
        .shows("href=\"https://login.example/device\"");
    page.shows("rel=\"noopener noreferrer\"").shows("data-left=\"840\"").shows("id=\"ways\" open");
    page.hides("the-device-code").hides("Get a code").shows("Waiting for the sign-in");
    office.clock.advance(60_000);
    maya.get(PAGE).await.shows("Nobody asks the provider about this code.").hides("Waiting for the sign-in");
    for foreign in [
        format!("/mailboxes/1/outgoing/device/{id}/cancellation"),
        format!("/mailboxes/1/remote/device/{}/cancellation", id + 1),
        format!("/mailboxes/2/remote/device/{id}/cancellation"),
    ] {
        assert_eq!(maya.post(&foreign, &[]).await.status, StatusCode::NOT_FOUND, "{foreign}");
    }
    let answer = maya.post(&format!("/mailboxes/1/remote/device/{id}/cancellation"), &[]).await;
    maya.follow(&answer).await.shows("It was cancelled.").shows("Get a code").hides("ABCD-1234");
    office.clock.advance(15 * 60_000);
    maya.get(PAGE).await.hides("It was cancelled.");
}

#[tokio::test]
async fn what_a_code_came_to_is_told_on_the_page_that_showed_it() {
    let office = Office::staffed();
    let mut maya = maya(&office).await;
    let id = waiting(&office, "https://login.example/device");
    let by = By { actor: Actor::System, at: office.clock.now() };
    office.write(|tx| {
        let now = by.at + 5_000;
        let poll = grant::claim_device(tx, &office.desk.vault, Some(id), now, 1_000, "test")?.unwrap();
        assert!(grant::device_used(tx, &poll)?);
        Ok(())
    });
    maya.get(PAGE).await.shows("the access is being proved").shows("id=\"ways\" open").hides("ABCD-1234");
    let late = maya.post(&format!("/mailboxes/1/remote/device/{id}/cancellation"), &[]).await;
    maya.follow(&late).await.shows("the access is being proved").hides("It was cancelled.");
    office.write(|tx| grant::fail(tx, &by, id, "declined", "The person declined.", "Begin again."));
    maya.get(PAGE).await.shows("The person declined.").shows("Begin again.").shows("Get a code");
}

#[tokio::test]
async fn a_code_whose_time_is_over_is_not_shown() {
    let office = Office::staffed();
    let mut maya = maya(&office).await;
    waiting(&office, "https://login.example/device");
    office.clock.advance(900_001);
    maya.get(PAGE).await.hides("ABCD-1234").shows("Get a code");
}

#[tokio::test]
async fn without_a_registration_there_is_no_code() {
    let office = Office::staffed();
    let mut maya = maya(&office).await;
    let answer = maya.post("/mailboxes/1/remote/device", &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("There is no code yet.").shows("Client ID");
    assert_eq!(maya.get("/mailboxes/1/remote/device").await.location(), format!("{PAGE}?ways=open#ways"));
}
