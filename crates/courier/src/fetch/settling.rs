//! What *Fetched Emails* says, done to some letters: at once where the server takes them, in smaller parts where it refuses
//! them, down to the one that is to blame. One that is refused rests, and the others are done.
use super::Rest;
use super::copies::Checked;
use crate::Courier;
use crate::trouble::Trouble;
use desk::intake::on_server::OnServer;
use desk::mailboxes::mailbox::Fetched;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wire::imap::{Session, Unmoved};

/// A server that has refused so often before it has done anything refuses all: to the three letters that are tried alone, and on
/// the way down to others.
const REFUSALS_OF_ALL: usize = 15;
/// So often it may refuse at one time; what is left is asked for the next time.
const REFUSALS_MAX: usize = 100;
/// So long it is told that letters were copied and not removed.
const TOLD_MS: i64 = 60 * 60_000;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Came {
    pub done: Vec<(u32, OnServer)>,
    /// They lie in the other folder, and the server refuses to remove them from this one.
    pub copied: Vec<(u32, wire::Error)>,
    /// They lie in the other folder, and are to be removed from this one when it can be gone on with.
    pub half: Vec<u32>,
    /// Each of these alone.
    pub refused: Vec<(u32, wire::Error)>,
    /// Their copies here are not whole: they were not touched.
    pub damaged: Vec<(u32, Trouble)>,
    /// What has ended it before its end.
    pub end: Option<wire::Error>,
    refusals: usize,
}

impl Came {
    /// Whether the server has refused so often that it is not asked any more. `works`: it has done it to others.
    pub(super) fn is_refused_too_often(&mut self, works: bool) -> bool {
        self.refusals += 1;
        let most = if works || !self.done.is_empty() { REFUSALS_MAX } else { REFUSALS_OF_ALL };
        self.refusals >= most
    }

    /// Of which it is known what came of them.
    pub(super) fn touched(&self) -> impl Iterator<Item = u32> {
        let alone = self.copied.iter().chain(&self.refused).map(|(uid, _)| *uid);
        let damaged = self.damaged.iter().map(|(uid, _)| *uid);
        self.done.iter().map(|(uid, _)| *uid).chain(alone).chain(damaged).chain(self.half.iter().copied())
    }

    /// What was found before the server was asked.
    pub(super) fn take(&mut self, checked: Checked) {
        let Checked { gone, damaged, end, .. } = checked;
        self.done.extend(gone.into_iter().map(|uid| (uid, OnServer::Gone)));
        self.damaged.extend(damaged);
        self.end = self.end.take().or(end);
    }

    /// Whether another try in this round leads further.
    pub(super) fn goes_on(&self) -> bool {
        let any = !(self.done.is_empty()
            && self.copied.is_empty()
            && self.refused.is_empty()
            && self.damaged.is_empty());
        any && self.end.is_none() && self.refusals < REFUSALS_MAX
    }

    /// Where nothing was done to any letter, none of them is to blame.
    pub(super) fn or_none(mut self, works: bool) -> Came {
        if !works && self.done.is_empty() && self.copied.is_empty() && self.end.is_none() {
            self.end = std::mem::take(&mut self.refused).into_iter().next().map(|(_, error)| error);
        }
        self
    }
}

/// The server answered, and the link goes on: it is about these letters, or about what was asked for.
fn is_refusal(session: &Session, error: &wire::Error) -> bool {
    session.is_ready() && error.retry_after_ms().is_none() && error.kind() != wire::Kind::Unauthorized
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Whole,
    /// They are copied: what is left of a move by COPY.
    Remove,
}

