//! Migrations: once, in order, whole or not at all, with a copy before, and never backwards.
use super::db::{SCHEMA, count, fresh, is_lite, ticket};
use desk::MIGRATIONS;
use desk::db::{Db, Error, Migration};
use desk::params;
use desk::testing::Place;
use std::sync::Barrier;

const NOTE: Migration = Migration::both(2, "CREATE TABLE note (id {id}, text {text} NOT NULL) {strict}");

fn copies(place: &Place) -> Vec<String> {
    let names = std::fs::read_dir(place.folder()).unwrap();
    let mut names: Vec<_> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.contains("before"));
    names.sort();
    names
}

#[test]
fn the_desk_is_migrated_twice_without_a_change() {
    let place = Place::new();
    let db = place.open();
    db.migrate(MIGRATIONS).unwrap();
    db.migrate(MIGRATIONS).unwrap();
    assert_eq!(copies(&place), [""; 0], "a new database has nothing to copy, a finished one nothing to fear");
    let numbers: Vec<(i64,)> =
        db.read(|tx| tx.all("SELECT number FROM migration ORDER BY number", &[])).unwrap();
    assert_eq!(numbers.len(), MIGRATIONS.len());
}

#[test]
fn a_database_is_copied_before_it_is_migrated_and_the_copy_is_whole() {
    let db = fresh();
    db.write(|tx| ticket(tx, "before")).unwrap();
    db.migrate(&[SCHEMA[0], NOTE]).unwrap();
    db.write(|tx| ticket(tx, "after")).unwrap();
    if !is_lite(&db) {
        assert_eq!(copies(&db.place), [""; 0]);
        return;
    }
    assert_eq!(copies(&db.place), ["postern.db.before-step-2"]);
    let path = db.place.folder().join("postern.db.before-step-2");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Db::open(&format!("sqlite:{}", path.display()), &desk::testing::options()).unwrap();
    assert_eq!(count(&copy), 1);
    copy.migrate(&SCHEMA).unwrap();
}

#[test]
fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    let db = fresh();
    db.migrate(&[SCHEMA[0], NOTE]).unwrap();
    db.write(|tx| ticket(tx, "x")).unwrap();
    let refused = db.migrate(&SCHEMA).unwrap_err();
    let said = refused.to_string();
    assert!(matches!(refused, Error::Unfit(_)));
    assert!(said.contains("newer Postern") && said.contains("step 2"), "{said}");
    assert_eq!(count(&db), 1);
}

#[test]
fn a_shipped_file_that_was_changed_is_refused() {
    let db = fresh();
    let changed = Migration::both(1, "CREATE TABLE other (id {id}) {strict}");
    let said = db.migrate(&[changed]).unwrap_err().to_string();
    assert!(said.contains("another edition") && said.contains("step 1"), "{said}");
}

#[test]
fn a_migration_that_fails_leaves_nothing_of_itself() {
    let db = fresh();
    let bad = Migration::both(2, "CREATE TABLE half (id {id}) {strict}; INSERT INTO nowhere VALUES (1)");
    assert!(db.migrate(&[SCHEMA[0], bad]).is_err());
    assert!(db.read(|tx| tx.one::<(i64,)>("SELECT count(*) FROM half", &[])).is_err());
    db.migrate(&[SCHEMA[0], NOTE]).unwrap();
    db.write(|tx| ticket(tx, "x")).unwrap();
}

#[test]
fn programs_that_start_at_once_migrate_once() {
    // Many times: who meets whom while the file is made, set up and migrated is a matter of microseconds.
    for _ in 0..20 {
        let place = Place::new();
        let together = Barrier::new(4);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    together.wait();
                    place.open().migrate(MIGRATIONS).unwrap();
                });
            }
        });
        let made: (i64,) = place.open().read(|tx| tx.one("SELECT count(*) FROM migration", &[])).unwrap();
        assert_eq!(made.0, MIGRATIONS.len() as i64);
        assert!(copies(&place).is_empty(), "a new database needs no copy");
    }
}

#[test]
fn a_message_id_that_has_no_room_in_an_index_stops_no_migration() {
    let place = Place::new();
    let db = place.open();
    let before: Vec<Migration> = MIGRATIONS.iter().copied().filter(|step| step.number <= 20).collect();
    db.migrate(&before).unwrap();
    let id: String = (0..990).filter_map(|n| char::from_u32(0x4E00 + n * 7919 % 20_000)).collect();
    db.write(|tx| {
        tx.execute("INSERT INTO blob (hash, size_bytes, place) VALUES ($1, 1, 'file')", params![&[7_u8; 32]])?;
        let by = desk::By::system(0);
        let mailbox = desk::mailboxes::mailbox::create(tx, &by, "support@desk.example", "Support", 1)?;
        for (uid, id) in [(1, id.as_str()), (2, "short@example.org")] {
            tx.execute(
                "INSERT INTO inbox (mailbox_id, folder, uid_validity, uid, blob_id, content_key, message_id, size_bytes,
                     received_at, fetched_at, state, due_at) VALUES ($1, 'INBOX', 1, $2, 1, $3, $4, 1, 1, 1, 'failed', 1)",
                params![mailbox, uid, &[uid as u8; 32], id],
            )?;
        }
        Ok::<_, desk::Error>(())
    })
    .unwrap();
    db.migrate(MIGRATIONS).unwrap();
    let ids: Vec<(Option<String>,)> =
        db.read(|tx| tx.all("SELECT message_id FROM inbox ORDER BY uid", &[])).unwrap();
    assert_eq!(ids, [(None,), (Some("short@example.org".to_owned()),)]);
}
