//! A POP3 client (RFC 1939, 2449, 2595, 5034) of what fetching needs. Messages are told apart by their UIDL, never by
//! their number, which is another one in each session.
//!
//! A mailbox is locked while a session is open, and what is deleted goes only with a good QUIT: keep sessions short
//! and end them with [`Session::quit`].

mod authenticate;
mod greeting;
mod listing;
mod refusal;
mod retrieve;
mod session;

use std::time::Duration;

pub use greeting::connect;
pub use listing::{Listed, Totals};
pub use retrieve::{Retrieve, Retrieved};
pub use session::Session;

/// From the connected link to the greeting: servers delay it to slow abuse down.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(60);
/// A line of an answer. Opening a large mailbox takes a server its time.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Between two pieces of a message.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// A message may take this long, and longer by [`MESSAGE_BYTES_PER_S_MIN`] where it is large.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(4 * 60);
/// The slowest line that still counts as alive.
pub const MESSAGE_BYTES_PER_S_MIN: u64 = 16 * 1024;
/// QUIT deletes, which takes minutes where it is much.
pub const QUIT_TIMEOUT: Duration = Duration::from_secs(16 * 60);
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// One line of an answer (RFC 2449 §4 has 512 bytes; servers say more).
pub const LINE_BYTES_MAX: usize = 16 * 1024;
/// Messages in one mailbox.
pub const MESSAGES_MAX: usize = 5_000_000;
/// A name by UIDL: 70 bytes in RFC 1939 §7, and servers that take more.
pub const NAME_BYTES_MAX: usize = 512;
/// All of them: a million of the longest that RFC 1939 has, and more.
pub const NAMES_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Of a message over the limit so much is read past before the link is given up.
pub const READ_PAST_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Commands on their way at once, where the server takes several (PIPELINING, RFC 2449 §6.6).
pub const PIPELINED_MAX: usize = 32;
