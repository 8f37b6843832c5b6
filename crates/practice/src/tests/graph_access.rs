//! Who may do what by Microsoft Graph: tokens, scopes, roles of Entra and of Exchange, and the portal's pages.

use super::client::{get, post};
use super::graph::{BILLING, Graph, code, mime};
use super::{CALLBACK, SUPPORT, start};
use crate::{Fault, Times};

#[tokio::test]
async fn a_token_must_be_for_graph_in_time_and_permit_what_is_done() {
    let (practice, clock) = start().await;
    let with = |token: String| Graph::of(&practice, token);
    let refused = async |graph: &Graph, path: &str| graph.refused("GET", path).await;
    let invalid = (401, "InvalidAuthenticationToken".to_owned());
    let denied = (403, "ErrorAccessDenied".to_owned());
    assert_eq!(refused(&with(String::new()), "me/messages").await, invalid);
    assert_eq!(refused(&with("made.up".to_owned()), "me/messages").await, invalid);
    assert_eq!(
        refused(&with(practice.access_token("client", SUPPORT)), "me/messages").await,
        invalid,
        "for Outlook"
    );
    let scoped = |scopes: &str| {
        let scopes = crate::permissions::Scope::parse_all(scopes).unwrap();
        with(practice.world.issue_access_token("client", SUPPORT, &scopes, 3600))
    };
    let reader = scoped("Mail.Read");
    assert_eq!(reader.get("me/messages").await.status, 200);
    let id = reader.list("me/messages").await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(reader.refused("PATCH", &format!("me/messages/{id}")).await, denied);
    assert_eq!(reader.refused("POST", "me/sendMail").await, denied);
    assert_eq!(scoped("User.Read").refused("GET", "me/messages").await, denied);
    assert_eq!(scoped("User.Read").get("me").await.json()["mail"], SUPPORT);
    // A shared mailbox: Full Access of the person and a scope that says so.
    let billing = format!("users/{BILLING}/messages");
    assert_eq!(refused(&scoped("Mail.ReadWrite"), &billing).await, denied);
    let shared = scoped("Mail.ReadWrite.Shared");
    assert_eq!(shared.get(&billing).await.status, 200);
    assert_eq!(shared.get("me/messages").await.status, 200);
    assert_eq!(refused(&shared, "users/mia.holt@contoso.example/messages").await, denied);
    practice
        .powershell(&format!(
            "Remove-MailboxPermission -Identity {BILLING} -User {SUPPORT} -AccessRights FullAccess"
        ))
        .unwrap();
    assert_eq!(refused(&shared, &billing).await, denied);
    for unknown in ["help@contoso.example", "care@fabrikam.example", "nobody@contoso.example"] {
        let path = format!("users/{unknown}/messages");
        assert_eq!(refused(&shared, &path).await, (404, "ErrorInvalidUser".to_owned()));
    }
    let graph = Graph::support(&practice);
    assert_eq!(graph.get("me/messages").await.status, 200);
    clock.fetch_add(3_600_000, std::sync::atomic::Ordering::SeqCst);
    let over = graph.get("me/messages").await;
    assert!(
        over.body.contains("the token is expired") && over.headers["www-authenticate"].starts_with("Bearer ")
    );
    assert_eq!(code(&over), invalid);
}

#[tokio::test]
async fn an_application_reads_all_mailboxes_or_those_of_a_scope() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let token = async |resource: &str| {
        let fields = [
            ("client_id", app.client_id.as_str()),
            ("client_secret", app.client_secret.as_str()),
            ("grant_type", "client_credentials"),
            ("scope", resource),
        ];
        post(&practice.token_endpoint(), &fields).await.json()["access_token"].as_str().unwrap().to_owned()
    };
    let graph = async || Graph::of(&practice, token("https://graph.microsoft.com/.default").await);
    let messages = |mailbox: &str| format!("users/{mailbox}/messages");
    let denied = (403, "ErrorAccessDenied".to_owned());
    practice.allow_app_only(&app.client_id);
    assert_eq!(
        graph().await.refused("GET", &messages(BILLING)).await,
        denied,
        "permissions of Exchange are others"
    );

    // By the scope of a role that Exchange gave.
    let id = practice.service_principal_id(&app.client_id);
    practice
        .powershell(&format!(
            "New-ServicePrincipal -AppId {} -ObjectId {id}\nNew-ManagementScope -Name 'Helpdesk' -RecipientRestrictionFilter 'PrimarySmtpAddress -eq ''{BILLING}'''\nNew-ManagementRoleAssignment -App {id} -Role 'Application Mail.ReadWrite' -CustomResourceScope 'Helpdesk' -Name reads",
            app.client_id
        ))
        .unwrap();
    practice.faults.arm(Fault::PermissionsCached, Times::UntilCleared);
    assert_eq!(graph().await.refused("GET", &messages(BILLING)).await, denied, "cached for two hours");
    practice.faults.clear_all();
    assert_eq!(graph().await.get(&messages(BILLING)).await.status, 200);
    assert_eq!(graph().await.refused("GET", &messages(SUPPORT)).await, denied);
    let send = format!("users/{BILLING}/sendMail");
    assert_eq!(graph().await.refused("POST", &send).await, denied);
    assert!(practice.powershell("Remove-ManagementScope -Identity Helpdesk").is_err(), "it is used");
    practice.powershell("Remove-ManagementRoleAssignment -Identity reads -Confirm:$false\nRemove-ManagementScope -Identity Helpdesk").unwrap();
    assert_eq!(graph().await.refused("GET", &messages(BILLING)).await, denied);

    // By a permission of Entra, which opens every mailbox of Contoso.
    practice.allow_graph(&app.client_id);
    let broad = graph().await;
    assert_eq!(broad.get(&messages(SUPPORT)).await.status, 200);
    assert_eq!(
        broad.refused("GET", &messages("sam.reed@outlook.example")).await,
        denied,
        "of no organization"
    );
    assert_eq!(broad.refused("GET", "me/messages").await, (400, "BadRequest".to_owned()));
    let sent = broad.ask("POST", &send, "text/plain", &mime(BILLING, "ann.porter@nordwind.example")).await;
    assert_eq!(sent.status, 202);
    let as_another =
        broad.ask("POST", &send, "text/plain", &mime(SUPPORT, "ann.porter@nordwind.example")).await;
    assert_eq!(code(&as_another), (403, "ErrorSendAsDenied".to_owned()));
    practice.faults.arm(Fault::NarrowedScope, Times::Exactly(1));
    assert_eq!(graph().await.refused("GET", &messages(SUPPORT)).await, denied);
    practice.faults.arm(Fault::WrongResource, Times::Exactly(1));
    let wrong = graph().await.refused("GET", &messages(SUPPORT)).await;
    assert_eq!(wrong, (401, "InvalidAuthenticationToken".to_owned()));
}

