//! One mailbox's turn at sending: one link, several messages over it, not too many a minute. A stalled or closed
//! server holds up its own mailbox only.
use super::letter::{self, Letter, Written};
use super::pace::Senders;
use super::{ATTEMPT_LIMIT, InHand, outcome};
use crate::Courier;
use crate::connect::{self, Outgoing, Which};
use crate::graph::ask;
use crate::probe;
use crate::trouble::{RETRY_MS_MIN, Trouble};
use desk::mailboxes::mailbox::{self, Mailbox, Round, Side};
use desk::outgoing::outbox::{self, Attempt, Claim};
use mail::explain::Class;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use wire::smtp;

const MINUTE_MS: i64 = 60_000;
/// The longest time for which a server that could not be used is left alone, unless it named a longer one.
const HELD_MS_MAX: i64 = 10 * MINUTE_MS;
/// An idle link is kept this long for the next message.
const KEPT_OPEN: Duration = Duration::from_secs(5);
/// In the middle of a message when asked to stop: it may take this long to its end.
const LAST_MESSAGE_LIMIT: Duration = Duration::from_secs(7);
/// Between two tries to store what became of a message that was sent.
const SETTLE_AGAIN: Duration = Duration::from_secs(2);
const SETTLE_TRIES_MAX: usize = 300;

pub(crate) struct Sender {
    courier: Courier,
    mailbox_id: i64,
    senders: Senders,
    in_hand: InHand,
    stop: watch::Receiver<bool>,
    /// To an SMTP server. Graph has no links.
    link: Option<Box<smtp::Session>>,
}

impl Sender {
    pub(crate) fn new(
        courier: &Courier,
        mailbox_id: i64,
        senders: &Senders,
        in_hand: &InHand,
        stop: &watch::Receiver<bool>,
    ) -> Sender {
        let (courier, senders, in_hand) = (courier.clone(), senders.clone(), in_hand.clone());
        Sender { courier, mailbox_id, senders, in_hand, stop: stop.clone(), link: None }
    }

    /// Sends what comes until nothing has come for a while, or until asked to stop.
    pub(crate) async fn run(mut self, mut claims: mpsc::Receiver<Claim>) {
        while let Ok(Some(claim)) = tokio::time::timeout(KEPT_OPEN, claims.recv()).await {
            self.one(claim).await;
        }
        claims.close();
        while let Some(claim) = claims.recv().await {
            self.one(claim).await; // it came while the door was closing
        }
        if let Some(link) = self.link {
            let _ = tokio::time::timeout(Duration::from_secs(2), link.quit()).await; // everything is settled
        }
    }

    async fn one(&mut self, claim: Claim) {
        let attempt = match self.attempt(&claim).await {
            Ok(Some(attempt)) => attempt,
            Ok(None) => return self.in_hand.let_go(&claim),
            Err(error) => {
                tracing::error!(outbox = claim.outbox_id, "a message could not be prepared: {error}");
                let trouble = Trouble::from(error);
                outcome::put_off(&trouble, trouble.next_at(&self.courier, claim.attempts))
            }
        };
        self.settle(&claim, attempt).await;
        self.in_hand.let_go(&claim);
    }

    /// `None`: not ours any more.
    async fn attempt(&mut self, claim: &Claim) -> desk::Result<Option<Attempt>> {
        let mailbox = probe::find(&self.courier, self.mailbox_id).await?;
        let mailbox = match self.pause(connect::sends_a_minute_max(&self.courier, &mailbox)).await {
            Pause::None => mailbox,
            // A minute later it may have been switched off.
            Pause::Waited => probe::find(&self.courier, self.mailbox_id).await?,
            Pause::Stopped => return Ok(Some(outcome::given_back(self.courier.now()))),
        };
        let now = self.courier.now();
        if let Some((until, trouble)) = self.held(&mailbox, now) {
            return Ok(Some(outcome::put_off(&trouble, until)));
        }
        if mailbox.removed_at.is_some() || !mailbox.outgoing_active {
            let trouble = switched_off(&mailbox);
            let next_at = now.saturating_add(5 * MINUTE_MS);
            return Ok(Some(outcome::put_off(&trouble, next_at)));
        }
        let letter = match letter::write(&self.courier, claim).await {
            Ok(Written::Letter(letter)) => letter,
            Ok(Written::Nobody) => return Ok(Some(outcome::given_back(now))),
            Ok(Written::Lost) => return Ok(None),
            Err(desk::Error::Failed(error)) if error.downcast_ref::<std::io::Error>().is_none() => {
                tracing::error!(outbox = claim.outbox_id, "a message could not be written: {error:#}");
                let next_at = now.saturating_add(5 * MINUTE_MS);
                return Ok(Some(outcome::put_off(&unwritable(&error.to_string()), next_at)));
            }
            Err(error) => return Err(error),
        };
        Ok(Some(self.send(claim, &mailbox, &letter).await))
    }

