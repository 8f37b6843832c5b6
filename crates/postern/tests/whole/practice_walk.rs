//! The three walks against the practice provider, as a newcomer takes them: portal, guide, mail in, reply out,
//! close; then stop and start.
use crate::program::{Program, Ran, Server};
use crate::visitor::{Page, Visitor};
use std::time::{Duration, Instant};

/// A running demo, with what it printed for the newcomer.
pub struct Demo {
    pub program: Program,
    pub server: Server,
    pub email: String,
    pub password: String,
    pub portal: String,
    pub mailboxes: String,
    pub imap_port: String,
    pub pop_port: String,
    pub smtp_port: String,
}

impl Demo {
    pub fn start() -> Demo {
        Demo::on(Program::new())
    }
    pub fn on(program: Program) -> Demo {
        let before = std::fs::read_to_string(program.path().join("log")).unwrap_or_default().len();
        let server = program.start("demo", &[]);
        let log = server.log().split_off(before);
        let after = |label: &str| {
            let line = log
                .lines()
                .find(|l| l.trim_start().starts_with(label))
                .unwrap_or_else(|| panic!("no {label}: {log}"));
            line.trim_start()[label.len()..].trim().to_owned()
        };
        let port = |label: &str| after(label).split([':', ' ']).nth(1).unwrap().to_owned();
        let (email, password) = (after("Sign in as"), after("Password"));
        let (portal, mailboxes) = (after("Practice portal"), after("Practice mailboxes"));
        let (imap_port, pop_port) = (port("IMAP server"), port("POP3 server"));
        let smtp_port = port("SMTP server");
        Demo { program, server, email, password, portal, mailboxes, imap_port, pop_port, smtp_port }
    }
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url)
    }
    pub async fn signed_in(&self) -> Visitor {
        let mut visitor = Visitor::new();
        let page = visitor.sign_in(&self.server.url, &self.email, &self.password).await;
        page.says("Open").says("Admin Panel");
        visitor
    }
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.program.run(arguments).fine()
    }
    pub fn tickets(&self) -> Vec<serde_json::Value> {
        self.run(&["ticket", "list", "--json", "--limit", "500"]).json()["items"].as_array().unwrap().clone()
    }
    pub fn ticket(&self, number: &str) -> serde_json::Value {
        self.run(&["ticket", "show", number, "--json"]).json()
    }
    /// The practice provider does this wrong, so many times; 0 is until [`Demo::mends`].
    pub async fn goes_wrong(&self, fault: &str, times: u32) {
        let body = serde_json::json!({ "fault": fault, "times": times });
        self.practice("/practice/faults", &body).await;
    }
    pub async fn mends(&self) {
        self.practice("/practice/faults/clear", &serde_json::json!({})).await;
    }
    pub async fn practice(&self, path: &str, body: &serde_json::Value) {
        let url = format!("{}{path}", self.portal.trim_end_matches("/portal"));
        let answer = crate::visitor::client().post(url);
        let answer =
            answer.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{body}: {answer:?}");
    }
    /// How often a fault has struck since it was told to.
    pub async fn struck(&self, fault: &str) -> u64 {
        let url = format!("{}/practice/faults.json", self.portal.trim_end_matches("/portal"));
        let rows: serde_json::Value = serde_json::from_str(&Visitor::new().get(url).await.text).unwrap();
        let row = rows.as_array().unwrap().iter().find(|row| row["name"] == fault).unwrap();
        row["armed"]["struck"].as_u64().unwrap_or_default()
    }
    pub fn mailbox(&self, address: &str) -> serde_json::Value {
        self.run(&["mailbox", "show", address, "--json"]).json()
    }
    /// A customer writes through the practice provider's page.
    pub async fn write(&self, from: &str, subject: &str, text: &str) {
        self.write_to("support@contoso.example", from, subject, text).await;
    }
    pub async fn write_to(&self, to: &str, from: &str, subject: &str, text: &str) {
        let mut customer = Visitor::new();
        let page = customer.get(format!("{}/write", self.mailboxes)).await;
        let form = page.form("Send").set("from", from).set("to", to);
        let page = customer.submit(form.set("subject", subject).set("text", text)).await;
        assert_eq!(page.status, 200, "{}", page.words());
    }
    /// Letters of a practice mailbox's INBOX.
    pub async fn letters(&self, address: &str) -> Vec<serde_json::Value> {
        let page = Visitor::new().get(format!("{}/{address}.json", self.mailboxes)).await;
        let mailbox: serde_json::Value = serde_json::from_str(&page.text).unwrap();
        let inbox = mailbox["folders"].as_array().unwrap().iter().find(|f| f["name"] == "INBOX");
        inbox.map(|f| f["letters"].as_array().unwrap().clone()).unwrap_or_default()
    }
}

