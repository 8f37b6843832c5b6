//! Registrations are made or changed: of one mailbox, or shared by several. A certificate that is asked for and missing
//! is made.
use super::Randoms;
use super::asked::AskedClient;
use super::file::Wanted as WantedMailbox;
use super::registration::{Registration, Wanted};
use anyhow::{Context as _, bail};
use desk::db::Tx;
use desk::mailboxes::client::certificate::{self, NewCertificate};
use desk::mailboxes::client::hosts::{self, Before, Held};
use desk::mailboxes::client::{Authentication, Client};
use desk::mailboxes::mailbox::{self, Completeness, Side};
use desk::mailboxes::{choice, client};
use desk::site::event;
use desk::{By, Desk, Refusal};
use mail::provider::Preset;
use secrecy::ExposeSecret as _;
use std::path::PathBuf;

/// Certificates for what the file asks, made outside of the transaction: it takes a second.
pub struct Made {
    pub incoming: Option<NewCertificate>,
    pub outgoing: Option<NewCertificate>,
}

impl Made {
    pub fn for_mailbox(
        desk: &Desk,
        random: &courier::Random,
        now: i64,
        wanted: &WantedMailbox,
    ) -> anyhow::Result<Made> {
        let address = &wanted.entry.address;
        let of = |side: Side, asked: &Option<Wanted>| {
            let Some(Wanted::Own(asked)) = asked else { return Ok(None) };
            let stored = desk.db.read(|tx| {
                let found = mailbox::find_by_address(tx, address)?;
                let id = found.and_then(|found| found.server(side).client_id);
                id.map_or(Ok(None), |id| client::find(tx, id))
            })?;
            missing(random, now, asked, stored.as_ref(), address)
        };
        Ok(Made {
            incoming: of(Side::Incoming, &wanted.client)?,
            outgoing: of(Side::Outgoing, &wanted.outgoing_client)?,
        })
    }
}

fn missing(
    random: &courier::Random,
    now: i64,
    asked: &AskedClient,
    stored: Option<&Client>,
    name: &str,
) -> anyhow::Result<Option<NewCertificate>> {
    let wanted = asked.authentication == Some(Authentication::Certificate);
    if !wanted || stored.is_some_and(|stored| stored.has_certificate) {
        return Ok(None);
    }
    courier::authorize::new_certificate(random, name, now).map(Some)
}

/// The `[[client]]` of a file, by name.
pub fn shared(entries: &[Registration], folders: &[PathBuf]) -> anyhow::Result<Vec<(String, AskedClient)>> {
    let mut shared: Vec<(String, AskedClient)> = Vec::new();
    for entry in entries {
        let name = entry.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let name = name.context("a [[client]] needs a name, by which mailboxes name it")?;
        if shared.iter().any(|(other, _)| other == name) {
            bail!("two [[client]] are named “{name}”");
        }
        let asked = entry.asked(folders, "client").with_context(|| format!("client {name}"))?;
        if asked.provider.is_none() {
            bail!("client {name}: provider is needed, such as \"microsoft\" or \"google\"");
        }
        shared.push((name.to_owned(), asked));
    }
    Ok(shared)
}

/// Whether anything of it is another than before.
pub fn apply_shared(
    desk: &Desk,
    by: &By,
    name: &str,
    asked: &AskedClient,
    randoms: &Randoms,
    random: &courier::Random,
) -> desk::Result<bool> {
    let stored = desk.db.read(|tx| client::find_by_name(tx, name))?;
    let made = missing(random, by.at, asked, stored.as_ref(), name)?;
    let key = asked.provider.as_deref().unwrap_or(client::OTHER);
    desk.db.write(|tx| {
        let before = event::newest(tx)?;
        let id = match client::find_by_name(tx, name)? {
            Some(found) => choice::choose(tx, &desk.providers, by, found.id, key)?.id,
            None => client::create(tx, &desk.providers, by, key, &randoms.public_id)?,
        };
        change(tx, desk, by, id, asked, name, randoms, made.as_ref())?;
        Ok(event::newest(tx)? != before)
    })
}

/// A side of a mailbox gets its registration, or the shared one.
pub fn apply(
    tx: &mut Tx<'_>,
    desk: &Desk,
    by: &By,
    (mailbox_id, side): (i64, Side),
    wanted: &Wanted,
    preset: Option<&Preset>,
    randoms: &Randoms,
    made: Option<&NewCertificate>,
    shared: &[(String, AskedClient)],
) -> desk::Result<()> {
    let mailbox = mailbox::get(tx, mailbox_id)?;
    let asked = match wanted {
        Wanted::Shared(name) => {
            let found = client::find_by_name(tx, name)?.ok_or_else(|| {
                Refusal::Other(format!(
                    "There is no client “{name}”: neither a [[client]] of the file nor a registration."
                ))
            })?;
            // What the file holds for it is for this mailbox too.
            if let Some(asked) = of_file(wanted, shared) {
                enter(tx, found.id, mailbox_id, asked, None)?;
            }
            return choice::bind(tx, &desk.providers, by, mailbox_id, side, found.id);
        }
        Wanted::Own(asked) => asked,
    };
    let key = preset.map_or(client::OTHER, |preset| preset.key.as_str());
    let id = match mailbox.server(side).client_id {
        Some(id) => choice::choose(tx, &desk.providers, by, id, key)?.id,
        None => {
            let id = client::create(tx, &desk.providers, by, key, &randoms.public_id)?;
            mailbox::set_client(tx, by, mailbox_id, side, id)?;
            id
        }
    };
    change(tx, desk, by, id, asked, &mailbox.address, randoms, made)
}

