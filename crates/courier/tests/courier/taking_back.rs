//! A provider hears of every token that has ended, whatever became of the process that ended it.
use crate::pretend_provider::PretendProvider;
use crate::promises::{Try, preset, taken_back};
use crate::stage::ADDRESS;
use courier::{Courier, authorize, rounds};
use desk::mailboxes::grant::{self, TAKING_BACK_MS, TELLING_MS, Whose};
use desk::mailboxes::mailbox::{self, Side};
use desk::site::mail_hold;
use mail::provider::Book;
use serde_json::json;

/// A mailbox that is authorized at a provider which takes tokens back: its grant, and how often the provider was asked.
async fn authorized() -> (Try, Courier, i64, usize) {
    let try_ = Try::at("google").await;
    try_.gives();
    try_.comes_back(try_.query()).await;
    let id = try_.stage.mailbox().incoming.grant_id.unwrap();
    try_.provider.state().answers.clear();
    let home = Book::of(vec![preset("google", &try_.provider, Some(&try_.provider))]);
    let courier = try_.stage.restarted_with(home);
    let asked = try_.provider.state().asked.len();
    (try_, courier, id, asked)
}

/// Ended by a process that is gone before it could tell the provider.
async fn ended_and_gone(try_: &Try, courier: &Courier, id: i64) {
    drop(authorize::watch(courier, vec![Whose::All]).await.unwrap());
    try_.stage.write(|tx| grant::delete_tokens(tx, &try_.stage.by(), id));
}

fn untold(try_: &Try) -> Option<grant::Untold> {
    try_.stage.read(|tx| grant::untold(tx, try_.stage.mailbox_id)).into_iter().next()
}

fn is_kept(try_: &Try, id: i64) -> bool {
    try_.stage.read(|tx| grant::find(tx, id)).unwrap().has_refresh_token
}

