//! Answers that leave by Microsoft Graph, at the practice provider.
use crate::graph::{OPENED, Scene};
use crate::stage::{ADDRESS, letter, until};
use courier::rounds;
use desk::files::attachment::NewAttachment;
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use desk::outgoing::delivery;
use desk::outgoing::outbox::{self, Outbox, State};
use desk::outgoing::reply::{self, NewReply, Then};
use desk::people::viewer::Viewer;
use practice::{Fault, Times};
use tokio::sync::watch;
use tokio::task::JoinHandle;

struct Sending {
    scene: Scene,
    outbox_id: i64,
    stop: watch::Sender<bool>,
    rounds: JoinHandle<()>,
}

/// A ticket, answered, with the rounds running and a fault at Graph.
async fn answered(fault: Option<Fault>, attached: Option<&[u8]>) -> Sending {
    let scene = Scene::new(StartFrom::Everything, Fetched::Nothing).await;
    scene.practice.deliver(OPENED, &letter("printer"));
    scene.fetch().await;
    let (_, by) = scene.stage.administrator("bob@contoso.example");
    let new = NewReply {
        ticket_number: "10001".into(),
        text: "Turn it off.".into(),
        to: None,
        cc: None,
        attachments: attached.map(|content| file(&scene, content)).into_iter().collect(),
        draft_files: Vec::new(),
        seen_entry_id: None,
        form_id: None,
        random: [5; 16],
        then: Then::Nothing,
    };
    let outbox_id = scene.stage.write(|tx| reply::send(tx, &Viewer::Operator, &by, &new)).outbox_id;
    if let Some(fault) = fault {
        scene.practice.faults.arm(fault, Times::UntilCleared);
    }
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(scene.stage.courier.clone(), stopped);
    Sending { scene, outbox_id, stop, rounds }
}

fn file(scene: &Scene, content: &[u8]) -> NewAttachment {
    NewAttachment {
        stored: scene.stage.courier.desk().store.put(content).unwrap(),
        name: "story.bin".into(),
        media_type: "application/octet-stream".into(),
        inline: false,
        content_id: None,
    }
}

impl Sending {
    fn row(&self) -> Outbox {
        self.scene.stage.read(|tx| outbox::find(tx, self.outbox_id)).unwrap()
    }

    async fn tried(&self) {
        until(&self.scene.stage.courier, || {
            let row = self.row();
            row.state == State::Sent || row.state == State::Failed || !row.last_error.is_empty()
        })
        .await;
    }

    /// What Ann has got.
    fn got(&self) -> Vec<String> {
        let letters = self.scene.practice.letters("ann@customer.example");
        letters.into_iter().map(|letter| String::from_utf8_lossy(&letter.raw).into_owned()).collect()
    }

    async fn end(self) {
        self.stop.send(true).unwrap();
        self.rounds.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_goes_out_once_with_the_bytes_that_the_row_has() {
    let sending = answered(None, None).await;
    until(&sending.scene.stage.courier, || sending.row().state == State::Sent).await;
    let row = sending.row();
    assert_eq!((row.deliveries[0].state, row.attempts), (delivery::State::Sent, 1));
    assert_eq!(row.deliveries[0].answer, "202 Accepted");
    let sent = sending.scene.practice.letters(ADDRESS);
    let copies: Vec<_> = sent.iter().filter(|letter| letter.folder == "Sent Items").collect();
    assert_eq!(copies.len(), 1, "Exchange keeps a copy");
    let copy = String::from_utf8_lossy(&copies[0].raw).into_owned();
    assert!(copy.contains(&row.message_id) && copy.contains("Turn it off."), "{copy}");
    assert_eq!(sending.scene.stage.mailbox().outgoing_health.state, mailbox::State::Ok);
    sending.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_come_is_told_as_unsure_and_what_is_refused_waits() {
    for (fault, unsure, said) in [
        (Fault::GraphDropAfterSend, true, "may have been sent"),
        (Fault::GraphThrottledLong, false, "limits how much"),
        (Fault::GraphSendDenied, false, "may not send as this address"),
        (Fault::GraphAccessDenied, false, "Mail.Send"),
        (Fault::GraphTokenRefused, false, "does not accept the token"),
    ] {
        let sending = answered(Some(fault), None).await;
        sending.tried().await;
        let row = sending.row();
        let error = row.last_error.clone();
        assert!(error.contains(said), "{fault:?}: {error}");
        assert_ne!(row.state, State::Failed, "{fault:?}: it waits");
        assert_eq!(error.contains("may have been sent"), unsure, "{fault:?}: {error}");
        sending.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_graph_cannot_take_fails_at_once_and_names_the_way() {
    let sending = answered(None, Some(&[b'x'; 2_500_000])).await;
    sending.tried().await;
    let row = sending.row();
    assert_eq!(row.state, State::Failed);
    let error = row.last_error;
    assert!(error.contains("3000 kB") && error.contains("SMTP"), "{error}");
    assert!(sending.got().is_empty());
    sending.end().await;
}
