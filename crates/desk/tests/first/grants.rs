//! The life of a consent: asked once, proved, refreshed by one at a time, ended with its tokens.
mod device;
mod disputes;
mod giving;
mod refreshing;
mod taking_back;

use super::mailboxes::{NOW, SECOND, activate, by, get, health, kinds, mailbox, refused, remote};
use super::{clients, mailboxes};
use desk::mailboxes::client::EnteredClient;
use desk::mailboxes::grant::{
    self, Grant, NewTokens, NewTry, Owner, PENDING_MS, RefreshLease, Setback, State,
};
use desk::mailboxes::mailbox::{
    self, Authentication, Completeness, EnteredServer, OutgoingMailbox, Security, Shape, Side,
};
use desk::site::event::Subject;
use desk::testing::TestDesk;
use desk::{By, Refusal, params};
use secrecy::ExposeSecret as _;

const RESOURCE: &str = "https://outlook.office.com";
const NONCES: [[u8; 24]; 2] = [[5; 24], [6; 24]];

struct Scene {
    desk: TestDesk,
    client: i64,
    mailbox: i64,
}
fn scene() -> Scene {
    let desk = TestDesk::new();
    let client = clients::create(&desk);
    clients::change(&desk, client, &clients::entered()).unwrap();
    let mailbox = mailbox(&desk, "support@contoso.example");
    let mut entered = remote("outlook.office365.com", None);
    entered.server.authentication = Authentication::Microsoft;
    mailboxes::change(&desk, mailbox, &entered, Completeness::Draft).unwrap();
    desk.db.write(|tx| mailbox::set_client(tx, &by(), mailbox, Side::Incoming, client)).unwrap();
    Scene { desk, client, mailbox }
}
fn tokens(access: &str, refresh: Option<&str>) -> NewTokens {
    NewTokens {
        resource: RESOURCE.into(),
        access_token: access.to_owned().into(),
        access_expires_at: NOW + 3600 * SECOND,
        scopes: "IMAP".into(),
        refresh_token: refresh.map(|r| r.to_owned().into()),
        refresh_due_at: NOW + 1800 * SECOND,
    }
}
impl Scene {
    fn begin(&self, state: &str) -> i64 {
        let new = NewTry {
            client_id: self.client,
            mailbox_id: self.mailbox,
            side: Side::Incoming,
            session_id: 5,
            way: grant::Way::Callback,
            state: state.into(),
            verifier: "the verifier".to_owned().into(),
            nonce: "n".into(),
        };
        self.desk.db.write(|tx| grant::begin(tx, &self.desk.vault, &by(), &new, [1; 24])).unwrap()
    }
    fn take(&self, client: i64, state: &str, session: i64, at: i64) -> Option<i64> {
        let vault = &self.desk.vault;
        let taken =
            self.desk.db.write(|tx| grant::take_pending(tx, vault, client, state, session, at)).unwrap();
        taken.map(|pending| {
            assert_eq!((pending.verifier.expose_secret(), pending.nonce.as_str()), ("the verifier", "n"));
            assert_eq!((pending.mailbox_id, pending.side), (self.mailbox, Side::Incoming));
            pending.grant_id
        })
    }
    fn store(&self, id: i64, tokens: &NewTokens) -> desk::Result<()> {
        let owner = Owner { subject: "oid@tid".into(), address: Some("support@contoso.example".into()) };
        self.desk.db.write(|tx| grant::store_tokens(tx, &self.desk.vault, &by(), id, &owner, tokens, NONCES))
    }
    /// Begun, taken, tokens stored.
    fn authorized(&self, state: &str, access: &str) -> i64 {
        let id = self.begin(state);
        assert_eq!(self.take(self.client, state, 5, NOW), Some(id));
        self.store(id, &tokens(access, Some("refresh 1"))).unwrap();
        id
    }
    fn fulfil(&self, id: i64) {
        self.desk.db.write(|tx| grant::fulfil(tx, &by(), id)).unwrap();
    }
    fn in_use(&self) -> i64 {
        let id = self.authorized("state", "access 1");
        self.fulfil(id);
        id
    }
    /// The mailbox is fetched.
    fn fetches(&self, active: bool) {
        let id = self.mailbox;
        let update = |tx: &mut desk::db::Tx<'_>| {
            Ok::<_, desk::Error>(
                tx.execute("UPDATE mailbox SET active = $2 WHERE id = $1", params![id, active])?,
            )
        };
        self.desk.db.write(update).unwrap();
    }
    fn due(&self, at: i64) -> Vec<i64> {
        self.desk.db.read(|tx| grant::refresh_due(tx, at, 9)).unwrap()
    }
    fn grant(&self, id: i64) -> Grant {
        self.desk.db.read(|tx| grant::find(tx, id)).unwrap().unwrap()
    }
    fn access(&self, id: i64) -> Option<String> {
        let vault = &self.desk.vault;
        let token = self.desk.db.read(|tx| grant::access_token_for_system(tx, vault, id, RESOURCE)).unwrap();
        token.map(|(token, _)| token.expose_secret().to_owned())
    }
    fn claim(&self, id: i64, at: i64) -> Option<RefreshLease> {
        let vault = &self.desk.vault;
        self.desk.db.write(|tx| grant::claim_refresh(tx, vault, id, at, 60 * SECOND, "node")).unwrap()
    }
    fn refreshed(&self, lease: &RefreshLease, tokens: &NewTokens, at: i64) -> bool {
        let vault = &self.desk.vault;
        self.desk.db.write(|tx| grant::store_refreshed(tx, vault, lease, tokens, at, NONCES)).unwrap()
    }
    fn failed(&self, lease: &RefreshLease, setback: Setback, next_at: i64) -> bool {
        self.desk
            .db
            .write(|tx| {
                grant::refresh_failed(
                    tx,
                    lease,
                    setback,
                    "invalid_grant",
                    "Gone.",
                    "Authorize.",
                    next_at,
                    NOW,
                )
            })
            .unwrap()
    }
    fn has_no_tokens(&self, id: i64) {
        let (left,): (i64,) = self
            .desk
            .db
            .read(|tx| {
                tx.one(
                    "SELECT (SELECT count(*) FROM access_token WHERE consent_id = $1)
                          + (SELECT count(*) FROM consent WHERE id = $1 AND (refresh_token IS NOT NULL OR verifier IS NOT NULL))",
                    params![id],
                )
            })
            .unwrap();
        assert_eq!(left, 0, "tokens are destroyed");
    }
}

