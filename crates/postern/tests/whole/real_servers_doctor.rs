//! The Mailbox Doctor against Dovecot and Postfix.
use crate::program::{Program, Ran};
use crate::rig;
use serde_json::Value;

/// A desk with one mailbox on the real servers, and what the doctor finds there.
fn examined(with: &[&str], password: &str, address: &str, incoming: &str, more: &str) -> Ran {
    examined_as(with, password, address, incoming, more, &[])
}

fn examined_as(
    with: &[&str],
    password: &str,
    address: &str,
    incoming: &str,
    more: &str,
    asked: &[&str],
) -> Ran {
    let program = Program::new().with(with).administrator();
    program.file("secret", password);
    let file = program.file("fleet.toml", &rig::mailbox_toml(address, incoming, &rig::submission(), more));
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program.run(&[&["doctor", address, "--json"], asked].concat())
}

fn bad(found: &Value) -> Vec<(String, String)> {
    let steps = found["steps"].as_array().unwrap().iter().filter(|step| step["result"] == "bad");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps.map(|step| (text(&step["side"]), text(&step["step"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn well_mailboxes_are_well_and_their_mail_is_left_alone() {
    let ca = rig::ca();
    for incoming in [rig::imaps(), rig::imap_starttls()] {
        let address = rig::address("support", "contoso.example");
        rig::deliver(&address, &[rig::letter("ann@nordwind.example", &address, "Left alone", "x")]);
        let trusted = ["--tls-extra-ca", ca.to_str().unwrap()];
        let found =
            examined(&trusted, rig::PASSWORD, &address, &incoming, "fetched = \"move:Done\"").fine().json();
        assert!(bad(&found).is_empty(), "{found:#}");
        let step = |side: &str, name: &str| {
            let steps = found["steps"].as_array().unwrap();
            let step = steps.iter().find(|step| step["side"] == side && step["step"] == name);
            step.unwrap_or_else(|| panic!("{side} {name}: {found:#}"))["found"].as_str().unwrap().to_owned()
        };
        for side in ["incoming", "outgoing"] {
            let tls = step(side, "tls");
            assert!(tls.starts_with("TLS 1.") && tls.contains("until 20"), "{tls}");
        }
        assert!(step("incoming", "rights").contains("may be moved"), "{found:#}");
        assert_eq!(rig::unseen(&address).await, 1);
        assert_eq!(rig::look(&address, "INBOX").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_nobody_known_and_a_wrong_password_are_told() {
    let address = rig::address("support", "contoso.example");
    let ran = examined(&[], rig::PASSWORD, &address, &rig::imaps(), "");
    let found = ran.json();
    assert_eq!(ran.status, 1);
    let both = [("incoming".to_owned(), "tls".to_owned()), ("outgoing".to_owned(), "tls".to_owned())];
    assert_eq!(bad(&found), both, "{found:#}");
    assert!(found.to_string().contains("tls.extra_ca"), "{found:#}");

    let ca = rig::ca();
    let trusted = ["--tls-extra-ca", ca.to_str().unwrap()];
    let found = examined(&trusted, "not the password", &address, &rig::imaps(), "").json();
    let both = [("incoming".to_owned(), "sign_in".to_owned()), ("outgoing".to_owned(), "sign_in".to_owned())];
    assert_eq!(bad(&found), both, "{found:#}");
    assert!(!found.to_string().contains("not the password"), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_round_through_postfix_and_dovecot_and_is_gone_again() {
    let (ca, address) = (rig::ca(), rig::address("support", "contoso.example"));
    rig::deliver(&address, &[rig::letter("ann@nordwind.example", &address, "Left alone", "x")]);
    let trusted = ["--tls-extra-ca", ca.to_str().unwrap()];
    let ran = examined_as(&trusted, rig::PASSWORD, &address, &rig::imaps(), "", &["--round-trip"]);
    let found = ran.fine().json();
    assert!(bad(&found).is_empty(), "{found:#}");
    let steps = found["steps"].as_array().unwrap();
    let step = |name: &str| {
        steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name}: {found:#}"))
    };
    assert!(step("sent")["found"].as_str().unwrap().contains("queued"), "{found:#}");
    assert!(step("returned")["found"].as_str().unwrap().contains("in INBOX. It was removed"), "{found:#}");
    assert_eq!(step("threads")["result"], "good", "{found:#}");
    let lines = step("sent")["lines"].to_string();
    assert!(lines.contains("RCPT TO") && !found.to_string().contains(rig::PASSWORD), "{lines}");
    let left: Vec<String> =
        rig::look(&address, "INBOX").await.into_iter().map(|letter| letter.subject).collect();
    assert_eq!(left, ["Left alone"]);
    assert_eq!(rig::unseen(&address).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn dovecots_access_control_list_says_what_may_be_done_in_a_folder() {
    let ca = rig::ca();
    let trusted = ["--tls-extra-ca", ca.to_str().unwrap()];
    for (fetched, right) in [("read", true), ("delete", false), ("move:Done", false)] {
        let address = rig::address("support", "contoso.example");
        rig::make_folder(&address, "Limited").await;
        let incoming = format!("{}\nfolder = \"Limited\"", rig::imaps());
        let found =
            examined(&trusted, rig::PASSWORD, &address, &incoming, &format!("fetched = \"{fetched}\""))
                .json();
        let rights = found["steps"].as_array().unwrap().iter().find(|step| step["step"] == "rights").unwrap();
        assert_eq!(rights["result"] == "good", right, "{fetched}: {rights:#}");
        assert!(rights["found"].as_str().unwrap().contains("MYRIGHTS"), "{rights:#}");
        assert!(rights["lines"].to_string().contains("MYRIGHTS Limited"), "{rights:#}");
    }
}
