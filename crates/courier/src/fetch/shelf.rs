//! The folder that is fetched, by whichever protocol: its messages by UID, oldest first. POP3 knows messages by names
//! (UIDL) and by numbers of one session, Microsoft Graph by ids; here they have UIDs that the desk remembers
//! (`desk::mailboxes::named`).
use super::delivery::Delivery;
use super::graph::Graph;
pub(crate) use super::names::Names;
use super::numbering::{forgettable, renumbered, whose};
use super::pop3::{Maildrop, Pop3, meaning};
use crate::Courier;
use crate::connect::{self, Incoming, Which, explained};
use crate::letter::arrived_at;
use crate::probe;
use crate::trouble::Trouble;
use desk::mailboxes::cursor::{self, Link};
use desk::mailboxes::deleted_name;
use desk::mailboxes::listing::Listing;
use desk::mailboxes::mailbox::{Mailbox, Side};
use desk::mailboxes::named;
use std::collections::{BTreeSet, HashMap, HashSet};
use wire::imap;
use wire::letter::Room;
use wire::pop3::Retrieved;

/// Header fields of one message.
const HEADER_BYTES_MAX: u64 = 256 * 1024;

/// Signed in, and with the folder open.
#[derive(Debug)]
pub(crate) enum Shelf {
    Imap(Box<imap::Session>),
    Pop3(Pop3),
    Graph(Graph),
}

/// Where reading of the folder stands on the server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub uid_validity: u32,
    /// The least UID that a later message can have, where it is known.
    pub uid_next: Option<u32>,
    /// What is listed was there when reading began: the rules of old mail hold for all of it.
    pub walks: bool,
}

/// A folder, listed from end to end.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    /// Ascending.
    pub uids: Vec<u32>,
    /// Of these, what the server lists and never told of as news: their numbers are not given yet.
    pub untold: BTreeSet<u32>,
    /// Their names, and the numbers that they get when they are fetched.
    pub names: Names,
    /// Messages without a number here that the server tells of in the next round.
    pub to_be_told: usize,
    /// That the server counts, and does not list.
    pub unlisted: usize,
    /// What is kept of it, where the server tells what changes.
    pub listing: Option<Listing>,
}

/// Why a folder could not be opened.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// There was no link on which it could have been.
    Link(Trouble),
    Folder(Trouble),
}
impl From<Unopened> for Trouble {
    fn from(unopened: Unopened) -> Trouble {
        match unopened {
            Unopened::Link(trouble) | Unopened::Folder(trouble) => trouble,
        }
    }
}
impl From<desk::Error> for Unopened {
    fn from(error: desk::Error) -> Unopened {
        Unopened::Link(error.into())
    }
}

impl Shelf {
    pub(crate) async fn open(
        courier: &Courier,
        mailbox: &Mailbox,
    ) -> Result<(Shelf, Opened, Names), Unopened> {
        match connect::incoming(courier, mailbox, Which::InUse).await.map_err(Unopened::Link)? {
            Incoming::Imap(session) => {
                let mut shelf = Shelf::Imap(session);
                let (opened, names) = shelf.select(courier, mailbox).await.map_err(Unopened::Folder)?;
                Ok((shelf, opened, names))
            }
            Incoming::Graph(opened) => {
                let (graph, opened, names) =
                    Graph::open(courier, mailbox, opened).await.map_err(Unopened::Folder)?;
                Ok((Shelf::Graph(graph), opened, names))
            }
            Incoming::Pop3(mut session) => {
                let uid_validity = named::validity(mailbox);
                let (id, folder) = (mailbox.id, mailbox.folder_or_inbox().to_owned());
                let read = courier.read(move |tx| {
                    let known = named::known(tx, id, &folder, uid_validity)?;
                    Ok((known, deleted_name::of(tx, id, &folder, uid_validity)?))
                });
                let (known, deleted) = read.await?;
                let maildrop = Maildrop::of(&mut session, &known).await;
                let maildrop = explained(courier, mailbox, Side::Incoming, maildrop).await;
                let maildrop = maildrop.map_err(Unopened::Folder)?;
                let meaning = meaning::names(courier, mailbox, &mut session, &maildrop).await;
                let meaning = meaning.map_err(Unopened::Folder)?;
                let pop3 = Pop3::over(session, maildrop, &known, &deleted, meaning).await;
                let pop3 = explained(courier, mailbox, Side::Incoming, pop3).await;
                let (pop3, mut names) = pop3.map_err(Unopened::Folder)?;
                names.gone = forgettable(courier, mailbox, names.gone, pop3.numbers.is_empty()).await?;
                let last = names.fresh.back().map_or(known.last, |named| named.uid);
                // Not one of its names is known any more: it is the same mail, after the server has named it anew.
                let is_anew = !known.named.is_empty() && pop3.numbers.len() == names.fresh.len();
                let walks = is_anew && !pop3.numbers.is_empty();
                if walks {
                    let (id, folder) = (mailbox.id, mailbox.folder_or_inbox().to_owned());
                    let noted =
                        courier.write_behind(move |tx| cursor::begin_after(tx, id, &folder, uid_validity));
                    noted.await?;
                }
                let opened = Opened { uid_validity, uid_next: Some(last.saturating_add(1)), walks };
                Ok((Shelf::Pop3(pop3), opened, names))
            }
        }
    }