#[test]
fn a_callback_needs_the_right_state_client_and_session_in_time_and_once() {
    let s = scene();
    let id = s.begin("state");
    assert_eq!(s.take(s.client, "other", 5, NOW), None);
    assert_eq!(s.take(s.client + 1, "state", 5, NOW), None);
    assert_eq!(s.take(s.client, "state", 6, NOW), None);
    assert_eq!(s.take(s.client, "state", 5, NOW + PENDING_MS), None);
    assert_eq!(s.take(s.client, "state", 5, NOW + PENDING_MS - 1), Some(id));
    assert_eq!(s.take(s.client, "state", 5, NOW), None, "replayed");
    s.has_no_tokens(id);
}

#[test]
fn of_two_callbacks_at_once_one_gets_the_verifier() {
    let s = scene();
    s.begin("state");
    let taken = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| s.take(s.client, "state", 5, NOW))).collect();
        threads.into_iter().filter_map(|t| t.join().unwrap()).count()
    });
    assert_eq!(taken, 1);
}

#[test]
fn a_try_that_failed_keeps_its_reason_and_takes_no_tokens() {
    let s = scene();
    let id = s.begin("state");
    s.take(s.client, "state", 5, NOW);
    s.desk.db.write(|tx| grant::fail(tx, &by(), id, "access_denied", "Declined.", "Try again.")).unwrap();
    let failed = s.grant(id);
    assert_eq!(
        (failed.state, failed.reason_code.as_str(), failed.remedy.as_str()),
        (State::Failed, "access_denied", "Try again.")
    );
    assert!(matches!(refused(s.store(id, &tokens("a", Some("r")))), Refusal::Other(_)));
    assert!(s.desk.db.read(|tx| grant::latest(tx, s.mailbox, Side::Incoming)).unwrap().is_none());
}

