//! An id that exists, but elsewhere: an address that names two things is answered only where one is the other's.
use crate::office::{Answer, Browser, Office, hidden};
use crate::post::letter_with;
use axum::http::{Method, StatusCode};
use desk::mailboxes::client::certificate::{self, NewCertificate};
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::Side;
use desk::params;
use web::routes::{Policy, Route, table};

/// Words that stand in each ticket, in its file and in its token's name: what must not be told.
const WORDS: [&str; 2] = ["cormorant", "nightjar"];

/// What belongs to one ticket, one mailbox, one person; there are two of each.
struct Own {
    ticket: String,
    entry: i64,
    attachment: i64,
    outbox: i64,
    mailbox: i64,
    grant: i64,
    certificate: i64,
    session: i64,
}

fn with_file(word: &str) -> String {
    let body = format!(
        "--o\nContent-Type: text/html\n\n<p>{word}</p>\n--o\nContent-Type: text/plain; name={word}.txt\n\
         Content-Disposition: attachment; filename={word}.txt\n\n{word}\n--o--"
    );
    let from = format!("Ann <ann@{word}.example>");
    letter_with(&from, word, "Content-Type: multipart/mixed; boundary=o", &body)
}

/// A ticket with a letter, its file and a reply that waits; who answers it.
async fn ticket(office: &Office, browser: &mut Browser, word: &str) -> String {
    let number = office.receives(&with_file(word));
    browser.get(&format!("/tickets/{number}")).await;
    let seen = hidden(&browser.page, "seen").unwrap();
    let to = format!("ann@{word}.example");
    let typed = [("kind", "reply"), ("to", &to), ("cc", ""), ("text", word), ("seen", &seen)];
    let answer = browser.post(&format!("/tickets/{number}/replies"), &typed).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    number
}
/// A grant that is in use, of a mailbox of its own.
fn grant(office: &Office, word: &str) -> (i64, i64, i64) {
    let now = office.clock.now();
    office.write(|tx| {
        let by = desk::By::system(now);
        let mailbox = desk::mailboxes::mailbox::create(tx, &by, &format!("{word}@contoso.example"), word, 1)?;
        let client = tx.insert(
            "INSERT INTO client (public_id, provider, created_at) VALUES ($1, 'microsoft', $2) RETURNING id",
            params![word, now],
        )?;
        let grant = tx.insert(
            "INSERT INTO consent (client_id, mailbox_id, side, state, owner_address, refresh_token, state_since, created_at)
             VALUES ($1, $2, 'incoming', 'fulfilled', $3, $4, $5, $5) RETURNING id",
            params![client, mailbox, word, &[1_u8; 8], now],
        )?;
        tx.execute(
            "UPDATE mailbox SET in_authentication = 'microsoft', in_client_id = $2, in_grant_id = $3 WHERE id = $1",
            params![mailbox, client, grant],
        )?;
        let new = NewCertificate {
            der: word.as_bytes().to_vec(),
            private_key: "a key".into(),
            not_after: now + 1_000_000,
        };
        let first = certificate::For { client_id: client, mailbox_id: None, after: 0 };
        let certificate = certificate::add(tx, &office.desk.vault, &by, first, &new, [7; 24])?;
        Ok((mailbox, grant, certificate))
    })
}
fn id(office: &Office, sql: &'static str, key: &str) -> i64 {
    office.read(|tx| Ok(tx.one::<(i64,)>(sql, params![key])?)).0
}
fn own(office: &Office, ticket: String, (mailbox, grant, certificate): (i64, i64, i64), email: &str) -> Own {
    let of_ticket = |sql| id(office, sql, &ticket);
    Own {
        entry: of_ticket("SELECT min(e.id) FROM entry e JOIN ticket t ON t.id = e.ticket_id WHERE t.number = $1"),
        attachment: of_ticket(
            "SELECT min(a.id) FROM attachment a JOIN entry e ON e.id = a.entry_id JOIN ticket t ON t.id = e.ticket_id
             WHERE t.number = $1",
        ),
        outbox: of_ticket("SELECT min(o.id) FROM outbox o JOIN ticket t ON t.id = o.ticket_id WHERE t.number = $1"),
        session: id(office, "SELECT max(s.id) FROM session s JOIN agent a ON a.id = s.agent_id WHERE a.email = $1", email),
        ticket,
        mailbox,
        grant,
        certificate,
    }
}

/// The route's address on `outer` with what is within it taken from `inner`. `None`: it names one thing alone, or
/// what the one who asks has of itself.
fn address(route: &Route, outer: &Own, inner: &Own) -> Option<String> {
    let path = match route.path {
        "/tickets/{number}/outbox/{id}/retry" => {
            format!("/tickets/{}/outbox/{}/retry", outer.ticket, inner.outbox)
        }
        "/tickets/{number}/outbox/{id}/cancellation" => {
            format!("/tickets/{}/outbox/{}/cancellation", outer.ticket, inner.outbox)
        }
        "/tickets/{number}/entries/{id}/letter" => {
            format!("/tickets/{}/entries/{}/letter", outer.ticket, inner.entry)
        }
        "/tickets/{number}/entries/{id}/original.eml" => {
            format!("/tickets/{}/entries/{}/original.eml", outer.ticket, inner.entry)
        }
        "/tickets/{number}/attachments/{id}" => {
            format!("/tickets/{}/attachments/{}", outer.ticket, inner.attachment)
        }
        "/mailboxes/{id}/{side}/tokens/{grant}/delete" => {
            format!("/mailboxes/{}/remote/tokens/{}/delete", outer.mailbox, inner.grant)
        }
        "/mailboxes/{id}/{side}/questions/{grant}" => {
            format!("/mailboxes/{}/remote/questions/{}", outer.mailbox, inner.grant)
        }
        "/mailboxes/{id}/{side}/certificates/{certificate}" => {
            format!("/mailboxes/{}/remote/certificates/{}", outer.mailbox, inner.certificate)
        }
        "/mailboxes/{id}/{side}/device/{grant}/cancellation" => {
            format!("/mailboxes/{}/remote/device/{}/cancellation", outer.mailbox, inner.grant)
        }
        "/profile/sessions/{id}/end" => format!("/profile/sessions/{}/end", inner.session),
        path if path.replace("{side}", "side").matches('{').count() < 2 => return None,
        path => panic!("{path} names two things: say here what of another's is tried on it"),
    };
    Some(path)
}
async fn ask(browser: &mut Browser, route: &Route, path: &str) -> Answer {
    browser.get("/profile").await;
    if route.method == Method::GET {
        browser.get(path).await
    } else {
        browser.post(path, &[("answer", "shared")]).await
    }
}

