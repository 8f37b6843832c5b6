//! Tests through the doors of the practice provider: HTTP, IMAP, POP3 and SMTP over real loopback sockets.
#![expect(clippy::disallowed_methods, reason = "tests stand outside, as clients of what practice serves")]

mod app_only;
mod certificate;
mod client;
mod device;
mod faults_at_endpoints;
mod faults_at_graph;
mod faults_at_imap;
mod faults_at_pop;
mod faults_at_sign_in;
mod faults_at_smtp;
mod google;
mod graph;
mod graph_access;
mod imap;
mod msal;
mod pages;
mod pop3;
mod restart;
mod shapes;
mod sign_in;
mod signing;
mod smtp;
mod subscriptions;
mod token;
mod waldau;
mod with_wire;

use crate::{Clock, Options, Practice};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

pub(crate) const SUPPORT: &str = "support@contoso.example";
pub(crate) const ANN: &str = "ann.porter@nordwind.example";
pub(crate) const CALLBACK: &str = "http://localhost:8080/oauth/callback/7f";
/// 24 November 2026, 12:00 UTC.
pub(crate) const NOON: i64 = 1_795_521_600_000;

/// A provider whose clock stands at noon until its hand is moved.
pub(crate) async fn start() -> (Practice, Arc<AtomicI64>) {
    let (clock, hand) = Clock::by_hand(NOON);
    let practice = crate::start(Options { clock, ..Options::loopback([3; 32]) }).await.unwrap();
    (practice, hand)
}

#[test]
fn every_fault_of_the_table_is_tried_by_a_test() {
    let tests = [
        include_str!("faults_at_sign_in.rs"),
        include_str!("faults_at_graph.rs"),
        include_str!("faults_at_imap.rs"),
        include_str!("faults_at_pop.rs"),
        include_str!("faults_at_smtp.rs"),
        include_str!("certificate.rs"),
        include_str!("app_only.rs"),
        include_str!("device.rs"),
        include_str!("faults_at_endpoints.rs"),
        // Its table is walked as a whole by faults_at_endpoints and faults_at_graph.
        include_str!("../breakdown.rs"),
        include_str!("google.rs"),
        include_str!("subscriptions.rs"),
        include_str!("waldau.rs"),
    ]
    .concat();
    let words: Vec<&str> = tests.split(|c: char| !c.is_alphanumeric()).collect();
    for row in crate::TABLE {
        let variant = format!("{:?}", row.fault);
        assert!(words.contains(&variant.as_str()), "{variant} ({}) is in no test", row.name);
    }
}
