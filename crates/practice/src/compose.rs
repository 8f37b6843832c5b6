//! A letter written on the practice pages becomes bytes (RFC 5322) and is delivered. Not Postern's replies,
//! which come in by SMTP.

use anyhow::{Result, bail};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;

use crate::mailboxes::{INBOX, SENT};
use crate::people;
use crate::world::World;

/// What a person (or a test) writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writing {
    pub from: String,
    /// Addresses, separated by commas.
    pub to: String,
    pub cc: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Without angle brackets.
    pub in_reply_to: String,
    pub references: Vec<String>,
    /// Extra header lines, such as `Auto-Submitted: auto-replied`.
    pub headers: Vec<(String, String)>,
    pub attachment: Option<Attached>,
}

#[derive(Debug, Clone)]
pub(crate) struct Attached {
    pub name: String,
    pub kind: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Delivered {
    pub message_id: String,
    /// Mailbox and UID.
    pub to: Vec<(String, u32)>,
}

/// Delivers at once into every recipient's INBOX, with a copy in the sender's Sent Items.
pub(crate) fn send(world: &World, writing: &Writing) -> Result<Delivered> {
    let from = writing.from.trim().to_lowercase();
    if !plausible(&from) {
        bail!(
            "The letter needs a sender: choose one, or write an address such as ann.porter@nordwind.example."
        );
    }
    let (to, cc) = (addresses(&writing.to)?, addresses(&writing.cc)?);
    if to.is_empty() {
        bail!("The letter needs a recipient, such as support@contoso.example.");
    }
    let domain = from.rsplit_once('@').map_or("practice.example", |(_, domain)| domain);
    let message_id = format!("{}@{domain}", world.chance.guid());
    let raw = bytes(world, writing, &from, &to, &cc, &message_id)?;
    let mut delivered = Vec::new();
    for recipient in to.iter().chain(&cc) {
        delivered.push((recipient.clone(), deliver(world, recipient, &raw)?));
    }
    world.mailboxes.ensure(&from);
    world.mailboxes.deliver(&from, SENT, &raw, world.clock.now_at(), &["\\Seen"]);
    Ok(Delivered { message_id, to: delivered })
}

/// Puts bytes into an INBOX; a new mailbox is made for an address outside the practice.
pub(crate) fn deliver(world: &World, recipient: &str, raw: &[u8]) -> Result<u32> {
    let mailbox = &people::mailbox_of(recipient);
    if people::in_a_practice_domain(recipient) && people::find(mailbox).is_none() {
        bail!("{recipient} does not exist; the people of the practice are listed under Mailboxes.");
    }
    world.mailboxes.ensure(mailbox);
    match world.mailboxes.deliver(mailbox, INBOX, raw, world.clock.now_at(), &[]) {
        Some(uid) => Ok(uid),
        None => bail!("There are too many practice mailboxes to make one for {recipient}."),
    }
}

fn bytes(
    world: &World,
    writing: &Writing,
    from: &str,
    to: &[String],
    cc: &[String],
    message_id: &str,
) -> Result<Vec<u8>> {
    let mut builder = MessageBuilder::new()
        .from(named(from))
        .to(Address::new_list(to.iter().map(|address| named(address)).collect()))
        .subject(writing.subject.as_str())
        .message_id(message_id)
        .date(world.clock.now_at() / 1000);
    if !cc.is_empty() {
        builder = builder.cc(Address::new_list(cc.iter().map(|address| named(address)).collect()));
    }
    if !writing.in_reply_to.is_empty() {
        builder = builder.in_reply_to(writing.in_reply_to.as_str());
    }
    if !writing.references.is_empty() {
        builder = builder.references(MessageId::new_list(writing.references.iter().map(String::as_str)));
    }
    for (name, value) in &writing.headers {
        let clean = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !name.is_empty();
        if !clean || value.chars().any(char::is_control) {
            bail!("The header {name:?} is not one line of text.");
        }
        builder = builder.header(name.as_str(), Raw::new(value.as_str()));
    }
    builder = builder.text_body(writing.text.as_str());
    if !writing.html.is_empty() {
        builder = builder.html_body(writing.html.as_str());
    }
    if let Some(attached) = &writing.attachment {
        builder =
            builder.attachment(attached.kind.as_str(), attached.name.as_str(), attached.bytes.as_slice());
    }
    Ok(builder.write_to_vec()?)
}

fn named(address: &str) -> Address<'_> {
    match people::name_of(address) {
        "" => address.into(),
        name => (name, address).into(),
    }
}

fn addresses(text: &str) -> Result<Vec<String>> {
    let all = text.split([',', ';']).map(|one| one.trim().to_lowercase()).filter(|one| !one.is_empty());
    let all: Vec<String> = all.collect();
    match all.iter().find(|one| !plausible(one)) {
        Some(bad) => bail!("{bad:?} is not an address; write it like support@contoso.example."),
        None => Ok(all),
    }
}

fn plausible(address: &str) -> bool {
    let clean = !address.chars().any(|c| c.is_control() || c.is_whitespace() || "<>(),;:\"\\/".contains(c));
    clean
        && address
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}
