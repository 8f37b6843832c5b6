//! A client of Microsoft Graph's mail (REST, v1.0) of what fetching, being told of news and sending need, over the one HTTP client.
//!
//! Messages are told apart by their immutable ids, which survive being moved within the mailbox. What the server hands
//! out to go on with, its links, is followed to its own host and version only. A message is sent as it was composed,
//! and by its `202 Accepted` alone.

mod answer;
mod folder;
mod gate;
mod listing;
mod message;
mod send;
mod session;
mod subscription;

use std::time::Duration;

pub use folder::Folder;
pub use gate::{CONCURRENT_MAX, Gate};
pub use listing::{Listed, Next, Page, Start};
pub use message::Raw;
pub use session::Session;
pub use subscription::{CLIENT_STATE_MAX, LIFE_MS_MAX, Subscription, Wanted};

/// A question and its answer, but for those that carry a message.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// What is said about a message that is handed over. Giving up too early makes duplicates, so it has longer.
pub const SEND_ANSWER_TIMEOUT: Duration = Duration::from_secs(3 * 60);
/// A message on its way here or there, from the first byte to the last.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Between two pieces of an answer.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A page of a listing; each of its messages takes some 300 bytes.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Messages asked for with one page; the server may give fewer.
pub const PAGE_MESSAGES: usize = 250;
/// More on one page is none that was asked for.
pub const PAGE_MESSAGES_MAX: usize = 5_000;
/// Any other answer.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// An immutable id has some 150 bytes. It travels in an address.
pub const ID_BYTES_MAX: usize = 1_000;
/// A link to go on with holds the state of the listing and has some kilobytes.
pub const LINK_BYTES_MAX: usize = 16 * 1024;
/// Pages of folders that are looked through for one name.
pub const FOLDER_PAGES_MAX: usize = 50;
/// Folders of one mailbox that are listed.
pub const FOLDERS_MAX: usize = 1_000;
/// Of a folder's name with those that it lies in.
pub const FOLDER_NAME_BYTES_MAX: usize = 4_000;
/// A request that writes may have 4 MB; whether the last two percent are counted is not told.
pub const REQUEST_BYTES_MAX: usize = 4_000_000;
/// Of which a message, written in base64, may have this much.
pub const MESSAGE_BYTES_MAX: usize = REQUEST_BYTES_MAX / 4 * 3;
