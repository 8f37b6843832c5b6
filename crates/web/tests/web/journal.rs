//! The journal: what came and what became of it, one message's whole life, and what can be done about it.
use crate::inbox::{with, with_held};
use crate::office::Office;
use axum::http::StatusCode;
use desk::intake::inbox::{self, Outcome};

fn failed() -> Outcome {
    let (code, reason) = ("failed".to_owned(), "It could not be filed: <too> much.".to_owned());
    Outcome::Failed { code, reason, next_at: None }
}

#[tokio::test]
async fn a_message_is_listed_looked_up_and_told_from_its_arrival_on() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/journal").await.shows("No message");
    with(&office, &failed());
    let listed = maya.get("/journal").await;
    listed.shows("It could not be filed: &#60;too&#62; much.").shows("href=\"/journal/1\"").shows("failed");
    maya.get("/journal?outcome=failed&mailbox=1").await.shows("href=\"/journal/1\"").shows("selected");
    maya.get("/journal?outcome=filed").await.hides("href=\"/journal/1\"").shows("outcome=failed");
    maya.get("/journal?mailbox=99").await.hides("href=\"/journal/1\"");
    maya.get("/journal?mailbox=&outcome=").await.shows("href=\"/journal/1\"");
    for sought in ["%3Codd%40porter.example%3E", "too", "%20too%20"] {
        let found = maya.get(&format!("/journal?find={sought}")).await;
        assert_eq!(found.status, StatusCode::OK);
    }
    maya.get("/journal?find=too").await.shows("href=\"/journal/1\"");
    maya.get("/journal?find=nobody%40porter.example").await.shows("Nothing was found").shows("as an address");

    let life = maya.get("/journal/1").await;
    life.shows("Fetched, in the folder INBOX under the UID 7 (UIDVALIDITY 1)")
        .shows("Not filed after one attempt.");
    life.shows("&#60;script&#62;alert(1)&#60;/script&#62;").shows("It burns.").hides("<script>alert");
    life.shows("Try again").shows("Make a ticket").shows("/inbox/1/raw").shows("Ignore</button>");
    let answer = maya.post("/held/1/acceptance", &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    maya.get("/journal/1").await.shows("decided that it becomes a ticket").hides("Try again");
    assert_eq!(maya.get("/journal/2").await.status, StatusCode::NOT_FOUND);
    assert_eq!(maya.get("/journal/sent/2").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_list_is_in_the_order_of_the_times_that_it_shows() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    with(&office, &failed());
    maya.get("/journal").await.shows("<th>Fetched</th>").hides("<div>received");
    office
        .write(|tx| Ok(tx.execute("UPDATE inbox SET received_at = received_at - 7200000", desk::params![])?));
    maya.get("/journal").await.shows("<div>received <time");
}

#[tokio::test]
async fn an_agent_looks_into_what_is_held_and_into_nothing_else() {
    let office = Office::staffed();
    with_held(&office, "An automatic answer.");
    let mut leo = office.leo().await;
    leo.get("/held").await.shows("href=\"/held/1\"");
    leo.get("/held/1").await.shows("It burns.").shows("Make a ticket").shows("An automatic answer.");
    assert_eq!(leo.get("/journal/1").await.status, StatusCode::FORBIDDEN);
    leo.post("/held/1/dismissal", &[]).await;
    let gone = leo.get("/held/1").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    gone.hides("It burns.");

    // What failed is an administrator's.
    office.write(|tx| Ok(tx.execute("UPDATE inbox SET state = 'failed'", desk::params![])?));
    leo.get("/held").await;
    assert_eq!(leo.post("/held/1/acceptance", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(office.write(|tx| inbox::find(tx, 1)).unwrap().state, inbox::State::Failed);
}
