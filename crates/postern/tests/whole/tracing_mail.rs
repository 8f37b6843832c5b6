//! `postern trace`: the life of a message by whatever somebody knows of it.
use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, Program, is_in_the_manual};
use serde_json::Value;

const ADDRESS: &str = "support@contoso.example";

fn letter(id: &str, subject: &str, more: &str) -> String {
    format!(
        "From: Ann <ann@nordwind.example>\nTo: {ADDRESS}\nSubject: {subject}\nMessage-ID: <{id}@nordwind.example>\n{more}\n\
         The confidential text.\n"
    )
}
fn steps(item: &Value) -> Vec<&str> {
    item["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_traced_by_its_id_an_address_and_its_subject() {
    let program = Program::new().administrator();
    program.mailbox_without_a_server(ADDRESS);
    let pipe = |text: &str| program.run_with(&["pipe", ADDRESS], text).fine();
    pipe(&letter("lamp", "Broken 100%_lamp", ""));
    pipe(&letter("lamp", "Broken 100%_lamp", ""));
    pipe(&letter("away", "Away until Monday", "Auto-Submitted: auto-replied\n"));
    let server = program.serve();
    until("both are decided", async || {
        let rows = program.run(&["inbox", "list", "--json"]).fine().json();
        rows["items"].as_array().unwrap().iter().all(|row| row["state"] != "new").then_some(())
    })
    .await;
    server.stop();
    let number = program.run(&["ticket", "list", "--json"]).fine().json()["items"][0]["number"].clone();
    let number = number.as_str().unwrap();
    program.run_with(&["reply", number, "--as", ADMINISTRATOR], "Try another bulb.").fine();

    let trace = |sought: &str| program.run(&["trace", sought, "--json"]).fine().json();
    let by_id = trace("<lamp@nordwind.example>");
    let item = &by_id["items"][0];
    assert_eq!((&by_id["by"], by_id["items"].as_array().unwrap().len()), (&"message_id".into(), 1));
    assert_eq!(steps(item), ["piped", "known_again", "filed"]);
    assert_eq!(
        (&item["direction"], &item["state"], &item["ticket"]),
        (&"in".into(), &"filed".into(), &number.into())
    );
    assert_eq!(item["steps"][1]["uid"], 2);
    let by_address = trace("Ann@nordwind.example");
    let items = by_address["items"].as_array().unwrap();
    let found: Vec<(&Value, &Value)> =
        items.iter().map(|item| (&item["direction"], &item["state"])).collect();
    let (came, went, held, filed, queued) =
        (&"in".into(), &"out".into(), &"held".into(), &"filed".into(), &"queued".into());
    assert_eq!(found, [(came, held), (came, filed), (went, queued)], "{by_address}");
    assert_eq!(steps(&items[2]), ["queued", "waiting"]);
    assert_eq!(items[2]["steps"][1]["recipient"], "ann@nordwind.example");
    assert_eq!(items[2]["written_by"], "Maya Kern");
    let by_subject = trace("until monday");
    assert_eq!(
        (by_subject["by"].as_str(), steps(&by_subject["items"][0])),
        (Some("subject"), vec!["piped", "held"])
    );
    // What a pattern means elsewhere is a letter here.
    assert_eq!(trace("100%_lamp")["items"].as_array().unwrap().len(), 2);
    program
        .run(&["trace", "Away%Monday"])
        .fails(3, &["Away%Monday", "Message-ID", "mail that is on no ticket"]);
    program.run(&["trace", "nobody@nordwind.example"]).fails(3, &["as an address"]);
    program.run(&["trace", " "]).fails(2, &[]);
    assert_eq!(
        program.run(&["trace", "ann@nordwind.example", "--limit", "1", "--json"]).fine().json()["more"],
        true
    );

    program.run(&["outbox", "cancel", &items[2]["id"].to_string()]).fine();
    let text = program.run(&["trace", "ann@nordwind.example"]).fine().out;
    for words in ["came again", "Held for a person", "Written by Maya Kern", "was cancelled", "as entry"] {
        assert!(text.contains(words), "“{words}” is not in {text}");
    }
    assert!(!text.contains("confidential"), "{text}");
    [&by_id, item, &item["steps"][0]].into_iter().for_each(is_in_the_manual);
}
