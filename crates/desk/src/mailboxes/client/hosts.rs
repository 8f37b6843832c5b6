//! The mail servers that a token may go to which needs nobody: whoever points a mailbox at another server would get one
//! otherwise, without knowing the secret that it is made from.
use super::{Authentication, Client, Flow, certificate};
use crate::db::Tx;
use crate::mailboxes::mailbox;
use crate::{Refusal, Result, params};
use mail::provider::{Book, Preset};

/// What a token is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Secret,
    /// The key file of a service account.
    Account,
    /// The certificate of that number.
    Certificate(i64),
}

impl Held {
    fn name(self) -> &'static str {
        match self {
            Held::Secret => "Client Secret",
            Held::Account => "Key file of the service account",
            Held::Certificate(_) => "The certificate",
        }
    }
    fn select(self) -> &'static str {
        match self {
            Held::Secret => "SELECT secret_hosts FROM client WHERE id = $1",
            Held::Account => "SELECT account_hosts FROM client WHERE id = $1",
            Held::Certificate(_) => "SELECT mail_hosts FROM client_certificate WHERE id = $1",
        }
    }
    fn update(self) -> &'static str {
        match self {
            Held::Secret => "UPDATE client SET secret_hosts = $2 WHERE id = $1",
            Held::Account => "UPDATE client SET account_hosts = $2 WHERE id = $1",
            Held::Certificate(_) => "UPDATE client_certificate SET mail_hosts = $2 WHERE id = $1",
        }
    }
    fn row(self, client_id: i64) -> i64 {
        match self {
            Held::Secret | Held::Account => client_id,
            Held::Certificate(id) => id,
        }
    }
}

/// What was there before it was entered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The very same: who enters it knows it, and it is for these servers too.
    TheSame,
    /// Another or none: what that one was for is no word about this one.
    Another,
}

/// It is entered for a mailbox: to be called where the whole of it was entered just now, in the same transaction.
pub fn enter(
    tx: &mut Tx<'_>,
    client_id: i64,
    held: Held,
    mailbox_id: Option<i64>,
    before: Before,
) -> Result<()> {
    let mut all = match before {
        Before::TheSame => kept(tx, client_id, held)?,
        Before::Another => Vec::new(),
    };
    if let Some(id) = mailbox_id {
        let mailbox = mailbox::get(tx, id)?;
        for host in [&mailbox.incoming.host, &mailbox.outgoing.host] {
            let host = host.trim().to_ascii_lowercase();
            if !host.is_empty() && !all.contains(&host) {
                all.push(host);
            }
        }
    }
    tx.execute(held.update(), params![held.row(client_id), all.join(" ")])?;
    Ok(())
}

fn kept(tx: &mut Tx<'_>, client_id: i64, held: Held) -> Result<Vec<String>> {
    let (kept,): (String,) = tx.one(held.select(), params![held.row(client_id)])?;
    Ok(kept.split_whitespace().map(str::to_owned).collect())
}

/// The mail servers that a token which needs nobody may go to; `None`: a person signs in, or it is made from nothing yet.
pub fn of(tx: &mut Tx<'_>, providers: &Book, client: &Client) -> Result<Option<Vec<String>>> {
    if !client.flow.is_unattended() {
        return Ok(None);
    }
    if let Some(preset) = client.at_home(providers) {
        return Ok(Some(own_of(preset).into_iter().map(str::to_owned).collect()));
    }
    match held(tx, client)? {
        Some(held) => kept(tx, client.id, held).map(Some),
        None => Ok(None),
    }
}

/// What its tokens are made from.
fn held(tx: &mut Tx<'_>, client: &Client) -> Result<Option<Held>> {
    Ok(match (client.flow, client.authentication) {
        (Flow::ServiceAccount, _) => (!client.account_address.is_empty()).then_some(Held::Account),
        (_, Authentication::Secret) => client.has_secret.then_some(Held::Secret),
        (_, Authentication::Certificate) => {
            certificate::in_use(tx, client.id)?.map(|one| Held::Certificate(one.id))
        }
    })
}

/// Whether a token that needs nobody may go to that mail server. At a known provider its own servers are meant; where the
/// token's endpoint was typed, those that the secret was entered for.
pub fn check(tx: &mut Tx<'_>, providers: &Book, client: &Client, host: &str) -> Result<()> {
    if !client.flow.is_unattended() {
        return Ok(());
    }
    if let Some(preset) = client.at_home(providers) {
        return of_preset(preset, host);
    }
    // Without one nothing is made.
    let Some(held) = held(tx, client)? else { return Ok(()) };
    let known = kept(tx, client.id, held)?;
    if known.iter().any(|one| one.eq_ignore_ascii_case(host.trim())) {
        return Ok(());
    }
    let from = if known.is_empty() { "no mail server yet".to_owned() } else { known.join(", ") };
    let remedy = match held {
        Held::Secret | Held::Account => "Enter it again in this mailbox's Config.",
        Held::Certificate(_) => {
            "Make a new one in this mailbox's Config, upload its .cer file at the provider, then use it."
        }
    };
    Err(Refusal::OtherHost { field: held.name(), from, to: host.to_owned(), remedy }.into())
}

fn own_of(preset: &Preset) -> Vec<&str> {
    let mut own = vec![preset.imap.host.as_str()];
    own.extend(preset.pop.as_ref().map(|pop| pop.host.as_str()));
    own.push(&preset.smtp.host);
    own.extend(preset.graph.as_ref().map(|graph| graph.host.as_str()));
    own.dedup();
    own
}

fn of_preset(preset: &Preset, host: &str) -> Result<()> {
    let own = own_of(preset);
    if own.iter().any(|one| one.eq_ignore_ascii_case(host.trim())) {
        return Ok(());
    }
    let sentence = format!(
        "A token of {} that needs nobody to sign in goes to {} alone, not to {host}. Enter that server, or describe yours \
         in providers.toml.",
        preset.label,
        own.join(" or ")
    );
    Err(Refusal::Other(sentence).into())
}
