//! An application that opens the demo's mailbox by itself: registered in the portal, let in by Exchange, and what it shows.
use crate::practice_walk::{Consent, Demo, Registered, begun, by_id, register};
use crate::visitor::{Visitor, client};
use desk::params;

const SUPPORT: &str = "support@contoso.example";

/// As far as *Save only*, with a secret; the mailbox's page, and what the portal gave.
pub async fn registered(demo: &Demo, visitor: &mut Visitor) -> (String, Registered) {
    let (base, page) = begun(demo, visitor, SUPPORT).await;
    let app = register(&demo.portal, &by_id(&page, "callback"), Consent::ForAll).await;
    let_in(&demo.portal, &app, SUPPORT, &["IMAP.AccessAsApp", "SMTP.SendAsApp"], "").await;
    let page = visitor.get(page.url.as_str()).await;
    let tenant = app.token_endpoint.split('/').nth(3).unwrap();
    let form = page
        .form("Save only")
        .set("client_id", &app.client_id)
        .set("client_secret", &app.secret)
        .set("tenant", tenant)
        .without("flow")
        .with("flow", "app_only");
    visitor.submit(form).await.says("Saved");
    (base, app)
}

/// A certificate takes the place of the secret, here and in the portal.
pub async fn certified(demo: &Demo, visitor: &mut Visitor, base: &str, app: &Registered) {
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    let form = page.form("Make a certificate").without("client_authentication");
    visitor.submit(form.with("client_authentication", "certificate")).await.says("Download .cer");
    upload(demo, &app.client_id).await;
}

/// In the portal: what an application may do, the mailbox that Exchange lets it into, and `more` of PowerShell.
pub async fn let_in(portal: &str, app: &Registered, address: &str, permissions: &[&str], more: &str) {
    let mut administrator = Visitor::new();
    let pages = format!("{portal}/apps/{}/permissions", app.client_id);
    let page = administrator.get(format!("{pages}/add?api=exchange&kind=application")).await;
    let form = page.form("Add permissions");
    let form = permissions.iter().fold(form, |form, permission| form.with("permission", permission));
    let page = administrator.submit(form).await;
    let page = administrator.get(page.link("Grant admin consent for Contoso")).await;
    administrator.submit(page.form("Yes")).await.says("Granted for Contoso");
    let page = administrator.get(format!("{portal}/enterprise/{}", app.client_id)).await;
    let object = by_id(&page, "service-principal-id");
    let script = format!(
        "New-ServicePrincipal -AppId {} -ObjectId {object}\n\
         Add-MailboxPermission -Identity {address} -User {object} -AccessRights FullAccess\n\
         Add-RecipientPermission -Identity {address} -Trustee {object} -AccessRights SendAs -Confirm:$false\n{more}",
        app.client_id
    );
    let page = administrator.get(format!("{portal}/exchange")).await;
    administrator.submit(page.form("Run").set("script", &script)).await.says_not("couldn't be found");
}

/// The public half goes to the portal.
async fn upload(demo: &Demo, client_id: &str) {
    let db = demo.program.database();
    let file = db.read(|tx| tx.one::<(Vec<u8>,)>("SELECT der FROM client_certificate", params![])).unwrap().0;
    let mut body =
        b"--cer\r\nContent-Disposition: form-data; name=\"file\"; filename=\"postern.cer\"\r\n\r\n".to_vec();
    body.extend_from_slice(&file);
    body.extend_from_slice(b"\r\n--cer--\r\n");
    let sent = client()
        .post(format!("{}/apps/{client_id}/certificates", demo.portal))
        .header("content-type", "multipart/form-data; boundary=cer")
        .body(body);
    assert_eq!(sent.send().await.unwrap().status(), 303);
}
