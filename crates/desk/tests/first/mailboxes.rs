//! The rules of *Remote Mailbox* and *Outgoing (SMTP)*, and that a kept secret goes nowhere else.
use desk::mailboxes::mailbox::{
    self, Account, Authentication, Completeness, EnteredServer, Fetched, Mailbox, OutgoingMailbox, Protocol,
    RemoteMailbox, Security, Side, StartFrom, State,
};
use desk::site::event::{self, Subject};
use desk::testing::TestDesk;
use desk::{By, Error, Refusal, Result, params};
use secrecy::ExposeSecret as _;

pub const NOW: i64 = 1_800_000_000_000;
pub const SECOND: i64 = 1000;
const NONCE: [u8; 24] = [3; 24];

pub fn by() -> By {
    By::system(NOW)
}
pub fn mailbox(desk: &TestDesk, address: &str) -> i64 {
    desk.db.write(|tx| mailbox::create(tx, &by(), address, "Support", 1)).unwrap()
}
pub fn get(desk: &TestDesk, id: i64) -> Mailbox {
    desk.db.read(|tx| mailbox::get(tx, id)).unwrap()
}
pub fn health(desk: &TestDesk, id: i64, side: Side) -> (State, i64, String) {
    let mailbox = get(desk, id);
    let health = match side {
        Side::Incoming => mailbox.incoming_health,
        Side::Outgoing => mailbox.outgoing_health,
    };
    (health.state, health.since, health.reason_code)
}
pub fn server(host: &str, authentication: Authentication, password: Option<&str>) -> EnteredServer {
    EnteredServer {
        host: host.into(),
        port: 993,
        security: Security::Tls,
        authentication,
        user: String::new(),
        password: password.map(|p| p.to_owned().into()),
    }
}
pub fn remote(host: &str, password: Option<&str>) -> RemoteMailbox {
    RemoteMailbox {
        protocol: Protocol::Imap,
        server: server(host, Authentication::Password, password),
        folders: Vec::new(),
        active: true,
        frequency_s: 60,
        batch: 50,
        fetched: Fetched::Nothing,
        start_from: StartFrom::Now,
        notified: false,
    }
}
pub fn change(desk: &TestDesk, id: i64, remote: &RemoteMailbox, completeness: Completeness) -> Result<()> {
    desk.db.write(|tx| mailbox::change_remote(tx, &desk.vault, &by(), id, remote, completeness, NONCE))
}
pub fn activate(desk: &TestDesk, id: i64) {
    change(desk, id, &remote("imap.example.org", Some("hunter2")), Completeness::Complete).unwrap();
}
pub fn pause(desk: &TestDesk, id: i64) {
    desk.db.write(|tx| mailbox::pause(tx, &by(), id)).unwrap();
}
fn outgoing(server: EnteredServer) -> OutgoingMailbox {
    OutgoingMailbox { submission: mailbox::Submission::Smtp, server, active: true, header_spoofing: false }
}
fn change_out(desk: &TestDesk, id: i64, outgoing: &OutgoingMailbox) -> Result<()> {
    let complete = Completeness::Complete;
    desk.db.write(|tx| {
        mailbox::change_outgoing(tx, &desk.vault, &desk.providers, &by(), id, outgoing, complete, NONCE)
    })
}
pub fn refused<T>(result: Result<T>) -> Refusal {
    match result.map(drop) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("it should have been refused: {other:?}"),
    }
}
fn password(desk: &TestDesk, id: i64, side: Side) -> Option<String> {
    let secret = desk.db.read(|tx| mailbox::password_for_system(tx, &desk.vault, id, side)).unwrap();
    secret.map(|s| s.expose_secret().to_owned())
}
pub fn kinds(desk: &TestDesk, subject: Subject) -> Vec<String> {
    desk.db.read(|tx| event::list(tx, subject, 99)).unwrap().into_iter().map(|e| e.kind).collect()
}

