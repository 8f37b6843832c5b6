//! The thread of a ticket: its entries and, between them, what happened.
use super::delivery::DeliveriesView;
use super::happening::Happening;
use super::words::{self, Folded, Words};
use super::{name, size};
use crate::moment::{Clock, Moment};
use desk::files::attachment::Attachment;
use desk::outgoing::delivery::Sending;
use desk::site::event::Event;
use desk::tickets::entry::{Entry, Kind};
use std::collections::HashMap;

#[derive(Debug)]
pub enum Item {
    Entry(Box<EntryView>),
    Happening(Happening),
}

/// One letter, reply or note.
#[derive(Debug)]
pub struct EntryView {
    pub id: i64,
    pub class: &'static str,
    pub who: String,
    pub address: Option<String>,
    pub initials: String,
    pub when: Moment,
    pub to: String,
    pub cc: String,
    /// A subject of its own, where it is not the ticket's.
    pub subject: Option<String>,
    pub new: Words,
    pub folded: Option<Folded>,
    pub letter: Option<Letter>,
    pub files: Vec<FileView>,
    pub has_raw: bool,
    pub automatic: Option<&'static str>,
    /// Something was left out at filing because it was too long.
    pub cut: bool,
    pub deliveries: Option<DeliveriesView>,
}

/// The HTML of a letter: which of the two forms is in sight at first.
#[derive(Debug, PartialEq, Eq)]
pub struct Letter {
    pub shown: bool,
}

#[derive(Debug)]
pub struct FileView {
    pub id: i64,
    pub name: String,
    pub size: String,
    pub picture: bool,
}

/// Which form of one letter the reader asked for by a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    Own,
    Html(i64),
    Text(i64),
}

/// Entries and happenings in the order of time. `whole`: the thread begins with the first entry given, so
/// what happened before it belongs here too.
pub fn items(
    entries: &[Entry],
    sendings: &HashMap<i64, Sending>,
    events: &[Event],
    subject: &str,
    whole: bool,
    form: Form,
    clock: &Clock,
) -> Vec<Item> {
    let first_at = entries.first().map_or(i64::MIN, |entry| entry.at);
    // The opening stands on top, whenever the first letter says it was written.
    let (opening, others): (Vec<&Event>, Vec<&Event>) = events
        .iter()
        .filter(|event| whole || event.at >= first_at)
        .partition(|event| whole && event.kind == "opened");
    let say = |event: &Event| Happening::new(event, clock);
    let mut items: Vec<Item> = opening.into_iter().filter_map(say).map(Item::Happening).collect();
    let mut happenings = others.into_iter().filter_map(say).peekable();
    for entry in entries {
        // What has the time of an entry was caused by it (a reply that closes), and stands below.
        while let Some(happening) = happenings.next_if(|happening| happening.at < entry.at) {
            items.push(Item::Happening(happening));
        }
        items.push(Item::Entry(Box::new(EntryView::new(
            entry,
            sendings.get(&entry.id),
            subject,
            form,
            clock,
        ))));
    }
    items.extend(happenings.map(Item::Happening));
    items
}

impl EntryView {
    pub fn new(
        entry: &Entry,
        sending: Option<&Sending>,
        ticket_subject: &str,
        form: Form,
        clock: &Clock,
    ) -> EntryView {
        let (new, folded) = words::split(&entry.text, &entry.reply_text);
        let who = entry
            .from_name
            .clone()
            .filter(|name| !name.trim().is_empty())
            .or_else(|| entry.from_address.clone())
            .unwrap_or_else(|| "unknown sender".to_owned());
        let from_outside = entry.kind == Kind::Message;
        EntryView {
            id: entry.id,
            class: match entry.kind {
                Kind::Message => "",
                Kind::Reply => "reply",
                Kind::Note => "note",
            },
            address: entry.from_address.clone().filter(|address| from_outside && *address != who),
            initials: name::initials(&who),
            who,
            when: clock.in_thread(entry.at),
            to: name::line(&entry.to),
            cc: name::line(&entry.cc),
            subject: other_subject(&entry.subject, ticket_subject).filter(|_| from_outside),
            letter: entry.has_html.then(|| Letter { shown: html_first(entry, form) }),
            new,
            folded,
            files: entry.attachments.iter().map(FileView::new).collect(),
            has_raw: from_outside && entry.inbox_id.is_some(),
            automatic: automatic(&entry.nature).filter(|_| from_outside),
            cut: entry.defects.iter().any(|defect| defect == "cut"),
            deliveries: sending.map(|sending| DeliveriesView::new(sending, clock)),
        }
    }
    /// A letter with no words of its own still says something.
    pub fn is_wordless(&self) -> bool {
        self.new.text.is_empty()
    }
}

impl FileView {
    fn new(file: &Attachment) -> FileView {
        FileView {
            id: file.id,
            name: file.name.clone(),
            size: size::said(file.size_bytes),
            picture: matches!(
                file.media_type.as_str(),
                "image/png" | "image/jpeg" | "image/gif" | "image/webp"
            ),
        }
    }
}

/// A letter that is all new is shown as it was written; an answer is shown by its new words, because its
/// HTML repeats the whole conversation. The other form is one click away.
fn html_first(entry: &Entry, form: Form) -> bool {
    match form {
        Form::Html(id) if id == entry.id => true,
        Form::Text(id) if id == entry.id => false,
        _ => entry.text.trim() == entry.reply_text.trim() || entry.reply_text.trim().is_empty(),
    }
}

fn other_subject(own: &str, ticket: &str) -> Option<String> {
    let base = |subject: &str| mail::thread::base_subject(subject).to_lowercase();
    (!own.trim().is_empty() && base(own) != base(ticket)).then(|| own.to_owned())
}

fn automatic(nature: &str) -> Option<&'static str> {
    match nature {
        "bounce" => Some("delivery report"),
        "report" => Some("report"),
        "auto_replied" => Some("automatic answer"),
        "auto_generated" => Some("sent by a machine"),
        "list" => Some("mailing list"),
        "bulk" => Some("bulk mail"),
        _ => None,
    }
}
