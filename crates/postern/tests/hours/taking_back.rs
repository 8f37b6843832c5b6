//! Tokens are taken back at a provider that can be told, and only those that nothing else needs.
use crate::world::{At, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_deleted_is_taken_back_and_one_that_cannot_be_is_told() {
    let mut world = World::new(At::Google).await;
    world.authorize().await.says("is authorized and works");
    let token = world.refresh_token().await;
    world.delete_token().await.says("The tokens are deleted").says("The provider took it back too.");
    assert!(!world.ends_now(&token).await, "it is gone at the provider");
    world.page().await.says("told the provider that the token is deleted");

    world.authorize().await.says("is authorized and works");
    let token = world.refresh_token().await;
    let fault = world.arm("revoke_503");
    let page = world.delete_token().await;
    page.says("The tokens are deleted")
        .says("The provider could not be told")
        .says("temporarily_unavailable");
    page.says("myaccount.google.com/connections");
    assert!(world.mailbox().await.incoming.grant_id.is_none(), "it has ended here all the same");
    world.page().await.says("the provider has not been told yet").says("temporarily_unavailable");
    world.start_rounds();
    world.minutes(5).await;
    world.page().await.says("the provider has not been told yet");
    world.practice.faults.clear(fault);
    let mut hours = 0;
    while world.page().await.text.contains("has not been told yet") {
        assert!(hours < 12, "the provider is back and hears nothing");
        world.minutes(60).await;
        hours += 1;
    }
    world.page().await.says("told the provider that the token is deleted");
    assert!(!world.ends_now(&token).await, "it hears of it when it is back");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_replaced_is_taken_back_from_another_person_and_never_from_the_same() {
    let mut world = World::new(At::Google).await;
    world.authorize().await.says("is authorized and works");
    let first = world.refresh_token().await;
    world.authorize().await.says("is authorized and works");
    let second = world.refresh_token().await;
    assert!(world.ends_now(&first).await, "taking it back would end the new one at Google");

    world.opened_by("lena.fox@gmail.example").await;
    world.authorize_as("lena.fox@gmail.example").await.says("is authorized and works");
    assert!(!world.ends_now(&second).await, "nobody needs it any more");
    let third = world.refresh_token().await;
    assert!(world.ends_now(&third).await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_with_other_settings_is_taken_back_and_a_provider_that_cannot_be_told_stops_no_change() {
    let mut world = World::new(At::Google).await;
    for is_told in [true, false] {
        world.authorize().await.says("is authorized and works");
        let token = world.refresh_token().await;
        let fault = (!is_told).then(|| world.arm("revoke_503"));
        let host = world.mailbox().await.incoming.host;
        world.remote("host", "imap.elsewhere.example").await;
        let mailbox = world.mailbox().await;
        assert_eq!(mailbox.incoming.host, "imap.elsewhere.example");
        assert!(mailbox.incoming.grant_id.is_none());
        let words = if is_told { "told the provider" } else { "could not tell the provider" };
        world.page().await.says(&format!("{words} that the token is deleted"));
        if let Some(fault) = fault {
            world.practice.faults.clear(fault);
        }
        assert_eq!(world.ends_now(&token).await, !is_told);
        world.remote("host", &host).await;
    }

    world.authorize().await.says("is authorized and works");
    let token = world.refresh_token().await;
    world
        .change(&[("token_endpoint", "https://id.elsewhere.example/token"), ("client_secret", "another")])
        .await;
    assert!(world.mailbox().await.incoming.grant_id.is_none());
    assert!(!world.ends_now(&token).await, "with the secret of then, where it was given");
    world.end().await;
}
