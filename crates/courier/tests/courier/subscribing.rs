//! Microsoft is asked to tell of new mail: made once mail is fetched, renewed, made anew, taken back; and what stands in the
//! way of that harms no fetch.
use crate::graph::{OPENED, Scene};
use crate::pretend_ear::PretendEar;
use crate::stage::{NOON, dropped_after, names};
use courier::authorize;
use courier::rounds::look_after_subscriptions;
use desk::mailboxes::mailbox::{self, Completeness, Fetched, Protocol, RemoteMailbox, StartFrom};
use desk::mailboxes::subscription::{self, Notification, State, Subscription};
use desk::params;
use desk::site::mail_hold;
use practice::{Fault, Times};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Mail is looked for once a day, so that nothing in these tests comes by that.
const SELDOM_S: i64 = 86_400;

struct Told {
    scene: Scene,
    ear: PretendEar,
}

impl Told {
    /// Switched on, and fetched once.
    async fn new() -> Told {
        let told = Told::unfetched().await;
        told.scene.fetch().await;
        told.look().await;
        told
    }

    async fn unfetched() -> Told {
        let ear = PretendEar::open().await;
        let scene =
            Scene::at(&format!("http://{}/", ear.address), StartFrom::Everything, Fetched::Nothing).await;
        let told = Told { scene, ear };
        told.change(|_| {});
        told
    }

    fn change(&self, change: impl FnOnce(&mut RemoteMailbox)) {
        let complete = Completeness::Complete;
        self.scene.remote_with(StartFrom::Everything, Fetched::Nothing, true, complete, |remote| {
            (remote.notified, remote.frequency_s) = (true, SELDOM_S);
            change(remote);
        });
    }

    async fn look(&self) {
        look_after_subscriptions(&self.scene.stage.courier).await.unwrap();
    }

    fn rows(&self) -> Vec<Subscription> {
        let id = self.scene.stage.mailbox_id;
        self.scene.stage.read(|tx| subscription::of_mailbox(tx, id))
    }

    fn states(&self) -> Vec<(String, State)> {
        self.rows().into_iter().map(|one| (one.folder, one.state)).collect()
    }

    /// What the server has: id, folder and end.
    fn at_the_server(&self) -> Vec<(String, String, i64)> {
        self.scene.practice.subscriptions(OPENED)
    }

    /// As the page takes what was told. How many had no effect.
    fn hear(&self, told: &[Notification]) -> usize {
        let now = self.scene.stage.clock.now();
        let heard = self.scene.stage.read(|tx| subscription::weigh(tx, told, now));
        self.scene.stage.write(|tx| subscription::hear(tx, &heard, now));
        heard.ignored
    }

    /// In seconds from now.
    fn due_in(&self) -> i64 {
        (self.scene.stage.mailbox().due_at - self.scene.stage.clock.now()) / 1000
    }

    fn deliver(&self, number: u32) {
        self.scene.deliver(self.scene.stage.clock.now(), &names(number, number));
    }

