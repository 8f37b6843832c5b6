//! People at their browsers: Chromium with scripts and the content policy on, clicking.
mod chromium;
mod consent_refused;
mod device;
mod google;
mod hostile;
mod kept;
mod keyboard;
mod narrow;
mod newcomer;
mod pointer;
mod pressing;
mod real_servers_oauth2;
mod second_factor;
mod shared;

use crate::practice_walk::Demo;
use chromium::Browser;

const SUPPORT: &str = "support@contoso.example";
const BILLING: &str = "billing@contoso.example";
const ANN: &str = "ann.porter@nordwind.example";

/// Signs in as the demo's administrator.
async fn sign_in(browser: &Browser, demo: &Demo) {
    browser.open(&demo.url("/sign-in")).await;
    browser.fill("email", &demo.email).await;
    browser.fill("password", &demo.password).await;
    browser.click("Sign in").await;
    browser.says("Admin Panel").await;
}

/// A demo whose mailbox is connected without a browser, with one ticket of Ann's; its number.
async fn with_a_ticket(subject: &str, text: &str) -> (Demo, String) {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    crate::practice_walk::connected(&demo, &mut visitor, SUPPORT).await;
    demo.write(ANN, subject, text).await;
    let number = the_ticket(&demo, subject).await;
    (demo, number)
}

async fn the_ticket(demo: &Demo, subject: &str) -> String {
    crate::practice_walk::until("the ticket", async || {
        let found = demo.tickets().into_iter().find(|t| t["subject"] == subject);
        found.map(|t| t["number"].as_str().unwrap().to_owned())
    })
    .await
}
