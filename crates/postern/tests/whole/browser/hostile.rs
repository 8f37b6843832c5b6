//! A letter that tries everything, opened where an agent opens it: nothing of it runs, asks or leaves.
use super::chromium::Browser;
use super::{ANN, SUPPORT, sign_in, the_ticket, with_a_ticket};
use crate::practice_walk::until;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpListener;

/// Where the letter wants to reach; how often something came.
async fn listener() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let reached = Arc::new(AtomicU32::new(0));
    let counted = reached.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (origin, reached)
}

fn letter(origin: &str) -> String {
    let marks = "top.document.title='owned';parent.document.title='owned';alert(1)";
    format!(
        r#"<html><head><title>x</title><base href="{origin}/"><meta http-equiv="refresh" content="0;url={origin}/meta">
<link rel="stylesheet" href="{origin}/sheet"><link rel="prefetch" href="{origin}/prefetch"><link rel="dns-prefetch" href="//x.invalid">
<style>@import url({origin}/import); body{{background:url({origin}/css)}} p{{list-style:url('{origin}/list')}} @font-face{{font-family:f;src:url({origin}/font)}} *{{font-family:f}}</style>
<script>{marks}</script><script src="{origin}/script"></script></head>
<body onload="{marks}" background="{origin}/background"><p>Visible words of the letter.</p>
<img src="x:" onerror="{marks}"><img src="{origin}/picture"><img srcset="{origin}/srcset 1x"><picture><source srcset="{origin}/source"><img src="{origin}/in-picture"></picture>
<svg onload="{marks}"><script>{marks}</script><image href="{origin}/svg"/><use href="{origin}/use#a"/></svg>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={marks}&gt;"></table></math>
<video src="{origin}/video" poster="{origin}/poster" autoplay></video><audio src="{origin}/audio" autoplay></audio>
<iframe src="{origin}/frame" srcdoc="<script>{marks}</script>"></iframe><object data="{origin}/object"></object><embed src="{origin}/embed">
<form action="{origin}/form" id="f"><input name="password" type="password" autofocus onfocus="{marks}"><button formaction="{origin}/formaction">Sign in again</button></form>
<a href="javascript:{marks}">a link of script</a> <a href="data:text/html,<script>{marks}</script>">a link of data</a>
<div style="position:fixed;inset:0;z-index:99999;background:url({origin}/style);width:expression({marks})">cover</div>
<details open ontoggle="{marks}"><summary>s</summary></details><p style="background-image:u\72l({origin}/escaped)">escaped</p>
<noscript><p title="</noscript><img src=x onerror={marks}>"></noscript></body></html>"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_letter_shows_its_words_and_does_nothing() {
    let (demo, _) = with_a_ticket("First", "A quiet one.").await;
    let (origin, reached) = listener().await;
    let wrapped = letter(&origin).replace('\n', "\r\n");
    let raw = format!(
        "From: \"<script>alert(2)</script>\" <{ANN}>\r\nTo: {SUPPORT}\r\nSubject: Hostile <img src=x onerror=alert(3)>\r\n\
         Message-ID: <hostile@nordwind.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{wrapped}\r\n"
    );
    let body = serde_json::json!({ "to": SUPPORT, "raw": raw });
    demo.practice("/mail/send", &body).await;
    let number = the_ticket(&demo, "Hostile <img src=x onerror=alert(3)>").await;

    let browser = Browser::start().await;
    sign_in(&browser, &demo).await;
    browser.open(&demo.url(&format!("/tickets/{number}"))).await;
    browser.click("HTML").await;
    let inside = "const f = document.querySelector('.letter iframe'); return f?.contentDocument?.body?.innerText ?? ''";
    until("the letter in its frame", async || {
        browser
            .run(inside)
            .await
            .as_str()
            .unwrap_or_default()
            .contains("Visible words of the letter.")
            .then_some(())
    })
    .await;
    // Every asynchronous handler of the page had its turn: two frames, and a timer behind them.
    let turns = "const done = arguments[arguments.length - 1]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300)))";
    browser.client.execute_async(turns, Vec::new()).await.unwrap();
    assert!(browser.client.get_alert_text().await.is_err(), "a dialog is open");
    let title = browser
        .run("return document.title + ' | ' + document.querySelector('.letter iframe').contentDocument.title")
        .await;
    assert!(!title.as_str().unwrap().contains("owned"), "a script of the letter ran: {title}");
    let left = "const d = document.querySelector('.letter iframe').contentDocument; \
        return [...d.querySelectorAll('script,form,input,button,iframe,object,embed,link,meta[http-equiv=refresh],base[href],video,audio')].map((e) => e.outerHTML).join()";
    assert_eq!(browser.run(left).await, "", "something that acts is left in the letter");
    let scripted = "const d = document.querySelector('.letter iframe').contentDocument; \
        return [...d.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => a.name.startsWith('on') || /^\\s*(javascript|data):/i.test(a.value)).map((a) => a.name + '=' + a.value).join()";
    assert_eq!(browser.run(scripted).await, "", "a handler or a link of script is left");
    let place =
        browser.run("return document.querySelector('.letter iframe').contentWindow.location.href").await;
    assert!(place.as_str().unwrap().starts_with(&demo.server.url), "the frame was led away: {place}");
    assert_eq!(reached.load(Ordering::SeqCst), 0, "the letter reached its sender's server");
    browser.no_complaints().await;
}