#[tokio::test]
async fn the_portal_offers_the_permissions_of_graph_in_both_kinds() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let permissions = format!("{}/portal/apps/{}/permissions", practice.http_url, app.client_id);
    let delegated = get(&format!("{permissions}/add?api=graph&kind=delegated")).await.body;
    assert!(
        ["Mail.ReadWrite.Shared", "Mail.Send.Shared", "Mail.ReadWrite", "Mail.Send"]
            .iter()
            .all(|name| delegated.contains(name))
    );
    let application = get(&format!("{permissions}/add?api=graph&kind=application")).await.body;
    assert!(application.contains("Mail.ReadWrite") && !application.contains("IMAP.AccessAsApp"));
    let add = format!("{permissions}/application");
    post(&add, &[("api", "exchange"), ("permission", "IMAP.AccessAsApp")]).await;
    post(&add, &[("api", "graph"), ("permission", "Mail.ReadWrite")]).await;
    let listed = get(&permissions).await.body;
    assert!(listed.contains("IMAP.AccessAsApp") && listed.contains("Read and write mail in all mailboxes"));
    assert!(listed.contains("Not granted for Contoso"));
    post(&format!("{permissions}/remove"), &[("kind", "application"), ("permission", "Mail.ReadWrite")])
        .await;
    let listed = get(&permissions).await.body;
    assert!(listed.contains("IMAP.AccessAsApp") && !listed.contains("in all mailboxes"));
}

#[tokio::test]
async fn tokens_for_graph_come_by_sign_in_and_refresh() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    practice.allow_graph(&app.client_id);
    let refreshed = async |token: &str, scope: &str| {
        let fields = [
            ("client_id", app.client_id.as_str()),
            ("client_secret", app.client_secret.as_str()),
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        post(&practice.token_endpoint(), &fields).await.json()
    };
    let token = practice.grant_for_graph(&app.client_id, SUPPORT);
    let bare = refreshed(&token, "Mail.ReadWrite offline_access").await;
    let graph = Graph::of(&practice, bare["access_token"].as_str().unwrap().to_owned());
    assert_eq!(graph.get("me/messages").await.status, 200);
    assert_eq!(graph.refused("POST", "me/sendMail").await.0, 403, "it was not asked for");
    practice.faults.arm(Fault::NarrowedScope, Times::Exactly(1));
    let narrowed = refreshed(&token, "Mail.ReadWrite Mail.Send").await;
    assert!(!narrowed["scope"].as_str().unwrap().contains("Mail.Send"), "{narrowed}");
    practice.faults.arm(Fault::WrongResource, Times::Exactly(1));
    let wrong = refreshed(&token, "Mail.ReadWrite").await;
    let graph = Graph::of(&practice, wrong["access_token"].as_str().unwrap().to_owned());
    assert_eq!(graph.refused("GET", "me/messages").await, (401, "InvalidAuthenticationToken".to_owned()));
    // One refresh token serves every resource that is consented to, and no other.
    let imap = "https://outlook.office.com/IMAP.AccessAsUser.All";
    let outlook = refreshed(&token, imap).await;
    assert!(outlook["scope"].as_str().unwrap().contains(imap), "{outlook}");
    practice.faults.arm(Fault::ConsentRemoved, Times::Exactly(1));
    let outlook = refreshed(&token, imap).await;
    assert_eq!(outlook["error_codes"][0], 65001, "{outlook}");
}
