//! `postern check`: integrity, a line a fault, exit status 1 if there is any.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, json, mailbox};
use desk::mailboxes::balance::Balance;
use serde_json::json;
use std::fmt::Write as _;

const FAULTS_FOUND: u8 = 1;

pub fn run(program: &Program) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let report = desk::check::check(&desk)?;
    let fault = |f: &desk::check::Fault| json!({ "kind": f.kind, "what": f.what, "remedy": f.remedy });
    let folder = |(address, balance): &(String, Balance)| {
        let mut folder = json::folder(balance);
        folder["mailbox"] = json!(address);
        folder
    };
    let document = json!({
        "ok": report.faults.is_empty(),
        "counts": { "inbox": report.inbox, "entries": report.entries, "blobs": report.blobs, "outbox": report.outbox, "secrets": report.secrets },
        "folders": report.folders.iter().map(folder).collect::<Vec<_>>(),
        "faults": report.faults.iter().map(fault).collect::<Vec<_>>(),
    });
    output::print(program.json, &document, || {
        let mut text = String::new();
        for fault in &report.faults {
            let _ = writeln!(text, "{}: {} {}", fault.kind, fault.what, fault.remedy);
        }
        for (address, balance) in &report.folders {
            let _ = writeln!(text, "{address}, folder {}: {}.", balance.folder, mailbox::figure(balance));
        }
        let verdict = if report.faults.is_empty() { "No faults" } else { "Faults found" };
        let _ = writeln!(
            text,
            "{verdict}: {} raw messages, {} entries, {} blobs, {} outgoing messages, {} secrets looked at.",
            report.inbox, report.entries, report.blobs, report.outbox, report.secrets
        );
        text
    })?;
    Ok(if report.faults.is_empty() { Done::Fine } else { Done::Status(FAULTS_FOUND) })
}
