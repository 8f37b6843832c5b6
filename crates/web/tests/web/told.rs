//! What the pages tell of a mailbox by themselves: trouble, what a provider said, what is about to be refused, and what happened.
use crate::mailboxes::{MICROSOFT, SECRET, TENANT, idp, with_config, with_email};
use crate::office::Office;
use axum::http::StatusCode;
use desk::mailboxes::balance::{self, Asked, Compared, Counts, Older};
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{self, Round};
use desk::{By, params};

#[tokio::test]
async fn a_mailbox_that_needs_a_person_is_said_on_every_page_of_an_administrator_only() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    let round = Round::NeedsPerson {
        code: "AADSTS7000222".to_owned(),
        reason: "Microsoft says the client secret <has> expired.".to_owned(),
        remedy: "Make a new secret and enter it.".to_owned(),
        next_at: office.clock.now() + 60_000,
    };
    let by = By::system(office.clock.now());
    office.write(|tx| {
        let settled = mailbox::find(tx, 1)?.unwrap();
        assert_eq!(settled.address, "support@contoso.example");
        mailbox::settle_outgoing(tx, 1, &round, by.at)
    });
    for path in ["/profile", "/agents", "/mailboxes", "/mailboxes/1"] {
        let page = maya.get(path).await;
        page.shows("support@contoso.example has sent no mail since")
            .shows("client secret &#60;has&#62; expired")
            .shows("/mailboxes/1/outgoing");
    }
    office.leo().await.get("/profile").await.hides("sends no mail").hides("secret");
}

#[tokio::test]
async fn removing_asks_first_and_the_email_is_gone_from_the_pages() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    maya.get("/mailboxes/1/remove").await.shows("Its tickets and their mail stay");
    maya.get("/mailboxes").await.shows("support@contoso.example");
    let answer = maya.post("/mailboxes/1/remove", &[]).await;
    maya.follow(&answer).await.shows("The email is removed").hides("href=\"/mailboxes/1\"");
    assert_eq!(maya.get("/mailboxes/1").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_the_provider_says_when_an_email_is_removed_is_told_once() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    office.write(|tx| {
        let client = tx.insert(
            "INSERT INTO client (public_id, provider, name, created_at) VALUES ('x', 'microsoft', 'Contoso', 0)
             RETURNING id",
            desk::params![],
        )?;
        let grant = tx.insert(
            "INSERT INTO consent (client_id, mailbox_id, side, state, refresh_token, state_since, created_at)
             VALUES ($1, 1, 'incoming', 'fulfilled', $2, 0, 0) RETURNING id",
            desk::params![client, &[1_u8; 8]],
        )?;
        let bound = "UPDATE mailbox SET in_authentication = 'microsoft', in_client_id = $1, in_grant_id = $2 WHERE id = 1";
        Ok(tx.execute(bound, desk::params![client, grant])?)
    });
    let answer = maya.post("/mailboxes/1/remove", &[]).await;
    let page = maya.follow(&answer).await;
    page.shows("The email is removed")
        .shows("Microsoft has no way to be told")
        .shows("https://myapps.microsoft.com");
    maya.get("/mailboxes").await.hides("Microsoft has no way to be told");
}

#[tokio::test]
async fn a_password_that_the_provider_takes_no_more_is_warned_of_where_it_is_entered() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    let warning = "takes no passwords for reading mail";
    maya.get("/mailboxes/1/remote").await.hides(warning);
    let mut typed = MICROSOFT.to_vec();
    typed[0].1 = "outlook.office365.com";
    typed[1].1 = "993";
    typed[3].1 = "password";
    typed.push(("password", "imap-passw0rd"));
    let answer = maya.post("/mailboxes/1/remote", &typed).await;
    maya.follow(&answer).await.shows(warning);
    let outgoing = [
        ("host", "smtp.office365.com"),
        ("port", "587"),
        ("security", "starttls"),
        ("authentication", "password"),
        ("password", "imap-passw0rd"),
        ("status", "disabled"),
    ];
    maya.get("/mailboxes/1/outgoing").await.hides(warning);
    let answer = maya.post("/mailboxes/1/outgoing", &outgoing).await;
    maya.follow(&answer).await.shows(warning);
    // Of a server that nothing is known of there is nothing to say.
    typed[0].1 = "imap.contoso.example";
    let answer = maya.post("/mailboxes/1/remote", &typed).await;
    maya.follow(&answer).await.hides(warning);
}

