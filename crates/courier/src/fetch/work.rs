//! One folder of a round: where reading stands there, what is new, and what is settled on the server.
use super::copies::Fresh;
use super::shelf::{Names, Opened, Shelf};
use super::trials::Trials;
use super::turns::Turns;
use super::{
    BATCH_MAX, BATCHES_PER_LEG, Broke, Tally, keep_cursor, looked, mark, plan, restored, room, still_held,
    store, take,
};
use crate::Courier;
use crate::connect;
use crate::trouble::{Place, Trouble};
use desk::intake::inbox::{self, ServerLines};
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::{Claim, Mailbox, Side};
use desk::mailboxes::put_off;
use tokio::sync::watch;

/// A round past the opening, in one folder: the mailbox is as far as that one goes.
pub(super) struct Work<'a> {
    pub courier: &'a Courier,
    pub claim: &'a Claim,
    pub mailbox: &'a Mailbox,
    place: Place,
    pub rules: plan::Rules,
    pub trials: Trials,
    /// What is fetched now was passed before, and a person asks for it.
    pub asks_again: bool,
    /// What is fetched now comes behind all others.
    is_last: bool,
    /// Its numbers are those of other letters than were recorded: nothing is done to them before it is read anew.
    pub is_another: bool,
    /// How that was looked into.
    pub looked: looked::Looked,
    /// What was stored in this round, and need not be read back before it is taken from the server.
    pub fresh: Fresh,
    /// Something came from this folder in this round.
    pub has_fetched: bool,
    /// The folder was compared in this round.
    pub has_compared: bool,
    /// A folder that cannot be moved to is told, but stops no mail from coming in.
    pub unmarked: Option<Broke>,
    server_lines: ServerLines,
}

