//! Token introspection (RFC 7662): how a mail server that cannot read our tokens asks about one. Microsoft has
//! no such endpoint; it is here so that real servers (Dovecot) can honor practice tokens. The caller is not
//! asked who it is: everything listens on loopback.

use axum::Json;
use axum::extract::{Form, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exchange::Access;
use crate::faults::Fault;
use crate::people::{Kind, PEOPLE};
use crate::permissions::OUTLOOK;
use crate::world::{Shared, World};

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    token: String,
}

pub(super) async fn answer(State(world): State<Shared>, Form(asked): Form<Asked>) -> Json<Value> {
    Json(about(&world, &asked.token).unwrap_or_else(|| json!({ "active": false })))
}

/// Only an access token for the mail servers counts: one for Graph, or with neither IMAP nor SMTP, opens
/// nothing here, and says nothing about itself (section 2.2).
fn about(world: &World, token: &str) -> Option<Value> {
    let access = world.tokens.open_access(token, world.clock.now_at())?;
    let for_mail = access.permits("IMAP.AccessAsUser.All") || access.permits("SMTP.Send");
    if access.aud != OUTLOOK || !for_mail {
        return None;
    }
    if world.faults.strike(Fault::IntrospectionInactive, Some(&access.upn)) {
        return None;
    }
    Some(json!({
        "active": true,
        "username": access.upn,
        // Exchange decides who opens which mailbox by itself; a server that asks here has it from us.
        "shared": shared_mailbox_of(world, &access.upn).unwrap_or_default(),
        "scope": access.scp,
        "client_id": access.appid,
        "aud": access.aud,
        "exp": access.exp,
        "token_type": "Bearer",
    }))
}

/// The first shared mailbox to which this person has Full Access.
fn shared_mailbox_of(world: &World, person: &str) -> Option<&'static str> {
    let mut shared = PEOPLE.iter().filter(|known| known.kind == Kind::Shared).map(|known| known.address);
    world
        .directory
        .read(|records| shared.find(|mailbox| records.exchange.allows(person, Access::Full, mailbox, None)))
}
