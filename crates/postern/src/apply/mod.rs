//! `postern mailbox apply FILE.toml`: makes or changes the mailboxes of a file. Running it twice changes
//! nothing the second time.
mod asked;
mod clients;
mod file;
mod outcome;
mod registration;

use crate::open::{self, Missing};
use crate::output::{Done, Failure};
use crate::{Program, config, serve};
use asked::Stands;
use courier::authorize;
use desk::db::Tx;
use desk::mailboxes::client;
use desk::mailboxes::grant::Whose;
use desk::mailboxes::mailbox::{self, Account, Authentication, Completeness, Mailbox, Side};
use desk::people::department;
use desk::site::event;
use desk::{By, Desk, Refusal};
use file::{File, Wanted};
use mail::provider::{Book, Preset};
use outcome::{Outcome, print, tell};
use registration::Wanted as WantedClient;
use std::path::Path;

const CHANGED: &str = "changed";
const UNCHANGED: &str = "unchanged";

pub fn run(program: &Program, file: &Path) -> Result<Done, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?;
    let parsed: File = toml::from_str(&text)
        .map_err(|e| Failure::usage(format!("{}{}", file.display(), config::toml_mistake(&text, &e))))?;
    if parsed.mailboxes.is_empty() {
        return Err(Failure::usage(format!("{} holds no [[mailbox]].", file.display())));
    }
    let folders = [file.parent().unwrap_or(Path::new(".")).to_owned(), program.config.data.clone()];
    let parsed_clients = parsed.clients;
    let wanted = parsed.mailboxes.into_iter().map(|entry| entry.wanted(&folders));
    let wanted: Vec<Wanted> = wanted
        .collect::<anyhow::Result<_>>()
        .map_err(|e| Failure::Usage(e.context(file.display().to_string())))?;
    let shared = clients::shared(&parsed_clients, &folders)
        .map_err(|e| Failure::Usage(e.context(file.display().to_string())))?;
    let desk = open::desk(&program.config, Missing::Make)?;
    let scheme = if open::is_demo(&desk.db)? { client::Scheme::Practice } else { client::Scheme::HttpsOnly };
    let site = open::site(&program.config, &desk.db)?;
    let by = By::system(courier::Clock::system().now());
    let providers = open::providers(&desk.db)?;
    let courier = serve::courier(&program.config, desk, providers, site)?;
    let runtime = serve::runtime()?;
    let watched = runtime.block_on(authorize::watch(&courier, vec![Whose::All]))?;
    let (mut outcomes, failure) = apply_all(&courier, &by, scheme, &wanted, &shared);
    let said = runtime.block_on(authorize::take_back_ended(&courier, &by, watched));
    tell(&mut outcomes, courier.desk(), said)?;
    match failure {
        // These are done all the same.
        Some(failure) => {
            if !outcomes.is_empty() {
                print(program, &outcomes)?;
            }
            Err(failure)
        }
        None => print(program, &outcomes),
    }
}

/// What was done, and why no more was.
fn apply_all(
    courier: &courier::Courier,
    by: &By,
    scheme: client::Scheme,
    wanted: &[Wanted],
    shared: &[(String, asked::AskedClient)],
) -> (Vec<Outcome>, Option<Failure>) {
    let (desk, site, random) = (courier.desk(), courier.site_url(), courier::Random::system());
    let mut outcomes = Vec::new();
    // Registrations of which something is another than before.
    let mut changed: Vec<&str> = Vec::new();
    for (name, asked) in shared {
        let randoms = Randoms::draw(&random, scheme);
        match clients::apply_shared(desk, by, name, asked, &randoms, &random) {
            Ok(true) => changed.push(name),
            Ok(false) => {}
            Err(error) => {
                let error = anyhow::Error::new(error).context(format!("the client {name} was not applied"));
                return (outcomes, Some(Failure::Failed(error)));
            }
        }
    }
    let wanted_count = wanted.len();
    for (position, wanted) in wanted.iter().enumerate() {
        let randoms = [Randoms::draw(&random, scheme), Randoms::draw(&random, scheme)];
        let made = clients::Made::for_mailbox(desk, &random, by.at, wanted);
        let done = made
            .map_err(desk::Error::from)
            .and_then(|made| desk.db.write(|tx| apply(tx, desk, by, wanted, &randoms, &made, site, shared)));
        match done {
            Ok(mut outcome) => {
                let uses = |one: &Option<WantedClient>| matches!(one, Some(WantedClient::Shared(name)) if changed.contains(&name.as_str()));
                if outcome.done == UNCHANGED && (uses(&wanted.client) || uses(&wanted.outgoing_client)) {
                    outcome.done = CHANGED;
                }
                outcomes.push(outcome);
            }
            Err(error) => {
                let behind = wanted_count - position - 1;
                return (outcomes, Some(named(error, &wanted.entry.address, behind)));
            }
        }
    }
    (outcomes, None)
}