#[test]
fn a_try_that_nobody_came_back_from_is_ended_by_the_next() {
    let s = scene();
    let id = s.begin("state");
    let new = NewTry {
        client_id: s.client,
        mailbox_id: s.mailbox,
        side: Side::Incoming,
        session_id: 5,
        way: grant::Way::Callback,
        state: "second".into(),
        verifier: "v".to_owned().into(),
        nonce: "n".into(),
    };
    let later = By::system(NOW + PENDING_MS);
    s.desk.db.write(|tx| grant::begin(tx, &s.desk.vault, &later, &new, [1; 24])).unwrap();
    assert_eq!((s.grant(id).state, s.grant(id).reason_code.as_str()), (State::Failed, "expired"));
}

#[test]
fn a_new_grant_is_unproved_and_replaces_the_old_one_only_when_it_is_proved() {
    let s = scene();
    let old = s.in_use();
    assert_eq!(get(&s.desk, s.mailbox).grant_id(Side::Incoming), Some(old));
    let new = s.authorized("second", "access 2");
    assert_eq!(s.grant(new).state, State::Unproved);
    let latest = s.desk.db.read(|tx| grant::latest(tx, s.mailbox, Side::Incoming)).unwrap().unwrap();
    assert_eq!(
        (latest.id, latest.expires_at, latest.has_refresh_token),
        (new, Some(NOW + 3600 * SECOND), true)
    );
    s.desk.db.write(|tx| grant::not_proved(tx, &by(), new, "no_mailbox", "No.", "Prove again.")).unwrap();
    assert_eq!(get(&s.desk, s.mailbox).grant_id(Side::Incoming), Some(old), "the old one stays in use");
    assert_eq!((s.grant(old).state, s.grant(new).reason.as_str()), (State::Fulfilled, "No."));
    assert_eq!(s.access(old).as_deref(), Some("access 1"));
    s.fulfil(new);
    assert_eq!(get(&s.desk, s.mailbox).grant_id(Side::Incoming), Some(new));
    assert_eq!(
        (s.grant(old).state, s.grant(new).state, s.grant(new).reason.as_str()),
        (State::Revoked, State::Fulfilled, "")
    );
    s.has_no_tokens(old);
    assert_eq!(s.access(new).as_deref(), Some("access 2"));
    let story = [
        "authorization_begun",
        "authorized",
        "proved",
        "authorization_begun",
        "authorized",
        "not_proved",
        "replaced",
        "proved",
    ];
    let told = kinds(&s.desk, Subject::Mailbox(s.mailbox));
    assert_eq!(told[told.len() - story.len()..], story);
}

#[test]
fn a_deleted_token_is_gone_and_the_mailbox_says_so_at_once() {
    let s = scene();
    let id = s.in_use();
    s.fetches(true);
    s.desk.db.write(|tx| grant::delete_tokens(tx, &by(), id)).unwrap();
    s.desk.db.write(|tx| grant::delete_tokens(tx, &by(), id)).unwrap();
    assert_eq!(s.grant(id).state, State::Revoked);
    s.has_no_tokens(id);
    let mailbox = get(&s.desk, s.mailbox);
    assert_eq!((mailbox.grant_id(Side::Incoming), mailbox.due_at), (None, NOW));
    let (state, _, code) = health(&s.desk, s.mailbox, Side::Incoming);
    assert_eq!((state, code.as_str()), (mailbox::State::NeedsPerson, grant::NOT_AUTHORIZED.0));
    assert!(s.claim(id, NOW).is_none());
    let again = s.desk.db.write(|tx| grant::fulfil(tx, &by(), id));
    assert!(refused(again).to_string().contains("Authorize again"));
    assert_eq!(
        kinds(&s.desk, Subject::Mailbox(s.mailbox)).iter().filter(|k| *k == "token_deleted").count(),
        1
    );
}

#[test]
fn another_token_endpoint_ends_tries_and_tokens() {
    let s = scene();
    let (id, pending) = (s.in_use(), s.begin("open"));
    let elsewhere = EnteredClient {
        authorization_endpoint: "https://login.example/t/oauth2/v2.0/authorize".into(),
        token_endpoint: "https://login.example/t/oauth2/v2.0/token".into(),
        tenant: String::new(),
        ..clients::entered()
    };
    clients::change(&s.desk, s.client, &elsewhere).unwrap();
    assert_eq!((s.grant(id).state, s.grant(pending).state), (State::Revoked, State::Failed));
    assert_eq!(s.grant(pending).reason_code, "settings_changed");
    assert_eq!(s.take(s.client, "open", 5, NOW), None);
    s.has_no_tokens(id);
}

