//! kill -9 between the end of a token here and the provider's word that it knows: it hears of every one all the same.
use super::{chance_of, kills_or};
use crate::practice_walk::{Demo, added, by_id, config, until, until_within};
use crate::visitor::Visitor;
use desk::params;
use rand::RngExt as _;
use std::time::{Duration, Instant};

const CARE: &str = "care@fabrikam.example";

/// What is kept of tokens that have ended: how many, and whether each is to be told of.
fn kept(demo: &Demo) -> (i64, i64) {
    let sql = "SELECT count(refresh_token), count(take_back_at) FROM consent WHERE state = 'revoked'";
    demo.program.database().read(|tx| tx.one(sql, params![])).unwrap()
}

/// How many consents of the mailbox its provider holds.
fn held_there(demo: &Demo) -> usize {
    fn count(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Object(map) => {
                let here = map.get("grants").and_then(|grants| grants.as_array());
                let here = here.map_or(0, |all| all.iter().filter(|one| one["address"] == CARE).count());
                here + map.values().map(count).sum::<usize>()
            }
            serde_json::Value::Array(all) => all.iter().map(count).sum(),
            _ => 0,
        }
    }
    let text = std::fs::read_to_string(demo.program.data().join("practice/directory.json")).unwrap();
    count(&serde_json::from_str(&text).unwrap())
}

/// A mailbox at Google, with its client; its page in Postern.
async fn registered(demo: &Demo, visitor: &mut Visitor) -> String {
    let (base, page) = added(demo, visitor, CARE, "Care").await;
    let page = config(demo, visitor, &page, "google").await;
    let mut console = Visitor::new();
    let clients = console.get(format!("{}/google/clients", demo.portal.trim_end_matches("/portal"))).await;
    let form = clients.form("Create").set("name", "Postern").set("redirect_uri", &by_id(&page, "callback"));
    let made = console.submit(form).await;
    let form = page.form("Save only").set("client_id", &by_id(&made, "client-id"));
    visitor.submit(form.set("client_secret", &by_id(&made, "client-secret"))).await.says("Saved");
    base
}

async fn authorized(visitor: &mut Visitor, base: &str) {
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    let page = visitor.submit_and_leave(page.form("Submit")).await;
    let page = visitor.submit(page.form("Next").set("account", CARE).set("password", "practice")).await;
    let mut form = page.form("Continue");
    if page.text.contains("type=\"checkbox\"") {
        form = form.with("scope", "https://mail.google.com/");
    }
    visitor.submit(form).await.says(&format!("{CARE} is authorized"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_a_revocation_leaves_no_provider_untold() {
    let kills = kills_or(5);
    let mut chance = chance_of("revoking", kills);
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    let base = registered(&demo, &mut visitor).await;
    let (mut hit, mut round) = (0, 0);
    while hit < kills {
        round += 1;
        assert!(round <= 2 * kills + 5, "{hit} of {round} kills came in time");
        authorized(&mut visitor, &base).await;
        assert_eq!(held_there(&demo), 1);
        demo.goes_wrong("revoke_slow", 1).await;
        let mut revoking = demo.program.begin(&["mailbox", "revoke", CARE]);
        let began = Instant::now();
        while kept(&demo) == (0, 0) && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let ms = chance.random_range(0..3_000);
        std::thread::sleep(Duration::from_millis(ms));
        let in_time = revoking.try_wait().unwrap().is_none();
        revoking.kill().unwrap();
        revoking.wait().unwrap();
        println!("round {round}: killed {ms} ms after the end{}", if in_time { "" } else { ", too late" });
        demo.mends().await;
        if in_time {
            hit += 1;
            assert_eq!(kept(&demo), (1, 1), "it is kept until the provider knows");
            visitor.get(format!("{base}/remote")).await.says("the provider has not been told yet");
            demo.run(&["mailbox", "revoke", CARE]);
            // The minute of whoever ended it is over.
            let sql = "UPDATE consent SET take_back_at = 1 WHERE take_back_at IS NOT NULL";
            demo.program.database().write(|tx| tx.execute(sql, params![])).unwrap();
        }
        until_within(Duration::from_secs(60), "nothing is kept any more", async || {
            (kept(&demo) == (0, 0)).then_some(())
        })
        .await;
        until("the provider knows", async || (held_there(&demo) == 0).then_some(())).await;
        visitor.get(format!("{base}/remote")).await.says("told the provider that the token is deleted");
    }
    println!("killed {round} times in revoking, {hit} before the provider had answered: it knows of each");
    demo.run(&["check"]);
}
