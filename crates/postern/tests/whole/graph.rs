//! A mailbox that is read and answered by Microsoft Graph alone, from the pages to the customer and back, and through what
//! goes wrong there.
use crate::applying::{MICROSOFT_BOX, program};
use crate::practice_walk::{Consent, Demo, added, answer, by_id, register_with, sign_in, submit, until};
use crate::visitor::Visitor;

const ADDRESS: &str = "support@contoso.example";

/// Both sides by Graph, authorized by a person in the pages.
pub async fn connected(demo: &Demo, visitor: &mut Visitor) {
    let (base, page) = added(demo, visitor, ADDRESS, "Support").await;
    page.says("Microsoft Graph");
    let form = page.form("Config").set("protocol", "graph").set("authentication", "microsoft");
    let page = visitor.submit(form).await;
    page.says("Callback Endpoint").says("Mail.ReadWrite").says("Mail.Send");
    let callback = by_id(&page, "callback");
    let permissions = ["User.Read", "offline_access", "Mail.ReadWrite", "Mail.Send"];
    let registered = register_with(&demo.portal, &callback, Consent::ForAll, &permissions).await;
    let page = submit(visitor, &page, &registered).await;
    sign_in(visitor, page, ADDRESS).await.says(&format!("{ADDRESS} is authorized"));
    let page = visitor.get(format!("{base}/outgoing")).await;
    let form = page.form("Save Changes").set("authentication", "same").set("protocol", "graph");
    visitor.submit(form.without("status").with("status", "enabled")).await.says_not("cannot");
    let page = visitor.get(format!("{base}/remote")).await;
    let form = page.form("Save Changes").without("status").with("status", "enabled");
    visitor.submit(form.set("start_from", "everything")).await;
}

