//! Tickets and their threads.
pub mod draft;
pub mod entry;
pub mod index;
pub mod participant;
pub mod queue;
pub mod reference;
pub mod search;
pub mod seen;
pub mod ticket;
mod words;
