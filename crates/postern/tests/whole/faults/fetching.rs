//! Faults between the provider's servers and the fetcher: token endpoint, IMAP and POP3.
use super::{ANN, SUPPORT, each, has, the_ticket, well};
use crate::practice_walk::{Demo, sign_in, until};
use crate::visitor::Visitor;

/// When a fault shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shows {
    /// When the next link is opened.
    AtSignIn,
    /// When the token in hand has ended and a new one is asked for.
    AtRefresh,
    /// When a letter is fetched.
    WithLetter,
}
/// What mends it once the provider is right again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mends {
    /// Its next try, which the button brings forward.
    ByItself,
    /// Consent is given again.
    ByConsent,
}
use Mends::{ByConsent, ByItself};
use Shows::{AtRefresh, AtSignIn, WithLetter};

#[derive(Debug)]
struct Row {
    fault: &'static str,
    shows: Shows,
    mends: Mends,
    state: &'static str,
    reason: &'static str,
    remedy: &'static str,
}
const fn row(
    fault: &'static str,
    shows: Shows,
    mends: Mends,
    state: &'static str,
    reason: &'static str,
    remedy: &'static str,
) -> Row {
    Row { fault, shows, mends, state, reason, remedy }
}

const ROWS: &[Row] = &[
    row("secret_expired", AtRefresh, ByItself, "needs_person", "AADSTS7000222", "new secret"),
    row("secret_wrong", AtRefresh, ByItself, "needs_person", "AADSTS7000215", "the Value of the secret"),
    row("grant_revoked", AtRefresh, ByConsent, "needs_person", "AADSTS50173", "authorize it again"),
    row("grant_inactive", AtRefresh, ByConsent, "needs_person", "AADSTS700082", "authorize"),
    row("token_429", AtRefresh, ByItself, "waiting", "throttled", "by itself"),
    row("token_503", AtRefresh, ByItself, "waiting", "AADSTS90033", "by itself"),
    row("token_500", AtRefresh, ByItself, "waiting", "HTTP status 500", "by itself"),
    row("imap_authenticate_no", AtSignIn, ByItself, "needs_person", "AUTHENTICATE failed", "authorize again"),
    row("imap_not_connected", AtSignIn, ByItself, "needs_person", "but not connected", "Full Access"),
    row("imap_throttled", AtSignIn, ByItself, "waiting", "throttled", "as long as the server asks"),
    row("imap_unavailable", AtSignIn, ByItself, "waiting", "Server Unavailable", "by itself"),
    row("imap_select_no", AtSignIn, ByItself, "waiting", "Server Unavailable", "by itself"),
    row("imap_bye_in_fetch", WithLetter, ByItself, "waiting", "", "by itself"),
    row("imap_drop_in_fetch", WithLetter, ByItself, "waiting", "", "by itself"),
    row("imap_fetch_no", WithLetter, ByItself, "waiting", "", "by itself"),
    row("pop_auth_fails", AtSignIn, ByItself, "needs_person", "bad password", "POP or IMAP is ticked"),
    row("pop_not_connected", AtSignIn, ByItself, "needs_person", "but not connected", "Full Access"),
    row("pop_throttled", AtSignIn, ByItself, "waiting", "throttled", "as long as the server asks"),
    row("pop_unavailable", AtSignIn, ByItself, "waiting", "Server Unavailable", "by itself"),
    row("pop_in_use", AtSignIn, ByItself, "waiting", "[IN-USE]", "by itself"),
    row("pop_sys_temp", AtSignIn, ByItself, "waiting", "[SYS/TEMP]", "by itself"),
    row("pop_no_uidl", AtSignIn, ByItself, "needs_person", "use IMAP", "Remote Mailbox"),
    row("pop_retr_no", WithLetter, ByItself, "waiting", "", "by itself"),
    row("pop_drop_letter", WithLetter, ByItself, "waiting", "", "by itself"),
];

#[test]
fn what_goes_wrong_with_fetching_is_said_and_mended() {
    each(ROWS, strikes);
}

