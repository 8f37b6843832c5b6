//! A change of the key: nothing sealed is lost, whoever writes meanwhile and wherever it is broken off.
use crate::sealed::with_every_secret;
use desk::check::check;
use desk::db::{Db, Error, Sql};
use desk::mailboxes::{client, grant, lost_key, mailbox};
use desk::params;
use desk::site::rotation::{Rotated, rotate};
use desk::site::vault::{DoesNotOpen, Vault};
use desk::site::{event, sealed, setting};
use desk::testing::TestDesk;
use desk::{By, Desk, Result};
use secrecy::ExposeSecret as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

fn nonces() -> impl FnMut() -> [u8; 24] {
    let mut next = 0_u64;
    move || {
        next += 1;
        let mut nonce = [0; 24];
        nonce[..8].copy_from_slice(&next.to_be_bytes());
        nonce
    }
}
fn rotated(db: &Db, vault: &Vault, key: u8) -> Result<Rotated> {
    rotate(db, vault, &By::system(5), [key; 32], nonces())
}
/// The secret of every row, by the keys that lie in the file now.
fn secrets(db: &Db, file: &Path) -> BTreeMap<String, String> {
    let vault = Vault::open(file).unwrap();
    let mut found = BTreeMap::new();
    sealed::each_batch(db, |values| {
        for value in values {
            let secret = vault.unseal(&value.row(), value.bytes())?;
            found.insert(value.row(), secret.expose_secret().to_owned());
        }
        Ok(())
    })
    .unwrap();
    found
}
fn values(db: &Db) -> Vec<sealed::Value> {
    let mut all = Vec::new();
    sealed::each_batch(db, |values| {
        all.extend(values);
        Ok(())
    })
    .unwrap();
    all
}
struct Stage {
    desk: TestDesk,
    file: PathBuf,
    vault: Vault,
}
fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap().keep();
    let file = folder.join("postern.key");
    let vault = Vault::create(&file, [1; 32]).unwrap();
    Stage { desk: with_every_secret(&vault), file, vault }
}
impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.file.parent().unwrap());
    }
}
impl Stage {
    fn keys(&self) -> usize {
        Vault::open(&self.file).unwrap().fingerprints().len()
    }
    fn execute(&self, sql: &'static str, bytes: &[u8]) {
        self.desk.db.write(|tx| tx.execute(Sql::from(sql), params![bytes])).map_err(|e: Error| e).unwrap();
    }
}

#[test]
fn every_sealed_value_is_sealed_by_the_new_key_and_the_old_one_is_gone() {
    let s = stage();
    let before = secrets(&s.desk.db, &s.file);
    assert_eq!(before["client:1:client_secret"], "secret of client.client_secret");
    let old = s.vault.fingerprint();
    let done = rotated(&s.desk.db, &s.vault, 2).unwrap();
    assert_eq!((done.resealed, done.unopened.len()), (sealed::ALL.len(), 0));
    assert_eq!((done.rotation.from.as_slice(), done.rotation.taken_up), (&[old.clone()][..], false));
    assert_ne!(done.rotation.to, old);
    assert_eq!(secrets(&s.desk.db, &s.file), before);
    assert_eq!(Vault::open(&s.file).unwrap().fingerprints(), std::slice::from_ref(&done.rotation.to));
    let kept = s.desk.db.read(|tx| setting::find(tx, setting::KEY_FINGERPRINT)).unwrap();
    assert_eq!(kept.as_ref(), Some(&done.rotation.to));
    let events = s.desk.db.read(|tx| event::list(tx, event::Subject::Site, 9)).unwrap();
    assert_eq!(events.last().unwrap().kind, "key_rotated");
    assert_eq!(events.last().unwrap().data["from"][0], old);
}

#[test]
fn a_server_that_began_with_the_old_key_reads_and_seals_on_through_the_change() {
    let s = stage();
    let server = Vault::open(&s.file).unwrap();
    let reader = Vault::open(&s.file).unwrap();
    let held_back = values(&s.desk.db);
    rotated(&s.desk.db, &s.vault, 2).unwrap();
    // It seals with the new one though it has met nothing of it.
    let sealed = server.seal("client:1:client_secret", &"typed just now".into(), [9; 24]);
    s.execute("UPDATE client SET client_secret = $1", &sealed);
    assert_eq!(secrets(&s.desk.db, &s.file)["client:1:client_secret"], "typed just now");
    // It opens what is sealed by the new one, and what it had read before.
    assert!(reader.unseal("client:1:client_secret", &sealed).is_ok());
    for value in held_back {
        reader.unseal(&value.row(), value.bytes()).unwrap();
    }
}