#[tokio::test]
async fn what_belongs_elsewhere_is_not_found_by_an_agent_nor_an_administrator() {
    let office = Office::with_post();
    let (mut leo, mut maya) = (office.leo().await, office.maya().await);
    let first = ticket(&office, &mut leo, WORDS[0]).await;
    let second = ticket(&office, &mut maya, WORDS[1]).await;
    let first = own(&office, first, grant(&office, WORDS[0]), "leo@contoso.example");
    let second = own(&office, second, grant(&office, WORDS[1]), "maya@contoso.example");
    let mut tried = 0;
    for route in table() {
        // Each of the two is the outer one once, so that no smaller number hides behind a larger one.
        let Some(there) = address(&route, &first, &second) else { continue };
        let back = address(&route, &second, &first).unwrap();
        let asked = match route.policy {
            // The other's session: whose it is decides, not the address.
            Policy::Agent if route.path.starts_with("/profile") => {
                vec![ask(&mut leo, &route, &there).await, ask(&mut maya, &route, &back).await]
            }
            Policy::Agent => {
                let mut asked = Vec::new();
                for path in [&there, &back] {
                    asked.extend([ask(&mut leo, &route, path).await, ask(&mut maya, &route, path).await]);
                }
                asked
            }
            Policy::Administrator => {
                vec![ask(&mut maya, &route, &there).await, ask(&mut maya, &route, &back).await]
            }
            Policy::Public | Policy::SetUp | Policy::Machine => {
                panic!("{route:?} names something within another for everybody")
            }
        };
        for answer in asked {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{route:?}: {}", answer.body);
            answer.hides(WORDS[0]).hides(WORDS[1]);
            tried += 1;
        }
    }
    assert!(tried >= 24, "{tried}");
    // All of it is there, where it belongs: nothing was changed, and whoever may has it.
    for own in [&first, &second] {
        for route in table() {
            let (Some(path), false) = (address(&route, own, own), route.path.starts_with("/profile")) else {
                continue;
            };
            let answer = ask(&mut maya, &route, &path).await;
            let fine = answer.status.is_success() || answer.status == StatusCode::SEE_OTHER;
            assert!(fine, "{route:?} {path}: {} {}", answer.status, answer.body);
        }
    }
    for browser in [&mut leo, &mut maya] {
        assert_eq!(browser.get("/profile").await.status, StatusCode::OK, "a session was ended by another");
    }
}

#[tokio::test]
async fn a_token_is_deleted_on_its_own_side_alone() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    let (mailbox, grant, _) = grant(&office, "cormorant");
    for (side, status) in [("outgoing", StatusCode::NOT_FOUND), ("remote", StatusCode::SEE_OTHER)] {
        maya.get("/profile").await;
        let answer = maya.post(&format!("/mailboxes/{mailbox}/{side}/tokens/{grant}/delete"), &[]).await;
        assert_eq!(answer.status, status, "{side}");
    }
}

#[tokio::test]
async fn who_deleted_a_token_is_told_and_what_gives_another_one() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    let (mailbox, grant, _) = grant(&office, "heron");
    office.write(|tx| {
        let bound = "UPDATE mailbox SET in_authentication = 'microsoft', in_grant_id = $2, in_host = 'outlook.office365.com',
            active = 1, state = 'ok', last_fetch_at = 1, out_authentication = 'same', out_active = 1, out_state = 'ok',
            last_sent_at = 1 WHERE id = $1";
        Ok(tx.execute(bound, desk::params![mailbox, grant])?)
    });
    maya.get("/profile").await;
    let answer = maya.post(&format!("/mailboxes/{mailbox}/remote/tokens/{grant}/delete"), &[]).await;
    let page = maya.follow(&answer).await;
    page.shows("The token of this mailbox was deleted by Maya Kern.")
        .shows("Authorize it again, and it goes on where it stopped.")
        .hides("Nobody has authorized");
    // On the fleet's line it is said once, though both sides lack it.
    let text = "The token of this mailbox was deleted by Maya Kern. Authorize it again";
    assert_eq!(maya.get("/mailboxes").await.body.matches(text).count(), 1);
    // A round that looks for a token says the same.
    let told = office.write(|tx| grant::why_none(tx, mailbox, Side::Incoming));
    assert_eq!(told.0, "not_authorized");
    assert!(told.1.contains("deleted by Maya Kern"), "{told:?}");
    let other = office.write(|tx| grant::why_none(tx, mailbox, Side::Outgoing));
    assert!(other.1.contains("Nobody has authorized"), "{other:?}");
}
