//! Servers that answer as no server should: each is told in its class and in time, nothing is lost and nothing comes twice.
//!
//! Time is tokio's and jumps when everybody waits, so that time-outs cost nothing.
use crate::odd::Odd;
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::PretendPop3;
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
use desk::mailboxes::mailbox::{Fetched, StartFrom, State};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const HOUR: i64 = 3_600_000;
const LETTERS: u32 = 6;

struct Row {
    name: &'static str,
    odd: fn(&str, &[u8]) -> Option<Odd>,
    /// What the mailbox's page says of it; nothing where all is fetched.
    says: &'static str,
    state: State,
    /// When the round has ended at the latest; the time leaps while the database works, too.
    minutes: u64,
    /// How many letters are recorded by then.
    recorded: usize,
}

const ALL_IS_FETCHED: Row =
    Row { name: "", odd: |_, _| None, says: "", state: State::Ok, minutes: 30, recorded: 6 };
/// Each says what the page says of it.
const NOTHING_COMES: Row = Row { state: State::Waiting, recorded: 0, ..ALL_IS_FETCHED };

fn is_fetch(command: &str) -> bool {
    command.starts_with("UID FETCH") && command.contains("BODY")
}
fn with_letters(command: &str, answer: &[u8], odd: impl Fn(&str) -> Odd) -> Option<Odd> {
    is_fetch(command).then(|| odd(std::str::from_utf8(answer).unwrap()))
}
/// Each announced as so much longer than it is.
fn announced(text: &str, by: i64) -> String {
    let mut parts = text.split("BODY[] {");
    let mut wrong = parts.next().unwrap().to_owned();
    for part in parts {
        let (size, rest) = part.split_once('}').unwrap();
        wrong.push_str(&format!("BODY[] {{{}}}{rest}", size.parse::<i64>().unwrap() + by));
    }
    wrong
}
fn first_of(text: &str) -> &str {
    text.split_inclusive("\r\n)\r\n").next().unwrap()
}

