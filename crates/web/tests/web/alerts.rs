//! The list of emails as one screen, and the page of alerts.
use crate::office::{NOON, Office};
use axum::http::StatusCode;
use desk::alerts::look::{self, Asked};
use desk::mailboxes::mailbox::{self, Round};
use desk::people::agent::Role;
use desk::{By, params};

/// A mailbox that is fetched and sends, by password.
fn mailbox(office: &Office, address: &str) -> i64 {
    let by = By::system(NOON);
    office.write(|tx| {
        let id = mailbox::create(tx, &by, address, "Support", 1)?;
        tx.execute(
            "UPDATE mailbox SET out_host = 'smtp.example', out_active = 1, out_authentication = 'password', active = 1,
                 in_host = 'imap.example', in_authentication = 'password', state = 'ok', out_state = 'ok',
                 activated_at = 1 WHERE id = $1",
            params![id],
        )?;
        Ok(id)
    })
}
fn breaks(office: &Office, id: i64) {
    let now = office.clock.now();
    let round = Round::NeedsPerson {
        code: "535".into(),
        reason: "It was refused.".into(),
        remedy: "Enter the password again.".into(),
        next_at: now,
    };
    office.write(|tx| mailbox::settle_outgoing(tx, id, &round, now));
}
fn look(office: &Office) {
    let (now, asked) =
        (office.clock.now(), Asked { site_url: crate::office::SITE.into(), random: office.courier.random() });
    office.write(|tx| look::look(tx, &asked, now));
}

#[tokio::test]
async fn the_strip_is_one_line_with_the_worst_and_a_count_and_agents_do_not_see_it() {
    let office = Office::staffed();
    let (one, two) = (mailbox(&office, "one@contoso.example"), mailbox(&office, "two@contoso.example"));
    breaks(&office, one);
    let (mut maya, mut leo) = (office.maya().await, office.leo().await);
    let page = maya.get("/tickets").await;
    page.shows("one@contoso.example has sent no mail since")
        .shows("It was refused.")
        .hides("Enter the password again.");
    page.shows("Put it right").hides("more.");
    office.clock.advance(60_000);
    breaks(&office, two);
    let page = maya.get("/tickets").await;
    page.shows("one@contoso.example has sent no mail since")
        .shows("And 1 more.")
        .shows("/mailboxes?state=needs");
    assert_eq!(page.body.matches("banner bad strip").count(), 1);
    leo.get("/tickets").await.hides("contoso.example has sent").hides("banner bad strip");
    maya.get("/mailboxes?state=needs").await.shows("one@contoso.example").shows("two@contoso.example");
    maya.get("/mailboxes?state=off").await.shows("No email is off");
    // Both are broken, and there is no third one.
    look(&office);
    office.clock.advance(5 * 60_000);
    look(&office);
    maya.get("/tickets").await.shows("No other email can send");
    let page = maya.get("/mailboxes").await;
    page.shows("told on these pages only");
    assert_eq!(page.body.matches("No other email can send").count(), 1, "said once on a page");
}

#[tokio::test]
async fn each_line_has_the_one_button_that_fits() {
    let office = Office::staffed();
    let ids: Vec<i64> =
        ["a", "b", "c", "d"].map(|name| mailbox(&office, &format!("{name}@contoso.example"))).to_vec();
    office.write(|tx| {
        tx.execute("UPDATE mailbox SET active = 0, state = 'paused' WHERE id = $1", params![ids[1]])?;
        let client = tx.insert(
            "INSERT INTO client (public_id, provider, name, client_secret, secret_expires_at, created_at)
             VALUES ('x', 'microsoft', 'Contoso', $1, $2, 0) RETURNING id",
            params![&[1_u8; 40], NOON + 10 * 24 * 3_600_000],
        )?;
        for (id, state) in [(ids[2], "lapsed"), (ids[3], "fulfilled")] {
            let grant = tx.insert(
                "INSERT INTO consent (client_id, mailbox_id, side, state, state_since, created_at)
                 VALUES ($1, $2, 'incoming', $3, 0, 0) RETURNING id",
                params![client, id, state],
            )?;
            tx.execute(
                "UPDATE mailbox SET in_authentication = 'microsoft', in_client_id = $2, in_grant_id = $3 WHERE id = $1",
                params![id, client, grant],
            )?;
        }
        Ok(())
    });
    let mut maya = office.maya().await;
    let page = maya.get("/mailboxes").await;
    let line = |address: &str| {
        let (_, rest) = page.body.split_once(&format!(">{address}</a>")).unwrap();
        rest.split_once("</tr>").unwrap().0.to_owned()
    };
    for (address, button) in [
        ("a@contoso.example", "Fetch now"),
        ("b@contoso.example", "Resume"),
        ("c@contoso.example", "Authorize again"),
        ("d@contoso.example", "Open Config…"),
    ] {
        let line = line(address);
        assert!(line.contains(button), "{address}: {line}");
        assert_eq!(line.matches("class=\"button").count(), 1, "{address}: {line}");
    }
    assert!(
        line("c@contoso.example").contains("consent lapsed")
            && line("d@contoso.example").contains("secret for 10 days")
    );
    let answer = maya.post(&format!("/mailboxes/{}/fetch", ids[0]), &[]).await;
    maya.follow(&answer).await.shows("It is fetched in a moment.");
    let answer = maya.post(&format!("/mailboxes/{}/silence", ids[0]), &[("watched", "0")]).await;
    maya.follow(&answer).await.shows("Tell me of a silence");
}