#[test]
fn an_address_is_one_mailbox_and_a_removed_one_goes_on_when_it_is_added_again() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "Support@Example.org");
    let again = desk.db.write(|tx| mailbox::create(tx, &by(), "support@example.org", "", 1));
    assert_eq!(refused(again), Refusal::AddressTaken("support@example.org".into()));
    let bad = desk.db.write(|tx| mailbox::create(tx, &by(), "support", "", 1));
    assert_eq!(refused(bad), Refusal::BadEmail("support".into()));
    activate(&desk, id);
    desk.db.write(|tx| mailbox::remove(tx, &by(), id)).unwrap();
    assert!(desk.db.read(|tx| mailbox::list(tx, None, 10)).unwrap().is_empty());
    assert_eq!(
        desk.db.read(mailbox::own_addresses).unwrap(),
        ["support@example.org"],
        "its own mail is still its own"
    );
    assert_eq!(password(&desk, id, Side::Incoming), None);
    let resumed = desk.db.write(|tx| mailbox::resume(tx, &by(), id));
    assert_eq!(refused(resumed), Refusal::NotFound("mailbox"));
    assert_eq!(mailbox(&desk, "support@example.org"), id);
    let back = get(&desk, id);
    assert_eq!((back.removed_at, back.active, back.activated_at), (None, false, None));
    assert_eq!(kinds(&desk, Subject::Mailbox(id)), ["created", "changed", "removed", "added_again"]);
}

#[test]
fn a_mailbox_with_unsent_mail_is_not_removed() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    desk.db
        .write(|tx| {
            tx.execute(
                "INSERT INTO outbox (mailbox_id, message_id, state, due_at, give_up_at, created_at)
                 VALUES ($1, 'a@b', 'queued', 0, 0, 0)",
                params![id],
            )
        })
        .unwrap();
    let removed = desk.db.write(|tx| mailbox::remove(tx, &by(), id));
    assert_eq!(refused(removed), Refusal::UnsentMail(1));
}

#[test]
fn saving_the_same_twice_changes_nothing_and_tells_nothing() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    for _ in 0..3 {
        activate(&desk, id);
    }
    change(&desk, id, &remote(" IMAP.example.org ", None), Completeness::Complete).unwrap();
    let account = get(&desk, id).account();
    desk.db.write(|tx| mailbox::change_account(tx, &by(), id, &account)).unwrap();
    assert_eq!(kinds(&desk, Subject::Mailbox(id)), ["created", "changed"]);
    assert_eq!(password(&desk, id, Side::Incoming).as_deref(), Some("hunter2"));
}

#[test]
fn no_event_and_no_column_in_clear_holds_a_password() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let told = desk.db.read(|tx| event::list(tx, Subject::Mailbox(id), 99)).unwrap();
    assert!(told.iter().any(|e| e.data.to_string().contains("password")));
    assert!(!told.iter().any(|e| e.data.to_string().contains("hunter2")));
    let (sealed,): (Vec<u8>,) =
        desk.db.read(|tx| tx.one("SELECT in_password FROM mailbox WHERE id = $1", params![id])).unwrap();
    assert!(!sealed.windows(7).any(|w| w == b"hunter2"));
}

#[test]
fn a_kept_password_is_asked_again_for_another_host() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let moved = change(&desk, id, &remote("imap.evil.example", None), Completeness::Complete);
    let again = Refusal::SecretAgain {
        field: "Password",
        from: "imap.example.org".into(),
        to: "imap.evil.example".into(),
    };
    assert_eq!(refused(moved), again);
    assert_eq!(get(&desk, id).incoming.host, "imap.example.org", "nothing was saved");
    // Nor by way of a draft, or of an empty host.
    assert_eq!(refused(change(&desk, id, &remote("imap.evil.example", None), Completeness::Draft)), again);
    change(&desk, id, &remote("", None), Completeness::Draft).unwrap();
    change(&desk, id, &remote("imap.evil.example", None), Completeness::Draft).unwrap();
    assert_eq!(password(&desk, id, Side::Incoming), None);
    change(&desk, id, &remote("imap.example.com", Some("other")), Completeness::Complete).unwrap();
    assert_eq!(password(&desk, id, Side::Incoming).as_deref(), Some("other"));
    assert!(kinds(&desk, Subject::Mailbox(id)).contains(&"host_changed".to_owned()));
}