    fn is_well(&self) {
        let health = self.scene.stage.mailbox().incoming_health;
        assert_eq!(health.state, mailbox::State::Ok, "{}", health.reason);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_made_once_mail_is_fetched_and_what_it_tells_is_fetched_at_once() {
    let told = Told::unfetched().await;
    told.look().await;
    assert!(told.rows().is_empty() && told.at_the_server().is_empty(), "nothing was fetched yet");
    told.scene.fetch().await;
    told.look().await;
    let server = told.at_the_server();
    assert_eq!((server[0].1.as_str(), server[0].2, server.len()), ("INBOX", NOON + 3 * DAY, 1));
    assert_eq!(told.states(), [("INBOX".to_owned(), State::Active)]);
    assert_eq!(told.due_in(), 2, "what came before it was made is looked for");
    told.scene.fetch().await;
    assert_eq!(told.due_in(), SELDOM_S);

    told.deliver(1);
    let news = told.ear.told(1).await;
    assert_eq!(news[0].client_state.len(), 43, "256 bits");
    let forged = Notification { client_state: "guessed".into(), ..news[0].clone() };
    let unknown = Notification { server_id: "another".into(), ..news[0].clone() };
    assert_eq!(told.hear(&[forged, unknown]), 2);
    assert_eq!(told.due_in(), SELDOM_S);
    assert_eq!(told.hear(&news), 0);
    assert_eq!(told.due_in(), 2, "so long after the look of just now");
    told.scene.fetch().await;
    assert_eq!(told.scene.stage.tickets(), names(1, 1));
    // It asks for no more than it has.
    told.look().await;
    assert_eq!(told.at_the_server(), server);
    told.is_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_renewed_long_before_its_end_and_made_anew_after_it() {
    let told = Told::new().await;
    let first = told.at_the_server();
    told.scene.advance(19 * HOUR);
    told.look().await;
    assert_eq!(told.at_the_server(), first, "it is not time yet");
    told.scene.advance(HOUR);
    told.look().await;
    let renewed = told.at_the_server();
    assert_eq!((&renewed[0].0, renewed[0].2), (&first[0].0, NOON + 20 * HOUR + 3 * DAY));
    assert_eq!(told.rows()[0].ends_at, Some(renewed[0].2));

    // Nobody was there for a week.
    told.scene.advance(7 * DAY);
    assert!(told.at_the_server().is_empty());
    told.look().await;
    let anew = told.at_the_server();
    assert!(anew.len() == 1 && anew[0].0 != first[0].0, "{anew:?}");
    assert_eq!(told.states(), [("INBOX".to_owned(), State::Active)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_microsoft_says_of_it_renews_it_makes_it_anew_or_fetches() {
    let told = Told::new().await;
    told.scene.fetch().await;
    let arm = |fault| told.scene.practice.faults.arm(fault, Times::Exactly(1));
    let first = told.at_the_server();

    arm(Fault::GraphNotificationsMissed);
    told.deliver(1);
    told.hear(&told.ear.told(1).await);
    assert_eq!(told.due_in(), 2);
    assert_eq!(told.scene.fetch().await.fetched, 1);

    told.scene.advance(HOUR);
    arm(Fault::GraphReauthorization);
    told.deliver(2);
    told.hear(&told.ear.told(3).await[1..2]);
    told.look().await;
    let renewed = told.at_the_server();
    assert_eq!((&renewed[0].0, renewed[0].2), (&first[0].0, NOON + HOUR + 3 * DAY));

    arm(Fault::GraphSubscriptionRemoved);
    told.deliver(3);
    told.hear(&told.ear.told(4).await[3..]);
    assert!(told.at_the_server().is_empty());
    told.look().await;
    let anew = told.at_the_server();
    assert!(anew.len() == 1 && anew[0].0 != first[0].0, "{anew:?}");
    assert!(told.due_in() <= 0, "what it did not tell of is looked for");
    assert_eq!(told.scene.fetch().await.fetched, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_told_with_its_remedy_tried_later_and_later_and_harms_no_fetch() {
    let told = Told::unfetched().await;
    let faults = &told.scene.practice.faults;
    faults.arm(Fault::GraphSubscribeDenied, Times::UntilCleared);
    told.scene.fetch().await;
    told.look().await;
    let one = told.rows().remove(0);
    assert!(
        one.reason.contains("does not tell of new mail") && one.remedy.contains("Mail.ReadWrite"),
        "{one:?}"
    );
    assert!(one.remedy.contains("looked for every so often"), "{one:?}");
    let struck = faults.struck(Fault::GraphSubscribeDenied);
    told.look().await;
    assert_eq!(faults.struck(Fault::GraphSubscribeDenied), struck, "it is not asked again at once");
    told.deliver(1);
    assert_eq!(told.scene.fetch().await.fetched, 1);
    told.is_well();
    let mut waits = Vec::new();
    for _ in 0..3 {
        let one = told.rows().remove(0);
        waits.push(one.due_at - told.scene.stage.clock.now());
        told.scene.advance(one.due_at - told.scene.stage.clock.now());
        told.look().await;
    }
    assert!(waits.is_sorted() && waits[2] > waits[0], "{waits:?}");
    faults.clear_all();

    // Nobody answers at our address.
    told.ear.deaf(true);
    told.scene.advance(HOUR + HOUR / 2);
    told.look().await;
    let one = told.rows().remove(0);
    assert_eq!((one.reason_code.as_str(), one.state), ("not_reached", State::Wanted), "{one:?}");
    assert!(one.reason.contains("/graph/notifications") && one.remedy.contains("reverse proxy"), "{one:?}");
    told.ear.deaf(false);
    told.scene.advance(HOUR + HOUR / 2);
    told.look().await;
    let one = told.rows().remove(0);
    assert_eq!((one.state, one.reason.as_str(), one.failures), (State::Active, "", 0));
    told.is_well();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_taken_back_when_it_is_wanted_no_more() {
    let told = Told::new().await;
    let id = told.scene.stage.mailbox_id;
    let by = told.scene.stage.by();
    let one = |told: &Told| {
        let mut folders: Vec<String> =
            told.at_the_server().into_iter().map(|(_, folder, _)| folder).collect();
        folders.sort();
        folders
    };
    assert_eq!(one(&told), ["INBOX"]);
    // The option, the mailbox, another folder.
    told.change(|remote| remote.notified = false);
    told.look().await;
    assert!(one(&told).is_empty() && told.rows().is_empty());
    told.change(|_| {});
    told.look().await;
    assert_eq!(one(&told), ["INBOX"]);
    told.scene.stage.write(|tx| mailbox::pause(tx, &by, id));
    told.look().await;
    assert!(one(&told).is_empty() && told.rows().is_empty());
    told.scene.practice.make_folder(OPENED, "Sales");
    told.change(|remote| remote.folders = vec!["INBOX".into(), "Sales".into()]);
    told.look().await;
    assert_eq!(one(&told), ["INBOX", "Sales"]);
    told.change(|remote| remote.folders = vec!["Sales".into()]);
    told.look().await;
    assert_eq!(one(&told), ["Sales"]);

    // The server is away: it is tried again, and told.
    told.scene.practice.faults.arm_for(Fault::GraphUnavailable, Times::UntilCleared, "subscriptions");
    told.change(|remote| remote.notified = false);
    told.look().await;
    assert_eq!(told.states(), [("Sales".to_owned(), State::Ending)]);
    assert!(!told.rows()[0].reason.is_empty());
    told.scene.practice.faults.clear_all();
    told.scene.advance(HOUR);
    told.look().await;
    assert!(one(&told).is_empty() && told.rows().is_empty());

    // The mailbox is removed: it is taken back while there is something to do that with.
    told.change(|_| {});
    told.look().await;
    assert_eq!(one(&told), ["INBOX"]);
    authorize::remove(&told.scene.stage.courier, &by, id).await.unwrap();
    assert!(one(&told).is_empty() && told.rows().is_empty());
}

/// To be read by IMAP from now on.
fn by_imap(remote: &mut RemoteMailbox) {
    remote.notified = false;
    remote.protocol = Protocol::Imap;
    remote.server.host = "localhost".into();
    remote.server.security = mailbox::Security::Tls;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_taken_back_before_the_mailbox_moves_and_what_cannot_be_is_let_go_and_told() {
    let told = Told::new().await;
    let (courier, id) = (told.scene.stage.courier.clone(), told.scene.stage.mailbox_id);
    let mut wanted = None;
    told.change(|remote| wanted = Some(remote.clone()));
    let mut wanted = wanted.unwrap();
    authorize::before_moving(&courier, id, &wanted).await.unwrap();
    assert_eq!(told.at_the_server().len(), 1, "it stays where it is");
    by_imap(&mut wanted);
    authorize::before_moving(&courier, id, &wanted).await.unwrap();
    assert!(told.at_the_server().is_empty() && told.rows().is_empty());
    told.look().await;
    assert_eq!(told.at_the_server().len(), 1, "it did not move after all");

    // Without a word before: its consent has ended with the move.
    told.change(by_imap);
    told.look().await;
    assert!(told.rows().is_empty());
    assert_eq!(told.at_the_server().len(), 1, "it ends by itself");
    let of = desk::site::event::Subject::Mailbox(id);
    let events = told.scene.stage.read(|tx| desk::site::event::list(tx, of, 99));
    let last = events.iter().find(|event| event.kind == "notifications_not_ended").unwrap();
    assert!(last.data["reason"].as_str().unwrap().contains("ended when Protocol was changed"), "{last:?}");
    // What it tells until then has no effect.
    told.deliver(1);
    assert_eq!(told.hear(&told.ear.told(1).await), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_made_by_who_was_killed_before_noting_it_is_ignored_and_ends_by_itself() {
    let told = Told::new().await;
    // As kill -9 leaves it: made at the server, and here still wanted and in the hands of who is gone.
    told.scene.stage.write(|tx| {
        Ok(tx.execute(
            "UPDATE subscription SET state = 'wanted', server_id = NULL, secret_hash = NULL, ends_at = NULL, due_at = $1,
                    leased_by = 'gone', leased_until = $2",
            params![NOON, NOON + 3 * 60_000],
        )?)
    });
    told.look().await;
    assert_eq!(told.at_the_server().len(), 1, "somebody may still be at it");
    told.scene.advance(3 * 60_000);
    told.look().await;
    assert_eq!((told.at_the_server().len(), told.states()), (2, vec![("INBOX".to_owned(), State::Active)]));
    told.scene.fetch().await;
    told.deliver(1);
    let both = told.ear.told(2).await;
    assert_eq!(told.hear(&both), 1, "one that nobody knows is ignored");
    for _ in 0..4 {
        told.scene.advance(DAY);
        told.look().await;
    }
    assert_eq!(told.at_the_server().len(), 1, "what nobody renews has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_making_that_is_broken_off_anywhere_leaves_one_that_counts() {
    for polls in 1.. {
        let told = Told::unfetched().await;
        told.scene.fetch().await;
        let courier = told.scene.stage.courier.clone();
        let (mut done, work) = (false, look_after_subscriptions(&courier));
        dropped_after(polls, async {
            work.await.unwrap();
            done = true;
        })
        .await;
        if done {
            assert!(polls > 4, "it was never broken off: {polls}");
            break;
        }
        // What it had begun beside itself may still end; then its lease does.
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        told.scene.advance(4 * 60_000);
        told.look().await;
        let there = told.at_the_server();
        assert!((1..=2).contains(&there.len()), "{polls}: {there:?}");
        let row = told.rows().remove(0);
        assert_eq!((row.state, told.rows().len()), (State::Active, 1), "{polls}");
        assert!(there.iter().any(|(id, ..)| Some(id) == row.server_id.as_ref()), "{polls}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_while_mail_is_on_hold_or_where_microsoft_could_not_call() {
    let told = Told::unfetched().await;
    told.scene.fetch().await;
    let by = told.scene.stage.by();
    told.scene.stage.write(|tx| mail_hold::begin(tx, &by, None));
    told.look().await;
    assert!(told.rows().is_empty() && told.at_the_server().is_empty());

    let scene = Scene::at("http://help.contoso.example/", StartFrom::Everything, Fetched::Nothing).await;
    let ear = PretendEar::open().await;
    let told = Told { scene, ear };
    told.change(|_| {});
    told.scene.fetch().await;
    told.look().await;
    let one = told.rows().remove(0);
    assert_eq!(one.reason_code, "not_reached");
    assert!(
        one.reason.contains("http://help.contoso.example/") && one.remedy.contains("site.url"),
        "{one:?}"
    );
    assert!(told.at_the_server().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_shared_mailbox_that_a_person_opens_nothing_is_asked_that_would_never_be_told() {
    let told = Told::unfetched().await;
    told.scene.fetch().await;
    told.scene.stage.write(|tx| {
        tx.execute("UPDATE mailbox SET shape = 'shared'", params![])?;
        Ok(tx.execute("UPDATE client SET flow = 'code'", params![])?)
    });
    told.look().await;
    let one = told.rows().remove(0);
    assert!(one.reason.contains("own mailbox alone") && one.remedy.contains("application"), "{one:?}");
    assert!(told.at_the_server().is_empty());
}
