//! The Mailbox Doctor at the command line, against the practice provider: each fault is told at its link.
use crate::faults::{SUPPORT, well};
use crate::practice_walk::Demo;
use crate::program::Program;
use serde_json::Value;

struct Row {
    fault: &'static str,
    side: &'static str,
    link: &'static str,
    /// In the cause, the provider's words or the remedy.
    says: &'static str,
}
const fn row(fault: &'static str, side: &'static str, link: &'static str, says: &'static str) -> Row {
    Row { fault, side, link, says }
}

const ROWS: &[Row] = &[
    row("secret_wrong", "incoming", "client", "AADSTS7000215"),
    row("secret_expired", "incoming", "client", "AADSTS7000222"),
    row("grant_inactive", "incoming", "client", "AADSTS700082"),
    row("imap_unavailable", "incoming", "capabilities", "Server Unavailable"),
    row("imap_authenticate_no", "incoming", "sign_in", "AUTHENTICATE failed"),
    row("imap_not_connected", "incoming", "folder", "authenticated but not connected"),
    row("imap_select_no", "incoming", "folder", "Server Unavailable"),
    row("smtp_drop_ehlo", "outgoing", "capabilities", "closed the link"),
    row("smtp_drop_starttls", "outgoing", "capabilities", "closed the link"),
    row("smtp_auth_disabled", "outgoing", "smtp_auth", "Authenticated SMTP"),
    row("smtp_auth_fails", "outgoing", "sign_in", "5.7.3"),
    row("smtp_too_many", "outgoing", "sender", "432 4.3.2"),
    // Last, since the provider is then left alone for a while.
    row("token_503", "incoming", "client", "AADSTS90033"),
];

fn broken(document: &Value) -> Vec<&Value> {
    document["steps"].as_array().unwrap().iter().filter(|step| step["result"] == "bad").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_provider_is_told_at_its_link() {
    let demo = Demo::start();
    well(&demo).await;
    let found = demo.run(&["doctor", SUPPORT, "--json"]).json();
    assert_eq!((broken(&found).len(), &found["ok"]), (0, &Value::Bool(true)), "{found:#}");
    let text = demo.run(&["doctor", SUPPORT]).out;
    assert!(text.contains("Send As") && text.contains("Nothing is broken."), "{text}");
    let round = demo.run(&["doctor", SUPPORT, "--round-trip", "--json"]).json();
    let good = |step: &str| {
        let steps = round["steps"].as_array().unwrap();
        steps.iter().any(|one| one["step"] == step && one["result"] == "good")
    };
    assert!(good("sent") && good("returned") && good("threads"), "{round:#}");
    assert_eq!(round["ok"], true, "{round:#}");
    for row in ROWS {
        demo.goes_wrong(row.fault, 0).await;
        let ran = demo.program.run(&["doctor", SUPPORT, "--json"]);
        let found = ran.json();
        demo.mends().await;
        assert_eq!(ran.status, 1, "{}: {found:#}", row.fault);
        let bad = broken(&found);
        let [bad] = bad.as_slice() else { panic!("{}: {found:#}", row.fault) };
        assert_eq!(
            (&bad["side"], &bad["step"]),
            (&row.side.into(), &row.link.into()),
            "{}: {bad:#}",
            row.fault
        );
        assert!(bad.to_string().contains(row.says), "{}: {bad:#}", row.fault);
        assert!(bad["remedy"].is_string(), "{}: {bad:#}", row.fault);
    }
}

#[test]
fn a_mailbox_that_is_not_there_is_said_not_to_be() {
    let program = Program::new().administrator();
    assert_eq!(program.run(&["doctor", "nobody@contoso.example"]).status, 3);
}
