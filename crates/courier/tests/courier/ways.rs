//! A consent without a browser that comes back: by a code (RFC 8628), and by pasting the address it ended at.
use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::stage::{ADDRESS, Stage};
use courier::Courier;
use courier::authorize::{self, Action, Banner, Device, Landing, Session};
use desk::mailboxes::client;
use desk::mailboxes::grant::{self, NewDevice, State};
use desk::mailboxes::mailbox::Side;
use serde_json::json;

const SECOND: i64 = 1000;

struct Try {
    stage: Stage,
    provider: PretendProvider,
    _imap: PretendImap,
    session: Session,
    device: Device,
}

/// A code that is good for fifteen minutes and may be asked about every five seconds.
async fn begun() -> Try {
    let (stage, imap, provider) = (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
    let public_id = stage.authorized_at(provider.address, imap.address);
    imap.state().token = Some("access-1".into());
    let (session_id, by) = stage.administrator("root@contoso.example");
    let session = Session { session_id, by };
    let until = stage.clock.now() + 900 * SECOND;
    let vault = stage.courier.desk().vault.clone();
    let grant_id = stage.write(|tx| {
        let new = NewDevice {
            client_id: client::find_by_public_id(tx, &public_id)?.unwrap().id,
            mailbox_id: stage.mailbox_id,
            side: Side::Incoming,
            session_id,
            process: None,
            device_code: "the-device-code".into(),
            user_code: "ABCD".into(),
            verification_uri: "https://login.example/device".into(),
            interval_s: 5,
            expires_at: until,
        };
        grant::begin_device(tx, &vault, &session.by, &new, [9; 24])
    });
    let device = Device {
        grant_id,
        user_code: "ABCD".into(),
        verification_uri: "https://login.example".into(),
        until,
    };
    Try { stage, provider, _imap: imap, session, device }
}

impl Try {
    fn polls(&self) -> usize {
        self.provider.state().asked.len()
    }
    fn answers(&self, error: &str) {
        self.provider.answers(400, json!({ "error": error, "error_description": error }));
    }
    fn gives(&self) {
        let token = id_token(ADDRESS, "none", self.stage.clock.now());
        self.provider.answers_tokens(1, 3600, Some(token));
    }
    fn waiting(&self, courier: &Courier) -> tokio::task::JoinHandle<desk::Result<Banner>> {
        let (courier, device) = (courier.clone(), self.device.clone());
        tokio::spawn(async move { authorize::wait_for_device(&courier, &device).await })
    }
    /// The clock goes on, and what is due then has been asked about: by whoever waits, or by this.
    async fn later(&self, seconds: i64) {
        self.stage.clock.advance(seconds * SECOND);
        let id = self.device.grant_id;
        authorize::poll_devices(&self.stage.courier, Some(id)).await.unwrap();
        crate::stage::until(&self.stage.courier, || {
            let (at_it,): (i64,) = self.stage.read(|tx| {
                let sql =
                    "SELECT count(*) FROM consent WHERE id = $1 AND leased_by NOT IN ('', 'test:killed')";
                Ok(tx.one(sql, desk::params![id])?)
            });
            at_it == 0
        })
        .await;
    }
    fn state(&self) -> State {
        let id = self.device.grant_id;
        self.stage.read(|tx| grant::find(tx, id)).unwrap().state
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_asked_about_no_sooner_than_the_provider_lets_it_and_by_one_process() {
    let try_ = begun().await;
    try_.answers("authorization_pending");
    try_.answers("slow_down");
    try_.gives();
    let other = try_.stage.another(courier::Process::named("test:two"));
    let (one, two) = (try_.waiting(&try_.stage.courier), try_.waiting(&other));
    try_.later(4).await;
    assert_eq!(try_.polls(), 0, "not before the interval");
    try_.later(1).await;
    assert_eq!(try_.polls(), 1, "one of them");
    try_.later(5).await;
    assert_eq!(try_.polls(), 2);
    try_.later(6).await;
    assert_eq!(try_.polls(), 2, "slow_down adds five seconds");
    try_.later(4).await;
    assert_eq!(try_.polls(), 3);
    for waiting in [one, two] {
        let banner = waiting.await.unwrap().unwrap();
        assert!(matches!(banner, Banner::Green { .. }), "{banner:?}");
    }
    let asked = &try_.provider.state().asked[0];
    assert_eq!(asked["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(
        (asked["device_code"].as_str(), asked["client_secret"].as_str()),
        ("the-device-code", "the secret")
    );
    assert_eq!(try_.state(), State::Fulfilled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_poller_is_followed_by_the_rounds_when_its_lease_has_ended() {
    let try_ = begun().await;
    try_.gives();
    try_.stage.clock.advance(5 * SECOND);
    let (vault, now) = (try_.stage.courier.desk().vault.clone(), try_.stage.clock.now());
    let dead = try_.stage.write(|tx| grant::claim_device(tx, &vault, None, now, 90 * SECOND, "test:dead"));
    assert!(authorize::poll_devices(&try_.stage.courier, None).await.unwrap().is_none());
    assert_eq!(try_.polls(), 0, "somebody has it");
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let rounds = courier::rounds::start(try_.stage.courier.clone(), stopping);
    try_.stage.clock.advance(90 * SECOND);
    crate::stage::until(&try_.stage.courier, || try_.state() == State::Fulfilled).await;
    assert_eq!(try_.polls(), 1);
    stop.send_replace(true);
    rounds.await.unwrap();
    // What the dead one heard comes too late.
    let dead = dead.unwrap();
    let late = try_.stage.write(|tx| grant::device_used(tx, &dead));
    assert!(!late);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pasted_counts_once_for_the_sign_in_that_was_begun_and_for_nobody_else() {
    let try_ = begun().await;
    let (courier, id, side) = (&try_.stage.courier, try_.stage.mailbox_id, Side::Incoming);
    let command_line = Session::of_command_line(try_.stage.by());
    let page = authorize::begin_paste(courier, &command_line, id, side).await.unwrap();
    let sent: std::collections::HashMap<String, String> = page.query_pairs().into_owned().collect();
    try_.provider.answers_tokens(1, 3600, Some(id_token(ADDRESS, &sent["nonce"], try_.stage.clock.now())));
    let address = format!("{}?code=the-code&state={}", sent["redirect_uri"], sent["state"]);
    let paste = async |session: &Session, address: &str, begun: Option<&url::Url>| {
        authorize::pasted(courier, session, id, side, address, begun).await
    };
    for wrong in ["", "code", "https://evil.example/?code=1&state=2", page.as_str(), &sent["redirect_uri"]] {
        let refused = paste(&command_line, wrong, Some(&page)).await.unwrap_err().to_string();
        assert!(
            refused.contains("begins with http://localhost:8080/oauth/callback/unguessable"),
            "{refused}"
        );
    }
    let other = authorize::begin_paste(courier, &command_line, id, side).await.unwrap();
    let refused = paste(&command_line, &address, Some(&other)).await.unwrap_err().to_string();
    assert!(refused.contains("another sign-in"), "{refused}");
    let landing = paste(&try_.session, &address, None).await.unwrap();
    assert!(matches!(landing, Landing::Unknown { .. }), "not in a session of the web: {landing:?}");
    let state = Some(sent["state"].as_str());
    assert!(authorize::awaits_paste(courier, "unguessable", state).await.unwrap());
    assert!(!authorize::awaits_paste(courier, "another", state).await.unwrap());
    assert_eq!(try_.polls(), 0, "none of these used it up");

    match paste(&command_line, &format!("  {address}\n"), Some(&page)).await.unwrap() {
        Landing::Tab { banner: Banner::Green { .. }, .. } => {}
        other => panic!("{other:?}"),
    }
    let again = paste(&command_line, &address, Some(&page)).await.unwrap();
    assert!(matches!(again, Landing::Unknown { .. }), "once: {again:?}");
    assert!(!authorize::awaits_paste(courier, "unguessable", state).await.unwrap());

    let late = authorize::begin_paste(courier, &command_line, id, side).await.unwrap();
    let state = late.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    try_.stage.clock.advance(600 * SECOND);
    let address = format!("{}?code=c&state={state}", sent["redirect_uri"]);
    let landing = paste(&command_line, &address, Some(&late)).await.unwrap();
    assert!(matches!(landing, Landing::Unknown { .. }), "ten minutes: {landing:?}");
}

/// Takes the turn and is killed: before it has asked, or before the tokens that it was given are stored.
fn killed_in_its_turn(try_: &Try, used: bool) {
    let (now, vault) = (try_.stage.clock.now(), try_.stage.courier.desk().vault.clone());
    let id = try_.device.grant_id;
    try_.stage.write(|tx| {
        let poll =
            grant::claim_device(tx, &vault, Some(id), now, 90 * SECOND, "test:killed")?.expect("it is due");
        assert!(!used || grant::device_used(tx, &poll)?);
        Ok(())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_a_killed_poller_waits_for_the_interval_too() {
    let try_ = begun().await;
    try_.gives();
    try_.stage.clock.advance(5 * SECOND);
    killed_in_its_turn(&try_, false);
    let now = try_.stage.clock.now();
    try_.stage.write(|tx| desk::site::lease::release(tx, "test:killed", now));
    let waiting = try_.waiting(&try_.stage.courier);
    try_.later(4).await;
    assert_eq!(try_.polls(), 0, "the killed one may have asked just before");
    try_.later(1).await;
    assert!(matches!(waiting.await.unwrap().unwrap(), Banner::Green { .. }));
    assert_eq!(try_.polls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_were_lost_with_their_process_are_told_and_not_asked_for_again() {
    let try_ = begun().await;
    try_.gives();
    try_.stage.clock.advance(5 * SECOND);
    killed_in_its_turn(&try_, true);
    let waiting = try_.waiting(&try_.stage.courier);
    try_.later(60).await;
    assert_eq!(try_.state(), State::Pending, "it may still be at it");
    try_.later(180).await;
    match waiting.await.unwrap().unwrap() {
        Banner::Red { sentence, action: Action::AuthorizeAgain, .. } => {
            assert!(sentence.contains("before the tokens were stored"))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((try_.state(), try_.polls()), (State::Failed, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_acts_for_who_began_it_and_for_nobody_who_may_no_longer() {
    use desk::people::agent::{self, Agent, Role};
    for still in [true, false] {
        let try_ = begun().await;
        let by = try_.session.by.clone();
        let desk::Actor::Agent { id, .. } = by.actor else { panic!("an administrator") };
        try_.stage.administrator("other@contoso.example");
        let grant_id = try_.device.grant_id;
        try_.stage.write(|tx| {
            tx.execute("UPDATE consent SET begun_by = $2 WHERE id = $1", desk::params![grant_id, id])?;
            let root = agent::find(tx, id)?.unwrap();
            let role = if still { Role::Administrator } else { Role::Agent };
            agent::change(tx, &try_.stage.by(), &Agent { role, ..root })
        });
        try_.gives();
        let waiting = try_.waiting(&try_.stage.courier);
        try_.later(5).await;
        match (still, waiting.await.unwrap().unwrap()) {
            (true, Banner::Green { .. }) => {}
            (false, Banner::Red { sentence, .. }) => assert!(sentence.contains("no administrator any more")),
            (_, other) => panic!("{other:?}"),
        }
        let events = try_.stage.read(|tx| {
            desk::site::event::list(tx, desk::site::event::Subject::Mailbox(try_.stage.mailbox_id), 50)
        });
        let authorized = events.iter().find(|event| event.kind == "authorized");
        assert_eq!(authorized.map(|event| event.actor.name()), still.then_some("root@contoso.example"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_with_a_certificate_asks_about_its_code_with_that_and_not_with_the_secret_it_keeps() {
    let try_ = begun().await;
    let client = try_.stage.read(|tx| client::find_by_public_id(tx, "unguessable")).unwrap();
    let by = try_.stage.by();
    let asked =
        client::certificate::For { client_id: client.id, mailbox_id: Some(try_.stage.mailbox_id), after: 0 };
    authorize::make_certificate(&try_.stage.courier, &by, asked, "").await.unwrap();
    let shows = client::Authentication::Certificate;
    try_.stage.change_client("unguessable", |entered| entered.authentication = shows);
    try_.gives();
    try_.stage.clock.advance(5 * SECOND);
    let banner = try_.waiting(&try_.stage.courier).await.unwrap().unwrap();
    assert!(matches!(banner, Banner::Green { .. }), "{banner:?}");
    let asked = try_.provider.state().asked[0].clone();
    assert!(
        asked.contains_key("client_assertion") && !asked.contains_key("client_secret"),
        "{:?}",
        asked.keys()
    );
}
