//! What is pasted holds a code: it is written nowhere.
use crate::mailboxes::with_config;
use crate::office::Office;
use axum::http::StatusCode;

const PASTED: &str = "https://help.contoso.example/oauth/callback/x?code=SECRETCODE&state=s";

#[tokio::test]
async fn a_pasted_address_is_not_kept_when_the_session_has_ended() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    maya.cookies.clear();
    let answer = maya.post("/mailboxes/1/remote/paste", &[("pasted_secret", PASTED)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let kept: Vec<(String,)> =
        office.write(|tx| tx.all("SELECT fields FROM kept_form", &[]).map_err(Into::into));
    assert!(kept.iter().all(|(fields,)| !fields.contains("SECRETCODE")), "{kept:?}");
}

#[tokio::test]
async fn a_refused_address_is_not_on_the_page_that_says_why() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let answer = maya.post("/mailboxes/1/remote/paste", &[("pasted_secret", PASTED)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    answer.shows("another registration").hides("SECRETCODE").shows("name=\"pasted_secret\"");
}
