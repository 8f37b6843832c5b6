//! `postern replay`: mail that is here, filed again by this version.
use crate::practice_walk::until;
use crate::program::{Program, is_in_the_manual};
use desk::params;
use serde_json::json;

const ADDRESS: &str = "support@contoso.example";

#[tokio::test(flavor = "multi_thread")]
async fn what_this_version_would_make_of_stored_mail_is_told_and_nothing_changes() {
    let program = Program::new().administrator();
    program.mailbox_without_a_server(ADDRESS);
    assert!(program.run(&["replay"]).fine().out.contains("no message"));
    for (id, more) in [("lamp", ""), ("other", ""), ("again", "In-Reply-To: <lamp@nordwind.example>\n")] {
        let letter = format!(
            "From: Ann <ann@nordwind.example>\nTo: {ADDRESS}\nSubject: Lamp\nMessage-ID: <{id}@nordwind.example>\n{more}\nIt is dark.\n"
        );
        program.run_with(&["pipe", ADDRESS], &letter).fine();
    }
    let server = program.serve();
    until("all are filed", async || {
        let rows = program.run(&["inbox", "list", "--json"]).fine().json();
        rows["items"].as_array().unwrap().iter().all(|row| row["state"] == "filed").then_some(())
    })
    .await;
    // Beside the running server.
    let same = program.run(&["replay", "--json"]).fine().json();
    assert_eq!(same, json!({ "messages": 3, "different": 0, "items": [] }));
    assert!(program.run(&["replay", "--mailbox", ADDRESS]).fine().out.contains("all come out as they did"));
    server.stop();

    let older = "UPDATE entry SET reply_text = 'It was dark.' WHERE message_id = 'other@nordwind.example'";
    program.database().write(|tx| tx.execute(older, params![])).unwrap();
    let told = program.run(&["replay", "--last", "2", "--json"]).fine().json();
    assert_eq!((&told["messages"], &told["different"]), (&json!(2), &json!(1)));
    let item = &told["items"][0];
    assert_eq!(
        item["changes"],
        json!([{ "field": "reply_text", "then": "It was dark.", "now": "It is dark." }])
    );
    assert_eq!(item["then"]["ticket"], item["now"]["ticket"]);
    let text = program.run(&["replay"]).fine().out;
    for words in ["3 messages", "1 comes out otherwise", "reply_text, then: It was dark.", "now: It is dark."]
    {
        assert!(text.contains(words), "“{words}” is not in {text}");
    }
    // One that was killed leaves its desk to the next.
    let place = program.path().join("temporary");
    let left = place.join("postern-replay-1");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("in-use"), "").unwrap();
    program.run_in(&[("TMPDIR", place.to_str().unwrap())], &["replay"]).fine();
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "it leaves nothing itself");
    program.run(&["replay", "--mailbox", "nobody@contoso.example"]).fails(3, &["nobody@contoso.example"]);
    [&told, item, &item["changes"][0]].into_iter().for_each(is_in_the_manual);
}
