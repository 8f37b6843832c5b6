//! `postern reply` and `postern note`: what the page does, by the same rule.
use crate::Program;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use anyhow::Context as _;
use clap::Args;
use desk::files::attachment::NewAttachment;
use desk::intake::mending;
use desk::outgoing::reply::{self, NewNote, NewReply, Then};
use desk::people::{agent, viewer::Viewer};
use desk::{Actor, By, Desk};
use serde_json::json;
use std::io::Read as _;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Reply {
    /// The ticket's number
    number: String,
    /// The agent's email
    #[arg(long = "as", value_name = "AGENT")]
    agent: String,
    /// Recipients instead of the requester: several with commas, or given several times
    #[arg(long, value_name = "ADDRESSES")]
    pub to: Vec<String>,
    /// Copies instead of the participants, likewise; an empty one for none
    #[arg(long, value_name = "ADDRESSES")]
    pub cc: Vec<String>,
    /// A file to attach; may be given several times
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// Close the ticket too
    #[arg(long)]
    close: bool,
}
#[derive(Args)]
pub struct Note {
    /// The ticket's number
    number: String,
    /// The agent's email
    #[arg(long = "as", value_name = "AGENT")]
    agent: String,
    /// A file to attach; may be given several times
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
}

pub fn reply(program: &Program, reply: Reply) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let (viewer, by) = agent(&desk, &reply.agent)?;
    let new = NewReply {
        ticket_number: number(&reply.number),
        text: text()?,
        to: joined(&reply.to),
        cc: joined(&reply.cc),
        attachments: attachments(&desk, &reply.attach)?,
        draft_files: Vec::new(),
        seen_entry_id: None,
        form_id: None,
        random: courier::Random::system().bytes(),
        then: if reply.close { Then::Close } else { Then::Nothing },
    };
    let placed = desk.db.write(|tx| reply::send(tx, &viewer, &by, &new))?;
    let document =
        json!({ "ticket": new.ticket_number, "entry": placed.entry_id, "outbox": placed.outbox_id });
    output::print(program.json, &document, || {
        format!("Queued as outbox {}. `postern outbox list` says when it is sent.", placed.outbox_id)
    })
}

pub fn note(program: &Program, note: Note) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let (viewer, by) = agent(&desk, &note.agent)?;
    let new = NewNote {
        ticket_number: number(&note.number),
        text: text()?,
        attachments: attachments(&desk, &note.attach)?,
        draft_files: Vec::new(),
        form_id: None,
    };
    let entry = desk.db.write(|tx| reply::note(tx, &viewer, &by, &new))?;
    let document = json!({ "ticket": new.ticket_number, "entry": entry });
    output::print(program.json, &document, || format!("Noted on #{}.", new.ticket_number))
}

/// As they are typed into a field of the page; `None` when nobody is named.
fn joined(addresses: &[String]) -> Option<String> {
    (!addresses.is_empty()).then(|| addresses.join(", "))
}

fn number(text: &str) -> String {
    text.trim_start_matches('#').to_owned()
}

fn agent(desk: &Desk, email: &str) -> Result<(Viewer, By), Failure> {
    let found = desk.db.read(|tx| agent::find_by_email(tx, email))?;
    let Some((agent, _)) = found.filter(|(agent, _)| agent.active) else {
        return Err(Failure::NotFound(format!("There is no active agent {email}.")));
    };
    let by = By {
        actor: Actor::Agent { id: agent.id, name: agent.name.clone() },
        at: courier::Clock::system().now(),
    };
    Ok((Viewer::Agent { id: agent.id, name: agent.name, role: agent.role }, by))
}

fn text() -> Result<String, Failure> {
    let mut raw = Vec::new();
    std::io::stdin().lock().read_to_end(&mut raw)?;
    String::from_utf8(raw).map_err(|_| Failure::usage("standard input is not UTF-8 text"))
}

fn attachments(desk: &Desk, paths: &[PathBuf]) -> Result<Vec<NewAttachment>, Failure> {
    let attach = |path: &PathBuf| -> anyhow::Result<NewAttachment> {
        let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(NewAttachment {
            stored: desk.store.put(&content)?,
            name: path.file_name().map_or_else(|| "file".into(), |n| n.to_string_lossy().into_owned()),
            media_type: media_type(path).to_owned(),
            inline: false,
            content_id: None,
        })
    };
    let files = paths.iter().map(attach).collect::<anyhow::Result<Vec<NewAttachment>>>()?;
    let stored: Vec<_> = files.iter().map(|file| &file.stored).collect();
    mending::mend_contents(desk, &stored, courier::Clock::system().now())?;
    Ok(files)
}

/// By its ending; what is not known goes as bytes.
fn media_type(path: &Path) -> &'static str {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "txt" | "log" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "zip" => "application/zip",
        "eml" => "message/rfc822",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_as_they_are_typed_into_the_page() {
        let said =
            |addresses: &[&str]| joined(&addresses.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            said(&["a@example.org", "b@example.org, c@example.org"]).unwrap(),
            "a@example.org, b@example.org, c@example.org"
        );
        assert_eq!(said(&[""]).as_deref(), Some(""), "nobody, as said");
        assert_eq!(said(&[]), None, "as the page would show it");
    }
}
