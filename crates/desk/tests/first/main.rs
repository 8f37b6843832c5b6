//! The first half of the desk, through its doors: the database, the site, people, mailboxes, files. On SQLite, and
//! on PostgreSQL when `POSTERN_TEST_POSTGRES` names a server.
mod site;
mod store;