#[tokio::test]
async fn a_new_secret_is_among_what_happened() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let endpoint = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize");
    let mut form = idp(&endpoint, "", TENANT);
    form.push(("do", "save"));
    let answer = maya.post("/mailboxes/1/remote/authorization", &form).await;
    maya.follow(&answer).await;
    maya.get("/mailboxes/1/remote").await.shows("entered a new client secret").hides(SECRET);
}

/// An authorized mailbox whose tokens nothing opens here: a provider is not asked.
pub fn authorized(office: &Office) {
    let now = office.clock.now();
    office.write(|tx| {
        tx.insert(
            "INSERT INTO consent (client_id, mailbox_id, side, state, refresh_token, refresh_due_at, state_since, created_at)
             VALUES (1, 1, 'incoming', 'fulfilled', $1, $2, 0, 0) RETURNING id",
            params![&[1_u8; 40], now + 3_600_000],
        )?;
        Ok(tx.execute(
            "UPDATE mailbox SET in_grant_id = 1, active = 1, in_host = 'imap.example', state = 'ok', out_state = 'ok',
                    out_authentication = 'same', out_active = 1, last_fetch_at = $1 WHERE id = 1",
            params![now],
        )?)
    });
}

#[tokio::test]
async fn a_new_secret_that_brings_no_token_is_told_where_it_was_entered() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let endpoint = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize");
    let mut form = idp(&endpoint, "", TENANT);
    form.push(("do", "save"));
    let answer = maya.post("/mailboxes/1/remote/authorization", &form).await;
    maya.follow(&answer).await.shows("Saved.");
    authorized(&office);
    // Nothing new in it.
    let answer = maya.post("/mailboxes/1/remote/authorization", &form).await;
    maya.follow(&answer).await.shows("Saved.").hides("no access token was to be had");
    let secret = form.iter_mut().find(|(name, _)| *name == "client_secret").unwrap();
    secret.1 = "another secret";
    let answer = maya.post("/mailboxes/1/remote/authorization", &form).await;
    let page = maya.follow(&answer).await;
    page.shows("Saved, but no access token was to be had with it").hides("\">Config</a></p>");
    maya.get("/mailboxes/1/remote/authorization").await.hides("no access token was to be had");
}

#[tokio::test]
async fn a_mailbox_on_hold_is_not_green_and_names_no_next_try() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    authorized(&office);
    maya.get("/mailboxes/1/remote").await.shows("mail is fetched").hides("none: mail is on hold");
    office
        .write(|tx| desk::site::mail_hold::begin(tx, &desk::By::system(office.clock.now()), None).map(drop));
    let page = maya.get("/mailboxes/1/remote").await;
    page.shows("none: mail is on hold").hides("mail is fetched").hides("dot good").hides("mail is sent");
    page.hides("mail is on hold <span");
    maya.get("/mailboxes").await.shows("mail is on hold").hides("mail is fetched");
}

#[tokio::test]
async fn a_token_that_somebody_deleted_stops_both_sides_and_neither_is_unfinished() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    for was_fetched in [true, false] {
        authorized(&office);
        let now = office.clock.now();
        office.write(|tx| {
            if !was_fetched {
                tx.execute("UPDATE mailbox SET last_fetch_at = NULL", params![])?;
            }
            let id = tx.one::<(i64,)>("SELECT max(id) FROM consent", params![])?.0;
            tx.execute("UPDATE mailbox SET in_grant_id = $1", params![id])?;
            grant::delete_tokens(tx, &desk::By::system(now), id)
        });
        let page = maya.get("/mailboxes/1/remote").await;
        page.shows("gets no mail").shows("sends no mail").shows("was deleted").hides("not authorized yet");
    }
}

