//! Files that are attached, also when the session had ended: there again after signing in.
use crate::office::{Answer, Browser, Office, PASSWORD, hidden};
use axum::body::Body;
use axum::http::{Method, header};
use courier::Courier;
use desk::By;
use desk::intake::filing;
use desk::intake::inbox::{self, Arrival};
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox;
use desk::people::session;

const RAW: &[u8] =
    b"From: <ann@porter.example>\r\nSubject: Printer\r\nMessage-ID: <1@porter.example>\r\n\r\nIt burns.\r\n";

/// Ticket 10001.
fn with_ticket(office: &Office) {
    let now = office.clock.now();
    let store = &office.desk.store;
    let stored = store.put(RAW).unwrap();
    let prepared = filing::prepare(store, RAW).unwrap();
    office.write(|tx| {
        let id = mailbox::create(tx, &By::system(now), "support@contoso.example", "Support", 1)?;
        let claim = mailbox::claim(tx, id, now, 60_000, "test")?.unwrap();
        let cursor = Cursor { folder: "INBOX".to_owned(), uid_validity: 1, uid_last: 7, start_after_uid: 0 };
        let arrival = Arrival {
            uid: 7,
            received_at: now,
            stored: stored.clone(),
            content_key: mail::message::ContentKey { key: [5; 32], earlier: None },
            message_id: None,
            head: inbox::Head::default(),
            marks: Vec::new(),
            silent: false,
            same_as: None,
        };
        inbox::record(tx, &claim, &cursor, &[arrival], now)?;
        let claim = inbox::claim_due(tx, now, 60_000, "test", 1)?.remove(0);
        filing::file_alone(tx, &claim, &prepared, now).map(drop)
    });
}

/// The composer's form, as a browser sends it with files.
async fn notes(browser: &mut Browser, page: &str, text: &str, files: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    let token = hidden(page, "form_token").unwrap();
    for (name, value) in [("form_token", token.as_str()), ("kind", "note"), ("text", text)] {
        body.extend(
            format!("--b1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    for (name, bytes) in files {
        let head = format!(
            "--b1\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: application/pdf\r\n\r\n"
        );
        body.extend(head.bytes());
        body.extend_from_slice(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--b1--\r\n");
    let request = browser
        .request(Method::POST, "/tickets/10001/notes")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b1")
        .header(header::ORIGIN, crate::office::SITE)
        .header(header::REFERER, format!("{}/tickets/10001?as=note", crate::office::SITE));
    browser.send(request.body(Body::from(body)).unwrap()).await
}

fn kept(answer: &Answer) -> String {
    answer
        .location()
        .split_once("kept=")
        .unwrap_or_else(|| panic!("{} {}", answer.status, answer.body))
        .1
        .to_owned()
}

async fn signs_in_again(browser: &mut Browser, kept: &str) -> Answer {
    browser.get("/sign-in").await;
    let typed = [
        ("email", "maya@contoso.example"),
        ("password", PASSWORD),
        ("to", "/tickets/10001?as=note"),
        ("kept", kept),
    ];
    let answer = browser.post("/sign-in", &typed).await;
    browser.follow(&answer).await
}

#[tokio::test]
async fn files_of_a_form_whose_session_had_ended_are_there_again_and_go_with_it() {
    let office = Office::staffed();
    with_ticket(&office);
    let mut maya = office.maya().await;
    let page = maya.get("/tickets/10001?as=note").await;
    office.clock.advance(session::IDLE_MS + 1);
    let files: [(&str, &[u8]); 2] = [("plan.pdf", b"%PDF-1.7 the plan"), ("list.pdf", b"%PDF-1.7 the list")];
    let answer = notes(&mut maya, &page.body, "See the plan.", &files).await;
    let kept = kept(&answer);

    let mut leo = office.leo().await;
    leo.get(&format!("/tickets/10001?kept={kept}")).await.hides("plan.pdf").hides("See the plan.");

    let page = signs_in_again(&mut maya, &kept).await;
    page.shows("What you typed is here again").shows("See the plan.").shows("plan.pdf").shows("list.pdf");
    let page = maya.get("/tickets/10001?as=note").await;
    page.shows("See the plan.").shows("plan.pdf"); // a draft by now: a reload loses nothing

    let answer = notes(&mut maya, &page.body, "See the plan.", &[]).await;
    let page = maya.follow(&answer).await;
    page.shows("See the plan.").shows("/tickets/10001/attachments/1");
    assert_eq!(maya.get("/tickets/10001/attachments/1").await.body, "%PDF-1.7 the plan");
    assert_eq!(maya.get("/tickets/10001/attachments/2").await.body, "%PDF-1.7 the list");
    assert!(whole(&office.courier).await);
}

#[tokio::test]
async fn a_kept_file_that_is_too_large_is_named() {
    let office = Office::staffed();
    with_ticket(&office);
    let mut maya = office.maya().await;
    let page = maya.get("/tickets/10001?as=note").await;
    office.clock.advance(session::IDLE_MS + 1);
    let film = vec![b'x'; 24_000_001];
    let answer =
        notes(&mut maya, &page.body, "The film.", &[("film.mp4", &film), ("plan.pdf", b"%PDF")]).await;
    let page = signs_in_again(&mut maya, &kept(&answer)).await;
    page.shows("The film.").shows("plan.pdf").shows("“film.mp4” (24 MB) was left out");
}

#[tokio::test]
async fn a_file_of_several_megabytes_is_taken() {
    let office = Office::staffed();
    with_ticket(&office);
    let mut maya = office.maya().await;
    let page = maya.get("/tickets/10001?as=note").await;
    let film = vec![b'x'; 5_000_000];
    let answer = notes(&mut maya, &page.body, "The film.", &[("film.mp4", &film)]).await;
    maya.follow(&answer).await.shows("film.mp4").shows("5 MB");
}

/// The draft and the kept form are gone with the sending: each file is of the entry alone.
async fn whole(courier: &Courier) -> bool {
    let left = courier.read(|tx| {
        Ok(tx.one::<(i64, i64)>(
            "SELECT (SELECT count(*) FROM draft), (SELECT count(*) FROM kept_form)",
            desk::params![],
        )?)
    });
    left.await.unwrap() == (0, 0)
}
