//! `postern mailbox folders ADDRESS`: what there is to choose from.
use crate::output::{self, Done, Failure};
use crate::{Program, open, serve};
use courier::probe::folders::There;
use desk::Desk;
use desk::mailboxes::mailbox::Mailbox;
use serde_json::json;

pub fn run(program: &Program, desk: Desk, mailbox: &Mailbox, site: url::Url) -> Result<Done, Failure> {
    let providers = open::providers(&desk.db)?;
    let courier = serve::courier(&program.config, desk, providers, site)?;
    let offer = serve::runtime()?.block_on(courier::probe::folders::offered(&courier, mailbox.id))?;
    let item = |there: &There| json!({ "name": there.name, "fetched": mailbox.fetches(&there.name), "holds_messages": !there.holds_none, "warning": there.warning });
    let items: Vec<_> = offer.folders.iter().map(item).collect();
    output::print(program.json, &json!({ "address": mailbox.address, "items": items }), || {
        let line = |there: &There| {
            let mark = if mailbox.fetches(&there.name) { "* " } else { "  " };
            let warning = there.warning.map(|warning| format!("      {warning}\n")).unwrap_or_default();
            format!("{mark}{}\n{warning}", there.name)
        };
        offer.folders.iter().map(line).collect()
    })
}