/// The mailbox that was read by IMAP is read by POP3 from now on.
async fn reads_by_pop3(demo: &Demo, visitor: &mut Visitor, base: &str) {
    let page = visitor.get(format!("{base}/remote")).await;
    let form = page.form("Save Changes").set("protocol", "pop3").set("port", &demo.pop_port);
    visitor.submit(form).await.says("Saved");
    demo.run(&["mailbox", "fetch", SUPPORT]);
}

async fn strikes(row: &'static Row) {
    let demo = Demo::start();
    if row.shows == AtRefresh {
        demo.goes_wrong("brief_tokens", 0).await;
    }
    let (mut visitor, base) = well(&demo).await;
    let by_pop3 = row.fault.starts_with("pop_");
    if by_pop3 {
        reads_by_pop3(&demo, &mut visitor, &base).await;
    }
    let subject = format!("While {} strikes", row.fault);
    demo.goes_wrong(row.fault, 0).await;
    if row.shows == WithLetter {
        demo.write(ANN, &subject, "Please come through.").await;
    }
    let mailbox = until(&format!("what {} does", row.fault), async || {
        // By POP3 nothing tells of a new letter.
        if row.shows != WithLetter || by_pop3 {
            demo.program.run(&["mailbox", "fetch", SUPPORT]);
        }
        let mailbox = demo.mailbox(SUPPORT);
        (mailbox["state"] != "ok").then_some(mailbox)
    })
    .await;
    assert_eq!(mailbox["state"], row.state, "{mailbox:#}");
    assert!(has(&mailbox["reason"], row.reason), "{mailbox:#}");
    assert!(has(&mailbox["remedy"], row.remedy), "{mailbox:#}");
    assert!(mailbox["next_try_at"].is_string(), "{mailbox:#}");
    let lapsed = mailbox["grant"]["state"] == "lapsed";
    assert_eq!(lapsed, row.mends == ByConsent, "{mailbox:#}");
    // Every page of an administrator says it where a person has to do something.
    let page = visitor.get(demo.url("/agents")).await;
    assert_eq!(page.words().contains(SUPPORT), row.state == "needs_person", "{}", page.words());

    demo.mends().await;
    if row.shows != WithLetter {
        demo.write(ANN, &subject, "Please come through.").await;
    }
    let well_again = match row.mends {
        ByItself => {
            let page = visitor.get(&base).await;
            let page = visitor.submit(page.form("Check this mailbox")).await;
            page.says("Incoming mail works");
            page
        }
        ByConsent => {
            let page = visitor.get(format!("{base}/remote/authorization")).await;
            let page = visitor.submit_and_leave(page.form("Submit")).await;
            let page = sign_in(&mut visitor, page, SUPPORT).await;
            page.says(&format!("{SUPPORT} is authorized"));
            page
        }
    };
    assert_eq!(well_again.status, 200);
    the_ticket(&demo, &subject).await;
    until("a mailbox that is well again", async || (demo.mailbox(SUPPORT)["state"] == "ok").then_some(()))
        .await;
    let twice = demo.tickets().iter().filter(|t| t["subject"] == subject.as_str()).count();
    assert_eq!(twice, 1);
    demo.run(&["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_breaks_once_in_a_letter_is_opened_again_and_the_letter_comes() {
    for fault in ["imap_bye_in_fetch", "imap_drop_in_fetch", "pop_drop_letter"] {
        let demo = Demo::start();
        let (mut visitor, base) = well(&demo).await;
        let by_pop3 = fault.starts_with("pop_");
        if by_pop3 {
            reads_by_pop3(&demo, &mut visitor, &base).await;
        }
        demo.goes_wrong(fault, 1).await;
        demo.write(ANN, "Through thick and thin", "Please come through.").await;
        if by_pop3 {
            demo.run(&["mailbox", "fetch", SUPPORT]);
        }
        the_ticket(&demo, "Through thick and thin").await;
    }
}
