//! What is done to a raw message outside the transaction: it is parsed, a winmail.dat is opened, and the parts are
//! put into the store.
use crate::Result;
use crate::files::store::{Store, Stored};

/// A parsed message with its parts durably in the store: made off the transaction.
#[derive(Debug)]
pub struct Prepared {
    pub message: mail::Message,
    pub html: Option<Stored>,
    /// In the order of `message.attachments`.
    pub attachments: Vec<Stored>,
}
/// Parses the raw bytes and stores HTML and attachments. Never fails on a message, only on the store.
pub fn prepare(store: &Store, raw: &[u8]) -> Result<Prepared> {
    let mut message = mail::message::parse(raw);
    mail::message::unpack(&mut message);
    let mut kept = keep(store, vec![message])?;
    Ok(kept.pop().ok_or_else(|| anyhow::anyhow!("invariant: one message, one result"))?)
}
/// Stores HTML and attachments of parsed and unpacked messages, those of all with one sync. The attachments' bytes are in the
/// store afterwards and no longer in the messages.
pub fn keep(store: &Store, messages: Vec<mail::Message>) -> Result<Vec<Prepared>> {
    let contents: Vec<&[u8]> = messages.iter().flat_map(parts).collect();
    let mut stored = store.put_all(&contents)?.into_iter();
    Ok(messages.into_iter().map(|message| put_away(message, &mut stored)).collect())
}
/// The same without a store: what its parts would be called, for a message that is not kept.
pub fn unkept(message: mail::Message) -> Prepared {
    let stored: Vec<Stored> = parts(&message).map(Stored::nowhere).collect();
    put_away(message, &mut stored.into_iter())
}
/// The next of these are its parts, in the order of [`parts`].
fn put_away(mut message: mail::Message, stored: &mut impl Iterator<Item = Stored>) -> Prepared {
    let html = message.html.as_ref().and_then(|_| stored.next());
    let attachments = stored.take(message.attachments.len()).collect();
    message.attachments.iter_mut().for_each(|attachment| attachment.content = Vec::new());
    Prepared { message, html, attachments }
}
/// What of a message goes into the store.
pub fn parts(message: &mail::Message) -> impl Iterator<Item = &[u8]> {
    let html = message.html.as_ref().map(|html| html.as_bytes());
    html.into_iter().chain(message.attachments.iter().map(|attachment| attachment.content.as_slice()))
}