fn named(error: desk::Error, address: &str, behind: usize) -> Failure {
    let rest = match behind {
        0 => String::new(),
        1 => ", and the mailbox behind it in the file was not looked at".to_owned(),
        n => format!(", and the {n} mailboxes behind it in the file were not looked at"),
    };
    Failure::Failed(anyhow::Error::new(error).context(format!("{address} was not applied{rest}")))
}

/// Drawn once a mailbox, since a transaction may run again.
struct Randoms {
    /// 128 random bits, as they stand in a Callback Endpoint.
    public_id: String,
    nonces: [[u8; 24]; 5],
    scheme: client::Scheme,
}

impl Randoms {
    fn draw(random: &courier::Random, scheme: client::Scheme) -> Randoms {
        let public_id =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, random.bytes::<16>());
        let nonces = std::array::from_fn(|_| random.bytes());
        Randoms { public_id, nonces, scheme }
    }
}

fn apply(
    tx: &mut Tx<'_>,
    desk: &Desk,
    by: &By,
    wanted: &Wanted,
    [randoms, of_outgoing]: &[Randoms; 2],
    made: &clients::Made,
    site: &url::Url,
    shared: &[(String, asked::AskedClient)],
) -> desk::Result<Outcome> {
    let entry = &wanted.entry;
    let (id, stands) = stand(tx, by, wanted)?;
    // Whatever changes is an event of this transaction.
    let before = event::newest(tx)?;
    let found = mailbox::get(tx, id)?;
    let had = [found.grant_id(Side::Incoming), found.grant_id(Side::Outgoing)];
    let account = Account {
        address: entry.address.clone(),
        name: entry.name.clone().unwrap_or_else(|| found.name.clone()),
        department_id: department(tx, entry.department.as_deref())?.unwrap_or(found.department_id),
        notes: found.notes.clone(),
        shape: wanted.shape.clone().unwrap_or_else(|| found.shape.clone()),
    };
    mailbox::change_account(tx, by, id, &account)?;
    let has_client = wanted.client.is_some();
    let completeness = if has_client { Completeness::Draft } else { Completeness::Complete };
    let preset = provider(tx, &desk.providers, wanted, &found)?;
    if let Some(remote) = &wanted.remote {
        remote.server.says_where_its_password_goes(&found.incoming, "incoming")?;
        let remote = remote.over(&found, stands, preset);
        mailbox::change_remote(tx, &desk.vault, by, id, &remote, completeness, randoms.nonces[0])?;
    }
    if let Some(asked) = &wanted.client {
        let made = made.incoming.as_ref();
        clients::apply(tx, desk, by, (id, Side::Incoming), asked, preset, randoms, made, shared)?;
    }
    if let Some(outgoing) = &wanted.outgoing {
        let found = mailbox::get(tx, id)?;
        let own = wanted.outgoing_client.as_ref();
        let of_own = match own {
            Some(client) => {
                of_outgoing_side(tx, &desk.providers, client, outgoing.server.authentication, &found)?
            }
            None => None,
        };
        outgoing.server.says_where_its_password_goes(&found.outgoing, "outgoing")?;
        let outgoing = outgoing.over(&found, stands, if own.is_some() { of_own } else { preset })?;
        let (vault, providers) = (&desk.vault, &desk.providers);
        let completeness = if own.is_some() { Completeness::Draft } else { completeness };
        mailbox::change_outgoing(tx, vault, providers, by, id, &outgoing, completeness, randoms.nonces[2])?;
        if let Some(asked) = own {
            let made = made.outgoing.as_ref();
            clients::apply(tx, desk, by, (id, Side::Outgoing), asked, of_own, of_outgoing, made, shared)?;
        }
    }
    for (side, asked, made) in [
        (Side::Incoming, &wanted.client, &made.incoming),
        (Side::Outgoing, &wanted.outgoing_client, &made.outgoing),
    ] {
        if let Some(asked) = asked {
            clients::entered_for(tx, (id, side), asked, shared, made.as_ref())?;
        }
    }
    let done = match stands {
        Stands::Anew => "created",
        Stands::Already if event::newest(tx)? != before => CHANGED,
        Stands::Already => UNCHANGED,
    };
    Outcome::of(tx, (desk, site), (id, done), had, by.at)
}

