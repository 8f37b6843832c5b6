//! A hand on the mouse: what comes in moves no row from under the pointer.
use super::chromium::Browser;
use super::{ANN, sign_in, with_a_ticket};
use crate::practice_walk::until;

const ROW: &str = "//tr[contains(@class,'row')][contains(.,'The gate squeaks')]";
/// Where the row is, and whether it is what lies under the pointer.
const PLACE: &str = "const row = [...document.querySelectorAll('tr.row')].find((row) => row.textContent.includes('The gate squeaks')); \
     const box = row.getBoundingClientRect(); return [box.top, row.matches(':hover')]";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ticket_waits_behind_a_strip_while_the_pointer_is_on_a_row() {
    let (demo, _) = with_a_ticket("The gate squeaks", "Please help.").await;
    let browser = Browser::start().await;
    sign_in(&browser, &demo).await;
    browser.open(&demo.url("/tickets")).await;
    browser.says("The gate squeaks").await;
    browser.run("window.stayed = true").await;
    until("the pointer on the row", async || {
        browser.point_at(ROW).await;
        (browser.run(PLACE).await[1] == true).then_some(())
    })
    .await;
    let before = browser.run(PLACE).await;
    demo.write(ANN, "The door sticks", "It does not open.").await;
    until("the strip", async || {
        let strip =
            "const strip = document.getElementById('arrivals'); return strip.hidden ? '' : strip.innerText";
        (browser.run(strip).await == "1 new ticket").then_some(())
    })
    .await;
    assert_eq!(browser.run(PLACE).await, before, "the row moved from under the pointer");
    assert!(!browser.words().await.contains("The door sticks"), "it came in while the pointer was on a row");

    // The pointer goes elsewhere, and what waited comes in, above.
    browser.point_at("//h1").await;
    browser.says("The door sticks").await;
    let after = browser.run(PLACE).await;
    assert!(after[0].as_f64() > before[0].as_f64(), "{after} is not below {before}");
    assert_eq!(browser.run("return document.getElementById('arrivals').hidden").await, true);
    assert_eq!(browser.run("return window.stayed").await, true, "the page was reloaded");
    browser.no_complaints().await;
}
