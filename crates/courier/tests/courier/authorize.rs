use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token, id_token_of};
use crate::stage::{ADDRESS, Stage};
use courier::authorize::{self, About, Action, Answer, Banner, CallbackQuery, Landing, Question, Session};
use desk::mailboxes::grant::{self, State};
use desk::mailboxes::mailbox::{Shape, Side};
use desk::params;
use std::collections::HashMap;

const BOSS: &str = "boss@contoso.example";

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

/// boss@ has signed in for support@; the question that the page asks.
async fn asked() -> (Try, Question) {
    let try_ = begun().await;
    try_.signs_in_as(BOSS);
    match banner(try_.comes_back(try_.query()).await) {
        Banner::Asks { sentence, remedy } => {
            assert!(sentence.contains(BOSS) && sentence.contains(ADDRESS), "{sentence}");
            assert!(remedy.contains("ten minutes"), "{remedy}");
        }
        other => panic!("{other:?}"),
    }
    assert!(try_.imap.log().is_empty(), "nobody signed in with them");
    assert!(try_.grant().is_none(), "and nothing else looks at them");
    let question = try_.question().await.unwrap();
    assert_eq!((question.about, question.signed_in.as_str()), (About::Address, BOSS));
    (try_, question)
}

impl Try {
    async fn question(&self) -> Option<Question> {
        authorize::question(&self.stage.courier, self.stage.mailbox_id, Side::Incoming).await.unwrap()
    }
    async fn answers(&self, question: &Question, answer: Answer) -> desk::Result<Banner> {
        let (courier, by) = (&self.stage.courier, self.stage.by());
        authorize::answer(courier, &by, self.stage.mailbox_id, Side::Incoming, question.grant_id, answer)
            .await
    }
    /// Another try, at the end of which this account has signed in.
    async fn again(&self, number: u32, address: &str, subject: &str) -> Banner {
        let (courier, id) = (&self.stage.courier, self.stage.mailbox_id);
        let page = authorize::begin(courier, &self.session, id, Side::Incoming).await.unwrap();
        let sent: HashMap<String, String> = page.query_pairs().into_owned().collect();
        self.provider.state().answers.clear();
        let token = id_token_of(address, subject, &sent["nonce"], self.stage.clock.now());
        self.provider.answers_tokens(number, 3600, Some(token));
        self.imap.state().token = Some(format!("access-{number}"));
        banner(self.comes_back(CallbackQuery { state: sent.get("state").cloned(), ..self.query() }).await)
    }
    /// The last login name that the server was given.
    fn user(&self) -> String {
        self.imap.state().users.last().cloned().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_persons_sign_in_is_kept_unused_till_somebody_says_that_the_mailbox_is_shared() {
    let (try_, question) = asked().await;
    let answer = try_.answers(&question, Answer::Shared).await.unwrap();
    match answer {
        Banner::Green { detail, .. } => {
            assert!(detail.contains(BOSS) && detail.contains(ADDRESS), "{detail}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(try_.user(), ADDRESS, "the shared address is opened");
    let mailbox = try_.stage.mailbox();
    assert_eq!((mailbox.shape.clone(), mailbox.opens()), (Shape::Shared, ADDRESS));
    let grant = try_.grant().unwrap();
    assert_eq!((grant.state, grant.owner_address.as_deref()), (State::Fulfilled, Some(BOSS)));
    assert!(try_.answers(&question, Answer::Shared).await.is_err(), "answered once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_opens_the_mailbox_that_signed_in() {
    let (try_, question) = asked().await;
    let answer = try_.answers(&question, Answer::Alias).await.unwrap();
    let Banner::Green { detail, .. } = answer else { panic!("{answer:?}") };
    assert!(detail.contains(&format!("taken from the mailbox of {BOSS}")), "{detail}");
    assert!(detail.contains("a letter to itself") && detail.contains("take it back"), "{detail}");
    assert_eq!(try_.user(), BOSS);
    assert_eq!(try_.stage.mailbox().shape, Shape::Alias { opens: BOSS.into() });
    let again = try_.again(2, BOSS, "o").await;
    assert!(matches!(again, Banner::Green { .. }), "who signs in is the mailbox behind it: {again:?}");
    let other = try_.again(3, ADDRESS, "x").await;
    assert!(matches!(other, Banner::Asks { .. }), "and nobody else: {other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_whose_proof_fails_leaves_the_mailbox_what_it_was_until_another_proof_holds() {
    for (answer, shape, user) in
        [(Answer::Shared, Shape::Shared, ADDRESS), (Answer::Alias, Shape::Alias { opens: BOSS.into() }, BOSS)]
    {
        let (try_, question) = asked().await;
        try_.imap.state().token = Some("another".into());
        let banner = try_.answers(&question, answer).await.unwrap();
        assert!(matches!(banner, Banner::Red { action: Action::ProveAgain, .. }), "{banner:?}");
        assert_eq!(try_.stage.mailbox().shape, Shape::Own, "{answer:?}");
        try_.imap.state().token = Some("access-1".into());
        let (courier, by, id) = (&try_.stage.courier, try_.stage.by(), try_.stage.mailbox_id);
        let banner = authorize::prove_again(courier, &by, id, Side::Incoming).await.unwrap();
        assert!(matches!(banner, Banner::Green { .. }), "{banner:?}");
        assert_eq!((try_.user().as_str(), try_.stage.mailbox().shape), (user, shape));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_mailbox_is_opened_by_the_person_who_opened_it_first() {
    let (try_, question) = asked().await;
    try_.answers(&question, Answer::Shared).await.unwrap();
    let first = try_.grant().unwrap();
    assert!(matches!(try_.again(2, BOSS, "o").await, Banner::Green { .. }), "never submit twice");
    match try_.again(3, "eve@contoso.example", "eve").await {
        Banner::Asks { sentence, .. } => {
            assert!(sentence.contains(BOSS) && sentence.contains("eve@contoso.example"), "{sentence}");
        }
        other => panic!("{other:?}"),
    }
    assert_ne!(try_.stage.mailbox().incoming.grant_id, Some(first.id));
    let question = try_.question().await.unwrap();
    assert_eq!(question.about, About::Person);
    assert!(try_.answers(&question, Answer::Alias).await.is_err(), "that was not asked");
    let answer = try_.answers(&question, Answer::Person).await.unwrap();
    assert!(matches!(answer, Banner::Green { .. }), "{answer:?}");
    assert_eq!(try_.grant().unwrap().owner_address.as_deref(), Some("eve@contoso.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_answers_and_after_ten_minutes_the_tokens_are_gone() {
    let (try_, question) = asked().await;
    try_.stage.clock.advance(10 * 60_000 - 1);
    assert!(try_.question().await.is_some());
    try_.stage.clock.advance(1);
    assert!(try_.answers(&question, Answer::Shared).await.is_err());
    assert!(try_.question().await.is_none());
    assert_eq!(try_.stage.read(|tx| grant::find(tx, question.grant_id)).unwrap().state, State::Failed);
    let sealed = try_.stage.read(|tx| {
        let (count,): (i64,) = tx.one("SELECT count(*) FROM access_token", params![])?;
        Ok(count)
    });
    assert_eq!(sealed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rounds_discard_what_nobody_answered() {
    let (try_, question) = asked().await;
    try_.stage.clock.advance(10 * 60_000);
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let rounds = courier::rounds::start(try_.stage.courier.clone(), stopping);
    let state = || try_.stage.read(|tx| grant::find(tx, question.grant_id)).unwrap().state;
    crate::stage::until(&try_.stage.courier, || state() == State::Failed).await;
    stop.send_replace(true);
    rounds.await.unwrap();
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
        Banner::Red { detail, remedy, action, .. } => {
            assert!(detail.contains("The user declined.") && !detail.contains("Trace ID"), "{detail}");
            assert!(!remedy.is_empty() && action != Action::ProveAgain);
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
        Banner::Red { action, .. } => assert_eq!(action, Action::ProveAgain),
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