/// The mailbox of that address. One that was removed is added again, with its tickets, its mail and its settings.
fn stand(tx: &mut Tx<'_>, by: &By, wanted: &Wanted) -> desk::Result<(i64, Stands)> {
    let entry = &wanted.entry;
    let found = mailbox::find_by_address(tx, &entry.address)?;
    if let Some(found) = found.as_ref().filter(|found| found.removed_at.is_none()) {
        return Ok((found.id, Stands::Already));
    }
    let kept = found.map(|found| (found.name, found.department_id));
    let (name, department_id) = match kept {
        Some((name, department_id)) => (name, department_id),
        None => {
            let id = department(tx, Some(entry.department.as_deref().unwrap_or("Support")))?;
            (entry.address.clone(), id.ok_or(Refusal::NotFound("department"))?)
        }
    };
    let name = entry.name.as_deref().unwrap_or(&name);
    Ok((mailbox::create(tx, by, &entry.address, name, department_id)?, Stands::Anew))
}

fn department(tx: &mut Tx<'_>, name: Option<&str>) -> desk::Result<Option<i64>> {
    let Some(name) = name else { return Ok(None) };
    match department::find_by_name(tx, name)? {
        Some(found) => Ok(Some(found.id)),
        None => Err(Refusal::Other(format!("There is no department {name}.")).into()),
    }
}

/// The provider that the file asks for, or that stands already.
fn provider<'a>(
    tx: &mut Tx<'_>,
    providers: &'a Book,
    wanted: &Wanted,
    stored: &Mailbox,
) -> desk::Result<Option<&'a Preset>> {
    let asked = wanted.remote.as_ref().and_then(|remote| remote.server.authentication);
    let authentication = asked.unwrap_or(stored.incoming.authentication);
    let (named, registered) = named_or_registered(tx, wanted.client.as_ref(), stored.incoming.client_id)?;
    asked::preset(providers, authentication, named.as_deref(), registered.as_deref(), stored)
}

/// The same of a side that sends through a provider of its own.
fn of_outgoing_side<'a>(
    tx: &mut Tx<'_>,
    providers: &'a Book,
    client: &WantedClient,
    authentication: Option<Authentication>,
    stored: &Mailbox,
) -> desk::Result<Option<&'a Preset>> {
    let authentication = authentication.unwrap_or(stored.outgoing.authentication);
    let (named, registered) = named_or_registered(tx, Some(client), stored.outgoing.client_id)?;
    asked::preset(providers, authentication, named.as_deref(), registered.as_deref(), stored)
}

/// The provider that a registration names, and that of the one that is there.
fn named_or_registered(
    tx: &mut Tx<'_>,
    wanted: Option<&WantedClient>,
    stored: Option<i64>,
) -> desk::Result<(Option<String>, Option<String>)> {
    let provider = |client: Option<client::Client>| client.map(|client| client.provider);
    match wanted {
        // A shared one is of its provider, whatever was there before.
        Some(WantedClient::Shared(name)) => Ok((provider(client::find_by_name(tx, name)?), None)),
        Some(WantedClient::Own(own)) => {
            let found = stored.map(|id| client::find(tx, id)).transpose()?.flatten();
            Ok((own.provider.clone(), provider(found)))
        }
        None => Ok((None, provider(stored.map(|id| client::find(tx, id)).transpose()?.flatten()))),
    }
}
