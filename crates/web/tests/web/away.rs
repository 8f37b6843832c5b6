//! When the database or its disk is not there for a while: the page says so, and no text is lost.
use crate::office::{Office, hidden};
use crate::post::letter;
use axum::http::StatusCode;
use desk::db::Error;
use std::io::ErrorKind;

/// From now on SQLite gets no more room than it has: what it says then is what a full disk makes it say.
fn fill_up(office: &Office) {
    // Never below what it has.
    office.write(|tx| Ok(tx.all::<(i64,)>("PRAGMA max_page_count = 1", desk::params![]).map(drop)?));
}
fn make_room(office: &Office) {
    office.write(|tx| Ok(tx.all::<(i64,)>("PRAGMA max_page_count = 1000000", desk::params![]).map(drop)?));
}
/// Longer than the room that is left in half-filled pages.
fn long_text() -> String {
    "The drum is worn, and a new one costs 40 €. ".repeat(2_000)
}

#[tokio::test]
async fn a_reply_that_a_full_disk_does_not_take_is_on_the_page_and_goes_out_once_when_there_is_room() {
    let office = Office::on_sqlite();
    office.furnish_post();
    let number = office.receives(&letter("ann@customer.example", "Printer", "It burns."));
    let mut maya = office.maya().await;
    maya.get(&format!("/tickets/{number}")).await;
    let seen = hidden(&maya.page, "seen").unwrap();
    fill_up(&office);
    let text = long_text();
    let typed =
        [("to", "ann@customer.example"), ("cc", ""), ("seen", &seen), ("text", &text), ("then", "close")];
    let path = format!("/tickets/{number}/replies");
    let answer = maya.post(&path, &typed).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    assert_eq!(answer.header("retry-after"), "10");
    answer.shows("Not just now").shows("its disk is full").shows("Reference number").shows("is not lost");
    answer.shows(text.trim_end()).shows("Send again").hides("Something is broken");

    make_room(&office);
    let again = fields_of(&answer.body);
    assert!(again.contains(&("then".to_owned(), "close".to_owned())), "{again:?}");
    for _ in 0..2 {
        let sent = maya.post_exactly(&path, &again).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        maya.follow(&sent).await.shows("a new one costs 40");
    }
    assert_eq!(office.outbox().len(), 1, "the form's id is the same: it is sent once");
}

#[tokio::test]
async fn what_holds_a_password_is_not_offered_to_be_sent_again() {
    let office = Office::on_sqlite();
    let mut maya = office.maya().await;
    maya.get("/agents/new").await;
    fill_up(&office);
    let (name, long) = ("N".repeat(60_000), "secret pass phrase");
    let typed = [("email", "new@contoso.example"), ("name", &name), ("role", "agent"), ("password", long)];
    let answer = maya.post("/agents", &typed).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    answer.shows("Passwords and files are not given back").hides("Send again").hides(long);
}

/// Name and value of every field of the page's form.
fn fields_of(page: &str) -> Vec<(String, String)> {
    let form = page.split_once("class=\"form given\"").unwrap().1;
    let told = |text: &str| text.replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&");
    let mut fields = Vec::new();
    for part in form.split("name=\"").skip(1) {
        let (name, rest) = part.split_once('"').unwrap();
        let value = match rest.strip_prefix(" value=\"") {
            Some(rest) => rest.split_once('"').unwrap().0,
            None => rest.split_once(">\n").unwrap().1.split_once("</textarea>").unwrap().0,
        };
        fields.push((name.to_owned(), told(value)));
    }
    fields
}

#[test]
fn what_the_database_says_when_it_is_away_is_not_just_now() {
    let status = |error: desk::Error| web::Error::from(error).status();
    for away in [Error::Busy, Error::Unknown, Error::Store("57P01".into()), Error::Unfit("no".into())] {
        assert_eq!(status(away.into()), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(status(Error::Doomed.into()), StatusCode::INTERNAL_SERVER_ERROR);
    let disk = |kind: ErrorKind| {
        desk::Error::Failed(anyhow::Error::new(std::io::Error::from(kind)).context("blobs/pack: written"))
    };
    assert_eq!(status(disk(ErrorKind::StorageFull)), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(disk(ErrorKind::InvalidData)), StatusCode::INTERNAL_SERVER_ERROR);
}
