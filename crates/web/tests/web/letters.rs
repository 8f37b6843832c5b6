//! Letters in their frame, files, and the raw message: harmless, and only for those who may see the ticket.
use crate::office::{Browser, Office};
use crate::post::{SUPPORT, html_letter, letter, letter_with};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use std::fs;
use tower::ServiceExt as _;

const POLICY: &str = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
     img-src 'self'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'";
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const HOSTILE: &str = "<p>Hello</p><script>alert(1)</script><img src=x onerror=alert(2)><img src='https://track.example/p.gif'>\
     <a href='javascript:alert(3)'>x</a><form action=https://evil.example><input name=p></form><iframe src=https://evil.example></iframe>\
     <meta http-equiv=refresh content='0;url=https://evil.example'><base href=https://evil.example><svg onload=alert(4)>";

/// The address that stands after `before` on the page.
fn address(page: &str, before: &str) -> String {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("{before} is not in {page}"));
    format!("/tickets/{}", rest.split('"').next().unwrap())
}
fn with_files() -> String {
    let part = |headers: &str, body: &str| format!("--o\r\n{headers}\r\n\r\n{body}\r\n");
    format!(
        "From: Ann <ann@customer.example>\r\nTo: {SUPPORT}\r\nSubject: Lamp\r\nMessage-ID: <lamp@customer.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/related; boundary=o\r\n\r\n{}{}{}{}--o--\r\n",
        part("Content-Type: text/html; charset=utf-8", "<p>See <img src=\"cid:lamp\"></p>"),
        part(
            "Content-Type: image/png; name=lamp.png\r\nContent-ID: <lamp>\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline",
            PNG
        ),
        part(
            "Content-Type: image/png; name=\"x.png\"\r\nContent-Disposition: attachment; filename=\"x.png\"",
            "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
        ),
        part(
            "Content-Type: text/html; name=\"p.html\"\r\nContent-Disposition: attachment; filename=\"p.html\"",
            "<script>alert(1)</script>"
        ),
    )
}
async fn office(raw: &str) -> (Office, String, Browser) {
    let office = Office::with_post();
    let number = office.receives(raw);
    let mut leo = office.leo().await;
    leo.get(&format!("/tickets/{number}")).await;
    (office, number, leo)
}

#[tokio::test]
async fn a_hostile_letter_is_shown_clean_in_a_frame_of_its_own() {
    let (_office, number, mut leo) = office(&html_letter("Eve <eve@evil.example>", "Hi", HOSTILE)).await;
    let page = leo.page.clone();
    assert!(page.contains("sandbox=\"allow-same-origin allow-popups allow-popups-to-escape-sandbox\""));
    assert!(!page.contains("<script>alert"));
    let frame = address(&page, "src=\"/tickets/");
    assert_eq!(frame, format!("/tickets/{number}/entries/1/letter"));
    // Twice: the second comes from the cache and is the same.
    let first = leo.get(&frame).await;
    let second = leo.get(&frame).await;
    assert_eq!(first.body, second.body);
    for answer in [first, second] {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-security-policy"), POLICY);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("cache-control").contains("no-store"));
        answer.shows("Hello").shows("not loaded");
        for bad in [
            "<script",
            "onerror",
            "onload",
            "javascript:",
            "track.example",
            "evil.example",
            "<form",
            "<iframe",
            "http-equiv",
        ] {
            answer.hides(bad);
        }
    }
}

#[tokio::test]
async fn text_and_html_change_places_without_a_script() {
    let (_office, number, mut leo) =
        office(&html_letter("Ann <ann@customer.example>", "Hi", "<p>Only <b>words</b></p>")).await;
    assert!(leo.page.contains("data-form=\"text\" hidden"));
    let page = leo.get(&format!("/tickets/{number}?text=1")).await;
    page.shows("data-form=\"html\" hidden").shows("Only words").hides("data-form=\"text\" hidden");
    page.shows("<iframe").shows("data-src=\"/tickets/");
}

#[tokio::test]
async fn inline_pictures_come_from_the_tickets_own_files() {
    let (_office, number, mut leo) = office(&with_files()).await;
    let letter = leo.get(&format!("/tickets/{number}/entries/1/letter")).await;
    let picture = address(&letter.body, "src=\"/tickets/");
    let answer = leo.get(&picture).await;
    assert_eq!(answer.header("content-type"), "image/png");
    assert!(answer.header("content-disposition").starts_with("inline;"));
    assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
    assert!(answer.header("cache-control").contains("no-store"));
}

