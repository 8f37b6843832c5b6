//! The application by itself: the token that proves nothing, and the PowerShell that makes it worth something.

use super::client::{Answer, get, imap, post, smtp, xoauth2};
use super::{CALLBACK, SUPPORT, start};
use crate::{Fault, Practice, Registration, Times};

const BILLING: &str = "billing@contoso.example";
const MAIL: &str = "https://outlook.office365.com/.default";

async fn ask(practice: &Practice, app: &Registration, tenant: &str, scope: &str) -> Answer {
    let url = format!("{}/{tenant}/oauth2/v2.0/token", practice.http_url);
    let fields = [
        ("client_id", app.client_id.as_str()),
        ("client_secret", app.client_secret.as_str()),
        ("grant_type", "client_credentials"),
        ("scope", scope),
    ];
    post(&url, &fields).await
}

pub(super) async fn token(practice: &Practice, app: &Registration) -> String {
    let answer = ask(practice, app, &app.tenant_id, MAIL).await.json();
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none(), "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn read(practice: &Practice, mailbox: &str, token: &str) -> String {
    let mut talk = imap(practice).await;
    let answer = talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(mailbox, token))).await;
    if answer.starts_with("t OK") { talk.ask("SELECT INBOX").await } else { answer }
}

async fn send(practice: &Practice, mailbox: &str, token: &str) -> String {
    let mut talk = smtp(practice).await;
    let answer = talk.say(&format!("AUTH XOAUTH2 {}", xoauth2(mailbox, token))).await;
    if answer.starts_with("235") { talk.say(&format!("MAIL FROM:<{mailbox}>")).await } else { answer }
}

#[tokio::test]
async fn what_is_asked_must_be_default_of_a_known_resource_at_a_tenant() {
    let (practice, _) = start().await;
    let single = practice.register("Postern", CALLBACK);
    let tenant = single.tenant_id.clone();
    let refused = async |app: &Registration, tenant: &str, scope: &str| {
        ask(&practice, app, tenant, scope).await.json()["error_codes"][0].clone()
    };
    assert_eq!(refused(&single, &tenant, "https://outlook.office.com/IMAP.AccessAsUser.All").await, 1002012);
    assert_eq!(refused(&single, &tenant, &format!("{MAIL} openid")).await, 1002012);
    assert_eq!(refused(&single, &tenant, "https://elsewhere.example/.default").await, 500011);
    assert_eq!(refused(&single, &tenant, "").await, 900144);
    practice.world.directory.change(|records| {
        records.app_mut(&single.client_id).unwrap().audience =
            crate::directory::Audience::MultiTenantAndPersonal;
    });
    for shared in ["common", "consumers"] {
        assert_eq!(refused(&single, shared, MAIL).await, 9001023);
    }
}

#[tokio::test]
async fn each_step_that_is_missing_has_its_own_symptom() {
    let (practice, clock) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let not_connected = "BAD User is authenticated but not connected.";
    // A token comes without any permission, and opens nothing.
    let token_without = token(&practice, &app).await;
    let register = |object: &str| format!("New-ServicePrincipal -AppId {} -ObjectId {object}", app.client_id);
    let right_id = practice.service_principal_id(&app.client_id);
    practice.powershell(&register(&right_id)).unwrap();
    assert!(practice.powershell(&register(&right_id)).is_err(), "registered twice");
    assert!(read(&practice, BILLING, &token_without).await.contains("NO AUTHENTICATE failed."));
    practice.allow_app_only(&app.client_id);
    let token = token(&practice, &app).await;
    assert!(read(&practice, BILLING, &token).await.contains(not_connected));
    assert!(send(&practice, BILLING, &token).await.starts_with("535 5.7.3 "));
    practice
        .powershell(&format!(
            "Add-MailboxPermission -Identity {BILLING} -User {right_id} -AccessRights FullAccess"
        ))
        .unwrap();
    practice.faults.arm(Fault::PermissionsCached, Times::UntilCleared);
    assert!(read(&practice, BILLING, &token).await.contains(not_connected), "cached for two hours");
    practice.faults.clear_all();
    assert!(read(&practice, BILLING, &token).await.contains("t OK "));
    assert!(read(&practice, SUPPORT, &token).await.contains(not_connected));
    assert!(send(&practice, BILLING, &token).await.starts_with("550 5.7.60 "), "no Send As");
    practice
        .powershell(&format!(
            "Add-RecipientPermission -Identity \"{BILLING}\" `\n  -Trustee {right_id} -AccessRights SendAs -Confirm:$false"
        ))
        .unwrap();
    assert!(send(&practice, BILLING, &token).await.starts_with("250 "));
    practice.powershell(&format!("Set-CASMailbox -Identity {BILLING} -ImapEnabled $false")).unwrap();
    assert!(read(&practice, BILLING, &token).await.contains(not_connected));
    practice.faults.arm(Fault::PermissionsCached, Times::UntilCleared);
    clock.fetch_add(7_200_000, std::sync::atomic::Ordering::SeqCst);
    assert!(send(&practice, BILLING, &self::token(&practice, &app).await).await.starts_with("250 "));
}