#[test]
fn what_is_broken_off_is_taken_up_without_a_third_key() {
    let s = stage();
    let before = secrets(&s.desk.db, &s.file);
    // As a kill leaves it: both keys are in the file, and a part is sealed anew.
    let two = format!("{}{}", key_line(2), std::fs::read_to_string(&s.file).unwrap());
    std::fs::write(&s.file, two).unwrap();
    let half = Vault::open(&s.file).unwrap();
    let sealed = half.seal("client:1:client_secret", &"secret of client.client_secret".into(), [8; 24]);
    s.execute("UPDATE client SET client_secret = $1", &sealed);
    assert_eq!(secrets(&s.desk.db, &s.file), before, "it works as it is");
    let done = rotated(&s.desk.db, &half, 3).unwrap();
    assert!(done.rotation.taken_up);
    assert_eq!(done.rotation.to, Vault::from_key([2; 32]).fingerprint());
    assert_eq!(done.resealed, sealed::ALL.len() - 1);
    assert_eq!((secrets(&s.desk.db, &s.file), s.keys()), (before, 1));
}
fn key_line(key: u8) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    Vault::create(&file, [key; 32]).unwrap();
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn what_opens_with_no_key_is_told_and_does_not_keep_the_old_key_but_what_the_old_key_may_have_sealed_does() {
    let s = stage();
    let strange = Vault::from_key([9; 32]).seal("client:1:client_secret", &"x".into(), [8; 24]);
    s.execute("UPDATE client SET client_secret = $1", &strange);
    let done = rotated(&s.desk.db, &s.vault, 2).unwrap();
    let (value, why) = &done.unopened[0];
    assert_eq!((done.unopened.len(), value.row().as_str()), (1, "client:1:client_secret"));
    let DoesNotOpen::UnknownKey(id) = why else { panic!("{why}") };
    assert!(Vault::from_key([9; 32]).fingerprint().starts_with(id));

    let mut damaged = s.vault.seal("client:1:client_secret", &"x".into(), [8; 24]);
    *damaged.last_mut().unwrap() ^= 1;
    s.execute("UPDATE client SET client_secret = $1", &damaged);
    let said = rotated(&s.desk.db, &s.vault, 3).unwrap_err().to_string();
    assert!(said.contains("client:1:client_secret") && said.contains("postern key forget"), "{said}");
    assert_eq!(s.keys(), 2, "the old key went while something names it");
    s.execute("UPDATE client SET client_secret = NULLIF($1, $1)", &[]);
    assert!(rotated(&s.desk.db, &s.vault, 4).unwrap().rotation.taken_up);
    assert_eq!(s.keys(), 1);
}

#[test]
fn what_others_seal_all_the_while_opens_after_every_change() {
    let s = stage();
    let over = AtomicBool::new(false);
    let written = AtomicU8::new(0);
    std::thread::scope(|scope| {
        for (thread, sql, row) in [
            (0_u8, "UPDATE mailbox SET in_password = $1", "mailbox:1:in_password"),
            (1, "UPDATE mailbox SET out_password = $1", "mailbox:1:out_password"),
        ] {
            let (s, over, written) = (&s, &over, &written);
            // Of another process: it knows of a change only what the file tells.
            let vault = Vault::open(&s.file).unwrap();
            scope.spawn(move || {
                let mut turn = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    turn += 1;
                    let mut nonce = [thread; 24];
                    nonce[..8].copy_from_slice(&turn.to_be_bytes());
                    let done: Result<()> = s.desk.db.write(|tx| {
                        let sealed = vault.seal(row, &format!("turn {turn}").into(), nonce);
                        std::thread::sleep(std::time::Duration::from_micros(300));
                        tx.execute(Sql::from(sql), params![sealed])?;
                        Ok(())
                    });
                    done.unwrap();
                    written.fetch_max(1 << thread, Ordering::Relaxed);
                    std::thread::yield_now();
                }
            });
        }
        for key in 2..10 {
            rotated(&s.desk.db, &s.vault, key).unwrap();
            let found = secrets(&s.desk.db, &s.file);
            assert_eq!(found.len(), sealed::ALL.len());
        }
        over.store(true, Ordering::Relaxed);
    });
    let found = secrets(&s.desk.db, &s.file);
    assert!(found["mailbox:1:in_password"].starts_with("turn "), "{found:?}");
    assert!(found["mailbox:1:out_password"].starts_with("turn "), "{found:?}");
}

