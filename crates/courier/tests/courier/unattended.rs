//! Mailboxes that nobody signs in to, at the practice provider: an application with its secret or its certificates, and a
//! service account. Proved past the sign-in, and asked for anew where others are refreshed.
use crate::stage::{ADDRESS, NOON, Stage, apart};
use courier::authorize::{self, Action, Banner};
use courier::doctor::{self, Extent, Link, Result as Found};
use desk::mailboxes::client::certificate;
use desk::mailboxes::client::{self, Authentication as Shown, EnteredClient, Flow, Scheme};
use desk::mailboxes::grant::{self, Grant, State};
use desk::mailboxes::mailbox::{
    self, Authentication, Completeness, EnteredServer, Fetched, OutgoingMailbox, Protocol, RemoteMailbox,
    Security, Side, StartFrom,
};
use practice::{Fault, Options, Practice, Registration, Times};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

struct Scene {
    stage: Stage,
    practice: Practice,
    hand: Arc<AtomicI64>,
    app: Registration,
    client_id: i64,
}

async fn practice() -> (Practice, Arc<AtomicI64>) {
    let (clock, hand) = practice::Clock::by_hand(NOON);
    (practice::start(Options { clock, ..Options::loopback([7; 32]) }).await.unwrap(), hand)
}

impl Scene {
    async fn at_microsoft() -> Scene {
        let (practice, hand) = practice().await;
        let app = practice.register("Postern", "http://localhost:8080/oauth/callback/x");
        let token_endpoint = practice.token_endpoint();
        let entered = EnteredClient {
            client_id: app.client_id.clone(),
            client_secret: Some(app.client_secret.clone().into()),
            tenant: app.tenant_id.clone(),
            flow: Flow::AppOnly,
            ..EnteredClient::default()
        };
        Scene::with((practice, hand), app, Authentication::Microsoft, ADDRESS, &token_endpoint, entered)
    }

    async fn at_google(file: impl Fn(&Practice) -> String) -> Scene {
        let (practice, hand) = practice().await;
        let app = practice.register_at_google("Postern", "http://localhost:8080/oauth/callback/x");
        let token_endpoint = format!("{}/token", practice.google_url());
        let entered = EnteredClient {
            flow: Flow::ServiceAccount,
            account_file: Some(file(&practice).into()),
            ..EnteredClient::default()
        };
        Scene::with(
            (practice, hand),
            app,
            Authentication::Google,
            "care@fabrikam.example",
            &token_endpoint,
            entered,
        )
    }

    fn with(
        (practice, hand): (Practice, Arc<AtomicI64>),
        app: Registration,
        authentication: Authentication,
        address: &str,
        token_endpoint: &str,
        entered: EnteredClient,
    ) -> Scene {
        let stage = Stage::trusting(practice.ca_pem.clone().into_bytes());
        let server = |port, security, authentication| EnteredServer {
            host: "localhost".into(),
            port,
            security,
            authentication,
            user: address.into(),
            password: None,
        };
        let remote = RemoteMailbox {
            protocol: Protocol::Imap,
            server: server(practice.imap_addr.port(), Security::Tls, authentication),
            folders: Vec::new(),
            active: false,
            frequency_s: 60,
            batch: 3,
            fetched: Fetched::Nothing,
            start_from: StartFrom::Now,
            notified: false,
        };
        let outgoing = OutgoingMailbox {
            submission: mailbox::Submission::Smtp,
            server: server(practice.smtp_addr.port(), Security::StartTls, Authentication::None),
            active: false,
            header_spoofing: false,
        };
        let provider = if authentication == Authentication::Google { "google" } else { "microsoft" };
        let entered = EnteredClient {
            name: "Mail".into(),
            active: true,
            token_endpoint: token_endpoint.into(),
            authorization_endpoint: token_endpoint.replace("/token", "/authorize"),
            scopes: "openid".into(),
            entered_for: Some(stage.mailbox_id),
            ..entered
        };
        let desk = stage.courier.desk().clone();
        let client_id = stage.write(|tx| {
            let (by, id, draft) = (stage.by(), stage.mailbox_id, Completeness::Draft);
            mailbox::change_remote(tx, &desk.vault, &by, id, &remote, draft, [1; 24])?;
            let (vault, providers) = (&desk.vault, &desk.providers);
            mailbox::change_outgoing(tx, vault, providers, &by, id, &outgoing, draft, [2; 24])?;
            let client_id = client::create(tx, providers, &by, provider, "unguessable")?;
            mailbox::set_client(tx, &by, id, Side::Incoming, client_id)?;
            let (complete, scheme) = (Completeness::Complete, Scheme::Practice);
            client::change(
                tx,
                &client::Change {
                    vault,
                    providers,
                    by: &by,
                    scheme,
                    completeness: complete,
                    nonces: [[3; 24], [8; 24]],
                },
                client_id,
                &entered,
            )?;
            Ok(client_id)
        });
        Scene { stage, practice, hand, app, client_id }
    }

