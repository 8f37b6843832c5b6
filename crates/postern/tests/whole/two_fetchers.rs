//! Processes that fetch one mailbox at the same time, while letters come: each letter is recorded once.
//!
//! A server runs all the time, and in each round two commands fetch beside it. `POSTERN_TEST_ROUNDS` is how many rounds there
//! are (3 where it is not set; `dev/prove fetching` asks for 50), `POSTERN_TEST_SEED` where chance begins.
use crate::kills::fetching::Scene;
use crate::kills::seeded;
use crate::on_postgres::Database;
use crate::practice_walk::until;
use rand::RngExt as _;
use std::time::Duration;

const LETTERS_MAX: usize = 8;

async fn rounds(name: &str, mut scene: Scene) {
    let asked = std::env::var("POSTERN_TEST_ROUNDS").ok();
    let rounds: usize = asked.map_or(3, |n| n.parse().unwrap());
    let mut chance = seeded(name);
    let server = scene.program().serve();
    for round in 0..rounds {
        let letters = chance.random_range(1..=LETTERS_MAX);
        let pauses: Vec<u64> = (0..letters).map(|_| chance.random_range(0..60)).collect();
        let begun: Vec<_> = (0..2).map(|_| scene.program().begin(&scene.fetch())).collect();
        for ms in pauses {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            scene.write(1).await;
        }
        for mut fetching in begun {
            let ended = fetching.wait().unwrap();
            assert!(ended.success(), "{name}, round {round}: {ended}");
        }
        scene.program().run(&scene.fetch()).fine();
        until("nothing left on the server", async || scene.on_the_server().await.is_empty().then_some(()))
            .await;
        assert_eq!(scene.recorded().len(), scene.written, "{name}, round {round}");
    }
    let (_, status) = server.stop();
    assert_eq!(status, 0);
    scene.each_is_one_ticket();
    println!("{name}: {rounds} rounds, {} letters, each recorded once", scene.written);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_two_commands_beside_a_server_fetch_each_letter_once() {
    rounds("two fetchers", Scene::served(None)).await;
}

/// Whose server lets one session at a time into a mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn real_servers_two_commands_beside_a_server_fetch_each_letter_once_by_pop3() {
    rounds("two fetchers by POP3", Scene::served_by_pop3()).await;
}

#[test]
fn on_postgres_real_servers_two_commands_beside_a_server_fetch_each_letter_once() {
    let database = Database::new();
    let scene = Scene::served(Some(&database.url()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(rounds("two fetchers on PostgreSQL", scene));
}
