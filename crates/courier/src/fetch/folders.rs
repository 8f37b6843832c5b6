//! The folders of a mailbox, one after another over one link. What stands in the way of one of them stops none of the
//! others; the first one is open in the end, so that its news are waited for.
use super::lacks::{Lack, What};
use super::shelf::{Names, Opened, Shelf, Unopened};
use super::work::Work;
use super::{Broke, Link, Rest, Tally, follow, mark, reconcile, room, settings};
use crate::Courier;
use crate::trouble::Trouble;
use desk::mailboxes::balance::{self, Asked};
use desk::mailboxes::cursor;
use desk::mailboxes::mailbox::{self, Claim, Fetched, Mailbox, Protocol};
use desk::mailboxes::put_off;
use desk::mailboxes::{deleted_name, named};
use mail::explain::Class;
use std::collections::{BTreeMap, HashMap};
use tokio::sync::watch;

/// What could not be done all the same. `None`: stopped before the end.
pub(super) async fn walk(
    courier: &Courier,
    claim: &Claim,
    link: &mut Option<Link>,
    stop: &watch::Receiver<bool>,
    tally: &mut Tally,
) -> Result<Option<Vec<Lack>>, Broke> {
    let mailbox_id = claim.mailbox_id;
    let (mailbox, fetched_by, folders) = courier
        .read(move |tx| {
            let mailbox = mailbox::get(tx, mailbox_id)?;
            let fetched_by = mailbox::fetched_by(tx, &mailbox)?;
            let folders = mailbox::folders_of_round(tx, &mailbox)?;
            Ok((mailbox, fetched_by, folders))
        })
        .await?;
    if let Some(other) = fetched_by {
        *link = None;
        return follow::health(&mailbox, &other).map_err(Broke::All).map(|()| Some(Vec::new()));
    }
    room(courier).await.map_err(Broke::All)?;
    if let Some(link) = link {
        link.wake(courier, &mailbox);
    }
    let round = InFolders { courier, claim, stop, has_others: folders.len() > 1 };
    let mut lacks: Vec<Lack> = Vec::new();
    for name in &folders {
        if let Some(rest) = resting(link, name, courier.now()) {
            lacks.push(Lack::new(name, What::Folder, rest));
            continue;
        }
        match round.fetch(&mailbox.in_folder(name), link, tally).await {
            Ok(Some(found)) => {
                forget_rest(link, name);
                lacks.extend(found);
            }
            Ok(None) => return Ok(None),
            Err(Broke::Trouble(trouble)) if folders.len() > 1 && trouble.retry_after_ms.is_none() => {
                rest(courier, link, name, &trouble);
                lacks.push(Lack::new(name, What::Folder, trouble));
            }
            Err(broke) => return Err(broke),
        }
    }
    let is_well =
        |name: &&String| !lacks.iter().any(|lack| lack.what == What::Folder && lack.folder == **name);
    let Some(watched) = folders.iter().find(is_well) else {
        let first = lacks.into_iter().next();
        return first.map_or(Ok(Some(Vec::new())), |lack| Err(Broke::Trouble(lack.trouble)));
    };
    if folders.len() > 1 && link.as_ref().is_some_and(|link| link.shelf.waits_for_news()) {
        // What has come there meanwhile is not announced any more.
        match round.fetch(&mailbox.in_folder(watched), link, tally).await {
            Ok(Some(found)) => {
                lacks.retain(|lack| lack.folder != *watched);
                lacks.extend(found);
            }
            Ok(None) => return Ok(None),
            Err(Broke::Trouble(trouble)) if trouble.retry_after_ms.is_none() => {
                lacks.push(Lack::new(watched, What::Folder, trouble));
            }
            Err(broke) => return Err(broke),
        }
    }
    Ok(Some(lacks))
}

/// What a round goes through its folders with.
struct InFolders<'a> {
    courier: &'a Courier,
    claim: &'a Claim,
    stop: &'a watch::Receiver<bool>,
    /// What is refused is a matter of the folder: there are others, by which a link shows whether it is good.
    has_others: bool,
}

