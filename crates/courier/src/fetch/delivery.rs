//! Messages on their way from whichever server, one at a time.
use super::graph::Graph;
use crate::letter::arrived_at;
use std::collections::{HashMap, VecDeque};
use wire::imap::{self, Fetched};
use wire::letter::Room;
use wire::pop3::{self, Retrieved};

/// Those that were asked for.
pub(crate) enum Delivery<'a> {
    Imap(imap::Fetch<'a>),
    Pop3 { retrieve: pop3::Retrieve<'a>, uids_of: HashMap<u32, u32>, missing: VecDeque<u32> },
    Graph { graph: &'a mut Graph, uids: VecDeque<u32>, room: Room },
}

impl Delivery<'_> {
    /// The next one; `None` after the last. What was asked for and is not there comes as missing.
    pub(crate) async fn next(&mut self) -> wire::Result<Option<Fetched>> {
        let (retrieve, uids_of, missing) = match self {
            Delivery::Imap(fetch) => return fetch.next().await,
            Delivery::Pop3 { retrieve, uids_of, missing } => (retrieve, uids_of, missing),
            Delivery::Graph { graph, uids, room } => {
                let Some(uid) = uids.pop_front() else { return Ok(None) };
                return graph.fetch(uid, room).await.map(Some);
            }
        };
        let Some(retrieved) = retrieve.next().await? else {
            return Ok(missing.pop_front().map(|uid| Fetched::Missing { uid }));
        };
        let uid = |number: u32| uids_of.get(&number).copied().unwrap_or(0);
        Ok(Some(match retrieved {
            Retrieved::Message { number, letter } => {
                Fetched::Message { uid: uid(number), internal_date_at: arrived_at(&letter), letter }
            }
            Retrieved::TooBig { number, size_bytes } => {
                Fetched::TooBig { uid: uid(number), internal_date_at: None, size_bytes }
            }
            Retrieved::Missing { number } => Fetched::Missing { uid: uid(number) },
        }))
    }
}
