//! The bytes of a message: made once, stored before the first attempt, the same at every later one.
use super::LEASE_MS;
use crate::Courier;
use desk::Desk;
use desk::outgoing::outbox::{self, Claim, Material};
use wire::smtp::Envelope;

#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub envelope: Envelope,
    pub bytes: Vec<u8>,
}

/// What there is to send.
#[derive(Clone, Debug)]
pub(super) enum Written {
    Letter(Letter),
    /// Nobody waits for it any more.
    Nobody,
    /// Another sender has it now: it is not ours to send.
    Lost,
}

pub(super) async fn write(courier: &Courier, claim: &Claim) -> desk::Result<Written> {
    let (claim, until) = (claim.clone(), courier.now().saturating_add(LEASE_MS));
    courier
        .blocking(move |desk| {
            if !desk.db.write(|tx| outbox::renew(tx, &claim, until))? {
                return Ok(Written::Lost);
            }
            let material = desk.db.read(|tx| outbox::material(tx, claim.outbox_id))?;
            if material.recipients.is_empty() {
                return Ok(Written::Nobody);
            }
            let envelope =
                Envelope { from: material.envelope_from.clone(), recipients: material.recipients.clone() };
            Ok(Written::Letter(Letter { envelope, bytes: bytes(desk, &claim, material)? }))
        })
        .await
}

fn bytes(desk: &Desk, claim: &Claim, material: Material) -> desk::Result<Vec<u8>> {
    if let Some(fixed) = &material.fixed {
        return desk.store.get(&fixed.place, &fixed.hash);
    }
    let mut draft = material.draft;
    for outbox::MaterialFile { blob, name, media_type } in material.files {
        let content = desk.store.get(&blob.place, &blob.hash)?;
        draft.attachments.push(mail::compose::File { name, media_type, content, content_id: None });
    }
    let bytes = mail::compose::compose(&draft);
    let stored = desk.store.put(&bytes)?;
    if desk.db.write(|tx| outbox::fix_bytes(tx, claim, &stored))? {
        return Ok(bytes);
    }
    // Somebody was faster: theirs count.
    let fixed = desk.db.read(|tx| outbox::material(tx, claim.outbox_id))?.fixed;
    match fixed {
        Some(fixed) => desk.store.get(&fixed.place, &fixed.hash),
        None => {
            Err(anyhow::anyhow!("the lease on this message was lost before its bytes were stored").into())
        }
    }
}
