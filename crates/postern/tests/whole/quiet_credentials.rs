//! What a registration shows of itself stays hidden too: an application's secret, a certificate's key, a service account's
//! file. Not at the finest log, on no page, in no document of the command line, in no file beside the key.
use crate::application::{certified, registered};
use crate::practice_walk::{Demo, added, config, switched_on, until};
use crate::program::Program;
use crate::quiet_log::{is_silent, logged, opened, sasl_lines, tokens};
use crate::visitor::{Page, Visitor};
use std::path::Path;

const SUPPORT: &str = "support@contoso.example";
const CARE: &str = "care@fabrikam.example";
/// How a header of a signed JWT begins, whatever it holds.
const SIGNED: &str = "eyJhbGciOi";

/// The lines of base64 of a private key.
fn lines_of(key: &str) -> Vec<String> {
    let lines: Vec<String> = key.lines().filter(|line| line.len() == 64).map(str::to_owned).collect();
    assert!(lines.len() > 20, "{} lines of a key", lines.len());
    lines
}

/// Every file of the data folder but the key that seals, as far as it is text.
fn files(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            all += &files(&path);
        } else if path.file_name().is_none_or(|name| name != "postern.key") {
            // A socket or what has just gone holds no text.
            all += &String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default());
        }
    }
    all
}

/// What everybody may read, once all has been done.
async fn is_hidden(demo: &Demo, visitor: &mut Visitor, base: &str, address: &str, secrets: &[String]) {
    assert!(secrets.iter().all(|secret| secret.len() > 16), "too short to be told from words");
    let log = logged(demo).await;
    is_silent(&log, secrets);
    let sasl: Vec<String> = secrets.iter().flat_map(|secret| sasl_lines(address, secret)).collect();
    is_silent(&log, &sasl);
    is_silent(&log, &[SIGNED.to_owned()]);
    let pages = ["/remote", "/remote/authorization", "/remote/authorization?tab=token", "/outgoing", ""];
    let pages = pages.map(|page| format!("{base}{page}"));
    for url in pages.into_iter().chain([demo.url("/mailboxes"), demo.url("/alerts")]) {
        let page = visitor.get(&url).await;
        assert_eq!(page.status, 200, "{url}");
        is_silent(&page.text, secrets);
    }
    for command in [
        vec!["mailbox", "show", address, "--json"],
        vec!["mailbox", "list", "--json"],
        vec!["doctor", address, "--json"],
    ] {
        let ran = demo.program.run(&command);
        is_silent(&(ran.out + &ran.err), secrets);
    }
    let kept = files(&demo.program.data());
    assert!(kept.contains(address), "the database was not read");
    is_silent(&kept, secrets);
}

/// Fetches, and tries to send.
async fn at_work(demo: &Demo, visitor: &mut Visitor, base: &str, address: &str) {
    switched_on(demo, visitor, base).await;
    demo.write_to(address, "ann.porter@nordwind.example", "The gate squeaks", "Each morning.").await;
    let number = until("the ticket", async || {
        let found = demo.tickets().into_iter().find(|t| t["subject"] == "The gate squeaks");
        found.map(|t| t["number"].as_str().unwrap().to_owned())
    })
    .await;
    demo.goes_wrong("smtp_auth_fails", 2).await;
    demo.program.run_with(&["reply", &number, "--as", &demo.email], "Some oil will help.").fine();
    until("an attempt to send", async || {
        let shown = demo.ticket(&number);
        (shown["entries"][1]["deliveries"][0]["attempts"].as_i64()? > 0).then_some(())
    })
    .await;
}

/// *Submit*, with what the provider refuses and then with what it takes.
async fn asked(demo: &Demo, visitor: &mut Visitor, base: &str, faults: &[&str]) -> Page {
    for fault in faults {
        demo.goes_wrong(fault, 1).await;
        let page = visitor.get(format!("{base}/remote/authorization")).await;
        visitor.submit(page.form("Submit")).await.says_not("is authorized");
    }
    demo.mends().await;
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    visitor.submit(page.form("Submit")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_logged_without_its_secret_and_without_its_certificates_key() {
    let demo = Demo::on(Program::new().with(&["--log-level", "trace"]));
    let mut visitor = demo.signed_in().await;
    let (base, app) = registered(&demo, &mut visitor).await;
    let faults = ["secret_wrong", "token_garbage", "token_500"];
    asked(&demo, &mut visitor, &base, &faults).await.says("is authorized and works");
    let mut secrets = vec![app.secret.clone()];
    secrets.extend(tokens(&demo.program));

    certified(&demo, &mut visitor, &base, &app).await;
    let faults = ["assertion_unknown_key", "assertion_rejected", "assertion_out_of_time", "token_503"];
    asked(&demo, &mut visitor, &base, &faults).await.says("is authorized and works");
    let sql = "SELECT id, private_key FROM client_certificate WHERE private_key IS NOT NULL";
    let keys = opened(&demo.program, sql, |id| format!("client_certificate:{id}:private_key"));
    assert_eq!(keys.len(), 1);
    secrets.extend(lines_of(&keys[0]));
    secrets.extend(tokens(&demo.program));
    at_work(&demo, &mut visitor, &base, SUPPORT).await;
    secrets.extend(tokens(&demo.program));
    is_hidden(&demo, &mut visitor, &base, SUPPORT, &secrets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_is_logged_without_the_key_of_its_file() {
    let demo = Demo::on(Program::new().with(&["--log-level", "trace"]));
    let mut visitor = demo.signed_in().await;
    let file = key_file(demo.portal.trim_end_matches("/portal")).await;
    let key: serde_json::Value = serde_json::from_str(&file).unwrap();
    let mut secrets = lines_of(key["private_key"].as_str().unwrap());

    let (base, page) = added(&demo, &mut visitor, CARE, "Care").await;
    let page = config(&demo, &mut visitor, &page, "google").await;
    let form = page.form("Save only").set("account_secret", &file);
    visitor.submit(form.without("flow").with("flow", "service_account")).await.says("Saved");
    let faults = ["assertion_unknown_key", "consent_removed", "token_garbage"];
    asked(&demo, &mut visitor, &base, &faults).await.says("is authorized and works");
    secrets.extend(tokens(&demo.program));
    at_work(&demo, &mut visitor, &base, CARE).await;
    secrets.extend(tokens(&demo.program));
    is_hidden(&demo, &mut visitor, &base, CARE, &secrets).await;
}

/// A service account, its delegation and the file of its key, as the administrator of the domain makes them.
async fn key_file(provider: &str) -> String {
    let mut administrator = Visitor::new();
    let page = administrator.get(format!("{provider}/google/accounts")).await;
    administrator.submit(page.form("Create").set("name", "postern")).await.says("postern@");
    let page = administrator.get(format!("{provider}/google/accounts")).await;
    let page = administrator.submit(page.form("Add key")).await;
    let html = scraper::Html::parse_document(&page.text);
    let shown = html.select(&scraper::Selector::parse("#key-file").unwrap()).next();
    let file: String = shown.unwrap_or_else(|| panic!("no file on {}", page.words())).text().collect();
    let key: serde_json::Value = serde_json::from_str(&file).unwrap();
    let form = page.form("Authorize").set("client_id", key["client_id"].as_str().unwrap());
    administrator.submit(form.set("scopes", "https://mail.google.com/")).await;
    file
}
