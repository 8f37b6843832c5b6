//! The conversations of this crate through its public door: transcripts for IMAP, POP3 and SMTP, small servers on
//! loopback for OAuth, Graph and TLS.
#![expect(clippy::disallowed_methods, reason = "pretend servers listen on loopback")]
#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod assertion;
mod dns;
mod graph;
mod hostile_answers;
mod imap;
mod lmtp;
mod oauth;
mod pop3;
mod pretend_dns;
mod smtp;
mod tls;
mod transcript;
mod webhook;
