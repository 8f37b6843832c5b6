//! What goes out: replies, the outbox, and the fate of each recipient.
pub mod delivery;
pub mod outbox;
pub mod reply;
