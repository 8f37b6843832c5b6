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
/// The attachments' bytes are in the store afterwards and no longer in the message.
pub fn prepare(store: &Store, raw: &[u8]) -> Result<Prepared> {
    let mut message = mail::message::parse(raw);
    mail::message::unpack(&mut message);
    let html = message.html.as_ref().map(|html| html.as_bytes());
    let contents: Vec<&[u8]> =
        html.into_iter().chain(message.attachments.iter().map(|a| a.content.as_slice())).collect();
    let mut stored = store.put_all(&contents)?.into_iter();
    let html = if message.html.is_some() { stored.next() } else { None };
    let attachments = stored.collect();
    message.attachments.iter_mut().for_each(|attachment| attachment.content = Vec::new());
    Ok(Prepared { message, html, attachments })
}