impl<'a> Work<'a> {
    pub(super) async fn new(
        courier: &'a Courier,
        claim: &'a Claim,
        mailbox: &'a Mailbox,
        chosen_at: Option<i64>,
    ) -> Work<'a> {
        let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
        let rules = plan::Rules::of(mailbox, chosen_at, courier.now());
        Work {
            courier,
            claim,
            mailbox,
            place,
            rules,
            trials: Trials::new(),
            asks_again: false,
            is_last: false,
            is_another: false,
            looked: looked::Looked::default(),
            fresh: Fresh::default(),
            has_fetched: false,
            has_compared: false,
            unmarked: None,
            server_lines: ServerLines::default(),
        }
    }

    pub(super) fn said(&self, error: &wire::Error) -> Trouble {
        Trouble::of(error, &self.place)
    }

    /// Where reading stands: known, or begun just now.
    pub(super) async fn begin(
        &mut self,
        shelf: &mut Shelf,
        known: Option<Cursor>,
        opened: &Opened,
        names: &mut Names,
    ) -> Result<Cursor, Broke> {
        let known = match known {
            Some(known) if known.uid_validity == opened.uid_validity => {
                let last = opened.uid_next.map_or(0, |next| next.saturating_sub(1));
                let old = if opened.walks { last } else { 0 };
                return Ok(Cursor { start_after_uid: known.start_after_uid.max(old), ..known });
            }
            known => known,
        };
        self.trials.forget();
        let (first_sight, folder) = (known.is_none(), self.mailbox.folder_or_inbox());
        let begun = plan::begin(shelf, folder, opened, &self.rules, first_sight).await;
        let begun = begun.map_err(|error| self.said(&error))?;
        keep_cursor(self.courier, self.claim, &begun, names.up_to(begun.uid_last), None).await?;
        Ok(begun)
    }

    /// All that is listed now. `None`: stopped before the end.
    pub(super) async fn stretch(
        &mut self,
        shelf: &mut Shelf,
        mut cursor: Cursor,
        names: &mut Names,
        stop: &watch::Receiver<bool>,
        tally: &mut Tally,
    ) -> Result<Option<Cursor>, Broke> {
        let listed = plan::listed(shelf, &cursor, &self.rules).await.map_err(|error| self.said(&error))?;
        let plan::Listed { mut uids, old_to } = listed;
        let mut link = shelf.goes_on().cloned();
        let last = uids.last().copied().unwrap_or(0);
        let end = last.max(cursor.uid_last).max(old_to);
        let turns = self.without_recorded(&cursor, &mut uids).await?;
        if self.is_another || restored::is_another(self, shelf, &cursor, !uids.is_empty()).await? {
            self.is_another = true;
            return Ok(Some(cursor)); // nothing is recorded or touched under numbers that are not its own
        }
        // What an earlier round left over.
        self.mark(shelf, &cursor).await;
        let in_order = turns.parts.len() == 1 && turns.last.is_empty();
        for (part, uids) in turns.parts.iter().enumerate() {
            self.trials.left_before = turns.left_before(part);
            for leg in uids.chunks(self.batch() * BATCHES_PER_LEG) {
                if *stop.borrow() {
                    return Ok(None);
                }
                let is_last = in_order && leg.last() == Some(&end);
                let finally = link.take_if(|_| is_last).map(|link| store::Finally { uid: end, link });
                self.leg(shelf, &mut cursor, leg, names, finally, stop, tally).await?;
            }
        }
        for late in turns.last {
            if *stop.borrow() {
                return Ok(None);
            }
            self.trials.put_off.remove(&late);
            self.is_last = true;
            let ended = self.leg(shelf, &mut cursor, &[late], names, None, stop, tally).await;
            self.is_last = false;
            ended?;
        }
        if *stop.borrow() {
            return Ok(None);
        }
        let end = if self.trials.gone.contains(&last) { cursor.uid_last } else { last.max(cursor.uid_last) };
        // All that was there at first sight is dealt with.
        let end = if old_to > end && self.is_there(shelf, old_to).await? { old_to } else { end };
        // What is put off is to be listed again.
        let (reached, link) = (self.trials.as_far(end), link.filter(|_| self.trials.put_off.is_empty()));
        if reached > cursor.uid_last || link.is_some() {
            cursor.uid_last = cursor.uid_last.max(reached);
            keep_cursor(self.courier, self.claim, &cursor, names.up_to(end), link).await?;
        }
        Ok(Some(cursor))
    }

    async fn is_there(&self, shelf: &mut Shelf, uid: u32) -> Result<bool, Broke> {
        if shelf.gives_numbers() {
            return Ok(true);
        }
        let there = plan::is_there(shelf, uid).await;
        there.map_err(|error| self.said(&error).into())
    }

    /// Where some are put off, now or in an earlier round, what is behind them may be recorded already. The others in their turns.
    async fn without_recorded(&mut self, cursor: &Cursor, uids: &mut Vec<u32>) -> Result<Turns, Broke> {
        if !self.trials.has_put_off(cursor.uid_last, uids, self.courier.now()) {
            self.trials.came_to = 0;
            self.keep_put_off(cursor).await?;
            return Ok(Turns::in_order(uids.clone()));
        }
        let all = uids.clone();
        uids.retain(|uid| !self.trials.put_off.contains(uid));
        if !uids.is_empty() {
            let (listed, folder) = (std::mem::take(uids), cursor.folder.clone());
            let (mailbox_id, uid_validity) = (self.mailbox.id, cursor.uid_validity);
            let read =
                self.courier.read(move |tx| inbox::missing(tx, mailbox_id, &folder, uid_validity, &listed));
            *uids = read.await?;
        }
        let (trials, is_wanted) = (&self.trials, |uid: &u32| uids.binary_search(uid).is_ok());
        let came = all.iter().rev().find(|uid| !is_wanted(uid) && !trials.put_off.contains(uid));
        let (came_to, last) = (came.copied().unwrap_or(0), trials.last(is_wanted));
        let turns = Turns::of(&all, uids, last, |uid| trials.is_late(uid));
        self.trials.came_to = came_to;
        // They stand before the cursor until they are asked for.
        self.trials.put_off.extend(&turns.last);
        self.keep_put_off(cursor).await?;
        Ok(turns)
    }

    /// What is put off is known to the next round, whichever process that is of.
    pub(super) async fn keep_put_off(&mut self, cursor: &Cursor) -> Result<(), Broke> {
        let Some(all) = self.trials.take_changed() else { return Ok(()) };
        let (claim, cursor, now) = (self.claim.clone(), cursor.clone(), self.courier.now());
        let kept = self.courier.write_behind(move |tx| {
            still_held(tx, &claim, now)?;
            put_off::keep(tx, claim.mailbox_id, &cursor.folder, cursor.uid_validity, &all)
        });
        Ok(kept.await?)
    }

    pub(super) fn batch(&self) -> usize {
        usize::try_from(self.mailbox.batch).unwrap_or(1).clamp(1, BATCH_MAX)
    }

    /// Fetched, recorded, and settled on the server. The cursor goes as far as the last of them, and never back.
    pub(super) async fn leg(
        &mut self,
        shelf: &mut Shelf,
        cursor: &mut Cursor,
        uids: &[u32],
        names: &mut Names,
        finally: Option<store::Finally>,
        stop: &watch::Receiver<bool>,
        tally: &mut Tally,
    ) -> Result<(), Broke> {
        let transfer = self.courier.inside.transfers.begin().await;
        room(self.courier).await.map_err(Broke::All)?;
        self.looked.reads(uids);
        let (batch, rules) = (self.batch(), &self.rules);
        let lines = std::mem::take(&mut self.server_lines);
        let mut carrier = store::Carrier::new(self.courier, self.claim, self.mailbox, cursor, finally, lines);
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let trials = &mut self.trials;
        let mut taker =
            take::Taker::new(self.courier, self.mailbox, rules, cursor, batch, trials, names, &transfer);
        taker = taker.in_turn(self.is_last, tally.new > 0);
        if self.asks_again {
            taker = taker.asking_again(uids);
        }
        let (taken, stored) =
            tokio::join!(taker.run(shelf, uids, stop, sender), carrier.run(receiver, tally));
        self.fresh.add(carrier.take_stored());
        self.server_lines = carrier.server_lines();
        tally.serves |= self.trials.serves;
        self.keep_put_off(cursor).await?;
        stored?;
        taken?;
        let reached = self.trials.as_far(self.trials.last_there(uids));
        cursor.uid_last = cursor.uid_last.max(reached);
        self.mark(shelf, cursor).await;
        Ok(())
    }

    async fn mark(&mut self, shelf: &mut Shelf, cursor: &Cursor) {
        if self.unmarked.is_none() {
            let (validity, without, fresh) = (cursor.uid_validity, &self.looked.unproved, &self.fresh);
            let (courier, claim, mailbox) = (self.courier, self.claim, self.mailbox);
            let marked = mark::settle(courier, claim, shelf, mailbox, validity, without, fresh).await;
            self.unmarked = marked.err();
        }
        if !matches!(shelf, Shelf::Pop3(_)) {
            self.fresh.forget(); // what was left over by now is read back the next time
        }
    }
}
