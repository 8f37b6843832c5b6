//! An open POP3 mailbox: its messages by UIDs that the desk remembers (`desk::mailboxes::named`), which the server knows by
//! names (UIDL) and by numbers of one session.
pub(super) mod meaning;

use super::settling::Came;
use super::shelf::Names;
use desk::intake::on_server::OnServer;
use desk::mailboxes::deleted_name::Deleted;
use desk::mailboxes::named::{Known, Named};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use wire::pop3;

#[derive(Debug)]
pub(crate) struct Pop3 {
    pub(super) session: Box<pop3::Session>,
    /// By UID, the numbers of this session.
    pub(super) numbers: BTreeMap<u32, u32>,
    /// By name, the UIDs, those of messages that are gone with them.
    uids: HashMap<String, u32>,
    /// By UID, what is listed again after it was deleted, and how many bytes it has.
    pub(super) back: HashMap<u32, Option<i64>>,
    /// What was read in this round may have been read on another link.
    pub(super) is_another_link: bool,
    /// UIDs of recorded letters that were seen to be under their names on this one.
    pub(super) same: BTreeSet<u32>,
}

/// What a session lists (RFC 1939 §3), and the UIDs that names have here.
pub(super) struct Maildrop {
    listed: Vec<pop3::Listed>,
    uids: HashMap<String, u32>,
}
impl Maildrop {
    pub(super) async fn of(session: &mut pop3::Session, known: &Known) -> wire::Result<Maildrop> {
        let listed = session.list().await?;
        let uids = known.named.iter().map(|named| (named.name.clone(), named.uid)).collect();
        Ok(Maildrop { listed, uids })
    }

    /// By UID, the numbers in this session of what has a name here.
    pub(super) fn numbers(&self) -> BTreeMap<u32, u32> {
        numbers(&self.listed, &self.uids)
    }

    pub(super) fn has_news(&self) -> bool {
        self.listed.iter().any(|message| !self.uids.contains_key(&message.name))
    }
}

fn numbers(listed: &[pop3::Listed], uids: &HashMap<String, u32>) -> BTreeMap<u32, u32> {
    listed.iter().filter_map(|message| Some((*uids.get(&message.name)?, message.number))).collect()
}

impl Pop3 {
    /// New names get the numbers after all known ones, in the server's order, which is that of arrival. What bears the name of
    /// another one that was recorded is new.
    pub(super) async fn over(
        mut session: Box<pop3::Session>,
        maildrop: Maildrop,
        known: &Known,
        deleted: &HashMap<String, Deleted>,
        meaning: meaning::Names,
    ) -> wire::Result<(Pop3, Names)> {
        let Maildrop { listed, mut uids } = maildrop;
        let is_back = listed.iter().any(|message| deleted.contains_key(&message.name));
        let sizes = if is_back { session.sizes().await? } else { HashMap::new() };
        let names: HashSet<&str> = listed.iter().map(|message| message.name.as_str()).collect();
        let mut ended: Vec<String> =
            deleted.keys().filter(|name| !names.contains(name.as_str())).cloned().collect();
        let meaning::Names { same, others } = meaning;
        let (mut back, mut replaced, mut undeleted) = (HashMap::new(), Vec::new(), 0);
        let mut last = known.last;
        let (mut numbers, mut fresh) = (BTreeMap::new(), VecDeque::new());
        for message in listed {
            let size = sizes.get(&message.number).and_then(|size| i64::try_from(*size).ok());
            let before = deleted.get(&message.name);
            match before.filter(|before| before.is_left()) {
                Some(before) if before.is_another(size) => {
                    replaced.extend(uids.remove(&message.name));
                    ended.push(message.name.clone());
                }
                Some(_) => undeleted += 1,
                None => {}
            }
            if uids.get(&message.name).is_some_and(|uid| others.contains(uid)) {
                replaced.extend(uids.remove(&message.name));
            }
            let uid = match uids.get(&message.name) {
                Some(uid) => *uid,
                None => {
                    last = last.saturating_add(1);
                    uids.insert(message.name.clone(), last);
                    fresh.push_back(Named { uid: last, name: message.name });
                    last
                }
            };
            numbers.insert(uid, message.number);
            if before.is_some() {
                back.insert(uid, size);
            }
        }
        let there: HashSet<u32> = numbers.keys().copied().collect();
        let is_gone = |uid: &u32| !there.contains(uid) && !replaced.contains(uid);
        let gone = known.named.iter().map(|named| named.uid).filter(is_gone).collect();
        let names = Names { fresh, gone, replaced, ended, undeleted, given_again: !others.is_empty() };
        Ok((Pop3 { session, numbers, uids, back, is_another_link: false, same }, names))
    }

    /// The same messages on another link.
    pub(super) async fn on(&mut self, mut session: Box<pop3::Session>) -> wire::Result<Pop3> {
        let listed = session.list().await?;
        let numbers = numbers(&listed, &self.uids);
        let (uids, back) = (std::mem::take(&mut self.uids), std::mem::take(&mut self.back));
        Ok(Pop3 { session, numbers, uids, back, is_another_link: true, same: BTreeSet::new() })
    }

    pub(super) fn of_numbers(&self, uids: &[u32]) -> HashMap<u32, u32> {
        uids.iter().filter_map(|uid| Some((*self.numbers.get(uid)?, *uid))).collect()
    }

    /// Those of these that are there, and those that are not.
    pub(super) fn there_and_gone(&self, uids: &[u32]) -> (Vec<u32>, Vec<u32>) {
        uids.iter().partition(|uid| self.numbers.contains_key(uid))
    }

    /// These, which are there, are to be deleted at the [`end`](Pop3::end), and not before. One that is refused is passed over.
    /// Whether there may be more.
    pub(super) async fn mark_deleted(&mut self, uids: &[u32], works: bool, came: &mut Came) -> bool {
        for (uid, number) in uids.iter().filter_map(|uid| Some((*uid, *self.numbers.get(uid)?))) {
            let Err(error) = self.session.delete(number).await else {
                came.done.push((uid, OnServer::Deleted));
                continue;
            };
            if !self.session.is_ready() || error.retry_after_ms().is_some() {
                came.end = Some(error);
                return false;
            }
            came.refused.push((uid, error));
            if came.is_refused_too_often(works) {
                return false;
            }
        }
        true
    }

    pub(super) fn is_ready(&self) -> bool {
        self.session.is_ready()
    }

    /// Of the session, which deletes what is marked.
    pub(super) async fn end(self) -> wire::Result<()> {
        self.session.quit().await
    }
}
