//! From the server to batches: messages in order, cut so that memory stays small, and no single message stops what
//! is behind it.
use super::batch::{Batch, Content, Open, Taken};
use super::plan::{self, Rules};
use super::shelf::{Names, Shelf};
use super::transfers::Transfer;
use super::trials::{self, PUT_OFF_ALONE_MS, PUT_OFF_MS, Trials, concerns_messages, is_blank, spread};
use super::{Broke, room};
use crate::Courier;
use crate::connect;
use crate::letter::{self, too_big};
use crate::trouble::Trouble;
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::{Mailbox, Side};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use wire::imap::Fetched;
use wire::letter::Room;

/// To see that a message comes no more of it is needed.
const LOOK_BYTES_MAX: u64 = 64 * 1024;
/// A server that delivers none of them in this time is ill.
const LOOKING: Duration = Duration::from_secs(60);

pub(super) struct Taker<'a> {
    courier: &'a Courier,
    mailbox: &'a Mailbox,
    rules: &'a Rules,
    cursor: &'a Cursor,
    batch: usize,
    trials: &'a mut Trials,
    names: &'a mut Names,
    transfer: &'a Transfer,
    room: Room,
    /// What was left in this round, or may have been in an earlier one.
    refused: BTreeSet<u32>,
    /// They are asked for because a person wants that.
    asks_again: bool,
    /// All others were asked for before.
    is_last: bool,
    /// A letter has come in this round.
    came: bool,
}

/// What came of asking for one message.
enum Single {
    Came(Fetched),
    /// Why it is left on the server.
    Left(String),
    /// Why it is asked for again in a later round.
    PutOff(String),
    /// It was deleted meanwhile.
    Gone,
}

