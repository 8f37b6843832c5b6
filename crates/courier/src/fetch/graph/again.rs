//! One message once more, of which no listing tells any more.
use super::Graph;
use crate::graph::ask;
use desk::mailboxes::named::Named;
use wire::graph::Raw;
use wire::imap::Fetched;
use wire::letter::Room;

impl Graph {
    /// `None`: it does not lie in the folder.
    pub(in crate::fetch) async fn fetch_again(
        &mut self,
        named: &Named,
        room: &Room,
    ) -> wire::Result<Option<Fetched>> {
        let (id, uid) = (&named.name, named.uid);
        if ask!(self.opened, |session| session.place(id))?.as_ref() != Some(&self.folder_id) {
            return Ok(None);
        }
        Ok(Some(match ask!(self.opened, |session| session.raw(id, room))? {
            Raw::Message(letter) => Fetched::Message { uid, internal_date_at: None, letter },
            Raw::TooBig { size_bytes } => Fetched::TooBig { uid, internal_date_at: None, size_bytes },
            Raw::Gone => Fetched::Missing { uid },
        }))
    }
}
