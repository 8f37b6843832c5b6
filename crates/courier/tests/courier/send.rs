use crate::pretend_imap::PretendImap;
use crate::pretend_smtp::PretendSmtp;
use crate::stage::{NOON, Stage, letter, until};
use courier::doctor::Extent;
use courier::{fetch, rounds};
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use desk::outgoing::delivery;
use desk::outgoing::outbox::{self, Outbox, State};
use desk::outgoing::reply::{self, NewReply, Then};
use desk::people::viewer::Viewer;
use std::net::SocketAddr;
use tokio::sync::watch;
use tokio::task::JoinHandle;

struct Sending {
    stage: Stage,
    smtp: PretendSmtp,
    outbox_id: i64,
    stop: watch::Sender<bool>,
    rounds: JoinHandle<()>,
}

/// A ticket, answered to these people, with the rounds running.
async fn answered(to: &str, prepare: impl FnOnce(&PretendSmtp)) -> Sending {
    let (stage, smtp, outbox_id) = replied(to).await;
    prepare(&smtp);
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    Sending { stage, smtp, outbox_id, stop, rounds }
}

/// A ticket, answered to these people: the row is in the outbox, and nobody sends.
async fn replied(to: &str) -> (Stage, PretendSmtp, i64) {
    replied_by(to, Stage::sent_through).await
}