impl<'a> Taker<'a> {
    pub(super) fn new(
        courier: &'a Courier,
        mailbox: &'a Mailbox,
        rules: &'a Rules,
        cursor: &'a Cursor,
        batch: usize,
        trials: &'a mut Trials,
        names: &'a mut Names,
        transfer: &'a Transfer,
    ) -> Taker<'a> {
        let (room, refused) = (letter::room(&courier.desk().store), BTreeSet::new());
        Taker {
            courier,
            mailbox,
            rules,
            cursor,
            batch,
            trials,
            names,
            transfer,
            room,
            refused,
            asks_again: false,
            is_last: false,
            came: false,
        }
    }

    /// Behind all others, or not, after a letter has come in this round, or has not.
    pub(super) fn in_turn(mut self, is_last: bool, came: bool) -> Self {
        (self.is_last, self.came) = (is_last, came);
        self
    }

    /// For messages that reading has gone past: they say nothing of the server while nothing else is there to ask it for.
    pub(super) fn asking_again(mut self, uids: &[u32]) -> Self {
        self.refused.extend(uids);
        self.asks_again = true;
        self
    }

    /// Fetches these UIDs and passes them on in batches; ends early when asked to stop, or when nobody stores.
    pub(super) async fn run(
        &mut self,
        shelf: &mut Shelf,
        uids: &[u32],
        stop: &watch::Receiver<bool>,
        out: mpsc::Sender<Batch>,
    ) -> Result<(), Broke> {
        let mut open = Open::new(self.cursor);
        let mut end = Ok(());
        // Which of several it asks for a pause at, a server does not always say.
        let at_once = if self.trials.has_late() { 1 } else { self.batch };
        for chunk in uids.chunks(at_once) {
            if *stop.borrow() {
                break;
            }
            open.expect(chunk);
            end = self.chunk(shelf, &mut open, chunk, &out).await;
            if end.is_err() || out.is_closed() {
                break;
            }
        }
        // What came before the trouble is good.
        let _ = out.send(open.cut(self.names, self.trials)).await;
        end
    }

    /// Where the server refuses what it was asked for, or breaks off, the messages that have not come are asked for in
    /// smaller parts, down to the one that is to blame.
    async fn chunk(
        &mut self,
        shelf: &mut Shelf,
        open: &mut Open,
        chunk: &[u32],
        out: &mpsc::Sender<Batch>,
    ) -> Result<(), Broke> {
        let (mut parts, mut works) = (vec![chunk.to_vec()], false);
        while let Some(part) = parts.pop() {
            let mut missing = Vec::new();
            let ended = self.stream(shelf, open, &part, &mut missing, out).await;
            if out.is_closed() {
                return Ok(());
            }
            if let Err(error) = ended {
                if !concerns_messages(&error) {
                    return Err(self
                        .broke_at(part.iter().find(|uid| open.to_come.contains(uid)), &error)
                        .await);
                }
                tracing::warn!(mailbox = self.mailbox.address, "fetched in smaller parts from here: {error}");
                self.connect_again(shelf).await?;
                missing = part.iter().copied().filter(|uid| open.to_come.contains(uid)).collect();
                self.pass_the_gone(shelf, open, &mut missing).await?;
                if missing.len() > 1 && self.trials.may_halve() {
                    let came = missing.len() < part.len();
                    works = works || came || self.works(shelf, &missing, &BTreeSet::new()).await?;
                    if !works {
                        return Err(self.broke(&error).await);
                    }
                    // Mostly it breaks off at the one that is to blame.
                    let rest = missing.split_off(if came { 1 } else { missing.len() / 2 });
                    parts.extend([rest, missing]);
                    continue;
                }
            } else {
                self.pass_the_gone(shelf, open, &mut missing).await?;
            }
            self.one_by_one(shelf, open, &missing, out).await?;
        }
        Ok(())
    }

    /// One command for the whole chunk.
    async fn stream(
        &mut self,
        shelf: &mut Shelf,
        open: &mut Open,
        chunk: &[u32],
        missing: &mut Vec<u32>,
        out: &mpsc::Sender<Batch>,
    ) -> wire::Result<()> {
        let mut fetch = shelf.fetch(chunk, &self.room).await?;
        while let Some(fetched) = fetch.next().await? {
            match &fetched {
                Fetched::Missing { uid } => missing.push(*uid),
                Fetched::Message { uid, .. } if is_blank(&fetched) => missing.push(*uid),
                Fetched::Message { .. } | Fetched::TooBig { .. } => self.sort(open, fetched),
            }
            if open.is_full(self.batch) && out.send(open.cut(self.names, self.trials)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Those that were deleted meanwhile are passed over.
    async fn pass_the_gone(
        &mut self,
        shelf: &mut Shelf,
        open: &mut Open,
        missing: &mut Vec<u32>,
    ) -> Result<(), Broke> {
        let Some(first) = missing.iter().min() else { return Ok(()) };
        let listed = shelf.uids_since(first.saturating_sub(1)).await;
        let listed = connect::explained(self.courier, self.mailbox, Side::Incoming, listed).await?;
        let listed: BTreeSet<u32> = listed.into_iter().collect();
        for gone in missing.extract_if(.., |uid| !listed.contains(uid)) {
            self.pass_gone(shelf, open, gone);
        }
        Ok(())
    }

    fn pass_gone(&mut self, shelf: &Shelf, open: &mut Open, gone: u32) {
        self.trials.settled(gone);
        if shelf.gives_numbers() {
            open.pass(gone);
        } else {
            open.vanish(gone);
            self.trials.gone.insert(gone);
        }
    }

    /// Those that do not come by themselves either are left, with the reason.
    async fn one_by_one(
        &mut self,
        shelf: &mut Shelf,
        open: &mut Open,
        missing: &[u32],
        out: &mpsc::Sender<Batch>,
    ) -> Result<(), Broke> {
        for uid in missing {
            let single = if self.trials.is_spent {
                self.beyond(*uid)
            } else {
                self.single(shelf, *uid, missing).await?
            };
            match single {
                Single::Gone => self.pass_gone(shelf, open, *uid),
                Single::Came(fetched) => self.sort(open, fetched),
                Single::Left(reason) => {
                    self.refused.insert(*uid);
                    self.record(open, *uid, None, Content::Left(reason));
                }
                Single::PutOff(reason) => {
                    self.refused.insert(*uid);
                    tracing::info!(mailbox = self.mailbox.address, uid, "asked for again later: {reason}");
                    self.trials.put_off.insert(*uid);
                    open.pass(*uid);
                }
            }
            if open.is_full(self.batch) && out.send(open.cut(self.names, self.trials)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One message, twice if need be. It is left where the server works, but does not deliver this one; where that may be
    /// for now, it is asked for again for a while before.
    async fn single(&mut self, shelf: &mut Shelf, uid: u32, ill: &[u32]) -> Result<Single, Broke> {
        let (mut last, mut blank) = (None, false);
        for _ in 0..2 {
            match one(shelf, uid, &self.room).await {
                Ok(fetched) if is_blank(&fetched) => (last, blank) = (None, true),
                Ok(Fetched::Missing { .. }) => (last, blank) = (None, false),
                Ok(fetched) => return Ok(Single::Came(fetched)),
                Err(error) if concerns_messages(&error) => {
                    self.connect_again(shelf).await?;
                    (last, blank) = (Some(error), false);
                }
                Err(error) => return Err(self.broke_at(Some(&uid), &error).await),
            }
        }
        let works = self.works(shelf, ill, &BTreeSet::from([uid])).await?;
        // One that answers with nothing works in a way, also where it has nothing else.
        if !(works || blank) {
            let error = last.unwrap_or_else(|| {
                let why = "the server lists messages and delivers none of them";
                wire::Error::broken(wire::FETCHING, &self.mailbox.incoming.host).remedy(why)
            });
            return Err(self.broke(&error).await);
        }
        if self.trials.spare == 0 {
            self.trials.is_spent = true;
            return Ok(self.beyond(uid));
        }
        self.trials.spare -= 1;
        let reason = trials::undelivered(last.as_ref(), blank);
        let passes = blank || last.as_ref().is_some_and(wire::Error::passes);
        let most = if works { PUT_OFF_MS } else { PUT_OFF_ALONE_MS };
        if passes && self.trials.puts_off(uid, &reason, self.courier.now(), most) {
            return Ok(Single::PutOff(reason));
        }
        self.trials.settled(uid);
        let there = plan::is_there(shelf, uid).await;
        let there = connect::explained(self.courier, self.mailbox, Side::Incoming, there).await?;
        Ok(if there { Single::Left(reason) } else { Single::Gone })
    }

    /// One that is not asked for in this round, as too many before it have not come.
    fn beyond(&mut self, uid: u32) -> Single {
        let reason = trials::too_many();
        self.trials.puts_off(uid, &reason, self.courier.now(), PUT_OFF_MS);
        Single::PutOff(reason)
    }

    /// Whether the server delivers any other message: if it does not, it is ill, and no single one is to blame. Those
    /// beside the `ill` are looked at first, and then these, for they may be all that there are.
    async fn works(
        &mut self,
        shelf: &mut Shelf,
        ill: &[u32],
        without: &BTreeSet<u32>,
    ) -> Result<bool, Broke> {
        let Ok(mut listed) = shelf.uids_since(0).await else { return Ok(false) };
        // Nor those at which it asks for a pause.
        let says_nothing = |uid: &u32| self.refused.contains(uid) || self.trials.is_late(*uid);
        listed.retain(|uid| !without.contains(uid) && !says_nothing(uid));
        if self.asks_again && listed.is_empty() {
            return Ok(true);
        }
        let (ill, others): (Vec<u32>, Vec<u32>) = listed.into_iter().partition(|uid| ill.contains(uid));
        let look = Room::in_memory(LOOK_BYTES_MAX);
        let looking = async {
            for uid in spread(&others).into_iter().chain(spread(&ill)) {
                match one(shelf, uid, &look).await {
                    Ok(fetched) if is_blank(&fetched) => {}
                    Ok(Fetched::Message { .. } | Fetched::TooBig { .. }) => return Ok(true),
                    Ok(Fetched::Missing { .. }) => {}
                    Err(error) if concerns_messages(&error) => self.connect_again(shelf).await?,
                    Err(_) => return Ok(false),
                }
            }
            Ok(false)
        };
        // What is cut off here is not gone on with: whoever hears of an ill server ends the round.
        tokio::time::timeout(LOOKING, looking).await.unwrap_or(Ok(false))
    }

    async fn connect_again(&self, shelf: &mut Shelf) -> Result<(), Broke> {
        let opened = shelf.open_again(self.courier, self.mailbox).await?;
        if opened.uid_validity != self.cursor.uid_validity {
            let what = "go on: the folder was made anew while it was read";
            return Err(self.broke(&wire::Error::transient(what, &self.mailbox.incoming.host)).await);
        }
        Ok(())
    }

    /// What becomes of an answer: recorded, recorded as left on the server, or passed as old.
    fn sort(&mut self, open: &mut Open, fetched: Fetched) {
        self.transfer.came();
        self.came |= !matches!(fetched, Fetched::Missing { .. });
        let (uid, at, content) = match fetched {
            Fetched::Message { uid, internal_date_at, letter } => {
                (uid, internal_date_at, Content::Raw(letter))
            }
            Fetched::TooBig { uid, internal_date_at, size_bytes } => {
                (uid, internal_date_at, Content::Left(too_big(size_bytes)))
            }
            Fetched::Missing { uid } => return open.pass(uid),
        };
        self.trials.settled(uid);
        self.record(open, uid, at, content);
    }

    fn record(&self, open: &mut Open, uid: u32, at: Option<i64>, content: Content) {
        let was_there = uid <= self.cursor.start_after_uid;
        if was_there && !self.rules.wants(at) {
            open.pass(uid);
            return;
        }
        open.push(Taken { uid, received_at: at, silent: was_there && self.rules.is_silent(at), content });
    }

    /// Where the server asks for a pause at one message, that one is remembered.
    async fn broke_at(&mut self, uid: Option<&u32>, error: &wire::Error) -> Broke {
        if let Some(uid) = uid {
            let (came, is_last) = (self.came, self.is_last || self.asks_again);
            self.trials.stands_in_the_way(*uid, error, self.courier.now(), came, is_last);
        }
        self.broke(error).await
    }

    async fn broke(&self, error: &wire::Error) -> Broke {
        let place = connect::place_of_flow(self.courier, self.mailbox, Side::Incoming).await;
        let trouble = Trouble::of(error, &place);
        if !error.is_unkept() {
            return trouble.into();
        }
        // No folder and no message is to blame: it is as if there had been no room when the round began.
        Broke::All(room(self.courier).await.err().unwrap_or(trouble))
    }
}

pub(super) async fn one(shelf: &mut Shelf, uid: u32, room: &Room) -> wire::Result<Fetched> {
    let mut found = Fetched::Missing { uid };
    let mut fetch = shelf.fetch(&[uid], room).await?;
    while let Some(fetched) = fetch.next().await? {
        found = fetched;
    }
    Ok(found)
}
