//! A desk with one mailbox, and the courier that serves it.
use courier::{Clock, Courier, Parts, Process, Random};
use desk::db::Tx;
use desk::intake::inbox::{self, Inbox};
use desk::mailboxes::client::{self, EnteredClient, Scheme};
use desk::mailboxes::mailbox::{
    self, Authentication, Completeness, EnteredServer, Fetched, Mailbox, OutgoingMailbox, Protocol,
    RemoteMailbox, Security, Side, StartFrom,
};
use desk::people::viewer::Viewer;
use desk::testing::TestDesk;
use desk::{Actor, By, Desk};
use mail::provider::Book;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use url::Url;

/// 2026-11-24 12:00:00 UTC.
pub const NOON: i64 = 1_795_521_600_000;
pub const ADDRESS: &str = "support@contoso.example";
pub const PASSWORD: &str = "correct horse";
const SITE: &str = "http://localhost:8080/";

pub struct Stage {
    pub courier: Courier,
    pub clock: Clock,
    pub mailbox_id: i64,
    desk: TestDesk,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::asking(None)
    }

    /// With a name server of its own.
    pub fn asking(dns: Option<SocketAddr>) -> Stage {
        let dns_servers = dns.into_iter().collect();
        Stage::with(wire::net::Policy { practice: true, dns_servers, ..wire::net::Policy::default() })
    }

    /// Of servers whose certificates this authority signs.
    pub fn trusting(ca_pem: Vec<u8>) -> Stage {
        Stage::trusting_at(ca_pem, SITE)
    }

    /// The same with the pages at another address.
    pub fn trusting_at(ca_pem: Vec<u8>, site: &str) -> Stage {
        let extra_ca_pem = Some(ca_pem);
        Stage::at(site, wire::net::Policy { practice: true, extra_ca_pem, ..wire::net::Policy::default() })
    }

    fn with(policy: wire::net::Policy) -> Stage {
        Stage::at(SITE, policy)
    }

    fn at(site: &str, policy: wire::net::Policy) -> Stage {
        let desk = TestDesk::new();
        let clock = Clock::by_hand(NOON);
        let courier = courier_at(site, (*desk).clone(), &clock, Process::named("test:one"), policy);
        let mailbox_id =
            apart(|| desk.db.write(|tx| mailbox::create(tx, &by(NOON), ADDRESS, "Support", 1)).unwrap());
        Stage { courier, clock, mailbox_id, desk }
    }

    /// Where the desk has its store.
    pub fn folder(&self) -> &Path {
        self.desk.place().folder()
    }

    /// For what looks at it meanwhile.
    pub fn database(&self) -> desk::db::Db {
        self.desk.db.clone()
    }

    /// A second process on the same desk.
    pub fn another(&self, process: Process) -> Courier {
        courier(&self.desk, &self.clock, process)
    }

    /// The same desk after a restart with other presets.
    pub fn restarted_with(&self, providers: Book) -> Courier {
        let mut desk = (*self.desk).clone();
        desk.providers = providers.into();
        let policy = wire::net::Policy { practice: true, ..wire::net::Policy::default() };
        courier_of(desk, &self.clock, Process::named("test:restarted"), policy)
    }

    pub fn by(&self) -> By {
        by(self.clock.now())
    }

    pub fn read<T: Send>(&self, f: impl Fn(&mut Tx<'_>) -> desk::Result<T> + Send) -> T {
        apart(|| self.desk.db.read(f).unwrap())
    }

    pub fn write<T: Send>(&self, f: impl Fn(&mut Tx<'_>) -> desk::Result<T> + Send) -> T {
        apart(|| self.desk.db.write(f).unwrap())
    }

    pub fn mailbox(&self) -> Mailbox {
        self.read(|tx| mailbox::find(tx, self.mailbox_id)).unwrap()
    }

    pub fn inbox(&self) -> Vec<Inbox> {
        self.read(|tx| inbox::list(tx, None, None, 1000))
    }

    /// Fetched by IMAP with a password.
    pub fn fetched_from(&self, server: SocketAddr, start_from: StartFrom, fetched: Fetched) {
        self.fetched_from_as(server, "", start_from, fetched);
    }

    /// The same, signed in under this name.
    pub fn fetched_from_as(&self, server: SocketAddr, user: &str, start_from: StartFrom, fetched: Fetched) {
        self.fetched_by(Protocol::Imap, server, user, start_from, fetched);
    }

    /// A further mailbox, fetched by IMAP with a password.
    pub fn also_fetched_from(&self, address: &str, server: SocketAddr) -> i64 {
        let remote = remote(server, Authentication::Password, StartFrom::Now, Fetched::Nothing, true);
        let (vault, by) = (&self.desk.vault, self.by());
        self.write(|tx| {
            let id = mailbox::create(tx, &by, address, "Support", 1)?;
            mailbox::change_remote(tx, vault, &by, id, &remote, Completeness::Complete, [1; 24])?;
            Ok(id)
        })
    }

    /// Fetched by POP3 with a password.
    pub fn fetched_by_pop3(&self, server: SocketAddr, start_from: StartFrom, fetched: Fetched) {
        self.fetched_by_pop3_as(server, "", start_from, fetched);
    }

    /// The same, signed in under this name.
    pub fn fetched_by_pop3_as(
        &self,
        server: SocketAddr,
        user: &str,
        start_from: StartFrom,
        fetched: Fetched,
    ) {
        self.fetched_by(Protocol::Pop3, server, user, start_from, fetched);
    }

    fn fetched_by(
        &self,
        protocol: Protocol,
        server: SocketAddr,
        user: &str,
        start_from: StartFrom,
        fetched: Fetched,
    ) {
        let mut remote = remote(server, Authentication::Password, start_from, fetched, true);
        remote.protocol = protocol;
        remote.server.user = user.to_owned();
        let vault = &self.desk.vault;
        self.write(|tx| {
            let by = self.by();
            mailbox::change_remote(tx, vault, &by, self.mailbox_id, &remote, Completeness::Complete, [1; 24])
        });
    }

    /// Sent by SMTP with a password.
    pub fn sent_through(&self, server: SocketAddr) {
        self.sent_by(server, Authentication::Password);
    }

    /// Through a relay, at which nobody signs in.
    pub fn sent_through_a_relay(&self, server: SocketAddr) {
        self.sent_by(server, Authentication::None);
    }

    /// With the grant of the incoming side.
    pub fn sent_with_the_grant(&self, server: SocketAddr) {
        self.sent_by(server, Authentication::Same);
    }

    fn sent_by(&self, server: SocketAddr, authentication: Authentication) {
        let outgoing = OutgoingMailbox {
            submission: mailbox::Submission::Smtp,
            server: entered(server, authentication),
            active: true,
            header_spoofing: false,
        };
        let vault = &self.desk.vault;
        self.write(|tx| {
            let by = self.by();
            mailbox::change_outgoing(
                tx,
                vault,
                &self.desk.providers,
                &by,
                self.mailbox_id,
                &outgoing,
                Completeness::Complete,
                [2; 24],
            )
        });
    }

    /// Signs in with Modern Authentication: a registration, and the incoming side bound to it. Its public id.
    pub fn authorized_at(&self, provider: SocketAddr, imap: SocketAddr) -> String {
        let scopes = "openid profile email offline_access https://outlook.office.com/IMAP.AccessAsUser.All";
        self.registered_at(provider, imap, "microsoft", scopes)
    }

    /// The same at any provider of the book.
    pub fn registered_at(
        &self,
        address: SocketAddr,
        imap: SocketAddr,
        provider: &str,
        scopes: &str,
    ) -> String {
        let authentication = match mail::provider::Family::of(provider) {
            mail::provider::Family::Microsoft => Authentication::Microsoft,
            mail::provider::Family::Google => Authentication::Google,
            mail::provider::Family::Other => Authentication::Other,
        };
        let remote = remote(imap, authentication, StartFrom::Everything, Fetched::Nothing, false);
        let entered = EnteredClient {
            name: "Mail".into(),
            active: true,
            client_id: "the-client".into(),
            client_secret: Some("the secret".into()),
            authorization_endpoint: format!("http://{address}/authorize"),
            token_endpoint: format!("http://{address}/token"),
            scopes: scopes.into(),
            strict_matching: true,
            entered_for: Some(self.mailbox_id),
            ..EnteredClient::default()
        };
        let vault = &self.desk.vault;
        self.write(|tx| {
            let (by, id) = (self.by(), self.mailbox_id);
            mailbox::change_remote(tx, vault, &by, id, &remote, Completeness::Draft, [1; 24])?;
            let client_id = client::create(tx, &self.desk.providers, &by, provider, "unguessable")?;
            mailbox::set_client(tx, &by, id, Side::Incoming, client_id)?;
            client::change(
                tx,
                &client::Change {
                    vault,
                    providers: &self.desk.providers,
                    by: &by,
                    scheme: Scheme::Practice,
                    completeness: Completeness::Complete,
                    nonces: [[3; 24], [8; 24]],
                },
                client_id,
                &entered,
            )?;
            Ok("unguessable".to_owned())
        })
    }

    /// Another save of the authorization page.
    pub fn change_client(&self, public_id: &str, change: impl Fn(&mut EnteredClient) + Sync) {
        let vault = &self.desk.vault;
        self.write(|tx| {
            let old = client::find_by_public_id(tx, public_id)?.unwrap();
            let mut entered = EnteredClient {
                name: old.name,
                active: old.active,
                tenant: old.tenant,
                client_id: old.client_id,
                client_secret: None,
                flow: old.flow,
                authentication: old.authentication,
                secret_expires_at: old.secret_expires_at,
                entered_for: Some(self.mailbox_id),
                account_file: None,
                authorization_endpoint: old.authorization_endpoint,
                token_endpoint: old.token_endpoint,
                scopes: old.scopes,
                resource_details_endpoint: old.resource_details_endpoint,
                email_attribute: old.email_attribute,
                strict_matching: old.strict_matching,
                notes: old.notes,
            };
            change(&mut entered);
            client::change(
                tx,
                &client::Change {
                    vault,
                    providers: &self.desk.providers,
                    by: &self.by(),
                    scheme: Scheme::Practice,
                    completeness: Completeness::Complete,
                    nonces: [[4; 24], [8; 24]],
                },
                old.id,
                &entered,
            )
        });
    }

    /// Subjects of all tickets, in their own order.
    pub fn tickets(&self) -> Vec<String> {
        use desk::tickets::queue::{self, Wanted};
        let page = self.read(|tx| queue::list(tx, &Viewer::Operator, &Wanted::default(), None, 1000));
        let mut subjects: Vec<String> = page.lines.into_iter().map(|line| line.subject).collect();
        subjects.sort();
        subjects
    }

    /// An administrator who is signed in: the session's id, and who acts.
    pub fn administrator(&self, email: &str) -> (i64, By) {
        use desk::people::agent::{self, NewAgent, Role};
        self.write(|tx| {
            let new = NewAgent {
                email: email.into(),
                name: email.into(),
                role: Role::Administrator,
                password_hash: "none".into(),
            };
            let id = agent::create(tx, &self.by(), &new)?;
            let session_id = desk::people::session::begin(
                tx,
                id,
                email.as_bytes(),
                "form",
                "127.0.0.1",
                self.clock.now(),
            )?;
            Ok((session_id, By { actor: Actor::Agent { id, name: email.to_owned() }, at: self.clock.now() }))
        })
    }
}

/// The blocking client of PostgreSQL must not be used on a thread of a runtime.
pub fn apart<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(f).join().unwrap())
}

