//! An SMTP submission client (RFC 5321, 6409): an answer per recipient, and the step at which a link broke.
//!
//! It composes nothing and retries nothing: fixed bytes go out, what became of them comes back.

mod authenticate;
mod body;
mod envelope;
mod greeting;
mod reply;
mod send;
mod session;

use std::time::Duration;

pub use envelope::Envelope;
pub use greeting::connect;
pub use send::{Fate, Sent};
pub use session::Session;

/// From the connected link to the greeting (RFC 5321 §4.5.3.2.1 says 5 minutes; people wait at a page).
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(60);
/// An answer to EHLO, AUTH, MAIL, RCPT, RSET. The RFC says 5 minutes.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// The server's 354 (RFC 5321 §4.5.3.2.4).
pub const DATA_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// Each piece of the message that the server takes (RFC 5321 §4.5.3.2.5).
pub const BLOCK_TIMEOUT: Duration = Duration::from_secs(3 * 60);
/// A whole message may take this long, and longer by [`crate::net::BODY_BYTES_PER_S_MIN`] where it is large.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// The answer to the final dot (RFC 5321 §4.5.3.2.6): giving up too early makes duplicates.
pub const FINAL_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// For the reason of a server that stopped listening in the middle of a message.
pub const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(5);
pub const QUIT_TIMEOUT: Duration = Duration::from_secs(10);

/// One line of an answer; RFC 5321 says 512, some say more.
pub const LINE_BYTES_MAX: usize = 4096;
/// Lines of one answer.
pub const REPLY_LINES_MAX: usize = 128;
/// Recipients of one message.
pub const RECIPIENTS_MAX: usize = 1000;
/// RCPT commands written before the answers are read, so that neither side's buffer fills up.
pub const PIPELINED_MAX: usize = 50;
/// The name in EHLO: an address literal, which every server takes and which tells nothing of this network.
pub const EHLO_NAME: &str = "[127.0.0.1]";