const IMAP: [Row; 17] = [
    Row {
        name: "a literal announced as 1 GB",
        odd: |command, answer| {
            with_letters(command, answer, |text| {
                let uid = text.split("(UID ").nth(1).unwrap().split(' ').next().unwrap();
                Odd::FallsSilent(format!("* 1 FETCH (UID {uid} BODY[] {{1000000000}}\r\nSubject").into())
            })
        },
        says: "did not answer within 60 s",
        state: State::Waiting,
        minutes: 20,
        recorded: 0,
    },
    Row {
        name: "NIL everywhere, and no end",
        odd: |command, _| {
            let nil: &[u8] = b"* 1 FETCH (UID 1 ENVELOPE NIL BODY[] NIL)\r\n* NIL\r\n* NIL FETCH NIL\r\n";
            is_fetch(command).then(|| Odd::Says(nil.to_vec()))
        },
        says: "did not answer within 120 s",
        ..NOTHING_COMES
    },
    Row {
        name: "NIL for every letter",
        odd: |command, answer| {
            with_letters(command, answer, |text| {
                let end = text.lines().last().unwrap();
                Odd::Says(format!("* 1 FETCH (UID 1 INTERNALDATE NIL BODY[] NIL)\r\n{end}\r\n").into())
            })
        },
        says: "lists messages and delivers none",
        ..NOTHING_COMES
    },
    Row {
        name: "NIL beside every letter",
        odd: |command, answer| {
            with_letters(command, answer, |text| {
                let nil = "(ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE (NIL NIL) FLAGS NIL UID ";
                Odd::Says(text.replace("(UID ", nil).into())
            })
        },
        ..ALL_IS_FETCHED
    },
    Row {
        name: "unsolicited EXPUNGE and VANISHED",
        odd: |command, answer| {
            let unasked: &[u8] = b"* 1 EXPUNGE\r\n* VANISHED 1:3\r\n* VANISHED (EARLIER) 1:4294967295\r\n";
            command.starts_with("UID").then(|| Odd::Says([unasked, answer].concat()))
        },
        ..ALL_IS_FETCHED
    },
    Row {
        name: "EXISTS shrinks",
        odd: |command, answer| {
            let unasked: &[u8] = b"* 2 EXISTS\r\n* 0 EXISTS\r\n";
            command.starts_with("UID").then(|| Odd::Says([unasked, answer].concat()))
        },
        ..ALL_IS_FETCHED
    },
    Row {
        name: "BYE in mid-FETCH",
        odd: |command, answer| {
            with_letters(command, answer, |text| {
                Odd::Cuts(format!("{}* BYE Service closing\r\n", first_of(text)).into())
            })
        },
        ..ALL_IS_FETCHED
    },
    Row {
        name: "BYE in a letter",
        odd: |command, answer| {
            with_letters(command, answer, |text| Odd::Cuts(text.as_bytes()[..text.len() / 2].to_vec()))
        },
        says: "closed the link",
        state: State::Waiting,
        minutes: 30,
        recorded: 1,
    },
    Row {
        name: "letters longer than announced",
        odd: |command, answer| with_letters(command, answer, |text| Odd::Says(announced(text, -9).into())),
        says: "longer or shorter than the server announced",
        ..NOTHING_COMES
    },
    Row {
        name: "letters shorter than announced",
        odd: |command, answer| with_letters(command, answer, |text| Odd::Says(announced(text, 9).into())),
        says: "longer or shorter than the server announced",
        ..NOTHING_COMES
    },
    Row {
        name: "a byte a second",
        odd: |command, answer| with_letters(command, answer, |text| Odd::Drips(text.into())),
        says: "",
        state: State::Ok,
        minutes: 40,
        recorded: 6,
    },
    Row {
        name: "no greeting",
        odd: |command, _| command.is_empty().then(|| Odd::FallsSilent(Vec::new())),
        says: "did not answer within 60 s",
        state: State::Waiting,
        minutes: 2,
        recorded: 0,
    },
    Row {
        name: "a greeting and then silence",
        odd: |command, _| (command == "CAPABILITY").then(|| Odd::FallsSilent(Vec::new())),
        says: "did not answer within 120 s",
        state: State::Waiting,
        minutes: 3,
        recorded: 0,
    },
    Row {
        name: "FETCH answered NO",
        odd: |command, answer| {
            with_letters(command, answer, |text| {
                let tag = text.lines().last().unwrap().split(' ').next().unwrap();
                Odd::Says(format!("{tag} NO Server Unavailable. 15\r\n").into())
            })
        },
        says: "Server Unavailable. 15",
        ..NOTHING_COMES
    },
    Row {
        name: "literals in odd places",
        odd: |command, answer| {
            with_letters(command, answer, |text| {
                let odd = "(ENVELOPE ({3}\r\n)\r\n ({1}\r\n\" NIL)) X {0}\r\n UID ";
                Odd::Says(text.replace("\r\n)\r\n", "\r\n Y {2}\r\n\r\n)\r\n").replace("(UID ", odd).into())
            })
        },
        ..ALL_IS_FETCHED
    },
    Row {
        name: "BYE instead of an answer to MOVE",
        odd: |command, _| {
            command.starts_with("UID MOVE").then(|| Odd::Cuts(b"* BYE Service closing\r\n".to_vec()))
        },
        says: "Service closing",
        state: State::Waiting,
        minutes: 30,
        recorded: 6,
    },
    Row {
        name: "silence instead of an answer to MOVE",
        odd: |command, _| command.starts_with("UID MOVE").then(|| Odd::FallsSilent(Vec::new())),
        says: "did not answer within 120 s",
        state: State::Waiting,
        minutes: 4,
        recorded: 6,
    },
];

/// One round in time; what of it is not as the row has it.
async fn round(stage: &Stage, row: &Row) -> Option<String> {
    let began = Instant::now();
    let limit = Duration::from_secs(60 * row.minutes);
    let ended = timeout(limit, fetch::once(&stage.courier, stage.mailbox_id)).await;
    let ended = ended.unwrap_or_else(|_| panic!("{}: not within {} minutes", row.name, row.minutes));
    let said = ended.map_or_else(|error| error.to_string(), |_| String::new());
    let (state, recorded) = (stage.mailbox().incoming_health.state, stage.inbox().len());
    let found =
        format!("{}: {state:?}, {recorded} recorded after {} s: {said}", row.name, began.elapsed().as_secs());
    println!("{found}");
    let is_told = said.is_empty() == row.says.is_empty() && said.contains(row.says);
    (!is_told || state != row.state || recorded != row.recorded).then_some(found)
}
/// The server is, and the next round takes the rest.
async fn is_well_again(stage: &Stage, name: &str) {
    stage.clock.advance(HOUR);
    let next = fetch::once(&stage.courier, stage.mailbox_id).await;
    next.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(stage.tickets(), names(1, LETTERS), "{name}");
    assert_eq!(stage.inbox().len(), LETTERS as usize, "{name}");
    assert_eq!(stage.mailbox().incoming_health.state, State::Ok, "{name}");
}

