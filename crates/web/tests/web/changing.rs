//! What the tabs of a System Email do at once, and what a change of its settings ends: *Fetch now*, another protocol, folders.
use crate::mailboxes::{MICROSOFT, with_config};
use crate::office::Office;
use crate::told::authorized;
use axum::http::StatusCode;
use desk::mailboxes::{grant, mailbox};
use desk::params;

#[tokio::test]
async fn each_tab_fetches_now_and_says_when_that_is() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let remote = "/mailboxes/1/remote";
    maya.get(remote).await.hides("Fetch now");
    let answer = maya.post("/mailboxes/1/fetch", &[("tab", "remote")]).await;
    maya.follow(&answer).await.shows("Nothing was fetched.").shows("Fetching is off. Start it first.");
    authorized(&office);
    for (tab, page) in
        [("account", "/mailboxes/1"), ("remote", remote), ("outgoing", "/mailboxes/1/outgoing")]
    {
        maya.get(page).await.shows("Fetch now").shows(&format!("name=\"tab\" value=\"{tab}\""));
        office.write(|tx| Ok(tx.execute("UPDATE mailbox SET due_at = 9000000000000", params![])?));
        let answer = maya.post("/mailboxes/1/fetch", &[("tab", tab)]).await;
        assert_eq!(answer.location(), format!("{page}?done=fetched"));
        maya.follow(&answer).await.shows("It is fetched in a moment.");
        let due = office.write(|tx| Ok(mailbox::find(tx, 1)?.unwrap().due_at));
        assert_eq!(due, office.clock.now());
    }
    office
        .write(|tx| desk::site::mail_hold::begin(tx, &desk::By::system(office.clock.now()), None).map(drop));
    for button in ["fetch", "comparison"] {
        let answer = maya.post(&format!("/mailboxes/1/{button}"), &[("tab", "remote")]).await;
        maya.follow(&answer).await.shows("Mail is on hold: it is ").hides("in a moment");
    }
    let answer = maya.post("/mailboxes/1/fetch", &[]).await;
    maya.follow(&answer).await.shows("Mail is on hold: it is fetched as soon as that is released.");
}

/// The form of a mailbox at Microsoft, with these fields in place of its own.
fn microsoft_with<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let is_other = |name: &str| fields.iter().all(|(other, _)| *other != name);
    let others = MICROSOFT.into_iter().filter(|(name, _)| is_other(name));
    others.chain(fields.iter().copied()).collect()
}

#[tokio::test]
async fn a_change_of_protocol_says_that_it_ended_the_authorization_and_that_nobody_failed() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    authorized(&office);
    office.write(|tx| {
        // Somebody began to sign in, and did not come back.
        tx.execute(
            "INSERT INTO consent (client_id, mailbox_id, side, state, pending_until, state_since, created_at)
             VALUES (1, 1, 'incoming', 'pending', 1, 0, 0)",
            params![],
        )?;
        Ok(tx.execute("UPDATE mailbox SET in_host = 'outlook.office365.com' WHERE id = 1", params![])?)
    });
    let host = ("host", "outlook.office365.com");
    let to_graph = microsoft_with(&[host, ("protocol", "graph"), ("status", "enabled")]);
    let answer = maya.post("/mailboxes/1/remote", &to_graph).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote?done=saved.ended", "{}", answer.body);
    maya.follow(&answer)
        .await
        .shows("Saved. That ended the authorization")
        .shows("Maya Kern changed the settings, which ended a sign-in that had not come back")
        .shows("Maya Kern ended its authorization")
        .hides("could not authorize it");
    let (code, reason, remedy) = office.write(|tx| grant::why_none(tx, 1, mailbox::Side::Incoming));
    assert_eq!(code, "not_authorized");
    assert_eq!(reason, "The authorization ended when Protocol was changed from IMAP to Microsoft Graph.");
    assert!(remedy.starts_with("Authorize it again: "), "{remedy}");
    // A change that ends nothing says nothing of it.
    let answer = maya.post("/mailboxes/1/remote", &[&to_graph[..], &[("batch", "60")]].concat()).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote?done=saved", "{}", answer.body);
}

#[tokio::test]
async fn what_was_typed_is_there_after_folders_were_chosen_from_the_server() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    maya.get("/mailboxes/1/remote").await.shows("formaction=\"/mailboxes/1/remote/folders\"");
    let typed =
        microsoft_with(&[("host", "outlook.office365.com"), ("frequency", "300"), ("fetched", "read")]);
    let answer = maya.post("/mailboxes/1/remote/folders", &typed).await;
    assert_eq!(answer.location(), "/mailboxes/1/folders", "{}", answer.body);
    let page = maya.get("/mailboxes/1/remote").await;
    page.shows("name=\"frequency\" inputmode=\"numeric\" value=\"300\"").shows("value=\"read\" selected");
    // What cannot be saved is on the page, with why.
    let typed = microsoft_with(&[("host", "outlook.office365.com"), ("frequency", "soon")]);
    let refused = maya.post("/mailboxes/1/remote/folders", &typed).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows("Fetch Frequency: a number from").shows("value=\"soon\"");
    assert_eq!(maya.get("/mailboxes/1/remote/folders").await.location(), "/mailboxes/1/remote");
}

#[tokio::test]
async fn pop3_empties_the_field_that_it_hides_and_says_so() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let host = ("host", "outlook.office365.com");
    let two = microsoft_with(&[host, ("protocol", "imap"), ("folder", "INBOX\nProjekte")]);
    maya.post("/mailboxes/1/remote", &two).await;
    let folders = || {
        let found = office.write(|tx| mailbox::find(tx, 1)).unwrap();
        found.folders().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(folders(), ["INBOX", "Projekte"]);
    let pop3 = microsoft_with(&[host, ("protocol", "pop3"), ("folder", "INBOX\nProjekte")]);
    let answer = maya.post("/mailboxes/1/remote", &pop3).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote?done=saved.emptied", "{}", answer.body);
    maya.follow(&answer).await.shows("Saved. POP3 has one folder: Mail Folder is empty now.");
    assert_eq!(folders(), ["INBOX"]);
}
