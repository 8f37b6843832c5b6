//! The courier through its door: a desk in a temporary folder on one side, small servers on loopback on the other.
#![expect(clippy::disallowed_methods, reason = "pretend servers listen on loopback")]
#![expect(clippy::unwrap_used, reason = "tests say what they expect by failing")]
mod alarms;
mod alerts;
mod another_place;
mod authorize;
mod awkward;
mod beginnings;
mod device;
mod doctor;
mod doctor_domain;
mod doctor_roles;
mod doctor_round_trip;
mod fetch;
mod file;
mod folders;
mod google;
mod graph;
mod graph_sending;
mod large;
mod lasting;
mod lmtp;
mod moved;
mod odd;
mod poisoned;
mod pop3;
mod pretend;
#[path = "../../../wire/tests/wire/pretend_dns.rs"]
mod pretend_dns;
mod pretend_ear;
mod pretend_imap;
mod pretend_pop3;
mod pretend_provider;
mod pretend_smtp;
mod promises;
mod reconcile;
mod refresh;
mod rehearse;
mod rounds;
mod send;
mod settling;
mod stage;
mod subscribing;
mod taking_back;
mod two_services;
mod unattended;
mod ways;