/// By IMAP. `half` of these were copied before; `works`: the server has done it to others.
pub(super) async fn by_imap(
    session: &mut Session,
    fetched: &Fetched,
    uids: &[u32],
    half: &BTreeSet<u32>,
    works: bool,
) -> Came {
    let (copied, new): (Vec<u32>, Vec<u32>) = uids.iter().partition(|uid| half.contains(uid));
    let mut parts = VecDeque::from([(Step::Remove, copied), (Step::Whole, new)]);
    let (mut came, mut works, mut may_create) = (Came::default(), works, true);
    let (mut is_shown, mut removes_shown) = (works, false);
    // Of removing what was copied, which a server may refuse where it lets copy.
    let mut removed = Came::default();
    let becomes = |uids: Vec<u32>| uids.into_iter().map(|uid| (uid, OnServer::by(fetched)));
    while let Some((step, mut part)) = parts.pop_front() {
        if part.is_empty() {
            continue;
        }
        let failed = match step {
            Step::Whole => act(session, fetched, &part).await,
            Step::Remove => session.delete(&part).await.map(drop).map_err(Unmoved::whole),
        };
        let Err(Unmoved { error, moved, copied }) = failed else {
            let of = if step == Step::Remove { &mut removed } else { &mut came };
            of.done.extend(becomes(part));
            continue;
        };
        part.retain(|uid| !moved.contains(uid) && !copied.contains(uid));
        came.done.extend(becomes(moved));
        if !is_refusal(session, &error) {
            came.half.extend(copied);
            parts.push_front((step, part));
            let to_remove = parts.into_iter().filter(|(step, _)| *step == Step::Remove);
            came.half.extend(to_remove.flat_map(|(_, part)| part));
            came.end = Some(error);
            break;
        }
        if step == Step::Remove || !copied.is_empty() {
            works = true; // copying does
            let all = if step == Step::Remove { std::mem::take(&mut part) } else { copied };
            if removed.is_refused_too_often(false) || all.len() == 1 {
                came.copied.extend(all.into_iter().map(|uid| (uid, error.clone())));
            } else {
                go_into(&mut parts, Step::Remove, all, std::mem::replace(&mut removes_shown, true));
            }
            parts.push_front((Step::Whole, part)); // not copied yet
            continue;
        }
        if let Fetched::Move(folder) = fetched
            && std::mem::take(&mut may_create)
            && error.kind() == wire::Kind::Rejected
        {
            // The folder is not there, most likely; a server that says so says it in many ways.
            match session.create(folder).await {
                Ok(()) => {
                    parts.push_front((step, part));
                    continue;
                }
                Err(_) if session.is_ready() => {}
                Err(error) => {
                    came.end = Some(error);
                    break;
                }
            }
        }
        if came.is_refused_too_often(works) {
            came.end = Some(error).filter(|_| came.done.is_empty() && came.refused.is_empty());
            break;
        }
        if let [uid] = part.as_slice() {
            came.refused.push((*uid, error));
            continue;
        }
        go_into(&mut parts, step, part, std::mem::replace(&mut is_shown, true));
    }
    came.done.extend(removed.done);
    came.or_none(works)
}

/// In smaller parts, before all others. A few alone show soon whether it is refused to all; then the halves are gone into one
/// after the other, so that what is done to some gives the others their time.
fn go_into(parts: &mut VecDeque<(Step, Vec<u32>)>, step: Step, part: Vec<u32>, is_shown: bool) {
    let smaller = if is_shown { halves(part) } else { a_few_alone(part) };
    smaller.into_iter().rev().for_each(|part| parts.push_front((step, part)));
}

fn halves(mut part: Vec<u32>) -> Vec<Vec<u32>> {
    let rest = part.split_off(part.len() / 2);
    vec![part, rest]
}

/// The last, the first and the middle one, then the others.
fn a_few_alone(mut part: Vec<u32>) -> Vec<Vec<u32>> {
    let mut alone: Vec<u32> = part.pop().into_iter().collect();
    for at in [|_| 0, |len| len / 2] as [fn(usize) -> usize; 2] {
        if !part.is_empty() {
            alone.push(part.remove(at(part.len())));
        }
    }
    alone.into_iter().map(|uid| vec![uid]).chain([part]).collect()
}

async fn act(session: &mut Session, fetched: &Fetched, uids: &[u32]) -> Result<(), Unmoved> {
    match fetched {
        Fetched::Nothing => Ok(()),
        Fetched::Read => session.mark_seen(uids).await.map_err(Unmoved::whole),
        Fetched::Delete => session.delete(uids).await.map(drop).map_err(Unmoved::whole),
        Fetched::Move(folder) => session.move_to(uids, folder).await.map(drop),
    }
}

/// What this process remembers of letters to which it could not be done, in one folder.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// What was to be done; after another choice nothing of this counts.
    fetched: Option<Fetched>,
    /// The server refuses it to these alone.
    refused: BTreeMap<u32, Rest>,
    /// The copies of these here are not whole.
    damaged: BTreeMap<u32, Rest>,
    half: BTreeSet<u32>,
    /// Of what was copied and could not be removed: how many, where from, until when it is told.
    copied: Option<(usize, Trouble, i64)>,
}

