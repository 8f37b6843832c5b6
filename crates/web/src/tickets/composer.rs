//! The composer below the thread: what an agent begins to write, as the page shows it.
use super::typed::{Typed, Writing};
use super::{name, size};
use crate::moment::{Clock, Moment};
use desk::outgoing::reply::Recipients;
use desk::people::person::Person;
use desk::tickets::draft::{Draft, DraftFile};
use mail::address::parse_list;
use std::collections::HashSet;

#[derive(Debug)]
pub struct ComposerView {
    pub writing: Writing,
    pub shown: bool,
    pub to: String,
    pub cc: String,
    pub offered: Vec<OfferedView>,
    pub text: String,
    pub files: Vec<DraftFileView>,
    pub saved: Option<Moment>,
    pub refusal: Option<String>,
    pub placeholder: String,
}

/// Somebody who may be added by a tick, and is not without one.
#[derive(Debug, PartialEq, Eq)]
pub struct OfferedView {
    /// As it will stand in Cc.
    pub line: String,
    pub name: String,
    pub address: String,
}

#[derive(Debug)]
pub struct DraftFileView {
    pub blob_id: i64,
    pub name: String,
    pub size: String,
}

/// What was typed a moment ago and has to be shown again.
#[derive(Clone, Debug)]
pub struct Again {
    pub writing: Writing,
    pub typed: Typed,
    /// A rule said no: its sentence.
    pub refusal: Option<String>,
}

impl ComposerView {
    /// In order of weight: what was typed a moment ago, the draft, what the desk proposes.
    pub fn new(
        writing: Writing,
        shown: bool,
        proposed: &Recipients,
        draft: Option<&Draft>,
        again: Option<&Again>,
        requester: &str,
        clock: &Clock,
    ) -> ComposerView {
        let again = again.filter(|again| again.writing == writing);
        let (to, cc, text) = match (again, draft) {
            (Some(again), _) => (again.typed.to.clone(), again.typed.cc.clone(), again.typed.text.clone()),
            (None, Some(draft)) => (draft.to.clone(), draft.cc.clone(), draft.text.clone()),
            (None, None) => (proposed.to.clone(), proposed.cc.clone(), String::new()),
        };
        let named: HashSet<String> = [&to, &cc]
            .into_iter()
            .flat_map(|line| parse_list(line))
            .filter_map(|address| address.key())
            .collect();
        ComposerView {
            writing,
            shown,
            offered: proposed
                .offered
                .iter()
                .filter(|person| !named.contains(&mail::address::key(&person.address)))
                .map(OfferedView::new)
                .collect(),
            to,
            cc,
            text,
            files: draft.map(|draft| files(&draft.files)).unwrap_or_default(),
            saved: draft.map(|draft| clock.time(draft.saved_at)),
            refusal: again.and_then(|again| again.refusal.clone()),
            placeholder: match writing {
                Writing::Reply => format!("Write to {}…", name::short(requester)),
                Writing::Note => "A note that only agents see…".to_owned(),
            },
        }
    }
    pub fn is_reply(&self) -> bool {
        self.writing == Writing::Reply
    }
}

pub fn files(files: &[DraftFile]) -> Vec<DraftFileView> {
    files
        .iter()
        .map(|file| DraftFileView {
            blob_id: file.blob_id,
            name: file.name.clone(),
            size: size::said(file.size_bytes),
        })
        .collect()
}

impl OfferedView {
    fn new(person: &Person) -> OfferedView {
        let address = mail::Address { name: person.name.clone(), address: Some(person.address.clone()) };
        OfferedView {
            line: address.to_string(),
            name: name::of(person).to_owned(),
            address: person.address.clone(),
        }
    }
}
