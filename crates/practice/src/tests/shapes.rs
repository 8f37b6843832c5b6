//! Shapes of mailboxes: shared, alias, personal, with protocols switched off; and the administrator's consent link.

use super::client::{get, imap, post, smtp, xoauth2};
use super::sign_in::{authorize, sign_in};
use super::{ANN, CALLBACK, SUPPORT, start};
use crate::directory::Audience;
use crate::{Practice, Registration};

const BILLING: &str = "billing@contoso.example";
const MIA: &str = "mia.holt@contoso.example";
const SAM: &str = "sam.reed@outlook.example";
const HELP: &str = "help@contoso.example";

async fn read(practice: &Practice, mailbox: &str, person: &str) -> String {
    let mut talk = imap(practice).await;
    let token = practice.access_token("client", person);
    let answer = talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(mailbox, &token))).await;
    assert!(answer.starts_with("t OK"), "{answer}");
    talk.ask("SELECT INBOX").await
}

async fn send(practice: &Practice, mailbox: &str, person: &str, from: &str) -> String {
    let mut talk = smtp(practice).await;
    let token = practice.access_token("client", person);
    let answer = talk.say(&format!("AUTH XOAUTH2 {}", xoauth2(mailbox, &token))).await;
    if !answer.starts_with("235") {
        return answer;
    }
    talk.say(&format!("MAIL FROM:<{mailbox}>\r\nRCPT TO:<{ANN}>\r\nDATA")).await;
    talk.reply().await;
    talk.reply().await;
    talk.say(&format!("From: Desk <{from}>\r\nTo: {ANN}\r\nSubject: x\r\n\r\nx\r\n.")).await
}

#[tokio::test]
async fn a_shared_mailbox_opens_with_full_access_and_sends_with_send_as() {
    let (practice, _) = start().await;
    let not_connected = "BAD User is authenticated but not connected.";
    assert!(read(&practice, BILLING, SUPPORT).await.contains("t OK "));
    assert!(read(&practice, BILLING, MIA).await.contains(not_connected));
    practice
        .powershell(&format!(
            "Add-MailboxPermission -Identity {BILLING} -User {MIA} -AccessRights FullAccess"
        ))
        .unwrap();
    assert!(read(&practice, BILLING, MIA).await.contains("t OK "));
    assert!(send(&practice, MIA, MIA, BILLING).await.starts_with("550 5.7.60 "));
    practice
        .powershell(&format!(
            "Add-RecipientPermission -Identity {BILLING} -Trustee {MIA} -AccessRights SendAs"
        ))
        .unwrap();
    assert!(send(&practice, MIA, MIA, BILLING).await.starts_with("250 "));
    assert!(send(&practice, BILLING, MIA, BILLING).await.starts_with("250 "));
    let remove =
        format!("Remove-MailboxPermission -Identity {BILLING} -User {SUPPORT} -AccessRights FullAccess");
    practice.powershell(&remove).unwrap();
    assert!(read(&practice, BILLING, SUPPORT).await.contains(not_connected));
}

#[tokio::test]
async fn protocols_are_switched_off_by_mailbox_and_by_tenant() {
    let (practice, _) = start().await;
    practice.powershell("Set-TransportConfig -SmtpClientAuthenticationDisabled $true").unwrap();
    let answer = send(&practice, SUPPORT, SUPPORT, SUPPORT).await;
    assert!(answer.starts_with("535 5.7.139 ") && answer.contains("for the Tenant"), "{answer}");
    let mailbox =
        |value: &str| format!("Set-CASMailbox -Identity {SUPPORT} -SmtpClientAuthenticationDisabled {value}");
    practice.powershell(&mailbox("$false")).unwrap();
    assert!(send(&practice, SUPPORT, SUPPORT, SUPPORT).await.starts_with("250 "));
    practice.powershell(&mailbox("$true")).unwrap();
    assert!(send(&practice, SUPPORT, SUPPORT, SUPPORT).await.contains("for the Mailbox"));
    practice.powershell(&mailbox("$null")).unwrap();
    assert!(send(&practice, SUPPORT, SUPPORT, SUPPORT).await.contains("for the Tenant"));
    let switch = format!("{}/portal/exchange/switch", practice.http_url);
    post(&switch, &[("mailbox", SUPPORT), ("what", "imap"), ("on", "false")]).await;
    assert!(read(&practice, SUPPORT, SUPPORT).await.contains("not connected"));
}

#[tokio::test]
async fn an_alias_receives_for_its_mailbox_and_sends_under_its_name_unless_allowed() {
    let (practice, _) = start().await;
    let mut talk = super::client::smtp_as(&practice, MIA).await;
    talk.say(&format!("MAIL FROM:<{MIA}>")).await;
    assert!(talk.say(&format!("RCPT TO:<{HELP}>")).await.starts_with("250 "));
    talk.say("DATA").await;
    talk.say(&format!("From: {MIA}\r\nTo: {HELP}\r\n\r\nx\r\n.")).await;
    let letters = practice.letters(SUPPORT);
    assert!(letters.iter().any(|letter| String::from_utf8_lossy(&letter.raw).contains("To: help@")));
    assert!(practice.letters(HELP).is_empty());
    assert!(read(&practice, HELP, SUPPORT).await.contains("not connected"), "the first address opens it");
    let last_from = || {
        let letter = practice.letters(ANN).pop().unwrap();
        let raw = String::from_utf8(letter.raw).unwrap();
        raw.lines().find(|line| line.starts_with("From:")).unwrap().to_owned()
    };
    assert!(send(&practice, SUPPORT, SUPPORT, HELP).await.starts_with("250 "));
    assert_eq!(last_from(), format!("From: Desk <{SUPPORT}>"));
    practice.powershell("Set-OrganizationConfig -SendFromAliasEnabled $true").unwrap();
    assert!(send(&practice, SUPPORT, SUPPORT, HELP).await.starts_with("250 "));
    assert_eq!(last_from(), format!("From: Desk <{HELP}>"));
    assert!(send(&practice, MIA, MIA, HELP).await.starts_with("550 5.7.60 "));
}