#[tokio::test]
async fn what_only_calls_itself_a_picture_is_a_download() {
    let (_office, number, mut leo) = office(&with_files()).await;
    for name in ["x.png", "p.html"] {
        let (before, _) = leo.page.split_once(&format!("<span class=\"file-name\">{name}</span>")).unwrap();
        let id = before.rsplit_once("/attachments/").unwrap().1.split('"').next().unwrap().to_owned();
        let answer = leo.get(&format!("/tickets/{number}/attachments/{id}")).await;
        assert_eq!(answer.header("content-type"), "application/octet-stream", "{name}");
        assert!(answer.header("content-disposition").starts_with("attachment;"), "{name}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        leo.get(&format!("/tickets/{number}")).await;
    }
}

#[tokio::test]
async fn a_file_under_another_ticket_is_not_there() {
    let (office, number, mut leo) = office(&with_files()).await;
    let other = office.receives(&letter("Bert <bert@other.example>", "Else", "?"));
    for what in ["attachments/1", "entries/1/letter", "entries/1/original.eml"] {
        assert_eq!(leo.get(&format!("/tickets/{number}/{what}")).await.status, StatusCode::OK, "{what}");
        let answer = leo.get(&format!("/tickets/{other}/{what}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
        answer.hides("lamp").hides("PNG");
    }
}

#[tokio::test]
async fn the_raw_message_is_what_came() {
    let raw = with_files();
    let (_office, number, mut leo) = office(&raw).await;
    assert!(leo.page.contains(&format!("/tickets/{number}/entries/1/original.eml")));
    let answer = leo.get(&format!("/tickets/{number}/entries/1/original.eml")).await;
    assert_eq!(answer.body, raw);
    assert_eq!(answer.header("content-type"), "message/rfc822");
    assert!(answer.header("content-disposition").starts_with("attachment;"));
    assert!(answer.header("content-security-policy").starts_with("sandbox;"));
}

#[tokio::test]
async fn hostile_names_of_files_stay_text() {
    let more = "Content-Type: application/pdf; name=\"a\"\r\nContent-Disposition: attachment; filename=\"<img src=x onerror=alert(1)>\\\".pdf\"";
    let (_office, number, mut leo) =
        office(&letter_with("Eve <eve@evil.example>", "File", more, "%PDF")).await;
    let page = leo.get(&format!("/tickets/{number}")).await;
    page.hides("<img src=x");
    let answer = leo.get(&format!("/tickets/{number}/attachments/1")).await;
    let disposition = answer.header("content-disposition");
    assert_eq!(disposition.matches('"').count(), 2, "{disposition}");
}

#[tokio::test]
async fn a_large_file_comes_whole_and_one_that_is_damaged_breaks_off() {
    let rows: String = (0..200_000).map(|row| format!("{row},{}\n", row * 7 % 1_000)).collect();
    let more = "Content-Type: text/csv\r\nContent-Disposition: attachment; filename=\"rows.csv\"";
    let raw = letter_with("Ann <ann@customer.example>", "Rows", more, &rows);
    let (office, number, mut leo) = office(&raw).await;
    let paths = ["attachments/1", "entries/1/original.eml"].map(|what| format!("/tickets/{number}/{what}"));
    for path in &paths {
        let answer = leo.get(path).await;
        let expected = if path.ends_with(".eml") { raw.clone() } else { rows.replace('\n', "\r\n") + "\r\n" };
        assert!(answer.body == expected, "{path}: {} bytes", answer.body.len());
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{path}");
        assert!(answer.header("content-disposition").starts_with("attachment;"), "{path}");
        assert!(answer.header("content-security-policy").starts_with("sandbox;"), "{path}");
    }
    for folder in fs::read_dir(office.desk.store.root().join("file")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    for path in &paths {
        let request = leo.request(Method::GET, path).body(Body::empty()).unwrap();
        let response = leo.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(axum::body::to_bytes(response.into_body(), 16 << 20).await.is_err(), "{path}");
    }
}