fn events(try_: &Try, kind: &str) -> i64 {
    let sql = "SELECT count(*) FROM event WHERE kind = $1";
    try_.stage.read(|tx| Ok(tx.one::<(i64,)>(sql, desk::params![kind])?)).0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_told_the_provider_is_told_by_the_round_after_a_minute_and_once() {
    let (try_, courier, id, before) = authorized().await;
    try_.provider.answers(200, json!({}));
    ended_and_gone(&try_, &courier, id).await;
    rounds::refresh_due(&courier).await.unwrap();
    assert!(taken_back(&try_, before).is_empty(), "whoever ended it may be about to");
    assert!(untold(&try_).is_some());
    try_.stage.clock.advance(TELLING_MS);
    for _ in 0..3 {
        rounds::refresh_due(&courier).await.unwrap();
        try_.stage.clock.advance(TELLING_MS);
    }
    assert_eq!(taken_back(&try_, before), ["refresh-1"]);
    assert_eq!(try_.provider.state().asked.last().unwrap()["client_secret"], "the secret");
    assert_eq!((untold(&try_), events(&try_, "taken_back")), (None, 1));
    assert!(!is_kept(&try_, id), "it is destroyed when it was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_is_told_again_ever_more_seldom_and_after_three_days_no_more() {
    let (try_, courier, id, before) = authorized().await;
    try_.provider.answers(503, json!({ "error": "temporarily_unavailable" }));
    let said = authorize::delete_tokens(&courier, &try_.stage.by(), id).await.unwrap();
    assert!(said.contains("could not be told yet") && said.contains("myaccount.google.com"), "{said}");
    let waits = untold(&try_).unwrap();
    assert!(waits.said.contains("temporarily_unavailable"), "{waits:?}");
    let (began, mut times) = (try_.stage.clock.now(), Vec::new());
    while try_.stage.clock.now() < began + 2 * TAKING_BACK_MS {
        try_.stage.clock.advance(TELLING_MS);
        let asked = try_.provider.state().asked.len();
        rounds::refresh_due(&courier).await.unwrap();
        if try_.provider.state().asked[asked..].iter().any(|form| form.contains_key("token")) {
            times.push(try_.stage.clock.now() - began);
        }
        try_.stage.clock.advance(untold(&try_).map_or(TAKING_BACK_MS, |_| 4 * TELLING_MS));
    }
    assert!((10..30).contains(&times.len()), "{times:?}");
    assert!(times.windows(2).all(|two| two[1] - two[0] >= TELLING_MS), "{times:?}");
    assert_eq!(taken_back(&try_, before).len(), times.len() + 1);
    assert_eq!((events(&try_, "not_taken_back"), events(&try_, "not_taken_back_at_all")), (1, 1));
    assert_eq!(untold(&try_), None);
    assert!(!is_kept(&try_, id), "what was deleted is not kept for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_wants_to_be_left_alone_for_years_keeps_no_token_here() {
    let (try_, courier, id, before) = authorized().await;
    try_.provider.answers(503, json!({ "error": "temporarily_unavailable" }));
    try_.provider.state().retry_after = Some(10 * 365 * 24 * 60 * 60);
    authorize::delete_tokens(&courier, &try_.stage.by(), id).await.unwrap();
    let ended_at = try_.stage.clock.now();
    assert_eq!(untold(&try_).unwrap().next_at, ended_at + TAKING_BACK_MS);
    try_.stage.clock.advance(TAKING_BACK_MS);
    rounds::refresh_due(&courier).await.unwrap();
    assert_eq!(taken_back(&try_, before).len(), 2, "once more, and no further time");
    assert_eq!((untold(&try_), events(&try_, "not_taken_back_at_all")), (None, 1));
    assert!(!is_kept(&try_, id), "it is destroyed at its time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_leads_elsewhere_by_then_moves_neither_the_token_nor_its_new_secret() {
    let (try_, courier, id, before) = authorized().await;
    let elsewhere = PretendProvider::start().await;
    try_.provider.answers(200, json!({}));
    elsewhere.answers(200, json!({}));
    drop(authorize::watch(&courier, vec![Whose::All]).await.unwrap());
    try_.stage.change_client(&try_.public_id, |entered| {
        entered.token_endpoint = format!("http://{}/token", elsewhere.address);
        entered.client_secret = Some("another secret".to_owned().into());
        entered.client_id = "another-client".into();
    });
    try_.stage.clock.advance(TELLING_MS);
    rounds::refresh_due(&courier).await.unwrap();
    assert_eq!(taken_back(&try_, before), ["refresh-1"], "grant {id}");
    let told = try_.provider.state().asked.last().unwrap().clone();
    assert!(!told.contains_key("client_secret") && !told.contains_key("client_id"), "{told:?}");
    assert!(elsewhere.state().asked.is_empty());
}

/// Google ends with one token all that its person has given, also what is given at this moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_back_late_while_somebody_is_signing_in_there() {
    for goes_on in [true, false] {
        let (mut try_, courier, id, before) = authorized().await;
        try_.provider.answers(200, json!({}));
        ended_and_gone(&try_, &courier, id).await;
        let side = Side::Incoming;
        let page = authorize::begin(&courier, &try_.session, try_.stage.mailbox_id, side).await.unwrap();
        try_.stage.clock.advance(TELLING_MS);
        rounds::refresh_due(&courier).await.unwrap();
        assert!(taken_back(&try_, before).is_empty() && untold(&try_).is_some(), "it would end with it");
        if goes_on {
            try_.sent = page.query_pairs().into_owned().collect();
            try_.provider.state().answers.clear();
            try_.gives();
            try_.comes_back(try_.query()).await;
            assert!(try_.stage.mailbox().incoming.grant_id.is_some_and(|new| new != id));
            try_.stage.clock.advance(TELLING_MS);
            rounds::refresh_due(&courier).await.unwrap();
            assert!(taken_back(&try_, before).is_empty(), "the same person's is in use");
            assert_eq!(untold(&try_), None);
        } else {
            try_.stage.clock.advance(10 * TELLING_MS);
            rounds::refresh_due(&courier).await.unwrap();
            assert_eq!(taken_back(&try_, before), ["refresh-1"], "nobody came back");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_back_at_once_either_while_somebody_signs_in_there_for_another_mailbox() {
    let (try_, courier, id, before) = authorized().await;
    try_.provider.answers(200, json!({}));
    let other = try_.stage.write(|tx| {
        let by = try_.stage.by();
        let other = mailbox::create(tx, &by, "billing@contoso.example", "Billing", 1)?;
        let of = mailbox::get(tx, try_.stage.mailbox_id)?.incoming.client_id.unwrap();
        tx.execute("UPDATE mailbox SET in_authentication = 'google' WHERE id = $1", desk::params![other])?;
        mailbox::set_client(tx, &by, other, Side::Incoming, of).map(|()| other)
    });
    authorize::begin(&courier, &try_.session, other, Side::Incoming).await.unwrap();
    let said = authorize::delete_tokens(&courier, &try_.stage.by(), id).await.unwrap();
    assert!(said.contains("somebody may be signing in there"), "{said}");
    assert!(taken_back(&try_, before).is_empty() && untold(&try_).is_some(), "it could end theirs with it");
    try_.stage.clock.advance(11 * TELLING_MS);
    rounds::refresh_due(&courier).await.unwrap();
    assert_eq!(taken_back(&try_, before), ["refresh-1"], "nobody came back");
    assert_eq!((untold(&try_), events(&try_, "taken_back")), (None, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_same_person_gave_elsewhere_goes_on_when_this_registration_leads_to_another_provider() {
    for is_same_provider in [true, false] {
        let (try_, courier, id, before) = authorized().await;
        let elsewhere = PretendProvider::start().await;
        try_.provider.answers(200, json!({}));
        let (given_at, now_at) = (try_.provider.address, elsewhere.address);
        let of_the_other = if is_same_provider { given_at } else { now_at };
        // Another registration, whose endpoint is written a little otherwise.
        try_.stage.write(|tx| {
            let client = "INSERT INTO client (public_id, provider, token_endpoint, created_at)
                          VALUES ('second', 'other', $1, 0) RETURNING id";
            let client = tx.insert(client, desk::params![format!("http://{of_the_other}/token?a=b")])?;
            let sql = "INSERT INTO consent (client_id, mailbox_id, side, state, authorized_by, state_since, created_at,
                              owner_subject, owner_address, refresh_token)
                       SELECT $2, mailbox_id, 'outgoing', 'fulfilled', 'root', state_since, created_at, owner_subject,
                              owner_address, $3 FROM consent WHERE id = $1";
            Ok(tx.execute(sql, desk::params![id, client, &[1_u8; 40]])?)
        });
        drop(authorize::watch(&courier, vec![Whose::All]).await.unwrap());
        try_.stage.change_client(&try_.public_id, |entered| {
            entered.token_endpoint = format!("http://{now_at}/token");
            entered.client_secret = Some("another secret".to_owned().into());
        });
        try_.stage.clock.advance(TELLING_MS);
        rounds::refresh_due(&courier).await.unwrap();
        assert_eq!(taken_back(&try_, before).is_empty(), is_same_provider);
        assert_eq!(untold(&try_), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_on_hold_tells_no_provider_what_the_desk_it_was_copied_from_lives_on() {
    for is_copy in [true, false] {
        let (try_, courier, id, before) = authorized().await;
        try_.provider.answers(200, json!({}));
        let backup_of = is_copy.then(|| try_.stage.clock.now());
        try_.stage.write(|tx| mail_hold::begin(tx, &try_.stage.by(), backup_of));
        let said = authorize::delete_tokens(&courier, &try_.stage.by(), id).await.unwrap();
        assert_eq!(taken_back(&try_, before).is_empty(), is_copy, "{said}");
        assert_eq!(said.contains("restored from a backup"), is_copy, "{said}");
        assert_eq!(untold(&try_), None, "and nothing is kept for later");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_taken_back_keeps_no_other_from_it() {
    let (try_, courier, id, before) = authorized().await;
    // A newer sign-in of another person, whose proof did not hold.
    let newer = try_.stage.write(|tx| {
        let sql = "INSERT INTO consent (client_id, mailbox_id, side, state, authorized_by, state_since, created_at, owner_subject)
                   SELECT client_id, mailbox_id, side, 'unproved', 'root', state_since, created_at, 'boss'
                   FROM consent WHERE id = $1 RETURNING id";
        Ok(tx.insert(sql, desk::params![id])?)
    });
    try_.provider.answers(200, json!({}));
    let (by, mailbox_id) = (try_.stage.by(), try_.stage.mailbox_id);
    let said = authorize::delete_tokens_of(&courier, &by, mailbox_id, Side::Incoming).await.unwrap();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(taken_back(&try_, before), ["refresh-1"]);
    for id in [id, newer] {
        let state = try_.stage.read(|tx| grant::find(tx, id)).unwrap().state;
        assert_eq!(state, grant::State::Revoked, "{ADDRESS}");
    }
}