    /// The folder once more, on a link that was kept. POP3 keeps none: what it lists is of the moment of signing in.
    pub(crate) async fn select(
        &mut self,
        courier: &Courier,
        mailbox: &Mailbox,
    ) -> Result<(Opened, Names), Trouble> {
        match self {
            Shelf::Imap(session) => {
                let name = mailbox.folder_or_inbox();
                let selected = session.select(name).await;
                let selected = probe::opened(courier, mailbox, session, name, selected).await?;
                renumbered(courier, mailbox, &selected)?;
                let uid_validity = whose(courier, mailbox, session, &selected).await?;
                Ok((Opened { uid_validity, uid_next: selected.uid_next, walks: false }, Names::default()))
            }
            Shelf::Pop3(_) => {
                let error = wire::Error::transient("list what is new", &mailbox.incoming.host);
                let error = Err(error.remedy("POP3 lists it only when somebody signs in"));
                explained(courier, mailbox, Side::Incoming, error).await
            }
            Shelf::Graph(graph) => graph.begin(courier, mailbox).await,
        }
    }

    /// What is listed after all that was listed so far is recorded; `None`: that was all.
    pub(super) async fn go_on(
        &mut self,
        courier: &Courier,
        mailbox: &Mailbox,
    ) -> Result<Option<(Opened, Names)>, Trouble> {
        match self {
            Shelf::Imap(_) | Shelf::Pop3(_) => Ok(None),
            Shelf::Graph(graph) => graph.go_on(courier, mailbox).await,
        }
    }

    /// Where the server's own listing goes on, to be kept with the last of what it listed.
    pub(super) fn goes_on(&self) -> Option<&Link> {
        match self {
            Shelf::Imap(_) | Shelf::Pop3(_) => None,
            Shelf::Graph(graph) => graph.goes_on(),
        }
    }

    /// A new link after the old one broke, to the same messages under the same UIDs. What has come meanwhile is left for
    /// the next round. POP3 opens a mailbox for one at a time (RFC 1939 §4): the old link goes first.
    pub(super) async fn open_again(
        &mut self,
        courier: &Courier,
        mailbox: &Mailbox,
    ) -> Result<Opened, Trouble> {
        let (new, opened) = match self {
            Shelf::Imap(_) => {
                let (new, opened, _) = Shelf::open(courier, mailbox).await?;
                (new, opened)
            }
            Shelf::Pop3(old) => {
                old.session.hang_up();
                let Incoming::Pop3(session) = connect::incoming_again(courier, mailbox).await? else {
                    let error = wire::Error::transient("go on", &mailbox.incoming.host);
                    let error = Err(error.remedy("the protocol was changed meanwhile"));
                    return explained(courier, mailbox, Side::Incoming, error).await;
                };
                let listed = old.on(session).await;
                let listed = explained(courier, mailbox, Side::Incoming, listed).await?;
                let uid_validity = named::validity(mailbox);
                (Shelf::Pop3(listed), Opened { uid_validity, uid_next: None, walks: false })
            }
            // There is no link that could have broken.
            Shelf::Graph(_) => {
                return Ok(Opened { uid_validity: named::validity(mailbox), uid_next: None, walks: false });
            }
        };
        *self = new;
        Ok(opened)
    }