#[tokio::test]
async fn the_object_id_of_the_registration_registers_and_then_fails() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    practice.allow_app_only(&app.client_id);
    let wrong = practice.world.directory.app(&app.client_id).unwrap().object_id;
    practice
        .powershell(&format!(
            "New-ServicePrincipal -AppId {} -ObjectId {wrong}\nAdd-MailboxPermission -Identity {BILLING} -User {wrong} -AccessRights FullAccess",
            app.client_id
        ))
        .unwrap();
    let token = token(&practice, &app).await;
    assert!(read(&practice, BILLING, &token).await.contains("NO AUTHENTICATE failed."));
}

/// The commands as Postern's guide prints them, pasted block by block, and a mistake that is taken back.
#[tokio::test]
async fn the_commands_of_the_guide_are_pasted_whole_and_a_mistake_spoils_nothing() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    practice.allow_app_only(&app.client_id);
    let first = |object: &str| {
        format!(
            "$objectId = '{object}'\nInstall-Module ExchangeOnlineManagement\nConnect-ExchangeOnline -Organization '{}'\nNew-ServicePrincipal -AppId '{}' -ObjectId $objectId",
            app.tenant_id, app.client_id
        )
    };
    let refused = |script: &str| practice.powershell(script).unwrap_err().to_string();
    assert!(refused(&first("PASTE-THE-OBJECT-ID")).contains("no GUID"));
    let wrong = practice.world.directory.app(&app.client_id).unwrap().object_id;
    practice.powershell(&first(&wrong)).unwrap();
    let read_it =
        format!("Add-MailboxPermission -Identity '{BILLING}' -User $objectId -AccessRights FullAccess");
    practice.powershell(&read_it).unwrap();
    let token = token(&practice, &app).await;
    assert!(read(&practice, BILLING, &token).await.contains("NO AUTHENTICATE failed."));

    let right = practice.service_principal_id(&app.client_id);
    let way_out = format!("Remove-ServicePrincipal -Identity {wrong}");
    assert!(refused(&first(&right)).contains(&way_out));
    practice.powershell(&format!("{way_out} -Confirm:$false")).unwrap();
    practice.powershell(&first(&right)).unwrap();
    assert!(read(&practice, BILLING, &token).await.contains("not connected"), "its rights went with it");
    practice.powershell(&read_it).unwrap();
    let send_it = format!(
        "Add-RecipientPermission -Identity '{BILLING}' -Trustee $objectId -AccessRights SendAs -Confirm:$false\nSet-CASMailbox -Identity '{BILLING}' -SmtpClientAuthenticationDisabled $false"
    );
    practice.powershell(&send_it).unwrap();
    assert!(read(&practice, BILLING, &token).await.contains("t OK "));
    assert!(send(&practice, BILLING, &token).await.starts_with("250 "));
    assert!(
        refused(
            "Add-MailboxPermission -Identity billing@contoso.example -User $nobody -AccessRights FullAccess"
        )
        .contains("User")
    );
    assert!(refused("$true = 1").contains("read-only"));
}

#[tokio::test]
async fn the_portal_shows_the_way_of_an_application() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let portal = format!("{}/portal", practice.http_url);
    let permissions = format!("{portal}/apps/{}/permissions", app.client_id);
    let choice = get(&format!("{permissions}/add?api=organization")).await.body;
    assert!(choice.contains("APIs my organization uses") && choice.contains("Office 365 Exchange Online"));
    let names = get(&format!("{permissions}/add?api=exchange&kind=application")).await.body;
    assert!(
        ["IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"].iter().all(|name| names.contains(name))
    );
    post(&format!("{permissions}/application"), &[("api", "exchange"), ("permission", "IMAP.AccessAsApp")])
        .await;
    assert!(get(&permissions).await.body.contains("Not granted for Contoso"));
    post(&format!("{permissions}/consent"), &[]).await;
    assert!(!get(&permissions).await.body.contains("Not granted for Contoso"));
    let enterprise = get(&format!("{portal}/enterprise/{}", app.client_id)).await;
    assert_eq!(enterprise.element("service-principal-id"), practice.service_principal_id(&app.client_id));
    let script = [("script", "Get-Nothing\nSet-TransportConfig -SmtpClientAuthenticationDisabled $true")];
    let ran = post(&format!("{portal}/exchange"), &script).await.body;
    assert!(ran.contains("not recognized") && ran.contains("off for the tenant"), "{ran}");
}