    /// Both clocks.
    fn at(&self, at: i64) {
        self.stage.clock.set(at);
        self.hand.store(at, Ordering::SeqCst);
    }

    async fn submit(&self) -> Banner {
        let (courier, by) = (&self.stage.courier, self.stage.by());
        authorize::ask_now(courier, &by, self.stage.mailbox_id, Side::Incoming).await.unwrap()
    }

    async fn prove_again(&self) -> Banner {
        let (courier, by) = (&self.stage.courier, self.stage.by());
        authorize::prove_again(courier, &by, self.stage.mailbox_id, Side::Incoming).await.unwrap()
    }

    fn latest(&self) -> Option<Grant> {
        self.stage.read(|tx| grant::latest(tx, self.stage.mailbox_id, Side::Incoming))
    }

    /// What an Exchange administrator runs.
    fn let_in(&self) {
        self.practice.allow_app_only(&self.app.client_id);
        let object = self.practice.service_principal_id(&self.app.client_id);
        let script = format!(
            "New-ServicePrincipal -AppId {} -ObjectId {object}\nAdd-MailboxPermission -Identity {ADDRESS} -User {object} -AccessRights FullAccess",
            self.app.client_id
        );
        self.practice.powershell(&script).unwrap();
    }

    /// The token's time comes, and the round asks again.
    async fn another_token(&self) -> Grant {
        let due = self.latest().unwrap().refresh_due_at.unwrap();
        self.at(due);
        courier::probe::incoming(&self.stage.courier, self.stage.mailbox_id).await.unwrap();
        self.at(due + 600_000);
        let proof = courier::probe::incoming(&self.stage.courier, self.stage.mailbox_id).await.unwrap();
        assert!(proof.ok, "{proof:?}");
        self.latest().unwrap()
    }

    async fn make_certificate(&self) {
        let (courier, by) = (&self.stage.courier, self.stage.by());
        let after = self.stage.read(|tx| certificate::newest(tx, self.client_id));
        let (client_id, mailbox_id) = (self.client_id, Some(self.stage.mailbox_id));
        let asked = certificate::For { client_id, mailbox_id, after };
        authorize::make_certificate(courier, &by, asked, "").await.unwrap();
    }

    fn change(&self, change: impl Fn(&mut EnteredClient) + Sync) {
        self.stage.change_client("unguessable", change);
    }

    /// The mailbox is led to another server; with what was kept nothing is entered again.
    fn lead_to(&self, host: &str) {
        let old = self.stage.mailbox();
        let remote = RemoteMailbox {
            protocol: Protocol::Imap,
            server: EnteredServer {
                host: host.into(),
                port: old.incoming.port,
                security: old.incoming.security,
                authentication: old.incoming.authentication,
                user: old.incoming.user,
                password: None,
            },
            folders: Vec::new(),
            active: false,
            frequency_s: 60,
            batch: 3,
            fetched: Fetched::Nothing,
            start_from: StartFrom::Now,
            notified: false,
        };
        let vault = &self.stage.courier.desk().vault;
        self.stage.write(|tx| {
            let (by, id, draft) = (self.stage.by(), self.stage.mailbox_id, Completeness::Draft);
            mailbox::change_remote(tx, vault, &by, id, &remote, draft, [5; 24])
        });
    }

    async fn refused(&self) -> String {
        let (courier, by) = (&self.stage.courier, self.stage.by());
        let asked = authorize::ask_now(courier, &by, self.stage.mailbox_id, Side::Incoming).await;
        assert!(self.latest().is_none_or(|grant| !grant.state.has_tokens()), "no token is asked for");
        match asked {
            Err(desk::Error::Refused(refusal)) => refusal.to_string(),
            other => panic!("it is to be refused: {other:?}"),
        }
    }
}

