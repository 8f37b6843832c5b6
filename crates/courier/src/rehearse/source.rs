//! A mailbox opened for a dry run: for reading alone, one message at a time, so that one that does not come takes none of the
//! others with it.
use crate::Courier;
use crate::connect::{self, Incoming, Which, explained};
use crate::graph::{self, ask};
use crate::letter::arrived_at;
use crate::probe;
use crate::trouble::Trouble;
use desk::mailboxes::mailbox::{Mailbox, Side};
use std::collections::HashMap;
use wire::graph::{Listed, Raw};
use wire::imap::Fetched;
use wire::letter::{Letter, Room};
use wire::pop3::Retrieved;
use wire::{imap, pop3};

pub(super) enum Source {
    Imap(Box<imap::Session>),
    /// With the numbers of this session, by the names that last (RFC 1939, UIDL).
    Pop3(Box<pop3::Session>, HashMap<String, u32>),
    Graph(Box<graph::Opened>),
}

/// A message that is listed.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Uid(u32),
    Name(String),
    Id(Listed),
}

/// What came of asking for one.
pub(super) enum Came {
    Letter {
        letter: Letter,
        received_at: Option<i64>,
    },
    TooBig {
        size_bytes: u64,
        received_at: Option<i64>,
    },
    /// It was listed and is not given.
    Nothing,
}

impl Source {
    pub(super) async fn open(courier: &Courier, mailbox: &Mailbox) -> Result<Source, Trouble> {
        Ok(match connect::incoming(courier, mailbox, Which::InUse).await? {
            Incoming::Imap(session) => Source::Imap(session),
            Incoming::Pop3(session) => Source::Pop3(session, HashMap::new()),
            Incoming::Graph(opened) => Source::Graph(opened),
        })
    }

    /// Enters the folder of these settings: its last messages, oldest first.
    pub(super) async fn last(
        &mut self,
        courier: &Courier,
        mailbox: &Mailbox,
        count: usize,
    ) -> Result<Vec<Key>, Trouble> {
        let name = mailbox.folder_or_inbox();
        match self {
            Source::Imap(session) => {
                let opened = session.examine(name).await;
                probe::opened(courier, mailbox, session, name, opened).await?;
                let listed = session.uids_since(0).await;
                let mut uids = explained(courier, mailbox, Side::Incoming, listed).await?;
                Ok(uids.split_off(uids.len().saturating_sub(count)).into_iter().map(Key::Uid).collect())
            }
            Source::Pop3(session, numbers) => {
                let listed = session.list().await;
                let mut listed = explained(courier, mailbox, Side::Incoming, listed).await?;
                *numbers = listed.iter().map(|one| (one.name.clone(), one.number)).collect();
                listed.sort_by_key(|one| one.number);
                let last = listed.split_off(listed.len().saturating_sub(count));
                Ok(last.into_iter().map(|one| Key::Name(one.name)).collect())
            }
            Source::Graph(opened) => {
                let folder = opened.folder(name).await?;
                if count == 0 {
                    return Ok(Vec::new());
                }
                // The listing of what is new begins with the oldest, and may be long.
                let newest = ask!(opened, |session| session.newest(&folder.id, count));
                let mut newest = newest.map_err(|error| Trouble::of(&error, opened.place()))?;
                newest.reverse();
                Ok(newest.into_iter().map(Key::Id).collect())
            }
        }
    }

    pub(super) async fn one(&mut self, key: &Key, room: &Room) -> wire::Result<Came> {
        match (self, key) {
            (Source::Imap(session), Key::Uid(uid)) => {
                let mut fetch = session.fetch(&[*uid], room).await?;
                let mut came = Came::Nothing;
                while let Some(fetched) = fetch.next().await? {
                    came = match fetched {
                        Fetched::Message { letter, internal_date_at, .. } => {
                            Came::Letter { letter, received_at: internal_date_at }
                        }
                        Fetched::TooBig { size_bytes, internal_date_at, .. } => {
                            Came::TooBig { size_bytes, received_at: internal_date_at }
                        }
                        Fetched::Missing { .. } => continue,
                    };
                }
                Ok(came)
            }
            (Source::Pop3(session, numbers), Key::Name(name)) => {
                let Some(number) = numbers.get(name) else { return Ok(Came::Nothing) };
                let mut retrieve = session.retrieve(&[*number], room).await?;
                let mut came = Came::Nothing;
                while let Some(retrieved) = retrieve.next().await? {
                    came = match retrieved {
                        Retrieved::Message { letter, .. } => {
                            Came::Letter { received_at: arrived_at(&letter), letter }
                        }
                        Retrieved::TooBig { size_bytes, .. } => {
                            Came::TooBig { size_bytes, received_at: None }
                        }
                        Retrieved::Missing { .. } => continue,
                    };
                }
                Ok(came)
            }
            (Source::Graph(opened), Key::Id(Listed { id, received_at })) => {
                Ok(match ask!(opened, |session| session.raw(id, room))? {
                    Raw::Message(letter) => {
                        let received_at = received_at.or_else(|| arrived_at(&letter));
                        Came::Letter { letter, received_at }
                    }
                    Raw::TooBig { size_bytes } => Came::TooBig { size_bytes, received_at: *received_at },
                    Raw::Gone => Came::Nothing,
                })
            }
            _ => Ok(Came::Nothing),
        }
    }

    /// What was refused has left the link as it was.
    pub(super) fn goes_on(&self) -> bool {
        match self {
            Source::Imap(session) => session.is_ready(),
            Source::Pop3(..) => false,
            Source::Graph(_) => true,
        }
    }

    pub(super) async fn close(self) {
        let _ = match self {
            Source::Imap(session) => session.logout().await,
            Source::Pop3(session, _) => session.quit().await,
            Source::Graph(_) => Ok(()),
        };
    }
}
