//! A telephone: 360 px wide, and nothing scrolls sideways.
use super::chromium::Browser;
use super::{ANN, SUPPORT, sign_in, the_ticket, with_a_ticket};
use crate::practice_walk::until;

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
        does_not_scroll_sideways(&browser, &demo.url(&path)).await;
    }
    // The portal that is rehearsed in, with every page of a registration.
    let practice = demo.portal.trim_end_matches("/portal").to_owned();
    browser.open(&format!("{practice}/portal/apps")).await;
    let app = "return document.querySelector('main a[href^=\"/portal/apps/\"]:not([href$=new])').getAttribute('href')";
    let app = browser.run(app).await.as_str().unwrap().to_owned();
    let of_app =
        ["", "/authentication", "/secrets", "/certificates", "/permissions", "/permissions/add?api=exchange"];
    let others = [
        "/portal",
        "/portal/entra",
        "/portal/users",
        "/portal/apps",
        "/portal/exchange",
        "/mail",
        "/practice/faults",
    ];
    for path in of_app.map(|page| format!("{app}{page}")).into_iter().chain(others.map(str::to_owned)) {
        does_not_scroll_sideways(&browser, &format!("{practice}{path}")).await;
    }
    browser.no_complaints().await;
}

async fn does_not_scroll_sideways(browser: &Browser, url: &str) {
    browser.open(url).await;
    let size = browser
        .run("return [innerWidth, document.documentElement.scrollWidth, document.body.scrollWidth]")
        .await;
    assert_eq!(size[0], 360, "{url}");
    let status = "return performance.getEntriesByType('navigation')[0].responseStatus";
    assert_eq!(browser.run(status).await, 200, "{url}");
    let widest = "return [...document.querySelectorAll('body *')].map((e) => [e.getBoundingClientRect().right, e.outerHTML.slice(0, 120)]).filter((e) => e[0] > 361).slice(0, 5)";
    let widest = browser.run(widest).await;
    assert!(size[1].as_u64().unwrap() <= 360, "{url} scrolls sideways: {size}\n{widest:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_frame_of_a_letter_is_as_high_as_the_letter_at_every_width() {
    let (demo, _) = with_a_ticket("First", "A quiet one.").await;
    let words = "Every second label is blank. ".repeat(12);
    let raw = format!(
        "From: Ann <{ANN}>\r\nTo: {SUPPORT}\r\nSubject: Labels\r\nMessage-ID: <labels@nordwind.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{words}<b>What now?</b></p>\r\n"
    );
    demo.practice("/mail/send", &serde_json::json!({ "to": SUPPORT, "raw": raw })).await;
    let number = the_ticket(&demo, "Labels").await;
    let browser = Browser::start().await;
    sign_in(&browser, &demo).await;
    browser.viewport(360, 740).await;
    browser.open(&demo.url(&format!("/tickets/{number}"))).await;
    browser.click("HTML").await;
    let heights = "const f = document.querySelector('.letter iframe'); const b = f?.contentDocument?.body; \
        return b?.innerText.includes('What now?') ? [f.clientHeight, b.scrollHeight] : [0, 1]";
    let fits = async || {
        let heights = browser.run(heights).await;
        (heights[0] == heights[1]).then(|| heights[0].as_u64().unwrap())
    };
    let narrow = until("a frame that fits the narrow letter", async || fits().await).await;
    // With more room the lines are fewer, and no empty paper is left below them.
    browser.viewport(1280, 850).await;
    let wide =
        until("a frame that fits the wide letter", async || fits().await.filter(|height| *height < narrow))
            .await;
    assert!(wide > 64, "{wide}");
    browser.no_complaints().await;
}
