//! Email as conversation: OAuth, SASL, IMAP, POP3, Microsoft Graph and SMTP, LMTP for a mail server of one's own, and the one
//! place that opens sockets (`net`).
//!
//! Nothing here knows a ticket, a database row or a page. A caller gets values or one [`Error`] whose
//! [`Kind`] says what to do next.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod deflate;
pub mod error;
pub mod graph;
mod hidden;
pub mod imap;
pub mod letter;
mod line;
pub mod lmtp;
pub mod net;
pub mod oauth;
pub mod pop3;
mod record;
pub mod sasl;
pub mod server;
pub mod smtp;
mod spoken;
pub mod webhook;

pub use error::{Error, FETCHING, GREETING, Kind};
pub use record::Record;
pub use server::{Credential, Security, Server};

/// What every conversation of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
