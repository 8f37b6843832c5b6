//! A transaction that files messages: what they need to know alike is asked once for all of them, and their words are
//! indexed at its end, in one go.
use super::inbox::Claim;
use super::prepare::Prepared;
use super::routing;
use crate::Result;
use crate::db::{Query, Tx};
use crate::mailboxes::mailbox::{self, Mailbox};
use crate::tickets::index::{self, Unindexed};
use std::collections::{HashMap, HashSet};

/// Of one message, as far as letters of ours are looked for: what it is and answers.
const IDS_MAX: usize = 200;
/// Values of one statement.
const ASKED: usize = 512;

/// Begun with the messages that are to be filed; none of them is filed by the transaction before. Nothing in it is changed
/// by filing itself, or by anybody else while the transaction lasts.
#[derive(Debug)]
pub struct Batch {
    /// Rows that nobody else has claimed since, with their generation, and that are not filed yet.
    ours: HashSet<(i64, i64)>,
    /// Those whose content came to another mailbox too.
    elsewhere: HashSet<i64>,
    /// Of all Message-IDs that they bear, those of letters that this desk sends.
    sent: HashSet<String>,
    /// Addresses of the desk's own mailboxes, normalised.
    own_addresses: Vec<String>,
    folders: HashMap<i64, Vec<Mailbox>>,
    unindexed: Unindexed,
}

impl Batch {
    pub fn begin(tx: &mut Tx<'_>, messages: &[(&Claim, &Prepared)]) -> Result<Batch> {
        let (mut ours, mut elsewhere, mut sent) = (HashSet::new(), HashSet::new(), HashSet::new());
        for some in messages.chunks(ASKED) {
            let ids = || some.iter().map(|(claim, _)| claim.inbox_id);
            // The rows are held until the commit: of two that file one message the second is told.
            let mut query = Query::new("UPDATE inbox SET attempts = attempts WHERE state = 'new' AND id IN ");
            query.bind_list(ids()).push(" RETURNING id, generation");
            ours.extend(tx.all::<(i64, i64)>(query.sql(), query.params())?);
            let mut query = Query::new(
                "SELECT me.id FROM inbox me WHERE EXISTS (SELECT 1 FROM inbox i
                     WHERE i.content_key = me.content_key AND i.mailbox_id <> me.mailbox_id) AND me.id IN ",
            );
            query.bind_list(ids());
            elsewhere.extend(tx.all::<(i64,)>(query.sql(), query.params())?.into_iter().map(|(id,)| id));
        }
        let ids: Vec<&str> = messages.iter().flat_map(|(_, prepared)| ids(&prepared.message)).collect();
        for some in ids.chunks(ASKED) {
            let mut query = Query::new("SELECT message_id FROM outbox WHERE message_id IN ");
            query.bind_list(some.iter().copied());
            sent.extend(tx.all::<(String,)>(query.sql(), query.params())?.into_iter().map(|(id,)| id));
        }
        let own_addresses = mailbox::own_addresses(tx)?;
        let (folders, unindexed) = (HashMap::new(), Unindexed::default());
        Ok(Batch { ours, elsewhere, sent, own_addresses, folders, unindexed })
    }

    /// Before the commit, and after the last of them.
    pub fn end(self, tx: &mut Tx<'_>) -> Result<()> {
        index::add(tx, &self.unindexed)
    }

    /// Whether the row is still ours to file: once.
    pub(super) fn take(&mut self, claim: &Claim) -> bool {
        self.ours.remove(&(claim.inbox_id, claim.generation))
    }

    pub(super) fn came_elsewhere(&self, claim: &Claim) -> bool {
        self.elsewhere.contains(&claim.inbox_id)
    }

    /// Whether a letter of ours has this Message-ID; of ids that a message of the batch bears.
    pub(super) fn is_sent(&self, message_id: &str) -> bool {
        self.sent.contains(message_id)
    }

    pub(super) fn own_addresses(&self) -> &[String] {
        &self.own_addresses
    }

    /// The mailbox that a letter was sent to, of those that lie in the folder it was fetched from.
    pub(super) fn mailbox_of(
        &mut self,
        tx: &mut Tx<'_>,
        fetched_by: i64,
        message: &mail::Message,
    ) -> Result<&Mailbox> {
        let folder = match self.folders.entry(fetched_by) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(routing::folder_of(tx, fetched_by)?),
        };
        routing::mailbox_of(folder, fetched_by, message)
    }

    pub(super) fn unindexed(&mut self) -> &mut Unindexed {
        &mut self.unindexed
    }
}

/// Of what a message is and what it answers.
fn ids(message: &mail::Message) -> impl Iterator<Item = &str> {
    let ids = message.message_id.iter().chain(&message.in_reply_to).chain(message.references.iter().rev());
    ids.take(IDS_MAX).map(String::as_str)
}
