//! What goes out: replies, the outbox, the fate of each recipient, and the reports that come back.
pub mod delivery;
pub mod letter;
mod material;
pub mod outbox;
mod recipients;
pub mod reply;
pub(crate) mod report;
pub(crate) mod restored;
