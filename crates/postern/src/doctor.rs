//! `postern doctor`: a mailbox looked at link by link, exit status 1 if one is broken.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, json, mailbox, serve};
use clap::Args;
use courier::doctor::{self, Examination, Extent, Step};
use serde_json::{Value, json};

const BROKEN: u8 = 1;

#[derive(Args)]
pub struct Doctor {
    address: String,
    /// Also send a letter from the mailbox to itself, and wait until it comes back
    #[arg(long)]
    round_trip: bool,
}

pub fn run(program: &Program, asked: &Doctor) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let site = open::site(&program.config, &desk.db)?;
    let id = mailbox::find(&desk, &asked.address)?.id;
    let providers = open::providers(&desk.db)?;
    let courier = serve::courier(&program.config, desk, providers, site)?;
    let extent = if asked.round_trip { Extent::WithRoundTrip } else { Extent::Links };
    let examination = serve::runtime()?.block_on(doctor::examine(&courier, id, extent))?;
    output::print(program.json, &document(&examination), || examination.transcript())?;
    Ok(if examination.is_well() { Done::Fine } else { Done::Status(BROKEN) })
}

fn document(of: &Examination) -> Value {
    json!({
        "address": of.address,
        "at": json::time(of.at),
        "ok": of.is_well(),
        "steps": of.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(of: &Step) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    json!({
        "side": of.part.word(),
        "step": of.link.word(),
        "result": of.result.word(),
        "found": of.found,
        "detail": text(&of.detail),
        "remedy": text(&of.remedy),
        "code": text(&of.code),
        "publish": of.publish.as_ref().map(|record| json!({ "name": record.name, "type": "TXT", "value": record.value })),
        "lines": of.lines,
        "took_ms": u64::try_from(of.took.as_millis()).unwrap_or(u64::MAX),
    })
}
