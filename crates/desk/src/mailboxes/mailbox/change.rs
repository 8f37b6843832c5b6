use super::*;
use crate::{By, site::vault::Vault};
/// Rules: plain only to loopback; *Move to Folder* refuses the fetched folder; what fetching needs is
/// there before Status is on. `draft` saves what is there without asking for completeness (*Config*).
pub fn change_remote(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    remote: &RemoteMailbox,
    completeness: Completeness,
    nonce: [u8; 24],
) -> Result<()> {
    let _ = (tx, vault, by, id, remote, completeness, nonce);
    todo!()
}
pub fn change_outgoing(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    outgoing: &OutgoingMailbox,
    completeness: Completeness,
    nonce: [u8; 24],
) -> Result<()> {
    let _ = (tx, vault, by, id, outgoing, completeness, nonce);
    todo!()
}
/// The password of a side, following *Same as Remote Mailbox*.
pub fn password_for_system(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    side: Side,
) -> Result<Option<SecretString>> {
    let _ = (tx, vault, id, side);
    todo!()
}
/// Binds a side to a registration; called by *Config*.
pub fn set_client(tx: &mut Tx<'_>, by: &By, id: i64, side: Side, client_id: i64) -> Result<()> {
    let _ = (tx, by, id, side, client_id);
    todo!()
}
pub(super) fn ready_to_fetch(_: &Mailbox) -> Result<()> {
    todo!()
}
