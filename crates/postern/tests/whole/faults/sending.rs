//! Faults of the submission server, each striking once: what the outbox shows, and that the reply goes out.
use super::{ANN, SUPPORT, each, has, the_ticket, well};
use crate::practice_walk::{Demo, until};
use crate::program::ADMINISTRATOR;

#[derive(Debug)]
struct Row {
    fault: &'static str,
    delivery: &'static str,
    /// In what the delivery says.
    answer: &'static str,
    /// The outgoing side of the mailbox.
    side: &'static str,
    /// Letters in Ann's mailbox after the first try, and when all is done.
    letters: [usize; 2],
}
const fn row(
    fault: &'static str,
    delivery: &'static str,
    answer: &'static str,
    side: &'static str,
    letters: [usize; 2],
) -> Row {
    Row { fault, delivery, answer, side, letters }
}

const ROWS: &[Row] = &[
    row("smtp_auth_disabled", "deferred", "5.7.139", "needs_person", [0, 1]),
    row("smtp_unavailable", "deferred", "421 4.3.2", "waiting", [0, 1]),
    row("smtp_too_many", "deferred", "432 4.3.2", "waiting", [0, 1]),
    row("smtp_deferred", "deferred", "451 4.7.0", "ok", [0, 1]),
    row("smtp_recipient_deferred", "deferred", "450 4.2.1", "ok", [0, 1]),
    row("smtp_recipient_refused", "failed", "no such mailbox at the recipient's server", "ok", [0, 1]),
    row("smtp_letter_refused", "failed", "554 5.2.0", "ok", [0, 1]),
    row("smtp_sender_refused", "deferred", "Send As", "needs_person", [0, 1]),
    row("smtp_drop_auth", "deferred", "closed the link", "waiting", [0, 1]),
    row("smtp_drop_data", "deferred", "closed the link", "waiting", [0, 1]),
    row("smtp_drop_letter", "deferred", "may have been sent", "waiting", [0, 1]),
    // The same Message-ID comes twice, which mail programs show once: better than a reply that is lost.
    row("smtp_drop_after_dot", "deferred", "may have been sent", "waiting", [1, 2]),
    row("smtp_drop_quit", "sent", "2.0.0 OK", "ok", [1, 1]),
    // A token that is refused is replaced once, within the try.
    row("smtp_auth_fails", "sent", "2.0.0 OK", "ok", [1, 1]),
];

#[test]
fn what_goes_wrong_with_sending_is_said_and_mended() {
    each(ROWS, strikes);
}

async fn strikes(row: &'static Row) {
    let demo = Demo::start();
    well(&demo).await;
    let subject = format!("While {} strikes", row.fault);
    demo.write(ANN, &subject, "Please answer.").await;
    let ticket = the_ticket(&demo, &subject).await;
    demo.goes_wrong(row.fault, 1).await;
    demo.program.run_with(&["reply", &ticket, "--as", ADMINISTRATOR], "An answer.").fine();
    let outbox = || demo.run(&["outbox", "list", "--json"]).json()["items"][0].clone();
    let tried = until("the first try", async || {
        let tried = outbox();
        (tried["deliveries"][0]["state"] != "queued").then_some(tried)
    })
    .await;
    let delivery = &tried["deliveries"][0];
    assert_eq!(delivery["state"], row.delivery, "{tried:#}");
    assert!(has(&delivery["answer"], row.answer), "{tried:#}");
    assert_eq!(tried["attempts"], 1, "{tried:#}");
    let mailbox = until(&format!("an outgoing side that is {}", row.side), async || {
        let mailbox = demo.mailbox(SUPPORT);
        (mailbox["outgoing"]["state"] == row.side).then_some(mailbox)
    })
    .await;
    assert_eq!(mailbox["state"], "ok", "what is wrong with sending stops no fetching: {mailbox:#}");
    let said = mailbox["outgoing"]["reason"].is_string() && mailbox["outgoing"]["remedy"].is_string();
    assert_eq!(said, row.side != "ok", "{mailbox:#}");
    let letters = async || {
        let letters = demo.letters(ANN).await;
        letters.iter().filter(|l| has(&l["subject"], &subject)).count()
    };
    assert_eq!(letters().await, row.letters[0]);

    if row.delivery != "sent" {
        demo.run(&["outbox", "retry", &tried["id"].to_string()]);
    }
    let sent = until("the reply sent", async || {
        let row = outbox();
        (row["deliveries"][0]["state"] == "sent").then_some(row)
    })
    .await;
    assert_eq!(sent["message_id"], tried["message_id"], "another Message-ID");
    assert_eq!(sent["sha256"], tried["sha256"], "other bytes");
    assert_eq!(letters().await, row.letters[1], "{sent:#}");
    assert_eq!(demo.mailbox(SUPPORT)["outgoing"]["state"], "ok");
    demo.run(&["check"]);
}
