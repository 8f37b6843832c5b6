//! What letters on the server, which were read, are to the recorded ones under their UIDs.
use super::memory::Place;
use crate::Courier;
use desk::intake::copies;
use mail::message::{self, HEAD_BYTES_MAX};
use std::collections::HashMap;
use wire::letter::Letter;

/// Letters that are read for their Message-ID: when so many are the recorded ones, so are those under lower UIDs; and so many in a row
/// that say something else are others.
pub(super) const DECIDE: usize = 3;

/// What a letter on the server is to the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Same,
    Another,
    /// Neither has a Message-ID, and it says something else: one alone may be of a server that writes letters anew.
    Otherwise,
    /// It does not come, or has nothing by which it could be told.
    Unsure,
}

/// Of the letter, or of its header fields alone.
pub(super) fn message_id(start: &[u8]) -> Option<String> {
    message::parse(message::head(start)).message_id
}

/// The same of a letter that was read. `Err`: it cannot be read again.
pub(super) fn message_id_of(letter: &Letter) -> std::io::Result<Option<String>> {
    Ok(message_id(&letter.start(HEAD_BYTES_MAX)?))
}

/// Of a letter with another content than the recorded one: a server that has added a field or some lines is not believed to have
/// another letter. A large one is not compared.
pub(super) async fn is_certainly_another(courier: &Courier, place: &Place, uid: u32, letter: Letter) -> bool {
    let (place, Some(raw)) = (place.clone(), letter.into_bytes()) else { return false };
    let compared = courier.blocking(move |desk| {
        let copy = desk.db.read(|tx| copies::of(tx, place.on_server(), &[uid]))?.pop();
        copy.map_or(Ok(false), |copy| copy.is_certainly_another(&desk.store, &raw))
    });
    compared.await.unwrap_or(false)
}

/// What letters of a look are.
#[derive(Default)]
pub(super) struct Found {
    pub letters: HashMap<u32, Is>,
    /// One is another, or so many in a row say something else that no single letter is to blame.
    pub is_another: bool,
    pub in_a_row: usize,
}

impl Found {
    pub(super) fn take(&mut self, uid: u32, is: Is) {
        self.letters.insert(uid, is);
        self.in_a_row = match is {
            Is::Same => 0,
            Is::Otherwise => self.in_a_row + 1,
            Is::Another | Is::Unsure => self.in_a_row,
        };
        self.is_another |= is == Is::Another || self.in_a_row >= DECIDE;
    }

    /// How many under higher UIDs are the recorded ones.
    pub(super) fn same_above(&self, uid: u32) -> usize {
        self.letters.iter().filter(|(above, is)| **above > uid && **is == Is::Same).count()
    }
}
