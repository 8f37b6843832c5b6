//! The Exchange side of the portal: mailboxes with their switches, a PowerShell to paste commands into, and
//! the *Enterprise applications* page that shows the object id for them.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::find;
use crate::directory::App;
use crate::exchange::{Access, SmtpAuth};
use crate::page;
use crate::people::{Kind, PEOPLE};
use crate::powershell;
use crate::world::{Shared, World};

struct Row {
    address: &'static str,
    personal: bool,
    imap: bool,
    pop: bool,
    smtp_auth: &'static str,
    /// Who else reads it, and who may send as it.
    reads: Vec<String>,
    sends: Vec<String>,
}

#[derive(Template)]
#[template(path = "portal/exchange.html")]
struct ExchangePage<'a> {
    rows: Vec<Row>,
    script: &'a str,
    answers: Vec<Result<String, String>>,
}

fn rows(world: &World) -> Vec<Row> {
    let at_microsoft =
        |kind| matches!(kind, Kind::Member | Kind::Administrator | Kind::Shared | Kind::Personal);
    world.directory.read(|records| {
        let exchange = &records.exchange;
        let people = PEOPLE.iter().filter(|person| person.signs_in()).map(|person| person.address.to_owned());
        let apps = exchange.principals.iter().map(|principal| principal.object_id.clone());
        let trustees: Vec<String> = people.chain(apps).collect();
        let with = |access, mailbox: &str| {
            let has =
                |trustee: &&String| *trustee != mailbox && exchange.allows(trustee, access, mailbox, None);
            trustees.iter().filter(has).cloned().collect()
        };
        let mailboxes = PEOPLE.iter().filter(|person| at_microsoft(person.kind));
        mailboxes
            .map(|person| Row {
                address: person.address,
                personal: person.kind == Kind::Personal,
                imap: exchange.imap_is_on(person.address),
                pop: exchange.pop_is_on(person.address),
                smtp_auth: match exchange.smtp_auth_is(person.address) {
                    SmtpAuth::On => "on",
                    SmtpAuth::OffForMailbox => "off",
                    SmtpAuth::OffForTenant => "off for the tenant",
                },
                reads: with(Access::Full, person.address),
                sends: with(Access::SendAs, person.address),
            })
            .collect()
    })
}

pub(super) async fn show(State(world): State<Shared>) -> Response {
    page::html(&ExchangePage { rows: rows(&world), script: "", answers: Vec::new() })
}

#[derive(Debug, Deserialize)]
pub(super) struct Script {
    script: String,
}

pub(super) async fn run(State(world): State<Shared>, Form(form): Form<Script>) -> Response {
    let answers = powershell::run(&world, &form.script);
    page::html(&ExchangePage { rows: rows(&world), script: &form.script, answers })
}

#[derive(Debug, Deserialize)]
pub(super) struct Switch {
    mailbox: String,
    /// `imap`, `pop` or `smtp_auth`.
    what: String,
    on: bool,
}

pub(super) async fn switch(State(world): State<Shared>, Form(form): Form<Switch>) -> Response {
    world.directory.change(|records| match form.what.as_str() {
        "imap" => drop(records.exchange.imap.insert(form.mailbox, form.on)),
        "pop" => drop(records.exchange.pop.insert(form.mailbox, form.on)),
        "smtp_auth" => drop(records.exchange.smtp_auth.insert(form.mailbox, form.on)),
        _ => {}
    });
    page::see("/portal/exchange")
}

#[derive(Template)]
#[template(path = "portal/enterprise.html")]
struct EnterprisePage<'a> {
    app: &'a App,
    object_id: String,
}

pub(super) async fn enterprise(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    match find(&world, &client_id) {
        Ok(app) => {
            let object_id = world.service_principal_id(&app.client_id);
            page::html(&EnterprisePage { app: &app, object_id })
        }
        Err(response) => response,
    }
}