impl Unsettled {
    /// For what is to be done now.
    pub(super) fn of(&mut self, fetched: &Fetched) -> &mut Unsettled {
        if self.fetched.as_ref() != Some(fetched) {
            *self = Unsettled { fetched: Some(fetched.clone()), ..Unsettled::default() };
        }
        self
    }

    /// Which are not to be tried before their time.
    pub(super) fn resting(&self, now: i64) -> BTreeSet<u32> {
        let all = self.refused.iter().chain(&self.damaged);
        all.filter(|(_, rest)| rest.until > now).map(|(uid, _)| *uid).collect()
    }

    pub(super) fn wake(&mut self) {
        self.refused.values_mut().chain(self.damaged.values_mut()).for_each(|rest| rest.until = 0);
    }

    pub(super) fn half(&self) -> BTreeSet<u32> {
        self.half.clone()
    }

    /// Whether it was refused to some while it was done to others.
    pub(super) fn knows_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// What came of another try. `listed`: all that was unsettled before it, where that is known.
    pub(super) fn note(
        &mut self,
        came: &Came,
        listed: Option<&BTreeSet<u32>>,
        courier: &Courier,
        trouble: impl Fn(&wire::Error) -> Trouble,
    ) {
        if let Some(listed) = listed {
            self.refused.retain(|uid, _| listed.contains(uid));
            self.damaged.retain(|uid, _| listed.contains(uid));
            self.half.retain(|uid| listed.contains(uid));
        }
        let done = came.done.iter().map(|(uid, _)| uid);
        for uid in done.chain(came.copied.iter().map(|(uid, _)| uid)) {
            self.refused.remove(uid);
            self.damaged.remove(uid);
            self.half.remove(uid);
        }
        self.half.extend(&came.half);
        for (uid, error) in &came.refused {
            let rest = Rest::after(&trouble(error), self.refused.get(uid), courier);
            self.refused.insert(*uid, rest);
            self.damaged.remove(uid);
        }
        for (uid, trouble) in &came.damaged {
            let rest = Rest::after(trouble, self.damaged.get(uid), courier);
            self.damaged.insert(*uid, rest);
            self.refused.remove(uid);
        }
        if let Some((_, error)) = came.copied.first() {
            let before = self.told_as_copied(courier.now()).map_or(0, |(count, _)| count);
            let until = courier.now().saturating_add(TOLD_MS);
            self.copied = Some((before + came.copied.len(), trouble(error), until));
        }
    }

    fn told_as_copied(&self, now: i64) -> Option<(usize, &Trouble)> {
        let (count, trouble, _) = self.copied.as_ref().filter(|(_, _, until)| *until > now)?;
        Some((*count, trouble))
    }

    /// What is to be told of letters to which it could not be done, or not whole, while it is done to others.
    pub(super) fn told(&self, folder: &str, now: i64) -> Vec<Trouble> {
        let mut told = Vec::new();
        if let Some((uid, rest)) = self.refused.first_key_value() {
            let whom = match self.refused.len() {
                1 => format!("It is refused to one letter, the UID {uid} in “{folder}”"),
                many => {
                    format!("It is refused to {many} letters, the first of them the UID {uid} in “{folder}”")
                }
            };
            told.push(because(&format!("{whom}; the others are done."), &rest.trouble));
        }
        if let Some((uid, rest)) = self.damaged.first_key_value() {
            let whom = match self.damaged.len() {
                1 => format!("One letter stays, the UID {uid} in “{folder}”"),
                many => format!("{many} letters stay, the first of them the UID {uid} in “{folder}”"),
            };
            told.push(because(&format!("{whom}; the others are done."), &rest.trouble));
        }
        if let Some((count, trouble)) = self.told_as_copied(now)
            && let Some(Fetched::Move(to)) = &self.fetched
        {
            let (letters, stay) =
                if count == 1 { ("One letter was", "stays") } else { ("Letters were", "stay") };
            let whole = format!(
                "{letters} copied to “{to}” and {stay} in “{folder}” too, where the server does not let them be removed: {count} so far."
            );
            told.push(because(&whole, trouble));
        }
        told
    }
}

fn because(sentence: &str, trouble: &Trouble) -> Trouble {
    Trouble { reason: format!("{sentence} {}", trouble.reason), ..trouble.clone() }
}
