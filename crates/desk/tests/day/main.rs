//! A day at the desk: mail arrives, agents act, mail goes out. Through the desk's own doors, with the clock
//! moved by hand; on SQLite, and on PostgreSQL when `POSTERN_TEST_POSTGRES` names a server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod alerts;
mod aliases;
mod backups;
mod balances;
mod batches;
mod bounces;
mod checking;
mod damaged_words;
mod desk;
mod filers;
mod filing;
mod heads;
mod held;
mod holding;
mod inbox;
mod joining;
mod lasting;
mod lists;
mod lives;
mod looks;
mod loops;
mod mail;
mod outbox;
mod outsider;
mod parcels;
mod putting_back;
mod replay;
mod replies;
mod round_trips;
mod same_letter;
mod search;
mod silences;
mod standing;
mod threading;
