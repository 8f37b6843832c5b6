//! A mailbox that is read at one service of its provider and answered at another.
use super::CODE;
use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::stage::{ADDRESS, Stage};
use courier::authorize;
use desk::mailboxes::grant::{self, State};
use desk::mailboxes::mailbox::Side;
use mail::provider::Book;
use secrecy::ExposeSecret as _;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_the_second_service_is_told_as_what_it_is() {
    let (stage, imap, provider) = (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
    stage.registered_at(provider.address, imap.address, "microsoft", &mail::provider::MICROSOFT.scopes());
    stage.write(|tx| {
        let sql =
            "UPDATE mailbox SET in_protocol = 'graph', out_authentication = 'same', out_protocol = 'smtp'";
        Ok(tx.execute(sql, desk::params![])?)
    });
    let courier = stage.restarted_with(microsoft_at(&provider));
    let (session_id, by) = stage.administrator("root@contoso.example");
    let session = authorize::Session { session_id, by };
    let page = format!("http://{}/page", provider.address);
    provider.answers(
        200,
        json!({ "device_code": CODE, "user_code": "ABCD", "verification_uri": page, "interval": 5 }),
    );
    for number in [1, 2] {
        let token = id_token(ADDRESS, "", stage.clock.now());
        provider.answers(
            200,
            json!({ "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"),
                    "expires_in": 3600, "id_token": token, "scope": "https://graph.microsoft.com/Mail.ReadWrite" }),
        );
    }
    provider.answers(
        400,
        json!({ "error": "invalid_grant", "error_codes": [50076], "error_description": "AADSTS50076: x" }),
    );
    let begun = authorize::begin_device(&courier, &session, stage.mailbox_id, Side::Incoming).await.unwrap();
    stage.clock.advance(5_000);
    authorize::poll_devices(&courier, None).await.unwrap();
    let ended = stage.read(|tx| grant::find(tx, begun.grant_id)).unwrap();
    assert_eq!((ended.state, ended.reason_code.as_str()), (State::Failed, "AADSTS50076"));
    assert!(ended.reason.contains("second factor") && !ended.reason.contains("consent for"), "{ended:?}");
    assert!(ended.remedy.contains("Ask for another code"), "{ended:?}");
}

/// Microsoft's preset, led to this provider.
fn microsoft_at(provider: &PretendProvider) -> Book {
    let mut preset = Book::builtin().find("microsoft").unwrap().clone();
    let at = |path: &str| format!("http://{}/{path}", provider.address);
    let oauth2 = preset.oauth2.as_mut().unwrap();
    (oauth2.authorization_endpoint, oauth2.token_endpoint) = (at("authorize"), at("token"));
    (oauth2.device_endpoint, oauth2.discovery_endpoint, oauth2.issuer) = (Some(at("device")), None, None);
    Book::of(vec![preset])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_at_two_services_gets_a_consent_for_both_by_one_code_or_by_two() {
    const GRAPH: &str = "https://graph.microsoft.com/Mail.ReadWrite";
    const SMTP: &str = "https://outlook.office.com/SMTP.Send";
    for both_at_once in [true, false] {
        let (stage, imap, provider) =
            (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
        stage.registered_at(provider.address, imap.address, "microsoft", &mail::provider::MICROSOFT.scopes());
        stage.write(|tx| {
            let sql = "UPDATE mailbox SET in_protocol = 'graph', out_authentication = 'same', out_protocol = 'smtp'";
            Ok(tx.execute(sql, desk::params![])?)
        });
        let courier = stage.restarted_with(microsoft_at(&provider));
        let (session_id, by) = stage.administrator("root@contoso.example");
        let session = authorize::Session { session_id, by };
        let page = format!("http://{}/page", provider.address);
        let code = || {
            let given =
                json!({ "device_code": CODE, "user_code": "ABCD", "verification_uri": page, "interval": 5 });
            provider.answers(200, given);
        };
        let tokens = |number: u32, scope: &str| {
            let token = id_token(ADDRESS, "", stage.clock.now());
            provider.answers(
                200,
                json!({ "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"),
                        "expires_in": 3600, "id_token": token, "scope": scope }),
            );
        };
        let missing = || {
            let refusal = json!({ "error": "invalid_grant", "error_codes": [65001], "error_description": "AADSTS65001" });
            provider.answers(400, refusal);
        };
        let begin = async || {
            authorize::begin_device(&courier, &session, stage.mailbox_id, Side::Incoming)
                .await
                .unwrap()
                .grant_id
        };
        let looks = async || {
            stage.clock.advance(5_000);
            authorize::poll_devices(&courier, None).await.unwrap();
        };
        code();
        tokens(1, GRAPH);
        tokens(2, GRAPH);
        if both_at_once {
            tokens(3, SMTP)
        } else {
            missing()
        }
        let mut id = begin().await;
        looks().await;
        let asked = |at: usize| provider.state().asked[at]["scope"].clone();
        assert!(asked(0).contains(GRAPH) && !asked(0).contains(SMTP), "{}", asked(0));
        if !both_at_once {
            let ended = stage.read(|tx| grant::find(tx, id)).unwrap();
            assert_eq!(ended.state, State::Failed);
            assert!(ended.reason.contains("sending by SMTP") && !ended.has_refresh_token, "{ended:?}");
            provider.state().answers.clear();
            code();
            tokens(1, SMTP);
            tokens(2, GRAPH);
            tokens(3, SMTP);
            let before = provider.state().asked.len();
            id = begin().await;
            assert!(asked(before).contains(SMTP) && !asked(before).contains(GRAPH), "{}", asked(before));
            looks().await;
        }
        let kept = stage.read(|tx| grant::find(tx, id)).unwrap();
        assert!(kept.state == State::Unproved || kept.state == State::Fulfilled, "{kept:?}");
        let vault = &stage.courier.desk().vault;
        let (refresh, access) = stage.read(|tx| {
            let refresh = grant::refresh_token_for_system(tx, vault, id)?.unwrap();
            let access =
                grant::access_token_for_system(tx, vault, id, "https://graph.microsoft.com")?.unwrap();
            Ok((refresh, access.0))
        });
        assert_eq!(
            (refresh.expose_secret(), access.expose_secret()),
            ("refresh-3", "access-2"),
            "{both_at_once}"
        );
    }
}
