//! What is in use and works stays so, what has ended is not proved by its last token, and what is gone holds up nobody.
use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::pretend_smtp::PretendSmtp;
use crate::stage::{ADDRESS, Stage};
use courier::authorize::{self, Action, Banner, CallbackQuery, Landing, Session};
use courier::{Process, probe, rounds};
use desk::mailboxes::grant::{self, Grant, State};
use desk::mailboxes::mailbox::{self, Side};
use serde_json::json;

const HOUR: i64 = 3_600_000;

struct Scene {
    stage: Stage,
    provider: PretendProvider,
    imap: PretendImap,
    session: Session,
    public_id: String,
}
impl Scene {
    /// Not signed in yet.
    async fn new() -> Scene {
        let (stage, imap, provider) =
            (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
        let public_id = stage.authorized_at(provider.address, imap.address);
        let (session_id, by) = stage.administrator("root@contoso.example");
        Scene { stage, provider, imap, session: Session { session_id, by }, public_id }
    }
    /// `access-N` for an hour.
    async fn signs_in(&self, number: u32) -> Banner {
        let (courier, id) = (&self.stage.courier, self.stage.mailbox_id);
        let page = authorize::begin(courier, &self.session, id, Side::Incoming).await.unwrap();
        let sent =
            |name: &str| page.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        self.provider.state().answers.clear();
        let token = id_token(ADDRESS, &sent("nonce").unwrap(), self.stage.clock.now());
        self.provider.answers_tokens(number, 3600, Some(token));
        self.imap.state().token = Some(format!("access-{number}"));
        let query =
            CallbackQuery { code: Some("c".into()), state: sent("state"), ..CallbackQuery::default() };
        match authorize::callback(courier, &self.session, &self.public_id, query).await.unwrap() {
            Landing::Tab { banner, .. } => banner,
            Landing::Unknown { sentence } => panic!("{sentence}"),
        }
    }
    fn says(&self, status: u16, answer: serde_json::Value) {
        self.provider.state().answers.clear();
        self.provider.answers(status, answer);
    }
    fn refuses(&self, number: u32) {
        let description = format!("AADSTS{number}: Words of Microsoft.");
        self.says(
            400,
            json!({ "error": "invalid_grant", "error_description": description, "error_codes": [number] }),
        );
    }
    async fn proves(&self) -> Banner {
        let id = self.stage.mailbox_id;
        authorize::prove_again(&self.stage.courier, &self.stage.by(), id, Side::Incoming).await.unwrap()
    }
    fn grant(&self, id: i64) -> Grant {
        self.stage.read(|tx| grant::find(tx, id)).unwrap()
    }
    fn in_use(&self) -> i64 {
        self.stage.mailbox().incoming.grant_id.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_consent_that_cannot_send_does_not_take_the_place_of_one_that_can() {
    let (scene, smtp) = (Scene::new().await, PretendSmtp::start().await);
    scene.stage.sent_with_the_grant(smtp.address);
    assert!(matches!(scene.signs_in(1).await, Banner::Green { .. }));
    let first = scene.in_use();

    smtp.state().sign_in = Some("535 5.7.3 Authentication unsuccessful");
    match scene.signs_in(2).await {
        Banner::Red { sentence, action, .. } => {
            assert!(
                action == Action::ProveAgain && sentence.contains("the one before stays in use"),
                "{sentence}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((scene.in_use(), scene.grant(first).state), (first, State::Fulfilled));
    let health = scene.stage.mailbox().outgoing_health;
    assert_eq!(health.state, mailbox::State::Ok, "{health:?}");
    // Mended at the provider.
    smtp.state().sign_in = None;
    let proved = scene.proves().await;
    assert!(matches!(proved, Banner::Green { .. }) && scene.in_use() != first, "{proved:?}");

    // A server that is away for a moment keeps no consent out, and what does not send either way is no reason.
    let second = scene.in_use();
    smtp.state().sign_in = Some("454 4.7.0 Temporary authentication failure");
    scene.signs_in(3).await;
    let third = scene.in_use();
    assert_ne!(third, second);
    smtp.state().sign_in = Some("535 5.7.3 Authentication unsuccessful");
    let id = scene.stage.mailbox_id;
    let broken = mailbox::Round::NeedsPerson {
        code: "535".into(),
        reason: "Refused.".into(),
        remedy: String::new(),
        next_at: 0,
    };
    scene.stage.write(|tx| mailbox::settle_outgoing(tx, id, &broken, scene.stage.clock.now()));
    scene.signs_in(4).await;
    assert_ne!(scene.in_use(), third);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_has_ended_is_not_proved_by_the_token_that_is_left_of_it() {
    let scene = Scene::new().await;
    scene.signs_in(1).await;
    scene.refuses(50_173);
    match scene.proves().await {
        Banner::Red { sentence, remedy, .. } => {
            assert!(sentence.contains("revoked") && !remedy.is_empty(), "{sentence}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.grant(scene.in_use()).state, State::Lapsed);
    scene.provider.state().answers.clear();
    scene.provider.answers_tokens(2, 3600, None);
    scene.imap.state().token = Some("access-2".into());
    let proved = scene.proves().await;
    assert!(matches!(proved, Banner::Green { .. }), "{proved:?}");
    assert_eq!(scene.grant(scene.in_use()).state, State::Fulfilled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_works_while_no_new_token_is_to_be_had_is_said_to_work_by_the_last_one() {
    let scene = Scene::new().await;
    scene.signs_in(1).await;
    scene.says(503, json!({}));
    // The second time the endpoint is left alone.
    for _ in 0..2 {
        let Banner::Green { detail, .. } = scene.proves().await else { panic!("the last token is good") };
        assert!(detail.contains("token from before") && detail.contains("tries again by itself"), "{detail}");
    }
    scene.stage.clock.advance(HOUR / 4);
    scene.provider.state().answers.clear();
    scene.provider.answers_tokens(2, 3600, None);
    scene.imap.state().token = Some("access-2".into());
    let Banner::Green { detail, .. } = scene.proves().await else { panic!("all is well again") };
    assert!(!detail.contains("token from before"), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_hour_of_the_endpoint_hides_neither_why_a_consent_lapsed_nor_that_a_secret_has_expired() {
    for (number, waits) in [(50_076, 6 * HOUR), (7_000_222, HOUR)] {
        let scene = Scene::new().await;
        scene.signs_in(1).await;
        let (courier, clock, id) = (&scene.stage.courier, &scene.stage.clock, scene.in_use());
        let active = "UPDATE mailbox SET active = 1";
        scene.stage.write(|tx| Ok(tx.execute(active, desk::params![])?));
        clock.advance(HOUR);
        if number == 50_076 {
            scene.refuses(number);
        } else {
            let answer = json!({ "error": "invalid_client", "error_description": "AADSTS7000222: Words.",
                                 "error_codes": [number] });
            scene.says(401, answer);
        }
        rounds::refresh_due(courier).await.unwrap();
        let told = scene.grant(id);
        assert_eq!(told.reason_code, format!("AADSTS{number}"));
        clock.advance(waits);
        scene.says(503, json!({}));
        rounds::refresh_due(courier).await.unwrap();
        let after = scene.grant(id);
        assert_eq!(
            (after.state, &after.reason_code, &after.reason, &after.remedy),
            (told.state, &told.reason_code, &told.reason, &told.remedy)
        );
        assert_eq!(after.refresh_due_at, Some(clock.now() + waits));
        let proof = probe::incoming(courier, scene.stage.mailbox_id).await.unwrap();
        assert!(proof.needs_person && proof.code == told.reason_code, "{proof:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_was_in_the_hands_of_a_process_that_is_gone_is_taken_over_at_once() {
    let scene = Scene::new().await;
    scene.signs_in(1).await;
    let stage = &scene.stage;
    let command = Process::begin(stage.folder(), [1; 8]);
    let name = command.name().to_owned();
    let command = stage.another(command);
    stage.clock.advance(HOUR);
    let (vault, id, now) = (stage.courier.desk().vault.clone(), scene.in_use(), stage.clock.now());
    stage.write(|tx| grant::claim_refresh(tx, &vault, id, now, 90_000, &name)).unwrap();
    rounds::let_go(&command).await; // it leaves its file, as a killed one does
    drop(command);
    scene.provider.state().answers.clear();
    scene.provider.answers_tokens(2, 3600, None);
    scene.imap.state().token = Some("access-2".into());
    let next = stage.another(Process::begin(stage.folder(), [2; 8]));
    let asking = probe::incoming(&next, stage.mailbox_id);
    let proof = tokio::time::timeout(std::time::Duration::from_secs(10), asking).await.unwrap().unwrap();
    assert!(proof.ok, "{proof:?}");
}
