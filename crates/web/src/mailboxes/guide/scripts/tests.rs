//! The scripts, run with commands that write down what they are asked for.
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
            assert!(matches!(chars.next(), Some('\'' | '\u{2018}' | '\u{2019}')), "it ends early: {line}");
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