/// What the file holds is entered for the mailboxes that it names: for their servers as they stand at the end of it.
pub fn entered_for(
    tx: &mut Tx<'_>,
    (mailbox_id, side): (i64, Side),
    wanted: &Wanted,
    shared: &[(String, AskedClient)],
    made: Option<&NewCertificate>,
) -> desk::Result<()> {
    let Some(id) = mailbox::get(tx, mailbox_id)?.server(side).client_id else { return Ok(()) };
    of_file(wanted, shared).map_or(Ok(()), |asked| enter(tx, id, mailbox_id, asked, made))
}

/// What the file says of the registration; `None`: it is the desk's.
fn of_file<'a>(wanted: &'a Wanted, shared: &'a [(String, AskedClient)]) -> Option<&'a AskedClient> {
    match wanted {
        Wanted::Own(asked) => Some(asked),
        Wanted::Shared(name) => shared.iter().find(|(other, _)| other == name).map(|(_, asked)| asked),
    }
}

fn enter(
    tx: &mut Tx<'_>,
    id: i64,
    mailbox_id: i64,
    asked: &AskedClient,
    made: Option<&NewCertificate>,
) -> desk::Result<()> {
    let certificate = match made {
        Some(made) => certificate::in_use(tx, id)?.filter(|one| one.der == made.der),
        None => None,
    };
    let held = [
        asked.client_secret.as_ref().map(|_| Held::Secret),
        asked.account_file.as_ref().map(|_| Held::Account),
        certificate.map(|one| Held::Certificate(one.id)),
    ];
    let mut held = held.into_iter().flatten();
    held.try_for_each(|held| hosts::enter(tx, id, held, Some(mailbox_id), Before::TheSame))
}

/// What a file holds goes to the endpoint that the file names, or to the provider's own: not to one that was typed on a page.
fn goes_where_the_file_says(
    tx: &mut Tx<'_>,
    desk: &Desk,
    found: &Client,
    asked: &AskedClient,
) -> desk::Result<()> {
    if asked.token_endpoint.is_some() || found.token_endpoint.is_empty() {
        return Ok(());
    }
    let origin = |endpoint: &str| url::Url::parse(endpoint.trim()).ok().map(|url| url.origin());
    let own = desk.providers.find(&found.provider).and_then(|preset| preset.endpoints(&found.tenant));
    if own.is_some_and(|own| origin(&own.token) == origin(&found.token_endpoint)) {
        return Ok(());
    }
    let is_kept = match (&asked.client_secret, client::secret_for_system(tx, &desk.vault, found.id)) {
        (None, _) => true,
        (Some(given), Ok(Some(kept))) => kept.expose_secret() == given.expose_secret().trim(),
        // One that does not open any more is entered anew.
        (Some(_), Ok(None) | Err(_)) => false,
    };
    if is_kept && asked.account_file.is_none() {
        return Ok(());
    }
    Err(Refusal::Other(format!(
        "The file holds a secret and no token_endpoint, and the registration's is {}, which is not its provider's: the secret \
         would go there. Name token_endpoint in the file.",
        found.token_endpoint
    ))
    .into())
}

fn change(
    tx: &mut Tx<'_>,
    desk: &Desk,
    by: &By,
    id: i64,
    asked: &AskedClient,
    name: &str,
    randoms: &Randoms,
    made: Option<&NewCertificate>,
) -> desk::Result<()> {
    let found = client::find(tx, id)?.ok_or(Refusal::NotFound("registration"))?;
    if let Some(made) = made.filter(|_| !found.has_certificate) {
        let asked = certificate::For { client_id: id, mailbox_id: None, after: certificate::newest(tx, id)? };
        certificate::add(tx, &desk.vault, by, asked, made, randoms.nonces[3])?;
    }
    let found = client::find(tx, id)?.ok_or(Refusal::NotFound("registration"))?;
    goes_where_the_file_says(tx, desk, &found, asked)?;
    let entered = asked.over(&found, name);
    let (vault, providers, scheme) = (&desk.vault, &desk.providers, randoms.scheme);
    let (completeness, nonces) = (Completeness::Complete, [randoms.nonces[1], randoms.nonces[4]]);
    let with = client::Change { vault, providers, by, scheme, completeness, nonces };
    client::change(tx, &with, id, &entered)?;
    Ok(())
}
