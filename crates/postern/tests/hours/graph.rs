//! A mailbox that is read and answered by Microsoft Graph, and each of its calls answered so: by a person's consent, and by the
//! application itself. Nothing is lost or doubled, whatever it is.
use crate::world::{At, MINUTE, World};
use crate::{Found, Row as _, each};
use desk::outgoing::outbox::{self, Outbox};
use desk::outgoing::reply::{self, NewReply, Then};
use desk::people::viewer::Viewer;
use desk::{Actor, By};
use practice::{Fault, Times};
use std::sync::LazyLock;

#[derive(Debug)]
pub struct Row {
    name: String,
    fault: &'static str,
    /// Which call is answered so.
    call: &'static str,
    at: At,
    slow: bool,
    state: &'static str,
    says: &'static str,
    /// Requests that met the fault in the simulated hour, at most.
    most: u32,
    /// Simulated minutes after the end of the fault, at most.
    well_within: i64,
}
impl crate::Row for Row {
    fn name(&self) -> &str {
        &self.name
    }
    fn place(&self) -> At {
        self.at
    }
    fn is_slow(&self) -> bool {
        self.slow
    }
}

/// Fault, state, words of the page, requests, minutes; slow where real seconds pass.
type Kind = (&'static str, &'static str, &'static str, u32, i64, bool);

/// Asked again after a minute, two, four … and a quarter of an hour.
const PASSES: u32 = 8;
/// After five minutes, ten … and an hour.
const PERSON: u32 = 5;
const QUARTER: i64 = 20;
const HOUR: i64 = 76;

const LISTING: &[Kind] = &[
    ("graph_429", "waiting", "limits how much", PASSES, QUARTER, false),
    ("graph_429_long", "waiting", "limits how much", PASSES, QUARTER, false),
    ("graph_500", "waiting", "HTTP status 500", PASSES, QUARTER, false),
    ("graph_503", "waiting", "erviceNotAvailable", PASSES, QUARTER, false),
    ("graph_garbage", "waiting", "none of Microsoft Graph", PASSES, QUARTER, false),
    ("graph_drops", "waiting", "ould not", PASSES, QUARTER, false),
    ("graph_stalls", "waiting", "ould not", PASSES, QUARTER, true),
    ("graph_slow", "ok", "mail is fetched", 130, QUARTER, true),
    ("graph_token_refused", "needs_person", "does not accept the token", 2 * PERSON, HOUR, false),
    ("graph_claims", "needs_person", "does not accept the token", 2 * PERSON, HOUR, false),
    ("graph_access_denied", "needs_person", "gets no mail", 2 * PERSON, HOUR, false),
];

/// Each of these kinds at each of these calls, by a person's consent and by the application itself.
fn rows(calls: &[&'static str], kinds: &[Kind]) -> Vec<Row> {
    let mut rows = Vec::new();
    for at in [At::Graph, At::GraphApplication] {
        for &call in calls {
            for &(fault, state, says, most, well_within, slow) in kinds {
                let name = format!("{fault} of {call}");
                // What cannot be done after a letter is stored stops no mail.
                let after = matches!(call, "move" | "delete") && says == "gets no mail";
                let says = if after { "could not be done on the server" } else { says };
                rows.push(Row { name, fault, call, at, slow, state, says, most, well_within });
            }
        }
    }
    rows
}
/// Of the calls before a letter is stored, and of those after it.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| rows(&["delta", "$value", "move", "delete"], LISTING));

#[test]
fn every_fault_of_fetching_by_graph_has_its_state_its_sentence_few_requests_and_an_end() {
    each("fetching by Graph", &ROWS, 6, fetching);
}

async fn fetching(row: &'static Row) -> Found {
    let mut world = World::new(row.at).await;
    world.authorize().await.says("is authorized");
    let handled = match row.call {
        "move" => "move",
        "delete" => "delete",
        _ => "nothing",
    };
    world.fetches(&[("fetched", handled), ("move_to", "Done"), ("start_from", "everything")]).await;
    let before = world.practice.letters(row.at.address()).len();
    let fault = arm(&world, row);
    world.start_rounds();
    world.minutes(60).await;
    world.settles().await;
    let requests = world.practice.faults.struck(fault);
    let health = world.mailbox().await.incoming_health;
    let sentence = format!("{} {}", health.reason, health.remedy);
    let told =
        format!("{} at {:?}: {:?}, {requests} requests, “{sentence}”", row.name(), row.at, health.state);
    assert_eq!(health.state.word(), row.state, "{told}");
    let page = world.page().await;
    assert!(page.words().contains(row.says), "“{}” is not on the page. {told}\n{}", row.says, page.words());
    // Four letters are fetched side by side, and up to four are then asked for alone, to see whether it is the server.
    // Whether to move or delete is refused to one letter or to all is seen by three.
    let most = match row.call {
        "$value" => 8 * row.most,
        "move" | "delete" => 3 * row.most,
        _ => row.most,
    };
    assert!((1..=most).contains(&requests), "{told}");
    if row.state != "ok" && row.call == "$value" {
        assert_eq!(world.stored().await, 0, "{told}");
    }
    world.practice.faults.clear_all();
    let mut minutes = 0;
    while !(world.is_well().await && world.stored().await == before) {
        assert!(minutes <= row.well_within, "not well {minutes} minutes after the fault: {told}");
        world.minutes(1).await;
        minutes += 1;
    }
    world.minutes(2).await;
    assert_eq!(world.stored().await, before, "each is here once: {told}");
    let inbox = world.practice.letters(row.at.address());
    let left = inbox.iter().filter(|letter| letter.folder == "INBOX").count();
    assert_eq!(left, if handled == "nothing" { before } else { 0 }, "{told}");
    world.end().await;
    Found { state: row.state.to_owned(), requests, sentence, well_after: format!("{minutes} min") }
}

fn arm(world: &World, row: &Row) -> Fault {
    let fault = Fault::named(row.fault).unwrap_or_else(|| panic!("no fault {}", row.fault));
    world.practice.faults.arm_for(fault, Times::UntilCleared, row.call);
    fault
}

/// A letter waits twice as long after each try, and what may have gone out ten minutes at first.
const LETTER: i64 = 100;
/// A letter that a person must help is tried every five minutes.
const FIVES: u32 = 13;

/// The answer may have gone out unseen, so that it goes once more.
const UNSEEN: &str = "may have been sent";

/// The words are those of the outbox row.
const SENDING: &[Kind] = &[
    ("graph_429", "waiting", "limits how much", PASSES, LETTER, false),
    ("graph_429_long", "waiting", "limits how much", PASSES, LETTER, false),
    ("graph_500", "waiting", UNSEEN, PASSES, LETTER, false),
    ("graph_503", "waiting", "erviceNotAvailable", PASSES, LETTER, false),
    ("graph_garbage", "waiting", UNSEEN, PASSES, LETTER, false),
    ("graph_drops", "waiting", UNSEEN, PASSES, LETTER, false),
    ("graph_stalls", "waiting", UNSEEN, PASSES, LETTER, true),
    ("graph_slow", "ok", "", 1, LETTER, true),
    ("graph_token_refused", "needs_person", "does not accept the token", FIVES, LETTER, false),
    ("graph_claims", "needs_person", "does not accept the token", FIVES, LETTER, false),
    ("graph_access_denied", "needs_person", "Mail.Send", FIVES, LETTER, false),
    ("graph_gone", "needs_person", "ErrorGone", FIVES, LETTER, false),
    ("graph_send_denied", "needs_person", "may not send as this address", FIVES, LETTER, false),
    ("graph_drop_after_send", "waiting", UNSEEN, PASSES, LETTER, false),
];

static SENDING_ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| rows(&["sendMail"], SENDING));

#[test]
fn every_fault_of_sending_by_graph_has_its_state_its_sentence_few_requests_and_an_end() {
    each("sending by Graph", &SENDING_ROWS, 4, sending);
}

async fn sending(row: &'static Row) -> Found {
    let mut world = World::new(row.at).await;
    world.authorize().await.says("is authorized");
    world.answers_by_graph().await;
    world.fetches(&[("start_from", "everything")]).await;
    world.start_rounds();
    world.minutes(3).await;
    let outbox_id = answer(&world).await;
    let fault = match row.fault {
        // Strikes when the letter is looked at, not the call.
        "graph_send_denied" | "graph_drop_after_send" => world.arm(row.fault),
        _ => arm(&world, row),
    };
    world.minutes(60).await;
    world.settles().await;
    let requests = world.practice.faults.struck(fault);
    let found = outbox_row(&world, outbox_id).await;
    let state = world.mailbox().await.outgoing_health.state;
    let sentence = found.last_error.clone();
    let told = format!("{} at {:?}: {state:?}, {requests} requests, “{sentence}”", row.name(), row.at);
    assert_eq!(state.word(), row.state, "{told}");
    assert!(sentence.contains(row.says), "{told}");
    assert!((1..=row.most).contains(&requests), "{told}");
    world.practice.faults.clear_all();
    let mut minutes = 0;
    while outbox_row(&world, outbox_id).await.state != outbox::State::Sent {
        assert!(minutes <= row.well_within, "not sent {minutes} minutes after the fault: {told}");
        world.minutes(1).await;
        minutes += 1;
    }
    world.minutes(2).await;
    let may_be_twice = row.says == UNSEEN;
    let got = world.practice.letters("ann@customer.example").len();
    assert!(got == 1 || (may_be_twice && got > 1), "{got} letters: {told}");
    world.end().await;
    Found { state: row.state.to_owned(), requests, sentence, well_after: format!("{minutes} min") }
}

/// A letter that came is a ticket, and is answered: the row of the answer.
async fn answer(world: &World) -> i64 {
    let letter = "From: Ann <ann@customer.example>\r\nTo: support@contoso.example\r\nSubject: The gate squeaks\r\n\
                  Message-ID: <gate@customer.example>\r\nDate: Tue, 24 Nov 2026 11:00:00 +0000\r\n\r\nEach morning.\r\n";
    world.practice.deliver(world.at.address(), letter.as_bytes());
    let mut number = None;
    for _ in 0..10 {
        world.later(MINUTE).await;
        number = world.ticket_of("The gate squeaks").await;
        if number.is_some() {
            break;
        }
    }
    let new = NewReply {
        ticket_number: number.expect("the letter is a ticket"),
        text: "Some oil will help.".into(),
        to: None,
        cc: None,
        attachments: Vec::new(),
        draft_files: Vec::new(),
        seen_entry_id: None,
        form_id: None,
        random: [5; 16],
        then: Then::Nothing,
    };
    let by = By { actor: Actor::Agent { id: 1, name: "Maya Kern".into() }, at: world.now() };
    let sent = world.courier.write(move |tx| reply::send(tx, &Viewer::Operator, &by, &new));
    sent.await.unwrap().outbox_id
}
async fn outbox_row(world: &World, id: i64) -> Outbox {
    world.courier.read(move |tx| outbox::find(tx, id)).await.unwrap().unwrap()
}