    /// UIDs above this one, ascending.
    pub(super) async fn uids_since(&mut self, uid: u32) -> wire::Result<Vec<u32>> {
        match self {
            Shelf::Imap(session) => session.uids_since(uid).await,
            Shelf::Pop3(pop3) => {
                Ok(pop3.numbers.range(uid.saturating_add(1)..).map(|(uid, _)| *uid).collect())
            }
            Shelf::Graph(graph) => Ok(graph.uids_since(uid)),
        }
    }

    /// UIDs of what came at this time or later, and perhaps of some that came before.
    pub(super) async fn uids_since_date(&mut self, at: i64) -> wire::Result<Vec<u32>> {
        match self {
            Shelf::Imap(session) => session.uids_since_date(at).await,
            Shelf::Pop3(_) => {
                let all = self.uids_since(0).await?;
                let dates = self.dates(&all).await?;
                let came = |uid: &u32| dates.get(uid).copied().flatten().is_none_or(|came_at| came_at >= at);
                Ok(all.into_iter().filter(came).collect())
            }
            Shelf::Graph(graph) => Ok(graph.uids_since_date(at)),
        }
    }

    /// Of these UIDs those that may have come at this time or later, where the server can say so at once.
    pub(super) async fn perhaps_since(&mut self, uids: &[u32], at: i64) -> wire::Result<Vec<u32>> {
        match self {
            Shelf::Imap(session) => {
                let since: HashSet<u32> = session.uids_since_date(at).await?.into_iter().collect();
                Ok(uids.iter().copied().filter(|uid| since.contains(uid)).collect())
            }
            Shelf::Pop3(_) | Shelf::Graph(_) => Ok(uids.to_vec()),
        }
    }

    /// Whether the server counts, or has told, something else than this many messages that lay there before.
    pub(super) fn has_changed(&self, messages: i64) -> bool {
        match self {
            Shelf::Imap(session) => i64::from(session.exists()) != messages,
            Shelf::Pop3(pop3) => i64::try_from(pop3.numbers.len()) != Ok(messages),
            Shelf::Graph(graph) => graph.told(),
        }
    }

    /// Messages in the folder as its server counts them, but for what comes just now.
    fn counted(&self) -> Option<usize> {
        match self {
            Shelf::Imap(session) if !session.has_news() => usize::try_from(session.exists()).ok(),
            Shelf::Imap(_) | Shelf::Pop3(_) | Shelf::Graph(_) => None,
        }
    }

    /// How the folder stands, where the server has one number for all that changes in it (RFC 7162 §3.1.2): while this is
    /// the same, so is the folder, as far as it was told by its opening.
    pub(super) fn standing(&self) -> Option<String> {
        match self {
            Shelf::Imap(session) => {
                let highest = session.highest_mod_seq()?;
                Some(format!("{highest} {}", session.exists()))
            }
            Shelf::Pop3(_) | Shelf::Graph(_) => None,
        }
    }

    /// All that the folder holds, after all that is new was recorded.
    pub(crate) async fn whole(&mut self, courier: &Courier, mailbox: &Mailbox) -> Result<Whole, Trouble> {
        match self {
            Shelf::Imap(_) | Shelf::Pop3(_) => {
                let mut uids = self.uids_since(0).await;
                if let Ok(listed) = &uids
                    && self.counted().is_some_and(|counted| counted > listed.len())
                {
                    // Its count may be one of before something was moved or deleted, which not every server tells.
                    self.select(courier, mailbox).await?;
                    uids = self.uids_since(0).await;
                }
                let uids = explained(courier, mailbox, Side::Incoming, uids).await?;
                let unlisted = self.counted().unwrap_or(0).saturating_sub(uids.len());
                Ok(Whole { uids, unlisted, ..Whole::default() })
            }
            Shelf::Graph(graph) => graph.whole(courier, mailbox).await,
        }
    }

