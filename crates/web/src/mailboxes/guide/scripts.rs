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
        let of = |api: &str| {
            let names = roles.iter().filter(|role| role.api == api).map(|role| role.name);
            names.collect::<Vec<_>>().join(" ")
        };
        let (exchange, graph, makes_secret) = (of(EXCHANGE), of(GRAPH), values.makes_secret);
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
        let of_it = roles.iter().filter(|role| role.api == api);
        of_it.map(|role| json!({ "id": role.id, "type": "Role" })).collect()
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
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    const HOSTILE: &str = "O'Hara & \"Söhne\" `id` $(touch pwned) $HOME \\ %PATH%; rm -rf x ‘curly’ {{ mail";
    const CALLBACK: &str = "https://help.example.org/oauth/callback/x_Y-9";
    const OF_MAIL: [&str; 5] =
        ["User.Read", "offline_access", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];

    fn values<'a>(name: &'a str, tenant: &'a str) -> Values<'a> {
        Values { permissions: &OF_MAIL, name, callback: CALLBACK, tenant, makes_secret: true }
    }

    fn scripts(name: &str, tenant: &str) -> Scripts {
        let oauth2 = mail::provider::find("microsoft").unwrap().oauth2.as_ref().unwrap();
        Scripts::of(&values(name, tenant), oauth2).unwrap()
    }

    /// Runs the script with an `az` that writes down its words, one a line, and answers as the real one.
    fn run(script: &str) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let az = folder.path().join("az");
        let stub = "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\n' \"<$word>\" >> \"$LOG\"; done\n\
            case \"$*\" in\n*\"ad sp show\"*) echo id-of-$$ ;;\n*\"ad sp create\"*) echo the-principal ;;\n*\"cloud show\"*) echo https://graph.example/ ;;\n*\"app create\"*) echo the-app ;;\n*credential*) echo the-secret ;;\n*\"account show\"*) echo the-tenant ;;\nesac\n";
        std::fs::write(&az, stub).unwrap();
        std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let log = folder.path().join("log");
        let ran = Command::new("sh")
            .args(["-c", script])
            .current_dir(folder.path())
            .env("PATH", path)
            .env("LOG", &log)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert!(!folder.path().join("pwned").exists(), "the name was run");
        (String::from_utf8(ran.stdout).unwrap(), std::fs::read_to_string(log).unwrap())
    }

    #[test]
    fn the_shell_script_registers_the_app_whatever_its_name_holds() {
        let (said, log) = run(&scripts(HOSTILE, "contoso.example").az.unwrap());
        for word in [
            &format!("<--display-name={HOSTILE}>"),
            &format!("<--web-redirect-uris={CALLBACK}>"),
            "<--tenant=contoso.example>",
            "<AzureCloud>",
            "<AzureADMyOrg>",
            "<User.Read offline_access IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send>",
        ] {
            assert!(log.lines().any(|line| line == word), "{word}: {log}");
        }
        assert_eq!(log.lines().filter(|line| line.ends_with("=Scope>")).count(), OF_MAIL.len(), "{log}");
        assert!(said.contains("the-app") && said.contains("the-tenant"), "{said}");
        assert_eq!(said.matches("the-secret").count(), 1, "{said}");
    }

    #[test]
    fn the_scripts_of_an_application_consent_to_each_of_its_permissions_and_say_its_object_id() {
        let oauth2 = mail::provider::find("microsoft").unwrap().oauth2.as_ref().unwrap();
        let values = values(HOSTILE, "contoso.example");
        let found = Scripts::of_app_only(&values, oauth2, &[POP, SMTP]).unwrap();
        let (said, log) = run(&found.az.unwrap());
        assert!(log.lines().any(|line| line == format!("<--display-name={HOSTILE}>")), "{log}");
        assert!(!log.contains(CALLBACK), "nobody is led back: {log}");
        assert_eq!(log.lines().filter(|line| line.ends_with("=Role>")).count(), 2, "{log}");
        let url = "<https://graph.example/v1.0/servicePrincipals/the-principal/appRoleAssignments>";
        assert_eq!(log.lines().filter(|line| *line == url).count(), 2, "{log}");
        let body = log.lines().find_map(|line| line.strip_prefix("<{")).unwrap().trim_end_matches('>');
        let body: serde_json::Value = serde_json::from_str(&format!("{{{body}")).unwrap();
        assert_eq!(body["principalId"], "the-principal");
        assert!(body["appRoleId"].as_str().unwrap().starts_with("id-of-"), "{body}");
        assert!(said.contains("Object ID:      the-principal") && said.contains("the-app"), "{said}");
        assert_eq!(said.matches("the-secret").count(), 1, "{said}");
        let powershell = found.powershell.unwrap();
        assert!(powershell.contains("'POP.AccessAsApp SMTP.SendAsApp'"), "{powershell}");
        assert!(powershell.contains("New-MgServicePrincipalAppRoleAssignment"), "{powershell}");
        let manifest: serde_json::Value = serde_json::from_str(&found.manifest).unwrap();
        assert_eq!((&manifest["displayName"], manifest.get("web")), (&HOSTILE.into(), None));
        let access = json!([{ "id": POP.id, "type": "Role" }, { "id": SMTP.id, "type": "Role" }]);
        assert_eq!(
            manifest["requiredResourceAccess"],
            json!([{ "resourceAppId": EXCHANGE, "resourceAccess": access }])
        );
        let azure = [IMAP, POP, SMTP, READ, SEND].map(|role| role.id);
        assert!(azure.into_iter().all(mail::provider::is_guid), "{azure:?}");
    }

    #[test]
    fn an_application_that_uses_graph_gets_its_permissions_of_graph_and_the_others_of_exchange() {
        let oauth2 = mail::provider::find("microsoft").unwrap().oauth2.as_ref().unwrap();
        let found = Scripts::of_app_only(&values("x", "contoso.example"), oauth2, &[READ, SEND]).unwrap();
        let (_, log) = run(&found.az.unwrap());
        let asked = |id: &str| log.lines().filter(|line| *line == format!("<{id}>")).count();
        // Each permission is looked up, added and consented to where it belongs.
        assert_eq!((asked(GRAPH), asked(EXCHANGE)), (6, 0), "{log}");
        for name in ["Mail.ReadWrite", "Mail.Send"] {
            let query = format!("<appRoles[?value=='{name}'].id | [0]>");
            assert!(log.lines().any(|line| line == query), "{name}: {log}");
        }
        let powershell = found.powershell.unwrap();
        assert!(powershell.contains("'Mail.ReadWrite Mail.Send'"), "{powershell}");
        let manifest: serde_json::Value = serde_json::from_str(&found.manifest).unwrap();
        let access = json!([{ "id": READ.id, "type": "Role" }, { "id": SEND.id, "type": "Role" }]);
        assert_eq!(
            manifest["requiredResourceAccess"],
            json!([{ "resourceAppId": GRAPH, "resourceAccess": access }])
        );
        // Read by Graph, sent by SMTP: two resources.
        let found = Scripts::of_app_only(&values("x", ""), oauth2, &[READ, SMTP]).unwrap();
        let (_, log) = run(&found.az.unwrap());
        assert_eq!(log.lines().filter(|line| line.ends_with("=Role>")).count(), 2, "{log}");
        let manifest: serde_json::Value = serde_json::from_str(&found.manifest).unwrap();
        let apis = |at: usize| manifest["requiredResourceAccess"][at]["resourceAppId"].clone();
        assert_eq!([apis(0), apis(1)], [json!(EXCHANGE), json!(GRAPH)]);
    }

    #[test]
    fn a_registration_with_a_certificate_is_made_without_a_secret() {
        let oauth2 = mail::provider::find("microsoft").unwrap().oauth2.as_ref().unwrap();
        let values = Values { makes_secret: false, ..values("x", "contoso.example") };
        let both = [Scripts::of(&values, oauth2), Scripts::of_app_only(&values, oauth2, &[IMAP])];
        for found in both.into_iter().flatten() {
            let (said, log) = run(&found.az.unwrap());
            assert!(!log.contains("credential") && !said.contains("Secret"), "{said} {log}");
            assert!(said.contains("the-app") && said.contains(".cer"), "{said}");
            let powershell = found.powershell.unwrap();
            assert!(!powershell.contains("Add-MgApplicationPassword"), "{powershell}");
            assert!(powershell.contains(".cer") && !powershell.contains("Secret:"), "{powershell}");
        }
    }

    #[test]
    fn a_name_is_no_option_and_no_file_and_a_shared_tenant_is_not_signed_in_to() {
        for (name, plain) in [("@/etc/passwd", "/etc/passwd"), ("--help", "help"), (" \n", "Postern mail")] {
            let (_, log) = run(&scripts(name, "common").az.unwrap());
            assert!(log.lines().any(|line| line == format!("<--display-name={plain}>")), "{log}");
            assert!(!log.contains("--tenant"), "{log}");
        }
    }

    #[test]
    fn powershell_reads_the_name_as_one_word() {
        let script = scripts(HOSTILE, "").powershell.unwrap();
        let line = script.lines().find_map(|line| line.strip_prefix("$name = ")).unwrap();
        let inside = line.strip_prefix('\'').and_then(|line| line.strip_suffix('\'')).unwrap();
        // As PowerShell does: two quotes in a row are one, and one alone would end the word.
        let (mut read, mut chars) = (String::new(), inside.chars());
        while let Some(c) = chars.next() {
            if matches!(c, '\'' | '\u{2018}' | '\u{2019}') {
                assert!(
                    matches!(chars.next(), Some('\'' | '\u{2018}' | '\u{2019}')),
                    "it ends early: {line}"
                );
            }
            read.push(c);
        }
        assert_eq!(read, HOSTILE);
        assert!(script.contains("$tenant = ''") && script.contains("Environment = 'Global'"), "{script}");
    }

    #[test]
    fn the_manifest_is_json_with_an_id_for_each_permission() {
        let manifest: serde_json::Value = serde_json::from_str(&scripts(HOSTILE, "").manifest).unwrap();
        assert_eq!(manifest["displayName"], HOSTILE);
        assert_eq!(manifest["web"]["redirectUris"][0], CALLBACK);
        let access = manifest["requiredResourceAccess"][0]["resourceAccess"].as_array().unwrap();
        assert_eq!(access.len(), OF_MAIL.len());
        assert!(access.iter().all(|one| mail::provider::is_guid(one["id"].as_str().unwrap())));
    }

    #[test]
    fn other_clouds_have_their_own_names_and_personal_accounts_their_audience() {
        for (key, cloud, environment, audience) in [
            ("microsoft-gcc-high", "AzureUSGovernment", "USGov", "AzureADMyOrg"),
            ("microsoft-dod", "AzureUSGovernment", "USGovDoD", "AzureADMyOrg"),
            ("microsoft-china", "AzureChinaCloud", "China", "AzureADMyOrg"),
            ("microsoft-personal", "AzureCloud", "Global", "AzureADandPersonalMicrosoftAccount"),
        ] {
            let oauth2 = mail::provider::find(key).unwrap().oauth2.as_ref().unwrap();
            let found = Scripts::of(&values("x", ""), oauth2).unwrap();
            let (az, powershell) = (found.az.unwrap(), found.powershell.unwrap());
            assert!(az.contains(&format!("'{cloud}'")) && az.contains(audience), "{key}: {az}");
            assert!(powershell.contains(&format!("'{environment}'")), "{key}: {powershell}");
            assert!(found.manifest.contains(audience), "{key}");
        }
        let google = mail::provider::find("google").unwrap().oauth2.as_ref().unwrap();
        assert!(Scripts::of(&values("x", ""), google).is_none());
    }
}