    /// Until when, and why, nothing is tried. Over when somebody has mended it meanwhile.
    fn held(&mut self, mailbox: &Mailbox, now: i64) -> Option<(i64, Trouble)> {
        let mended = matches!(mailbox.outgoing_health.state, mailbox::State::New | mailbox::State::Ok);
        self.senders.with(self.mailbox_id, |pace| {
            pace.look(now);
            pace.held = pace.held.take().filter(|(until, _)| *until > now && !mended);
            pace.held.clone()
        })
    }

    /// Waits for the minute's allowance.
    async fn pause(&mut self, a_minute_max: Option<u32>) -> Pause {
        let mut pause = Pause::None;
        loop {
            if *self.stop.borrow() {
                return Pause::Stopped;
            }
            let now = self.courier.now();
            let wait_ms = self.senders.with(self.mailbox_id, |pace| pace.wait_ms(now, a_minute_max));
            if wait_ms <= 0 {
                return pause;
            }
            pause = Pause::Waited;
            self.link = None; // servers close links that are silent for so long
            let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0).min(1_000));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = self.stop.changed() => {}
            }
        }
    }

    async fn send(&mut self, claim: &Claim, mailbox: &Mailbox, letter: &Letter) -> Attempt {
        let attempts = claim.attempts;
        let mut stop = self.stop.clone();
        let done = tokio::select! {
            done = tokio::time::timeout(ATTEMPT_LIMIT, self.deliver(mailbox, letter)) => done.ok(),
            () = stopped(&mut stop) => None,
        };
        let Some(done) = done else {
            // Broken off in the middle: how far it came is not known.
            self.link = None;
            return outcome::unsure(&self.courier, attempts, "the sending was broken off");
        };
        let now = self.courier.now();
        let place = connect::place_of_flow(&self.courier, mailbox, Side::Outgoing).await;
        match done {
            Ok(sent) => {
                if let Some(trouble) = outcome::refused_to_the_mailbox(&sent, place.provider) {
                    tracing::warn!(
                        mailbox = mailbox.address,
                        outbox = claim.outbox_id,
                        "send: {}",
                        trouble.detail
                    );
                    self.note(&trouble, true).await;
                    return outcome::put_off_by_a_try(&self.courier, &trouble, attempts);
                }
                self.senders.with(self.mailbox_id, |pace| {
                    pace.sent_at.push_back(now);
                    pace.failures = 0;
                    pace.held = None;
                });
                self.health(&Round::Done { mail: true, next_at: now }).await;
                outcome::answered(&self.courier, sent, place.provider, attempts)
            }
            Err(Undelivered::Answer(error)) => {
                let trouble = Trouble::of(&error, &place);
                tracing::warn!(mailbox = mailbox.address, outbox = claim.outbox_id, "send: {error}");
                let is_ours = error.smtp_code().is_none() && error.server_text().is_none();
                if error.kind() == wire::Kind::Rejected && is_ours {
                    // Our own check: too large for the server, too many recipients, an address it cannot carry.
                    return outcome::hopeless(crate::trouble::sentence(&error.to_string()));
                }
                self.link = self.link.take().filter(|_| outcome::is_the_messages(&error, &trouble));
                self.note(&trouble, outcome::is_the_messages(&error, &trouble)).await;
                outcome::failed(&self.courier, &error, &trouble, attempts)
            }
            Err(Undelivered::NotOpened(trouble)) => {
                tracing::warn!(
                    mailbox = mailbox.address,
                    code = trouble.code,
                    "send: {}",
                    trouble.whole_reason()
                );
                let until = self.note(&trouble, false).await;
                outcome::put_off(&trouble, until)
            }
        }
    }

    async fn deliver(&mut self, mailbox: &Mailbox, letter: &Letter) -> Result<smtp::Sent, Undelivered> {
        if mailbox.is_by_graph(Side::Outgoing) {
            self.link = None; // it was by SMTP until now
        }
        if let Some(link) = &mut self.link {
            match link.send(&letter.envelope, &letter.bytes).await {
                // A kept link that has died: nothing was begun on it, so a new one is tried at once.
                Err(error) if is_stale(&error) => self.link = None,
                done => return done.map_err(Undelivered::Answer),
            }
        }
        let opened =
            connect::outgoing(&self.courier, mailbox, Which::InUse).await.map_err(Undelivered::NotOpened)?;
        let sent = match opened {
            Outgoing::Smtp(session) => self.link.insert(session).send(&letter.envelope, &letter.bytes).await,
            Outgoing::Graph(mut opened) => {
                ask!(opened, |session| session.send(&letter.envelope, &letter.bytes))
            }
        };
        sent.map_err(Undelivered::Answer)
    }

    /// Health, and how long the mailbox is left alone; when it is tried again.
    async fn note(&mut self, trouble: &Trouble, is_the_messages: bool) -> i64 {
        let failures = self.senders.with(self.mailbox_id, |pace| {
            pace.failures += 1;
            pace.failures - 1
        });
        // Somebody waits for these: an hour, as for fetching, would be long.
        let now = self.courier.now();
        let named = now.saturating_add(trouble.retry_after_ms.unwrap_or(0));
        let until = trouble
            .next_at(&self.courier, failures)
            .min(now + HELD_MS_MAX)
            .max(now + RETRY_MS_MIN)
            .max(named);
        if !is_the_messages {
            self.senders.with(self.mailbox_id, |pace| pace.held = Some((until, trouble.clone())));
        }
        self.health(&trouble.round(until)).await;
        until
    }

    async fn health(&mut self, round: &Round) {
        let (id, round, now) = (self.mailbox_id, round.clone(), self.courier.now());
        if let Err(error) =
            self.courier.write_behind(move |tx| mailbox::settle_outgoing(tx, id, &round, now)).await
        {
            tracing::warn!(mailbox = id, "the outgoing side's health could not be stored: {error}");
        }
    }

    /// What became of a message must be stored, or it would be sent again. Its lease is renewed meanwhile.
    async fn settle(&mut self, claim: &Claim, attempt: Attempt) {
        for _ in 0..SETTLE_TRIES_MAX {
            let (row, attempt, now) = (claim.clone(), attempt.clone(), self.courier.now());
            match self.courier.write_behind(move |tx| outbox::settle(tx, &row, &attempt, now)).await {
                Ok(true) => return,
                Ok(false) => {
                    tracing::warn!(outbox = claim.outbox_id, "a late result was dropped");
                    return;
                }
                Err(error) => {
                    tracing::warn!(outbox = claim.outbox_id, "what became of it is not stored yet: {error}");
                }
            }
            tokio::time::sleep(SETTLE_AGAIN).await;
        }
        tracing::error!(
            outbox = claim.outbox_id,
            "what became of it could not be stored; it may be sent again"
        );
    }
}

enum Pause {
    None,
    Waited,
    Stopped,
}

enum Undelivered {
    NotOpened(Trouble),
    Answer(wire::Error),
}

/// Asked to stop, and the time for a last message has passed.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await; // nobody can ask any more
    }
    tokio::time::sleep(LAST_MESSAGE_LIMIT).await;
}

fn is_stale(error: &wire::Error) -> bool {
    matches!(error.kind(), wire::Kind::Transient { .. })
        && error.smtp_code().is_none_or(|code| code == 421)
        && !error.may_have_been_sent()
}

fn switched_off(mailbox: &Mailbox) -> Trouble {
    Trouble::new(
        Class::Configuration,
        "no_outgoing",
        format!("{} does not send: its outgoing server is switched off.", mailbox.address),
        "Switch it on in the tab Outgoing (SMTP).",
    )
}

fn unwritable(why: &str) -> Trouble {
    Trouble::new(
        Class::Defect,
        "unwritable",
        format!("The message could not be written: {why}."),
        "Run postern check; the message is kept and tried again.",
    )
}
