//! The lists, finding, the page of a ticket, and what is done to one with a click.
use crate::office::{Browser, Office};
use crate::post::{letter, letter_with};
use axum::http::StatusCode;

const ANN: &str = "Ann Porter <ann@customer.example>";

/// Subjects' numbers in the order of the list.
fn numbers(page: &str) -> Vec<String> {
    page.split("id=\"ticket-").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}
fn link(page: &str, rel: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!("\" rel=\"{rel}\""))?;
    Some(before.rsplit_once("href=\"")?.1.replace("&#38;", "&"))
}

#[tokio::test]
async fn the_list_says_who_wrote_what_and_when_and_bold_means_news() {
    let office = Office::with_post();
    let number = office.receives(&letter(ANN, "Invoice 2291", "It shows the wrong address."));
    office.clock.advance(2 * 60_000);
    let mut leo = office.leo().await;
    let list = leo.get("/tickets").await;
    list.shows(&number)
        .shows("Invoice 2291")
        .shows("It shows the wrong address.")
        .shows("Ann Porter")
        .shows("2 min");
    list.shows("class=\"row news\"");
    leo.get(&format!("/tickets/{number}")).await.shows("Invoice 2291");
    leo.get("/tickets").await.hides("class=\"row news\"");
    office.maya().await.get("/tickets").await.shows("class=\"row news\"");
}

#[tokio::test]
async fn a_page_that_looks_again_by_itself_has_not_been_read() {
    let office = Office::with_post();
    let number = office.receives(&letter(ANN, "Invoice", "Hello."));
    let mut leo = office.leo().await;
    let request = leo.request(axum::http::Method::GET, &format!("/tickets/{number}")).header("x-live", "1");
    let answer = leo.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    leo.get("/tickets").await.shows("class=\"row news\"");
}

