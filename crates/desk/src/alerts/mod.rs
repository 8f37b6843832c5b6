//! What needs a person, and how that is told: on the pages, by mail through a mailbox that works, by webhook.
//!
//! `condition` says what is wrong now, `look` compares that with what is known to be wrong and writes down what is to be
//! told, `telling` puts it into a letter for its `recipients`, `webhook` hands out what is to be posted.
pub mod alert;
pub mod condition;
pub mod fleet;
pub mod look;
pub mod notice;
pub mod recipients;
pub mod standing;
mod telling;
pub mod test;
pub mod webhook;
