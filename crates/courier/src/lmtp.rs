//! Letters that a mail server of one's own hands over by LMTP: from its links to the inbox. Each is answered for when it is
//! stored and recorded, so what the other side has not heard of it keeps.
use crate::letter::{self, Raw};
use crate::{Courier, pipe};
use desk::Refusal;
use desk::db::Tx;
use desk::mailboxes::mailbox::{self, Mailbox};
use desk::site::mail_hold;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use wire::letter::Room;
use wire::lmtp::{Answer, Handed, Keeper, Listener, Peer};

/// Links at once; others wait to be accepted. A mail server opens twenty to one place at most, usually.
const LINKS_MAX: u32 = 32;
/// Of these from one machine, over a port: the others are for the next.
const LINKS_OF_ONE_MAX: usize = 24;
/// Large letters that come in at once; each has a few megabytes in memory, and the rest of it is on the disk.
const LETTERS_MAX: usize = 4;
/// After an error that is the system's, such as too many open files.
const REST: Duration = Duration::from_secs(1);
/// Between two lines in the log about who is not listened to.
const QUIET: Duration = Duration::from_secs(60);

/// Takes letters until `stopping` turns true, and returns when the last link has ended. Over a port only `clients` are
/// listened to, and this machine.
pub async fn serve(
    courier: Courier,
    listener: Listener,
    clients: Vec<IpAddr>,
    stopping: watch::Receiver<bool>,
) {
    let (links, letters) =
        (Arc::new(Semaphore::new(LINKS_MAX as usize)), Arc::new(Semaphore::new(LETTERS_MAX)));
    let of_peers = Arc::new(Mutex::new(HashMap::new()));
    let accepting = async {
        let mut told_at: Option<Instant> = None;
        loop {
            let Ok(link) = Arc::clone(&links).acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::error!("a mail server could not be let in over LMTP, and waits: {error}");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            if !may_hand_over(peer, &clients) {
                // Anybody can knock as often as they like; the log is not theirs to fill.
                if told_at.is_none_or(|at| at.elapsed() >= QUIET) {
                    let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
                    tracing::warn!("{peer} is not among lmtp.clients, and was not listened to over LMTP");
                    told_at = Some(Instant::now());
                }
                continue;
            }
            let Some(of_peer) = OfPeer::count(&of_peers, peer) else { continue };
            let (courier, letters, stopping) = (courier.clone(), Arc::clone(&letters), stopping.clone());
            tokio::spawn(async move {
                wire::lmtp::serve(stream, &DeskKeeper::of(courier), &letters, stopping).await;
                drop((of_peer, link));
            });
        }
    };
    let mut stop = stopping.clone();
    tokio::select! {
        () = accepting => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    drop(listener);
    // Every link holds one until it has ended.
    let _ = links.acquire_many(LINKS_MAX).await;
}

/// How many links each machine has.
type OfPeers = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A link that counts for its machine as long as it lives.
struct OfPeer(OfPeers, Peer);
impl OfPeer {
    /// `None`: that machine has as many as it may. Who comes by a file of this one is not told apart.
    fn count(of_peers: &OfPeers, peer: Peer) -> Option<OfPeer> {
        if let Some(address) = peer {
            let mut all = of_peers.lock().unwrap_or_else(PoisonError::into_inner);
            let count = all.entry(address).or_default();
            if *count >= LINKS_OF_ONE_MAX {
                return None;
            }
            *count += 1;
        }
        Some(OfPeer(Arc::clone(of_peers), peer))
    }
}
impl Drop for OfPeer {
    fn drop(&mut self) {
        let Some(address) = self.1 else { return };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.get(&address).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            all.remove(&address)
        } else {
            all.insert(address, left)
        };
    }
}

fn may_hand_over(peer: Peer, clients: &[IpAddr]) -> bool {
    peer.is_none_or(|peer| peer.is_loopback() || clients.contains(&peer))
}

struct DeskKeeper {
    courier: Courier,
    room: Room,
}

impl Keeper for DeskKeeper {
    fn room(&self) -> &Room {
        &self.room
    }

    async fn recipient(&self, address: &str) -> Answer {
        match self.mailbox(address).await {
            Ok(_) => Answer::known(),
            Err(answer) => answer,
        }
    }

    async fn letter(&self, handed: Handed) -> Vec<Answer> {
        let count = handed.recipients.len();
        match handed.letter.is_blank() {
            Ok(false) => {}
            Ok(true) => return vec![Answer::refused("The letter is empty"); count],
            Err(error) => return vec![self.unkept(&error); count],
        }
        let handed = Arc::new(handed);
        let mut answers: Vec<(i64, Answer)> = Vec::new();
        let mut all = Vec::with_capacity(count);
        for recipient in &handed.recipients {
            let mailbox = match self.mailbox(recipient).await {
                Ok(mailbox) => mailbox,
                Err(answer) => {
                    all.push(answer);
                    continue;
                }
            };
            // Two addresses of one mailbox get one letter.
            let known = answers.iter().find(|(id, _)| *id == mailbox.id).map(|(_, answer)| answer.clone());
            let answer = match known {
                Some(answer) => answer,
                None => {
                    let answer = self.keep(&mailbox, recipient, &handed).await;
                    answers.push((mailbox.id, answer.clone()));
                    answer
                }
            };
            all.push(answer);
        }
        all
    }