#[tokio::test]
async fn a_set_up_that_nobody_has_authorized_yet_is_no_outage_and_a_try_that_is_not_proved_says_so() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let (now, (code, reason, remedy)) = (office.clock.now(), grant::NOT_AUTHORIZED);
    office.write(|tx| {
        tx.execute("UPDATE mailbox SET active = 1, in_host = 'imap.example' WHERE id = 1", params![])?;
        let claim = mailbox::claim(tx, 1, now, 0, "test")?.unwrap();
        let (code, reason, remedy) = (code.into(), reason.into(), remedy.into());
        mailbox::settle(tx, &claim, &Round::NeedsPerson { code, reason, remedy, next_at: now }, now).map(drop)
    });
    let page = maya.get("/mailboxes").await;
    page.shows("not authorized yet").hides("has got no mail since");
    maya.get("/mailboxes/1/remote").await.shows("Fill in what is missing in Config").hides("Prove again");
    office.write(|tx| {
        tx.insert(
            "INSERT INTO consent (client_id, mailbox_id, side, state, state_since, created_at, reason_code, reason, remedy)
             VALUES (1, 1, 'incoming', 'unproved', 0, 0, 'x', 'IMAP is switched off.', 'Tick IMAP.') RETURNING id",
            params![],
        )?;
        Ok(tx.execute(
            "INSERT INTO access_token (consent_id, resource, token, scopes, expires_at) VALUES (1, 'x', $2, '', $1)",
            params![now + 3_600_000, &[1_u8; 40]],
        )?)
    });
    maya.get("/mailboxes/1/remote").await.shows("authorized, not proved").shows("/mailboxes/1/remote/prove");
    let page = maya.get("/mailboxes").await;
    page.shows("IMAP is switched off.").hides("Nobody has authorized").hides("The token in use ends");
}

#[tokio::test]
async fn a_mailbox_says_what_is_on_its_server_and_here_and_fetches_what_is_not() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    maya.get("/mailboxes/1").await.hides("on the server").hides("unaccounted");
    let now = office.clock.now();
    let compared = |counts: Counts| {
        let reason = if counts.unaccounted > 0 { "Rows were <lost>." } else { "" }.to_owned();
        let older = Older::default();
        let (folder, asked) = ("INBOX".to_owned(), Asked::Nothing);
        let compared = Compared {
            folder,
            uid_validity: 1,
            counts,
            reason,
            older,
            asked,
            standing: String::new(),
            listing: None,
        };
        office.write(|tx| {
            tx.execute(
                "UPDATE mailbox SET active = 1, state = 'ok', in_host = 'imap.x' WHERE id = 1",
                params![],
            )?;
            balance::keep(tx, 1, &compared, now)
        });
    };
    compared(Counts { held: 1_204, left: 0, older: 0, waiting: 0, unaccounted: 0 });
    for path in ["/mailboxes", "/mailboxes/1"] {
        maya.get(path).await.shows("1,204 on the server · 1,204 held · 0 unaccounted").hides("Fetch what is");
    }
    compared(Counts { held: 1_198, left: 2, older: 300, waiting: 1, unaccounted: 3 });
    for path in ["/mailboxes", "/mailboxes/1"] {
        maya.get(path)
            .await
            .shows("1,504 on the server · 1,198 held · 2 left there · 300 older than the start · 1 on their way · 3 unaccounted")
            .shows("3 messages in the folder INBOX are on the server and not here. Rows were &#60;lost&#62;.")
            .shows("action=\"/mailboxes/1/unaccounted\"");
    }
    let answer = maya.post("/mailboxes/1/unaccounted", &[]).await;
    maya.follow(&answer)
        .await
        .shows("is fetched in a moment")
        .shows("Asked for")
        .hides("/mailboxes/1/comparison");
    let asked = office.write(|tx| balance::find(tx, 1, "INBOX")).unwrap().asked;
    assert_eq!(asked, Asked::Fetch);
    let answer = maya.post("/mailboxes/1/unaccounted/cancellation", &[]).await;
    maya.follow(&answer)
        .await
        .shows("It is not fetched.")
        .hides("Asked for")
        .shows("/mailboxes/1/comparison");
    maya.get("/mailboxes/1").await.shows("cancelled the fetching of what is unaccounted");
    compared(Counts { held: 1_504, left: 0, older: 0, waiting: 0, unaccounted: 0 });
    let answer = maya.post("/mailboxes/1/comparison", &[]).await;
    maya.follow(&answer).await.shows("It is compared in a moment").shows("asked for what is unaccounted");

    office.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 0 WHERE id = 1", params![])?));
    let answer = maya.post("/mailboxes/1/unaccounted", &[]).await;
    maya.follow(&answer).await.shows("fetching is off");
}

