//! The log tells no secret at any level: no query string, no SASL line, no token, no password, no cookie.
use crate::practice_walk::{Demo, by_id, connected, sign_in, until};
use crate::program::{ADMINISTRATOR, Program};
use crate::rig;
use crate::visitor::Visitor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use desk::params;
use desk::site::vault::Vault;
use secrecy::ExposeSecret as _;

const SUPPORT: &str = "support@contoso.example";
/// What is typed at the practice provider: a word that stands in its sentences too.
const NO_SECRET: &str = "practice";

/// The tokens that are kept now: of each grant the refresh token, and its access tokens.
pub fn tokens(program: &Program) -> Vec<String> {
    let db = program.database();
    let vault = Vault::open(&program.data().join("postern.key")).unwrap();
    let refresh = "SELECT id, '', refresh_token FROM consent WHERE refresh_token IS NOT NULL";
    let access = "SELECT consent_id, resource, token FROM access_token";
    let mut found = Vec::new();
    for sql in [refresh, access] {
        for (id, resource, sealed) in db.read(|tx| tx.all::<(i64, String, Vec<u8>)>(sql, params![])).unwrap()
        {
            let row = match resource.as_str() {
                "" => format!("consent:{id}:refresh_token"),
                resource => format!("access_token:{id}:{resource}"),
            };
            found.push(vault.unseal(&row, &sealed).unwrap().expose_secret().to_owned());
        }
    }
    found
}

/// Pieces of what must not be logged, short enough that a shortened line is found too.
fn pieces(secret: &str) -> Vec<String> {
    let characters: Vec<char> = secret.chars().collect();
    let whole = characters.chunks(24).filter(|piece| piece.len() == 24 || characters.len() < 24);
    whole.map(|piece| piece.iter().collect()).collect()
}
/// The base64 of XOAUTH2, OAUTHBEARER, PLAIN and LOGIN.
pub fn sasl_lines(user: &str, secret: &str) -> Vec<String> {
    let lines = [
        format!("user={user}\u{1}auth=Bearer {secret}\u{1}\u{1}"),
        format!("n,a={user},\u{1}auth=Bearer {secret}\u{1}\u{1}"),
        format!("\0{user}\0{secret}"),
        user.to_owned(),
        secret.to_owned(),
    ];
    lines.iter().map(|line| STANDARD.encode(line)).collect()
}
#[track_caller]
pub fn is_silent(log: &str, secrets: &[String]) {
    for piece in secrets.iter().flat_map(|secret| pieces(secret)) {
        let line = log.lines().find(|line| line.contains(&piece));
        assert!(line.is_none(), "“{piece}” was logged: {}", line.unwrap_or_default());
    }
}

