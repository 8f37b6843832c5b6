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

/// What a page waits for is what the script listens to, and an element that is read again gets only its children anew:
/// a class that follows the data stands on one of them.
#[test]
fn every_topic_that_a_part_of_a_page_names_is_listened_to_and_its_own_tag_never_changes() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = std::fs::read_to_string(root.join("assets/postern.js")).unwrap();
    let (_, listed) = script.split_once("for (const topic of [").unwrap();
    let listed = listed.split(']').next().unwrap();
    let mut parts = 0;
    for folder in std::fs::read_dir(root.join("templates")).unwrap() {
        let folder = folder.unwrap().path();
        let files = if folder.is_dir() {
            std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect()
        } else {
            vec![folder]
        };
        for file in files.into_iter().filter(|file| file.is_file()) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (at, rest) in text.match_indices("data-live=\"") {
                let (before, after) = text.split_at(at);
                let topics = after[rest.len()..].split('"').next().unwrap();
                for topic in topics.split(' ') {
                    assert!(listed.contains(&format!("\"{topic}\"")), "{topic} of {}", file.display());
                }
                let tag = &before[before.rfind('<').unwrap()..];
                let own = format!("{tag}{}", after.split('>').next().unwrap());
                let class =
                    own.split_once("class=\"").map_or("", |(_, class)| class.split('"').next().unwrap());
                assert!(!class.contains('{'), "{own} of {}", file.display());
                parts += 1;
            }
        }
    }
    assert!(parts > 15, "{parts} parts are live");
}