#[test]
fn a_password_without_a_server_is_kept_for_none() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    for completeness in [Completeness::Draft, Completeness::Complete] {
        let off = RemoteMailbox { active: false, ..remote("", Some("hunter2")) };
        assert_eq!(refused(change(&desk, id, &off, completeness)), Refusal::Required("Hostname"));
    }
    // A browser fills in what is not even shown.
    let hidden =
        RemoteMailbox { server: server("", Authentication::Microsoft, Some("hunter2")), ..remote("", None) };
    change(&desk, id, &hidden, Completeness::Draft).unwrap();
    change(&desk, id, &remote("imap.evil.example", None), Completeness::Draft).unwrap();
    assert_eq!(password(&desk, id, Side::Incoming), None);
}

#[test]
fn a_kept_password_does_not_follow_by_way_of_another_authentication() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let mut other = remote("imap.evil.example", None);
    other.server.authentication = Authentication::Microsoft;
    change(&desk, id, &other, Completeness::Draft).unwrap();
    change(&desk, id, &remote("imap.evil.example", None), Completeness::Draft).unwrap();
    assert_eq!(password(&desk, id, Side::Incoming), None);
}

#[test]
fn same_as_remote_mailbox_shares_within_one_house_only() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let same = |host: &str| outgoing(server(host, Authentication::Same, None));
    change_out(&desk, id, &same("smtp.example.org")).unwrap();
    assert_eq!(password(&desk, id, Side::Outgoing).as_deref(), Some("hunter2"));
    let apart = refused(change_out(&desk, id, &same("smtp.evil.example")));
    assert!(apart.to_string().contains("is not sent to smtp.evil.example"), "{apart}");
    // The incoming side moves away: the outgoing one is not given what was entered for the new house.
    change(&desk, id, &remote("imap.example.com", Some("new")), Completeness::Complete).unwrap();
    assert_eq!(password(&desk, id, Side::Outgoing), None);
}

#[test]
fn same_as_a_microsoft_mailbox_fills_in_the_providers_server() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@contoso.example");
    let mut microsoft = remote("outlook.office365.com", None);
    microsoft.server.authentication = Authentication::Microsoft;
    change(&desk, id, &microsoft, Completeness::Draft).unwrap();
    change_out(&desk, id, &outgoing(server("", Authentication::Same, None))).unwrap();
    let out = get(&desk, id).outgoing;
    assert_eq!((out.host.as_str(), out.port, out.security), ("smtp.office365.com", 587, Security::StartTls));
}

#[test]
fn what_is_wrong_with_a_remote_mailbox_is_said() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    let said = |edit: fn(&mut RemoteMailbox)| {
        let mut remote = remote("imap.example.org", Some("hunter2"));
        edit(&mut remote);
        refused(change(&desk, id, &remote, Completeness::Complete)).to_string()
    };
    for (edit, sentence) in [
        (
            (|r| r.server.security = Security::Plain) as fn(&mut RemoteMailbox),
            "Without encryption only this machine itself may be reached, not imap.example.org",
        ),
        (|r| r.server.host = String::new(), "Hostname is needed."),
        (|r| r.server.host = "https://imap.example.org".into(), "is not the name of a server"),
        (|r| r.server.port = 0, "between 1 and 65535"),
        (|r| r.server.password = None, "Password is needed."),
        (|r| r.server.authentication = Authentication::None, "Authentication is needed."),
        (|r| r.server.authentication = Authentication::Same, "Authentication is needed."),
        (|r| r.server.user = "a\r\nb".into(), "Username: "),
        (|r| r.folders = vec!["a\nb".into()], "Mail Folder: "),
        (|r| r.frequency_s = 9, "Fetch Frequency: it is between 10 and 86400 seconds."),
        (|r| r.frequency_s = 86_401, "Fetch Frequency: "),
        (|r| r.batch = 0, "Emails Per Fetch: it is between 1 and 500 messages."),
        (|r| r.batch = 501, "Emails Per Fetch: "),
        (|r| r.start_from = StartFrom::Date("2026-02-30".into()), "“2026-02-30” is not a date"),
        (|r| r.start_from = StartFrom::Date("yesterday".into()), "is not a date"),
        (|r| r.start_from = StartFrom::Date("9999-01-01".into()), "9999-01-01 is yet to come"),
        (|r| r.fetched = Fetched::Move(" ".into()), "Move to Folder is needed."),
        (|r| r.fetched = Fetched::Move("inbox".into()), "inbox is the folder that is fetched"),
        (|r| r.fetched = Fetched::Move("INBOX/".into()), "is the folder that is fetched"),
        (
            |r| {
                r.folders = vec!["INBOX".into(), "Support/Grün".into()];
                r.fetched = Fetched::Move("support/GRÜN".into());
            },
            "support/GRÜN is the folder that is fetched",
        ),
    ] {
        let said = said(edit);
        assert!(said.contains(sentence), "{said:?} should say {sentence:?}");
    }
    assert_eq!(kinds(&desk, Subject::Mailbox(id)), ["created"]);
}