/// What came after the demo's own words, which tell its sign-in as they should; soon something has been refused.
pub async fn logged(demo: &Demo) -> String {
    const LAST_WORDS: &str = "everything is as it was.";
    until("a refusal in the log", async || {
        let log = demo.server.log();
        let (_, log) = log.rsplit_once(LAST_WORDS).expect("the demo says how it ends");
        (log.contains(" WARN ") || log.contains(" INFO ")).then(|| log.to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walks_are_logged_in_full_without_a_query_string_a_token_or_a_sasl_line() {
    let demo = Demo::on(Program::new().with(&["--log-level", "trace"]));
    let mut visitor = demo.signed_in().await;
    demo.goes_wrong("momentary_tokens", 1).await; // so that fetching refreshes at once
    connected(&demo, &mut visitor, SUPPORT).await;
    let mut kept = tokens(&demo.program);
    assert!(kept.len() >= 2, "{} tokens", kept.len());
    demo.write("ann.porter@nordwind.example", "The gate squeaks", "Each morning.").await;
    let number = until("the ticket", async || {
        let found = demo.tickets().into_iter().find(|t| t["subject"] == "The gate squeaks");
        found.map(|t| t["number"].as_str().unwrap().to_owned())
    })
    .await;
    let page = visitor.get(demo.url(&format!("/tickets/{number}"))).await;
    visitor.submit(page.form("Send").set("text", "Some oil will help.")).await;
    until("the reply sent", async || {
        (demo.ticket(&number)["entries"][1]["deliveries"][0]["state"] == "sent").then_some(())
    })
    .await;
    visitor.get(demo.url("/tickets?find=a+very+private+matter")).await;
    // And what goes wrong: refused at both servers, at the token endpoint, at the way back.
    for fault in ["imap_authenticate_json", "smtp_auth_disabled", "token_500"] {
        demo.goes_wrong(fault, 2).await;
    }
    demo.goes_wrong("smtp_drop_mail", 1).await; // so that sending signs in anew
    demo.program.run(&["mailbox", "fetch", SUPPORT]);
    demo.program.run_with(&["reply", &number, "--as", &demo.email], "Did it help?").fine();
    until("an attempt that failed", async || {
        (!demo.server.log().is_empty()
            && demo.ticket(&number)["entries"][2]["deliveries"][0]["attempts"].as_i64()? > 0)
            .then_some(())
    })
    .await;
    let again =
        visitor.asked.iter().rev().find(|url| url.path().starts_with("/oauth/callback/")).unwrap().clone();
    visitor.get(again.as_str()).await; // a code and a state once more
    kept.extend(tokens(&demo.program));

    let log = logged(&demo).await;
    let mut secrets = vec![demo.password.clone()];
    for (name, value) in &visitor.sent {
        if ["password", "client_secret", "form_token", "form_id"].contains(&name.as_str())
            && value != NO_SECRET
        {
            secrets.push(value.clone());
        }
    }
    assert!(visitor.sent.iter().any(|(name, value)| name == "client_secret" && value.len() > 20));
    secrets.extend(visitor.cookies().map(str::to_owned));
    let mut codes = 0;
    for url in &visitor.asked {
        secrets.extend(url.query().map(|query| format!("?{query}")));
        for (name, value) in url.query_pairs() {
            if ["code", "state", "nonce", "code_challenge"].contains(&name.as_ref()) {
                secrets.push(value.into_owned());
                codes += 1;
            }
        }
    }
    assert!(codes >= 4, "{codes} values of the sign-in were seen");
    for token in &kept {
        secrets.extend(sasl_lines(SUPPORT, token));
    }
    secrets.extend(kept);
    is_silent(&log, &secrets);
}

/// The secrets that this finds sealed, by their rows.
pub fn opened(program: &Program, sql: &'static str, row: impl Fn(i64) -> String) -> Vec<String> {
    let db = program.database();
    let vault = Vault::open(&program.data().join("postern.key")).unwrap();
    let sealed = db.read(|tx| tx.all::<(i64, Vec<u8>)>(sql, params![])).unwrap();
    let opened = sealed.into_iter().map(|(id, sealed)| vault.unseal(&row(id), &sealed).unwrap());
    opened.map(|secret| secret.expose_secret().to_owned()).collect()
}

/// The code that a try asks with, which only the provider and the database know.
fn device_codes(program: &Program) -> Vec<String> {
    let sql = "SELECT id, device_code FROM consent WHERE device_code IS NOT NULL";
    opened(program, sql, |id| format!("consent:{id}:device_code"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_by_code_or_by_pasting_and_a_webhook_are_logged_without_what_is_secret_of_them() {
    let demo = Demo::on(Program::new().with(&["--log-level", "trace"]));
    let mut visitor = demo.signed_in().await;
    let base = connected(&demo, &mut visitor, SUPPORT).await;
    let mut secrets = Vec::new();

    let page = visitor.get(format!("{base}/remote/authorization")).await;
    let page = visitor.submit(page.form("Get a code")).await;
    let device = device_codes(&demo.program);
    assert!(device.len() == 1 && device[0].len() > 20, "{} codes", device.len());
    secrets.extend(device);
    let mut person = Visitor::new();
    let entered = person.get(page.link("/devicelogin")).await;
    let entered = person.submit(entered.form("Next").set("otc", &by_id(&page, "user-code"))).await;
    sign_in(&mut person, entered, SUPPORT).await;
    until("the sign-in by code", async || {
        visitor.get(page.url.as_str()).await.text.contains("is authorized and works").then_some(())
    })
    .await;
    secrets.extend(tokens(&demo.program));

    let page = visitor.get(format!("{base}/remote/authorization")).await;
    let page = visitor.submit_and_leave(page.form("Submit")).await;
    let mut elsewhere = Visitor::new();
    let at_the_provider = elsewhere.get(page.url.as_str()).await;
    sign_in(&mut elsewhere, at_the_provider, SUPPORT).await;
    let mut asked = elsewhere.asked.iter().rev();
    let ended = asked.find(|url| url.path().starts_with("/oauth/callback/") && url.query().is_some());
    let ended = ended.expect("the browser ends at the callback").clone();
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    let form = page.form("Use this address").set("pasted_secret", ended.as_str());
    visitor.submit(form).await.says("is authorized");
    for (name, value) in ended.query_pairs() {
        if ["code", "state"].contains(&name.as_ref()) {
            secrets.push(value.into_owned());
        }
    }
    secrets.extend(tokens(&demo.program));

    let page = visitor.get(demo.url("/alerts")).await;
    let form = page
        .form("Save Changes")
        .set("secret_url", &format!("{}/nowhere", demo.portal.trim_end_matches('/')));
    let page = visitor.submit(form).await;
    secrets.push(by_id(&page, "webhook-secret"));
    visitor.submit(page.form("Send a test to the webhook")).await;
    until("a post to the webhook", async || {
        visitor.get(demo.url("/alerts")).await.words().contains("404").then_some(())
    })
    .await;

    let log = logged(&demo).await;
    assert!(secrets.iter().all(|secret| secret.len() > 16), "{secrets:?}");
    let with_sasl: Vec<String> = secrets.iter().flat_map(|secret| sasl_lines(SUPPORT, secret)).collect();
    is_silent(&log, &secrets);
    is_silent(&log, &with_sasl);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_are_signed_in_to_by_password_without_a_word_of_it_in_the_log() {
    let ca = rig::ca();
    let program = Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap(), "--log-level", "trace"]);
    let program = program.administrator();
    let address = rig::address("support", "contoso.example");
    program.file("secret", rig::PASSWORD);
    let toml = rig::mailbox_toml(&address, &rig::imaps(), &rig::submission(), "");
    let file = program.file("fleet.toml", &toml);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    let ann = rig::address("ann", "nordwind.example");
    rig::deliver(&address, &[rig::letter(&ann, &address, "The gate squeaks", "Each morning.")]);
    let server = program.serve();
    let number = until("the ticket", async || {
        let tickets = program.run(&["ticket", "list", "--json"]).fine().json();
        Some(tickets["items"].get(0)?["number"].as_str()?.to_owned())
    })
    .await;
    program.run_with(&["reply", &number, "--as", ADMINISTRATOR], "Some oil will help.").fine();
    until("the reply in Ann's mailbox", async || rig::look(&ann, "INBOX").await.pop()).await;
    // A wrong password is said, not shown.
    let wrong = "another-word-than-the-right-one";
    program.file("secret", wrong);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    let said = until("a refused sign-in", async || {
        let ran = program.run(&["mailbox", "fetch", &address]);
        (ran.status != 0).then_some(ran)
    })
    .await;
    let log = server.log() + &said.err + &said.out;
    assert!(log.contains(&address), "nothing was logged: {log}");
    let mut secrets = vec![rig::PASSWORD.to_owned(), wrong.to_owned()];
    secrets.extend([rig::PASSWORD, wrong].iter().flat_map(|password| sasl_lines(&address, password)));
    is_silent(&log, &secrets);
}
