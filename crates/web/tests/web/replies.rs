//! Replies, notes and drafts: what goes out, what is refused, and that nothing typed is lost.
use crate::office::{Answer, Browser, Office, hidden};
use crate::post::{accepted, letter, letter_with, message_id};
use axum::http::StatusCode;
use desk::outgoing::outbox::Fate;

const ANN: &str = "Ann Porter <ann@customer.example>";

/// Answers the ticket whose page is open.
pub async fn reply(browser: &mut Browser, number: &str, text: &str) -> Answer {
    reply_with(browser, number, text, &[]).await
}
async fn reply_with(
    browser: &mut Browser,
    number: &str,
    text: &str,
    files: &[(&str, &str, &[u8])],
) -> Answer {
    let seen = hidden(&browser.page, "seen").unwrap();
    let typed =
        [("kind", "reply"), ("to", ANN), ("cc", ""), ("text", text), ("seen", &seen), ("then", "nothing")];
    browser.post_files(&format!("/tickets/{number}/replies"), &typed, files).await
}
async fn office() -> (Office, String, Browser) {
    let office = Office::with_post();
    let number = office.receives(&letter(ANN, "Printer", "It burns."));
    let mut leo = office.leo().await;
    leo.get(&format!("/tickets/{number}"))
        .await
        .shows("Write to Ann…")
        .shows("value=\"Ann Porter &#60;ann@customer.example&#62;\"");
    (office, number, leo)
}

#[tokio::test]
async fn a_reply_is_an_outbox_row_and_the_page_tells_what_becomes_of_it() {
    let (office, number, mut leo) = office().await;
    let answer = reply(&mut leo, &number, "Turn it off.").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert!(answer.location().starts_with(&format!("/tickets/{number}#entry-")), "{}", answer.location());
    assert_eq!(office.outbox().len(), 1);
    let page = leo.follow(&answer).await;
    page.shows("Turn it off.").shows("on its way to").shows("Leo Brandt took this ticket");
    office.sends(accepted);
    leo.get(&format!("/tickets/{number}")).await.shows("sent to").shows("250 2.0.0 accepted");
}

#[tokio::test]
async fn a_double_click_sends_once_and_gets_the_same_answer() {
    let (office, number, mut leo) = office().await;
    let first = reply(&mut leo, &number, "Once.").await;
    let second = reply(&mut leo, &number, "Once.").await;
    assert_eq!((first.status, first.location()), (second.status, second.location()));
    assert_eq!(office.outbox().len(), 1);
    // Nor does the second leave a draft behind.
    leo.get(&format!("/tickets/{number}")).await.hides("Draft saved");
}

#[tokio::test]
async fn send_and_close_closes() {
    let (_office, number, mut leo) = office().await;
    let seen = hidden(&leo.page, "seen").unwrap();
    let typed = [("kind", "reply"), ("to", ANN), ("text", "Done."), ("seen", &seen), ("then", "close")];
    let answer = leo.post(&format!("/tickets/{number}/replies"), &typed).await;
    leo.follow(&answer).await.shows("Closed by Leo Brandt").shows(">Reopen</button>");
}

#[tokio::test]
async fn who_wrote_meanwhile_is_shown_before_anything_is_sent() {
    let (office, number, mut leo) = office().await;
    reply(&mut leo, &number, "First.").await;
    let sent = office.sends(accepted);
    leo.get(&format!("/tickets/{number}")).await;
    let id = message_id(&sent[0]);
    office.receives(&letter_with(
        ANN,
        "Re: Printer",
        &format!("In-Reply-To: {id}\r\nContent-Type: text/plain"),
        "Never mind, it works.",
    ));
    let answer = reply(&mut leo, &number, "Second, with care.").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer
        .shows("Ann Porter wrote after this page was opened")
        .shows("Never mind, it works.")
        .shows("Second, with care.</textarea>");
    assert_eq!(office.outbox().len(), 1);
    // Having been shown it, the agent sends again.
    assert_eq!(reply(&mut leo, &number, "Second, with care.").await.status, StatusCode::SEE_OTHER);
    assert_eq!(office.outbox().len(), 2);
}

