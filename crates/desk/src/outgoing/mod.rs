//! What goes out: replies, the outbox, and the fate of each recipient.
pub mod delivery;
mod material;
pub mod outbox;
mod recipients;
pub mod reply;
