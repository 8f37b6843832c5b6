//! Who may do what in which mailbox: the token, its scopes or roles, Full Access of a person, and roles that
//! Exchange gave to an application.

use axum::http::StatusCode;

use super::call::{Call, Whose};
use super::error::{Refusal, Result};
use crate::exchange::Access;
use crate::faults::Fault;
use crate::people::{self, Kind};
use crate::permissions::GRAPH;
use crate::sasl::{self, Opened};
use crate::tokens;
use crate::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Profile,
    Read,
    Write,
    Send,
}

impl Need {
    /// For an own mailbox; a `.Shared` one holds for it, too.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Need::Profile => &["User.Read"],
            Need::Read => &["Mail.Read", "Mail.ReadWrite", "Mail.Read.Shared", "Mail.ReadWrite.Shared"],
            Need::Write => &["Mail.ReadWrite", "Mail.ReadWrite.Shared"],
            Need::Send => &["Mail.Send", "Mail.Send.Shared"],
        }
    }

    fn roles(self) -> &'static [&'static str] {
        match self {
            Need::Profile => &["User.Read.All"],
            Need::Read => &["Mail.Read", "Mail.ReadWrite"],
            Need::Write => &["Mail.ReadWrite"],
            Need::Send => &["Mail.Send"],
        }
    }
}

pub(super) fn token(world: &World, call: &Call) -> Result<tokens::Access> {
    let Some(text) = call.bearer().filter(|text| !text.is_empty()) else {
        return Err(Refusal::token("Access token is empty."));
    };
    // One that is over is told apart from one that never was.
    let Some(access) = world.tokens.open_access(text, 0) else {
        return Err(Refusal::token("IDX14100: JWT is not well formed, there are no dots (.)."));
    };
    if access.aud != GRAPH {
        return Err(Refusal::token("Access token validation failure. Invalid audience."));
    }
    if access.exp <= world.clock.now_at() / 1000 {
        return Err(Refusal::token("Lifetime validation failed, the token is expired."));
    }
    Ok(access)
}

/// Whose mailbox the request is about. An alias is no name of a user.
pub(super) fn mailbox(world: &World, call: &Call, access: &tokens::Access) -> Result<String> {
    let at_microsoft =
        |kind| matches!(kind, Kind::Member | Kind::Administrator | Kind::Shared | Kind::Personal);
    let name = match &call.whose {
        Whose::Me if access.is_app_only() => {
            let text = "/me request is only valid with delegated authentication flow.";
            return Err(Refusal::bad("BadRequest", text));
        }
        Whose::Nobody => return Err(Refusal::bad("BadRequest", "It is about no mailbox.")),
        Whose::Me => &access.upn,
        Whose::User(name) => name,
    };
    let found = people::PEOPLE.iter().filter(|person| at_microsoft(person.kind)).find(|person| {
        person.address.eq_ignore_ascii_case(name)
            || object_id(world, person.address).eq_ignore_ascii_case(name)
    });
    found.map(|person| person.address.to_owned()).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "ErrorInvalidUser",
            format!("The requested user '{name}' is invalid."),
        )
    })
}

pub(super) fn object_id(world: &World, address: &str) -> String {
    world.seed.guid(&format!("person {address}"))
}

pub(super) fn enter(world: &World, access: &tokens::Access, mailbox: &str, need: Need) -> Result<Opened> {
    if world.faults.strike(Fault::GraphNoMailbox, Some(mailbox)) {
        return Err(Refusal::no_mailbox());
    }
    let mailbox = mailbox.to_owned();
    if access.is_app_only() {
        return match may_as_application(world, access, &mailbox, need) {
            // An application sends as the mailbox that it sends from.
            true => Ok(Opened { trustee: mailbox.clone(), mailbox }),
            false => Err(Refusal::denied()),
        };
    }
    let own = access.upn == mailbox;
    let scopes = need.scopes().iter().filter(|scope| own || scope.ends_with(".Shared"));
    let permitted = scopes.into_iter().any(|scope| access.permits(scope));
    // To send for another mailbox is a matter of Send As, which is asked of the letter.
    let open = own || need == Need::Send || sasl::allows(world, &access.upn, Access::Full, &mailbox);
    match permitted && open {
        true => Ok(Opened { mailbox, trustee: access.upn.clone() }),
        false => Err(Refusal::denied()),
    }
}

/// A role of Entra opens every mailbox of Contoso, one of Exchange those of its scope; they add up.
fn may_as_application(world: &World, access: &tokens::Access, mailbox: &str, need: Need) -> bool {
    let everywhere = need.roles().iter().any(|role| access.has_role(role));
    let cached_at =
        world.faults.strike(Fault::PermissionsCached, Some(mailbox)).then(|| world.clock.now_at());
    let within = world.directory.read(|records| {
        let roles = need.roles().iter().map(|role| format!("Application {role}"));
        roles.into_iter().any(|role| records.exchange.has_role(&access.appid, &role, mailbox, cached_at))
    });
    (everywhere || within) && !people::is_personal(mailbox)
}
