//! Cells of the table that cannot be: an endpoint that is never asked for such a mailbox. Each has its reason, and is held
//! to it: the endpoint fails in every way while the mailbox is authorized, fetched, renewed and given up, and nothing meets
//! it.
use crate::world::{At, MINUTE, World};
use crate::{Found, each};

#[derive(Debug)]
pub struct Row {
    endpoint: &'static str,
    at: At,
    why: &'static str,
}

impl crate::Row for Row {
    fn name(&self) -> &str {
        self.endpoint
    }
    fn place(&self) -> At {
        self.at
    }
    fn is_slow(&self) -> bool {
        false
    }
}

const fn row(endpoint: &'static str, at: At, why: &'static str) -> Row {
    Row { endpoint, at, why }
}

const NOBODY: &str = "nobody signs in: nobody is sent there, and nobody could type a code";
const NO_IDENTITY: &str = "nobody signs in, so it is not asked who it was, and no id_token is to be checked";
const NO_REVOCATION: &str = "Microsoft has no endpoint to take tokens back at: its own page does that";
const NOTHING_TO_TAKE: &str = "there is no refresh token; access ends where it was delegated";

const ROWS: &[Row] = &[
    row("authorize", At::Application, NOBODY),
    row("authorize", At::Certificate, NOBODY),
    row("authorize", At::ServiceAccount, NOBODY),
    row("device", At::Application, NOBODY),
    row("device", At::Certificate, NOBODY),
    row("device", At::ServiceAccount, NOBODY),
    row("device", At::Google, "Google gives codes for a few scopes, and mail is none of them"),
    row("device", At::Waldau, "where endpoints are typed, there is no field for one that gives codes"),
    row("discovery", At::Application, NO_IDENTITY),
    row("discovery", At::Certificate, NO_IDENTITY),
    row("discovery", At::ServiceAccount, NO_IDENTITY),
    row("keys", At::Application, NO_IDENTITY),
    row("keys", At::Certificate, NO_IDENTITY),
    row("keys", At::ServiceAccount, NO_IDENTITY),
    row(
        "userinfo",
        At::Entra,
        "its tokens are for Outlook, and its userinfo takes those of Graph: the id_token tells",
    ),
    row("userinfo", At::Application, NO_IDENTITY),
    row("userinfo", At::Certificate, NO_IDENTITY),
    row("userinfo", At::ServiceAccount, NO_IDENTITY),
    row("revoke", At::Entra, NO_REVOCATION),
    row("revoke", At::Application, NO_REVOCATION),
    row("revoke", At::Certificate, NO_REVOCATION),
    row("revoke", At::ServiceAccount, NOTHING_TO_TAKE),
];

#[test]
fn a_cell_that_cannot_be_has_its_reason_and_nothing_ever_meets_it() {
    each("absent", ROWS, 3, case);
}

async fn case(row: &'static Row) -> Found {
    let mut world = World::new(row.at).await;
    if row.endpoint == "userinfo" && row.at == At::ServiceAccount {
        // What a person's sign-in was asked with may stand there still.
        let userinfo = format!("{}/v1/userinfo", world.practice.google_url());
        world.change(&[("resource_details_endpoint", userinfo.as_str()), ("email_attribute", "email")]).await;
    }
    let faults: Vec<_> = ["429", "500", "503", "garbage", "stalls", "slow", "drops"]
        .iter()
        .map(|way| world.arm(&format!("{}_{way}", row.endpoint)))
        .collect();
    world.authorize().await.says("is authorized");
    world.enable().await;
    world.start_rounds();
    world.later(95 * MINUTE).await; // the token is renewed
    world.minutes(5).await;
    assert!(world.is_well().await, "{} at {:?}", row.endpoint, row.at);
    world.sign_in().await;
    world.has_no_code_unless(row.at == At::Entra).await;
    world.delete_token().await.says("The tokens are deleted");
    for fault in faults {
        assert_eq!(world.practice.faults.struck(fault), 0, "{fault:?} at {:?}", row.at);
    }
    world.end().await;
    Found {
        state: "never asked".to_owned(),
        requests: 0,
        sentence: row.why.to_owned(),
        well_after: "all the while".to_owned(),
    }
}
