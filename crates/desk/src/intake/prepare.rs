//! What is done to a raw message outside the transaction: it is parsed, a winmail.dat is opened, and the parts are
//! put into the store. A large one goes through piece by piece (`large`), and the parts of it that are large are in the
//! store before it is parsed.
mod large;

pub use large::{Unread, parse_large, said_large};

use crate::Result;
use crate::files::store::{Store, Stored};

/// A raw message of more than this is never in memory as a whole. What parsing a smaller one takes is some three times as
/// much.
pub const LARGE_BYTES: u64 = 8 * 1024 * 1024;

/// A message that was read, and those of its contents that are elsewhere already.
#[derive(Debug)]
pub struct Parsed {
    pub message: mail::Message,
    /// `Attachment::handed_over` counts these.
    pub handed_over: Vec<Stored>,
}
impl From<mail::Message> for Parsed {
    fn from(message: mail::Message) -> Parsed {
        Parsed { message, handed_over: Vec::new() }
    }
}
impl Parsed {
    /// Bytes of what of it waits in memory for the store.
    pub fn bytes(&self) -> usize {
        parts(&self.message).map(<[u8]>::len).sum()
    }
}

/// A parsed message with its parts durably in the store: made off the transaction.
#[derive(Debug)]
pub struct Prepared {
    pub message: mail::Message,
    pub html: Option<Stored>,
    /// In the order of `message.attachments`.
    pub attachments: Vec<Stored>,
}
impl Prepared {
    /// What of it is in the store.
    pub fn parts(&self) -> impl Iterator<Item = &Stored> {
        self.html.iter().chain(&self.attachments)
    }
}
/// Never fails on a message.
pub fn parse(raw: &[u8]) -> Parsed {
    let mut message = mail::message::parse(raw);
    mail::message::unpack(&mut message);
    message.into()
}
/// Parses the raw bytes and stores HTML and attachments. Never fails on a message, only on the store.
pub fn prepare(store: &Store, raw: &[u8]) -> Result<Prepared> {
    let mut kept = keep(store, vec![parse(raw)])?;
    Ok(kept.pop().ok_or_else(|| anyhow::anyhow!("invariant: one message, one result"))?)
}
/// Stores HTML and attachments of parsed and unpacked messages, those of all with one sync. Their bytes are in the store
/// afterwards and no longer in the messages.
pub fn keep(store: &Store, parsed: Vec<Parsed>) -> Result<Vec<Prepared>> {
    let contents: Vec<&[u8]> = parsed.iter().flat_map(|parsed| parts(&parsed.message)).collect();
    let mut stored = store.put_all(&contents)?.into_iter();
    parsed.into_iter().map(|parsed| put_away(parsed, &mut stored)).collect()
}
/// The same without a store: what its parts would be called, for a message that is not kept.
pub fn unkept(parsed: Parsed) -> Result<Prepared> {
    let stored: Vec<Stored> = parts(&parsed.message).map(Stored::nowhere).collect();
    put_away(parsed, &mut stored.into_iter())
}
/// The next of these are its parts, in the order of [`parts`].
fn put_away(parsed: Parsed, stored: &mut impl Iterator<Item = Stored>) -> Result<Prepared> {
    let Parsed { mut message, handed_over } = parsed;
    let html = message.html.take().and_then(|_| stored.next());
    let place = |attachment: &mail::message::Attachment| match attachment.handed_over {
        Some(index) => handed_over.get(index).cloned(),
        None => stored.next(),
    };
    let attachments: Option<Vec<Stored>> = message.attachments.iter().map(place).collect();
    let attachments = attachments.ok_or_else(|| anyhow::anyhow!("invariant: every part has its place"))?;
    message.attachments.iter_mut().for_each(|attachment| attachment.content = Vec::new());
    Ok(Prepared { message, html, attachments })
}
/// What of a message goes into the store now.
fn parts(message: &mail::Message) -> impl Iterator<Item = &[u8]> {
    let html = message.html.as_ref().map(|html| html.as_bytes());
    let here = message.attachments.iter().filter(|attachment| attachment.handed_over.is_none());
    html.into_iter().chain(here.map(|attachment| attachment.content.as_slice()))
}