#[test]
fn a_try_whose_settings_change_while_the_code_is_exchanged_takes_no_tokens() {
    let s = scene();
    let id = s.begin("open");
    assert_eq!(s.take(s.client, "open", 5, NOW), Some(id));
    activate(&s.desk, s.mailbox); // another host
    assert!(refused(s.store(id, &tokens("a", Some("r")))).to_string().contains("Authorize it again"));
    s.has_no_tokens(id);
}

#[test]
fn tokens_of_one_host_are_not_sent_to_another() {
    let s = scene();
    let id = s.in_use();
    let same = OutgoingMailbox {
        submission: desk::mailboxes::mailbox::Submission::Smtp,
        server: EnteredServer {
            security: Security::StartTls,
            ..mailboxes::server("", Authentication::Same, None)
        },
        active: true,
        header_spoofing: false,
    };
    let complete = Completeness::Complete;
    s.desk
        .db
        .write(|tx| {
            mailbox::change_outgoing(
                tx,
                &s.desk.vault,
                &s.desk.providers,
                &by(),
                s.mailbox,
                &same,
                complete,
                [7; 24],
            )
        })
        .unwrap();
    assert_eq!(get(&s.desk, s.mailbox).grant_id(Side::Outgoing), Some(id));
    let mut moved = remote("imap.evil.example", None);
    moved.server.authentication = Authentication::Microsoft;
    mailboxes::change(&s.desk, s.mailbox, &moved, Completeness::Draft).unwrap();
    assert_eq!(s.grant(id).state, State::Revoked);
    let mailbox = get(&s.desk, s.mailbox);
    assert_eq!((mailbox.grant_id(Side::Incoming), mailbox.grant_id(Side::Outgoing)), (None, None));
    s.has_no_tokens(id);
}

#[test]
fn a_removed_mailbox_keeps_no_token() {
    let s = scene();
    let (id, pending) = (s.in_use(), s.begin("open"));
    s.desk.db.write(|tx| mailbox::remove(tx, &by(), s.mailbox)).unwrap();
    assert_eq!((s.grant(id).state, s.grant(pending).state), (State::Revoked, State::Failed));
    s.has_no_tokens(id);
    s.has_no_tokens(pending);
}

#[test]
fn a_proof_ends_the_red_strip_until_a_round_says_otherwise() {
    let s = scene();
    let claim = s.desk.db.write(|tx| mailbox::claim(tx, s.mailbox, NOW, SECOND, "a")).unwrap().unwrap();
    let red = mailbox::Round::NeedsPerson {
        code: "no_grant".into(),
        reason: "r".into(),
        remedy: "m".into(),
        next_at: NOW + 99 * SECOND,
    };
    s.desk.db.write(|tx| mailbox::settle(tx, &claim, &red, NOW)).unwrap();
    assert_eq!(health(&s.desk, s.mailbox, Side::Incoming).0, mailbox::State::NeedsPerson);
    s.in_use();
    assert_eq!(health(&s.desk, s.mailbox, Side::Incoming).0, mailbox::State::New);
    assert_eq!(get(&s.desk, s.mailbox).due_at, NOW, "it is fetched at once");
}

#[test]
fn live_tokens_are_in_no_page_of_the_database_in_clear() {
    let s = scene();
    s.in_use();
    s.begin("the state");
    if !super::db::is_lite(&s.desk.db) {
        return; // PostgreSQL's files are not ours to read
    }
    let mut bytes = Vec::new();
    for name in ["postern.db", "postern.db-wal"] {
        bytes.extend(std::fs::read(s.desk.place().folder().join(name)).unwrap());
    }
    assert!(bytes.windows(7).any(|w| w == b"contoso"), "the test reads the right files");
    for secret in ["access 1", "refresh 1", "the verifier", "the state", "8Q~the.value"] {
        assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret}");
    }
}