#[test]
fn what_is_right_is_kept_as_it_was_entered() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    let mut entered = remote("127.0.0.1", Some("hunter2"));
    entered.server.security = Security::Plain;
    entered.server.port = 143;
    entered.server.user = "support".into();
    entered.folders = ["Support", "", " Sales/ ", "inbox", "INBOX", "Support"].map(str::to_owned).to_vec();
    entered.fetched = Fetched::Move("Done".into());
    entered.start_from = StartFrom::Date("2026-01-31".into());
    (entered.frequency_s, entered.batch) = (10, 500);
    change(&desk, id, &entered, Completeness::Complete).unwrap();
    let kept = get(&desk, id);
    assert_eq!(
        (kept.incoming.host.as_str(), kept.incoming.port, kept.incoming.security),
        ("127.0.0.1", 143, Security::Plain)
    );
    assert_eq!((kept.user(Side::Incoming), kept.user(Side::Outgoing)), ("support", "support@example.org"));
    assert_eq!(
        (kept.folder_or_inbox(), &kept.fetched, &kept.start_from),
        ("Support", &entered.fetched, &entered.start_from)
    );
    assert_eq!(kept.folders().collect::<Vec<_>>(), ["Support", "Sales", "INBOX"]);
    let choose = |folders: &[&str]| {
        let folders: Vec<String> = folders.iter().map(|name| (*name).to_owned()).collect();
        desk.db.write(|tx| mailbox::change_folders(tx, &by(), id, &folders))
    };
    let refusal = choose(&["Sales", "done"]).unwrap_err().to_string();
    assert!(refusal.contains("Done is the folder that is fetched"), "{refusal}");
    choose(&["Sales"]).unwrap();
    assert_eq!(get(&desk, id).folders().collect::<Vec<_>>(), ["Sales"]);
    let many: Vec<String> = (0..51).map(|number| number.to_string()).collect();
    let refusal = choose(&many.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_err().to_string();
    assert!(refusal.contains("at most 50 folders"), "{refusal}");
    let pop3 = RemoteMailbox { protocol: Protocol::Pop3, fetched: Fetched::Nothing, ..entered };
    let refusal = change(&desk, id, &pop3, Completeness::Complete).unwrap_err().to_string();
    assert!(refusal.contains("POP3 has no folders"), "{refusal}");
    let kept = get(&desk, id);
    assert_eq!((kept.frequency_s, kept.batch, kept.active, kept.activated_at), (10, 500, true, Some(NOW)));
}

#[test]
fn a_draft_is_saved_without_being_complete_and_is_not_switched_on() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    let mut draft = remote("", None);
    draft.server.authentication = Authentication::None;
    draft.batch = 20;
    change(&desk, id, &draft, Completeness::Draft).unwrap();
    let kept = get(&desk, id);
    assert_eq!((kept.batch, kept.active, kept.activated_at), (20, false, None));
}

