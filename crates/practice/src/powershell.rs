//! The commands of Exchange Online PowerShell that an administrator of a mailbox meets, read as they are
//! typed or pasted. Each line is answered by itself. Not a shell: a variable holds one word, and there are no pipes.

mod roles;

use std::collections::BTreeMap;

use crate::exchange::{Access, Principal};
use crate::people::{self, Kind};
use crate::world::World;

/// Answers to the lines of a script, in order; one that failed begins with the cmdlet and a colon.
pub(crate) fn run(world: &World, script: &str) -> Vec<Result<String, String>> {
    let joined = script.replace("`\r\n", " ").replace("`\n", " ");
    joined
        .split(['\n', ';'])
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            // What was set by an earlier paste is still there, as in one window of PowerShell.
            let variables = world.directory.read(|records| records.exchange.variables.clone());
            if let Some((name, value)) = assignment(line, &variables) {
                return set(world, name, value);
            }
            let call = Call::read(line, &variables);
            execute(world, &call).map_err(|why| format!("{}: {why}", call.cmdlet))
        })
        .collect()
}

/// As many variables as a person sets.
const VARIABLES_MAX: usize = 100;

fn is_constant(name: &str) -> bool {
    ["true", "false", "null"].contains(&name)
}

/// `$name = 'value'`; names have no case.
fn assignment(line: &str, variables: &BTreeMap<String, String>) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix('$')?.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then(|| (name.to_lowercase(), words(value, variables).join(" ")))
}

fn set(world: &World, name: String, value: String) -> Result<String, String> {
    if is_constant(&name) {
        return Err(format!("Cannot overwrite variable {name} because it is read-only or constant."));
    }
    let there = world.directory.read(|records| records.exchange.variables.len());
    if there >= VARIABLES_MAX {
        return Err("Practice remembers no more variables.".to_owned());
    }
    change(world, |exchange| drop(exchange.variables.insert(name, value)))
}

struct Call {
    cmdlet: String,
    parameters: Vec<(String, String)>,
}

impl Call {
    fn read(line: &str, variables: &BTreeMap<String, String>) -> Call {
        let mut words = words(line, variables).into_iter().peekable();
        let cmdlet = words.next().unwrap_or_default();
        let mut parameters = Vec::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix('-') else { continue };
            // `-Confirm:$false` carries its value with it, a switch has none.
            let (name, value) = match name.split_once(':') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (name.to_owned(), words.next_if(|next| !next.starts_with('-')).unwrap_or_default()),
            };
            parameters.push((name.to_lowercase(), value));
        }
        Call { cmdlet, parameters }
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn need(&self, name: &str) -> Result<&str, String> {
        self.find(&name.to_lowercase()).filter(|value| !value.is_empty()).ok_or_else(|| {
            format!("Cannot process command because of one or more missing mandatory parameters: {name}.")
        })
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self.find(&name.to_lowercase()).map(str::to_lowercase).as_deref() {
            None | Some("$null") => Ok(None),
            Some("$true" | "true" | "1") => Ok(Some(true)),
            Some("$false" | "false" | "0") => Ok(Some(false)),
            Some(other) => Err(format!("Cannot convert value \"{other}\" of {name} to type Boolean.")),
        }
    }

    /// A mailbox of Contoso, or a personal one.
    fn mailbox(&self) -> Result<String, String> {
        let name = people::mailbox_of(self.need("Identity")?);
        let has_mailbox =
            |kind| matches!(kind, Kind::Member | Kind::Administrator | Kind::Shared | Kind::Personal);
        match people::find(&name) {
            Some(person) if has_mailbox(person.kind) => Ok(name),
            _ => Err(not_found(&name)),
        }
    }
}

fn not_found(name: &str) -> String {
    format!("The operation couldn't be performed because object '{name}' couldn't be found on 'practice'.")
}

