//! RBAC for Applications: which mailboxes lie in a management scope, and which application has a role there.

use super::{Call, change, not_found};
use crate::exchange::Assignment;
use crate::people;
use crate::world::World;

const ROLES: &[&str] = &["Application Mail.Read", "Application Mail.ReadWrite", "Application Mail.Send"];

/// `-RecipientRestrictionFilter "PrimarySmtpAddress -eq 'a' -or PrimarySmtpAddress -eq 'b'"`
pub(super) fn new_scope(world: &World, call: &Call) -> Result<String, String> {
    let name = call.need("Name")?.to_owned();
    let filter = call.need("RecipientRestrictionFilter")?;
    let address = |test: &str| {
        let (property, value) = test.split_once(" -eq ")?;
        let address = value.trim().trim_matches('\'').to_lowercase();
        (property.trim().eq_ignore_ascii_case("PrimarySmtpAddress") && people::find(&address).is_some())
            .then_some(address)
    };
    let mailboxes: Option<Vec<String>> = filter.split(" -or ").map(address).collect();
    let mailboxes = mailboxes.ok_or_else(|| {
        format!("The filter '{filter}' is not understood. Practice knows PrimarySmtpAddress -eq 'a mailbox', and -or between several.")
    })?;
    let there = world.directory.read(|records| records.exchange.scopes.contains_key(&name));
    if there {
        return Err(format!("The management scope '{name}' is there already."));
    }
    let text = format!("Name ScopeRestrictionType\n{name} RecipientScope");
    change(world, |exchange| drop(exchange.scopes.insert(name, mailboxes)))?;
    Ok(text)
}

pub(super) fn remove_scope(world: &World, call: &Call) -> Result<String, String> {
    let name = call.need("Identity")?.to_owned();
    let used = world
        .directory
        .read(|records| records.exchange.assignments.iter().any(|given| given.scope.as_ref() == Some(&name)));
    if used {
        return Err(format!(
            "The management scope '{name}' is used by a role assignment; remove that first."
        ));
    }
    match world.directory.change(|records| records.exchange.scopes.remove(&name)) {
        Some(_) => Ok(String::new()),
        None => Err(not_found(&name)),
    }
}

pub(super) fn assign(world: &World, call: &Call) -> Result<String, String> {
    let (app, role) = (call.need("App")?, call.need("Role")?);
    let principal = world.directory.read(|records| records.exchange.principal(app).cloned());
    let principal = principal.ok_or_else(|| not_found(app))?;
    let role = ROLES.iter().find(|known| known.eq_ignore_ascii_case(role)).ok_or_else(|| not_found(role))?;
    let scope = call.find("customresourcescope").filter(|scope| !scope.is_empty()).map(str::to_owned);
    if let Some(scope) = &scope
        && !world.directory.read(|records| records.exchange.scopes.contains_key(scope))
    {
        return Err(not_found(scope));
    }
    let name = match call.find("name").filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => format!("{role}-{}", principal.object_id),
    };
    let there =
        world.directory.read(|records| records.exchange.assignments.iter().any(|given| given.name == name));
    if there {
        return Err(format!("The role assignment '{name}' is there already."));
    }
    let text = format!("Name Role App\n{name} {role} {}", principal.app_id);
    let given = Assignment {
        name,
        app_id: principal.app_id,
        role: (*role).to_owned(),
        scope,
        changed_at: world.clock.now_at(),
    };
    change(world, |exchange| exchange.assignments.push(given))?;
    Ok(text)
}

pub(super) fn take_back(world: &World, call: &Call) -> Result<String, String> {
    let name = call.need("Identity")?.to_owned();
    let gone = world.directory.change(|records| {
        let assignments = &mut records.exchange.assignments;
        let at = assignments.iter().position(|given| given.name == name)?;
        Some(assignments.remove(at))
    });
    gone.map(|_| String::new()).ok_or_else(|| not_found(&name))
}