#[tokio::test]
async fn a_hundred_emails_are_a_page_and_the_rest_is_the_next() {
    let office = Office::staffed();
    for number in 0..130 {
        mailbox(&office, &format!("box{number:03}@contoso.example"));
    }
    let mut maya = office.maya().await;
    let first = maya.get("/mailboxes").await;
    first.shows("box099@contoso.example").hides("box100@contoso.example").shows("after=box099");
    maya.get("/mailboxes?state=&after=box099@contoso.example")
        .await
        .shows("box100@")
        .shows("box129@")
        .hides("box099@");
}

#[tokio::test]
async fn the_webhooks_secret_is_shown_once_and_tests_say_what_became_of_them() {
    let office = Office::staffed();
    let id = mailbox(&office, "one@contoso.example");
    let mut maya = office.maya().await;
    maya.get("/alerts").await.shows("every active administrator").shows("maya@contoso.example");
    let typed = [("recipients", "ops@elsewhere.example"), ("secret_url", "http://hooks.example/x")];
    let answer = maya.post("/alerts", &typed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("must begin with https://").shows("ops@elsewhere.example");
    let typed = [("recipients", "ops@elsewhere.example"), ("secret_url", "https://hooks.example/x")];
    let answer = maya.post("/alerts", &typed).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.shows("it is not shown again").shows("postern_");
    assert!(answer.header("cache-control").contains("no-store"), "{:?}", answer.headers);
    let again = maya.post("/alerts", &typed).await;
    // A second click on the button: the page of the first is gone.
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    maya.follow(&again).await.shows("postern_").shows("it is not shown again");
    maya.get("/alerts").await.hides("postern_").shows("https://hooks.example/x");
    office.clock.advance(60_000);
    maya.follow(&again).await.hides("postern_");
    office.clock.advance(-60_000);
    office.hire("kim@contoso.example", "Kim Vogt", Role::Administrator);
    let mut other = office.signed_in("kim@contoso.example").await;
    other.follow(&again).await.hides("postern_");

    let answer = maya.post("/alerts/mail/test", &[]).await;
    maya.follow(&answer).await.shows("On its way through one@contoso.example.");
    let answer = maya.post("/alerts/webhook/test", &[]).await;
    maya.follow(&answer).await.shows("Goes out in a moment.");
    breaks(&office, id);
    maya.get("/alerts").await;
    let answer = maya.post("/alerts/mail/test", &[]).await;
    let page = maya.follow(&answer).await;
    page.shows("within the last half minute");
    assert_eq!(page.status, StatusCode::OK, "what is loaded again sends nothing again");
    office.write(|tx| Ok(tx.execute("UPDATE notice SET created_at = created_at - 30000", params![])?));
    let answer = maya.post("/alerts/mail/test", &[]).await;
    maya.follow(&answer).await.shows("No email can send now");
    maya.get("/alerts").await.hides("No email can send now");
    for loaded_again in ["/alerts/mail/test", "/alerts/webhook/test", "/alerts/webhook/secret"] {
        assert_eq!(maya.get(loaded_again).await.location(), "/alerts");
    }
    maya.get("/alerts").await;
    let answer = maya.post("/alerts/webhook/secret", &[]).await;
    answer.shows("postern_");
    maya.get("/alerts").await;
    let answer = maya.post("/alerts", &[("recipients", ""), ("secret_url", "")]).await;
    maya.follow(&answer).await.hides("Send a test to the webhook").hides("hooks.example");
}

#[tokio::test]
async fn a_well_mailbox_whose_token_cannot_be_renewed_says_so_and_until_when_it_lives() {
    let office = Office::staffed();
    let id = mailbox(&office, "a@contoso.example");
    let ends_at = NOON + 20 * 60_000;
    office.write(|tx| {
        let client = tx.insert(
            "INSERT INTO client (public_id, provider, name, created_at) VALUES ('x', 'microsoft', 'Contoso', 0)
             RETURNING id",
            params![],
        )?;
        let grant = tx.insert(
            "INSERT INTO consent (client_id, mailbox_id, side, state, state_since, created_at, reason_code, reason, remedy)
             VALUES ($1, $2, 'incoming', 'fulfilled', 0, 0, 'refresh_retry', 'The provider is throttled.',
                 'Nothing to do: Postern tries again by itself.') RETURNING id",
            params![client, id],
        )?;
        tx.execute(
            "INSERT INTO access_token (consent_id, resource, token, scopes, expires_at) VALUES ($1, 'r', $2, '', $3)",
            params![grant, &[1_u8; 40], ends_at],
        )?;
        let bound = "UPDATE mailbox SET in_authentication = 'microsoft', in_client_id = $2, in_grant_id = $3 WHERE id = $1";
        Ok(tx.execute(bound, params![id, client, grant])?)
    });
    let mut maya = office.maya().await;
    let page = maya.get(&format!("/mailboxes/{id}/remote")).await;
    page.shows("mail is fetched").shows("renewal fails").shows("The token in use ends");
    page.shows("The provider is throttled. Nothing to do: Postern tries again by itself.");
    office.write(|tx| {
        let sql = "UPDATE consent SET reason_code = '', reason = '', remedy = '' WHERE mailbox_id = $1";
        Ok(tx.execute(sql, params![id])?)
    });
    maya.get(&format!("/mailboxes/{id}/remote"))
        .await
        .shows("token ends")
        .hides("renewal fails")
        .hides("throttled");
}

#[tokio::test]
async fn an_open_question_is_answered_from_the_list_until_its_time_is_over() {
    let office = Office::staffed();
    let id = mailbox(&office, "one@contoso.example");
    let until = office.clock.now() + 60_000;
    office.write(|tx| {
        let client = tx.insert(
            "INSERT INTO client (public_id, provider, name, created_at)
             VALUES ('x', 'microsoft', 'Contoso', 0) RETURNING id",
            params![],
        )?;
        tx.execute(
            "INSERT INTO consent (client_id, mailbox_id, side, state, state_since, created_at, pending_until, disputed_until)
             VALUES ($1, $2, 'outgoing', 'pending', 0, 0, $3, $3)",
            params![client, id, until],
        )?;
        Ok(())
    });
    let mut maya = office.maya().await;
    maya.get("/mailboxes")
        .await
        .shows("Another address has signed in:")
        .shows("Answer…")
        .shows(&format!("/mailboxes/{id}/outgoing"));
    office.clock.advance(60_001);
    maya.get("/mailboxes").await.hides("Another address has signed in:").shows("Fetch now");
}

#[tokio::test]
async fn where_no_person_signs_in_nobody_is_asked_to() {
    let office = Office::staffed();
    let id = mailbox(&office, "one@contoso.example");
    let by = |flow: &'static str, provider: &'static str| {
        office.write(|tx| {
            tx.execute("UPDATE client SET public_id = 'old' || id WHERE public_id = 'x'", params![])?;
            let client = tx.insert(
                "INSERT INTO client (public_id, provider, flow, name, created_at)
                 VALUES ('x', $1, $2, 'Contoso', 0) RETURNING id",
                params![provider, flow],
            )?;
            tx.execute(
                "UPDATE mailbox SET in_authentication = $3, in_client_id = $2 WHERE id = $1",
                params![id, client, if provider == "microsoft" { "microsoft" } else { "other" }],
            )?;
            Ok(())
        });
    };
    let mut maya = office.maya().await;
    let path = format!("/mailboxes/{id}/remote");
    by("app_only", "microsoft");
    let page = maya.get(&path).await;
    page.shows("nobody: the application itself").hides("nobody yet").hides("Other ways");
    by("code", "microsoft");
    maya.get(&path).await.shows("nobody yet").shows("/remote/authorization?ways=open#ways");
    let ways = format!("{path}/authorization?ways=open");
    maya.get(&ways).await.shows("Get a code").shows("Use this address");
    by("code", "nowhere");
    maya.get(&ways).await.hides("Get a code").shows("not known to give codes").shows("Use this address");
}

#[tokio::test]
async fn what_was_told_stays_as_it_was_told() {
    let office = Office::staffed();
    let id = mailbox(&office, "one@contoso.example");
    breaks(&office, id);
    look(&office);
    let mut maya = office.maya().await;
    maya.get("/alerts").await.shows("one@contoso.example sends no mail");
    maya.get(&format!("/mailboxes/{id}/remote"))
        .await
        .shows("raised an alert")
        .hides("told the administrators");
    // It works again: what was said then is not what would be said now.
    office.write(|tx| Ok(tx.execute("UPDATE mailbox SET out_state = 'ok' WHERE id = $1", params![id])?));
    look(&office);
    maya.get("/alerts").await.shows("one@contoso.example sends no mail").hides("will send no mail soon");
}

#[tokio::test]
async fn why_nobody_could_be_told_is_no_answer_once_somebody_else_is_named() {
    let office = Office::staffed();
    let one = mailbox(&office, "one@contoso.example");
    breaks(&office, one);
    look(&office);
    office.clock.advance(5 * 60_000);
    look(&office);
    let mut maya = office.maya().await;
    maya.get("/mailboxes").await.shows("told on these pages only");
    let answer = maya.post("/alerts", &[("recipients", "ops@nordwind.example"), ("secret_url", "")]).await;
    maya.follow(&answer).await;
    maya.get("/mailboxes").await.hides("told on these pages only");
}
