//! Mailboxes that are fetched by Microsoft Graph, at the practice provider: each message once by its immutable id, and
//! nothing done on the server before the commit.
use crate::fetch::on_server;
use crate::stage::{ADDRESS, NOON, Stage, dropped_after, letter, names};
use courier::authorize::{self, Banner};
use courier::fetch;
use desk::mailboxes::balance;
use desk::mailboxes::client::{self, EnteredClient, Flow, Scheme};
use desk::mailboxes::mailbox::{
    self, Authentication, Completeness, EnteredServer, Fetched, OutgoingMailbox, Protocol, RemoteMailbox,
    Security, Side, StartFrom, Submission,
};
use practice::{Fault, Options, Practice, Times};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const HOUR: i64 = 3_600_000;
/// Whose mailbox is opened: at the start nothing lies in it.
pub const OPENED: &str = "mia.holt@contoso.example";

/// A mailbox that an application reads and answers by Graph, proved and switched on.
pub struct Scene {
    pub stage: Stage,
    pub practice: Practice,
    hand: Arc<AtomicI64>,
}

impl Scene {
    pub async fn new(start_from: StartFrom, fetched: Fetched) -> Scene {
        Scene::at("http://localhost:8080/", start_from, fetched).await
    }

    /// With the pages at this address.
    pub async fn at(site: &str, start_from: StartFrom, fetched: Fetched) -> Scene {
        let (clock, hand) = practice::Clock::by_hand(NOON);
        let practice = practice::start(Options { clock, ..Options::loopback([7; 32]) }).await.unwrap();
        let stage = Stage::trusting_at(practice.ca_pem.clone().into_bytes(), site);
        let scene = Scene { stage, practice, hand };
        scene.register();
        scene.remote(start_from.clone(), fetched.clone(), false, Completeness::Draft);
        let (courier, by) = (&scene.stage.courier, scene.stage.by());
        let banner = authorize::ask_now(courier, &by, scene.stage.mailbox_id, Side::Incoming).await.unwrap();
        assert!(matches!(banner, Banner::Green { .. }), "{banner:?}");
        scene.remote(start_from, fetched, true, Completeness::Complete);
        scene
    }

    fn register(&self) {
        let app = self.practice.register("Postern", "http://localhost:8080/oauth/callback/x");
        self.practice.allow_graph(&app.client_id);
        let entered = EnteredClient {
            name: "Mail".into(),
            active: true,
            flow: Flow::AppOnly,
            client_id: app.client_id,
            client_secret: Some(app.client_secret.into()),
            tenant: app.tenant_id,
            token_endpoint: self.practice.token_endpoint(),
            authorization_endpoint: self.practice.authorization_endpoint(),
            scopes: "openid".into(),
            entered_for: Some(self.stage.mailbox_id),
            ..EnteredClient::default()
        };
        self.remote(StartFrom::Now, Fetched::Nothing, false, Completeness::Draft);
        let outgoing = OutgoingMailbox {
            submission: Submission::Graph,
            server: EnteredServer { user: ADDRESS.into(), ..self.server(Authentication::Same) },
            active: true,
            header_spoofing: false,
        };
        let desk = self.stage.courier.desk().clone();
        self.stage.write(|tx| {
            let (by, id, draft) = (self.stage.by(), self.stage.mailbox_id, Completeness::Draft);
            let (vault, providers) = (&desk.vault, &desk.providers);
            let client_id = client::create(tx, providers, &by, "microsoft", "unguessable")?;
            mailbox::set_client(tx, &by, id, Side::Incoming, client_id)?;
            mailbox::change_outgoing(tx, vault, providers, &by, id, &outgoing, draft, [2; 24])?;
            let (completeness, scheme) = (Completeness::Complete, Scheme::Practice);
            let nonces = [[3; 24], [8; 24]];
            let change = client::Change { vault, providers, by: &by, scheme, completeness, nonces };
            client::change(tx, &change, client_id, &entered)
        });
    }

    fn server(&self, authentication: Authentication) -> EnteredServer {
        let root = url::Url::parse(&self.practice.graph_root()).unwrap();
        EnteredServer {
            host: root.host_str().unwrap().to_owned(),
            port: root.port().unwrap(),
            security: Security::Plain,
            authentication,
            user: OPENED.into(),
            password: None,
        }
    }

