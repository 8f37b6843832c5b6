//! From the inbox to a ticket entry.
pub mod filing;
pub mod inbox;
pub mod screen;
pub mod threading;