#[tokio::test]
async fn folders_are_chosen_and_each_says_how_it_is() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    maya.get("/mailboxes/1/folders").await.shows("Ask the server").shows("<strong>INBOX</strong>");
    // Without a server there is nobody to ask.
    let answer = maya.post("/mailboxes/1/folders", &[]).await;
    maya.follow(&answer).await.shows("The folders could not be listed.");
    let answer = maya.post("/mailboxes/1/folders/choice", &[]).await;
    assert_eq!(answer.status, axum::http::StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("Choose at least one folder.");
    let chosen = [("folder", "Archiv/Süd & Nord"), ("folder", "INBOX")];
    let answer = maya.post("/mailboxes/1/folders/choice", &chosen).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote?done=folders");
    let form = maya.follow(&answer).await;
    form.shows("The next round reads these folders.").shows(">INBOX\nArchiv/Süd &#38; Nord</textarea>");
    let folders = || {
        let mailbox = office.write(|tx| desk::mailboxes::mailbox::get(tx, 1));
        mailbox.folders().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(folders(), ["INBOX", "Archiv/Süd & Nord"], "the first stays the first");

    // The form itself takes one a line.
    let mut typed = crate::mailboxes::MICROSOFT.to_vec();
    typed.extend([("folder", "Sales\r\nINBOX\r\n"), ("host", "imap.x"), ("port", "993")]);
    maya.post("/mailboxes/1/remote/config", &typed).await;
    assert_eq!(folders(), ["Sales", "INBOX"]);
    office.write(|tx| {
        let no = ("Sales".to_owned(), "There is no folder <Sales>.".to_owned());
        balance::note_troubles(tx, 1, &[no])?;
        tx.execute(
            "UPDATE mailbox SET active = 1, state = 'needs_person', reason_code = 'some_folders', last_fetch_at = 1,
             reason = 'The folder “Sales” is not well; the others are fetched. It is gone.' WHERE id = 1",
            params![],
        )?;
        balance::note_uncounted(tx, 1, ("INBOX", 1), "It said no.", 0)
    });
    let page = maya.get("/mailboxes/1").await;
    page.shows("title=\"There is no folder &#60;Sales&#62;.\"")
        .shows("not all folders are fetched")
        .shows("is not fetched whole since")
        .hides("gets no mail")
        .shows("The folder INBOX cannot be counted: It said no.")
        .shows("not counted yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_holds_mail_says_so_on_the_page_of_the_hold() {
    let office = Office::staffed().holding_mail();
    let page = office.maya().await.get("/mail").await;
    page.shows("started with <code>--hold-mail</code>").hides("Mail moves").hides("Put mail on hold");
}
