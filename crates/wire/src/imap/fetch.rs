//! Messages as raw bytes, many in one command, one at a time, and a large one on the disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::reader::{Limits, USUAL};
use super::response::{Condition, FetchData, Literal, Response, Untagged};
use super::search::later;
use super::session::Session;
use super::{COMMAND_TIMEOUT, set};
use crate::letter::{Letter, Room};
use crate::{FETCHING, Result};

/// One answer of a fetch.
#[derive(Debug)]
pub enum Fetched {
    Message {
        uid: u32,
        internal_date_at: Option<i64>,
        letter: Letter,
    },
    /// Over the limit: read past, not kept.
    TooBig {
        uid: u32,
        internal_date_at: Option<i64>,
        size_bytes: u64,
    },
    /// Asked for and not delivered: gone meanwhile, without a body, or left out by the server.
    Missing {
        uid: u32,
    },
}

/// A batch being fetched; call [`Fetch::next`] until it gives `None`.
#[derive(Debug)]
pub struct Fetch<'a> {
    session: &'a mut Session,
    room: Room,
    /// Not asked for yet.
    sets: VecDeque<(String, Vec<u32>)>,
    /// Asked for and not delivered yet.
    wanted: BTreeSet<u32>,
    tag: Option<String>,
}

impl Session {
    /// When these came to the server, without their bodies: each of them, ascending. `None`: the server does not say, or it is
    /// not there any more.
    pub async fn internal_dates(&mut self, uids: &[u32]) -> Result<Vec<(u32, Option<i64>)>> {
        let mut dates: BTreeMap<u32, Option<i64>> = uids.iter().map(|uid| (*uid, None)).collect();
        for (set, _) in set::sets(uids) {
            let command = format!("UID FETCH {set} (UID INTERNALDATE)");
            let told = self.run("read when messages came", &command, USUAL, |untagged| {
                if let Untagged::Fetch(FetchData { uid: Some(uid), internal_date_at: Some(at), .. }) =
                    untagged
                    && let Some(date) = dates.get_mut(&uid)
                {
                    *date = Some(at);
                }
            });
            told.await.map_err(later)?;
        }
        Ok(dates.into_iter().collect())
    }

    /// Asks for messages without marking them seen: `BODY.PEEK[]`, since `RFC822` marks and some servers lack it.
    /// Sizes are never asked for: Exchange's are estimates.
    pub async fn fetch(&mut self, uids: &[u32], room: &Room) -> Result<Fetch<'_>> {
        self.ready(FETCHING).await?;
        let sets = set::sets(uids).into();
        Ok(Fetch { session: self, room: room.clone(), sets, wanted: BTreeSet::new(), tag: None })
    }
}

impl Fetch<'_> {
    /// The next message in the order in which the server sends them (by UID in practice), then the missing ones.
    /// NO and BAD are errors; what was delivered before stays good. Dropping the batch before its end closes the
    /// session to later commands.
    pub async fn next(&mut self) -> Result<Option<Fetched>> {
        self.session.allow(COMMAND_TIMEOUT);
        loop {
            let Some(tag) = self.tag.clone() else {
                if let Some((set, uids)) = self.sets.pop_front() {
                    let command = format!("UID FETCH {set} (UID INTERNALDATE BODY.PEEK[])");
                    self.wanted.extend(uids);
                    self.tag = Some(self.session.start(FETCHING, &command).await?);
                    continue;
                }
                return Ok(self.wanted.pop_first().map(|uid| Fetched::Missing { uid }));
            };
            let limits = Limits { room: Some(&self.room), ..USUAL };
            match self.session.next(FETCHING, limits).await? {
                Response::Untagged(Untagged::Fetch(data)) => {
                    if data.body.is_some() && !data.is_whole {
                        let why = "a message is longer or shorter than the server announced: nothing of it is taken";
                        return Err(self.session.broken(FETCHING, why));
                    }
                    if let Some(fetched) = self.deliver(data) {
                        return Ok(Some(fetched));
                    }
                }
                Response::Untagged(_) => {}
                Response::Continuation(_) => {
                    return Err(self.session.broken(FETCHING, "it asked for a line that is not due"));
                }
                Response::Tagged(tagged) => {
                    self.tag = None;
                    // RFC 5530: some are gone; which ones shows in what was not delivered.
                    let some_gone = tagged.condition == Condition::No
                        && tagged.words.code.as_ref().is_some_and(|(code, _)| code == "EXPUNGEISSUED");
                    match self.session.end(FETCHING, &tag, tagged) {
                        Ok(_) => {}
                        Err(_) if some_gone => {}
                        Err(error) => return Err(later(error)),
                    }
                }
            }
        }
    }

    /// A FETCH response with a body that was asked for and not delivered before; others tell flags.
    fn deliver(&mut self, data: FetchData) -> Option<Fetched> {
        let FetchData { uid: Some(uid), internal_date_at, body: Some(body), .. } = data else { return None };
        if !self.wanted.remove(&uid) {
            return None;
        }
        Some(match body {
            Literal::Message(letter) => self.within(uid, internal_date_at, letter),
            Literal::Kept(bytes) => self.within(uid, internal_date_at, bytes.into()),
            Literal::Drained(size_bytes) => Fetched::TooBig { uid, internal_date_at, size_bytes },
        })
    }

    fn within(&self, uid: u32, internal_date_at: Option<i64>, letter: Letter) -> Fetched {
        match letter.size_bytes() {
            size_bytes if size_bytes > self.room.bytes_max() => {
                Fetched::TooBig { uid, internal_date_at, size_bytes }
            }
            _ => Fetched::Message { uid, internal_date_at, letter },
        }
    }
}
