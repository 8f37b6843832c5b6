//! A desk, its pages and the practice provider in one process, under one clock that is moved by hand.
pub use crate::at::At;
use crate::visitor::{Page, Visitor};
use courier::{Clock, Courier, Parts, Process, Random};
use desk::db::{Db, Options};
use desk::files::reserve::Reserve;
use desk::files::store::Store;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{self, Mailbox, Side, State};
use desk::people::agent::{self, NewAgent, Role};
use desk::site::vault::Vault;
use desk::{By, Desk, MIGRATIONS};
use practice::{Fault, Practice, Times};
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

/// 2026-11-24 12:00:00 UTC.
const NOON: i64 = 1_795_521_600_000;
pub const MINUTE: i64 = 60_000;
const MAYA: &str = "maya@contoso.example";
const PASSWORD: &str = "correct horse battery";

#[derive(Debug)]
pub struct World {
    pub at: At,
    pub practice: Practice,
    pub courier: Courier,
    pub visitor: Visitor,
    clock: Clock,
    hand: Arc<AtomicI64>,
    site: Url,
    mailbox_id: i64,
    stop: watch::Sender<bool>,
    rounds: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl World {
    /// With a registered mailbox that nobody has authorized yet.
    pub async fn new(at: At) -> World {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (time, hand) = practice::Clock::by_hand(NOON);
        let options = practice::Options { clock: time, ..practice::Options::loopback([5; 32]) };
        let practice = practice::start(options).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site: Url =
            format!("http://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(&folder, &practice);
        let clock = Clock::by_hand(NOON);
        let policy = wire::net::Policy {
            extra_ca_pem: Some(practice.ca_pem.clone().into_bytes()),
            practice: true,
            ..wire::net::Policy::default()
        };
        let courier = Courier::new(Parts {
            desk,
            net: wire::net::Net::new(policy).unwrap(),
            clock: clock.clone(),
            random: Random::seeded(7),
            site_url: site.clone(),
            practice: true,
            process: Process::named("test"),
        });
        let (stop, stopping) = watch::channel(false);
        let pages = web::Site {
            url: site.clone(),
            name: "Contoso".to_owned(),
            trusted_proxies: Vec::new(),
            mail_is_held: false,
        };
        let app = web::app(web::State::new(courier.clone(), pages, stopping));
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let mut world = World {
            at,
            practice,
            courier,
            visitor: Visitor::new(),
            clock,
            hand,
            site,
            mailbox_id: 1,
            stop,
            rounds: None,
            _folder: folder,
        };
        world.register().await;
        world
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site.as_str().trim_end_matches('/'))
    }

    pub async fn sign_in(&mut self) {
        self.visitor = Visitor::new();
        self.visitor.sign_in(&self.url(""), MAYA, PASSWORD).await.says("Admin Panel");
    }

    async fn register(&mut self) {
        self.sign_in().await;
        let page = self.visitor.get(self.url("/mailboxes/new")).await;
        let form = page.form("Add New Email").set("address", self.at.address()).set("name", "Support");
        self.visitor.submit(form).await;
        let page = self.visitor.get(self.url("/mailboxes/1/remote")).await;
        let mut form = page.form("Config").set("authentication", self.at.authentication());
        if self.at.is_graph() {
            form = form.set("protocol", "graph");
        }
        let page = self.visitor.submit(form).await;
        let html = scraper::Html::parse_document(&page.text);
        let callback = html.select(&scraper::Selector::parse("#callback").unwrap()).next().unwrap();
        let callback: String = callback.text().collect();
        let app = match self.at {
            _ if self.at.is_microsoft() => self.practice.register("Postern", callback.trim()),
            At::Google => self.practice.register_at_google("Postern", callback.trim()),
            At::ServiceAccount => return self.delegate(page).await,
            _ => self.practice.register_at_waldau("Postern", callback.trim()),
        };
        let mut form =
            page.form("Save only").set("client_id", &app.client_id).set("client_secret", &app.client_secret);
        if self.at.is_microsoft() {
            form = form.set("tenant", &app.tenant_id);
        }
        if self.at.is_graph() {
            self.practice.allow_graph(&app.client_id);
        }
        if self.at.is_alone() {
            self.let_in(&app);
            form = form.without("flow").with("flow", "app_only");
        }
        self.visitor.submit(form).await.says("Saved");
        if self.at == At::Certificate {
            self.certify(&app).await;
        }
    }

    /// What the administrators of the tenant and of Exchange do.
    fn let_in(&self, app: &practice::Registration) {
        self.practice.allow_app_only(&app.client_id);
        let (id, object) = (&app.client_id, self.practice.service_principal_id(&app.client_id));
        let mailbox = self.at.address();
        let script = format!(
            "New-ServicePrincipal -AppId {id} -ObjectId {object}\n\
             Add-MailboxPermission -Identity {mailbox} -User {object} -AccessRights FullAccess"
        );
        self.practice.powershell(&script).unwrap();
    }

    /// What the administrator of the domain does, and the key file that comes of it.
    async fn delegate(&mut self, page: Page) {
        let file = self.practice.service_account_file("postern").unwrap();
        let form = page.form("Save only").set("account_secret", &file);
        self.visitor.submit(form.without("flow").with("flow", "service_account")).await.says("Saved");
    }

    /// A certificate is made, uploaded, and shown from now on.
    async fn certify(&mut self, app: &practice::Registration) {
        let page = self.visitor.get(self.url("/mailboxes/1/remote/authorization")).await;
        let form = page.form("Make a certificate").without("client_authentication");
        self.visitor.submit(form.with("client_authentication", "certificate")).await;
        let made = self.courier.read(|tx| desk::mailboxes::client::certificate::list(tx, 1)).await.unwrap();
        assert_eq!(made.len(), 1, "one certificate is made");
        self.practice.upload_certificate(&app.client_id, &made[0].der).unwrap();
    }

    /// *Submit*, the provider's pages, and what Postern says then; or the page at which it ended.
    pub async fn authorize(&mut self) -> Page {
        self.authorize_as(self.at.address()).await
    }

    pub async fn authorize_as(&mut self, address: &str) -> Page {
        let page = self.visitor.get(self.url("/mailboxes/1/remote/authorization")).await;
        let page = self.visitor.submit_and_leave(page.form("Submit")).await;
        self.at_the_provider(page, address).await
    }

    async fn at_the_provider(&mut self, mut page: Page, address: &str) -> Page {
        if self.is_ours(&page) || !page.text.contains("<form") {
            return page;
        }
        if self.at.is_microsoft() {
            if !page.text.contains("name=\"password\"") {
                page = self.visitor.submit(page.form("Next").set("account", address)).await;
            }
            page = self.visitor.submit(page.form("Sign in").set("password", "practice")).await;
            if page.text.contains("value=\"accept\"") {
                page = self.visitor.submit(page.form("Accept")).await;
            }
            return page;
        }
        let form = page.form("Next").set("account", address).set("password", "practice");
        page = self.visitor.submit(form).await;
        if !self.is_ours(&page) && page.text.contains("Continue") {
            let mut form = page.form("Continue");
            if page.text.contains("type=\"checkbox\"") {
                form = form.with("scope", "https://mail.google.com/");
            }
            page = self.visitor.submit(form).await;
        }
        page
    }

    pub fn is_ours(&self, page: &Page) -> bool {
        page.url.as_str().starts_with(self.site.as_str())
    }

    /// *Get a code*: the page with the code, or the one that says why there is none.
    pub async fn ask_for_code(&mut self) -> Page {
        let page = self.visitor.get(self.url("/mailboxes/1/remote/authorization")).await;
        self.visitor.submit(page.form("Get a code")).await
    }

    /// Whether a code can be asked for at all.
    pub async fn has_no_code_unless(&mut self, is_offered: bool) {
        let page = self.visitor.get(self.url("/mailboxes/1/remote/authorization")).await;
        assert_eq!(page.words().contains("Get a code"), is_offered, "{:?}", self.at);
    }

    /// Somebody enters the code that this page shows, and signs in.
    pub async fn enter(&mut self, page: &Page) {
        let html = scraper::Html::parse_document(&page.text);
        let code = html.select(&scraper::Selector::parse("#user-code").unwrap()).next();
        let code: String = code.unwrap_or_else(|| panic!("no code on {}", page.words())).text().collect();
        let entered = self.visitor.get(page.link("/devicelogin")).await;
        let entered = self.visitor.submit(entered.form("Next").set("otc", code.trim())).await;
        self.at_the_provider(entered, self.at.address()).await;
    }

    /// Changes fields of the registration.
    pub async fn change(&mut self, fields: &[(&str, &str)]) {
        let page = self.visitor.get(self.url("/mailboxes/1/remote/authorization")).await;
        let mut form = page.form("Save only");
        for (name, value) in fields {
            form = form.set(name, value);
        }
        self.visitor.submit(form).await.says("Saved");
    }

    /// Changes a field of the tab *Remote Mailbox*.
    pub async fn remote(&mut self, name: &str, value: &str) {
        let page = self.visitor.get(self.url("/mailboxes/1/remote")).await;
        self.visitor.submit(page.form("Save Changes").set(name, value)).await.says("Saved");
    }

    /// Fetching is switched on.
    pub async fn enable(&mut self) {
        self.fetches(&[]).await;
    }

    /// The same, with these fields.
    pub async fn fetches(&mut self, fields: &[(&str, &str)]) {
        let page = self.visitor.get(self.url("/mailboxes/1/remote")).await;
        let form = page.form("Save Changes").without("status").with("status", "enabled");
        let form = fields.iter().fold(form, |form, (name, value)| form.set(name, value));
        self.visitor.submit(form).await.says("Saved");
    }

    /// Answers leave by Graph, too.
    pub async fn answers_by_graph(&mut self) {
        let page = self.visitor.get(self.url("/mailboxes/1/outgoing")).await;
        let form = page.form("Save Changes").set("authentication", "same").set("protocol", "graph");
        self.visitor.submit(form.without("status").with("status", "enabled")).await.says("Saved");
    }

    /// *Delete Token*, and what the page says then.
    pub async fn delete_token(&mut self) -> Page {
        let page = self.visitor.get(self.url("/mailboxes/1/remote/authorization?tab=token")).await;
        self.visitor.submit(page.form("Delete Token")).await
    }

    /// The refresh token in use.
    pub async fn refresh_token(&self) -> SecretString {
        let (vault, id) = (self.courier.desk().vault.clone(), self.mailbox_id);
        let found = self.courier.read(move |tx| {
            let in_use = mailbox::get(tx, id)?.grant_id(Side::Incoming).unwrap();
            grant::refresh_token_for_system(tx, &vault, in_use)
        });
        found.await.unwrap().unwrap()
    }

    /// Whether Google still takes this token: it is taken back by asking.
    pub async fn ends_now(&self, token: &SecretString) -> bool {
        let url = format!("{}/google/revoke", self.practice.http_url);
        let form = format!("token={}", token.expose_secret().replace('/', "%2F").replace('+', "%2B"));
        let asked = crate::visitor::client()
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        asked.send().await.unwrap().status().is_success()
    }

    /// Who signs in at the mailbox's server.
    pub async fn opened_by(&mut self, user: &str) {
        let page = self.visitor.get(self.url("/mailboxes/1/remote")).await;
        self.visitor.submit(page.form("Save Changes").set("user", user)).await.says("Saved");
        let page = self.visitor.get(self.url("/mailboxes/1/remote/authorization")).await;
        self.visitor.submit(page.form("Save only").without("strict_matching")).await.says("Saved");
    }

    /// What the mailbox's page says.
    pub async fn page(&mut self) -> Page {
        let page = self.visitor.get(self.url("/mailboxes/1/remote")).await;
        if page.text.contains("name=\"password\"") && page.words().contains("Sign in") {
            self.sign_in().await; // the session has ended with the hours
            return self.visitor.get(self.url("/mailboxes/1/remote")).await;
        }
        page
    }

    pub fn arm(&self, fault: &str) -> Fault {
        let fault = Fault::named(fault).unwrap_or_else(|| panic!("no fault {fault}"));
        self.practice.faults.arm(fault, Times::UntilCleared);
        fault
    }

    pub async fn mailbox(&self) -> Mailbox {
        let id = self.mailbox_id;
        self.courier.read(move |tx| mailbox::find(tx, id)).await.unwrap().unwrap()
    }

    pub async fn is_well(&self) -> bool {
        self.mailbox().await.incoming_health.state == State::Ok
    }

    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Letters in the inbox of the desk.
    pub async fn stored(&self) -> usize {
        let count = self.courier.read(|tx| Ok(tx.one("SELECT count(*) FROM inbox", desk::params![])?));
        let (count,): (i64,) = count.await.unwrap();
        usize::try_from(count).unwrap()
    }

    /// The number of the ticket with this subject.
    pub async fn ticket_of(&self, subject: &'static str) -> Option<String> {
        let found = self.courier.read(move |tx| {
            let sql = "SELECT number FROM ticket WHERE subject = $1";
            Ok(tx.maybe::<(String,)>(sql, desk::params![subject])?)
        });
        found.await.unwrap().map(|(number,)| number)
    }

    /// Both clocks move, and the rounds look at once instead of when their own second is over.
    pub async fn later(&self, by_ms: i64) {
        self.clock.advance(by_ms);
        self.hand.fetch_add(by_ms, Ordering::SeqCst);
        self.look().await;
    }

    async fn look(&self) {
        let waking = self.courier.write(|tx| {
            ["grant", "mailbox", "outbox"].into_iter().for_each(|topic| tx.wake(topic));
            Ok(())
        });
        waking.await.unwrap();
        if self.rounds.is_some() {
            // Or time would run away from what is due and what is in hand.
            courier::rounds::refresh_due(&self.courier).await.unwrap();
            self.settles().await;
        }
    }

    pub fn start_rounds(&mut self) {
        self.rounds = Some(courier::rounds::start(self.courier.clone(), self.stop.subscribe()));
    }

    /// So many minutes, one after the other.
    pub async fn minutes(&self, count: i64) {
        for _ in 0..count {
            self.later(MINUTE).await;
        }
    }

    /// What is in hand is let end, and what the rounds are to take in hand now: a request that is not answered is given up
    /// after half a minute, one of Graph after a minute, and a letter that is handed over to it after three.
    pub async fn settles(&self) {
        let due_at = if self.rounds.is_some() { self.clock.now() } else { -1 };
        for _ in 0..45_000 {
            let id = self.mailbox_id;
            let busy = self.courier.read(move |tx| {
                let sql = "SELECT (SELECT count(*) FROM consent WHERE leased_by <> '' AND mailbox_id = $1)
                             + (SELECT count(*) FROM mailbox WHERE id = $1
                                AND (leased_by <> '' OR (active = 1 AND removed_at IS NULL AND due_at <= $2)))
                             + (SELECT count(*) FROM consent WHERE mailbox_id = $1 AND way = 'device' AND reason = ''
                                AND state IN ('pending', 'unproved') AND $2 >= 0
                                AND (device_code IS NULL OR poll_at <= $2))
                             + (SELECT count(*) FROM inbox WHERE state = 'new' AND due_at <= $2)
                             + (SELECT count(*) FROM outbox WHERE mailbox_id = $1
                                AND (leased_by <> '' OR (state = 'queued' AND due_at <= $2)))";
                let (busy,): (i64,) = tx.one(sql, desk::params![id, due_at])?;
                Ok(busy)
            });
            if busy.await.unwrap() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
        panic!("something was in hand for six minutes");
    }

    pub async fn end(mut self) {
        let _ = self.stop.send(true);
        if let Some(rounds) = self.rounds.take() {
            let _ = tokio::time::timeout(Duration::from_secs(15), rounds).await;
        }
        self.practice.shutdown().await;
    }
}

fn desk(folder: &tempfile::TempDir, practice: &Practice) -> Desk {
    let url = format!("sqlite:{}", folder.path().join("postern.db").display());
    let db =
        Db::open(&url, &Options { durability: desk::db::Durability::Off, ..Options::default() }).unwrap();
    db.migrate(MIGRATIONS).unwrap();
    let password_hash = agent::hash_password(&PASSWORD.into(), [1; 16]).unwrap();
    let maya = NewAgent {
        email: MAYA.to_owned(),
        name: "Maya Kern".to_owned(),
        role: Role::Administrator,
        password_hash,
    };
    db.write(|tx| agent::create(tx, &By::system(NOON), &maya)).unwrap();
    let store = Store::open(&folder.path().join("blobs")).unwrap().keeping(Reserve::Bytes(0));
    let (imap, pop) = (practice.imap_addr.port(), practice.pop_addr.port());
    let providers = practice::providers(&practice.http_url, imap, pop, practice.smtp_addr.port());
    Desk { db, vault: Vault::from_key([7; 32]), store, providers: providers.into() }
}
