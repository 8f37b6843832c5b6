//! kill -9 in a change of the key, while somebody else goes on sealing: whatever is kept opens at every moment with the
//! keys of the file, and the next change ends what was begun.
use super::{chance, kills};
use crate::program::Program;
use desk::db::{Db, Error};
use desk::params;
use desk::site::sealed;
use desk::site::vault::Vault;
use rand::RngExt as _;
use secrecy::ExposeSecret as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const VALUES: i64 = 500;
/// Whose secret changes all the while.
const BUSY: i64 = 1;

struct Stage {
    program: Program,
    db: Db,
    file: PathBuf,
}

#[test]
fn a_kill_in_a_change_of_the_key_loses_nothing_that_is_sealed() {
    let mut chance = chance("rotating");
    let stage = stage();
    let (over, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| stage.goes_on_sealing(&over, &written));
        let began = Instant::now();
        stage.program.run(&["key", "rotate"]).fine();
        let whole_us = u64::try_from(began.elapsed().as_micros()).unwrap();
        let (mut made, mut in_the_middle) = (0, 0);
        while in_the_middle < kills() {
            assert!(made < 10 * kills() + 10, "{in_the_middle} of {made} kills were in the middle");
            let us = chance.random_range(0..whole_us);
            let mut rotating = stage.program.begin(&["key", "rotate"]);
            std::thread::sleep(Duration::from_micros(us));
            rotating.kill().unwrap();
            rotating.wait().unwrap();
            let keys = Vault::open(&stage.file).unwrap().fingerprints();
            let old = stage.sealed_by(keys.last().unwrap());
            println!(
                "rotating: killed after {us} of {whole_us} us: {} keys, {old} values of the last",
                keys.len()
            );
            in_the_middle += usize::from(keys.len() == 2);
            made += 1;
            stage.everything_opens(&written);
        }
        over.store(true, Ordering::Relaxed);
    });
    stage.program.run(&["key", "rotate"]).fine();
    stage.everything_opens(&written);
    assert_eq!(Vault::open(&stage.file).unwrap().fingerprints().len(), 1);
    assert!(written.load(Ordering::Relaxed) > 10, "nobody sealed anything meanwhile");
    stage.program.run(&["check"]).fine();
    let left: Vec<_> =
        std::fs::read_dir(stage.program.data()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(!left.contains(&"postern.key.new".into()), "{left:?}");
}

fn stage() -> Stage {
    let program = Program::new().administrator();
    let file = program.data().join("postern.key");
    let db = program.database();
    let vault = Vault::open(&file).unwrap();
    let made: Result<(), Error> = db.write(|tx| {
        for id in 1..=VALUES {
            let sealed = vault.seal(&sealed::CLIENT_SECRET.row(id), &secret(id, 0).into(), nonce(id, 0));
            tx.execute(
                "INSERT INTO client (id, public_id, provider, client_secret, created_at) VALUES ($1, $2, 'other', $3, 1)",
                params![id, format!("c{id}"), sealed],
            )?;
        }
        Ok(())
    });
    made.unwrap();
    Stage { program, db, file }
}
fn secret(id: i64, turn: u64) -> String {
    format!("secret {id}, turn {turn}")
}
fn nonce(id: i64, turn: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(&id.to_be_bytes());
    nonce[8..16].copy_from_slice(&turn.to_be_bytes());
    nonce
}

impl Stage {
    /// As a server does that has begun with the first key and knows of each change only what the file tells.
    fn goes_on_sealing(&self, over: &AtomicBool, written: &AtomicU64) {
        let vault = Vault::open(&self.file).unwrap();
        let mut turn = 0;
        while !over.load(Ordering::Relaxed) {
            turn += 1;
            let done: Result<u64, Error> = self.db.write(|tx| {
                let row = sealed::CLIENT_SECRET.row(BUSY);
                let sealed = vault.seal(&row, &secret(BUSY, turn).into(), nonce(BUSY, turn));
                tx.execute("UPDATE client SET client_secret = $2 WHERE id = $1", params![BUSY, sealed])
            });
            done.unwrap();
            written.store(turn, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn sealed_by(&self, fingerprint: &str) -> usize {
        let vault = Vault::open(&self.file).unwrap();
        let mut count = 0;
        sealed::each_batch(&self.db, |values| {
            count +=
                values.iter().filter(|v| v.sealed_by(Some(&vault)).is_ok_and(|by| by == fingerprint)).count();
            Ok(())
        })
        .unwrap();
        count
    }

    /// With the keys that lie in the file now, each to what was sealed last.
    fn everything_opens(&self, written: &AtomicU64) {
        let at_least = written.load(Ordering::Relaxed);
        let vault = Vault::open(&self.file).unwrap();
        let mut count = 0;
        sealed::each_batch(&self.db, |values| {
            for value in values {
                let opened = vault.unseal(&value.row(), value.bytes()).unwrap();
                let opened = opened.expose_secret();
                if value.id == BUSY {
                    let turn: u64 = opened.rsplit(' ').next().unwrap().parse().unwrap();
                    assert!(turn >= at_least, "{opened}, after turn {at_least}");
                } else {
                    assert_eq!(opened, secret(value.id, 0));
                }
                count += 1;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(count, VALUES);
    }
}
