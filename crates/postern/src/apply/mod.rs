//! `postern mailbox apply FILE.toml`: makes or changes the mailboxes of a file. Running it twice changes
//! nothing the second time.
mod asked;
mod file;

use crate::json;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, config};
use asked::{AskedClient, Stands};
use desk::db::Tx;
use desk::mailboxes::mailbox::{self, Account, Completeness, Mailbox, Side};
use desk::mailboxes::{choice, client, grant};
use desk::people::department;
use desk::site::event;
use desk::{By, Desk, Refusal};
use file::{File, Wanted};
use mail::provider::{Book, Preset};
use std::fmt::Write as _;
use std::path::Path;

/// What was done to one mailbox.
struct Outcome {
    address: String,
    done: &'static str,
    callback: Option<String>,
    authorize_at: Option<String>,
}

pub fn run(program: &Program, file: &Path) -> Result<Done, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?;
    let parsed: File = toml::from_str(&text)
        .map_err(|e| Failure::usage(format!("{}{}", file.display(), config::toml_mistake(&text, &e))))?;
    if parsed.mailboxes.is_empty() {
        return Err(Failure::usage(format!("{} holds no [[mailbox]].", file.display())));
    }
    let folders = [file.parent().unwrap_or(Path::new(".")).to_owned(), program.config.data.clone()];
    let wanted = parsed.mailboxes.into_iter().map(|entry| entry.wanted(&folders));
    let wanted: Vec<Wanted> = wanted
        .collect::<anyhow::Result<_>>()
        .map_err(|e| Failure::Usage(e.context(file.display().to_string())))?;
    let desk = open::desk(&program.config, Missing::Make)?;
    let scheme = if open::is_demo(&desk.db)? { client::Scheme::Practice } else { client::Scheme::HttpsOnly };
    let site = open::site(&program.config, &desk.db)?;
    let by = By::system(courier::Clock::system().now());
    let random = courier::Random::system();
    let mut outcomes = Vec::new();
    let wanted_count = wanted.len();
    for (position, wanted) in wanted.iter().enumerate() {
        let randoms = Randoms {
            public_id: public_id(&random),
            nonces: [random.bytes(), random.bytes(), random.bytes()],
            scheme,
        };
        match desk.db.write(|tx| apply(tx, &desk, &by, wanted, &randoms, &site)) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => {
                print(program, &outcomes)?; // these are done all the same
                let behind = wanted_count - position - 1;
                return Err(named(error, &wanted.entry.address, behind));
            }
        }
    }
    print(program, &outcomes)
}

fn named(error: desk::Error, address: &str, behind: usize) -> Failure {
    let rest = match behind {
        0 => String::new(),
        1 => ", and the mailbox behind it in the file was not looked at".to_owned(),
        n => format!(", and the {n} mailboxes behind it in the file were not looked at"),
    };
    Failure::Failed(anyhow::Error::new(error).context(format!("{address} was not applied{rest}")))
}

/// 128 random bits, as they stand in a Callback Endpoint.
fn public_id(random: &courier::Random) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, random.bytes::<16>())
}

/// Drawn once a mailbox, since a transaction may run again.
struct Randoms {
    public_id: String,
    nonces: [[u8; 24]; 3],
    scheme: client::Scheme,
}

fn apply(
    tx: &mut Tx<'_>,
    desk: &Desk,
    by: &By,
    wanted: &Wanted,
    randoms: &Randoms,
    site: &url::Url,
) -> desk::Result<Outcome> {
    let entry = &wanted.entry;
    let (id, stands) = stand(tx, by, wanted)?;
    // Whatever changes is an event of this transaction.
    let before = event::newest(tx)?;
    let found = mailbox::get(tx, id)?;
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
    let remote = wanted.remote.over(&found, stands, preset);
    mailbox::change_remote(tx, &desk.vault, by, id, &remote, completeness, randoms.nonces[0])?;
    if let Some(asked) = &wanted.client {
        apply_client(tx, desk, by, id, asked, preset, randoms)?;
    }
    if let Some(outgoing) = &wanted.outgoing {
        let found = mailbox::get(tx, id)?;
        let outgoing = outgoing.over(&found, stands, preset)?;
        let (vault, providers) = (&desk.vault, &desk.providers);
        mailbox::change_outgoing(tx, vault, providers, by, id, &outgoing, completeness, randoms.nonces[2])?;
    }
    let done = match stands {
        Stands::Anew => "created",
        Stands::Already if event::newest(tx)? != before => "changed",
        Stands::Already => "unchanged",
    };
    let found = mailbox::get(tx, id)?;
    let view = json::view(tx, found, site)?;
    let consented = view.grant.as_ref().is_some_and(|g| g.state == grant::State::Fulfilled);
    let authorize_at =
        (view.client.is_some() && !consented).then(|| web::links::mailbox(site, id).to_string());
    Ok(Outcome { address: view.mailbox.address, done, callback: view.callback, authorize_at })
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
    let client = match stored.incoming.client_id {
        Some(id) => client::find(tx, id)?,
        None => None,
    };
    let authentication = wanted.remote.server.authentication.unwrap_or(stored.incoming.authentication);
    let named = wanted.client.as_ref().and_then(|client| client.provider.as_deref());
    asked::preset(providers, authentication, named, client.as_ref().map(|c| c.provider.as_str()), stored)
}

fn apply_client(
    tx: &mut Tx<'_>,
    desk: &Desk,
    by: &By,
    mailbox_id: i64,
    asked: &AskedClient,
    preset: Option<&Preset>,
    randoms: &Randoms,
) -> desk::Result<()> {
    let mailbox = mailbox::get(tx, mailbox_id)?;
    let key = preset.map_or(client::OTHER, |preset| preset.key.as_str());
    let id = match mailbox.incoming.client_id {
        Some(id) => choice::choose(tx, &desk.providers, by, id, key)?.id,
        None => {
            let id = client::create(tx, &desk.providers, by, key, &randoms.public_id)?;
            mailbox::set_client(tx, by, mailbox_id, Side::Incoming, id)?;
            id
        }
    };
    let found = client::find(tx, id)?.ok_or(Refusal::NotFound("registration"))?;
    let entered = asked.over(&found, &mailbox.address);
    let (vault, providers, complete) = (&desk.vault, &desk.providers, Completeness::Complete);
    client::change(tx, vault, providers, by, id, &entered, randoms.scheme, complete, randoms.nonces[1])?;
    Ok(())
}

fn print(program: &Program, outcomes: &[Outcome]) -> Result<Done, Failure> {
    let item = |o: &Outcome| serde_json::json!({ "address": o.address, "done": o.done, "callback": o.callback, "authorize_at": o.authorize_at });
    let document = output::page(outcomes.iter().map(item).collect(), None);
    output::print(program.json, &document, || {
        outcomes.iter().fold(String::new(), |mut text, o| {
            let _ = writeln!(text, "{}: {}", o.address, o.done);
            if let Some(callback) = &o.callback {
                let _ = writeln!(text, "  Callback Endpoint: {callback}");
            }
            if let Some(place) = &o.authorize_at {
                let _ = writeln!(text, "  Consent is missing. Give it here: {place}");
            }
            text
        })
    })
}
