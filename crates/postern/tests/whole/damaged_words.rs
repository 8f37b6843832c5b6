//! The index of words is damaged under a running server: mail becomes tickets as ever, everybody is told, and what is old is
//! found again by itself.
use crate::practice_walk::until;
use crate::program::{ADMINISTRATOR, PASSWORD, Program};
use crate::visitor::Visitor;
use desk::db::{Error, Sql};
use desk::params;

const ADDRESS: &str = "support@contoso.example";

fn pipe(program: &Program, subject: &str, words: &str) {
    let letter = format!(
        "From: Ann <ann@nordwind.example>\nTo: {ADDRESS}\nSubject: {subject}\nMessage-ID: <{subject}@nordwind.example>\n\n{words}\n"
    );
    program.run_with(&["pipe", ADDRESS], &letter).fine();
}
async fn tickets(program: &Program, subjects: &[&str]) {
    until("the tickets", async || (program.subjects() == subjects).then_some(())).await;
}
fn found(program: &Program, words: &str) -> usize {
    let page = program.run(&["ticket", "list", "--json", "--query", words]).fine().json();
    page["items"].as_array().unwrap().len()
}
/// By somebody else, as a disk does it.
fn harm(program: &Program, sql: &'static str) {
    program.database().write::<_, Error>(|tx| tx.execute(Sql::from(sql), params![])).unwrap();
}
/// What the index says of itself.
const STRUCTURE: &str =
    "UPDATE entry_words_data SET block = x'00000000FFFFFFFFFFFFFFFFFFFFFFFF' WHERE id = 10";
/// What is in it.
const LEAVES: &str = "UPDATE entry_words_data SET block = randomblob(length(block)) WHERE id > 10";

#[tokio::test(flavor = "multi_thread")]
async fn mail_becomes_tickets_while_the_index_of_words_is_damaged_and_the_server_makes_it_anew() {
    let program = Program::new().administrator();
    program.mailbox_without_a_server(ADDRESS);
    let server = program.serve();
    for subject in ["a", "b", "c"] {
        pipe(&program, subject, "Smoke in the cellar.");
    }
    tickets(&program, &["a", "b", "c"]).await;

    harm(&program, STRUCTURE);
    let checked = program.run(&["check"]);
    assert_eq!(checked.status, 1, "{checked:?}");
    for words in ["words_damaged: ", "postern index rebuild", "3 raw messages, 3 entries"] {
        assert!(checked.out.contains(words), "{words} is not in {checked:?}");
    }
    pipe(&program, "d", "Dust in the garden.");
    tickets(&program, &["a", "b", "c", "d"]).await;
    assert!(
        server.log().contains("the index of words, by which entries are found, is damaged"),
        "{}",
        server.log()
    );
    until("all words", async || (program.run(&["check"]).status == 0).then_some(())).await;
    assert_eq!((found(&program, "cellar"), found(&program, "garden")), (3, 1));

    // Nobody writes, and somebody looks for a word.
    harm(&program, LEAVES);
    let mut maya = Visitor::new();
    maya.sign_in(&server.url, ADMINISTRATOR, PASSWORD).await.says("Tickets");
    let look = format!("{}/tickets?find=cellar", server.url);
    let page = maya.get(&look).await;
    page.says("Not just now");
    until("the words by themselves", async || (found_on(&maya.get(&look).await)).then_some(())).await;
    assert_eq!(server.stop().1, 0);

    // Without a server a command does it.
    harm(&program, STRUCTURE);
    program.run(&["ticket", "list", "--query", "cellar"]).fails(1, &["postern index rebuild"]);
    let done = program.run(&["index", "rebuild", "--json"]).fine().json();
    assert_eq!((done["done"].as_str(), done["entries"].as_u64()), (Some("rebuilt"), Some(4)), "{done}");
    crate::program::is_in_the_manual(&done);
    assert_eq!(found(&program, "cellar"), 3);
    program.run(&["check"]).fine();
}

fn found_on(page: &crate::visitor::Page) -> bool {
    page.status == 200 && page.text.contains("/tickets/10001")
}
