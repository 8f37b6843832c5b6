//! Against Dovecot: whether all that the server holds is here.
use crate::applying::on_the_page;
use crate::program::Program;
use crate::rig;
use desk::params;

#[tokio::test(flavor = "multi_thread")]
async fn every_letter_is_accounted_for_and_what_is_not_is_fetched_when_asked() {
    for incoming in [rig::imaps(), rig::pop3s()] {
        let address = rig::address("support", "contoso.example");
        let letter = |subject: &str| rig::letter("ann@nordwind.example", &address, subject, "Please look.");
        // Held, and so on no ticket.
        let away = format!("Auto-Submitted: auto-replied\n{}", letter("Away"));
        rig::deliver(&address, &[letter("1"), letter("2"), away, letter("3")]);
        let ca = rig::ca();
        let program = Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap()]).administrator();
        program.file("secret", rig::PASSWORD);
        let file =
            program.file("fleet.toml", &rig::mailbox_toml(&address, &incoming, &rig::submission(), ""));
        program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
        let shown = || program.run(&["mailbox", "show", &address, "--json"]).fine().json()["folders"].clone();
        assert!(shown().is_null(), "nothing was compared yet");
        program.run(&["mailbox", "fetch", &address]).fine();
        let folder = || {
            let folder = &shown()[0];
            ["on_server", "held", "unaccounted"].map(|key| folder[key].as_i64().unwrap())
        };
        assert_eq!(folder(), [4, 4, 0], "{incoming}");
        on_the_page(
            &program,
            |tx, _, _| Ok(tx.execute("DELETE FROM inbox WHERE state = 'held'", params![])?),
        );
        rig::deliver(&address, &[letter("4")]);
        let done = program.run(&["mailbox", "fetch", &address, "--unaccounted", "--json"]).fine().json();
        assert_eq!((&done["fetched"], &done["held"]), (&2.into(), &1.into()), "{incoming}: {done}");
        assert_eq!((folder(), &done["unaccounted"]), ([5, 5, 0], &0.into()), "{incoming}: {done}");
        let again = program.run(&["mailbox", "fetch", &address, "--unaccounted"]).fine().out;
        assert!(again.contains("0 fetched") && again.contains("5 on the server, 5 held"), "{again}");
        // Though the last comparison is not a minute old.
        rig::deliver(&address, &[letter("5"), letter("6")]);
        let fetched = program.run(&["mailbox", "fetch", &address]).fine().out;
        assert!(fetched.contains("2 fetched, 2 filed"), "{incoming}: {fetched}");
        assert!(fetched.contains("7 on the server, 7 held"), "{incoming}: {fetched}");
        let checked = program.run(&["check", "--json"]).fine().json();
        let first = &checked["folders"][0];
        assert_eq!((&first["mailbox"], &first["unaccounted"]), (&address.as_str().into(), &0.into()));
        let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/json.md");
        let manual = std::fs::read_to_string(manual).unwrap();
        for key in first.as_object().unwrap().keys() {
            assert!(manual.contains(key.as_str()), "docs/manual/json.md does not say what {key} is");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_server_tells_what_has_changed_is_not_listed_again() {
    let address = rig::address("support", "contoso.example");
    let letter = |subject: &str| rig::letter("ann@nordwind.example", &address, subject, "Please look.");
    rig::deliver(&address, &["1", "2", "3", "4", "5"].map(letter));
    let ca = rig::ca();
    let program = Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap()]).administrator();
    program.file("secret", rig::PASSWORD);
    let file =
        program.file("fleet.toml", &rig::mailbox_toml(&address, &rig::imaps(), &rig::submission(), ""));
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    let kept = || {
        let look = "SELECT listed_at, listed_uids, held, unaccounted FROM folder_balance";
        on_the_page(&program, |tx, _, _| Ok(tx.one::<(Option<i64>, String, i64, i64)>(look, params![])?))
    };
    program.run(&["mailbox", "fetch", &address]).fine();
    let (listed_at, uids, ..) = kept();
    assert_eq!(uids, "1:5");
    let mut gone = rig::signed_in(&address).await;
    gone.select("INBOX").await.unwrap();
    gone.delete(&[2, 5]).await.unwrap();
    rig::deliver(&address, &[letter("6")]);
    let earlier =
        "UPDATE folder_balance SET compared_at = compared_at - 120000, listed_at = listed_at - 120000";
    on_the_page(&program, |tx, _, _| Ok(tx.execute(earlier, params![])?));
    program.run(&["mailbox", "fetch", &address]).fine();
    let told = (listed_at.map(|at| at - 120_000), "1,3:4,6".to_owned(), 4, 0);
    assert_eq!(kept(), told, "what was listed, with what has changed since");
}
