use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::stage::{ADDRESS, Stage};
use courier::authorize::{self, Action, Banner, CallbackQuery, Session};
use courier::{probe, rounds};
use desk::mailboxes::grant::{self, Grant, State};
use desk::mailboxes::mailbox::Side;
use serde_json::json;
use tokio::sync::watch;

const HOUR: i64 = 3_600_000;

/// A mailbox that was authorized: `access-1` and `refresh-1`, for an hour.
async fn authorized() -> (Stage, PretendProvider, PretendImap) {
    let (stage, imap, provider) = (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
    let public_id = stage.authorized_at(provider.address, imap.address);
    let (session_id, by) = stage.administrator("root@contoso.example");
    let session = Session { session_id, by };
    imap.state().token = Some("access-1".into());
    let courier = &stage.courier;
    let address = authorize::begin(courier, &session, stage.mailbox_id, Side::Incoming).await.unwrap();
    let sent =
        |name: &str| address.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
    provider.answers_tokens(1, 3600, Some(id_token(ADDRESS, &sent("nonce").unwrap(), stage.clock.now())));
    let query = CallbackQuery { code: Some("c".into()), state: sent("state"), ..CallbackQuery::default() };
    authorize::callback(courier, &session, &public_id, query).await.unwrap();
    let mut state = provider.state();
    state.asked.clear();
    state.answers.clear();
    drop(state);
    (stage, provider, imap)
}

fn grant(stage: &Stage) -> Grant {
    stage.read(|tx| grant::latest(tx, stage.mailbox_id, Side::Incoming)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_need_a_token_at_once_ask_the_provider_once_and_the_rotated_one_is_used_next() {
    let (stage, provider, imap) = authorized().await;
    provider.answers_tokens(2, 3600, None);
    imap.state().token = Some("access-2".into());
    stage.clock.advance(HOUR);
    let second_process = stage.another(courier::Process::named("test:two"));
    let asking: Vec<_> = (0..20)
        .map(|number| {
            let courier = if number % 2 == 0 { stage.courier.clone() } else { second_process.clone() };
            let id = stage.mailbox_id;
            tokio::spawn(async move { probe::incoming(&courier, id).await.unwrap() })
        })
        .collect();
    for asked in asking {
        let proof = asked.await.unwrap();
        assert!(proof.ok, "{proof:?}");
    }
    let asked = provider.state().asked.clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0]["grant_type"].as_str(), asked[0]["refresh_token"].as_str()),
        ("refresh_token", "refresh-1")
    );

    provider.state().answers.clear();
    provider.answers_tokens(3, 3600, None);
    imap.state().token = Some("access-3".into());
    stage.clock.advance(2 * HOUR);
    assert!(probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap().ok);
    assert_eq!(provider.state().asked[1]["refresh_token"], "refresh-2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_server_refuses_early_is_replaced_once_and_no_more() {
    let (stage, provider, imap) = authorized().await;
    provider.answers_tokens(2, 3600, None);
    imap.state().token = Some("access-2".into());
    stage.clock.advance(5 * 60_000);
    assert!(probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap().ok);
    assert_eq!(provider.state().asked.len(), 1);

    // A fresh one is refused as well: it is not the token.
    imap.state().token = Some("never".into());
    for _ in 0..3 {
        let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
        assert!(!proof.ok && proof.needs_person, "{proof:?}");
    }
    assert_eq!(provider.state().asked.len(), 1, "the provider is not asked again within a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_from_before_the_clock_was_set_back_is_replaced_when_the_server_refuses_it() {
    let (stage, provider, imap) = authorized().await;
    provider.answers_tokens(2, 3600, None);
    imap.state().token = Some("access-2".into());
    stage.clock.advance(2 * HOUR);
    assert!(probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap().ok);
    let asked = provider.state().asked.len();

    // By this clock it is good for three hours more; the provider's says otherwise.
    stage.clock.advance(-2 * HOUR);
    provider.state().answers.clear();
    provider.answers_tokens(3, 3600, None);
    imap.state().token = Some("access-3".into());
    assert!(probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap().ok);
    assert_eq!(provider.state().asked.len(), asked + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_grant_needs_a_person_keeps_its_token_and_is_not_hammered() {
    let (stage, provider, _imap) = authorized().await;
    provider.answers(
        400,
        json!({ "error": "invalid_grant", "error_codes": [50173],
                "error_description": "AADSTS50173: The grant was revoked.\r\nTrace ID: x" }),
    );
    stage.clock.advance(HOUR);
    for _ in 0..5 {
        let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
        assert!(!proof.ok && proof.needs_person, "{proof:?}");
        stage.clock.advance(60_000);
    }
    assert_eq!(provider.state().asked.len(), 1);
    let lapsed = grant(&stage);
    assert!(lapsed.state == State::Lapsed && lapsed.has_refresh_token, "{lapsed:?}");
    assert!(lapsed.reason.contains("revoked"), "{}", lapsed.reason);

    // The policy is lifted: the old token is good again, without a person.
    provider.state().answers.clear();
    provider.answers_tokens(2, 3600, None);
    stage.clock.advance(7 * HOUR);
    let _ = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(grant(&stage).state, State::Fulfilled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_is_waited_for_and_never_taken_for_a_revocation() {
    let (stage, provider, _imap) = authorized().await;
    provider.answers(503, json!("a proxy's page"));
    stage.clock.advance(HOUR);
    for _ in 0..3 {
        let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
        assert!(!proof.ok && !proof.needs_person, "{proof:?}");
    }
    assert_eq!(provider.state().asked.len(), 1, "at most one try a minute");
    assert_eq!(grant(&stage).state, State::Fulfilled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_round_refreshes_ahead_of_the_end() {
    let (stage, provider, imap) = authorized().await;
    fetches(&stage, true);
    imap.state().token = Some("access-2".into());
    provider.answers_tokens(2, 3600, None);
    stage.clock.advance(HOUR - 6 * 60_000); // a tenth of an hour before the end
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    let now = stage.clock.now();
    crate::stage::until(&stage.courier, || grant(&stage).refreshed_at == Some(now)).await;
    stop.send(true).unwrap();
    rounds.await.unwrap();
    assert_eq!(provider.state().asked.len(), 1);
}

/// The round, a turn a minute, for this long: how often the provider was asked.
async fn asked_within(stage: &Stage, provider: &PretendProvider, minutes: i64) -> usize {
    let before = provider.state().asked.len();
    for _ in 0..minutes {
        stage.clock.advance(60_000);
        for _ in 0..3 {
            rounds::refresh_due(&stage.courier).await.unwrap(); // it looks more often than once a minute
        }
    }
    provider.state().asked.len() - before
}
fn fetches(stage: &Stage, active: bool) {
    let id = stage.mailbox_id;
    stage.write(|tx| {
        Ok(tx.execute("UPDATE mailbox SET active = $2 WHERE id = $1", desk::params![id, active])?)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_day_a_well_grant_is_refreshed_a_little_more_than_once_an_hour() {
    let (stage, provider, _imap) = authorized().await;
    fetches(&stage, true);
    provider.answers_tokens(2, 3600, None);
    let asked = asked_within(&stage, &provider, 24 * 60).await;
    assert!((25..=27).contains(&asked), "every 54 minutes: {asked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_mailboxes_grant_is_refreshed_weekly_and_at_once_when_it_is_needed() {
    let (stage, provider, imap) = authorized().await;
    fetches(&stage, false);
    provider.answers_tokens(2, 3600, None);
    imap.state().token = Some("access-2".into());
    let mut asked = 0;
    for _ in 0..30 * 24 {
        stage.clock.advance(HOUR - 60_000);
        asked += asked_within(&stage, &provider, 1).await;
    }
    assert_eq!(asked, 4, "in thirty days");
    let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert!(proof.ok, "a token that ended in a pause is no set-back: {proof:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_hour_of_trouble_the_provider_is_asked_as_often_as_its_kind_allows() {
    for (status, body, least, most) in [
        (503, json!("a proxy's page"), 5, 8),
        (500, json!({ "error": "server_error" }), 5, 8),
        (
            400,
            json!({ "error": "invalid_grant", "error_codes": [50173], "error_description": "AADSTS50173: x" }),
            1,
            1,
        ),
        (
            401,
            json!({ "error": "invalid_client", "error_codes": [7000222], "error_description": "AADSTS7000222: x" }),
            1,
            2,
        ),
    ] {
        let (stage, provider, _imap) = authorized().await;
        fetches(&stage, true);
        provider.answers(status, body.clone());
        stage.clock.advance(HOUR - 7 * 60_000);
        let asked = asked_within(&stage, &provider, 61).await;
        assert!((least..=most).contains(&asked), "{status} {body}: {asked}");
        // The fault ends: well again by itself.
        provider.state().answers.clear();
        provider.answers_tokens(2, 3600, None);
        assert!(asked_within(&stage, &provider, 7 * 60).await > 0);
        assert_eq!((grant(&stage).state, grant(&stage).reason), (State::Fulfilled, String::new()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_corrected_brings_the_mailbox_back_at_once() {
    let (stage, provider, imap) = authorized().await;
    fetches(&stage, true);
    provider.answers(
        401,
        json!({ "error": "invalid_client", "error_codes": [7000222], "error_description": "AADSTS7000222: x" }),
    );
    stage.clock.advance(HOUR);
    rounds::refresh_due(&stage.courier).await.unwrap();
    let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert!(!proof.ok && provider.state().asked.len() == 1, "{proof:?}");
    assert!(grant(&stage).reason_code.contains("7000222"), "{:?}", grant(&stage));

    provider.state().answers.clear();
    provider.answers_tokens(2, 3600, None);
    imap.state().token = Some("access-2".into());
    stage.clock.advance(1_000); // less than the minute between two tries
    stage.change_client("unguessable", |entered| entered.client_secret = Some("the next secret".into()));
    rounds::refresh_due(&stage.courier).await.unwrap();
    assert_eq!(provider.state().asked.len(), 2);
    assert_eq!((grant(&stage).state, grant(&stage).reason), (State::Fulfilled, String::new()));
    assert!(probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_makes_of_a_new_secret_is_told_at_once_and_nothing_that_works_is_lost() {
    let (stage, provider, _imap) = authorized().await;
    fetches(&stage, true);
    let enter = |secret: &str| {
        stage.clock.advance(1_000);
        stage.change_client("unguessable", |entered| entered.client_secret = Some(secret.into()));
        let (at, id) = (stage.clock.now(), grant(&stage));
        let asked =
            stage.read(|tx| grant::asked_anew(tx, id.client_id, stage.mailbox_id, Side::Incoming, at));
        asked.map(|asked| (asked, at))
    };
    let told = async |(id, at)| authorize::is_taken(&stage.courier, id, at).await.unwrap().unwrap();
    let refusal = json!({ "error": "invalid_client", "error_codes": [7000215], "error_description": "AADSTS7000215: x" });
    provider.answers(401, refusal);
    let Banner::Red { sentence, detail, remedy, action } = told(enter("wrong").unwrap()).await else {
        panic!("a wrong secret is told");
    };
    assert!(sentence.starts_with("Saved, but no access token"), "{sentence}");
    assert!(
        detail.contains("nobody has to authorize again") && remedy.contains("Value"),
        "{detail} {remedy}"
    );
    assert_eq!(action, Action::EnterSecret);
    assert_eq!(grant(&stage).state, State::Fulfilled);
    assert!(probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap().ok, "its token lives");
    // The round has come first: what it was told is told on, and not asked for once more.
    let entered = enter("wrong too").unwrap();
    rounds::refresh_due(&stage.courier).await.unwrap();
    assert!(matches!(told(entered).await, Banner::Red { .. }));
    assert_eq!(provider.state().asked.len(), 2);

    provider.state().answers.clear();
    provider.answers(503, json!("a proxy's page"));
    let away = told(enter("right").unwrap()).await;
    assert!(
        matches!(&away, Banner::Waits { sentence, .. } if sentence.contains("not known yet")),
        "{away:?}"
    );
    provider.state().answers.clear();
    provider.answers_tokens(2, 3600, None);
    let taken = told(enter("right, and another").unwrap()).await;
    assert!(matches!(&taken, Banner::Green { detail, .. } if detail.contains(ADDRESS)), "{taken:?}");
    assert_eq!((grant(&stage).state, grant(&stage).reason), (State::Fulfilled, String::new()));
    assert_eq!(provider.state().asked.len(), 4);
    assert_eq!(enter("right, and another"), None, "the same as before is nothing new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_does_not_open_is_told_and_not_passed_over_in_silence() {
    let (stage, provider, _imap) = authorized().await;
    let id = grant(&stage).id;
    stage.write(|tx| {
        tx.execute("UPDATE consent SET refresh_token = $2 WHERE id = $1", desk::params![id, vec![1_u8; 60]])?;
        tx.execute(
            "UPDATE access_token SET token = $2 WHERE consent_id = $1",
            desk::params![id, vec![1_u8; 60]],
        )?;
        Ok::<_, desk::Error>(())
    });
    stage.clock.advance(8 * 24 * HOUR); // nobody fetches: it is due weekly
    rounds::refresh_due(&stage.courier).await.unwrap();
    let told = grant(&stage);
    assert_eq!((told.state, told.reason_code.as_str()), (State::Fulfilled, "sealed"));
    assert!(told.reason.contains("refresh_token") && told.remedy.contains("postern key show"), "{told:?}");
    assert!(told.refresh_due_at.unwrap() > stage.clock.now(), "not tried without end");
    let events = stage
        .read(|tx| desk::site::event::list(tx, desk::site::event::Subject::Mailbox(stage.mailbox_id), 50));
    assert!(events.iter().any(|event| event.kind == "refresh_refused"), "{events:?}");
    assert!(provider.state().asked.is_empty(), "nobody was asked");
}
