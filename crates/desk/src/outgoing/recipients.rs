//! To whom a reply goes: what the composer offers, and what is made of what was typed.
use crate::mailboxes::mailbox;
use crate::people::person::{self, Person};
use crate::tickets::participant::{self, Standing};
use crate::tickets::ticket::{self, Ticket};
use crate::{Refusal, Result, db::Tx};
use mail::Address;

/// More is a mailing, and gets a mailbox blocked by its provider.
pub const RECIPIENTS_MAX: usize = 100;

/// The lines To and Cc as the composer shows them at first: the requester; the ticked participants; and
/// those who are only offered.
#[derive(Clone, Debug, Default)]
pub struct Recipients {
    pub to: String,
    pub cc: String,
    pub offered: Vec<Person>,
}
pub fn recipients(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Recipients> {
    let Some(ticket) = ticket::find_for_system(tx, ticket_id)? else { return Ok(Recipients::default()) };
    let mut out = Recipients::default();
    if !ticket.requester_address.is_empty() {
        out.to = shown(ticket.requester_name.as_deref(), &ticket.requester_address);
    }
    let mut ticked = Vec::new();
    for someone in participant::list(tx, ticket_id)? {
        match someone.standing {
            Standing::Participant => {
                ticked.push(shown(someone.person.name.as_deref(), &someone.person.address))
            }
            Standing::Offered => out.offered.push(someone.person),
        }
    }
    out.cc = ticked.join(", ");
    Ok(out)
}
fn shown(name: Option<&str>, address: &str) -> String {
    Address { name: name.map(str::to_owned).filter(|n| !n.is_empty()), address: Some(address.to_owned()) }
        .to_string()
}

/// Whom a reply goes to, each once.
pub(super) struct Addressed {
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
}
impl Addressed {
    pub(super) fn all(&self) -> impl Iterator<Item = &Person> {
        self.to.iter().chain(&self.cc)
    }
}
/// `None`: as the composer would show it. The desk's own mailboxes are taken out, or a reply would come back
/// as a letter; save the one that asks (mail from one mailbox of the desk to another).
pub(super) fn addressed(
    tx: &mut Tx<'_>,
    ticket: &Ticket,
    to: Option<&str>,
    cc: Option<&str>,
) -> Result<Addressed> {
    let offered = match (to, cc) {
        (Some(_), Some(_)) => Recipients::default(),
        _ => recipients(tx, ticket.id)?,
    };
    let mut taken = mailbox::own_addresses(tx)?;
    let own = ticket.mailbox.as_deref().map(mail::address::key);
    let requester = mail::address::key(&ticket.requester_address);
    taken.retain(|key| *key != requester || Some(key) == own.as_ref());
    let to = people(to.unwrap_or(&offered.to), &mut taken)?;
    let cc = people(cc.unwrap_or(&offered.cc), &mut taken)?;
    if to.is_empty() {
        return Err(Refusal::NoRecipient.into());
    }
    if to.len() + cc.len() > RECIPIENTS_MAX {
        return Err(Refusal::Other(format!("A reply can go to {RECIPIENTS_MAX} people at most.")).into());
    }
    Ok(Addressed { to, cc })
}
fn people(typed: &str, taken: &mut Vec<String>) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    for address in mail::address::parse_list(typed) {
        let Some(bare) =
            address.address.as_deref().map(str::trim).filter(|a| mail::address::is_valid_mailbox(a))
        else {
            return Err(Refusal::BadAddress(as_typed(typed, &address)).into());
        };
        let key = mail::address::key(bare);
        if !taken.contains(&key) {
            taken.push(key);
            let name = address.name.as_deref().map(person::one_line).filter(|name| !name.is_empty());
            people.push(Person { name, address: bare.to_owned() });
        }
    }
    Ok(people)
}
/// The piece of what was typed that this came from: a parser drops comments and signs, and a person looks for
/// their own words.
fn as_typed(typed: &str, bad: &Address) -> String {
    let piece = typed.split([',', ';', '\n']).find(|piece| mail::address::parse_list(piece).contains(bad));
    let said = piece.or(bad.address.as_deref()).or(bad.name.as_deref()).unwrap_or(typed);
    person::one_line(said.trim()).chars().take(200).collect()
}
