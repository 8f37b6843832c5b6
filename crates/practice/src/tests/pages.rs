//! The mailboxes' pages, their JSON, and the guard in front of every page.

use serde_json::json;

use super::client::{get, post, post_json, request};
use super::{ANN, SUPPORT, start};
use crate::{Fault, Times};

#[tokio::test]
async fn every_page_that_can_be_reached_by_links_is_there() {
    let (practice, _) = start().await;
    practice.register("Postern", super::CALLBACK);
    let mut seen = std::collections::BTreeSet::new();
    let mut open = vec!["/".to_owned()];
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let page = get(&format!("{}{path}", practice.http_url)).await;
        assert_eq!(page.status, 200, "{path}");
        for link in page
            .body
            .split("href=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&"))
        {
            match link.strip_prefix('?') {
                Some(query) => open.push(format!("{}?{query}", path.split('?').next().unwrap())),
                None if link.starts_with('/') => open.push(link),
                None => panic!("{path} links to {link}"),
            }
        }
    }
    for expected in
        ["/portal/users", "/practice/faults", "/mail/support%40contoso.example/INBOX/3/source", "/mail/write"]
    {
        assert!(seen.contains(expected), "{expected} is not linked: {seen:?}");
    }
}

#[tokio::test]
async fn a_customer_answers_a_letter_with_the_right_references() {
    let (practice, _) = start().await;
    let send = format!("{}/mail/send", practice.http_url);
    practice.deliver(ANN, b"From: support@contoso.example\r\nTo: ann.porter@nordwind.example\r\nSubject: Re: Printer\r\nMessage-ID: <b@contoso.example>\r\nReferences: <a@nordwind.example>\r\n\r\nTry this.\r\n");
    let page = get(&format!("{}/mail/{ANN}/INBOX/1", practice.http_url)).await;
    assert!(page.body.contains("Try this.") && page.body.contains("value=\"support@contoso.example\""));
    let fields = [
        ("from", ANN),
        ("to", SUPPORT),
        ("subject", "Re: Printer"),
        ("text", "It works."),
        ("mailbox", ANN),
        ("folder", "INBOX"),
        ("uid", "1"),
    ];
    assert_eq!(post(&send, &fields).await.status, 303);
    let mailbox = get(&format!("{}/mail/{SUPPORT}.json", practice.http_url)).await.json();
    let inbox =
        mailbox["folders"].as_array().unwrap().iter().find(|folder| folder["name"] == "INBOX").unwrap();
    let letter = inbox["letters"].as_array().unwrap().last().unwrap();
    assert_eq!(letter["in_reply_to"], "b@contoso.example");
    assert_eq!(letter["references"], json!(["a@nordwind.example", "b@contoso.example"]));
    assert_eq!(letter["from"], "Ann Porter <ann.porter@nordwind.example>");
    assert_eq!(letter["text"], "It works.");
}

#[tokio::test]
async fn a_letter_with_an_attachment_comes_from_the_browsers_form() {
    let (practice, _) = start().await;
    let part = |head: &str, value: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name={head}\r\n\r\n{value}\r\n")
    };
    let file = "--XX\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"note.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.4\r\n--XX--\r\n";
    let body = [
        part("\"from\"", ANN),
        part("\"to\"", SUPPORT),
        part("\"subject\"", "With a file"),
        part("\"text\"", "See the note."),
        file.to_owned(),
    ]
    .concat();
    let headers =
        [("content-type", "multipart/form-data; boundary=XX"), ("origin", practice.http_url.as_str())];
    let answer = request("POST", &format!("{}/mail/send", practice.http_url), &headers, &body).await.unwrap();
    assert_eq!(answer.status, 303, "{}", answer.body);
    let mailbox = get(&format!("{}/mail/{SUPPORT}.json", practice.http_url)).await.json().to_string();
    assert!(
        mailbox.contains("{\"bytes\":8,\"kind\":\"application/pdf\",\"name\":\"note.pdf\"}"),
        "{mailbox}"
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_a_sentence_and_keeps_the_text() {
    let (practice, _) = start().await;
    let send = format!("{}/mail/send", practice.http_url);
    let refused =
        post(&send, &[("from", ANN), ("to", "nobody@contoso.example"), ("text", "All this <typing>")]).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.body.contains("nobody@contoso.example does not exist")
            && refused.body.contains("All this &#60;typing&#62;")
    );
    for bad in [
        json!({ "from": "", "to": SUPPORT }),
        json!({ "from": ANN, "to": "" }),
        json!({ "from": ANN, "to": "a b@c" }),
        json!({ "from": ANN, "to": SUPPORT, "headers": { "X-A": "b\r\nBcc: c@d" } }),
    ] {
        let answer = post_json(&send, &bad).await;
        assert_eq!(answer.status, 422, "{bad}");
        assert!(answer.json()["error"].is_string());
    }
    let raw =
        post_json(&send, &json!({ "to": SUPPORT, "raw": "Subject: =?utf-8?q?broken\r\n\r\n\u{0}" })).await;
    assert_eq!(raw.json()["delivered"], json!([{ "mailbox": SUPPORT, "uid": 10 }]));
    assert_eq!(get(&format!("{}/mail/{SUPPORT}/INBOX/10", practice.http_url)).await.status, 200);
    assert_eq!(get(&format!("{}/mail/stranger@elsewhere.example.json", practice.http_url)).await.status, 404);
}

#[tokio::test]
async fn other_names_and_other_sites_are_turned_away() {
    let (practice, _) = start().await;
    let rebound = request("GET", &practice.mailboxes_url(), &[("host", "evil.example")], "").await.unwrap();
    assert_eq!(rebound.status, 421);
    let send = format!("{}/mail/send", practice.http_url);
    let form = ("content-type", "application/x-www-form-urlencoded");
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let foreign = request("POST", &send, &[form, ("origin", origin)], "from=a").await.unwrap();
        assert_eq!(foreign.status, 403, "{origin}");
    }
    let page = get(&practice.portal_url()).await;
    assert!(page.headers["content-security-policy"].contains("default-src 'none'"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn faults_are_armed_and_cleared_by_form_and_by_json() {
    let (practice, _) = start().await;
    let url = format!("{}/practice/faults", practice.http_url);
    assert_eq!(post(&url, &[("fault", "token_429"), ("times", "2"), ("only", "")]).await.status, 303);
    assert_eq!(
        post_json(&url, &json!({ "fault": "imap_stalls", "times": 0, "only": SUPPORT })).await.status,
        204
    );
    assert_eq!(practice.faults.armed(Fault::TokenThrottled).unwrap().times, Times::Exactly(2));
    let stalls = practice.faults.armed(Fault::ImapStalls).unwrap();
    assert_eq!((stalls.times, stalls.only.as_deref()), (Times::UntilCleared, Some(SUPPORT)));
    let listed = get(&format!("{url}.json")).await.json();
    let row = listed.as_array().unwrap().iter().find(|row| row["name"] == "token_429").unwrap();
    assert_eq!((&row["place"], &row["armed"]["times"]), (&json!("token"), &json!({ "exactly": 2 })));
    assert!(get(&url).await.body.contains("2 to come"));
    post_json(&format!("{url}/clear"), &json!({ "fault": "token_429" })).await;
    assert!(practice.faults.armed(Fault::TokenThrottled).is_none());
    post(&format!("{url}/clear"), &[]).await;
    assert!(practice.faults.armed(Fault::ImapStalls).is_none());
    assert_eq!(post(&url, &[("fault", "no_such"), ("times", "1")]).await.status, 422);
}