    /// When these came, as far as the server tells.
    pub(super) async fn dates(&mut self, uids: &[u32]) -> wire::Result<HashMap<u32, Option<i64>>> {
        let mut dates = HashMap::new();
        match self {
            Shelf::Imap(session) => {
                dates.extend(session.internal_dates(uids).await?);
            }
            Shelf::Pop3(pop3) => {
                let of_number = pop3.of_numbers(uids);
                let numbers: Vec<u32> =
                    uids.iter().filter_map(|uid| pop3.numbers.get(uid).copied()).collect();
                let room = Room::in_memory(HEADER_BYTES_MAX);
                let mut headers = pop3.session.headers(&numbers, &room).await?;
                while let Some(retrieved) = headers.next().await? {
                    let (number, at) = match retrieved {
                        Retrieved::Message { number, letter } => (number, arrived_at(&letter)),
                        Retrieved::TooBig { number, .. } | Retrieved::Missing { number } => (number, None),
                    };
                    dates.extend(of_number.get(&number).map(|uid| (*uid, at)));
                }
            }
            Shelf::Graph(graph) => dates = graph.dates(uids),
        }
        Ok(dates)
    }

    /// These messages, one at a time.
    pub(crate) async fn fetch(&mut self, uids: &[u32], room: &Room) -> wire::Result<Delivery<'_>> {
        match self {
            Shelf::Imap(session) => Ok(Delivery::Imap(session.fetch(uids, room).await?)),
            Shelf::Pop3(pop3) => {
                let (uids_of, numbers) = (pop3.of_numbers(uids), &pop3.numbers);
                let there: Vec<u32> = uids.iter().filter_map(|uid| numbers.get(uid).copied()).collect();
                let missing = uids.iter().copied().filter(|uid| !numbers.contains_key(uid)).collect();
                let retrieve = pop3.session.retrieve(&there, room).await?;
                Ok(Delivery::Pop3 { retrieve, uids_of, missing })
            }
            Shelf::Graph(graph) => {
                Ok(Delivery::Graph { graph, uids: uids.iter().copied().collect(), room: room.clone() })
            }
        }
    }

    /// Whether the link is good for another round: POP3 locks the mailbox while it stands.
    pub(super) fn stands(&self) -> bool {
        match self {
            Shelf::Imap(_) | Shelf::Graph(_) => true,
            Shelf::Pop3(_) => false,
        }
    }

    /// What was refused has left the link as it was.
    pub(super) fn goes_on_after_a_refusal(&self) -> bool {
        match self {
            Shelf::Imap(session) => session.is_ready(),
            Shelf::Pop3(_) => false,
            Shelf::Graph(_) => true,
        }
    }

    /// UIDs are given here, and no server can be wrong about them.
    pub(super) fn gives_numbers(&self) -> bool {
        !matches!(self, Shelf::Imap(_))
    }

    pub(crate) fn waits_for_news(&self) -> bool {
        matches!(self, Shelf::Imap(session) if session.has("IDLE"))
    }

    /// Until there is news, or for this long. For a shelf that [`Shelf::waits_for_news`].
    pub(crate) async fn news(&mut self, within: std::time::Duration) -> wire::Result<imap::Idle> {
        match self {
            Shelf::Imap(session) => session.idle(within).await,
            Shelf::Pop3(_) | Shelf::Graph(_) => std::future::pending().await,
        }
    }

    /// Says goodbye. All that counts is done.
    pub(crate) async fn close(self) {
        let _ = match self {
            Shelf::Imap(session) => session.logout().await,
            Shelf::Pop3(pop3) => pop3.end().await,
            Shelf::Graph(_) => Ok(()),
        };
    }
}