/// Waits for what other tasks do: looks after every commit, and gives up after ten seconds.
pub async fn until(courier: &Courier, mut done: impl FnMut() -> bool) {
    let mut topics = courier.subscribe();
    let waiting = async {
        while !done() {
            let _ = tokio::time::timeout(Duration::from_millis(50), topics.recv()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .expect("it came to nothing within ten seconds");
}

fn courier(desk: &TestDesk, clock: &Clock, process: Process) -> Courier {
    let policy = wire::net::Policy { practice: true, ..wire::net::Policy::default() };
    courier_with(desk, clock, process, policy)
}

fn courier_with(desk: &TestDesk, clock: &Clock, process: Process, policy: wire::net::Policy) -> Courier {
    courier_of((**desk).clone(), clock, process, policy)
}

fn courier_of(desk: Desk, clock: &Clock, process: Process, policy: wire::net::Policy) -> Courier {
    courier_at(SITE, desk, clock, process, policy)
}

fn courier_at(site: &str, desk: Desk, clock: &Clock, process: Process, policy: wire::net::Policy) -> Courier {
    Courier::new(Parts {
        desk,
        net: wire::net::Net::new(policy).unwrap(),
        clock: clock.clone(),
        random: Random::seeded(7),
        site_url: Url::parse(site).unwrap(),
        practice: true,
        process,
    })
}

pub fn by(at: i64) -> By {
    By { actor: Actor::System, at }
}

fn entered(server: SocketAddr, authentication: Authentication) -> EnteredServer {
    EnteredServer {
        host: server.ip().to_string(),
        port: server.port(),
        security: Security::Plain,
        authentication,
        user: String::new(),
        password: (authentication == Authentication::Password).then(|| PASSWORD.into()),
    }
}

fn remote(
    server: SocketAddr,
    authentication: Authentication,
    start_from: StartFrom,
    fetched: Fetched,
    active: bool,
) -> RemoteMailbox {
    RemoteMailbox {
        protocol: Protocol::Imap,
        server: entered(server, authentication),
        folders: Vec::new(),
        active,
        frequency_s: 60,
        batch: 3,
        fetched,
        start_from,
        notified: false,
    }
}

/// Works at it until it has waited so often, then drops it where it is.
pub async fn dropped_after(polls: usize, work: impl Future) {
    let (mut work, mut left) = (pin!(work), polls);
    std::future::poll_fn(|context| {
        left -= 1;
        if left == 0 || work.as_mut().poll(context).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Subjects of letters, by their numbers.
pub fn names(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|number| format!("letter {number:03}")).collect()
}

/// A letter that is its own and no other's.
pub fn letter(subject: &str) -> Vec<u8> {
    format!(
        "From: Ann <ann@customer.example>\r\nTo: {ADDRESS}\r\nSubject: {subject}\r\n\
         Message-ID: <{}@customer.example>\r\nDate: Tue, 24 Nov 2026 11:00:00 +0000\r\n\r\n{subject}, she wrote.\r\n",
        subject.replace(' ', "-")
    )
    .into_bytes()
}
