//! The web as people meet it: requests through the router, pages read as text, the clock by hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
mod notifications;
mod office;

mod agents;
mod alerts;
mod away;
mod belonging;
mod changing;
mod doctor;
mod gate;
mod inbox;
mod journal;
mod kept_files;
mod letters;
mod live;
mod lost_sessions;
mod mailboxes;
mod policies;
mod post;
mod providers;
mod replies;
mod sign_in;
mod slow_forms;
mod tickets;
mod told;
mod ways;
