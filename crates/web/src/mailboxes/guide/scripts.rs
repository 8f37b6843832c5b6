//! Scripts and a manifest that register the app as the guide's steps in the portal do, with this site's own values.
//! A name that somebody chose stands in them as one quoted word, whatever it holds.
use askama::Template;
use desk::mailboxes::mailbox::{Mailbox, Shape, Side};
use mail::provider::OAuth2;
use serde_json::json;

/// The delegated permissions of the guide, by which both scripts look up their ids, and those ids in Microsoft Graph, the
/// same in every tenant, as Microsoft's *permissions reference* has them: a manifest knows no names.
const PERMISSIONS: [(&str, &str); 9] = [
    ("User.Read", "e1fe6dd8-ba31-4d61-89e7-88639da4683d"),
    ("offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182"),
    ("IMAP.AccessAsUser.All", "652390e4-393a-48de-9484-05f9b1212954"),
    ("POP.AccessAsUser.All", "d7b7f2d9-0f45-4ea1-9d42-e50810c06991"),
    ("SMTP.Send", "258f6531-6087-4cc4-bb90-092c5fb3ed3f"),
    ("Mail.ReadWrite", "024d486e-b451-40bb-833d-3e66d98c5c73"),
    ("Mail.ReadWrite.Shared", "5df07973-7d5d-46ed-9847-1271055cbd51"),
    ("Mail.Send", "e383f46e-2787-4529-855e-0e479a3ffac0"),
    ("Mail.Send.Shared", "a367ab51-6b49-43bf-a716-a1fb06d2a174"),
];

/// What a registration that only sends does without.
pub const READING: [&str; 2] = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All"];

/// Those that a mailbox needs by the protocols that it is read and sends by.
pub fn permissions(mailbox: &Mailbox) -> Vec<&'static str> {
    let (reads, sends) = (mailbox.is_by_graph(Side::Incoming), mailbox.is_by_graph(Side::Outgoing));
    let is_shared = mailbox.shape == Shape::Shared;
    let is_needed = |name: &str| match name {
        "IMAP.AccessAsUser.All" | "POP.AccessAsUser.All" => !reads,
        "SMTP.Send" => !sends,
        "Mail.ReadWrite" => reads,
        "Mail.ReadWrite.Shared" => reads && is_shared,
        "Mail.Send" => sends,
        "Mail.Send.Shared" => sends && is_shared,
        _ => true,
    };
    PERMISSIONS.iter().map(|(name, _)| *name).filter(|name| is_needed(name)).collect()
}
pub const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

pub struct Scripts {
    /// `None` where Microsoft's command line does not know the cloud.
    pub az: Option<String>,
    pub powershell: Option<String>,
    pub manifest: String,
}

/// An application permission of Office 365 Exchange Online, or of Microsoft Graph. Both scripts look its id up by its name,
/// and so hear where a cloud has none; the manifest holds the id, the same in every tenant.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// Whose permission it is: the application id of the resource.
    pub api: &'static str,
    pub name: &'static str,
    id: &'static str,
}
/// Those of one resource.
pub fn of_api<'a>(roles: &'a [Role], api: &str) -> impl Iterator<Item = &'a Role> {
    roles.iter().filter(move |role| role.api == api)
}
/// The names of those.
pub fn names(roles: &[Role], api: &str) -> Vec<&'static str> {
    of_api(roles, api).map(|role| role.name).collect()
}
impl Role {
    const fn of(api: &'static str, name: &'static str, id: &'static str) -> Role {
        Role { api, name, id }
    }
}
pub const IMAP: Role = Role::of(EXCHANGE, "IMAP.AccessAsApp", "5e5addcd-3e8d-4e90-baf5-964efab2b20a");
pub const POP: Role = Role::of(EXCHANGE, "POP.AccessAsApp", "cb842b43-da6e-4506-86fe-bb12199c656d");
pub const SMTP: Role = Role::of(EXCHANGE, "SMTP.SendAsApp", "7146a1f0-8703-45b3-9eae-527a64c00995");
pub const READ: Role = Role::of(GRAPH, "Mail.ReadWrite", "e2a3a72e-5f79-4c64-b1b1-878b674786c9");
pub const SEND: Role = Role::of(GRAPH, "Mail.Send", "b633e1c5-b582-4048-a93e-9f11b44c7e96");
pub const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";

pub struct Values<'a> {
    /// Delegated, by name.
    pub permissions: &'a [&'static str],
    pub name: &'a str,
    pub callback: &'a str,
    /// Empty while it is not known.
    pub tenant: &'a str,
    /// A client secret is what the registration shows, and not a certificate.
    pub makes_secret: bool,
}

#[derive(Template)]
#[template(path = "mailboxes/scripts/az.sh", escape = "none")]
struct Az {
    makes_secret: bool,
    name: String,
    callback: String,
    permissions: String,
    tenant: String,
    cloud: String,
    audience: &'static str,
}

#[derive(Template)]
#[template(path = "mailboxes/scripts/graph.ps1", escape = "none")]
struct PowerShell {
    makes_secret: bool,
    name: String,
    callback: String,
    permissions: String,
    tenant: String,
    environment: String,
    audience: String,
}

#[derive(Template)]
#[template(path = "mailboxes/scripts/az_app_only.sh", escape = "none")]
struct AzAppOnly {
    makes_secret: bool,
    name: String,
    exchange_roles: String,
    graph_roles: String,
    tenant: String,
    cloud: String,
}

