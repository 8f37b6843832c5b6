//! The first half of the desk, through its doors: the database, the site, people, mailboxes, files. On SQLite, and
//! on PostgreSQL when `POSTERN_TEST_POSTGRES` names a server.
#![expect(clippy::unwrap_used, reason = "tests say what they expect by failing")]
mod claims;
mod clients;
mod credentials;
mod damaged_words;
mod db;
mod db_faults;
mod grants;
mod large;
mod mailboxes;
mod migrations;
mod people;
mod rotation;
mod rounds;
mod sealed;
mod site;
mod statements;
mod store;
mod subscriptions;
