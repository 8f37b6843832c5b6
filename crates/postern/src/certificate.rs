//! `postern mailbox certificate`: the public certificate for the provider's portal, and its roll-over. The private key is
//! never printed.
use crate::json;
use crate::output::{self, Done, Failure};
use crate::{Program, mailbox};
use clap::ValueEnum;
use desk::mailboxes::client::certificate::{self, Certificate, State};
use desk::mailboxes::client::{self, Client};
use desk::{By, Desk};
use serde_json::json;
use std::fmt::Write as _;

/// A step of the roll-over.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Step {
    /// Make one; while another is in use, the new one waits
    Make,
    /// Use the newest; the one before waits from then on
    Use,
    /// Go back to the one before, while it is not retired
    Back,
    /// Destroy the key of the one that waits
    Retire,
}

/// What is asked of the mailbox's registration.
#[derive(Debug)]
pub struct Asked {
    pub address: String,
    /// The outgoing side's registration, where it has one of its own.
    pub outgoing: bool,
    /// The one that waits instead of the one in use.
    pub waiting: bool,
    pub step: Option<Step>,
}

pub fn run(program: &Program, desk: &Desk, by: &By, asked: &Asked) -> Result<Done, Failure> {
    let found = mailbox::find(desk, &asked.address)?;
    let id = if asked.outgoing { found.outgoing.client_id } else { found.incoming.client_id };
    let id = id.ok_or_else(|| Failure::NotFound(format!("{} has no registration there.", asked.address)))?;
    let client = desk.db.read(|tx| client::find(tx, id))?;
    let client =
        client.ok_or_else(|| Failure::NotFound(format!("{} has no registration there.", asked.address)))?;
    match asked.step {
        Some(Step::Make) => make(desk, by, &client, found.id)?,
        // Named by their age: the one that waits is another one after each step.
        Some(Step::Use) => desk.db.write(|tx| {
            let newest = certificate::list(tx, id)?.into_iter().max_by_key(|one| one.id);
            certificate::put_in_use(tx, by, id, newest.ok_or_else(|| none_waits("use"))?.id)
        })?,
        Some(Step::Back) => desk.db.write(|tx| {
            let there = certificate::list(tx, id)?;
            let [one, other] = there.as_slice() else { return Err(none_waits("go back to")) };
            certificate::put_in_use(tx, by, id, one.id.min(other.id))
        })?,
        Some(Step::Retire) => {
            let ended = desk.db.write(|tx| {
                let old = certificate::waiting(tx, id)?.ok_or_else(|| none_waits("retire"))?;
                certificate::retire_waiting(tx, by, id, old.id)?;
                Ok::<_, desk::Error>(old)
            })?;
            let retired = Certificate { state: State::Retired, ..ended };
            return output::print(program.json, &document(&retired), || {
                format!("The certificate {} is retired: its key is destroyed.\n", retired.thumbprint)
            });
        }
        None => {}
    }
    let there = desk.db.read(|tx| certificate::list(tx, id))?;
    let waits = there.iter().any(|one| one.state == State::Waiting);
    let wanted = if asked.waiting || matches!(asked.step, Some(Step::Make)) && waits {
        State::Waiting
    } else {
        State::InUse
    };
    let shown = there.iter().find(|one| one.state == wanted).ok_or_else(|| {
        let make = format!("Make one: postern mailbox certificate {} make.", asked.address);
        Failure::NotFound(format!("There is no such certificate of {}. {make}", asked.address))
    })?;
    output::print(program.json, &document(shown), || pem(&shown.der))
}

fn none_waits(to: &str) -> desk::Error {
    let next = if to == "use" { " Make the next one first." } else { "" };
    desk::Refusal::Other(format!("There is no second certificate to {to}.{next}")).into()
}

fn make(desk: &Desk, by: &By, client: &Client, mailbox_id: i64) -> Result<(), Failure> {
    let after = desk.db.read(|tx| certificate::newest(tx, client.id))?;
    let asked = certificate::For { client_id: client.id, mailbox_id: Some(mailbox_id), after };
    let random = courier::Random::system();
    Ok(courier::authorize::make_certificate_here(desk, &random, by, asked, &client.name)?)
}

fn document(of: &Certificate) -> serde_json::Value {
    json!({
        "state": of.state.word(),
        "thumbprint": of.thumbprint,
        "expires_at": json::time(of.not_after),
        "pem": pem(&of.der),
    })
}

/// Lines of 64 letters (RFC 7468).
fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in lines {
        let _ = writeln!(pem, "{line}");
    }
    pem + "-----END CERTIFICATE-----\n"
}
