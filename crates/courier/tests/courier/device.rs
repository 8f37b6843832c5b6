//! A code for another device is polled by one, not more often than the provider allows, through restarts, to its end.
mod services;

use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::stage::{ADDRESS, Stage, until};
use courier::Process;
use courier::authorize;
use desk::By;
use desk::mailboxes::grant::{self, DeviceTry, Grant, NewDevice, NewTokens, Owner, State};
use desk::mailboxes::mailbox::Side;
use desk::people::agent::{self, Agent, Role};
use serde_json::json;

const FIFTEEN_MINUTES: i64 = 15 * 60_000;
const CODE: &str = "the-device-code";

struct Try {
    stage: Stage,
    provider: PretendProvider,
    imap: PretendImap,
    id: i64,
    session_id: i64,
}

impl Try {
    /// Begun by the command line.
    async fn new() -> Try {
        Try::begun_by(None).await
    }
    async fn begun_by(agent: Option<&str>) -> Try {
        let (stage, imap, provider) =
            (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
        stage.authorized_at(provider.address, imap.address);
        imap.state().token = Some("access-1".into());
        let (session_id, by) = agent.map_or_else(|| (0, stage.by()), |email| stage.administrator(email));
        let id = begin(&stage, &by, session_id, Side::Incoming, CODE);
        Try { stage, provider, imap, id, session_id }
    }
    fn says(&self, error: &str) {
        self.says_with(400, error);
    }
    fn says_with(&self, status: u16, error: &str) {
        self.provider.state().answers.clear();
        self.provider.answers(status, json!({ "error": error, "error_description": "its own words" }));
    }
    fn signs_in_as(&self, address: &str) {
        self.provider.state().answers.clear();
        let token = id_token(address, "", self.stage.clock.now());
        self.provider.answers_tokens(1, 3600, Some(token));
    }
    async fn looks(&self) {
        authorize::poll_devices(&self.stage.courier, None).await.unwrap();
    }
    /// Looks at every second, as the round does: at which of them the provider was asked.
    async fn asked_within(&self, seconds: i64) -> Vec<i64> {
        let mut asked = Vec::new();
        for second in 1..=seconds {
            self.stage.clock.advance(1000);
            let before = self.asked();
            self.looks().await;
            if self.asked() > before {
                assert_eq!(self.asked(), before + 1);
                asked.push(second);
            }
        }
        asked
    }
    fn asked(&self) -> usize {
        self.provider.state().asked.len()
    }
    fn code(&self) -> DeviceTry {
        self.stage.read(|tx| grant::device_try(tx, self.id)).unwrap()
    }
    fn grant(&self) -> Grant {
        self.stage.read(|tx| grant::find(tx, self.id)).unwrap()
    }
    /// Why it came to nothing.
    fn told(&self) -> String {
        let grant = self.grant();
        assert_eq!(grant.state, State::Failed);
        format!("{} {}", grant.reason, grant.remedy)
    }
    /// What it was polled with is gone.
    fn holds_no_code(&self) -> bool {
        self.stage.read(|tx| {
            let (gone,): (bool,) =
                tx.one("SELECT device_code IS NULL FROM consent WHERE id = $1", desk::params![self.id])?;
            Ok(gone)
        })
    }
}

fn begin(stage: &Stage, by: &By, session_id: i64, side: Side, code: &str) -> i64 {
    let client_id = stage.mailbox().incoming.client_id.unwrap();
    let vault = &stage.courier.desk().vault;
    stage.write(|tx| {
        let new = NewDevice {
            client_id,
            mailbox_id: stage.mailbox_id,
            side,
            session_id,
            process: None,
            device_code: code.to_owned().into(),
            user_code: "ABCD".into(),
            verification_uri: "https://login.example/device".into(),
            interval_s: 5,
            expires_at: by.at + FIFTEEN_MINUTES,
        };
        grant::begin_device(tx, vault, by, &new, [9; 24])
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_polled_at_its_interval_and_slower_for_good_when_that_is_asked() {
    let try_ = Try::new().await;
    try_.says("authorization_pending");
    assert_eq!(try_.asked_within(16).await, [5, 10, 15], "an interval before the first, too");
    try_.says("slow_down");
    assert_eq!(try_.asked_within(4).await, [4], "the answer makes it ten seconds");
    try_.says("authorization_pending");
    assert_eq!(try_.asked_within(31).await, [10, 20, 30]);
    let asked = try_.provider.state().asked[0].clone();
    assert_eq!(asked["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!((asked["device_code"].as_str(), asked["client_secret"].as_str()), (CODE, "the secret"));
    assert!(try_.code().waits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_has_authorized_it_as_after_a_callback() {
    let try_ = Try::begun_by(Some("root@contoso.example")).await;
    try_.says("authorization_pending");
    try_.asked_within(5).await;
    try_.signs_in_as(ADDRESS);
    assert_eq!(try_.asked_within(5).await, [5]);
    let grant = try_.grant();
    assert_eq!((grant.state, grant.owner_address.as_deref()), (State::Fulfilled, Some(ADDRESS)));
    assert_eq!(grant.authorized_by, "root@contoso.example");
    assert_eq!(try_.stage.mailbox().incoming.grant_id, Some(try_.id));
    assert!(try_.holds_no_code());
    let asked = try_.asked();
    try_.asked_within(30).await;
    assert_eq!(try_.asked(), asked, "it was polled after its end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_sign_in_is_asked_about_and_used_for_nothing() {
    let try_ = Try::new().await;
    try_.signs_in_as("boss@contoso.example");
    try_.asked_within(5).await;
    let words = try_.grant().reason;
    assert!(words.contains("boss@contoso.example"), "{words}");
    assert!(try_.imap.log().is_empty(), "nobody signed in with them");
    let question =
        authorize::question(&try_.stage.courier, try_.stage.mailbox_id, Side::Incoming).await.unwrap();
    assert_eq!(question.expect("it is asked").grant_id, try_.id);
    // The end of the code is not the end of the question.
    try_.stage.clock.advance(5 * 60_000);
    try_.looks().await;
    assert_eq!(try_.grant().state, State::Pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_ends_it_is_told_in_words_and_asked_no_more() {
    for (status, error, why) in [
        (400, "authorization_declined", "The person declined."),
        (400, "access_denied", ""),
        (403, "access_denied", ""),
        (400, "expired_token", ""),
        (400, "bad_verification_code", ""),
        (400, "invalid_grant", ""),
        (401, "invalid_client", ""),
    ] {
        let try_ = Try::new().await;
        try_.says_with(status, error);
        assert_eq!(try_.asked_within(40).await, [5], "{error}");
        let told = try_.told();
        assert!(told.contains("its own words") && told.contains(why), "{error}: {told}");
        let grant = try_.grant();
        assert!(!grant.reason_code.is_empty() && try_.holds_no_code(), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_does_not_end_it_and_is_asked_less_often() {
    let try_ = Try::new().await;
    try_.provider.state().answers.clear();
    try_.provider.answers(503, json!("busy"));
    assert_eq!(try_.asked_within(76).await, [5, 15, 35, 75], "5, then 10, 20, 40 seconds");
    assert!(try_.code().waits);
    try_.signs_in_as(ADDRESS);
    assert_eq!(try_.asked_within(80).await, [79]);
    assert_eq!(try_.grant().state, State::Fulfilled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_nobody_enters_ends_with_its_time() {
    let try_ = Try::new().await;
    try_.says("authorization_pending");
    try_.looks().await;
    try_.stage.clock.advance(FIFTEEN_MINUTES + 1);
    try_.looks().await;
    assert_eq!(try_.asked(), 0, "it is not asked about any more");
    let words = try_.told();
    assert!(words.contains("Nobody signed in with the code before it ended"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_pollers_one_asks() {
    let try_ = Try::new().await;
    try_.says("authorization_pending");
    let second = try_.stage.another(Process::named("test:two"));
    for _ in 0..5 {
        try_.stage.clock.advance(5_000);
        let (one, two) = tokio::join!(
            authorize::poll_devices(&try_.stage.courier, None),
            authorize::poll_devices(&second, None)
        );
        one.unwrap();
        two.unwrap();
    }
    assert_eq!(try_.asked(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_to_come_back_at_is_obeyed_and_forgotten_afterwards() {
    let try_ = Try::new().await;
    try_.says_with(429, "temporarily_unavailable");
    try_.provider.state().retry_after = Some(60);
    assert_eq!(try_.asked_within(64).await, [5], "it is left alone for a minute");
    try_.provider.state().retry_after = None;
    try_.says("authorization_pending");
    assert_eq!(try_.asked_within(22).await, [1, 11, 21]);
    try_.says("slow_down");
    try_.provider.state().retry_after = Some(40);
    assert_eq!(try_.asked_within(48).await, [9]);
    try_.signs_in_as(ADDRESS);
    assert_eq!(try_.asked_within(2).await, [1]);
    assert_eq!(try_.grant().state, State::Fulfilled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_organization_forbids_is_told_with_its_number_and_what_to_do() {
    for (number, word) in [(530_035, "security defaults"), (53_003, "Conditional Access")] {
        let try_ = Try::new().await;
        try_.provider.answers(
            400,
            json!({ "error": "access_denied", "error_codes": [number],
                    "error_description": format!("AADSTS{number}: it is blocked. Trace ID: x") }),
        );
        assert_eq!(try_.asked_within(20).await, [5]);
        let told = try_.told().to_lowercase();
        assert!(told.contains(&word.to_lowercase()) && told.contains("it is blocked"), "{number}: {told}");
        assert_eq!(try_.grant().reason_code, format!("AADSTS{number}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_after_the_turn_is_dropped() {
    let try_ = Try::new().await;
    let vault = &try_.stage.courier.desk().vault;
    let claim = |name: &str| {
        let now = try_.stage.clock.now();
        try_.stage.write(|tx| grant::claim_device(tx, vault, Some(try_.id), now, 1_000, name)).unwrap()
    };
    try_.stage.clock.advance(5_000);
    let late = claim("test:slow");
    try_.stage.clock.advance(10_000);
    let (next, now) = (claim("test:next"), try_.stage.clock.now());
    try_.stage.write(|tx| {
        assert!(!grant::device_waits(tx, &late, 5, now)?);
        assert!(!grant::device_used(tx, &late)?);
        assert!(grant::device_waits(tx, &next, 5, now + 5_000)?);
        Ok(())
    });
    assert_eq!(try_.code().poll_at, now + 5_000);
    try_.stage.clock.advance(5_000);
    let (next, end) = (claim("test:last"), try_.code().until);
    try_.stage.write(|tx| grant::device_waits(tx, &next, 5, end + 60_000).map(|kept| assert!(kept)));
    assert_eq!(try_.code().poll_at, end, "at its end it is looked at once more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_code_ends_the_one_before() {
    let try_ = Try::new().await;
    try_.says("authorization_pending");
    let second = begin(&try_.stage, &try_.stage.by(), 0, Side::Incoming, CODE);
    assert!(try_.holds_no_code() && try_.told().contains("took its place"), "{}", try_.told());
    assert_eq!(try_.asked_within(6).await, [5], "the second alone");
    assert!(try_.stage.read(|tx| grant::device_try(tx, second)).unwrap().waits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_is_switched_off_or_changed_meanwhile_sends_its_code_nowhere() {
    let switched_off = Try::new().await;
    switched_off.stage.change_client("unguessable", |entered| entered.active = false);
    assert_eq!(switched_off.asked_within(10).await, [0; 0]);
    assert!(switched_off.told().contains("switched off"), "{}", switched_off.told());
    let changed = Try::new().await;
    changed.stage.change_client("unguessable", |entered| {
        entered.token_endpoint = "https://elsewhere.example/token".into();
        entered.client_secret = Some("another secret".into());
    });
    assert_eq!(changed.asked_within(10).await, [0; 0]);
    assert!(changed.holds_no_code() && !changed.told().is_empty(), "{}", changed.told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_administrator_any_more_authorizes_nothing() {
    let try_ = Try::begun_by(Some("root@contoso.example")).await;
    try_.stage.administrator("other@contoso.example");
    try_.stage.write(|tx| {
        let (root, _) = agent::find_by_email(tx, "root@contoso.example")?.unwrap();
        agent::change(tx, &try_.stage.by(), &Agent { role: Role::Agent, ..root })
    });
    try_.signs_in_as(ADDRESS);
    try_.asked_within(5).await;
    assert!(try_.told().contains("no administrator any more"), "{:?}", try_.told());
    assert_eq!(try_.asked(), 0, "nobody has a right to the answer");
    assert_eq!(try_.stage.mailbox().incoming.grant_id, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_ends_with_the_session_that_asked_for_it() {
    let try_ = Try::begun_by(Some("root@contoso.example")).await;
    try_.says("authorization_pending");
    assert_eq!(try_.asked_within(5).await, [5]);
    let now = try_.stage.clock.now();
    try_.stage.write(|tx| desk::people::session::end(tx, try_.session_id, now));
    try_.signs_in_as(ADDRESS);
    assert_eq!(try_.asked_within(10).await, [0; 0]);
    assert!(try_.told().contains("signed out"), "{}", try_.told());
    assert!(try_.holds_no_code());
    assert_eq!(try_.stage.mailbox().incoming.grant_id, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_does_not_answer_holds_up_no_other_code() {
    let try_ = Try::new().await;
    try_.provider.state().hangs_on = Some(CODE.to_owned());
    try_.says("authorization_pending");
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let rounds = courier::rounds::start(try_.stage.courier.clone(), stopping);
    let asked = |code: &str| {
        try_.provider
            .state()
            .asked
            .iter()
            .filter(|form| form.get("device_code").is_some_and(|c| c == code))
            .count()
    };
    try_.stage.clock.advance(5_000);
    until(&try_.stage.courier, || asked(CODE) == 1).await;
    // Begun while that question is on its way.
    begin(&try_.stage, &try_.stage.by(), 0, Side::Outgoing, "another-code");
    try_.stage.clock.advance(5_000);
    until(&try_.stage.courier, || asked("another-code") == 1).await;
    assert_eq!(asked(CODE), 1, "and it is asked once");
    rounds.abort();
    drop(stop);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_a_killed_process_was_proving_are_proved_by_who_waits() {
    let try_ = Try::new().await;
    let (stage, vault, id) = (&try_.stage, &try_.stage.courier.desk().vault, try_.id);
    stage.clock.advance(5_000);
    let now = stage.clock.now();
    stage.write(|tx| {
        let poll = grant::claim_device(tx, vault, Some(id), now, 90_000, "test:killed")?.unwrap();
        assert!(grant::device_used(tx, &poll)?);
        let owner = Owner { subject: "s".into(), address: Some(ADDRESS.into()) };
        let tokens = NewTokens {
            resource: "https://outlook.office.com".into(),
            access_token: "access-1".to_owned().into(),
            access_expires_at: now + 3_600_000,
            scopes: "https://outlook.office.com/IMAP.AccessAsUser.All".into(),
            refresh_token: Some("refresh-1".to_owned().into()),
            refresh_due_at: now + 3_000_000,
        };
        grant::store_tokens(tx, vault, &stage.by(), id, &owner, &tokens, [[1; 24], [2; 24]])
    });
    let device = authorize::Device {
        grant_id: id,
        user_code: "ABCD".into(),
        verification_uri: "https://login.example/device".into(),
        until: now,
    };
    let waits = async |seconds| {
        let waiting = authorize::wait_for_device(&stage.courier, &device);
        tokio::time::timeout(std::time::Duration::from_secs(seconds), waiting).await
    };
    assert!(waits(1).await.is_err(), "whoever is at it is not disturbed");
    stage.clock.advance(3 * 60_000);
    let banner = waits(10).await.expect("it waits for ever").unwrap();
    assert!(matches!(banner, authorize::Banner::Green { .. }), "{banner:?}");
    assert_eq!(try_.grant().state, State::Fulfilled);
}