async fn replied_by(to: &str, set_up: impl FnOnce(&Stage, SocketAddr)) -> (Stage, PretendSmtp, i64) {
    let (stage, imap, smtp) = (Stage::new(), PretendImap::start().await, PretendSmtp::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    set_up(&stage, smtp.address);
    imap.deliver(NOON, letter("printer"));
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let (_, by) = stage.administrator("bob@contoso.example");
    let new = NewReply { to: Some(to.into()), ..reply_to_ann("Turn it off.", [5; 16]) };
    let outbox_id = stage.write(|tx| reply::send(tx, &Viewer::Operator, &by, &new)).outbox_id;
    (stage, smtp, outbox_id)
}

fn reply_to_ann(text: &str, random: [u8; 16]) -> NewReply {
    NewReply {
        ticket_number: "10001".into(),
        text: text.into(),
        to: None,
        cc: None,
        attachments: Vec::new(),
        draft_files: Vec::new(),
        seen_entry_id: None,
        form_id: None,
        random,
        then: Then::Nothing,
    }
}

impl Sending {
    fn row(&self) -> Outbox {
        self.stage.read(|tx| outbox::find(tx, self.outbox_id)).unwrap()
    }
    async fn wake(&self) {
        let woken = self.stage.courier.write(|tx| {
            tx.wake("outbox");
            Ok(())
        });
        woken.await.unwrap();
    }
    async fn end(self) {
        self.stop.send(true).unwrap();
        self.rounds.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_goes_out_once_with_the_id_and_the_bytes_that_the_row_has() {
    let sending = answered("ann@customer.example", |_| {}).await;
    until(&sending.stage.courier, || sending.row().state == State::Sent).await;
    let row = sending.row();
    let taken = sending.smtp.state().taken.clone();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].0, ["ann@customer.example"]);
    assert!(taken[0].1.contains(&row.message_id) && taken[0].1.contains("Turn it off."));
    assert_eq!(row.sha256.unwrap(), desk::files::store::Store::hash(taken[0].1.as_bytes()));
    assert_eq!(row.deliveries[0].state, delivery::State::Sent);
    assert_eq!(row.attempts, 1);
    assert_eq!(sending.stage.mailbox().outgoing_health.state, mailbox::State::Ok);
    sending.end().await;
}

/// *None* with a server is a relay that knows this machine; what it answers to AUTH is never asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_relay_a_reply_goes_out_and_nobody_signs_in() {
    let (stage, smtp, outbox_id) = replied_by("ann@customer.example", Stage::sent_through_a_relay).await;
    smtp.state().sign_in = Some("535 5.7.8 nobody signs in here");
    let found = courier::doctor::examine(&stage.courier, stage.mailbox_id, Extent::Links).await.unwrap();
    assert!(found.is_well(), "{}", found.transcript());
    assert!(found.transcript().contains("Nobody signs in"), "{}", found.transcript());
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    let row = || stage.read(|tx| outbox::find(tx, outbox_id)).unwrap();
    until(&stage.courier, || row().state == State::Sent).await;
    assert_eq!(smtp.state().taken.len(), 1);
    let mailbox = stage.mailbox();
    assert_eq!(mailbox.outgoing_health.state, mailbox::State::Ok, "{}", mailbox.outgoing_health.reason);
    stop.send(true).unwrap();
    rounds.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_recipient_is_settled_by_its_own_answer() {
    let sending = answered("ann@customer.example, gone@customer.example, later@customer.example", |smtp| {
        let answers = &mut smtp.state().answers;
        answers.insert("gone@customer.example".into(), "550 5.1.1 no such user");
        answers.insert("later@customer.example".into(), "451 4.7.1 greylisted");
    })
    .await;
    until(&sending.stage.courier, || {
        sending.row().deliveries.iter().all(|d| d.attempts > 0 && !d.answer.is_empty())
    })
    .await;
    let state = |who: &str| {
        let row = sending.row();
        row.deliveries.into_iter().find(|d| d.recipient == who).map(|d| (d.state, d.answer)).unwrap()
    };
    assert_eq!(state("ann@customer.example").0, delivery::State::Sent);
    assert_eq!(state("gone@customer.example").0, delivery::State::Failed);
    assert_eq!(
        state("gone@customer.example").1,
        "There is no such mailbox at the recipient's server. Compare the address with what the person wrote, and answer \
         to the right one. The server said: “550 5.1.1 no such user”"
    );
    assert_eq!(state("later@customer.example").0, delivery::State::Deferred);
    assert!(
        state("later@customer.example")
            .1
            .ends_with("tries again by itself. The server said: “451 4.7.1 greylisted”")
    );
    let row = sending.row();
    assert!(row.state == State::Queued && row.due_at >= NOON + 60_000, "{row:?}");

    sending.smtp.state().answers.clear();
    sending.stage.clock.advance(10 * 60_000);
    sending.wake().await;
    until(&sending.stage.courier, || sending.row().state == State::Sent).await;
    let taken = sending.smtp.state().taken.clone();
    assert_eq!(
        taken.iter().map(|(to, _)| to.clone()).collect::<Vec<_>>(),
        [["ann@customer.example"], ["later@customer.example"]]
    );
    assert_eq!(taken[0].1, taken[1].1, "the same bytes");
    sending.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_refused_because_of_the_mailbox_waits_until_that_is_mended_and_says_how() {
    let sending = answered("ann@customer.example", |smtp| {
        smtp.state().letter_answer = Some("554 5.7.1 <ann@customer.example>: Relay access denied");
    })
    .await;
    until(&sending.stage.courier, || sending.row().deliveries[0].state == delivery::State::Deferred).await;
    let said = sending.row().deliveries[0].answer.clone();
    for part in ["does not pass on mail", "Choose an Authentication", "554 5.7.1 <ann@customer.example>"] {
        assert!(said.contains(part), "{said}");
    }
    until(&sending.stage.courier, || {
        sending.stage.mailbox().outgoing_health.state == mailbox::State::NeedsPerson
    })
    .await;

    sending.smtp.state().letter_answer = None;
    sending.stage.clock.advance(3_600_000);
    sending.wake().await;
    until(&sending.stage.courier, || sending.row().state == State::Sent).await;
    assert_eq!(sending.stage.mailbox().outgoing_health.state, mailbox::State::Ok);
    sending.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_breaks_after_the_final_dot_is_said_and_the_same_bytes_go_again_later() {
    let sending = answered("ann@customer.example", |smtp| smtp.state().cut_after_dot = true).await;
    until(&sending.stage.courier, || sending.row().unsure).await;
    let row = sending.row();
    assert!(row.state == State::Queued && row.due_at >= NOON + 10 * 60_000, "{row:?}");
    assert!(row.last_error.contains("may have been sent"), "{}", row.last_error);
    assert_eq!(sending.smtp.state().taken.len(), 1, "not again at once");

    sending.stage.clock.advance(30 * 60_000);
    sending.wake().await;
    until(&sending.stage.courier, || sending.row().state == State::Sent).await;
    let taken = sending.smtp.state().taken.clone();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0], taken[1]);
    assert!(sending.row().unsure, "it stays said");
    sending.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_sign_in_makes_the_mailbox_red_and_the_reply_waits() {
    let sending = answered("ann@customer.example", |smtp| smtp.state().sign_in = Some("535 5.7.8 no")).await;
    until(&sending.stage.courier, || !sending.row().last_error.is_empty()).await;
    let health = sending.stage.mailbox().outgoing_health;
    assert_eq!(health.state, mailbox::State::NeedsPerson);
    assert_eq!(sending.row().state, State::Queued);

    sending.smtp.state().sign_in = None;
    sending.stage.clock.advance(3_600_000);
    sending.wake().await;
    until(&sending.stage.courier, || sending.row().state == State::Sent).await;
    assert_eq!(sending.stage.mailbox().outgoing_health.state, mailbox::State::Ok);
    sending.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_sender_had_in_hand_goes_out_with_its_bytes_and_says_that_it_may_come_twice() {
    let (stage, smtp, outbox_id) = replied("ann@customer.example").await;
    let bytes = b"Message-ID: <fixed@contoso.example>\r\n\r\nFixed before the end.\r\n";
    let stored = stage.courier.desk().store.put(bytes).unwrap();
    let claims = stage.write(|tx| {
        let claims = outbox::claim_due(tx, NOON, 60_000, "elsewhere", 10)?;
        outbox::fix_bytes(tx, &claims[0], &stored)?;
        Ok(claims)
    });
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    let sending = Sending { stage, smtp, outbox_id, stop, rounds };
    sending.wake().await;
    sending.stage.clock.advance(61_000);
    sending.wake().await;
    until(&sending.stage.courier, || sending.row().state == State::Sent).await;
    assert!(sending.row().unsure);
    assert_eq!(sending.smtp.state().taken[0].1.as_bytes(), bytes);
    assert_eq!(sending.smtp.state().taken.len(), 1);

    // The dead one comes back to life: too late.
    let late =
        outbox::Attempt { fates: Vec::new(), error: Some("late".into()), unsure: false, next_at: None };
    assert!(!sending.stage.write(|tx| outbox::settle(tx, &claims[0], &late, NOON)));
    sending.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_microsofts_is_sent_more_than_25_messages_a_minute() {
    let (stage, smtp, first) = replied("ann@customer.example").await;
    let (_, by) = stage.administrator("eve@contoso.example");
    let more: Vec<i64> = (0..30u8)
        .map(|n| {
            let new = reply_to_ann(&format!("And {n}."), [n + 10; 16]);
            stage.write(|tx| reply::send(tx, &Viewer::Operator, &by, &new)).outbox_id
        })
        .collect();
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    let sending = Sending { stage, smtp, outbox_id: first, stop, rounds };
    // The clock stands still: a limit would hold the twenty-sixth back for ever.
    until(&sending.stage.courier, || sending.smtp.state().taken.len() == more.len() + 1).await;
    sending.end().await;
}
