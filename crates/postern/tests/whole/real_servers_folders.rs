//! Against Dovecot: several folders of one mailbox, by names that are no ASCII.
use crate::program::Program;
use crate::rig;

/// *Verkauf/Süd* on the wire (RFC 3501, 5.1.3).
const SOUTH: &str = "Verkauf/S&APw-d";

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_offered_read_each_from_its_own_place_and_one_that_goes_stops_no_other() {
    let address = rig::address("support", "contoso.example");
    let letter = |subject: &str| rig::letter("ann@nordwind.example", &address, subject, "Please look.");
    let both = letter("Both");
    rig::deliver(&address, &[letter("One"), both.clone()]);
    let create = format!("CREATE \"{SOUTH}\"");
    rig::say(&address, &[create.clone(), rig::append(SOUTH, &both), rig::append(SOUTH, &letter("South"))]);

    let ca = rig::ca();
    let program = Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap()]).administrator();
    program.file("secret", rig::PASSWORD);
    let incoming = format!("{}\nfolders = [\"INBOX\", \"Verkauf/Süd\"]", rig::imaps());
    let toml = rig::mailbox_toml(&address, &incoming, &rig::submission(), "fetched = \"delete\"");
    let file = program.file("fleet.toml", &toml);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    let again = program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine().out;
    assert!(again.contains("unchanged"), "{again}");

    let offered = program.run(&["mailbox", "folders", &address]).fine().out;
    assert!(offered.contains("* INBOX\n") && offered.contains("* Verkauf/Süd\n"), "{offered}");
    let shown = || program.run(&["mailbox", "show", &address, "--json"]).fine().json();
    assert_eq!(shown()["incoming"]["folders"], serde_json::json!(["INBOX", "Verkauf/Süd"]));

    let done = program.run(&["mailbox", "fetch", &address, "--json"]).fine().json();
    assert_eq!((&done["fetched"], &done["filed"]), (&3.into(), &3.into()), "a letter in both is one: {done}");
    for folder in ["INBOX", "Verkauf/Süd"] {
        assert!(rig::look(&address, folder).await.is_empty(), "all were deleted in {folder}");
    }
    let folders = shown()["folders"].clone();
    assert_eq!(folders.as_array().unwrap().len(), 2, "{folders}");

    // Gone, and made anew with another UIDVALIDITY.
    rig::say(&address, &[format!("DELETE \"{SOUTH}\"")]);
    rig::deliver(&address, &[letter("Two")]);
    let refused = program.run(&["mailbox", "fetch", &address]);
    assert!(refused.err.contains("The folder “Verkauf/Süd” is not well"), "{}", refused.err);
    let subjects = program.subjects();
    assert!(subjects.contains(&"Two".to_owned()), "the other came in: {subjects:?}");
    let of_it = shown();
    assert_eq!(of_it["state"], "needs_person");
    assert!(
        of_it["folders"][1]["trouble"].is_string() && of_it["folders"][0]["trouble"].is_null(),
        "{of_it}"
    );
    rig::say(&address, &[create, rig::append(SOUTH, &letter("Three"))]);
    program.run(&["mailbox", "fetch", &address]).fine();
    assert!(program.subjects().contains(&"Three".to_owned()));
    assert_eq!(shown()["state"], "ok");
}
