//! From the inbox to a ticket entry.
mod about_letter;
mod again;
mod batch;
pub mod bounce;
pub mod copies;
pub mod earlier_key;
pub mod filing;
pub mod held;
pub mod inbox;
pub mod joining;
pub mod mending;
pub mod on_server;
mod outcome;
pub mod piped;
mod prepare;
mod record;
pub mod rehearsal;
pub mod remembered;
pub mod replay;
pub mod round_trip;
mod routing;
mod same_letter;
pub mod screen;
mod server_lines;
pub mod stand_in;
pub mod threading;

pub use routing::is_sent_to;
