use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::stage::{ADDRESS, Stage};
use courier::authorize::{self, Banner, CallbackQuery, Landing, Session};
use desk::mailboxes::grant::{self, State};
use desk::mailboxes::mailbox::Side;
use std::collections::HashMap;

struct Try {
    stage: Stage,
    provider: PretendProvider,
    imap: PretendImap,
    session: Session,
    public_id: String,
    /// What the address of the sign-in page carried.
    sent: HashMap<String, String>,
}

async fn begun() -> Try {
    let (stage, imap, provider) = (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
    let public_id = stage.authorized_at(provider.address, imap.address);
    let (session_id, by) = stage.administrator("root@contoso.example");
    let session = Session { session_id, by };
    imap.state().token = Some("access-1".into());
    let address = authorize::begin(&stage.courier, &session, stage.mailbox_id, Side::Incoming).await.unwrap();
    let sent = address.query_pairs().into_owned().collect();
    Try { stage, provider, imap, session, public_id, sent }
}

impl Try {
    fn query(&self) -> CallbackQuery {
        CallbackQuery {
            code: Some("the-code".into()),
            state: self.sent.get("state").cloned(),
            ..CallbackQuery::default()
        }
    }
    fn signs_in_as(&self, address: &str) {
        let token = id_token(address, &self.sent["nonce"], self.stage.clock.now());
        self.provider.answers_tokens(1, 3600, Some(token));
    }
    async fn comes_back(&self, query: CallbackQuery) -> Landing {
        authorize::callback(&self.stage.courier, &self.session, &self.public_id, query).await.unwrap()
    }
    fn grant(&self) -> Option<grant::Grant> {
        self.stage.read(|tx| grant::latest(tx, self.stage.mailbox_id, Side::Incoming))
    }
}

fn unknown(landing: &Landing) -> bool {
    matches!(landing, Landing::Unknown { .. })
}

fn banner(landing: Landing) -> Banner {
    match landing {
        Landing::Tab { banner, .. } => banner,
        Landing::Unknown { sentence } => panic!("{sentence}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sign_in_page_is_asked_for_this_mailbox_and_nothing_secret_is_in_its_address() {
    let try_ = begun().await;
    for (name, value) in [
        ("response_type", "code"),
        ("response_mode", "query"),
        ("prompt", "select_account"),
        ("login_hint", ADDRESS),
        ("code_challenge_method", "S256"),
        ("client_id", "the-client"),
        ("redirect_uri", "http://localhost:8080/oauth/callback/unguessable"),
    ] {
        assert_eq!(try_.sent.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(try_.sent["state"].len() >= 43 && try_.sent["nonce"].len() >= 43);
    assert_ne!(try_.sent["state"], try_.sent["nonce"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_answer_is_proved_and_then_used() {
    let try_ = begun().await;
    try_.signs_in_as(ADDRESS);
    match banner(try_.comes_back(try_.query()).await) {
        Banner::Green { sentence, detail } => {
            assert!(sentence.contains(ADDRESS) && detail.contains("INBOX"), "{sentence} {detail}");
        }
        red => panic!("{red:?}"),
    }
    let grant = try_.grant().unwrap();
    assert_eq!(grant.state, State::Fulfilled);
    assert_eq!(grant.owner_address.as_deref(), Some(ADDRESS));
    assert_eq!(try_.stage.mailbox().incoming.grant_id, Some(grant.id));
    let asked = &try_.provider.state().asked[0];
    assert_eq!(asked["grant_type"], "authorization_code");
    assert_eq!(asked["client_secret"], "the secret");
    assert_eq!(wire::oauth::pkce(&asked["code_verifier"]), try_.sent["code_challenge"]);
    assert_eq!(asked["redirect_uri"], try_.sent["redirect_uri"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_counts_once_in_its_session_at_its_registration_and_in_time() {
    let try_ = begun().await;
    try_.signs_in_as(ADDRESS);
    let courier = &try_.stage.courier;
    assert!(unknown(&try_.comes_back(CallbackQuery { state: None, ..try_.query() }).await), "missing");
    let wrong = CallbackQuery { state: Some("wrong".into()), ..try_.query() };
    assert!(unknown(&try_.comes_back(wrong).await), "wrong");

    let (session_id, by) = try_.stage.administrator("eve@contoso.example");
    let foreign = Session { session_id, by };
    let landing = authorize::callback(courier, &foreign, &try_.public_id, try_.query()).await.unwrap();
    assert!(unknown(&landing), "another session");

    let landing = authorize::callback(courier, &try_.session, "another", try_.query()).await.unwrap();
    assert!(unknown(&landing), "another registration");

    // An error counts only with the right state, too.
    let forged = CallbackQuery {
        error: Some("access_denied".into()),
        error_description: Some("<b>call 555</b>".into()),
        state: Some("wrong".into()),
        ..CallbackQuery::default()
    };
    match try_.comes_back(forged).await {
        Landing::Unknown { sentence } => assert!(!sentence.contains("555")),
        tab => panic!("{tab:?}"),
    }
    assert!(try_.provider.state().asked.is_empty(), "no code was exchanged till now");

    assert!(!unknown(&try_.comes_back(try_.query()).await), "none of these used it up");
    assert!(unknown(&try_.comes_back(try_.query()).await), "replayed");
    assert_eq!(try_.provider.state().asked.len(), 1);

    let late = begun().await;
    late.signs_in_as(ADDRESS);
    late.stage.clock.advance(10 * 60_000 + 1);
    assert!(unknown(&late.comes_back(late.query()).await), "too late");
    assert!(late.provider.state().asked.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_persons_sign_in_is_explained_and_its_tokens_are_not_used() {
    let try_ = begun().await;
    try_.signs_in_as("boss@contoso.example");
    match banner(try_.comes_back(try_.query()).await) {
        Banner::Red { sentence, remedy, retry, .. } => {
            assert!(sentence.contains("boss@contoso.example") && sentence.contains(ADDRESS), "{sentence}");
            assert!(remedy.contains("Strict Matching") && !retry, "{remedy}");
        }
        green => panic!("{green:?}"),
    }
    assert!(try_.grant().is_none());
    assert!(try_.imap.log().is_empty(), "nobody signed in with them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_shown_in_the_providers_words() {
    let try_ = begun().await;
    let refused = CallbackQuery {
        code: None,
        error: Some("access_denied".into()),
        error_description: Some("AADSTS65004: The user declined.\r\nTrace ID: a\r\nTimestamp: b".into()),
        ..try_.query()
    };
    match banner(try_.comes_back(refused).await) {
        Banner::Red { detail, remedy, retry, .. } => {
            assert!(detail.contains("The user declined.") && !detail.contains("Trace ID"), "{detail}");
            assert!(!remedy.is_empty() && !retry);
        }
        green => panic!("{green:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_proof_keeps_the_new_grant_and_the_old_one_stays_in_use() {
    let try_ = begun().await;
    try_.signs_in_as(ADDRESS);
    try_.comes_back(try_.query()).await;
    let old = try_.grant().unwrap();

    let (courier, id) = (&try_.stage.courier, try_.stage.mailbox_id);
    let address = authorize::begin(courier, &try_.session, id, Side::Incoming).await.unwrap();
    let sent: HashMap<String, String> = address.query_pairs().into_owned().collect();
    {
        let mut state = try_.provider.state();
        state.answers.clear();
    }
    let token = id_token(ADDRESS, &sent["nonce"], try_.stage.clock.now());
    try_.provider.answers_tokens(2, 3600, Some(token));
    let query = CallbackQuery { state: sent.get("state").cloned(), ..try_.query() };
    match banner(try_.comes_back(query).await) {
        Banner::Red { retry, .. } => assert!(retry),
        green => panic!("{green:?}"),
    }
    let new = try_.grant().unwrap();
    assert!(new.id != old.id && new.state == State::Unproved && !new.reason.is_empty(), "{new:?}");
    assert_eq!(try_.stage.mailbox().incoming.grant_id, Some(old.id));

    // The administrator mends it at the provider, and proves again.
    try_.imap.state().token = Some("access-2".into());
    let again = authorize::prove_again(courier, &try_.session.by, id, Side::Incoming).await.unwrap();
    assert!(matches!(again, Banner::Green { .. }), "{again:?}");
    assert_eq!(try_.stage.mailbox().incoming.grant_id, Some(new.id));
    assert_eq!(try_.stage.read(|tx| grant::find(tx, old.id)).unwrap().state, State::Revoked);
}

impl Try {
    /// The registration's *Advanced* fields, entered before anybody signs in.
    fn asks_details(&self, attribute: &str, strict_matching: bool) {
        let endpoint = format!("http://{}/me", self.provider.address);
        self.stage.change_client(&self.public_id, |entered| {
            entered.resource_details_endpoint = endpoint.clone();
            entered.email_attribute = attribute.to_owned();
            entered.strict_matching = strict_matching;
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_resource_details_endpoint_says_who_signed_in_and_the_id_token_whose_grant_it_is() {
    for (attribute, details) in [
        ("", serde_json::json!({ "mail": null, "userPrincipalName": "Support@Contoso.example" })),
        ("user.mail", serde_json::json!({ "mail": "else@contoso.example", "user": { "mail": ADDRESS } })),
    ] {
        let try_ = begun().await;
        try_.asks_details(attribute, true);
        try_.signs_in_as("another@contoso.example"); // the id_token's word does not count then
        try_.provider.answers(200, details);
        let answer = banner(try_.comes_back(try_.query()).await);
        assert!(matches!(answer, Banner::Green { .. }), "{answer:?}");
        let grant = try_.grant().unwrap();
        assert_eq!(grant.owner_address.as_deref(), Some(ADDRESS));
        assert_eq!(grant.owner_subject.as_deref(), Some("o@t"));
        assert_eq!(try_.provider.state().bearers, ["access-1"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resource_details_that_fit_not_or_fail_are_told_in_sentences() {
    let graph = serde_json::json!({ "error": { "code": "InvalidAuthenticationToken", "message": "Invalid audience." } });
    for (status, details, words) in [
        (200, serde_json::json!({ "mail": "boss@contoso.example" }), "You signed in as boss@contoso.example"),
        (
            200,
            serde_json::json!({ "name": "Support" }),
            "gave no address under email, mail, userPrincipalName",
        ),
        (401, graph.clone(), "answered “HTTP status 401: InvalidAuthenticationToken: Invalid audience.”"),
    ] {
        let try_ = begun().await;
        try_.asks_details("", true);
        try_.signs_in_as(ADDRESS);
        try_.provider.answers(status, details);
        match banner(try_.comes_back(try_.query()).await) {
            Banner::Red { sentence, remedy, .. } => {
                assert!(sentence.contains(words), "{sentence}");
                assert!(status == 200 || remedy.contains("https://outlook.office.com"), "{remedy}");
            }
            green => panic!("{green:?}"),
        }
        assert!(try_.grant().is_none() && try_.imap.log().is_empty());
    }

    let shared = begun().await;
    shared.asks_details("", false);
    shared.signs_in_as(ADDRESS);
    shared.provider.answers(401, graph);
    match banner(shared.comes_back(shared.query()).await) {
        Banner::Green { detail, .. } => assert!(detail.contains("Invalid audience."), "{detail}"),
        red => panic!("who it was need not be known: {red:?}"),
    }
}
