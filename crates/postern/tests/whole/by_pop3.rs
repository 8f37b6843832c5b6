//! A mailbox of the practice provider that an application reads by POP3, as `mailbox apply` sets it up.
use crate::application::let_in;
use crate::practice_walk::{Consent, Demo, Registered, register, until};
use crate::visitor::Visitor;
use desk::params;
use std::collections::BTreeMap;

pub const BILLING: &str = "billing@contoso.example";
const ANN: &str = "ann.porter@nordwind.example";

pub struct PostOffice {
    pub demo: Demo,
    app: Registered,
    more: String,
}

impl PostOffice {
    /// Set up from a file, and asked for its token; `more` are lines of the mailbox.
    pub async fn open(more: &str) -> PostOffice {
        let demo = Demo::start();
        let app = register(&demo.portal, &demo.url("/oauth/callback/unused"), Consent::ForAll).await;
        let permissions = ["POP.AccessAsApp", "IMAP.AccessAsApp", "SMTP.SendAsApp"];
        let without_imap = format!("Set-CASMailbox -Identity {BILLING} -ImapEnabled $false");
        let_in(&demo.portal, &app, BILLING, &permissions, &without_imap).await;
        demo.program.file("value", &app.secret);
        let office = PostOffice { demo, app, more: more.to_owned() };
        assert_eq!(office.apply("pop3"), "created");
        let mut visitor = office.demo.signed_in().await;
        let page = visitor.get(office.demo.url("/mailboxes/1/remote/authorization")).await;
        visitor.submit(page.form("Submit")).await.says("is authorized and works");
        office
    }

    fn apply(&self, protocol: &str) -> String {
        self.apply_at(protocol, "")
    }

    /// What was done to the mailbox; `server` is a line about where it is read, for who does not want the provider's own.
    fn apply_at(&self, protocol: &str, server: &str) -> String {
        let tenant = self.app.token_endpoint.split('/').nth(3).unwrap();
        let (more, id) = (&self.more, &self.app.client_id);
        let text = format!(
            "[[mailbox]]\naddress = \"{BILLING}\"\nstart_from = \"everything\"\n{more}\n\
             [mailbox.incoming]\nprotocol = \"{protocol}\"\n{server}\nauthentication = \"microsoft\"\n\
             [mailbox.outgoing]\nsame = true\n\
             [mailbox.client]\nflow = \"app_only\"\nclient_id = \"{id}\"\nclient_secret_file = \"value\"\n\
             tenant = \"{tenant}\"\n"
        );
        let file = self.demo.program.file("fleet.toml", &text);
        let done = self.demo.run(&["mailbox", "apply", file.to_str().unwrap(), "--json"]).json();
        done["items"][0]["done"].as_str().unwrap_or_else(|| panic!("{done:#}")).to_owned()
    }

    pub async fn write(&self, number: usize, words: usize) {
        let text = "Words. ".repeat(words);
        self.demo.write_to(BILLING, ANN, &format!("Matter {number}"), &text).await;
    }

    /// Letters in the database.
    pub fn stored(&self) -> usize {
        let db = self.demo.program.database();
        let (count,): (i64,) = db.read(|tx| tx.one("SELECT count(*) FROM inbox", params![])).unwrap();
        count.try_into().unwrap()
    }

    pub async fn each_is_one_ticket(&self, written: usize) {
        until("every letter as a ticket", async || (self.demo.tickets().len() > written).then_some(())).await;
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for ticket in self.demo.tickets() {
            *count.entry(ticket["subject"].as_str().unwrap().to_owned()).or_default() += 1;
            assert_eq!(ticket["entries"], 1, "{ticket}");
        }
        for number in 0..written {
            assert_eq!(count.remove(&format!("Matter {number}")), Some(1), "Matter {number} of {written}");
        }
        assert_eq!(count.values().collect::<Vec<_>>(), [&1], "the letter that was there before: {count:?}");
    }
}