    pub fn remote(&self, start_from: StartFrom, fetched: Fetched, active: bool, completeness: Completeness) {
        self.remote_with(start_from, fetched, active, completeness, |_| {});
    }

    /// The same with something else in it.
    pub fn remote_with(
        &self,
        start_from: StartFrom,
        fetched: Fetched,
        active: bool,
        completeness: Completeness,
        change: impl FnOnce(&mut RemoteMailbox),
    ) {
        let mut remote = RemoteMailbox {
            protocol: Protocol::Graph,
            server: self.server(Authentication::Microsoft),
            folders: Vec::new(),
            active,
            frequency_s: 60,
            batch: 3,
            fetched,
            start_from,
            notified: false,
        };
        change(&mut remote);
        let desk = self.stage.courier.desk().clone();
        self.stage.write(|tx| {
            let (by, id) = (self.stage.by(), self.stage.mailbox_id);
            mailbox::change_remote(tx, &desk.vault, &by, id, &remote, completeness, [1; 24])
        });
    }

    /// Both clocks.
    pub fn advance(&self, ms: i64) {
        self.stage.clock.advance(ms);
        self.hand.store(self.stage.clock.now(), Ordering::SeqCst);
    }

    pub fn deliver(&self, received_at: i64, names: &[String]) {
        self.hand.store(received_at, Ordering::SeqCst);
        for name in names {
            self.practice.deliver(OPENED, &letter(name));
        }
        self.hand.store(self.stage.clock.now(), Ordering::SeqCst);
    }

    /// Into another folder.
    pub fn deliver_to(&self, folder: &str, received_at: i64, names: &[String]) {
        self.hand.store(received_at, Ordering::SeqCst);
        for name in names {
            self.practice.deliver_to(OPENED, folder, &letter(name));
        }
        self.hand.store(self.stage.clock.now(), Ordering::SeqCst);
    }

    pub async fn fetch(&self) -> fetch::Summary {
        fetch::once(&self.stage.courier, self.stage.mailbox_id).await.unwrap()
    }

    pub async fn fails(&self) -> String {
        fetch::once(&self.stage.courier, self.stage.mailbox_id).await.unwrap_err().to_string()
    }