#[tokio::test]
async fn a_page_that_says_nothing_of_what_it_showed_is_stale() {
    let (office, number, mut leo) = office().await;
    let answer = leo.post(&format!("/tickets/{number}/replies"), &[("to", ANN), ("text", "Blind.")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(office.outbox().is_empty());
}

#[tokio::test]
async fn a_refusal_gives_text_recipients_and_files_back() {
    let (office, number, mut leo) = office().await;
    let seen = hidden(&leo.page, "seen").unwrap();
    let typed = [
        ("kind", "reply"),
        ("to", "no address"),
        ("cc", "b@x.example"),
        ("text", "Kept <text>"),
        ("seen", &seen),
    ];
    let files: [(&str, &str, &[u8]); 1] = [("re\u{301}sume\u{301}.pdf", "application/pdf", b"%PDF-1.4")];
    let answer = leo.post_files(&format!("/tickets/{number}/replies"), &typed, &files).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("is not an email address").shows("Kept &#60;text&#62;").shows("value=\"no address\"");
    answer.shows("value=\"b@x.example\"").shows("sume\u{301}.pdf").shows("Draft saved");
    assert!(office.outbox().is_empty());
    // The file goes out with the next try, without being chosen again.
    let answer = reply(&mut leo, &number, "Kept <text>").await;
    let page = leo.follow(&answer).await;
    page.shows("sume\u{301}.pdf").shows("/attachments/").hides("Draft saved");
}

#[tokio::test]
async fn too_much_is_said_in_a_sentence_and_what_fits_is_kept() {
    let (office, number, mut leo) = office().await;
    let large = vec![0_u8; 24_000_001];
    let files: [(&str, &str, &[u8]); 2] =
        [("film.mp4", "video/mp4", &large), ("a.txt", "text/plain", b"small")];
    let answer = reply_with(&mut leo, &number, "With a film.", &files).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("“film.mp4” (24 MB) was left out").shows("With a film.</textarea>").shows("a.txt");
    assert!(office.outbox().is_empty());
}

#[tokio::test]
async fn a_draft_is_kept_for_its_writer_and_for_nobody_else() {
    let (office, number, mut leo) = office().await;
    let typed = [("kind", "reply"), ("to", ANN), ("cc", ""), ("text", "Half a thought")];
    let answer =
        leo.post_files(&format!("/tickets/{number}/drafts"), &typed, &[("a.txt", "text/plain", b"a")]).await;
    assert_eq!(answer.location(), format!("/tickets/{number}?as=reply#write"));
    leo.follow(&answer).await.shows("Half a thought").shows("Draft saved").shows("a.txt");
    office.maya().await.get(&format!("/tickets/{number}")).await.hides("Half a thought").hides("a.txt");
    // The tab saves too, and opens the other one.
    let typed = [("kind", "reply"), ("to", ANN), ("text", "Half a thought more"), ("switch", "note")];
    let answer = leo.post(&format!("/tickets/{number}/drafts"), &typed).await;
    assert_eq!(answer.location(), format!("/tickets/{number}?as=note#write"));
    leo.follow(&answer).await.shows("Half a thought more");
    // A file is taken out by its button.
    let blob =
        hidden(&leo.page.replace("<button name=\"remove\"", "<input name=\"remove\""), "remove").unwrap();
    let typed = [("kind", "reply"), ("to", ANN), ("text", "Half a thought more"), ("remove", &blob)];
    let answer = leo.post(&format!("/tickets/{number}/drafts"), &typed).await;
    leo.follow(&answer).await.hides("a.txt").shows("Half a thought more");
}

#[tokio::test]
async fn the_script_saves_a_draft_and_hears_when() {
    let (_office, number, mut leo) = office().await;
    let token = hidden(&leo.page, "form_token").unwrap();
    let body = format!("form_token={token}&kind=note&text=Quietly");
    let request = leo
        .request(axum::http::Method::POST, &format!("/tickets/{number}/drafts"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", leo.origin.clone())
        .header("x-live", "1");
    let answer = leo.send(request.body(axum::body::Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.shows("Draft saved").hides("<html");
    leo.get(&format!("/tickets/{number}?as=note")).await.shows("Quietly");
}

#[tokio::test]
async fn a_save_that_comes_after_the_letter_was_sent_leaves_no_draft() {
    let (_office, number, mut leo) = office().await;
    reply(&mut leo, &number, "Sent.").await;
    // The same page's form, late.
    let typed = [("kind", "reply"), ("to", ANN), ("text", "Sent.")];
    let answer = leo.post(&format!("/tickets/{number}/drafts"), &typed).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    leo.get(&format!("/tickets/{number}")).await.hides("Draft saved");
}

#[tokio::test]
async fn a_form_cannot_name_a_file_that_is_not_its_own() {
    let (office, number, mut leo) = office().await;
    let mut maya = office.maya().await;
    maya.get(&format!("/tickets/{number}")).await;
    let typed = [("kind", "reply"), ("text", "x")];
    maya.post_files(&format!("/tickets/{number}/drafts"), &typed, &[("secret.txt", "text/plain", b"s")])
        .await;
    let seen = hidden(&leo.page, "seen").unwrap();
    for field in ["files", "draft_files", "blob_id", "file", "remove"] {
        let typed = [("kind", "reply"), ("to", ANN), ("text", "Mine."), ("seen", &seen), (field, "1")];
        leo.post(&format!("/tickets/{number}/drafts"), &typed).await;
    }
    let answer = reply(&mut leo, &number, "Mine.").await;
    leo.follow(&answer).await.shows("Mine.").hides("secret.txt");
}

#[tokio::test]
async fn a_note_stays_inside() {
    let (office, number, mut leo) = office().await;
    let answer = leo
        .post_files(
            &format!("/tickets/{number}/notes"),
            &[("kind", "note"), ("text", "It is the drum.")],
            &[],
        )
        .await;
    leo.follow(&answer).await.shows("It is the drum.").shows("internal note");
    assert!(office.outbox().is_empty());
    leo.get(&format!("/tickets/{number}?as=note")).await;
    let answer = leo.post(&format!("/tickets/{number}/notes"), &[("kind", "note"), ("text", "  ")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("the text is empty");
}

#[tokio::test]
async fn what_failed_is_told_with_its_reason_and_can_be_tried_again_or_given_up() {
    let (office, number, mut leo) = office().await;
    reply(&mut leo, &number, "Hello.").await;
    office.sends(|_| Fate::Refused { answer: "550 5.1.1 no such <user>".to_owned() });
    leo.get("/tickets?queue=not-sent").await.shows(&number).shows("not delivered");
    let page = leo.get(&format!("/tickets/{number}")).await;
    page.shows("not sent to").shows("550 5.1.1 no such &#60;user&#62;").shows("Try again").shows("Give up");
    let id = office.outbox()[0].id;
    let answer = leo.post(&format!("/tickets/{number}/outbox/{id}/retry"), &[]).await;
    leo.follow(&answer).await.shows("Leo Brandt sent a reply again").shows("on its way to");
    office.sends(|_| Fate::Refused { answer: "550 still not".to_owned() });
    leo.get(&format!("/tickets/{number}")).await;
    let answer = leo.post(&format!("/tickets/{number}/outbox/{id}/cancellation"), &[]).await;
    leo.follow(&answer).await.shows("Leo Brandt gave up on a reply");
    leo.get("/tickets?queue=not-sent").await.shows("Everything was delivered");
}

#[tokio::test]
async fn what_failed_is_dealt_with_by_a_click() {
    let (office, number, mut leo) = office().await;
    reply(&mut leo, &number, "Hello.").await;
    office.sends(|_| Fate::Refused { answer: "550 no".to_owned() });
    leo.get(&format!("/tickets/{number}")).await.shows("One recipient has not got a reply.");
    let answer = leo.post(&format!("/tickets/{number}/dismissal"), &[]).await;
    leo.follow(&answer).await.hides("One recipient has not got a reply.");
}

#[tokio::test]
async fn a_letter_of_another_ticket_cannot_be_sent_again_from_here() {
    let (office, number, mut leo) = office().await;
    reply(&mut leo, &number, "Hello.").await;
    office.sends(|_| Fate::Refused { answer: "550 no".to_owned() });
    let other = office.receives(&letter("Bert <bert@other.example>", "Else", "?"));
    let id = office.outbox()[0].id;
    for what in ["retry", "cancellation"] {
        leo.get(&format!("/tickets/{other}")).await;
        let answer = leo.post(&format!("/tickets/{other}/outbox/{id}/{what}"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
    }
}

#[tokio::test]
async fn text_typed_when_the_session_has_ended_is_there_after_signing_in() {
    let (office, number, mut leo) = office().await;
    office.clock.advance(13 * 60 * 60 * 1000);
    let answer = reply(&mut leo, &number, "A long and careful answer.").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.location().starts_with("/sign-in"), "{}", answer.location());
    leo.follow(&answer).await.shows("What you typed is kept");
    let (to, kept) = (hidden(&leo.page, "to").unwrap(), hidden(&leo.page, "kept").unwrap());
    let typed = [
        ("email", "leo@contoso.example"),
        ("password", crate::office::PASSWORD),
        ("to", &to),
        ("kept", &kept),
    ];
    let answer = leo.post("/sign-in", &typed).await;
    leo.follow(&answer).await.shows("A long and careful answer.</textarea>").shows("Your session had ended");
}

#[tokio::test]
async fn people_who_come_later_are_offered_unticked_and_get_nothing_without_a_tick() {
    let (office, number, mut leo) = office().await;
    reply(&mut leo, &number, "First.").await;
    let sent = office.sends(accepted);
    let more = format!(
        "In-Reply-To: {}\r\nCc: Dana <dana@customer.example>\r\nContent-Type: text/plain",
        message_id(&sent[0])
    );
    office.receives(&letter_with(ANN, "Re: Printer", &more, "With Dana now."));
    let page = leo.get(&format!("/tickets/{number}")).await;
    page.shows("name=\"offer\"").hides("checked").shows("Dana");
    // Still offered when an address is typed that ends like hers.
    let seen = hidden(&leo.page, "seen").unwrap();
    let typed =
        [("kind", "reply"), ("to", "adana@customer.example"), ("cc", ""), ("text", ""), ("seen", &seen)];
    leo.post(&format!("/tickets/{number}/replies"), &typed).await.shows("name=\"offer\"");
    reply(&mut leo, &number, "Without Dana.").await;
    assert!(!office.sends(accepted)[0].contains("dana@"));
    leo.get(&format!("/tickets/{number}")).await;
    let seen = hidden(&leo.page, "seen").unwrap();
    let typed = [
        ("kind", "reply"),
        ("to", ANN),
        ("cc", ""),
        ("offer", "Dana <dana@customer.example>"),
        ("text", "With."),
        ("seen", &seen),
    ];
    assert_eq!(leo.post(&format!("/tickets/{number}/replies"), &typed).await.status, StatusCode::SEE_OTHER);
    assert!(office.sends(accepted)[0].contains("dana@customer.example"));
}