async fn powershell(office: &PostOffice, line: &str) {
    let mut administrator = Visitor::new();
    let page = administrator.get(format!("{}/exchange", office.demo.portal)).await;
    administrator.submit(page.form("Run").set("script", line)).await.says("done");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_reads_by_pop3_what_a_file_set_up_and_answers() {
    let office = PostOffice::open("fetched = \"delete\"").await;
    let demo = &office.demo;
    assert_eq!(office.apply("pop3"), "unchanged");
    let shown = demo.mailbox(BILLING);
    let incoming = &shown["incoming"];
    assert_eq!((&incoming["protocol"], &incoming["host"]), (&"pop3".into(), &"localhost".into()), "{shown}");
    assert_eq!(incoming["port"].to_string(), demo.pop_port, "the provider's own: {shown}");
    office.write(0, 40).await;
    demo.run(&["mailbox", "fetch", BILLING]);
    office.each_is_one_ticket(1).await;
    until("an empty mailbox on the server", async || demo.letters(BILLING).await.is_empty().then_some(()))
        .await;
    assert_eq!(demo.mailbox(BILLING)["state"], "ok");
    let ticket = demo.tickets().into_iter().find(|ticket| ticket["subject"] == "Matter 0").unwrap();
    let number = ticket["number"].as_str().unwrap();
    demo.program.run_with(&["reply", number, "--as", &demo.email], "It is paid.").fine();
    until("the reply in Ann's mailbox", async || {
        demo.letters(ANN).await.iter().any(|letter| letter.to_string().contains(BILLING)).then_some(())
    })
    .await;

    // Switched off by an administrator, the mailbox says so; on again, it goes on.
    powershell(&office, &format!("Set-CASMailbox -Identity {BILLING} -PopEnabled $false")).await;
    demo.program.run(&["mailbox", "fetch", BILLING]).fails(1, &["not connected"]);
    assert_eq!(demo.mailbox(BILLING)["state"], "needs_person");
    powershell(&office, &format!("Set-CASMailbox -Identity {BILLING} -PopEnabled $true")).await;
    demo.run(&["mailbox", "fetch", BILLING]);
    assert_eq!(demo.mailbox(BILLING)["state"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_by_one_protocol_does_not_come_again_by_the_other() {
    let office = PostOffice::open("fetched = \"nothing\"").await;
    powershell(&office, &format!("Set-CASMailbox -Identity {BILLING} -ImapEnabled $true")).await;
    let demo = &office.demo;
    let mut written = 0;
    for protocol in ["pop3", "imap", "pop3", "imap"] {
        // The first is what there is; each other finds all that came before under names of its own.
        let port = if protocol == "pop3" { &demo.pop_port } else { &demo.imap_port };
        let done = office.apply_at(protocol, &format!("port = {port}"));
        assert_eq!(done, if written == 0 { "unchanged" } else { "changed" });
        for _ in 0..3 {
            office.write(written, 10).await;
            written += 1;
        }
        demo.run(&["mailbox", "fetch", BILLING]);
        let shown = demo.mailbox(BILLING);
        assert_eq!(
            (&shown["incoming"]["protocol"], &shown["state"]),
            (&protocol.into(), &"ok".into()),
            "{shown}"
        );
        assert_eq!(shown["incoming"]["port"].to_string(), *port);
        office.each_is_one_ticket(written).await;
        assert_eq!(demo.letters(BILLING).await.len(), written + 1, "all stay on the server");
    }
    demo.run(&["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_a_name_again_at_once_costs_no_letter() {
    let office = PostOffice::open("active = false\nfetched = \"delete\"").await;
    let demo = &office.demo;
    demo.run(&["mailbox", "fetch", BILLING]);
    // Each of these letters has the name that the one before it had, and no listing between them lacked it.
    demo.goes_wrong("pop_uidl_reused", 0).await;
    for number in 0..3 {
        office.write(number, 10).await;
        demo.run(&["mailbox", "fetch", BILLING]);
        assert!(demo.letters(BILLING).await.is_empty(), "letter {number}");
    }
    office.each_is_one_ticket(3).await;
    // Nor where the server's answer to the deletion is lost, so that nobody knows whether the letter is gone.
    for (number, lost) in [(3, "pop_drop_after_quit"), (5, "pop_drop_quit")] {
        office.write(number, 10).await;
        demo.goes_wrong(lost, 1).await;
        demo.program.run(&["mailbox", "fetch", BILLING]).fails(1, &["could not be fetched"]);
        office.write(number + 1, 10).await;
        demo.run(&["mailbox", "fetch", BILLING]);
        assert!(demo.letters(BILLING).await.is_empty(), "after {lost}");
        office.each_is_one_ticket(number + 2).await;
    }
    demo.run(&["check"]);
}
