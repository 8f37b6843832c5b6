//! An IMAP client (RFC 3501, 9051) of the few commands that fetching needs: every tagged answer decides, every
//! read has a size and a time-out, literals are read to their announced end but never trusted for memory.
//!
//! UID commands only, since EXPUNGE may come at any time. One link serves one mailbox at a time.

mod authenticate;
mod changes;
mod compress;
mod date;
mod fetch;
mod folder;
mod greeting;
mod idle;
mod reader;
mod refusal;
mod response;
mod rights;
mod search;
mod session;
mod set;
mod settle;
mod utf7;

use std::time::Duration;

pub use changes::Changes;
pub use compress::COMPRESSING;
pub use fetch::{Fetch, Fetched};
pub use folder::{Folder, Selected, Status};
pub use greeting::connect;
pub use idle::Idle;
pub use rights::{Granted, Rights};
pub use session::Session;
pub use settle::{Removal, Unmoved};

/// From the connected link to the greeting: servers delay it to slow abuse down.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two lines of an answer; servers that work for long send `* OK still here` meanwhile.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// A whole command other than fetching and IDLE: moving much mail takes minutes on some servers.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(16 * 60);
/// Between two pieces of a literal.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// A literal may take this long, and longer by [`LITERAL_BYTES_PER_S_MIN`] where it is large.
pub const LITERAL_TIMEOUT: Duration = Duration::from_secs(4 * 60);
/// The slowest line that still counts as alive.
pub const LITERAL_BYTES_PER_S_MIN: u64 = 16 * 1024;
/// After BYE the link should close at once.
pub const BYE_TIMEOUT: Duration = Duration::from_secs(5);
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// RFC 2177: leave IDLE at least every 29 minutes. Routers forget quiet links sooner: 5 to 9 is better.
pub const IDLE_MAX: Duration = Duration::from_secs(29 * 60);

/// One line of an answer.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// SEARCH answers in one line: 16 MiB hold the UIDs of more than a million messages.
pub const SEARCH_LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A literal that is no message (a folder name).
pub const LITERAL_BYTES_MAX: u64 = 64 * 1024;
/// All pieces of one response, its message aside.
pub const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// Responses before a command's end.
pub const RESPONSES_MAX: usize = 200_000;
/// Messages that one search may name.
pub const UIDS_MAX: usize = 5_000_000;
/// Folders of one mailbox.
pub const FOLDERS_MAX: usize = 10_000;
/// Of a folder's name as it is sent.
pub const FOLDER_NAME_BYTES_MAX: usize = 1_000;
/// Of all names and attributes of folders.
pub const FOLDERS_BYTES_MAX: usize = 2 * 1024 * 1024;