#[derive(Template)]
#[template(path = "mailboxes/scripts/graph_app_only.ps1", escape = "none")]
struct PowerShellAppOnly {
    makes_secret: bool,
    name: String,
    exchange_roles: String,
    graph_roles: String,
    tenant: String,
    environment: String,
}

/// `common` and its like are no directory to sign in to.
fn directory<'a>(values: &Values<'a>) -> &'a str {
    let shared = ["common", "organizations", "consumers"].contains(&values.tenant);
    if shared { "" } else { values.tenant }
}

impl Scripts {
    /// For an application that signs in by itself. Its part in Exchange remains, which is PowerShell as it stands.
    pub fn of_app_only(values: &Values<'_>, oauth2: &OAuth2, roles: &[Role]) -> Option<Scripts> {
        let (name, tenant) = (plain(values.name), directory(values));
        let manifest = manifest_of_app_only(&name, roles);
        let (exchange, graph) = (names(roles, EXCHANGE).join(" "), names(roles, GRAPH).join(" "));
        let makes_secret = values.makes_secret;
        let az = oauth2.az_cloud.as_deref().map(|cloud| AzAppOnly {
            makes_secret,
            name: in_shell(&name),
            exchange_roles: in_shell(&exchange),
            graph_roles: in_shell(&graph),
            tenant: in_shell(tenant),
            cloud: in_shell(cloud),
        });
        let powershell = oauth2.graph_environment.as_deref().map(|environment| PowerShellAppOnly {
            makes_secret,
            name: in_powershell(&name),
            exchange_roles: in_powershell(&exchange),
            graph_roles: in_powershell(&graph),
            tenant: in_powershell(tenant),
            environment: in_powershell(environment),
        });
        let az = az.and_then(|script| script.render().ok());
        let powershell = powershell.and_then(|script| script.render().ok());
        (az.is_some() || powershell.is_some()).then_some(Scripts { az, powershell, manifest })
    }

    pub fn of(values: &Values<'_>, oauth2: &OAuth2) -> Option<Scripts> {
        if oauth2.az_cloud.is_none() && oauth2.graph_environment.is_none() {
            return None;
        }
        let is_personal = oauth2.tenant.as_deref() == Some("consumers");
        let audience = if is_personal { "AzureADandPersonalMicrosoftAccount" } else { "AzureADMyOrg" };
        let tenant = directory(values);
        let (name, permissions) = (plain(values.name), values.permissions.join(" "));
        let az = oauth2.az_cloud.as_deref().map(|cloud| Az {
            makes_secret: values.makes_secret,
            name: in_shell(&name),
            callback: in_shell(values.callback),
            permissions: in_shell(&permissions),
            tenant: in_shell(tenant),
            cloud: in_shell(cloud),
            audience,
        });
        let powershell = oauth2.graph_environment.as_deref().map(|environment| PowerShell {
            makes_secret: values.makes_secret,
            name: in_powershell(&name),
            callback: in_powershell(values.callback),
            permissions: in_powershell(&permissions),
            tenant: in_powershell(tenant),
            environment: in_powershell(environment),
            audience: in_powershell(audience),
        });
        Some(Scripts {
            az: az.and_then(|script| script.render().ok()),
            powershell: powershell.and_then(|script| script.render().ok()),
            manifest: manifest(&name, values, audience),
        })
    }
}

/// The parts of a registration's manifest that the steps fill in.
fn manifest(name: &str, values: &Values<'_>, audience: &str) -> String {
    let wanted = PERMISSIONS.iter().filter(|(name, _)| values.permissions.contains(name));
    let access: Vec<_> = wanted.map(|(_, id)| json!({ "id": id, "type": "Scope" })).collect();
    let parts = json!({
        "displayName": name,
        "signInAudience": audience,
        "web": { "redirectUris": [values.callback] },
        "requiredResourceAccess": [{ "resourceAppId": GRAPH, "resourceAccess": access }],
    });
    serde_json::to_string_pretty(&parts).unwrap_or_default()
}

/// The same where nobody is led back.
fn manifest_of_app_only(name: &str, roles: &[Role]) -> String {
    let access = |api: &str| -> Vec<_> {
        of_api(roles, api).map(|role| json!({ "id": role.id, "type": "Role" })).collect()
    };
    let resources = [EXCHANGE, GRAPH].map(|api| (api, access(api)));
    let resources: Vec<_> = (resources.into_iter().filter(|(_, access)| !access.is_empty()))
        .map(|(api, access)| json!({ "resourceAppId": api, "resourceAccess": access }))
        .collect();
    let parts = json!({
        "displayName": name,
        "signInAudience": "AzureADMyOrg",
        "requiredResourceAccess": resources,
    });
    serde_json::to_string_pretty(&parts).unwrap_or_default()
}

/// One line; `@` at its beginning would make `az` read a file of that name.
fn plain(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = name.trim().trim_start_matches(['@', '-', ' ']);
    if name.is_empty() { "Postern mail".to_owned() } else { name.to_owned() }
}

/// One word of a POSIX shell: between single quotes nothing means anything but the quote itself.
fn in_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same of PowerShell, to which typographic quotes are single quotes too; each is doubled.
pub(super) fn in_powershell(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        quoted.push(c);
        if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            quoted.push(c);
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests;
