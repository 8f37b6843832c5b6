//! A telephone: 360 px wide, and nothing scrolls sideways.
use super::chromium::Browser;
use super::{sign_in, with_a_ticket};

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_360_px_do_not_scroll_sideways() {
    let long = "https://nordwind.example/a/path/without/any/place/to/break/".repeat(4);
    let subject = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
    let (demo, number) = with_a_ticket(subject, &long).await;
    let browser = Browser::start().await;
    sign_in(&browser, &demo).await;
    // Headless windows have a least width; the viewport itself is what a telephone has.
    browser.viewport(360, 740).await;
    for path in [
        "/tickets".to_owned(),
        format!("/tickets/{number}"),
        "/mailboxes".to_owned(),
        "/mailboxes/1/remote".to_owned(),
        "/mailboxes/1/outgoing".to_owned(),
        "/mailboxes/1/remote/authorization".to_owned(),
        "/agents".to_owned(),
        "/profile".to_owned(),
        "/inbox".to_owned(),
    ] {
        browser.open(&demo.url(&path)).await;
        let size = browser
            .run("return [innerWidth, document.documentElement.scrollWidth, document.body.scrollWidth]")
            .await;
        assert_eq!(size[0], 360, "{path}");
        let status = "return performance.getEntriesByType('navigation')[0].responseStatus";
        assert_eq!(browser.run(status).await, 200, "{path}");
        let widest = "return [...document.querySelectorAll('body *')].map((e) => [e.getBoundingClientRect().right, e.outerHTML.slice(0, 120)]).filter((e) => e[0] > 361).slice(0, 5)";
        let widest = browser.run(widest).await;
        assert!(size[1].as_u64().unwrap() <= 360, "{path} scrolls sideways: {size}\n{widest:#}");
    }
    browser.no_complaints().await;
}