/// Words of a line; quotes hold what is between them together, and only single ones keep a `$`. A variable that nobody set
/// is empty.
fn words(line: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut any) = (None, false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match quote {
            // Two of them are one that does not end the word.
            Some(end) if c == end && rest.next_if_eq(&end).is_some() => word.push(c),
            Some(end) if c == end => quote = None,
            None | Some('"') if c == '$' => {
                let mut name = String::new();
                while let Some(next) = rest.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    name.extend(next.to_lowercase());
                }
                if name.is_empty() || is_constant(&name) {
                    word.push('$');
                    word.push_str(&name);
                } else if let Some(value) = variables.get(&name) {
                    word.push_str(value);
                }
                any = true;
            }
            None if matches!(c, '"' | '\'') => (quote, any) = (Some(c), true),
            None if c.is_whitespace() => {
                if any {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            Some(_) | None => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

fn execute(world: &World, call: &Call) -> Result<String, String> {
    match call.cmdlet.to_lowercase().as_str() {
        "install-module" | "import-module" | "connect-exchangeonline" | "disconnect-exchangeonline" => {
            Ok(String::new())
        }
        "new-serviceprincipal" => new_service_principal(world, call),
        "remove-serviceprincipal" => remove_service_principal(world, call),
        "add-mailboxpermission" => rights(world, call, "User", Access::Full, true),
        "remove-mailboxpermission" => rights(world, call, "User", Access::Full, false),
        "add-recipientpermission" => rights(world, call, "Trustee", Access::SendAs, true),
        "remove-recipientpermission" => rights(world, call, "Trustee", Access::SendAs, false),
        "new-managementscope" => roles::new_scope(world, call),
        "remove-managementscope" => roles::remove_scope(world, call),
        "new-managementroleassignment" => roles::assign(world, call),
        "remove-managementroleassignment" => roles::take_back(world, call),
        "set-casmailbox" => set_cas_mailbox(world, call),
        "set-transportconfig" => {
            let off = call.flag("SmtpClientAuthenticationDisabled")?;
            change(world, |exchange| exchange.smtp_auth_disabled = off.unwrap_or(exchange.smtp_auth_disabled))
        }
        "set-organizationconfig" => {
            let on = call.flag("SendFromAliasEnabled")?;
            change(world, |exchange| exchange.send_from_alias = on.unwrap_or(exchange.send_from_alias))
        }
        _ => Err(format!(
            "The term '{}' is not recognized as a name of a cmdlet. Practice knows those that give an app or a person access to a mailbox and those that switch protocols.",
            call.cmdlet
        )),
    }
}

fn change(world: &World, change: impl FnOnce(&mut crate::exchange::Exchange)) -> Result<String, String> {
    world.directory.change(|records| change(&mut records.exchange));
    Ok(String::new())
}

fn new_service_principal(world: &World, call: &Call) -> Result<String, String> {
    let (app_id, object_id) = (call.need("AppId")?.to_lowercase(), call.need("ObjectId")?.to_lowercase());
    if world.directory.app(&app_id).is_none() {
        return Err(not_found(&app_id));
    }
    if !is_guid(&object_id) {
        return Err(format!(
            "Cannot process argument transformation on parameter 'ObjectId': '{object_id}' is no GUID."
        ));
    }
    let there = world.directory.read(|records| {
        let known = records.exchange.principals.iter().find(|known| known.app_id == app_id);
        known.map(|known| known.object_id.clone())
    });
    if let Some(there) = there {
        return Err(format!(
            "A service principal with the AppId {app_id} is there already, with the ObjectId {there}. To take it away: Remove-ServicePrincipal -Identity {there}"
        ));
    }
    let text = format!("DisplayName ServiceId AppId\n{object_id} {app_id}");
    change(world, |exchange| exchange.principals.push(Principal { app_id, object_id }))?;
    Ok(text)
}

/// With what it was given, so that one that was made by mistake leaves nothing behind.
fn remove_service_principal(world: &World, call: &Call) -> Result<String, String> {
    let name = call.need("Identity")?.to_lowercase();
    let found = world.directory.read(|records| records.exchange.principal(&name).cloned());
    let Principal { app_id, object_id } = found.ok_or_else(|| not_found(&name))?;
    change(world, |exchange| {
        exchange.principals.retain(|known| known.object_id != object_id);
        exchange.rights.retain(|right| right.trustee != object_id);
        exchange.assignments.retain(|given| given.app_id != app_id);
    })
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.chars().all(|c| c.is_ascii_hexdigit()))
}

fn rights(world: &World, call: &Call, who: &str, access: Access, yes: bool) -> Result<String, String> {
    let (mailbox, name) = (call.mailbox()?, call.need(who)?);
    let named = call.need("AccessRights")?;
    let expected = if access == Access::Full { "FullAccess" } else { "SendAs" };
    if !named.eq_ignore_ascii_case(expected) {
        return Err(format!("Practice knows the access right {expected} here, not {named}."));
    }
    let principal = world
        .directory
        .read(|records| records.exchange.principal(name).map(|principal| principal.object_id.clone()));
    let person =
        people::find(name).filter(|person| person.signs_in()).map(|person| person.address.to_owned());
    let trustee = principal.or(person).ok_or_else(|| not_found(name))?;
    let now_at = world.clock.now_at();
    let text = format!("Identity User AccessRights\n{mailbox} {trustee} {{{expected}}}");
    change(world, |exchange| exchange.give(&mailbox, &trustee, access, yes, now_at))?;
    Ok(if yes { text } else { String::new() })
}

fn set_cas_mailbox(world: &World, call: &Call) -> Result<String, String> {
    let mailbox = call.mailbox()?;
    let (imap, pop) = (call.flag("ImapEnabled")?, call.flag("PopEnabled")?);
    let smtp_off = call.flag("SmtpClientAuthenticationDisabled")?;
    let follows = call.find("smtpclientauthenticationdisabled").is_some_and(|value| value == "$null");
    change(world, |exchange| {
        if let Some(on) = imap {
            exchange.imap.insert(mailbox.clone(), on);
        }
        if let Some(on) = pop {
            exchange.pop.insert(mailbox.clone(), on);
        }
        if let Some(off) = smtp_off {
            exchange.smtp_auth.insert(mailbox.clone(), !off);
        }
        if follows {
            exchange.smtp_auth.remove(&mailbox);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::words;
    use std::collections::BTreeMap;

    #[test]
    fn quotes_hold_words_together() {
        let none = BTreeMap::new();
        assert_eq!(words("A -B \"c d\" -E 'f'  -G \"\"", &none), ["A", "-B", "c d", "-E", "f", "-G", ""]);
        // Two of them in a row are one of what stands inside.
        assert_eq!(words("-F 'A -eq ''b''' '' -G 'o''hara'", &none), ["-F", "A -eq 'b'", "", "-G", "o'hara"]);
    }

    #[test]
    fn a_variable_stands_for_its_word_but_not_in_single_quotes() {
        let variables = BTreeMap::from([("objectid".to_owned(), "a b".to_owned())]);
        let read = words("A -B $objectId -C \"<$OBJECTID>\" -D '$objectId' -E:$false -F $other", &variables);
        assert_eq!(read, ["A", "-B", "a b", "-C", "<a b>", "-D", "$objectId", "-E:$false", "-F", ""]);
    }
}