#[test]
fn a_batch_is_not_all_that_is_gone_through() {
    let s = stage();
    for id in 2..352 {
        let sealed = s.vault.seal(&sealed::CLIENT_SECRET.row(id), &"one of many".into(), [4; 24]);
        s.desk
            .db
            .write(|tx| {
                tx.execute(
                    "INSERT INTO client (id, public_id, provider, client_secret, created_at) VALUES ($1, $2, 'other', $3, 1)",
                    params![id, format!("c{id}"), &sealed],
                )
            })
            .map_err(|e: Error| e)
            .unwrap();
    }
    assert_eq!(rotated(&s.desk.db, &s.vault, 2).unwrap().resealed, sealed::ALL.len() + 350);
    assert_eq!(secrets(&s.desk.db, &s.file).len(), sealed::ALL.len() + 350);
}

#[test]
fn the_check_names_each_secret_that_does_not_open_and_whom_it_serves() {
    let s = stage();
    let desk = Desk { vault: s.vault.clone(), ..(*s.desk).clone() };
    let whole = check(&desk).unwrap();
    assert_eq!((whole.faults.len(), usize::try_from(whole.secrets).unwrap()), (0, sealed::ALL.len()));
    let strange = Vault::from_key([9; 32]).seal("mailbox:1:in_password", &"x".into(), [8; 24]);
    s.execute("UPDATE mailbox SET in_password = $1", &strange);
    s.execute("UPDATE client SET client_secret = $1", b"\x01x");
    let found = check(&desk).unwrap().faults;
    let said: Vec<_> = found.iter().map(|f| (f.kind, f.what.as_str())).collect();
    let id = &Vault::from_key([9; 32]).fingerprint()[..8];
    assert_eq!(
        said,
        [
            (
                "secret_does_not_open",
                "The secret client:1:client_secret of support@example.org does not open: it is cut off."
            ),
            (
                "secret_does_not_open",
                &format!(
                    "The secret mailbox:1:in_password of support@example.org does not open: it was sealed with another key ({id}…)."
                )
            ),
        ]
    );
    assert!(
        found.iter().all(|f| f.remedy.ends_with('.') && f.remedy.contains("postern key forget")),
        "{found:?}"
    );
}

