//! Whose numbers a folder's UIDs are. UIDVALIDITY says it within one mailbox of one server (RFC 3501 §2.3.1.1), and no further:
//! many servers give the same one to everybody, so that another account, another server, or a mailbox that was made anew under
//! its old name would be taken for the one that was read before. Each of these has a number of its own here, and nothing that is
//! remembered of the one counts for the other.
use super::mailbox::{Mailbox, Side};
use crate::{Result, db::Tx, params};
use sha2::{Digest as _, Sha256};

/// How many folders have stood under this name before the one that is read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before(i64);

impl Before {
    /// What stands for the UIDVALIDITY that the server gave to the folder: the same, as long as it is the first.
    pub fn validity(self, uid_validity: u32) -> u32 {
        if self.0 == 0 {
            return uid_validity;
        }
        number_of(&format!("{uid_validity}\0{}", self.0))
    }
}

/// A number that stands where a UIDVALIDITY does (RFC 3501 §2.3.1.1: none is zero), the same for the same text.
pub(super) fn number_of(text: &str) -> u32 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(4).fold(0u32, |number, byte| (number << 8) | u32::from(*byte)).max(1)
}

/// `None`: the account or the server has changed since, or the folder is read for the first time.
pub fn find(tx: &mut Tx<'_>, mailbox: &Mailbox) -> Result<Option<Before>> {
    let found: Option<(i64, String)> = tx.maybe(
        "SELECT before, place FROM numbering WHERE mailbox_id = $1 AND folder = $2",
        params![mailbox.id, mailbox.folder_or_inbox()],
    )?;
    Ok(found.filter(|(_, place)| is_of(place, &whose(mailbox))).map(|(before, _)| Before(before)))
}

/// From here on it is another folder than whatever stood under its name.
pub fn begin(tx: &mut Tx<'_>, mailbox: &Mailbox) -> Result<Before> {
    let (before,): (i64,) = tx.one(
        "INSERT INTO numbering (mailbox_id, folder, place, before) VALUES ($1, $2, $3, 0)
         ON CONFLICT (mailbox_id, folder) DO UPDATE SET place = excluded.place, before = numbering.before + 1
         RETURNING before",
        params![mailbox.id, mailbox.folder_or_inbox(), whose(mailbox)],
    )?;
    Ok(Before(before))
}

/// Whose mailbox on which server. By which port it is reached makes no other mailbox of it: 143 today and 993 tomorrow.
pub fn whose(mailbox: &Mailbox) -> String {
    let user = mail::address::key(mailbox.user(Side::Incoming));
    format!("{user} {}", mailbox.incoming.host.to_ascii_lowercase())
}

/// Whether this was written down of that mailbox, also in the form with a port that rows had once.
fn is_of(place: &str, whose: &str) -> bool {
    let place = place.to_ascii_lowercase();
    let without_port = place.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    place == whose || without_port.is_some_and(|(place, _)| place == whose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_whose_mailbox_it_is() {
        for (place, of, same) in [
            ("ann@x.org mail.x.org", "ann@x.org mail.x.org", true),
            ("ann@x.org mail.x.org:143", "ann@x.org mail.x.org", true),
            ("ann@x.org Mail.X.org:993", "ann@x.org mail.x.org", true),
            ("ann@x.org ::1:143", "ann@x.org ::1", true),
            ("ann@x.org ::1", "ann@x.org ::1", true),
            ("ann@x.org ::1", "ann@x.org ::2", false),
            ("ann@x.org mail.x.org:imap", "ann@x.org mail.x.org", false),
            ("ben@x.org mail.x.org:143", "ann@x.org mail.x.org", false),
            ("ann@x.org mail.y.org", "ann@x.org mail.x.org", false),
        ] {
            assert_eq!(is_of(place, of), same, "{place}");
        }
    }
}
