//! Live events: topics come through, and the stream ends with the session.
use crate::office::Office;
use axum::http::StatusCode;
use desk::By;
use desk::people::agent::{self, Agent};
use futures_util::StreamExt as _;

#[tokio::test(start_paused = true)]
async fn an_open_page_hears_what_changed_until_its_session_ends() {
    let office = Office::staffed();
    let leo = office.leo().await;
    let response = leo.open("/live").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();

    office.write(|tx| {
        tx.wake("ticket");
        Ok(())
    });
    let heard = stream.next().await.unwrap().unwrap();
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(heard.contains("event: ticket"), "{heard}");
    assert!(heard.contains("\ndata: changed\n"), "browsers drop an event without data: {heard}");
    assert!(!heard.contains("Leo"), "only the topic goes out: {heard}");

    let by = By::system(office.clock.now());
    office.write(|tx| {
        let (leo, _) = agent::find_by_email(tx, "leo@contoso.example")?.unwrap();
        agent::change(tx, &by, &Agent { active: false, ..leo })
    });
    while let Some(rest) = stream.next().await {
        let rest = String::from_utf8_lossy(&rest.unwrap()).into_owned();
        assert!(!rest.contains("event:"), "after the session: {rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_page_lets_the_program_stop() {
    let office = Office::staffed();
    let leo = office.leo().await;
    let mut stream = leo.open("/live").await.into_body().into_data_stream();
    office.stop.send(true).unwrap();
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn one_person_keeps_only_so_many_pages_live() {
    let office = Office::staffed();
    let (mut leo, maya) = (office.leo().await, office.maya().await);
    let mut open = Vec::new();
    while open.len() < 100 {
        let response = leo.open("/live").await;
        if response.status() != StatusCode::OK {
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            break;
        }
        open.push(response);
    }
    assert_eq!(open.len(), 16);
    assert_eq!(maya.open("/live").await.status(), StatusCode::OK, "others have their own");
    assert_eq!(leo.get("/tickets").await.status, StatusCode::OK, "pages are shown all the same");
    open.pop();
    assert_eq!(leo.open("/live").await.status(), StatusCode::OK);
}