impl InFolders<'_> {
    /// What could not be done all the same. `None`: stopped before the end.
    async fn fetch(
        &self,
        mailbox: &Mailbox,
        link: &mut Option<Link>,
        tally: &mut Tally,
    ) -> Result<Option<Vec<Lack>>, Broke> {
        let (courier, stop, begun) = (self.courier, self.stop, *tally);
        let (id, folder) = (mailbox.id, mailbox.folder_or_inbox().to_owned());
        let read = courier.read(move |tx| {
            let known = cursor::find(tx, id, &folder)?;
            let put_off = match &known {
                Some(cursor) => put_off::of(tx, id, &folder, cursor.uid_validity)?,
                None => BTreeMap::new(),
            };
            let asked = balance::find(tx, id, &folder)?.map_or(Asked::Nothing, |balance| balance.asked);
            Ok((known, balance::chosen_at(tx, id, &folder)?, put_off, asked))
        });
        let (mut known, chosen_at, put_off, asked) = read.await?;
        let (mut opened, mut names) = self.open(mailbox, link).await?;
        let Some(Link { shelf, settling, .. }) = link else { return Ok(None) };
        let mut work = Work::new(courier, self.claim, mailbox, chosen_at).await;
        work.trials.know(put_off, asked == Asked::Fetch, mailbox.failures);
        let rest = settling.remove(&settled(mailbox));
        let rests = rest.as_ref().is_some_and(|rest| rest.until > courier.now());
        work.unmarked = rest.as_ref().filter(|_| rests).map(|rest| Broke::Trouble(rest.trouble.clone()));
        let cursor = loop {
            let cursor = work.begin(shelf, known, &opened, &mut names).await?;
            let Some(cursor) = work.stretch(shelf, cursor, &mut names, stop, tally).await? else {
                return Ok(None);
            };
            if work.is_another {
                // Under a number of its own, from its beginning.
                (opened, names) = shelf.select(courier, mailbox).await?;
                (known, work.is_another) = (Some(cursor), false);
                continue;
            }
            if !work.trials.put_off.is_empty() {
                break cursor; // what is listed further is listed again, after what does not come for now
            }
            match shelf.go_on(courier, mailbox).await? {
                Some(more) => (opened, names, known) = (more.0, more.1, Some(cursor)),
                None => break cursor,
            }
        };
        work.has_fetched = *tally != begun;
        let cursor = match reconcile::run(&mut work, shelf, cursor, stop, tally).await {
            // The link may have gone with what went wrong before, and that is the reason.
            Err(Broke::Trouble(trouble)) => return Err(work.unmarked.unwrap_or(Broke::Trouble(trouble))),
            reconciled => reconciled?,
        };
        let goes_on = shelf.goes_on_after_a_refusal();
        if !shelf.stands()
            && let Some(Link { shelf, .. }) = link.take()
        {
            let (validity, fresh) = (cursor.uid_validity, &work.fresh);
            let ended = mark::settle_at_the_end(courier, self.claim, shelf, mailbox, validity, fresh).await;
            if let Ok(deleted @ 1..) = ended
                && work.has_compared
            {
                let folder = cursor.folder.clone();
                let noted = courier.write_behind(move |tx| balance::note_deleted(tx, id, &folder, deleted));
                noted.await?;
            }
            work.unmarked = ended.err();
        }
        let folder = mailbox.folder_or_inbox();
        let mut lacks: Vec<Lack> = Lack::of_letters(folder, work.trials.all()).into_iter().collect();
        if mailbox.protocol == Protocol::Graph {
            lacks.extend(Lack::of_lost_places(folder, courier.inside.fetched.lost_places(mailbox)));
        }
        match work.unmarked {
            None => {
                let told = mark::told(courier, mailbox, cursor.uid_validity).into_iter();
                lacks.extend(told.map(|trouble| Lack::new(folder, What::Settling, trouble)));
                lacks.extend(Lack::of_undeleted(mailbox, names.undeleted));
            }
            // Refused, and not broken off: mail comes in, and the next letter is to come at once.
            Some(Broke::Trouble(trouble))
                if trouble.retry_after_ms.is_none() && (goes_on || trouble.needs_person()) =>
            {
                if let Some(Link { settling, .. }) = link {
                    let next = || Rest::after(&trouble, rest.as_ref(), courier);
                    let rest = rest.clone().filter(|_| rests).unwrap_or_else(next);
                    settling.insert(settled(mailbox), rest);
                }
                lacks.push(Lack::new(folder, What::Settling, trouble));
            }
            Some(broke) => return Err(broke),
        }
        Ok(Some(lacks))
    }

    /// The folder opened, on the link that is there or, when that has died meanwhile, on a new one.
    async fn open(&self, mailbox: &Mailbox, link: &mut Option<Link>) -> Result<(Opened, Names), Broke> {
        let courier = self.courier;
        if let Some(old) = link
            && old.serves(mailbox)
        {
            match old.shelf.select(courier, mailbox).await {
                Ok(selected) => return Ok(selected),
                Err(trouble) if self.has_others && trouble.class != Class::Retry => {
                    return Err(Broke::Trouble(trouble));
                }
                Err(_) => {}
            }
        }
        let (shelf, opened, names) =
            Shelf::open(courier, mailbox).await.map_err(|unopened| match unopened {
                Unopened::Link(trouble) => Broke::All(trouble),
                Unopened::Folder(trouble) => Broke::Trouble(trouble),
            })?;
        let serves = link.as_ref().is_some_and(|old| old.serves(mailbox));
        let rests = link.take().map(|old| (old.resting, old.settling, old.next_at));
        let (resting, settling, next_at) = rests.unwrap_or_default();
        let settling = if serves { settling } else { HashMap::new() };
        *link = Some(Link { shelf, settings: settings(mailbox), resting, settling, next_at });
        let forgotten = [names.gone.as_slice(), &names.replaced].concat();
        if !forgotten.is_empty() || !names.ended.is_empty() {
            let (id, folder, ended) = (mailbox.id, mailbox.folder_or_inbox().to_owned(), names.ended.clone());
            let noted = courier.write_behind(move |tx| {
                named::forget(tx, id, &folder, opened.uid_validity, &forgotten)?;
                deleted_name::end(tx, id, &folder, opened.uid_validity, &ended)
            });
            noted.await?;
        }
        if names.given_again {
            courier.inside.fetched.note_given_again(mailbox, courier.now());
        }
        Ok((opened, names))
    }
}

/// In which folder, and what is done there.
fn settled(mailbox: &Mailbox) -> (String, Fetched) {
    (mailbox.folder_or_inbox().to_owned(), mailbox.fetched.clone())
}

/// What passes is tried again later and later: it may cost a sign-in each time. What waits for a person is a refusal, and
/// cheap.
fn rest(courier: &Courier, link: &mut Option<Link>, folder: &str, trouble: &Trouble) {
    let Some(link) = link else { return };
    if trouble.needs_person() {
        return;
    }
    let rest = Rest::after(trouble, link.resting.get(folder), courier);
    link.resting.insert(folder.to_owned(), rest);
}

fn resting(link: &Option<Link>, folder: &str, now: i64) -> Option<Trouble> {
    let rest = link.as_ref()?.resting.get(folder)?;
    (rest.until > now).then(|| rest.trouble.clone())
}

fn forget_rest(link: &mut Option<Link>, folder: &str) {
    if let Some(link) = link {
        link.resting.remove(folder);
    }
}
