//! A POP3 server that says yes to DELE and QUIT, and keeps the mail all the same.
use crate::pretend_pop3::{PretendPop3, received};
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
use desk::mailboxes::mailbox::{Fetched, Health, StartFrom};
use desk::params;

const MINUTE: i64 = 60_000;

/// Whether it was fetched whole, and how many letters are here then.
async fn round(stage: &Stage) -> (bool, usize) {
    let fetched = fetch::once(&stage.courier, stage.mailbox_id).await;
    stage.clock.advance(2 * MINUTE);
    (fetched.is_ok(), stage.inbox().len())
}
fn commands(pop3: &PretendPop3, verb: &str) -> usize {
    pop3.log().iter().filter(|line| line.starts_with(verb)).count()
}
fn again(stage: &Stage) -> i64 {
    stage.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM inbox_again", params![])?)).0
}
fn health(stage: &Stage) -> Health {
    stage.mailbox().incoming_health
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stays_though_it_was_deleted_is_told_and_not_downloaded_for_ever() {
    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
    pop3.state().keeps_everything = true;
    for name in names(1, 3) {
        pop3.deliver(NOON, letter(&name));
    }
    assert_eq!((round(&stage).await, commands(&pop3, "RETR")), ((true, 3), 3));
    // It may be other mail under the same names: its content says that it is not.
    assert_eq!((round(&stage).await, commands(&pop3, "RETR"), again(&stage)), ((true, 3), 6, 3));
    assert_eq!(health(&stage).reason, "");
    for _ in 0..4 {
        assert_eq!(round(&stage).await, (false, 3));
        let health = health(&stage);
        assert!(
            health.reason.contains("said that it has deleted 3 letters, and lists them still"),
            "{}",
            health.reason
        );
        assert_eq!(health.reason_code, "not_settled");
    }
    assert_eq!((commands(&pop3, "RETR"), again(&stage)), (6, 3), "nothing was downloaded again");

    // News come in as ever, and another letter under a name that is kept is one.
    pop3.deliver(NOON, letter("letter 004"));
    let name = pop3.names()[1].clone();
    pop3.state().letters[1] = received(&name, NOON, &letter("letter 0000005"));
    assert_eq!(round(&stage).await, (false, 5));
    let mut all = names(1, 4);
    all.insert(0, "letter 0000005".to_owned());
    assert_eq!(stage.tickets(), all);

    // One day it deletes what it was told to.
    {
        let mut state = pop3.state();
        state.keeps_everything = false;
        state.letters.clear();
    }
    for _ in 0..3 {
        assert_eq!(round(&stage).await, (true, 5));
    }
    assert_eq!(health(&stage).reason, "");
    pop3.state().letters.push(received(&name, NOON, &letter("letter 006")));
    assert_eq!((round(&stage).await, pop3.names().len()), ((true, 6), 0), "a name may be given anew");
    let rows = stage.read(|tx| Ok(tx.one::<(i64,)>("SELECT max(times) FROM deleted_name", params![])?));
    assert_eq!(rows, (1,));
}