#[tokio::test(start_paused = true)]
async fn whatever_an_imap_server_does_is_told_in_time_and_costs_no_letter() {
    let mut complaints = Vec::new();
    for row in &IMAP {
        let (stage, imap) = (Stage::new(), PretendImap::start().await);
        stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Move("Done".into()));
        for name in names(1, LETTERS) {
            imap.deliver(NOON - HOUR, letter(&name));
        }
        imap.state().odd = Some(Arc::new(row.odd));
        complaints.extend(round(&stage, row).await);
        let left = imap.state().letters.len();
        assert!(left + stage.inbox().len() >= LETTERS as usize, "{}: moved before it was recorded", row.name);
        imap.state().odd = None;
        is_well_again(&stage, row.name).await;
        let mut moved: Vec<u32> = imap.state().moved.iter().map(|(_, uid)| *uid).collect();
        moved.sort_unstable();
        assert_eq!(moved, (1..=LETTERS).collect::<Vec<u32>>(), "{}: moved, each once", row.name);
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

const POP3: [Row; 8] = [
    Row {
        name: "no greeting",
        odd: |command, _| command.is_empty().then(|| Odd::FallsSilent(Vec::new())),
        says: "did not answer within 60 s",
        state: State::Waiting,
        minutes: 2,
        recorded: 0,
    },
    Row {
        name: "a greeting and then silence",
        odd: |command, _| (command == "CAPA").then(|| Odd::FallsSilent(Vec::new())),
        says: "did not answer within 120 s",
        state: State::Waiting,
        minutes: 3,
        recorded: 0,
    },
    Row {
        name: "1 GB announced and never sent",
        odd: |command, _| {
            let announced: &[u8] = b"+OK 1000000000 octets\r\nSubject: x\r\n";
            command.starts_with("RETR").then(|| Odd::FallsSilent(announced.to_vec()))
        },
        says: "did not answer within 60 s",
        state: State::Waiting,
        minutes: 20,
        recorded: 0,
    },
    Row {
        name: "sizes that are wrong",
        odd: |command, answer| {
            let rest = answer.strip_prefix(b"+OK\r\n")?;
            command.starts_with("RETR").then(|| Odd::Says([b"+OK 7 octets\r\n", rest].concat()))
        },
        ..ALL_IS_FETCHED
    },
    Row {
        name: "a byte a second",
        odd: |command, answer| command.starts_with("RETR").then(|| Odd::Drips(answer.to_vec())),
        says: "",
        state: State::Ok,
        minutes: 60,
        recorded: 6,
    },
    Row {
        name: "the link ends in mid-letter",
        odd: |command, answer| {
            command.starts_with("RETR").then(|| Odd::Cuts(answer[..answer.len() / 2].to_vec()))
        },
        says: "closed the link",
        ..NOTHING_COMES
    },
    Row {
        name: "the server shuts down in mid-session",
        odd: |command, _| {
            command.starts_with("RETR").then(|| Odd::Cuts(b"-ERR [SYS/TEMP] shut\r\n".to_vec()))
        },
        says: "shut",
        ..NOTHING_COMES
    },
    Row {
        name: "silence instead of an answer to QUIT",
        odd: |command, _| (command == "QUIT").then(|| Odd::FallsSilent(Vec::new())),
        says: "did not answer within 960 s",
        state: State::Waiting,
        minutes: 20,
        recorded: 6,
    },
];

#[tokio::test(start_paused = true)]
async fn whatever_a_pop3_server_does_is_told_in_time_and_costs_no_letter() {
    let mut complaints = Vec::new();
    for row in &POP3 {
        let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
        stage.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
        for name in names(1, LETTERS) {
            pop3.deliver(NOON - HOUR, letter(&name));
        }
        pop3.state().odd = Some(Arc::new(row.odd));
        complaints.extend(round(&stage, row).await);
        let left = pop3.names().len();
        assert!(
            left + stage.inbox().len() >= LETTERS as usize,
            "{}: deleted before it was recorded",
            row.name
        );
        pop3.state().odd = None;
        is_well_again(&stage, row.name).await;
        assert!(pop3.names().is_empty(), "{}: {:?}", row.name, pop3.names());
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_uid_there_is_is_fetched_once_and_stops_no_later_round() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    for name in names(1, 2) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    {
        let mut state = imap.state();
        (state.uid_validity, state.uid_next) = (u32::MAX, u32::MAX);
        state.letters[0].uid = u32::MAX - 1;
        state.letters[1].uid = u32::MAX;
    }
    for (round, fetched) in [(1, 2), (2, 0), (3, 0)] {
        let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
        assert_eq!((summary.fetched, summary.failed), (fetched, 0), "round {round}");
        stage.clock.advance(2 * HOUR); // the whole folder is compared again
    }
    assert_eq!(stage.tickets(), names(1, 2));
    // Only a new folder can take more; it has all of them once.
    {
        let mut state = imap.state();
        (state.uid_validity, state.uid_next) = (7, 3);
        (state.letters[0].uid, state.letters[1].uid) = (1, 2);
    }
    imap.deliver(NOON, letter("letter 003"));
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 1);
    assert_eq!(stage.tickets(), names(1, 3));
}