#[test]
fn what_is_wrong_with_the_outgoing_server_is_said() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    let said = |server: EnteredServer| refused(change_out(&desk, id, &outgoing(server))).to_string();
    assert_eq!(said(server("", Authentication::None, None)), "Hostname is needed.");
    assert_eq!(said(server("smtp.example.org", Authentication::Password, None)), "Password is needed.");
    assert_eq!(said(server("", Authentication::Password, Some("x"))), "Hostname is needed.");
    assert!(said(server("smtp.example.org", Authentication::Same, None)).contains("no authentication yet"));
    let plain = EnteredServer {
        security: Security::Plain,
        ..server("smtp.example.org", Authentication::Password, Some("x"))
    };
    assert!(said(plain).contains("Without encryption"));
    // A relay knows this machine, and asks nobody to sign in.
    change_out(&desk, id, &outgoing(server("relay.example.org", Authentication::None, None))).unwrap();
    assert!(!get(&desk, id).sends_nothing());
    change_out(&desk, id, &outgoing(server("smtp.example.org", Authentication::Password, Some("x"))))
        .unwrap();
    let again =
        refused(change_out(&desk, id, &outgoing(server("smtp.example.com", Authentication::Password, None))));
    assert!(matches!(again, Refusal::SecretAgain { field: "Password", .. }));
}

#[test]
fn an_account_moves_to_a_free_address_only() {
    let desk = TestDesk::new();
    let (id, _other) = (mailbox(&desk, "support@example.org"), mailbox(&desk, "sales@example.org"));
    let account = |address: &str| Account { address: address.into(), ..get(&desk, id).account() };
    let change = |account: &Account| desk.db.write(|tx| mailbox::change_account(tx, &by(), id, account));
    assert_eq!(
        refused(change(&account("SALES@example.org"))),
        Refusal::AddressTaken("SALES@example.org".into())
    );
    change(&account("help@example.org")).unwrap();
    assert!(desk.db.read(|tx| mailbox::find_by_address(tx, "Help@example.org")).unwrap().is_some());
    assert!(desk.db.read(|tx| mailbox::find_by_address(tx, "support@example.org")).unwrap().is_none());
}

#[test]
fn a_paused_mailbox_resumes_where_it_was() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    let resume = || desk.db.write(|tx| mailbox::resume(tx, &by(), id));
    assert_eq!(refused(resume()), Refusal::Required("Hostname"));
    activate(&desk, id);
    pause(&desk, id);
    pause(&desk, id);
    assert_eq!(health(&desk, id, Side::Incoming).0, State::Paused);
    resume().unwrap();
    resume().unwrap();
    assert_eq!(health(&desk, id, Side::Incoming).0, State::New);
    assert_eq!(kinds(&desk, Subject::Mailbox(id)), ["created", "changed", "paused", "resumed"]);
}

#[test]
fn a_mailbox_that_nobody_authorized_is_not_switched_on() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@contoso.example");
    let mut microsoft = remote("outlook.office365.com", None);
    microsoft.server.authentication = Authentication::Microsoft;
    let sentence = "support@contoso.example is not authorized yet. Authorize it by Config in its tab Remote Mailbox, and \
                    then enable it.";
    let enabled = change(&desk, id, &microsoft, Completeness::Complete);
    assert_eq!(refused(enabled).to_string(), sentence);
    microsoft.active = false;
    change(&desk, id, &microsoft, Completeness::Complete).unwrap();
    let resumed = desk.db.write(|tx| mailbox::resume(tx, &by(), id));
    assert_eq!(refused(resumed).to_string(), sentence);
    assert!(!get(&desk, id).active);
    assert_eq!(health(&desk, id, Side::Incoming).0, State::New, "it is not red");

    let mut own = server("smtp.office365.com", Authentication::Microsoft, None);
    own.security = Security::StartTls;
    let sending = change_out(&desk, id, &outgoing(own));
    assert!(refused(sending).to_string().contains("in its tab Outgoing (SMTP)"));
}

#[test]
fn a_mailbox_that_lost_its_consent_can_still_be_saved_but_not_begin_to_sign_in_another_way() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@contoso.example");
    let mut microsoft = remote("outlook.office365.com", None);
    microsoft.server.authentication = Authentication::Microsoft;
    change(&desk, id, &microsoft, Completeness::Draft).unwrap();
    microsoft.frequency_s = 300;
    change(&desk, id, &microsoft, Completeness::Complete).unwrap();
    assert_eq!(get(&desk, id).frequency_s, 300);

    let other = mailbox(&desk, "sales@contoso.example");
    activate(&desk, other);
    let mut moved = remote("imap.example.org", None);
    moved.server.authentication = Authentication::Microsoft;
    let changed = change(&desk, other, &moved, Completeness::Complete);
    assert!(matches!(refused(changed), Refusal::NotAuthorized { .. }));
}
