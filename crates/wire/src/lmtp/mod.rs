//! LMTP (RFC 2033), the server's half: a mail server of one's own hands letters over and hears, for each recipient, what
//! became of them. What it has not heard of it keeps and hands over again, so nothing is lost on the way.
//!
//! Nothing is stored here and no mailbox is known: that is the [`Keeper`]'s.

mod body;
mod command;
mod listener;
mod session;

use std::io;
use std::time::Duration;

use crate::letter::{Letter, Room};

pub use listener::{Listener, Peer, Place};
pub use session::serve;

/// One line of a command; RFC 5321 §4.5.3.1.4 says 512 and leaves room for extensions.
pub const LINE_BYTES_MAX: usize = 4096;
/// From an answer to the next command (RFC 5321 §4.5.3.2.7).
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Each line of a letter (RFC 5321 §4.5.3.2.5).
pub const BLOCK_TIMEOUT: Duration = Duration::from_secs(3 * 60);
/// A whole letter: the other side is near.
pub const LETTER_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// A letter up to this comes in whoever else is at it; a larger one needs a place.
pub const SMALL_BYTES: usize = 64 * 1024;
/// How long a large letter waits for a place among those that are being taken.
pub const PLACE_TIMEOUT: Duration = Duration::from_secs(60);
/// A letter that has a place comes on by so much in this time, or its link ends.
pub const PACE: Duration = Duration::from_secs(30);
pub const PACE_BYTES: usize = 30_000;
/// Recipients of one letter (RFC 5321 §4.5.3.1.8 asks for a hundred at least).
pub const RECIPIENTS_MAX: usize = 100;
/// Commands that were not understood, before the link is closed.
pub const MISTAKES_MAX: u32 = 20;

/// A letter as it was handed over.
#[derive(Debug)]
pub struct Handed {
    /// What the other side called itself.
    pub from_host: String,
    /// The sender of the transfer; empty for automatic mail.
    pub sender: String,
    /// Those that the [`Keeper`] took, in their order.
    pub recipients: Vec<String>,
    /// With its line ends as they came, and without the dots of the transfer.
    pub letter: Letter,
}

/// What becomes of a recipient or a letter: code, enhanced code (RFC 3463) and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    code: u16,
    enhanced: &'static str,
    text: String,
}

impl Answer {
    /// The letter is kept, durably.
    pub fn kept(text: impl Into<String>) -> Answer {
        Answer { code: 250, enhanced: "2.0.0", text: text.into() }
    }
    /// Letters to this recipient are taken.
    pub fn known() -> Answer {
        Answer { code: 250, enhanced: "2.1.5", text: "Recipient ok".to_owned() }
    }
    /// There is no such mailbox, and will be none when it is tried again.
    pub fn unknown(text: impl Into<String>) -> Answer {
        Answer { code: 550, enhanced: "5.1.1", text: text.into() }
    }
    /// It cannot be kept now, and is to be tried again.
    pub fn later(text: impl Into<String>) -> Answer {
        Answer { code: 451, enhanced: "4.3.0", text: text.into() }
    }
    /// It will never be kept.
    pub fn refused(text: impl Into<String>) -> Answer {
        Answer { code: 554, enhanced: "5.6.0", text: text.into() }
    }

    pub fn is_positive(&self) -> bool {
        self.code < 400
    }
}

/// Who knows the mailboxes and keeps letters.
pub trait Keeper: Send + Sync {
    /// Larger letters are refused.
    fn room(&self) -> &Room;
    /// Whether letters to this address are taken.
    fn recipient(&self, address: &str) -> impl Future<Output = Answer> + Send;
    /// An answer for each recipient of the letter, in their order. A positive one promises that the letter is kept durably
    /// (RFC 2033 §4.2).
    fn letter(&self, handed: Handed) -> impl Future<Output = Vec<Answer>> + Send;
    /// The same of a letter that could not be written down here when it came.
    fn unkept(&self, error: &io::Error) -> Answer;
}