/// Waits for what another task or process does; the limit is generous, because machines are busy.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(Duration::from_secs(30), what, look).await
}
pub async fn until_within<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < limit, "{what} did not come about in {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The text of the element with this id.
pub fn by_id(page: &Page, id: &str) -> String {
    let html = scraper::Html::parse_document(&page.text);
    let found = html.select(&scraper::Selector::parse(&format!("#{id}")).unwrap()).next();
    found.unwrap_or_else(|| panic!("no #{id} on {}", page.url)).text().collect::<String>().trim().to_owned()
}

/// What the portal gives: client id, secret, endpoints.
#[derive(Clone)]
pub struct Registered {
    pub client_id: String,
    pub secret: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
}

/// Who agrees to what the app may do.
#[derive(Clone, Copy, PartialEq)]
pub enum Consent {
    /// *Grant admin consent*, as the guide has it.
    ForAll,
    /// Everybody who signs in is asked.
    OfEach,
}

/// The delegated permissions of the guide for a mailbox of IMAP and SMTP.
const OF_MAIL: [&str; 5] =
    ["User.Read", "offline_access", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];

/// The guide's steps in the portal, in its order.
pub async fn register(portal: &str, callback: &str, consent: Consent) -> Registered {
    register_with(portal, callback, consent, &OF_MAIL).await
}

/// The same with other permissions.
pub async fn register_with(
    portal: &str,
    callback: &str,
    consent: Consent,
    permissions: &[&str],
) -> Registered {
    let mut visitor = Visitor::new();
    let page = visitor.get(portal).await;
    let page = visitor.get(page.link("Microsoft Entra ID")).await;
    let page = visitor.get(page.link("App registrations")).await;
    let page = visitor.get(page.link("New registration")).await;
    let form =
        page.form("Register").set("name", "Postern").set("platform", "web").set("redirect_uri", callback);
    let app = visitor.submit(form).await;
    app.says("Application (client) ID");
    let client_id = by_id(&app, "client-id");

    let page = visitor.get(app.link("API permissions")).await;
    let page = visitor.get(page.link("Add a permission")).await;
    let page = visitor.get(page.link("Microsoft Graph")).await;
    let page = visitor.get(page.link("Delegated permissions")).await;
    let mut form = page.form("Add permissions");
    for permission in permissions {
        form = form.with("permission", permission);
    }
    let page = visitor.submit(form).await;
    let mut page = page;
    page.says(permissions[permissions.len() - 1]);
    if consent == Consent::ForAll {
        page = visitor.get(page.link("Grant admin consent for Contoso")).await;
        page = visitor.submit(page.form("Yes")).await;
        page.says("Granted for Contoso");
    }

    let page = visitor.get(page.link("Certificates & secrets")).await;
    let page = visitor.get(page.link("New client secret")).await;
    let page = visitor.submit(page.form("Add").set("description", "Postern")).await;
    let secret = by_id(&page, "secret-value");

    let page = visitor.get(app.url.as_str()).await; // Overview
    let page = visitor.get(page.link("Endpoints")).await;
    let words = page.words();
    let endpoint = |ending: &str| {
        let found = words.split(' ').find(|w| w.ends_with(ending));
        found.unwrap_or_else(|| panic!("no endpoint {ending}: {words}")).to_owned()
    };
    Registered {
        client_id,
        secret,
        authorization_endpoint: endpoint("/oauth2/v2.0/authorize"),
        token_endpoint: endpoint("/oauth2/v2.0/token"),
    }
}

/// Makes the System Email; the address of its page, and its tab Remote Mailbox.
pub async fn added(demo: &Demo, visitor: &mut Visitor, address: &str, name: &str) -> (String, Page) {
    let page = visitor.get(demo.url("/mailboxes/new")).await;
    let page = visitor.submit(page.form("Add New Email").set("address", address).set("name", name)).await;
    let base = page.url.as_str().split('?').next().unwrap().trim_end_matches("/remote").to_owned();
    let page = visitor.get(format!("{base}/remote")).await;
    (base, page)
}

/// *Config* of that tab, with the practice provider's IMAP server: the authorization page.
pub async fn config(demo: &Demo, visitor: &mut Visitor, remote: &Page, authentication: &str) -> Page {
    let form =
        remote.form("Config").set("host", "localhost").set("port", &demo.imap_port).set("security", "tls");
    visitor.submit(form.set("authentication", authentication)).await
}