#[tokio::test]
async fn an_empty_queue_says_what_will_be_there() {
    let office = Office::with_post();
    let mut leo = office.leo().await;
    for (queue, words) in [
        ("open", "becomes a ticket here"),
        ("mine", "Tickets that you take or answer"),
        ("unassigned", "until an agent takes"),
        ("not-sent", "a mail server refused"),
        ("closed", "Tickets that you close"),
    ] {
        leo.get(&format!("/tickets?queue={queue}")).await.shows(words);
    }
    assert_eq!(leo.get("/tickets?queue=nonsense").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_lead_to_older_tickets_and_back() {
    let office = Office::with_post();
    let all: Vec<String> =
        (0..120).map(|n| office.receives(&letter(ANN, &format!("Question {n}"), "?"))).collect();
    let mut leo = office.leo().await;
    let (mut seen, mut forward, mut place) = (Vec::new(), Vec::new(), Some("/tickets?queue=open".to_owned()));
    while let Some(path) = place {
        let page = leo.get(&path).await;
        seen.extend(numbers(&page.body));
        forward.push((numbers(&page.body), link(&page.body, "prev")));
        place = link(&page.body, "next");
    }
    let newest_first: Vec<String> = all.iter().rev().cloned().collect();
    assert_eq!(seen, newest_first);
    assert_eq!(forward.len(), 3);
    // Back over the same pages.
    let back = forward[2].1.clone().unwrap();
    let page = leo.get(&back).await;
    assert_eq!(numbers(&page.body), forward[1].0);
    let page = leo.get(&link(&page.body, "prev").unwrap()).await;
    assert_eq!(numbers(&page.body), forward[0].0);
    assert_eq!(link(&page.body, "prev"), None);
}

#[tokio::test]
async fn a_ticket_is_found_by_number_address_and_words() {
    let office = Office::with_post();
    let printer = office.receives(&letter(ANN, "Printer on floor 3", "Blank pages."));
    let invoice = office.receives(&letter("Bert <bert@other.example>", "Invoice", "Wrong."));
    let mut leo = office.leo().await;
    for (find, expected) in [
        (printer.as_str(), vec![printer.clone()]),
        ("bert@other.example", vec![invoice.clone()]),
        ("printer floor", vec![printer.clone()]),
        ("zebra", vec![]),
    ] {
        let page = leo.get(&format!("/tickets?find={}", find.replace(' ', "+"))).await;
        assert_eq!(numbers(&page.body), expected, "{find}");
    }
    leo.get("/tickets?find=zebra").await.shows("Nothing fits “zebra”.");
    leo.get("/tickets?find=%22%3E%3Cscript%3Ex").await.hides("<script>x");
}

#[tokio::test]
async fn hostile_names_subjects_and_texts_stay_text() {
    let office = Office::with_post();
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let from = "\"<b onclick=x>Eve</b>\" <eve@evil.example>";
    let number = office.receives(&letter(from, evil, &format!("{evil} javascript:alert(3)")));
    let mut leo = office.leo().await;
    for place in
        ["/tickets".to_owned(), format!("/tickets/{number}"), "/tickets?find=eve%40evil.example".to_owned()]
    {
        let page = leo.get(&place).await;
        assert_eq!(page.status, StatusCode::OK);
        page.hides("<script>alert").hides("<img src=x").hides("<b onclick").hides("href=\"javascript");
        page.shows("&#60;script&#62;alert(1)");
    }
}

async fn click(leo: &mut Browser, number: &str, what: &str, fields: &[(&str, &str)]) -> StatusCode {
    leo.get(&format!("/tickets/{number}")).await;
    let answer = leo.post(&format!("/tickets/{number}/{what}"), fields).await;
    if answer.status == StatusCode::SEE_OTHER {
        leo.follow(&answer).await;
    }
    answer.status
}

#[tokio::test]
async fn a_ticket_is_assigned_closed_and_reopened_and_the_thread_tells_it() {
    let office = Office::with_post();
    let number = office.receives(&letter(ANN, "Printer", "It burns."));
    let mut leo = office.leo().await;
    leo.get(&format!("/tickets/{number}"))
        .await
        .shows("Opened by mail")
        .shows("It burns.")
        .shows("Assign to me");
    let me = office.read(|tx| desk::people::agent::find_by_email(tx, "leo@contoso.example")).unwrap().0.id;
    assert_eq!(
        click(&mut leo, &number, "assignment", &[("agent", &me.to_string())]).await,
        StatusCode::SEE_OTHER
    );
    assert!(leo.page.contains("Leo Brandt took this ticket"));
    assert!(numbers(&leo.get("/tickets?queue=mine").await.body).contains(&number));
    click(&mut leo, &number, "closure", &[]).await;
    assert!(leo.page.contains("Closed by Leo Brandt"));
    assert!(numbers(&leo.get("/tickets?queue=closed").await.body).contains(&number));
    click(&mut leo, &number, "reopening", &[]).await;
    assert!(leo.page.contains("Reopened by Leo Brandt"));
    click(&mut leo, &number, "assignment", &[("agent", "")]).await;
    assert!(leo.page.contains("Leo Brandt unassigned this ticket"));
    assert_eq!(click(&mut leo, &number, "assignment", &[("agent", "4711")]).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_second_click_changes_nothing_and_gets_the_first_answer() {
    let office = Office::with_post();
    let number = office.receives(&letter(ANN, "Printer", "It burns."));
    let mut leo = office.leo().await;
    leo.get(&format!("/tickets/{number}")).await;
    let first = leo.post(&format!("/tickets/{number}/closure"), &[]).await;
    let second = leo.post(&format!("/tickets/{number}/closure"), &[]).await;
    assert_eq!((first.status, first.location()), (second.status, second.location()));
    let page = leo.get(&format!("/tickets/{number}")).await;
    assert_eq!(page.body.matches("Closed by Leo Brandt").count(), 1);
}

#[tokio::test]
async fn a_letter_from_someone_else_is_joined_by_an_agent() {
    let office = Office::with_post();
    let number = office.receives(&letter(ANN, "Printer", "It burns."));
    let mut leo = office.leo().await;
    leo.get(&format!("/tickets/{number}")).await;
    crate::replies::reply(&mut leo, &number, "We come.").await;
    let sent = office.sends(crate::post::accepted);
    let other = office.receives(&letter_with(
        "Erik <erik@elsewhere.example>",
        "Re: Printer",
        &format!("In-Reply-To: {}\r\nContent-Type: text/plain", crate::post::message_id(&sent[0])),
        "I service it.",
    ));
    assert_ne!(number, other);
    leo.get("/tickets").await.shows(&format!("refers to #{number}"));
    leo.get(&format!("/tickets/{other}")).await.shows("from someone else").shows(&format!("Join #{number}"));
    let answer = leo.post(&format!("/tickets/{other}/join"), &[]).await;
    assert_eq!(answer.location(), format!("/tickets/{number}"));
    leo.follow(&answer).await.shows("I service it.").shows("Erik");
    leo.get(&format!("/tickets/{other}"))
        .await
        .shows(&format!("Joined to <a href=\"/tickets/{number}\">"))
        .hides("<textarea");
}

#[tokio::test]
async fn a_long_thread_is_paged() {
    let office = Office::with_post();
    let number = office.receives(&letter(ANN, "Printer", "Letter zero."));
    let mut leo = office.leo().await;
    for n in 1..60 {
        leo.get(&format!("/tickets/{number}")).await;
        let answer =
            leo.post(&format!("/tickets/{number}/notes"), &[("text", &format!("Note number {n}."))]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    let page = leo.get(&format!("/tickets/{number}")).await;
    page.shows("Note number 59.").shows("Note number 10.").hides("Note number 9.").hides("Letter zero.");
    let (_, rest) = page.body.split_once("href=\"/tickets/").unwrap();
    assert!(!rest.is_empty());
    let (before, _) = page.body.split_once("\">Show earlier").unwrap();
    let earlier = before.rsplit_once("href=\"").unwrap().1.to_owned();
    leo.get(&earlier)
        .await
        .shows("Letter zero.")
        .shows("Note number 9.")
        .shows("Opened by mail")
        .hides("<textarea");
}

#[tokio::test]
async fn an_administrator_without_a_mailbox_is_led_to_the_first_step() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/tickets").await.shows("There is no mailbox yet").shows("href=\"/mailboxes/new\"");
    maya.get("/tickets?find=toner").await.shows("Nothing found").hides("no mailbox yet");
    // Who may not add one is told who may.
    office.leo().await.get("/tickets").await.shows("An administrator adds mailboxes").hides("/mailboxes/new");
    office.furnish_post();
    maya.get("/tickets").await.shows("Nothing is open").hides("no mailbox yet");
}
