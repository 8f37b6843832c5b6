//! The whole program, as its users meet it: the command line, the pages, real servers, and what happens when
//! it is killed. Modules named `real_servers` need Dovecot and Postfix, `browser` needs Chromium, `on_postgres`
//! PostgreSQL: `dev/test` starts them and says which of these do not run.
#![expect(
    clippy::disallowed_methods,
    reason = "tests stand outside of the program, as browsers and mail servers do"
)]
#![expect(clippy::unwrap_used, reason = "in helpers of tests, too, a failed unwrap is a failed test")]
mod application;
mod applying;
mod applying_clients;
mod arrows;
mod authorizing;
mod backups;
mod browser;
mod by_pop3;
mod command_line;
mod crowd;
mod damaged_backups;
mod damaged_words;
mod doctor;
mod faults;
mod file_limit;
mod full_disk;
mod graph;
mod handing_over;
mod invariants;
mod keys;
mod kills;
mod on_postgres;
mod piping;
mod practice_walk;
mod program;
mod quiet_credentials;
mod quiet_log;
mod real_servers;
mod real_servers_balance;
mod real_servers_changes;
mod real_servers_compress;
mod real_servers_doctor;
mod real_servers_folders;
mod real_servers_oauth2;
mod replaying;
mod rig;
mod starting;
mod takeover;
mod tracing_mail;
mod two_fetchers;
mod visitor;
mod ways;
mod write_errors;