#[test]
fn a_lost_key_is_given_up_with_what_it_sealed_and_each_mailbox_is_told_what_is_missing() {
    let s = stage();
    let fine = lost_key::look(&s.desk.db, Some(&s.vault)).unwrap();
    assert_eq!(fine, lost_key::Forgotten::default());
    let nothing_opens = lost_key::look(&s.desk.db, None).unwrap();
    assert_eq!(nothing_opens.values, sealed::ALL.len());
    // One thing is sealed by the key that is there, and stays.
    let there = Vault::from_key([2; 32]);
    s.execute(
        "UPDATE mailbox SET in_password = $1",
        &there.seal("mailbox:1:in_password", &"new".into(), [8; 24]),
    );
    let would = lost_key::look(&s.desk.db, Some(&there)).unwrap();
    assert_eq!(would.values, sealed::ALL.len() - 1);
    let by = By::system(9);
    let certificates = || s.desk.db.read(|tx| client::certificate::list(tx, 1)).unwrap().len();
    assert_eq!(certificates(), 1);
    let done = lost_key::forget(&s.desk.db, &there, &by).unwrap();
    assert_eq!(done, would);
    assert_eq!(certificates(), 0, "one without a key keeps its place from the next one");
    let again = &done.mailboxes["support@example.org"];
    assert!(again.authorize && again.enter.len() >= 2, "{again:?}");
    assert!(!again.enter.iter().any(|what| what.contains("remote mailbox")), "{again:?}");
    assert!(done.others.iter().any(|what| what.contains("webhook")), "{:?}", done.others);
    let left: Vec<String> = values(&s.desk.db).iter().map(sealed::Value::row).collect();
    assert_eq!(left, ["mailbox:1:in_password"]);
    // The authorization has ended as one that was deleted has: the mailbox points to nothing.
    let grant = s.desk.db.read(|tx| grant::find(tx, 1)).unwrap().unwrap();
    assert_eq!((grant.state, grant.has_refresh_token), (grant::State::Revoked, false));
    let kinds = |of| {
        s.desk.db.read(|tx| event::list(tx, of, 9)).unwrap().into_iter().map(|e| e.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(event::Subject::Mailbox(1)).last().unwrap(), "key_forgotten");
    assert_eq!(kinds(event::Subject::Site).last().unwrap(), "key_forgotten");
    let known = s.desk.db.read(|tx| setting::find(tx, setting::KEY_FINGERPRINT)).unwrap();
    assert_eq!(known, Some(there.fingerprint()));
    assert_eq!(lost_key::forget(&s.desk.db, &there, &by).unwrap(), lost_key::Forgotten::default());
}

#[test]
fn forgetting_what_is_damaged_leaves_the_key_of_the_database_as_it_is() {
    let s = stage();
    s.desk.db.write(|tx| setting::set(tx, setting::KEY_FINGERPRINT, &s.vault.fingerprint())).unwrap();
    s.execute("UPDATE client SET client_secret = $1", b"\x01x");
    let done = lost_key::forget(&s.desk.db, &s.vault, &By::system(9)).unwrap();
    assert_eq!((done.values, done.mailboxes["support@example.org"].authorize), (1, false));
    let events = s.desk.db.read(|tx| event::list(tx, event::Subject::Site, 9)).unwrap();
    assert_eq!(events.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["secrets_forgotten"]);
    assert_eq!(events[0].data["rows"][0], "client:1:client_secret");
}

#[test]
fn what_does_not_open_is_no_hindrance_to_what_is_entered_in_its_place() {
    let s = stage();
    let strange = Vault::from_key([9; 32]);
    s.execute(
        "UPDATE mailbox SET in_password = $1",
        &strange.seal("mailbox:1:in_password", &"x".into(), [8; 24]),
    );
    s.execute(
        "UPDATE client SET client_secret = $1",
        &strange.seal("client:1:client_secret", &"x".into(), [8; 24]),
    );
    s.execute(
        "UPDATE consent SET refresh_token = $1",
        &strange.seal("consent:1:refresh_token", &"x".into(), [8; 24]),
    );
    let by = By::system(9);
    let remote = crate::mailboxes::remote("imap.example.org", Some("entered again"));
    let draft = mailbox::Completeness::Draft;
    s.desk.db.write(|tx| mailbox::change_remote(tx, &s.vault, &by, 1, &remote, draft, [7; 24])).unwrap();
    let password = |side| s.desk.db.read(|tx| mailbox::password_for_system(tx, &s.vault, 1, side)).unwrap();
    assert_eq!(password(mailbox::Side::Incoming).unwrap().expose_secret(), "entered again");
    let entered = client::EnteredClient {
        client_id: "c".into(),
        client_secret: Some("entered again".into()),
        authorization_endpoint: "https://id.example.org/a".into(),
        token_endpoint: "https://id.example.org/t".into(),
        scopes: "mail".into(),
        ..client::EnteredClient::default()
    };
    let (https, complete) = (client::Scheme::HttpsOnly, mailbox::Completeness::Complete);
    s.desk
        .db
        .write(|tx| {
            client::change(
                tx,
                &client::Change {
                    vault: &s.vault,
                    providers: &s.desk.providers,
                    by: &by,
                    scheme: https,
                    completeness: complete,
                    nonces: [[6; 24], [8; 24]],
                },
                1,
                &entered,
            )
        })
        .unwrap();
    let secret = s.desk.db.read(|tx| client::secret_for_system(tx, &s.vault, 1)).unwrap().unwrap();
    assert_eq!(secret.expose_secret(), "entered again");
    assert!(s.desk.db.read(|tx| grant::refresh_token_for_system(tx, &s.vault, 1)).unwrap().is_none());
}