    fn unkept(&self, error: &io::Error) -> Answer {
        tracing::error!("a large letter that a mail server hands over waits there: {error}");
        Answer::later(LATER)
    }
}

/// The mail server shows this to whoever wrote: what is wrong here is for the log alone.
const LATER: &str = "The letter cannot be kept now; the log of the desk says why";

impl DeskKeeper {
    fn of(courier: Courier) -> DeskKeeper {
        let room = letter::room(&courier.desk().store);
        DeskKeeper { courier, room }
    }

    /// The mailbox of this address, or what is answered in its place. A name with an extension (`support+lamp@`) is the one
    /// without, where the desk has none of that name.
    async fn mailbox(&self, address: &str) -> Result<Mailbox, Answer> {
        let wanted = address.to_owned();
        let asked = self.courier.read(move |tx| {
            let of = |tx: &mut Tx<'_>, address: &str| -> desk::Result<Option<Mailbox>> {
                Ok(mailbox::find_by_address(tx, address)?.filter(|found| found.removed_at.is_none()))
            };
            let found = match (of(tx, &wanted)?, without_extension(&wanted)) {
                (None, Some(base)) => of(tx, &base)?,
                (found, _) => found,
            };
            Ok((mail_hold::is_on(tx)?, found))
        });
        match asked.await {
            Ok((true, _)) => Err(Answer::later("Mail is on hold on this desk")),
            Ok((false, Some(mailbox))) => Ok(mailbox),
            Ok((false, None)) => Err(Answer::unknown("The desk has no mailbox of this address")),
            Err(error) => {
                tracing::error!("a letter that a mail server hands over waits there: {error}");
                Err(Answer::later("The desk cannot be asked now; its log says why"))
            }
        }
    }

    async fn keep(&self, mailbox: &Mailbox, recipient: &str, handed: &Arc<Handed>) -> Answer {
        let (mailbox_id, now, handed) = (mailbox.id, self.courier.now(), Arc::clone(handed));
        let before = trace(&handed, recipient, now);
        let kept = self.courier.blocking(move |desk| {
            let raw = Raw { before: before.as_bytes(), letter: &handed.letter };
            pipe::take_into_pack(desk, mailbox_id, raw, now)
        });
        match kept.await {
            Ok(piped) if piped.known => Answer::kept("Known already"),
            Ok(_) => Answer::kept("Kept"),
            Err(desk::Error::Refused(Refusal::NotFound(_))) => {
                Answer::unknown("The desk has no mailbox of this address any more")
            }
            Err(error) => {
                tracing::error!(
                    mailbox = mailbox.address,
                    "a letter that a mail server hands over waits there: {error}"
                );
                Answer::later(LATER)
            }
        }
    }
}

fn without_extension(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let (base, _) = local.split_once('+')?;
    (!base.is_empty()).then(|| format!("{base}@{domain}"))
}

/// What the last server on the way writes before a letter (RFC 5321 §4.4), and the address of the transfer, by which
/// letters to several addresses are told apart.
fn trace(handed: &Handed, recipient: &str, now: i64) -> String {
    let Handed { from_host, sender, .. } = handed;
    let date = mail::date::rfc5322_of(mail::date::Written { at: now, offset_s: 0 }).unwrap_or_default();
    format!(
        "Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\nReceived: from {from_host}\r\n\tby postern with LMTP\r\n\tfor <{recipient}>; {date}\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_named_clients_hand_letters_over_by_a_port() {
        let clients = ["10.0.0.5".parse().unwrap()];
        for (peer, may) in [("127.0.0.1", true), ("::1", true), ("10.0.0.5", true), ("10.0.0.6", false)] {
            assert_eq!(may_hand_over(Some(peer.parse().unwrap()), &clients), may, "{peer}");
        }
        assert!(may_hand_over(None, &[]));
    }

    #[test]
    fn one_machine_does_not_take_the_links_of_all() {
        let (all, one, other) =
            (OfPeers::default(), "10.0.0.5".parse().unwrap(), "10.0.0.6".parse().unwrap());
        let links: Vec<_> = (0..30).map_while(|_| OfPeer::count(&all, Some(one))).collect();
        assert_eq!(links.len(), LINKS_OF_ONE_MAX);
        assert!(OfPeer::count(&all, Some(other)).is_some() && OfPeer::count(&all, None).is_some());
        drop(links);
        assert!(OfPeer::count(&all, Some(one)).is_some() && all.lock().unwrap().is_empty());
    }

    #[test]
    fn an_extension_is_left_out() {
        assert_eq!(without_extension("support+lamp+2@a.example").as_deref(), Some("support@a.example"));
        assert_eq!(without_extension("support@a.example"), None);
        assert_eq!(without_extension("+x@a.example"), None);
    }
}
