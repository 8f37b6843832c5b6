//! A grant that serves two services of a provider, reading by one and sending by another: what is refused for sending alone
//! leaves reading alive.
use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::stage::{ADDRESS, Stage};
use courier::authorize::{self, CallbackQuery, Session};
use courier::probe::{self, Proof};
use courier::{Courier, rounds};
use desk::mailboxes::grant::{self, Grant, State};
use desk::mailboxes::mailbox::Side;
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;
const GRAPH: &str = "https://graph.microsoft.com/Mail.ReadWrite";
const SMTP: &str = "https://outlook.office.com/SMTP.Send";

struct Scene {
    stage: Stage,
    provider: PretendProvider,
    _imap: PretendImap,
}

impl Scene {
    /// Read by Graph with `access-1`, for an hour; nothing was sent by SMTP yet.
    async fn new() -> Scene {
        let (stage, imap, provider) =
            (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
        let scopes = mail::provider::MICROSOFT.scopes();
        let public_id = stage.registered_at(provider.address, imap.address, "microsoft", &scopes);
        stage.write(|tx| {
            let sql = "UPDATE mailbox SET in_protocol = 'graph', out_authentication = 'same', out_protocol = 'smtp',
                              out_active = 1, out_host = in_host, out_port = 1, active = 1";
            Ok(tx.execute(sql, desk::params![])?)
        });
        let (session_id, by) = stage.administrator("root@contoso.example");
        let session = Session { session_id, by };
        let page =
            authorize::begin(&stage.courier, &session, stage.mailbox_id, Side::Incoming).await.unwrap();
        let sent =
            |name: &str| page.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        let scene = Scene { stage, provider, _imap: imap };
        scene.gives(1, GRAPH, Some(sent("nonce").unwrap()));
        let query =
            CallbackQuery { code: Some("c".into()), state: sent("state"), ..CallbackQuery::default() };
        authorize::callback(scene.courier(), &session, &public_id, query).await.unwrap();
        // Graph itself is not there to prove it.
        scene.stage.write(|tx| {
            tx.execute(
                "UPDATE consent SET state = 'fulfilled', reason_code = '', reason = '', remedy = ''",
                desk::params![],
            )?;
            Ok(tx.execute("UPDATE mailbox SET in_grant_id = 1", desk::params![])?)
        });
        let mut state = scene.provider.state();
        state.asked.clear();
        state.answers.clear();
        drop(state);
        scene
    }
    fn courier(&self) -> &Courier {
        &self.stage.courier
    }
    fn gives(&self, number: u32, scope: &str, nonce: Option<String>) {
        let token = nonce.map(|nonce| id_token(ADDRESS, &nonce, self.stage.clock.now()));
        self.provider.answers(
            200,
            json!({ "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"),
                    "expires_in": 3600, "id_token": token, "scope": scope }),
        );
    }
    fn refuses(&self, status: u16, refusal: &Value) {
        self.provider.answers(status, refusal.clone());
    }
    async fn sends(&self) -> Proof {
        probe::outgoing(self.courier(), self.stage.mailbox_id).await.unwrap()
    }
    fn grant(&self) -> Grant {
        self.stage.read(|tx| grant::find(tx, 1)).unwrap()
    }
    fn asked(&self) -> Vec<&'static str> {
        let asked = self.provider.state().asked.clone();
        asked.iter().map(|form| if form["scope"].contains(SMTP) { "smtp" } else { "graph" }).collect()
    }
}