fn open_to_all(practice: &Practice) -> Registration {
    let app = practice.register("Postern", CALLBACK);
    practice.world.directory.change(|records| {
        records.app_mut(&app.client_id).unwrap().audience = Audience::MultiTenantAndPersonal;
    });
    app
}

#[tokio::test]
async fn a_personal_account_signs_in_under_consumers_and_turns_imap_on() {
    let (practice, _) = start().await;
    let app = open_to_all(&practice);
    let page = authorize(&practice, "consumers", &app.client_id, &[("login_hint", "")]).await;
    assert!(page.body.contains(SAM) && !page.body.contains(MIA));
    let login = |tenant: &str| format!("{}/{tenant}/login", practice.http_url);
    let fields = [("flow", page.field("flow")), ("account", SAM.to_owned()), ("password", "x".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let consent = post(&login("consumers"), &fields).await;
    assert!(consent.body.contains("Permissions requested"), "consent of an organization is not theirs");
    let consented = format!("{}/consumers/consent", practice.http_url);
    let back = post(&consented, &[("flow", &consent.field("flow")), ("answer", "accept")]).await;
    let code = back.sent_back("code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", &app.client_id),
        ("client_secret", &app.client_secret),
        ("redirect_uri", CALLBACK),
        ("code_verifier", super::sign_in::VERIFIER),
        ("code", &code),
    ];
    let tokens = post(&format!("{}/consumers/oauth2/v2.0/token", practice.http_url), &fields).await.json();
    let claims = super::token::claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["tid"], "9188040d-6c67-4c5b-b112-36a304b66dad");
    assert_eq!(claims["iss"], format!("{}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", practice.http_url));
    assert!(read(&practice, SAM, SAM).await.contains("not connected"), "IMAP is off at first");
    let switch = format!("{}/portal/exchange/switch", practice.http_url);
    post(&switch, &[("mailbox", SAM), ("what", "imap"), ("on", "true")]).await;
    assert!(read(&practice, SAM, SAM).await.contains("t OK "));
    let own = authorize(&practice, &app.tenant_id, &app.client_id, &[("login_hint", "")]).await;
    assert!(sign_in(&practice, &own, SAM).await.body.contains("AADSTS50020"));
}

#[tokio::test]
async fn an_administrator_consents_for_all_by_a_link() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    practice.world.directory.change(|records| {
        let app = records.app_mut(&app.client_id).unwrap();
        app.consent_for_all.clear();
        app.app_permissions.insert("IMAP.AccessAsApp".to_owned());
    });
    let link = |path: &str, scope: &str| {
        let query = super::client::form(&[
            ("client_id", &app.client_id),
            ("redirect_uri", CALLBACK),
            ("state", "s"),
            ("scope", scope),
        ]);
        format!("{}/{}{path}?{query}", practice.http_url, app.tenant_id)
    };
    let sign_in_as = async |page: &super::client::Answer, who: &str| sign_in(&practice, page, who).await;
    let page = get(&link("/v2.0/adminconsent", "https://outlook.office.com/SMTP.Send")).await;
    assert!(sign_in_as(&page, MIA).await.body.contains("Need admin approval"));
    let page = get(&link("/v2.0/adminconsent", "https://outlook.office.com/SMTP.Send")).await;
    let consent = sign_in_as(&page, "admin@contoso.example").await;
    assert!(consent.body.contains("Review for your organization"));
    let url = format!("{}/{}/consent", practice.http_url, app.tenant_id);
    let back = post(&url, &[("flow", &consent.field("flow")), ("answer", "accept")]).await;
    assert_eq!(back.sent_back("admin_consent").as_deref(), Some("True"));
    assert_eq!((back.sent_back("state").as_deref(), back.sent_back("code")), (Some("s"), None));
    let granted = || practice.world.directory.app(&app.client_id).unwrap();
    assert_eq!(granted().consent_for_all, ["SMTP.Send".to_owned()].into());
    assert!(granted().app_consent.is_empty());
    let page = get(&link("/v2.0/adminconsent", "https://outlook.office365.com/.default")).await;
    let consent = sign_in_as(&page, "admin@contoso.example").await;
    let back = post(&url, &[("flow", &consent.field("flow")), ("answer", "cancel")]).await;
    assert!(back.sent_back("error_description").unwrap().starts_with("AADSTS65004"));
    let page = get(&link("/adminconsent", "")).await;
    let consent = sign_in_as(&page, "admin@contoso.example").await;
    post(&url, &[("flow", &consent.field("flow")), ("answer", "accept")]).await;
    assert!(granted().consent_for_all.contains("IMAP.AccessAsUser.All"));
    assert!(granted().app_consent.contains("IMAP.AccessAsApp"));
}
