//! A limit on the size of files (`ulimit -f`) is met like a full disk: a sentence that names it, nothing lost, and the
//! pages go on.
use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, PASSWORD, Program};
use crate::rig;
use crate::visitor::Visitor;
use rand::RngExt as _;

fn desk(address: &str) -> Program {
    let ca = rig::ca();
    let program = Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap()]).administrator();
    program.file("secret", rig::PASSWORD);
    let file = program.file(
        "fleet.toml",
        &rig::mailbox_toml(address, &rig::imaps(), "none = true", "fetched = \"delete\""),
    );
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    program
}
/// Text that does not pack.
pub fn noise(bytes: usize) -> String {
    let mut random = rand::rng();
    let mut text = String::new();
    while text.len() < bytes {
        text.extend((0..70).map(|_| char::from(random.random_range(b'0'..=b'z'))));
        text.push('\n');
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_letter_over_the_limit_on_files_waits_and_the_pages_go_on() {
    let address = rig::address("support", "contoso.example");
    let letter = |subject: &str, text: &str| rig::letter("ann@nordwind.example", &address, subject, text);
    rig::deliver(
        &address,
        &[letter("1 small", "x"), letter("2 large", &noise(6 << 20)), letter("3 small", "x")],
    );
    let limit = (2_u64 << 20).to_string();
    let program = desk(&address).limited(Some(4096));
    let server = program.serve();
    let reason = until("the trouble on the mailbox", async || {
        let shown = program.run(&["mailbox", "show", &address, "--json"]).fine().json();
        (shown["state"] == "waiting").then(|| shown["reason"].as_str().unwrap().to_owned())
    });
    let reason = reason.await;
    assert!(reason.contains(&limit) && reason.contains("ulimit -f"), "{reason}");
    let mut visitor = Visitor::new();
    let page = visitor.sign_in(&server.url, ADMINISTRATOR, PASSWORD).await;
    assert!(page.status == 200 && page.text.contains("Sign out"), "{page:?}");
    let (_, status) = server.stop();
    assert_eq!(status, 0);
    let ran = program.run(&["mailbox", "fetch", &address]).fails(1, &[&address, &limit, "ulimit -f"]);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    program.run(&["check"]).fine();
    assert_eq!(rig::look(&address, "INBOX").await.len(), 3, "what is not stored is not deleted");
    let program = program.limited(None);
    program.run(&["mailbox", "fetch", &address]).fine();
    assert_eq!(program.subjects(), ["1 small", "2 large", "3 small"]);
    program.run(&["check"]).fine();
    assert_eq!(rig::look(&address, "INBOX").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_database_at_the_limit_on_files_loses_nothing() {
    const LETTERS: usize = 60;
    let address = rig::address("support", "contoso.example");
    let text = "The same words again and again. ".repeat(100);
    let letters: Vec<_> = (0..LETTERS)
        .map(|i| rig::letter("ann@nordwind.example", &address, &format!("Matter {i:02}"), &text))
        .collect();
    rig::deliver(&address, &letters);
    // Enough for its log to begin, and not for all of these.
    let program = desk(&address).limited(Some(256));
    program.run(&["mailbox", "fetch", &address]).fails(1, &["131072", "ulimit -f"]);
    let program = program.limited(None);
    program.run(&["mailbox", "fetch", &address]).fine();
    let expected: Vec<_> = (0..LETTERS).map(|i| format!("Matter {i:02}")).collect();
    assert_eq!(program.subjects(), expected);
    program.run(&["check"]).fine();
}
