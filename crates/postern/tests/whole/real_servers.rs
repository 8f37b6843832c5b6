//! Against Dovecot and Postfix: what the protocols are judged by.
use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, Program};
use crate::rig;

/// A desk with one mailbox on the real servers.
fn desk(address: &str, incoming: &str, more: &str) -> Program {
    desk_sending(address, incoming, &rig::submission(), more)
}
fn desk_sending(address: &str, incoming: &str, outgoing: &str, more: &str) -> Program {
    let ca = rig::ca();
    let program = Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap()]).administrator();
    program.file("secret", rig::PASSWORD);
    let file = program.file("fleet.toml", &rig::mailbox_toml(address, incoming, outgoing, more));
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program
}
fn tickets(program: &Program) -> Vec<serde_json::Value> {
    program.run(&["ticket", "list", "--json", "--limit", "500"]).fine().json()["items"]
        .as_array()
        .unwrap()
        .clone()
}
fn number(ticket: &serde_json::Value) -> String {
    ticket["number"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_in_dovecot_become_tickets_and_are_moved_only_then() {
    let address = rig::address("support", "contoso.example");
    let letters: Vec<_> = (0..25)
        .map(|i| rig::letter("ann@nordwind.example", &address, &format!("Matter {i}"), "Please look."))
        .collect();
    rig::deliver(&address, &letters);
    let program = desk(&address, &rig::imaps(), "batch = 10\nfetched = \"move:Done\"");
    let done = program.run(&["mailbox", "fetch", &address, "--json"]).fine().json();
    assert_eq!((&done["fetched"], &done["filed"]), (&25.into(), &25.into()), "{done}");
    let subjects: Vec<_> = tickets(&program).iter().rev().map(|t| t["subject"].clone()).collect();
    let expected: Vec<_> = (0..25).map(|i| serde_json::Value::from(format!("Matter {i}"))).collect();
    assert_eq!(subjects, expected, "oldest first");
    assert_eq!(rig::look(&address, "INBOX").await.len(), 0);
    assert_eq!(rig::look(&address, "Done").await.len(), 25);
    // Fetched again, nothing comes twice.
    let again = program.run(&["mailbox", "fetch", &address, "--json"]).fine().json();
    assert_eq!(again["fetched"], 0, "{again}");
    assert_eq!(tickets(&program).len(), 25);
    program.run(&["check"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn fetched_letters_are_left_marked_or_deleted_as_asked() {
    for (fetched, left, seen) in [("nothing", 3, false), ("read", 3, true), ("delete", 0, false)] {
        let address = rig::address("support", "contoso.example");
        let letters: Vec<_> =
            (0..3).map(|i| rig::letter("ann@nordwind.example", &address, &format!("{i}"), "x")).collect();
        rig::deliver(&address, &letters);
        let program = desk(&address, &rig::imap_starttls(), &format!("fetched = \"{fetched}\""));
        program.run(&["mailbox", "fetch", &address]).fine();
        assert_eq!(tickets(&program).len(), 3, "{fetched}");
        assert_eq!(rig::look(&address, "INBOX").await.len(), left, "{fetched}");
        assert_eq!(rig::unseen(&address).await == 0, seen || left == 0, "{fetched}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_pop3_each_letter_comes_once_and_is_left_or_deleted_as_asked() {
    for (fetched, left) in [("nothing", 26), ("delete", 1)] {
        let address = rig::address("support", "contoso.example");
        let letters: Vec<_> = (0..25)
            .map(|i| rig::letter("ann@nordwind.example", &address, &format!("Matter {i}"), "Please look."))
            .collect();
        rig::deliver(&address, &letters);
        let program = desk(&address, &rig::pop3s(), &format!("batch = 10\nfetched = \"{fetched}\""));
        let done = program.run(&["mailbox", "fetch", &address, "--json"]).fine().json();
        assert_eq!((&done["fetched"], &done["filed"]), (&25.into(), &25.into()), "{done}");
        let again = program.run(&["mailbox", "fetch", &address, "--json"]).fine().json();
        assert_eq!(again["fetched"], 0, "{again}");
        let subjects: Vec<_> = tickets(&program).iter().rev().map(|t| t["subject"].clone()).collect();
        let expected: Vec<_> = (0..25).map(|i| serde_json::Value::from(format!("Matter {i}"))).collect();
        assert_eq!(subjects, expected, "oldest first");
        let more = [rig::letter("ann@nordwind.example", &address, "One more", "Please look.")];
        rig::deliver(&address, &more);
        assert_eq!(rig::look(&address, "INBOX").await.len(), left, "{fetched}");
        let more = program.run(&["mailbox", "fetch", &address, "--json"]).fine().json();
        assert_eq!(more["fetched"], 1, "{more}");
        let shown = program.run(&["mailbox", "show", &address, "--json"]).fine().json();
        assert_eq!(shown["incoming"]["protocol"], "pop3", "{shown}");
        let doctor = program.run(&["doctor", &address]);
        assert!(doctor.out.contains("the server names the messages in it for good"), "{}", doctor.out);
        program.run(&["check"]).fine();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_out_through_postfix_and_the_answer_returns_to_its_ticket() {
    let (address, ann) =
        (rig::address("support", "contoso.example"), rig::address("ann", "nordwind.example"));
    let program = desk(&address, &rig::imaps(), "");
    let server = program.serve();
    rig::deliver(
        &address,
        &[rig::letter(&format!("Ann Porter <{ann}>"), &address, "Grüße vom Tor", "Es quietscht.")],
    );
    let ticket = until("the ticket, by IDLE", async || tickets(&program).first().map(number)).await;
    let reply = program.file("note.txt", "attached");
    let arguments = ["reply", &ticket, "--as", ADMINISTRATOR, "--attach", reply.to_str().unwrap()];
    program.run_with(&arguments, "Öl hilft.\n.\n..\n").fine();
    let letter = until("the reply in Ann's mailbox", async || rig::look(&ann, "INBOX").await.pop()).await;
    assert_eq!(letter.from[0].address.as_deref(), Some(address.as_str()));
    assert!(letter.subject.contains("Grüße vom Tor"), "{}", letter.subject);
    assert_eq!(letter.text.trim_end(), "Öl hilft.\n.\n..", "dots are stuffed and unstuffed");
    assert_eq!(letter.attachments[0].name, "note.txt");
    let id = letter.message_id.unwrap();
    let answer = rig::letter(&ann, &address, "Re: something else altogether", "Danke!");
    rig::deliver(&address, &[answer.replacen("Subject:", &format!("In-Reply-To: <{id}>\nSubject:"), 1)]);
    let shown = until("the answer on the ticket", async || {
        let shown = program.run(&["ticket", "show", &ticket, "--json"]).fine().json();
        (shown["entries"].as_array().unwrap().len() == 3).then_some(shown)
    })
    .await;
    assert_eq!(shown["entries"][1]["deliveries"][0]["state"], "sent", "{shown}");
    assert_eq!(tickets(&program).len(), 1);
    server.stop();
    program.run(&["check"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_has_its_own_fate() {
    let (address, ann) =
        (rig::address("support", "contoso.example"), rig::address("ann", "nordwind.example"));
    rig::deliver(&address, &[rig::letter(&ann, &address, "Who gets it", "?")]);
    let program = desk(&address, &rig::imaps(), "");
    program.run(&["mailbox", "fetch", &address]).fine();
    let ticket = number(&tickets(&program)[0]);
    let cc = "gone@nordwind.example, later@nordwind.example";
    program.run_with(&["reply", &ticket, "--as", ADMINISTRATOR, "--cc", cc], "All of you.").fine();
    let server = program.serve();
    let states = until("three fates", async || {
        let shown = program.run(&["ticket", "show", &ticket, "--json"]).fine().json();
        let deliveries = shown["entries"][1]["deliveries"].as_array().unwrap().clone();
        let states: std::collections::BTreeMap<String, String> = deliveries
            .iter()
            .map(|d| (d["recipient"].as_str().unwrap().into(), d["state"].as_str().unwrap().into()))
            .collect();
        (!states.values().any(|s| s == "queued")).then_some((states, shown))
    });
    let (states, shown) = states.await;
    assert_eq!(states[&ann], "sent", "{shown}");
    assert_eq!(states["gone@nordwind.example"], "failed", "{shown}");
    assert_eq!(states["later@nordwind.example"], "deferred", "{shown}");
    assert!(shown.to_string().contains("no such person here"), "what the server said is shown");
    server.stop();
    assert_eq!(rig::look(&ann, "INBOX").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_server_is_one_sentence_and_nothing_is_lost() {
    let address = rig::address("support", "contoso.example");
    rig::deliver(&address, &[rig::letter("ann@nordwind.example", &address, "Still here", "x")]);
    let good = rig::imaps();
    let cases = [
        (good.replace("localhost", "127.0.0.2"), "certificate"),
        (
            good.replace(&format!("port = {}", rig::port("POSTERN_TEST_IMAPS")), "port = 1"),
            "Connection refused",
        ),
        (good.replace("localhost", "no-such-host.invalid"), "no-such-host.invalid"),
        (format!("{good}\nfolder = \"Nowhere\""), "Nowhere"),
    ];
    for (incoming, word) in cases {
        let program = desk_sending(&address, &incoming, "none = true", "");
        let ran = program.run(&["mailbox", "fetch", &address]);
        assert_eq!(ran.status, 1, "{incoming}: {ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "it is said once: {}", ran.err);
        assert!(ran.err.contains(word), "“{word}” is not in: {}", ran.err);
        let shown = program.run(&["mailbox", "show", &address, "--json"]).fine().json();
        assert!(["waiting", "needs_person"].contains(&shown["state"].as_str().unwrap()), "{shown}");
        assert!(shown["reason"].is_string() && shown["remedy"].is_string(), "{shown}");
    }
    // Another password is wrong, and the right one mends it.
    let program = desk(&address, &good, "");
    program.file("secret", "not the password");
    let file = program.path().join("fleet.toml");
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program.run(&["mailbox", "fetch", &address]).fails(1, &[&address]);
    let shown = program.run(&["mailbox", "show", &address, "--json"]).fine().json();
    assert_eq!(shown["state"], "needs_person", "{shown}");
    program.file("secret", rig::PASSWORD);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program.run(&["mailbox", "fetch", &address]).fine();
    assert_eq!(tickets(&program).len(), 1);
    let shown = program.run(&["mailbox", "show", &address, "--json"]).fine().json();
    assert_eq!(shown["state"], "ok", "{shown}");
}
