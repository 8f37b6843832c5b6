//! Consent from the command line, against the practice provider, beside a server that runs.
use crate::faults::SUPPORT;
use crate::practice_walk::{Consent, Demo, sign_in, submitted, until};
use crate::program::{Program, Talk};
use crate::visitor::Visitor;
use desk::params;

/// The address that a command prints for the browser.
fn address(talk: &mut Talk) -> String {
    talk.until(|line| line.trim().starts_with("http").then(|| line.trim().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_pasted_however_it_was_copied_and_counts_once() {
    let demo = Demo::start();
    submitted(&demo, &mut demo.signed_in().await, SUPPORT, Consent::ForAll).await;
    let mut talk = demo.program.talk(&["mailbox", "authorize", SUPPORT, "--paste"]);
    // In a browser that nobody has signed in to Postern with.
    let mut browser = Visitor::new();
    let page = browser.get(address(&mut talk)).await;
    let page = sign_in(&mut browser, page, SUPPORT).await;
    page.says("Copy the whole address of this page");
    let came_back = page.url.to_string();
    talk.answer("not an address");
    talk.answer(&came_back.replace("/oauth/callback/", "/oauth/callback/x"));
    let (first, second) = came_back.split_at(came_back.len() / 3);
    talk.answer(&format!("\"{first}"));
    talk.answer(&format!("   {second}\""));
    let ran = talk.end().fine();
    assert!(ran.out.contains(&format!("{SUPPORT} is authorized and works.")), "{ran:?}");
    assert!(ran.err.contains("holds no answer") && ran.err.contains("another registration"), "{ran:?}");
    assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
    let code = came_back.split("code=").nth(1).unwrap().split('&').next().unwrap();
    assert!(!demo.server.log().contains(code) && !ran.err.contains(code), "the code was told");

    // A try that fails leaves what is in use.
    let mut talk = demo.program.talk(&["mailbox", "reauthorize", SUPPORT, "--paste"]);
    address(&mut talk);
    talk.answer(&came_back);
    talk.end().fails(1, &["another sign-in", "nothing was authorized"]);
    assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
}

/// The page and the code, as the command prints them.
fn code(talk: &mut Talk) -> (String, String) {
    talk.until(|line| {
        let (page, code) = line.strip_prefix("Open ")?.split_once(" on any device and enter the code ")?;
        assert!(code.contains(&format!(". Sign in as {SUPPORT}. ")), "{line}");
        Some((page.to_owned(), code.split('.').next()?.to_owned()))
    })
}

/// Enters it on another device.
async fn enters(page: &str, code: &str) {
    let mut browser = Visitor::new();
    let page = browser.get(page).await;
    let page = browser.submit(page.form("Next").set("otc", code)).await;
    sign_in(&mut browser, page, SUPPORT).await.says("You may now close this window");
}

/// How the newest try of a sign-in by code ended, once it has.
async fn ended(demo: &Demo) -> String {
    let db = demo.program.database();
    let newest = "SELECT state, reason_code FROM consent WHERE way = 'device' ORDER BY id DESC LIMIT 1";
    until("its end", async || {
        let (state, code) = db.read(|tx| tx.one::<(String, String)>(newest, params![])).unwrap();
        (state == "failed").then_some(code)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_ends_with_its_command_however_that_ends_and_one_that_is_declined_leaves_what_is_in_use() {
    let demo = Demo::start();
    submitted(&demo, &mut demo.signed_in().await, SUPPORT, Consent::ForAll).await;
    let authorize = || demo.program.talk(&["mailbox", "authorize", SUPPORT, "--device"]);
    let mut talk = authorize();
    let (page, typed) = code(&mut talk);
    talk.kill();
    assert_eq!(ended(&demo).await, "command_ended");
    enters(&page, &typed).await;
    for signal in ["-INT", "-TERM", "-HUP"] {
        let mut talk = authorize();
        code(&mut talk);
        talk.signal(signal);
        talk.end().fails(1, &["The code was cancelled. Nothing was authorized."]);
        assert_eq!(ended(&demo).await, "cancelled");
    }
    let mut talk = authorize();
    code(&mut talk);
    let cancel = || demo.run(&["mailbox", "cancel", SUPPORT, "--json"]).fine().json()["done"].clone();
    assert_eq!((cancel(), cancel()), ("cancelled".into(), "nothing".into()));
    let ran = talk.end();
    assert!(ran.status == 1 && ran.out.contains("It was cancelled."), "{ran:?}");
    assert!(demo.mailbox(SUPPORT)["grant"].is_null());

    let mut talk = authorize();
    let (page, typed) = code(&mut talk);
    enters(&page, &typed).await;
    talk.end().fine();
    demo.goes_wrong("device_declined", 1).await;
    let ran = demo.program.run(&["mailbox", "reauthorize", SUPPORT, "--device", "--json"]);
    assert_eq!((ran.status, ran.json()["result"].as_str()), (1, Some("failed")), "{ran:?}");
    assert!(ran.json()["sentence"].as_str().unwrap().contains("declined"), "{ran:?}");
    assert_eq!(ran.json()["action"], "authorize_again");
    assert_eq!(ran.json()["command"], format!("postern mailbox reauthorize {SUPPORT}"));
    assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
}

#[test]
fn what_needs_no_consent_says_so() {
    let program = Program::new().administrator();
    let file = program.file(
        "mailboxes.toml",
        "[[mailbox]]\naddress = \"info@contoso.example\"\n[mailbox.incoming]\nhost = \"imap.contoso.example\"\n\
         authentication = \"password\"\npassword_file = \"secret\"\n",
    );
    program.file("secret", "correct horse");
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    for command in ["authorize", "reauthorize"] {
        program
            .run(&["mailbox", command, "info@contoso.example", "--paste"])
            .fails(1, &["Incoming mail of info@contoso.example", "needs no consent"]);
        program
            .run(&["mailbox", command, "info@contoso.example", "--paste", "--outgoing"])
            .fails(1, &["Outgoing mail of info@contoso.example", "needs no consent"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_of_somebody_else_is_told_with_what_may_be_answered_and_until_when() {
    const OTHER: &str = "admin@contoso.example";
    let demo = Demo::start();
    submitted(&demo, &mut demo.signed_in().await, SUPPORT, Consent::ForAll).await;
    assert_eq!(demo.mailbox(SUPPORT)["questions"], serde_json::json!([]));
    let mut talk = demo.program.talk(&["mailbox", "authorize", SUPPORT, "--device"]);
    let (page, typed) = code(&mut talk);
    let mut browser = Visitor::new();
    let page = browser.get(page).await;
    let page = browser.submit(page.form("Next").set("otc", &typed)).await;
    sign_in(&mut browser, page, OTHER).await;
    let ran = talk.end();
    assert!(ran.status == 1 && ran.out.contains("postern mailbox answer"), "{ran:?}");
    let question = &demo.mailbox(SUPPORT)["questions"][0];
    assert_eq!((&question["side"], &question["about"]), (&"incoming".into(), &"address".into()));
    assert_eq!(question["signed_in"], OTHER);
    assert_eq!(question["answers"], serde_json::json!(["shared", "alias"]));
    let until = question["until"].as_str().unwrap();
    for command in [&["mailbox", "list"][..], &["mailbox", "show", SUPPORT]] {
        let said = demo.run(command).fine().out;
        for word in [
            OTHER,
            until,
            &format!("`postern mailbox answer {SUPPORT} shared`"),
            "alias`",
            "mailbox reauthorize",
        ] {
            assert!(said.contains(word), "{command:?} {word}: {said}");
        }
    }
    // A side that is not set up says so, and what is due is not in the past.
    let shown = demo.run(&["mailbox", "show", SUPPORT]).fine().out;
    assert!(shown.contains("outgoing: not set up: nothing is sent") && !shown.contains("(none)"), "{shown}");
    // It is told what that mailbox lacks; the question is over.
    let ran = demo.program.run(&["mailbox", "answer", SUPPORT, "shared"]);
    assert!(ran.status == 1 && ran.out.contains("may not open this mailbox"), "{ran:?}");
    assert!(ran.out.contains(&format!("Then: `postern mailbox prove {SUPPORT}`")), "{ran:?}");
    assert_eq!(demo.mailbox(SUPPORT)["questions"], serde_json::json!([]));
}