/// Makes the System Email and opens its authorization page; mailbox page address and that page.
pub async fn begun(demo: &Demo, visitor: &mut Visitor, address: &str) -> (String, Page) {
    let (base, page) = added(demo, visitor, address, "Contoso Support").await;
    for label in [
        "Hostname",
        "Port Number",
        "Security",
        "Mail Folder",
        "Protocol",
        "Authentication",
        "OAuth2 - Microsoft",
        "OAuth2 - Google",
        "OAuth2 - Other Provider",
        "Basic Authentication (Legacy)",
        "Status",
        "Fetch Frequency",
        "Emails Per Fetch",
        "Fetched Emails",
        "Do Nothing",
        "Move to Folder",
        "Delete Emails",
        "Mark as Read",
        "Start From",
        "Account",
        "Remote Mailbox",
        "Outgoing (SMTP)",
    ] {
        page.says(label);
    }
    let page = config(demo, visitor, &page, "microsoft").await;
    page.says("IdP Config").says("Info").says("Callback Endpoint").says("Client ID").says("Client Secret");
    page.says("Authorization Endpoint")
        .says("Token Endpoint")
        .says("Scopes")
        .says("Tenant")
        .says("Strict Matching");
    (base, page)
}

/// Signs in at the practice provider and accepts; the page that Postern shows then.
pub async fn sign_in(visitor: &mut Visitor, mut page: Page, address: &str) -> Page {
    if !page.text.contains("name=\"password\"") {
        page = visitor.submit(page.form("Next").set("account", address)).await;
    }
    let mut page = visitor.submit(page.form("Sign in").set("password", "practice")).await;
    if page.text.contains("value=\"accept\"") {
        page = visitor.submit(page.form("Accept")).await;
    }
    page
}

/// *Submit* once more, and all is well.
pub async fn authorize_again(demo: &Demo, visitor: &mut Visitor, base: &str, address: &str) {
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    let page = visitor.submit_and_leave(page.form("Submit")).await;
    sign_in(visitor, page, address).await.says(&format!("{address} is authorized"));
    assert_eq!(demo.mailbox(address)["grant"]["state"], "fulfilled");
}

/// What there is after Submit.
pub struct Submitted {
    /// The mailbox's page in Postern.
    pub base: String,
    /// What the provider shows.
    pub page: Page,
    pub callback: String,
    pub secret: String,
}

/// As far as Submit.
pub async fn submitted(demo: &Demo, visitor: &mut Visitor, address: &str, consent: Consent) -> Submitted {
    let (base, page) = begun(demo, visitor, address).await;
    let callback = by_id(&page, "callback");
    assert!(callback.starts_with(&demo.url("/oauth/callback/")), "{callback}");
    let registered = register(&demo.portal, &callback, consent).await;
    let page = visitor.get(page.url.as_str()).await;
    assert_eq!(by_id(&page, "callback"), callback, "the Callback Endpoint changed by reloading");
    let page = submit(visitor, &page, &registered).await;
    Submitted { base, page, callback, secret: registered.secret }
}

/// *Submit* with what the portal gave; the page of the provider that it leads to.
pub async fn submit(visitor: &mut Visitor, config: &Page, registered: &Registered) -> Page {
    let form = config
        .form("Submit")
        .set("client_id", &registered.client_id)
        .set("client_secret", &registered.secret)
        .set("tenant", "")
        .set("authorization_endpoint", &registered.authorization_endpoint)
        .set("token_endpoint", &registered.token_endpoint);
    visitor.submit_and_leave(form).await
}

/// From nothing to a mailbox that fetches and sends.
pub async fn connected(demo: &Demo, visitor: &mut Visitor, address: &str) -> String {
    let Submitted { base, page, callback, secret } = submitted(demo, visitor, address, Consent::ForAll).await;
    let page = sign_in(visitor, page, address).await;
    page.says(&format!("{address} is authorized"));
    assert!(!page.url.as_str().contains("code="), "the callback's query stayed in the address: {}", page.url);
    assert!(!page.text.contains(&secret), "the secret stands in the page");
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    page.says("Token").says("Delete Token").says("Next refresh").says(address);
    assert_eq!(by_id(&page, "callback"), callback, "the Callback Endpoint changed by Submit");
    switched_on(demo, visitor, &base).await;
    base
}