fn rows(demo: &Demo) -> Vec<serde_json::Value> {
    let rows = demo.run(&["inbox", "list", "--json", "--limit", "500"]).json();
    rows["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_is_read_and_answered_by_graph_alone_whatever_goes_wrong_there() {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    connected(&demo, &mut visitor).await;
    let before = demo.letters(ADDRESS).await.len();
    assert!(before >= 8, "the demo has {before} letters");
    until("the letters of the practice mailbox as rows", async || {
        let settled = rows(&demo).iter().filter(|row| row["state"] != "new").count();
        (settled == before).then_some(())
    })
    .await;
    let shown = demo.mailbox(ADDRESS);
    assert_eq!(
        (&shown["incoming"]["protocol"], &shown["outgoing"]["protocol"]),
        (&"graph".into(), &"graph".into())
    );
    assert_eq!((&shown["state"], &shown["incoming"]["security"]), (&"ok".into(), &"plain".into()), "{shown}");

    // A letter becomes a ticket, and the answer finds it though Exchange gave our reply another Message-ID.
    demo.write("ann.porter@nordwind.example", "The gate squeaks", "It squeaks.\n\nAnn").await;
    demo.run(&["mailbox", "fetch", ADDRESS]);
    let found = demo.tickets().into_iter().find(|ticket| ticket["subject"] == "The gate squeaks");
    let number = found.unwrap()["number"].as_str().unwrap().to_owned();
    demo.goes_wrong("graph_own_message_id", 1).await;
    let page = visitor.get(demo.url(&format!("/tickets/{number}"))).await;
    visitor
        .submit(page.form("Send Ctrl").set("text", "Some oil will help."))
        .await
        .says("Some oil will help.");
    until("the delivery marked as sent", async || {
        let shown = demo.ticket(&number);
        (shown["entries"][1]["deliveries"][0]["state"] == "sent").then_some(())
    })
    .await;
    assert_eq!(demo.letters("ann.porter@nordwind.example").await.len(), 1);
    answer(&demo, "ann.porter@nordwind.example", "The gate squeaks", "It does.").await;
    demo.run(&["mailbox", "fetch", ADDRESS]);
    assert!(demo.ticket(&number)["entries"].to_string().contains("It does."));

    // The server has lost its place, and repeats itself: nothing is doubled, nothing is lost.
    let count = rows(&demo).len();
    demo.goes_wrong("graph_sync_lost", 1).await;
    demo.goes_wrong("graph_repeats_page", 2).await;
    demo.write("tomasz.zielinski@zielona.example", "After the loss", "Still there?").await;
    demo.run(&["mailbox", "fetch", ADDRESS]);
    assert_eq!(rows(&demo).len(), count + 1);

    // It asks for a pause, which is kept to and told.
    demo.goes_wrong("graph_429_long", 1).await;
    let ran = demo.program.run(&["mailbox", "fetch", ADDRESS]);
    assert_ne!(ran.status, 0, "{ran:?}");
    let shown = demo.mailbox(ADDRESS);
    assert_eq!(shown["state"], "waiting", "{shown}");
    let next: jiff::Timestamp = shown["next_try_at"].as_str().unwrap().parse().unwrap();
    let wait = next.as_second() - jiff::Timestamp::now().as_second();
    assert!((200..=400).contains(&wait), "{wait} s: {shown}");
    demo.mends().await;
    demo.run(&["mailbox", "fetch", ADDRESS]);
    assert_eq!(demo.mailbox(ADDRESS)["state"], "ok");
    demo.run(&["check"]);
    let examined = demo.program.run(&["doctor", ADDRESS]);
    assert!(examined.out.contains("Microsoft Graph takes the token"), "{examined:?}");
    demo.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn microsoft_tells_of_a_letter_that_would_be_looked_for_tomorrow() {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    connected(&demo, &mut visitor).await;
    let remote = async |visitor: &mut Visitor, notified: bool| {
        let shown = demo.mailbox(ADDRESS);
        assert_eq!(shown["incoming"]["protocol"], "graph", "{shown}");
        let base = visitor.get(demo.url("/mailboxes/1/remote")).await;
        let form = base.form("Save Changes").set("frequency", "86400").without("notified");
        let form = if notified { form.with("notified", "1") } else { form };
        visitor.submit(form).await.says("Saved.");
    };
    remote(&mut visitor, true).await;
    let told = || demo.mailbox(ADDRESS)["subscriptions"].as_array().unwrap().clone();
    until("a subscription", async || told().iter().any(|one| one["state"] == "active").then_some(())).await;
    // Whatever it was made due for is done, and nothing more comes by the clock.
    until("a look that is a day away", async || {
        let next: jiff::Timestamp = demo.mailbox(ADDRESS)["next_try_at"].as_str()?.parse().ok()?;
        (next.as_second() - jiff::Timestamp::now().as_second() > 80_000).then_some(())
    })
    .await;
    for subject in ["The gate is told of", "And so is the fence"] {
        demo.write("ann.porter@nordwind.example", subject, "Look.").await;
        until("a ticket by a notification", async || {
            demo.tickets().iter().any(|ticket| ticket["subject"] == subject).then_some(())
        })
        .await;
    }
    assert!(told()[0]["told_at"].is_string(), "{:?}", told());
    let page = visitor.get(demo.url("/mailboxes/1/remote")).await;
    page.says("new mail is told of at once");
    // One that Microsoft ends is made anew, and what it did not tell of comes.
    demo.goes_wrong("graph_subscription_removed", 1).await;
    demo.write("ann.porter@nordwind.example", "Told by its end", "Look.").await;
    until("a ticket by the end of the subscription", async || {
        demo.tickets().iter().any(|ticket| ticket["subject"] == "Told by its end").then_some(())
    })
    .await;
    until("another subscription", async || told().iter().any(|one| one["state"] == "active").then_some(()))
        .await;
    remote(&mut visitor, false).await;
    until("no subscription", async || told().is_empty().then_some(())).await;
    let page = visitor.get(demo.url("/mailboxes/1/remote")).await;
    page.says("asked Microsoft to tell of new mail no more");
    demo.run(&["check"]);
    demo.server.stop();
}

#[test]
fn a_file_asks_for_graph_and_gets_the_servers_of_its_cloud() {
    let program = program();
    let text = MICROSOFT_BOX
        .replace("[mailbox.incoming]", "[mailbox.incoming]\nprotocol = \"graph\"")
        .replace("same = true", "same = true\nprotocol = \"graph\"");
    let apply = |text: &str| {
        let file = program.file("fleet.toml", text);
        let ran = program.run(&["mailbox", "apply", file.to_str().unwrap(), "--json"]).fine().json();
        ran["items"][0]["done"].as_str().unwrap().to_owned()
    };
    assert_eq!(apply(&text), "created");
    let shown = || program.run(&["mailbox", "show", "billing@contoso.example", "--json"]).fine().json();
    for side in ["incoming", "outgoing"] {
        let server = &shown()[side];
        assert_eq!(server["protocol"], "graph", "{server}");
        assert_eq!(
            (&server["host"], &server["port"]),
            (&"graph.microsoft.com".into(), &443.into()),
            "{server}"
        );
    }
    assert_eq!(apply(&text), "unchanged");
    let notified = text.replace("[mailbox.incoming]", "[mailbox.incoming]\nnotifications = true");
    assert_eq!(apply(&notified), "changed");
    assert_eq!((&shown()["incoming"]["notifications"], apply(&text)), (&true.into(), "unchanged".to_owned()));
    // Back to the mail servers, which have other hosts and ports.
    assert_eq!(
        apply(&text.replace("\"graph\"", "\"imap\"").replacen(
            "protocol = \"imap\"\n\n",
            "protocol = \"smtp\"\n\n",
            1
        )),
        "changed"
    );
    assert_eq!(shown()["incoming"]["host"], "outlook.office365.com");
    // It opens with a token of Microsoft's alone.
    let password = crate::applying::PASSWORD_BOX
        .replace("[mailbox.incoming]", "[mailbox.incoming]\nprotocol = \"graph\"");
    let file = program.file("other.toml", &password);
    let ran = program.run(&["mailbox", "apply", file.to_str().unwrap()]);
    assert!(
        ran.status != 0 && format!("{}{}", ran.out, ran.err).contains("OAuth2 - Microsoft alone"),
        "{ran:?}"
    );
}
