//! What a careful client of OAuth promises (RFC 9700), a test a promise; those of one endpoint alone are in wire.
use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::stage::{ADDRESS, Stage, apart};
use courier::Courier;
use courier::authorize::{self, Banner, CallbackQuery, Landing, Session};
use desk::mailboxes::client::{self, OTHER};
use desk::mailboxes::grant::{self, NewDevice};
use desk::mailboxes::mailbox::Side;
use desk::params;
use mail::provider::{Book, Preset};
use serde_json::{Value, json};
use std::collections::HashMap;

pub struct Try {
    pub stage: Stage,
    pub provider: PretendProvider,
    _imap: PretendImap,
    pub session: Session,
    pub public_id: String,
    pub sent: HashMap<String, String>,
}

impl Try {
    pub async fn at(provider: &str) -> Try {
        let (stage, imap, pretend) =
            (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
        let scopes = Book::builtin().find(provider).map_or("openid mail".to_owned(), Preset::scopes);
        let public_id = stage.registered_at(pretend.address, imap.address, provider, &scopes);
        imap.state().token = Some("access-1".into());
        let (session_id, by) = stage.administrator("root@contoso.example");
        let session = Session { session_id, by };
        let (courier, id) = (&stage.courier, stage.mailbox_id);
        let page = authorize::begin(courier, &session, id, Side::Incoming).await.unwrap();
        let sent = page.query_pairs().into_owned().collect();
        Try { stage, provider: pretend, _imap: imap, session, public_id, sent }
    }

    pub fn query(&self) -> CallbackQuery {
        let state = self.sent.get("state").cloned();
        CallbackQuery { code: Some("the-code".into()), state, ..CallbackQuery::default() }
    }

    /// The token endpoint's answer to the code.
    pub fn gives(&self) {
        let token = id_token(ADDRESS, &self.sent["nonce"], self.stage.clock.now());
        let scope = self.sent.get("scope").cloned().unwrap_or_default();
        self.provider.answers(
            200,
            json!({ "access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600,
                    "id_token": token, "scope": scope }),
        );
    }

    pub async fn comes_back(&self, query: CallbackQuery) -> Landing {
        authorize::callback(&self.stage.courier, &self.session, &self.public_id, query).await.unwrap()
    }
}

fn red(landing: Landing) -> (String, String, String) {
    match landing {
        Landing::Tab { banner: Banner::Red { sentence, detail, remedy, .. }, .. } => {
            (sentence, detail, remedy)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sign_in_at_every_provider_is_bound_to_a_verifier_of_its_own() {
    let book = Book::builtin().presets().iter().filter(|preset| preset.oauth2.is_some());
    let mut challenges = Vec::new();
    for provider in book.map(|preset| preset.key.as_str()).chain([OTHER]) {
        let try_ = Try::at(provider).await;
        assert_eq!(try_.sent["code_challenge_method"], "S256", "{provider}");
        assert_eq!(try_.sent["response_type"], "code", "{provider}");
        try_.gives();
        let landing = try_.comes_back(try_.query()).await;
        assert!(
            matches!(landing, Landing::Tab { banner: Banner::Green { .. }, .. }),
            "{provider}: {landing:?}"
        );
        let asked = try_.provider.state().asked[0].clone();
        assert_eq!(wire::oauth::pkce(&asked["code_verifier"]), try_.sent["code_challenge"], "{provider}");
        assert!(asked["code_verifier"].len() >= 43, "{provider}");
        assert!(
            !try_.sent.values().any(|value| *value == asked["code_verifier"]),
            "{provider}: it stays here"
        );
        challenges.push(try_.sent["code_challenge"].clone());
        let again =
            authorize::begin(&try_.stage.courier, &try_.session, try_.stage.mailbox_id, Side::Incoming).await;
        let again: HashMap<_, _> = again.unwrap().query_pairs().into_owned().collect();
        assert_ne!(again["code_challenge"], try_.sent["code_challenge"], "{provider}: once");
    }
    assert!(challenges.len() > 4, "{challenges:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_is_kept_as_a_hash_and_the_verifier_sealed() {
    let try_ = Try::at("microsoft").await;
    let kept = || {
        let sql = "SELECT state_hash, verifier FROM consent ORDER BY id LIMIT 1";
        let read =
            |tx: &mut desk::db::Tx<'_>| Ok(tx.one::<(Option<Vec<u8>>, Option<Vec<u8>>)>(sql, params![])?);
        try_.stage.read(read)
    };
    let (Some(hash), Some(verifier)) = kept() else { panic!("nothing is kept of a try") };
    try_.gives();
    try_.comes_back(try_.query()).await;
    let asked = try_.provider.state().asked[0].clone();
    let holds = |bytes: &[u8], text: &str| {
        bytes.windows(16).any(|piece| text.as_bytes().windows(16).any(|t| t == piece))
    };
    assert_eq!(hash.len(), 32);
    assert!(!holds(&hash, &try_.sent["state"]) && !holds(&verifier, &asked["code_verifier"]));
    assert_eq!(kept(), (None, None), "used up: nothing is left of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_at_another_registrations_callback_reaches_no_token_endpoint() {
    let try_ = Try::at("microsoft").await;
    let evil = PretendProvider::start().await;
    evil.answers(200, json!({ "access_token": "a", "refresh_token": "r" }));
    let stage = &try_.stage;
    stage.write(|tx| {
        let id = client::create(tx, &stage.courier.desk().providers, &stage.by(), OTHER, "of-somebody-else")?;
        let endpoint = format!("http://{}/token", evil.address);
        let sql =
            "UPDATE client SET client_id = 'c', active = 1, scopes = 'mail', authorization_endpoint = $2,
                       token_endpoint = $2 WHERE id = $1";
        Ok(tx.execute(sql, params![id, endpoint])?)
    });
    // The provider of one registration is asked and the other one answers: the code goes to neither.
    let landing = authorize::callback(&stage.courier, &try_.session, "of-somebody-else", try_.query()).await;
    assert!(matches!(landing.unwrap(), Landing::Unknown { .. }));
    assert!(evil.state().asked.is_empty() && try_.provider.state().asked.is_empty());
    try_.gives();
    let landing = try_.comes_back(try_.query()).await;
    assert!(matches!(landing, Landing::Tab { banner: Banner::Green { .. }, .. }), "{landing:?}");
    assert!(evil.state().asked.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_in_another_issuers_name_is_not_told_as_the_providers() {
    let google = |at: &PretendProvider| preset("google", at, None);
    let try_ = Try::at("google").await;
    let restarted = try_.stage.restarted_with(Book::of(vec![google(&try_.provider)]));
    let refused = CallbackQuery {
        code: None,
        error: Some("access_denied".into()),
        error_description: Some("Call 555 to get help.".into()),
        iss: Some("https://evil.example".into()),
        ..try_.query()
    };
    let landing = authorize::callback(&restarted, &try_.session, &try_.public_id, refused).await.unwrap();
    let (sentence, detail, _) = red(landing);
    assert!(
        sentence.contains("https://evil.example") && sentence.contains("https://accounts.google.com"),
        "{sentence}"
    );
    assert!(!format!("{sentence}{detail}").contains("555"), "{sentence} {detail}");
}

/// A preset led to this provider, which takes tokens back there or elsewhere.
pub fn preset(key: &str, at: &PretendProvider, takes_back: Option<&PretendProvider>) -> Preset {
    let mut preset = Book::builtin().find(key).unwrap().clone();
    let oauth2 = preset.oauth2.as_mut().unwrap();
    oauth2.authorization_endpoint = format!("http://{}/authorize", at.address);
    oauth2.token_endpoint = format!("http://{}/token", at.address);
    oauth2.revocation_endpoint = takes_back.map(|at| format!("http://{}/revoke", at.address));
    preset
}

async fn deleted(courier: &Courier, try_: &Try) -> String {
    let id = try_.stage.read(|tx| grant::latest(tx, try_.stage.mailbox_id, Side::Incoming)).unwrap().id;
    authorize::delete_tokens(courier, &try_.stage.by(), id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_that_is_changed_at_a_restart_moves_no_kept_secret_to_another_origin() {
    for is_home in [true, false] {
        let (try_, elsewhere) = (Try::at("google").await, PretendProvider::start().await);
        try_.gives();
        let landing = try_.comes_back(try_.query()).await;
        assert!(matches!(landing, Landing::Tab { banner: Banner::Green { .. }, .. }), "{landing:?}");
        for provider in [&elsewhere, &try_.provider] {
            provider.state().answers.clear();
            provider.answers(200, json!({}));
        }
        let at = if is_home { &try_.provider } else { &elsewhere };
        let restarted = try_.stage.restarted_with(Book::of(vec![preset("google", &try_.provider, Some(at))]));
        let said = deleted(&restarted, &try_).await;
        assert!(elsewhere.state().asked.is_empty(), "token and secret were entered for another origin");
        let home = try_.provider.state().asked.last().unwrap().clone();
        assert_eq!(home.get("token").map(String::as_str), is_home.then_some("refresh-1"), "{home:?}");
        let words = if is_home { "took it back too" } else { "https://myaccount.google.com/connections" };
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preset_with_another_token_endpoint_moves_no_kept_secret_at_a_restart() {
    let (try_, elsewhere) = (Try::at("google").await, PretendProvider::start().await);
    try_.gives();
    try_.comes_back(try_.query()).await;
    elsewhere.answers(200, json!({ "access_token": "stolen", "refresh_token": "stolen" }));
    let moved = Book::of(vec![preset("google", &elsewhere, Some(&elsewhere))]);
    let restarted = try_.stage.restarted_with(moved);
    try_.provider.state().answers.clear();
    try_.provider.answers(200, json!({ "access_token": "access-1", "expires_in": 3600 }));
    try_.stage.clock.advance(3_600_000);
    assert!(courier::probe::incoming(&restarted, try_.stage.mailbox_id).await.unwrap().ok);
    assert_eq!(try_.provider.state().asked.last().unwrap()["refresh_token"], "refresh-1");
    let page =
        authorize::begin(&restarted, &try_.session, try_.stage.mailbox_id, Side::Incoming).await.unwrap();
    assert_eq!(page.port(), Some(try_.provider.address.port()), "the entered one is asked");
    deleted(&restarted, &try_).await;
    assert!(elsewhere.state().asked.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_has_a_bad_hour_is_not_told_as_a_wrong_token_endpoint() {
    let answer = |status: u16, body: Value| (status, body);
    for ((status, body), words, not) in [
        (
            answer(503, json!({ "error": "temporarily_unavailable", "error_codes": [90033] })),
            "Authorize it again in a few minutes.",
            "Token Endpoint",
        ),
        (answer(503, json!("a proxy's page")), "check the Token Endpoint", "in a few minutes"),
    ] {
        let try_ = Try::at("microsoft").await;
        try_.provider.answers(status, body);
        let (sentence, _, remedy) = red(try_.comes_back(try_.query()).await);
        assert!(remedy.contains(words) && !remedy.contains(not), "{sentence} {remedy}");
    }
}

/// Somebody else has signed in at a provider that takes tokens back, and it is asked what the mailbox is.
async fn disputed() -> (Try, Courier) {
    let try_ = Try::at("google").await;
    let token = id_token("boss@contoso.example", &try_.sent["nonce"], try_.stage.clock.now());
    let scope = try_.sent.get("scope").cloned().unwrap_or_default();
    try_.provider.answers(
        200,
        json!({ "access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600,
                "id_token": token, "scope": scope }),
    );
    try_.comes_back(try_.query()).await;
    try_.provider.state().answers.clear();
    try_.provider.answers(200, json!({}));
    let home = Book::of(vec![preset("google", &try_.provider, Some(&try_.provider))]);
    let restarted = try_.stage.restarted_with(home);
    (try_, restarted)
}

/// The same person has given something for another side, which is in use.
fn given_elsewhere(try_: &Try) {
    try_.stage.write(|tx| {
        let sql =
            "INSERT INTO consent (client_id, mailbox_id, side, state, authorized_by, state_since, created_at, owner_subject, refresh_token)
             SELECT client_id, mailbox_id, 'outgoing', 'fulfilled', 'root', state_since, created_at, 'o@t', $1
             FROM consent ORDER BY id LIMIT 1";
        Ok(tx.execute(sql, params![&[1_u8; 40]])?)
    });
}

/// A try at a provider that takes tokens back and has no discovery document; the person may have given something for
/// another side.
async fn unchecked(is_shared: bool) -> (Try, Courier) {
    let try_ = Try::at("google").await;
    let mut home = preset("google", &try_.provider, Some(&try_.provider));
    home.oauth2.as_mut().unwrap().discovery_endpoint = None;
    let restarted = try_.stage.restarted_with(Book::of(vec![home]));
    if is_shared {
        given_elsewhere(&try_);
    }
    (try_, restarted)
}

/// Which tokens the provider was told to take back since then.
pub fn taken_back(try_: &Try, before: usize) -> Vec<String> {
    try_.provider.state().asked[before..].iter().filter_map(|form| form.get("token").cloned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_nobody_said_a_word_about_are_taken_back_unless_another_mailbox_would_stop() {
    for is_shared in [false, true] {
        let (try_, restarted) = disputed().await;
        if is_shared {
            given_elsewhere(&try_);
        }
        let asks = async || {
            authorize::question(&restarted, try_.stage.mailbox_id, Side::Incoming).await.unwrap().is_some()
        };
        let before = try_.provider.state().asked.len();
        assert!(asks().await);
        assert_eq!(try_.provider.state().asked.len(), before, "they may be used yet");
        try_.stage.clock.advance(10 * 60_000);
        assert!(!asks().await);
        assert_eq!(taken_back(&try_, before), if is_shared { vec![] } else { vec!["refresh-1"] });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_wait_for_a_word_are_taken_back_when_another_sign_in_begins_or_the_mailbox_goes() {
    for is_removed in [false, true] {
        let (try_, restarted) = disputed().await;
        let (id, before) = (try_.stage.mailbox_id, try_.provider.state().asked.len());
        if is_removed {
            authorize::remove(&restarted, &try_.stage.by(), id).await.unwrap();
        } else {
            authorize::begin(&restarted, &try_.session, id, Side::Incoming).await.unwrap();
        }
        assert_eq!(taken_back(&try_, before), ["refresh-1"], "removed: {is_removed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_is_given_when_its_session_has_ended_meanwhile_is_taken_back() {
    for is_shared in [false, true] {
        let (try_, restarted) = unchecked(is_shared).await;
        let new = NewDevice {
            client_id: try_.stage.mailbox().incoming.client_id.unwrap(),
            mailbox_id: try_.stage.mailbox_id,
            side: Side::Incoming,
            session_id: try_.session.session_id,
            process: None,
            device_code: "the-device-code".to_owned().into(),
            user_code: "ABCD".into(),
            verification_uri: "https://login.example/device".into(),
            interval_s: 5,
            expires_at: try_.stage.clock.now() + 60_000,
        };
        let vault = &try_.stage.courier.desk().vault;
        let id = try_.stage.write(|tx| grant::begin_device(tx, vault, &try_.session.by, &new, [9; 24]));
        try_.stage.clock.advance(5_000);
        let token = id_token(ADDRESS, "", try_.stage.clock.now());
        try_.provider.answers(
            200,
            json!({ "access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600,
                    "id_token": token, "scope": try_.sent["scope"] }),
        );
        try_.provider.answers(200, json!({}));
        let (courier, session_id, now) = (restarted.clone(), try_.session.session_id, try_.stage.clock.now());
        try_.provider.state().meanwhile = Some(Box::new(move || {
            apart(|| courier.desk().db.write(|tx| desk::people::session::end(tx, session_id, now)).unwrap());
        }));
        authorize::poll_devices(&restarted, None).await.unwrap();
        let ended = try_.stage.read(|tx| grant::find(tx, id)).unwrap();
        assert_eq!((ended.state, ended.has_refresh_token), (grant::State::Failed, false), "{ended:?}");
        assert!(ended.reason.contains("signed out"), "{ended:?}");
        assert_eq!(taken_back(&try_, 0), if is_shared { vec![] } else { vec!["refresh-1"] });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_is_exchanged_for_an_answer_that_does_not_come_from_who_was_asked() {
    for (said, is_taken) in
        [(None, false), (Some("https://evil.example"), false), (Some("https://id.example"), true)]
    {
        let try_ = Try::at("google").await;
        let at = |path: &str| Some(format!("http://{}/{path}", try_.provider.address));
        let mut home = preset("google", &try_.provider, None);
        let oauth2 = home.oauth2.as_mut().unwrap();
        (oauth2.issuer, oauth2.profile, oauth2.userinfo_endpoint) = (None, None, at("userinfo"));
        oauth2.discovery_endpoint = at(".well-known/openid-configuration");
        let restarted = try_.stage.restarted_with(Book::of(vec![home]));
        try_.provider.answers(
            200,
            json!({ "issuer": "https://id.example", "authorization_response_iss_parameter_supported": true }),
        );
        try_.provider.answers(
            200,
            json!({ "access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600,
                    "scope": try_.sent["scope"] }),
        );
        try_.provider.answers(200, json!({ "sub": "s", "email": ADDRESS }));
        let query = CallbackQuery { iss: said.map(str::to_owned), ..try_.query() };
        let landing = authorize::callback(&restarted, &try_.session, &try_.public_id, query).await.unwrap();
        let was_exchanged = try_.provider.state().asked.iter().any(|form| form.contains_key("code"));
        assert_eq!(was_exchanged, is_taken, "{said:?}: {landing:?}");
        if is_taken {
            assert!(matches!(landing, Landing::Tab { banner: Banner::Green { .. }, .. }), "{landing:?}");
        } else {
            assert!(red(landing).0.contains("https://id.example"), "{said:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sign_in_brings_and_is_not_kept_is_taken_back_unless_another_mailbox_would_stop() {
    let narrowed = |token: &str| json!({ "id_token": token, "scope": "openid email" });
    let refused =
        |_: &str| json!({ "id_token": "no.token.atall", "scope": "openid email https://mail.google.com/" });
    for (is_shared, answer, is_taken_back) in [
        (false, &narrowed as &dyn Fn(&str) -> Value, true),
        (true, &narrowed, false),
        (false, &refused, true),
        (true, &refused, false),
    ] {
        let (try_, restarted) = unchecked(is_shared).await;
        let token = id_token(ADDRESS, &try_.sent["nonce"], try_.stage.clock.now());
        let mut given = answer(&token);
        for (name, value) in [("access_token", json!("access-1")), ("refresh_token", json!("refresh-1"))] {
            given[name] = value;
        }
        given["expires_in"] = json!(3600);
        try_.provider.answers(200, given);
        try_.provider.answers(200, json!({}));
        let landing = authorize::callback(&restarted, &try_.session, &try_.public_id, try_.query()).await;
        let (sentence, _, _) = red(landing.unwrap());
        assert!(!sentence.is_empty());
        let expected = if is_taken_back { vec!["refresh-1"] } else { vec![] };
        assert_eq!(taken_back(&try_, 0), expected, "{is_shared}: {sentence}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_whom_no_subject_is_known_are_two_people_by_their_addresses() {
    let (lena, nora) = (("", Some("lena@contoso.example")), ("", Some("nora@contoso.example")));
    for (mine, other, is_same) in [
        (lena, nora, false),
        (lena, ("", Some("Lena@contoso.example")), true),
        (lena, ("", None), true),
        (("", None), nora, true),
        (("one", None), ("two", None), false),
        (("one", None), ("one", None), true),
        (("one", Some("lena@contoso.example")), lena, true),
        (("one", Some("lena@contoso.example")), nora, false),
    ] {
        let try_ = Try::at("google").await;
        given_elsewhere(&try_);
        let found = try_.stage.write(|tx| {
            let sql = "UPDATE consent SET owner_subject = $2, owner_address = $3 WHERE id = $1";
            tx.execute(sql, params![1, mine.0, mine.1])?;
            tx.execute(sql, params![2, other.0, other.1])?;
            grant::same_person_elsewhere(tx, 1)
        });
        assert_eq!(found.is_some(), is_same, "{mine:?} {other:?}");
    }
}