/// Sends with what fetching signs in with, and fetches all there is.
pub async fn switched_on(demo: &Demo, visitor: &mut Visitor, base: &str) {
    let page = visitor.get(format!("{base}/outgoing")).await;
    let form = page.form("Save Changes").set("host", "localhost").set("port", &demo.smtp_port);
    let form = form
        .set("security", "starttls")
        .set("authentication", "same")
        .without("status")
        .with("status", "enabled");
    visitor.submit(form).await.says_not("cannot");
    let page = visitor.get(format!("{base}/remote")).await;
    let form =
        page.form("Save Changes").without("status").with("status", "enabled").set("start_from", "everything");
    visitor.submit(form).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_connects_a_mailbox_answers_a_letter_and_finds_it_again_after_a_restart() {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    connected(&demo, &mut visitor, "support@contoso.example").await;
    let before = demo.letters("support@contoso.example").await.len();
    assert!(before >= 8, "the demo has {before} letters");
    // Every letter becomes an entry or has its reason.
    until("the letters of the practice mailbox as rows", async || {
        let rows = demo.run(&["inbox", "list", "--json", "--limit", "500"]).json();
        let settled = |row: &&serde_json::Value| row["state"] != "new";
        (rows["items"].as_array().unwrap().iter().filter(settled).count() == before).then_some(())
    })
    .await;

    // New mail is a ticket.
    demo.write("ann.porter@nordwind.example", "The gate squeaks", "It squeaks each morning.\n\nAnn").await;
    let number = until("the ticket", async || {
        let found = demo.tickets().into_iter().find(|t| t["subject"] == "The gate squeaks");
        found.map(|t| t["number"].as_str().unwrap().to_owned())
    })
    .await;
    let page = visitor.get(demo.url("/tickets")).await;
    page.says("The gate squeaks");
    let page = visitor.get(page.link("The gate squeaks")).await;
    page.says("It squeaks each morning.");

    // A reply goes out, once, and lands in the customer's mailbox.
    let reply = page.form("Send Ctrl").set("text", "Some oil will help. We come on Monday.");
    let page = visitor.submit(reply.clone()).await;
    page.says("We come on Monday.");
    visitor.submit(reply).await; // a second click
    let letter = until("the reply in the customer's mailbox", async || {
        let letters = demo.letters("ann.porter@nordwind.example").await;
        letters.into_iter().find(|l| l["subject"].as_str().is_some_and(|s| s.contains("The gate squeaks")))
    })
    .await;
    assert!(letter.to_string().contains("support@contoso.example"), "{letter}");
    until("the delivery marked as sent", async || {
        let shown = demo.ticket(&number);
        let entries = shown["entries"].as_array().unwrap().clone();
        assert_eq!(entries.len(), 2, "a second click sent a second reply: {entries:?}");
        (entries[1]["deliveries"][0]["state"] == "sent").then_some(())
    })
    .await;

    // The customer answers, and it comes back to the ticket; closing and an answer reopen it.
    let page = visitor.get(demo.url(&format!("/tickets/{number}"))).await;
    let page = visitor.submit(page.form("Close")).await;
    page.says("closed");
    answer(&demo, "ann.porter@nordwind.example", "The gate squeaks", "Monday is fine.").await;
    until("the answer on the ticket, reopened", async || {
        let shown = demo.ticket(&number);
        let texts = shown["entries"].to_string();
        (texts.contains("Monday is fine.") && shown["state"] == "open").then_some(())
    })
    .await;

    // Stopped and started again, the mailbox is still green, and nothing comes twice.
    let count = demo.tickets().len();
    let rows =
        demo.run(&["inbox", "list", "--json", "--limit", "500"]).json()["items"].as_array().unwrap().len();
    let Demo { program, server, .. } = demo;
    let (took, status) = server.stop();
    assert!(took < Duration::from_secs(10) && status == 0, "{took:?}, {status}");
    let demo = Demo::on(program);
    demo.write("tomasz.nowak@nordwind.example", "After the restart", "Still there?").await;
    until("a ticket after the restart", async || {
        demo.tickets().iter().any(|t| t["subject"] == "After the restart").then_some(())
    })
    .await;
    assert_eq!(demo.tickets().len(), count + 1);
    assert_eq!(
        demo.run(&["inbox", "list", "--json", "--limit", "500"]).json()["items"].as_array().unwrap().len(),
        rows + 1
    );
    let shown = demo.run(&["mailbox", "show", "support@contoso.example", "--json"]).json();
    assert_eq!(shown["state"], "ok", "{shown}");
    assert_eq!(shown["grant"]["state"], "fulfilled");
    demo.run(&["check"]);
}

/// A customer answers the newest letter of this subject in the practice mailbox.
pub async fn answer(demo: &Demo, address: &str, subject: &str, text: &str) {
    let mut customer = Visitor::new();
    let page = customer.get(format!("{}/{address}", demo.mailboxes)).await;
    let page = customer.get(page.link(subject)).await;
    let page = customer.submit(page.form("Send").set("text", text)).await;
    assert_eq!(page.status, 200, "{}", page.words());
}