fn invalid_grant(number: u32) -> Value {
    let description = format!("AADSTS{number}: x");
    json!({ "error": "invalid_grant", "error_codes": [number], "error_description": description })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_sending_alone_leaves_reading_alive_and_is_told_with_sending() {
    let mut consent = invalid_grant(65001);
    consent["suberror"] = "consent_required".into();
    let disabled = json!({ "error": "invalid_resource", "error_codes": [500_014], "error_description": "AADSTS500014: x" });
    let scope = json!({ "error": "invalid_scope", "error_description": "AADSTS70011: x" });
    for refusal in [consent, disabled, scope] {
        let scene = Scene::new().await;
        scene.refuses(400, &refusal);
        let proof = scene.sends().await;
        assert!(!proof.ok && proof.needs_person, "{refusal}: {proof:?}");
        assert!(proof.sentence.contains("no access token for sending by SMTP"), "{refusal}: {proof:?}");
        let grant = scene.grant();
        assert_eq!((grant.state, grant.reason.as_str()), (State::Fulfilled, ""), "{refusal}");
        // Not more than one try a minute, and the same words meanwhile.
        assert_eq!(scene.sends().await, proof);
        assert_eq!(scene.asked(), ["smtp"], "{refusal}");
        // Reading is renewed at its time, and sending works when it is mended.
        scene.provider.state().answers.clear();
        scene.gives(2, GRAPH, None);
        scene.stage.clock.advance(55 * MINUTE);
        rounds::refresh_due(scene.courier()).await.unwrap();
        assert_eq!(scene.asked(), ["smtp", "graph"], "{refusal}");
        assert_eq!(scene.grant().expires_at, Some(scene.stage.clock.now() + 60 * MINUTE));
        scene.provider.state().answers.clear();
        scene.gives(3, SMTP, None);
        let proof = scene.sends().await;
        assert!(!proof.sentence.contains("access token"), "it goes on to the server: {proof:?}");
        assert_eq!(scene.asked().len(), 3, "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_may_be_of_the_whole_is_told_by_what_reading_is_answered() {
    // A second factor that a rule asks for at one service alone.
    let scene = Scene::new().await;
    scene.refuses(400, &invalid_grant(50076));
    scene.gives(2, GRAPH, None);
    let proof = scene.sends().await;
    assert!(proof.sentence.contains("no access token for sending by SMTP"), "{proof:?}");
    assert_eq!((scene.grant().state, scene.grant().reason), (State::Fulfilled, String::new()));
    assert_eq!(scene.asked(), ["smtp", "graph"]);
    let vault = &scene.courier().desk().vault;
    let kept = scene.stage.read(|tx| grant::refresh_token_for_system(tx, vault, 1)).unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&kept), "refresh-2", "what was rotated is kept");

    // Revoked: nothing of it is left.
    let scene = Scene::new().await;
    scene.refuses(400, &invalid_grant(50173));
    let proof = scene.sends().await;
    assert!(!proof.ok && proof.code == "AADSTS50173", "{proof:?}");
    assert_eq!(scene.grant().state, State::Lapsed);
    assert_eq!(scene.asked(), ["smtp", "graph"]);

    // The registration is refused, whatever it asks for.
    let scene = Scene::new().await;
    let secret = json!({ "error": "invalid_client", "error_codes": [7_000_222], "error_description": "AADSTS7000222: x" });
    scene.refuses(401, &secret);
    assert!(!scene.sends().await.ok);
    assert!(scene.grant().is_refused());
    assert_eq!(scene.asked(), ["smtp"]);
}

/// Each has a token with an end of its own; one that has ended is no set-back of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_sending_ends_at_its_own_time_and_another_is_asked_for_then() {
    let scene = Scene::new().await;
    scene.stage.clock.advance(10 * MINUTE);
    scene.gives(2, SMTP, None);
    scene.sends().await;
    let due_at = scene.grant().refresh_due_at.unwrap();
    assert_eq!(due_at, scene.stage.clock.now() + 44 * MINUTE, "reading is renewed ahead of its own end");
    scene.provider.state().answers.clear();
    scene.gives(3, GRAPH, None);
    scene.stage.clock.advance(45 * MINUTE);
    rounds::refresh_due(scene.courier()).await.unwrap();
    scene.provider.state().answers.clear();
    scene.gives(4, SMTP, None);
    scene.stage.clock.advance(20 * MINUTE); // the one for sending has ended, the other one has not
    let proof = scene.sends().await;
    assert_eq!(scene.asked(), ["smtp", "graph", "smtp"], "{proof:?}");
}
