//! `postern mailbox apply FILE.toml`: makes or changes the mailboxes of a file. Running it twice changes
//! nothing the second time.
mod file;

use crate::json;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, config};
use desk::db::Tx;
use desk::mailboxes::mailbox::{
    self, Account, Completeness, EnteredServer, Mailbox, OutgoingMailbox, RemoteMailbox, ServerSide, Side,
};
use desk::mailboxes::{client, client::EnteredClient, grant};
use desk::people::department;
use desk::site::vault::{self, Vault};
use desk::{By, Refusal};
use file::{File, Wanted};
use secrecy::SecretString;
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
        match desk.db.write(|tx| apply(tx, &desk.vault, &by, wanted, &randoms, &site)) {
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
    vault: &Vault,
    by: &By,
    wanted: &Wanted,
    randoms: &Randoms,
    site: &url::Url,
) -> desk::Result<Outcome> {
    let entry = &wanted.entry;
    let name = entry.department.as_deref().unwrap_or("Support");
    let department = department::find_by_name(tx, name)?
        .ok_or_else(|| Refusal::Other(format!("There is no department {name}.")))?;
    let (id, mut done) = match mailbox::find_by_address(tx, &entry.address)? {
        Some(found) => (found.id, "unchanged"),
        None => {
            let shown = entry.name.as_deref().unwrap_or(&entry.address);
            (mailbox::create(tx, by, &entry.address, shown, department.id)?, "created")
        }
    };
    let found = get(tx, id)?;
    let account = Account {
        address: entry.address.clone(),
        name: entry.name.clone().unwrap_or_else(|| found.name.clone()),
        department_id: department.id,
        notes: found.notes.clone(),
    };
    let mut changed = false;
    if account.name != found.name || account.department_id != found.department_id {
        mailbox::change_account(tx, by, id, &account)?;
        changed = true;
    }
    let has_client = wanted.client.is_some();
    let completeness = if has_client { Completeness::Draft } else { Completeness::Complete };
    if !same_remote(tx, vault, &found, &wanted.remote)? {
        mailbox::change_remote(tx, vault, by, id, &wanted.remote, completeness, randoms.nonces[0])?;
        changed = true;
    }
    if let Some(entered) = &wanted.client {
        changed |= apply_client(tx, vault, by, id, entered, randoms)?;
    }
    if !same_outgoing(tx, vault, &found, &wanted.outgoing)? {
        mailbox::change_outgoing(tx, vault, by, id, &wanted.outgoing, completeness, randoms.nonces[2])?;
        changed = true;
    }
    if changed && done == "unchanged" {
        done = "changed";
    }
    let found = get(tx, id)?;
    let view = json::view(tx, found, site)?;
    let consented = view.grant.as_ref().is_some_and(|g| g.state == grant::State::Fulfilled);
    let authorize_at =
        (view.client.is_some() && !consented).then(|| web::links::mailbox(site, id).to_string());
    Ok(Outcome { address: view.mailbox.address, done, callback: view.callback, authorize_at })
}

fn get(tx: &mut Tx<'_>, id: i64) -> desk::Result<Mailbox> {
    mailbox::find(tx, id)?.ok_or_else(|| Refusal::NotFound("mailbox").into())
}

fn apply_client(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    mailbox_id: i64,
    entered: &EnteredClient,
    randoms: &Randoms,
) -> desk::Result<bool> {
    let mailbox = get(tx, mailbox_id)?;
    let mut changed = false;
    let id = match mailbox.incoming.client_id {
        Some(id) => id,
        None => {
            let id = client::create(tx, by, "microsoft", &randoms.public_id)?;
            mailbox::set_client(tx, by, mailbox_id, Side::Incoming, id)?;
            changed = true;
            id
        }
    };
    let Some(found) = client::find(tx, id)? else { return Err(Refusal::NotFound("registration").into()) };
    let mut entered = entered.clone();
    if entered.name.is_empty() {
        entered.name = if found.name.is_empty() { mailbox.address.clone() } else { found.name.clone() };
    }
    entered.notes.clone_from(&found.notes);
    if entered.scopes.is_empty() {
        entered.scopes.clone_from(&found.scopes);
    }
    let secret_same = match &entered.client_secret {
        None => true,
        Some(secret) => vault::is_same(client::secret_for_system(tx, vault, id)?.as_ref(), secret),
    };
    let endpoints = |empty: &str, stored: &str| empty.is_empty() || empty == stored;
    let same = found.tenant == entered.tenant
        && found.client_id == entered.client_id
        && found.scopes == entered.scopes
        && found.strict_matching == entered.strict_matching
        && found.active == entered.active
        && found.name == entered.name
        && endpoints(&entered.authorization_endpoint, &found.authorization_endpoint)
        && endpoints(&entered.token_endpoint, &found.token_endpoint)
        && secret_same;
    if same {
        return Ok(changed);
    }
    client::change(tx, vault, by, id, &entered, randoms.scheme, Completeness::Complete, randoms.nonces[1])?;
    Ok(true)
}

fn same_server(side: &ServerSide, entered: &EnteredServer) -> bool {
    side.host == entered.host
        && side.port == entered.port
        && side.security == entered.security
        && side.authentication == entered.authentication
        && side.user == entered.user
}

fn same_password(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    side: Side,
    given: Option<&SecretString>,
) -> desk::Result<bool> {
    match given {
        None => Ok(true),
        Some(given) => Ok(vault::is_same(mailbox::password_for_system(tx, vault, id, side)?.as_ref(), given)),
    }
}

fn same_remote(
    tx: &mut Tx<'_>,
    vault: &Vault,
    found: &Mailbox,
    wanted: &RemoteMailbox,
) -> desk::Result<bool> {
    let same = same_server(&found.incoming, &wanted.server)
        && found.folder == wanted.folder
        && found.active == wanted.active
        && found.frequency_s == wanted.frequency_s
        && found.batch == wanted.batch
        && found.fetched == wanted.fetched
        && found.start_from == wanted.start_from;
    Ok(same && same_password(tx, vault, found.id, Side::Incoming, wanted.server.password.as_ref())?)
}

fn same_outgoing(
    tx: &mut Tx<'_>,
    vault: &Vault,
    found: &Mailbox,
    wanted: &OutgoingMailbox,
) -> desk::Result<bool> {
    let same = same_server(&found.outgoing, &wanted.server)
        && found.outgoing_active == wanted.active
        && found.header_spoofing == wanted.header_spoofing;
    Ok(same && same_password(tx, vault, found.id, Side::Outgoing, wanted.server.password.as_ref())?)
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