    /// Folders and how many letters lie in each.
    pub fn folders(&self) -> Vec<(String, usize)> {
        let mut folders: Vec<(String, usize)> = Vec::new();
        for letter in self.practice.letters(OPENED) {
            match folders.iter_mut().find(|(name, _)| *name == letter.folder) {
                Some((_, count)) => *count += 1,
                None => folders.push((letter.folder, 1)),
            }
        }
        folders
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_becomes_a_ticket_once_and_is_left_on_the_server() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Nothing).await;
    scene.deliver(NOON - HOUR, &names(1, 25));
    let first = scene.fetch().await;
    assert_eq!((first.fetched, first.filed, first.failed), (25, 25, 0));
    assert_eq!(scene.stage.tickets(), names(1, 25));
    assert_eq!(scene.fetch().await.fetched, 0);
    scene.advance(HOUR / 60);
    scene.deliver(NOON, &names(26, 26));
    let more = scene.fetch().await;
    assert_eq!((more.fetched, more.filed), (1, 1));
    assert_eq!(scene.folders(), [("INBOX".to_owned(), 26)]);
    assert!(scene.practice.letters(OPENED).iter().all(|letter| letter.flags.is_empty()));
    let health = scene.stage.mailbox().incoming_health;
    assert_eq!(health.state, mailbox::State::Ok, "{}", health.reason);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn now_leaves_years_of_mail_where_they_are_and_a_date_what_is_older() {
    let scene = Scene::new(StartFrom::Now, Fetched::Read).await;
    scene.deliver(NOON - HOUR, &names(1, 40));
    scene.deliver(NOON + 1_000, &names(41, 41));
    assert_eq!(scene.fetch().await.fetched, 1);
    assert_eq!(scene.stage.tickets(), names(41, 41));
    scene.deliver(NOON + 2_000, &names(42, 42));
    assert_eq!(scene.fetch().await.fetched, 1);
    // What was passed over has a number too: told once more, it is not news.
    scene.practice.faults.arm(Fault::GraphSyncLost, Times::Exactly(1));
    assert_eq!(scene.fetch().await.fetched, 0);
    assert_eq!(scene.practice.faults.struck(Fault::GraphSyncLost), 1);
    assert_eq!(scene.stage.tickets(), names(41, 42));
    let read = scene.practice.letters(OPENED).iter().filter(|letter| !letter.flags.is_empty()).count();
    assert_eq!(read, 2, "old mail is not marked");

    let scene = Scene::new(StartFrom::Date("2026-11-20".into()), Fetched::Nothing).await;
    scene.deliver(NOON - 6 * 24 * HOUR, &names(1, 1));
    scene.deliver(NOON - 4 * 24 * HOUR, &names(2, 2));
    assert_eq!(scene.fetch().await.fetched, 1);
    assert_eq!(scene.stage.tickets(), names(2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_lost_its_place_or_repeats_a_page_doubles_and_loses_nothing() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Nothing).await;
    scene.practice.faults.arm(Fault::GraphRepeatsPage, Times::Exactly(2));
    scene.deliver(NOON - HOUR, &names(1, 5));
    assert_eq!(scene.fetch().await.fetched, 5);
    assert_eq!(scene.practice.faults.struck(Fault::GraphRepeatsPage), 2);
    scene.practice.faults.arm(Fault::GraphSyncLost, Times::Exactly(1));
    scene.deliver(NOON, &names(6, 7));
    assert_eq!(scene.fetch().await.fetched, 2);
    assert_eq!(scene.practice.faults.struck(Fault::GraphSyncLost), 1);
    assert_eq!(scene.fetch().await.fetched, 0);
    assert_eq!(scene.stage.tickets(), names(1, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_loses_its_place_round_after_round_is_told_and_mail_comes_in() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Nothing).await;
    scene.deliver(NOON - HOUR, &names(1, 3));
    assert_eq!(scene.fetch().await.fetched, 3);
    let health = || scene.stage.mailbox().incoming_health;
    for round in 1..=3_u32 {
        scene.practice.faults.arm(Fault::GraphSyncLost, Times::Exactly(1));
        scene.deliver(NOON, &names(3 + round, 3 + round));
        assert_eq!(scene.fetch().await.fetched, 1);
        assert_eq!(health().reason_code == "listed_anew", round == 3, "{round}: {:?}", health());
    }
    assert!(
        health().reason.contains("in the last 3 rounds") && health().reason.contains("INBOX"),
        "{:?}",
        health()
    );
    assert_eq!(scene.stage.tickets(), names(1, 6));
    assert_eq!(scene.fetch().await.fetched, 0);
    assert_eq!((health().state, health().reason.as_str()), (mailbox::State::Ok, ""));
}

/// A deletion that is undone between two looks: the listing names the letter as gone, and as being there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_was_moved_away_and_back_before_it_was_seen_is_fetched_and_one_that_went_is_not() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Nothing).await;
    scene.deliver(NOON - HOUR, &names(1, 2));
    assert_eq!(scene.fetch().await.fetched, 2);
    scene.practice.make_folder(OPENED, "Archive");
    scene.deliver(NOON, &names(3, 5));
    let uid = |name: &str| {
        let letters = scene.practice.letters(OPENED);
        let found = letters.into_iter().find(|one| String::from_utf8_lossy(&one.raw).contains(name)).unwrap();
        (found.folder, found.uid)
    };
    for name in ["letter 003", "letter 004"] {
        let (folder, uid) = uid(name);
        scene.practice.move_to(OPENED, &folder, uid, "Archive").unwrap();
    }
    let (folder, back) = uid("letter 003");
    assert_eq!(folder, "Archive");
    scene.practice.move_to(OPENED, &folder, back, "INBOX").unwrap();
    assert_eq!(scene.fetch().await.fetched, 2);
    assert_eq!(scene.stage.tickets(), ["letter 001", "letter 002", "letter 003", "letter 005"]);
    scene.advance(2 * HOUR);
    assert_eq!(scene.fetch().await.fetched, 0);
    let balance = scene.stage.read(|tx| balance::find(tx, scene.stage.mailbox_id, "INBOX")).unwrap();
    assert_eq!((balance.counts.on_server(), balance.counts.held), (4, 4));
}

/// It tells of each change once: what came while it was too soon to compare is compared when that may be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_follows_what_has_come_soon_after_a_comparison() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Nothing).await;
    let held = || {
        let found = scene.stage.read(|tx| balance::find(tx, scene.stage.mailbox_id, "INBOX")).unwrap();
        (found.counts.on_server(), found.counts.held)
    };
    scene.deliver(NOON - HOUR, &names(1, 1));
    scene.fetch().await;
    assert_eq!(held(), (1, 1));
    scene.deliver(NOON, &names(2, 2));
    assert_eq!(scene.fetch().await.fetched, 1);
    assert_eq!(held(), (1, 1), "it was counted just now");
    scene.advance(75_000);
    scene.fetch().await;
    assert_eq!(held(), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fetched_is_marked_moved_or_deleted_after_the_commit() {
    for (fetched, folders) in [
        (Fetched::Read, vec![("INBOX".to_owned(), 7)]),
        (Fetched::Move("Done/2026".into()), vec![("Done/2026".to_owned(), 7)]),
        (Fetched::Delete, Vec::new()),
    ] {
        let scene = Scene::new(StartFrom::Everything, fetched.clone()).await;
        scene.deliver(NOON - HOUR, &names(1, 7));
        assert_eq!(scene.fetch().await.fetched, 7, "{fetched:?}");
        let there = scene.folders();
        let there =
            there.into_iter().filter(|(name, _)| !name.contains("Delet") && !name.contains("Recover"));
        assert_eq!(there.collect::<Vec<_>>(), folders, "{fetched:?}");
        if fetched == Fetched::Read {
            let letters = scene.practice.letters(OPENED);
            assert!(letters.iter().all(|letter| letter.flags.iter().any(|flag| flag == "\\Seen")));
        }
        assert_eq!(scene.fetch().await.fetched, 0, "{fetched:?}");
        assert_eq!(scene.stage.tickets(), names(1, 7), "{fetched:?}");
        let said = match &fetched {
            Fetched::Read => "Marked as read on the server.",
            Fetched::Move(_) => "Moved to the folder “Done/2026” on the server.",
            Fetched::Delete | Fetched::Nothing => "Deleted on the server.",
        };
        assert_eq!(on_server(&scene.stage), [said; 7]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_takes_nothing_stops_no_mail_and_is_told() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Move("Done".into())).await;
    scene.practice.faults.arm(Fault::GraphMoveFails, Times::UntilCleared);
    scene.deliver(NOON - HOUR, &names(1, 4));
    let error = scene.fails().await;
    assert!(error.contains("ErrorMoveCopyFailed"), "{error}");
    assert_eq!(scene.stage.tickets(), names(1, 4));
    scene.practice.faults.clear_all();
    scene.advance(HOUR);
    assert_eq!(scene.fetch().await.fetched, 0);
    assert_eq!(scene.folders(), [("Done".to_owned(), 4)]);
    assert_eq!(scene.stage.tickets(), names(1, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_letter_that_is_not_moved_keeps_none_of_the_others_back() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Move("Done".into())).await;
    scene.practice.faults.arm(Fault::GraphMoveFails, Times::Exactly(1));
    scene.deliver(NOON - HOUR, &names(1, 4));
    let error = scene.fails().await;
    assert!(error.contains("refused to one letter") && error.contains("ErrorMoveCopyFailed"), "{error}");
    assert_eq!(scene.folders(), [("Done".to_owned(), 3), ("INBOX".to_owned(), 1)]);
    scene.advance(HOUR);
    assert_eq!(scene.fetch().await.fetched, 0);
    assert_eq!(scene.folders(), [("Done".to_owned(), 4)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_told_in_words_and_loses_and_doubles_nothing() {
    for (fault, times, said) in [
        (Fault::GraphThrottled, Times::UntilCleared, Some("limits how much")),
        (Fault::GraphThrottledLong, Times::Exactly(1), Some("limits how much")),
        (Fault::GraphServerError, Times::UntilCleared, Some("HTTP status 500")),
        (Fault::GraphUnavailable, Times::UntilCleared, Some("erviceNotAvailable")),
        (Fault::GraphGarbage, Times::UntilCleared, Some("none of Microsoft Graph")),
        (Fault::GraphDrops, Times::UntilCleared, Some("could not")),
        (Fault::GraphTokenRefused, Times::UntilCleared, Some("does not accept the token")),
        (Fault::GraphTokenRefused, Times::Exactly(1), None),
        (Fault::GraphAccessDenied, Times::UntilCleared, Some("Application permissions")),
        (Fault::GraphNoMailbox, Times::UntilCleared, Some("no license")),
        (Fault::GraphForeignNext, Times::UntilCleared, Some("leads elsewhere")),
        (Fault::GraphRepeatsPage, Times::UntilCleared, Some("leads back to itself")),
        (Fault::GraphLetterGone, Times::Exactly(1), None),
        (Fault::GraphLetterBreaks, Times::Exactly(1), None),
        (Fault::GraphDropInLetter, Times::Exactly(1), None),
    ] {
        let scene = Scene::new(StartFrom::Everything, Fetched::Delete).await;
        scene.practice.faults.arm(fault, times);
        scene.deliver(NOON - HOUR, &names(1, 8));
        match said {
            Some(said) => {
                let error = scene.fails().await;
                assert!(error.contains(said), "{fault:?}: {error}");
            }
            None => assert_eq!(scene.fetch().await.fetched, 8, "{fault:?}"),
        }
        assert!(scene.practice.faults.struck(fault) > 0, "{fault:?}");
        scene.practice.faults.clear_all();
        scene.advance(HOUR);
        scene.fetch().await;
        assert_eq!(scene.stage.tickets(), names(1, 8), "{fault:?}");
        let left = scene.folders().into_iter().find(|(name, _)| name == "INBOX");
        assert_eq!(left, None, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_are_denied_to_an_application_are_a_matter_of_its_own_permissions() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Delete).await;
    scene.practice.faults.arm_for(Fault::GraphAccessDenied, Times::UntilCleared, "$value");
    scene.deliver(NOON - HOUR, &names(1, 2));
    let error = scene.fails().await;
    assert!(error.contains("Application permissions") && !error.contains("Delegated"), "{error}");
    assert!(scene.practice.faults.struck(Fault::GraphAccessDenied) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_that_is_dropped_anywhere_loses_nothing_and_doubles_nothing() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Delete).await;
    let mut sent = 0;
    for polls in (1..120).step_by(3) {
        let more = names(sent + 1, sent + 4);
        sent += 4;
        scene.deliver(NOON - HOUR, &more);
        let work = fetch::once(&scene.stage.courier, scene.stage.mailbox_id);
        dropped_after(polls, work).await;
        scene.advance(HOUR / 60);
    }
    scene.advance(HOUR);
    scene.fetch().await;
    assert_eq!(scene.stage.tickets(), names(1, sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_a_body_is_no_letter_and_is_not_deleted() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Delete).await;
    scene.deliver(NOON, &names(1, 1));
    for _ in 0..2 {
        scene.practice.deliver(OPENED, b"");
    }
    scene.deliver(NOON, &names(2, 2));
    let said = fetch::once(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap_err().to_string();
    assert!(said.contains("2 letters are asked for again") && said.contains("is empty"), "{said}");
    assert_eq!((scene.stage.tickets(), scene.stage.inbox().len()), (names(1, 2), 2));
    // What comes behind them comes at once, and nothing twice.
    scene.advance(60_000);
    scene.deliver(scene.stage.clock.now(), &names(3, 3));
    fetch::once(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap_err();
    assert_eq!((scene.stage.tickets(), scene.stage.inbox().len()), (names(1, 3), 3));
    scene.advance(15 * 60_000);
    scene.deliver(scene.stage.clock.now(), &names(4, 4));
    let summary = fetch::once(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.failed), (3, 2), "left with the reason, each of them");
    assert_eq!(fetch::once(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap().fetched, 0);
    assert_eq!(scene.stage.inbox().len(), 6);
}