fn is_green(banner: &Banner) -> bool {
    matches!(banner, Banner::Green { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_application_is_kept_until_its_permissions_have_come() {
    let scene = Scene::at_microsoft().await;
    let Banner::Waits { remedy, .. } = scene.submit().await else { panic!("a token alone proves nothing") };
    assert!(remedy.contains("up to two hours") && remedy.contains("prove it again"), "{remedy}");
    let kept = scene.latest().unwrap();
    assert!(kept.state == State::Unproved && !kept.has_refresh_token, "{kept:?}");
    assert!(kept.remedy.contains("up to two hours"), "the tab Token says so too: {}", kept.remedy);

    scene.let_in();
    scene.practice.faults.arm(Fault::PermissionsCached, Times::UntilCleared);
    assert!(!is_green(&scene.prove_again().await));
    scene.practice.faults.clear_all();
    // The token from before has no roles in it: a new one has.
    scene.at(kept.expires_at.unwrap());
    courier::rounds::refresh_due(&scene.stage.courier).await.unwrap();
    let fulfilled = scene.latest().unwrap();
    assert_eq!((fulfilled.id, fulfilled.state), (kept.id, State::Fulfilled));
    assert!(fulfilled.expires_at > kept.expires_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_whose_provider_has_a_bad_hour_is_authorized_by_itself_later() {
    let scene = Scene::at_microsoft().await;
    scene.let_in();
    let (courier, id) = (&scene.stage.courier, scene.stage.mailbox_id);
    let tried = || scene.stage.read(|tx| grant::tried_again(tx, id, Side::Incoming)).map(|(_, at)| at);
    scene.practice.faults.arm(Fault::named("token_503").unwrap(), Times::UntilCleared);
    let Banner::Waits { remedy, .. } = scene.submit().await else { panic!("it passes") };
    assert!(remedy.contains("tries again by itself") && !remedy.contains("Submit"), "{remedy}");
    let mut waits = Vec::new();
    for _ in 0..6 {
        let (now, at) = (scene.stage.clock.now(), tried().unwrap());
        waits.push((at - now) / 60_000);
        scene.at(at);
        courier::rounds::refresh_due(courier).await.unwrap();
    }
    assert!(waits.is_sorted() && waits[0] == 1 && waits[5] > 2, "{waits:?}");
    assert!(scene.latest().is_none());
    scene.practice.faults.clear_all();
    scene.at(tried().unwrap());
    courier::rounds::refresh_due(courier).await.unwrap();
    assert_eq!(scene.latest().map(|grant| grant.state), Some(State::Fulfilled));
    assert_eq!(tried(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_warns_of_a_certificate_that_ends_and_looks_for_no_callback() {
    let scene = Scene::at_microsoft().await;
    scene.let_in();
    scene.make_certificate().await;
    let there = scene.stage.read(|tx| certificate::list(tx, scene.client_id));
    scene.practice.upload_certificate(&scene.app.client_id, &there[0].der).unwrap();
    scene.change(|entered| entered.authentication = Shown::Certificate);
    assert!(is_green(&scene.submit().await));
    let look = async || {
        let found = doctor::examine(&scene.stage.courier, scene.stage.mailbox_id, Extent::Links).await;
        let steps = found.unwrap().steps;
        assert!(!steps.iter().any(|step| step.link == Link::Site), "an application leads nobody back");
        assert!(!format!("{steps:?}").contains("is not on it"), "{steps:?}");
        steps.into_iter().find(|step| step.link == Link::Client).unwrap()
    };
    let client = look().await;
    assert!(client.result == Found::Good && client.found.contains("Its certificate ends on"), "{client:?}");
    scene.at(there[0].not_after - 13 * 86_400_000);
    let client = look().await;
    assert!(client.result == Found::Warning && client.remedy.contains("next certificate"), "{client:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_asks_again_when_its_token_ends_and_a_new_secret_is_used_then() {
    let scene = Scene::at_microsoft().await;
    scene.let_in();
    assert!(is_green(&scene.submit().await));
    let first = scene.latest().unwrap();
    assert!(
        first.state == State::Fulfilled && first.scopes == "https://outlook.office365.com/.default",
        "{first:?}"
    );
    let second = scene.another_token().await;
    assert!(second.id == first.id && second.expires_at > first.expires_at, "{second:?}");

    scene.change(|entered| entered.client_secret = Some("8Q~not.the.value".to_owned().into()));
    assert_eq!(scene.latest().unwrap().state, State::Fulfilled, "a new secret ends nothing");
    let due = second.expires_at.unwrap();
    scene.at(due);
    let proof = courier::probe::incoming(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap();
    assert!(
        !proof.ok && format!("{proof:?}").contains("7000215"),
        "the next token is asked for with it: {proof:?}"
    );
    let secret = scene.app.client_secret.clone();
    scene.change(move |entered| entered.client_secret = Some(secret.clone().into()));
    scene.at(due + 3_600_000);
    let proof = courier::probe::incoming(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap();
    assert!(proof.ok, "{proof:?}");
    assert_eq!(scene.latest().unwrap().id, first.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_roll_over_without_a_new_consent() {
    let scene = Scene::at_microsoft().await;
    scene.let_in();
    scene.make_certificate().await;
    scene.change(|entered| entered.authentication = Shown::Certificate);
    assert!(!is_green(&scene.submit().await), "it is not uploaded yet");
    assert!(scene.latest().is_none(), "no token came");
    let upload = || {
        let there = scene.stage.read(|tx| certificate::list(tx, scene.client_id));
        for one in there {
            let _ = scene.practice.upload_certificate(&scene.app.client_id, &one.der);
        }
    };
    upload();
    let proved = scene.submit().await;
    assert!(is_green(&proved), "{proved:?}");
    let first = scene.latest().unwrap();

    scene.make_certificate().await;
    let use_waiting = || {
        scene.stage.write(|tx| {
            let next = certificate::waiting(tx, scene.client_id)?.unwrap();
            certificate::put_in_use(tx, &scene.stage.by(), scene.client_id, next.id)
        })
    };
    use_waiting(); // too early
    let due = first.expires_at.unwrap();
    scene.at(due);
    let proof = courier::probe::incoming(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap();
    assert!(!proof.ok && format!("{proof:?}").contains("700027"), "{proof:?}");
    upload();
    scene.at(due + 3_600_000);
    let proof = courier::probe::incoming(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap();
    assert!(proof.ok, "{proof:?}");
    assert_eq!(scene.latest().unwrap().id, first.id, "nobody consented again");
    apart(|| {
        scene.stage.write(|tx| {
            let old = certificate::waiting(tx, scene.client_id)?.unwrap();
            certificate::retire_waiting(tx, &scene.stage.by(), scene.client_id, old.id)
        })
    });
    assert_eq!(scene.stage.read(|tx| certificate::list(tx, scene.client_id)).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_opens_the_mailbox_that_it_acts_for() {
    let scene = Scene::at_google(|practice| practice.service_account_file("postern").unwrap()).await;
    let proved = scene.submit().await;
    assert!(is_green(&proved), "{proved:?}");
    let first = scene.latest().unwrap();
    assert!(first.owner_subject.as_deref().is_some_and(|subject| subject.contains("postern")), "{first:?}");
    let second = scene.another_token().await;
    assert!(second.id == first.id && second.expires_at > first.expires_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_with_another_key_is_refused_and_nothing_is_stored() {
    let scene = Scene::at_google(|practice| {
        let file = practice.service_account_file("postern").unwrap();
        let mut file: serde_json::Value = serde_json::from_str(&file).unwrap();
        file["private_key_id"] = "another".into();
        file.to_string()
    })
    .await;
    let Banner::Red { sentence, action, .. } = scene.submit().await else { panic!("refused") };
    assert!(action != Action::ProveAgain && !sentence.is_empty(), "{sentence}");
    assert!(scene.latest().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_made_from_a_kept_secret_goes_to_the_servers_alone_that_it_was_entered_for() {
    let scene = Scene::at_microsoft().await;
    scene.let_in();
    assert!(is_green(&scene.submit().await));
    let kept = scene.app.client_secret.clone();
    scene.lead_to("127.0.0.1"); // the same machine by another name
    let said = scene.refused().await;
    assert!(said.contains("Client Secret was entered for localhost") && said.contains("127.0.0.1"), "{said}");
    scene.change(|entered| entered.notes = "no secret with it".into());
    scene.refused().await;
    scene.change(move |entered| entered.client_secret = Some(kept.clone().into()));
    assert!(
        !matches!(
            scene.submit().await,
            Banner::Red { action: Action::AuthorizeAgain | Action::EnterSecret, .. }
        ),
        "entered again: it is asked for"
    );
    assert!(scene.latest().unwrap().state.has_tokens());

    // Looked at where a connection is prepared too: a token from before opens nothing.
    scene.lead_to("localhost");
    assert!(is_green(&scene.submit().await));
    let (held, before) = (client::hosts::Held::Secret, client::hosts::Before::Another);
    scene.stage.write(|tx| client::hosts::enter(tx, scene.client_id, held, None, before));
    let proof = courier::probe::incoming(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap();
    assert!(!proof.ok && proof.sentence.contains("entered for no mail server yet"), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_signs_for_the_servers_alone_that_it_was_made_for() {
    let scene = Scene::at_microsoft().await;
    scene.make_certificate().await;
    scene.change(|entered| entered.authentication = Shown::Certificate);
    scene.lead_to("127.0.0.1");
    let said = scene.refused().await;
    assert!(
        said.starts_with("The certificate was entered for localhost") && said.contains("Make a new one"),
        "{said}"
    );
    // One that only waits opens nothing.
    scene.make_certificate().await;
    scene.refused().await;
    scene.stage.write(|tx| {
        let next = certificate::waiting(tx, scene.client_id)?.unwrap();
        certificate::put_in_use(tx, &scene.stage.by(), scene.client_id, next.id)
    });
    assert!(matches!(scene.submit().await, Banner::Red { .. }), "asked for; its .cer is not uploaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_accounts_key_is_for_the_servers_that_its_file_was_entered_for() {
    let scene = Scene::at_google(|practice| practice.service_account_file("postern").unwrap()).await;
    scene.lead_to("127.0.0.1");
    let said = scene.refused().await;
    assert!(said.starts_with("Key file of the service account was entered for localhost"), "{said}");
    scene.lead_to("localhost");
    assert!(is_green(&scene.submit().await));
}
