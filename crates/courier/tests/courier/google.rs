//! The habits of a provider that is not Microsoft: what is asked for, what may be missing, what an end means.
use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::stage::{ADDRESS, Stage};
use courier::authorize::{self, Banner, CallbackQuery, Landing, Session};
use courier::probe;
use desk::mailboxes::grant::{self, Grant};
use desk::mailboxes::mailbox::Side;
use serde_json::{Value, json};
use std::collections::HashMap;

const MAIL: &str = "https://mail.google.com/";
const DAY: i64 = 24 * 60 * 60_000;

struct Gmail {
    stage: Stage,
    provider: PretendProvider,
    imap: PretendImap,
    session: Session,
    public_id: String,
}

impl Gmail {
    async fn new() -> Gmail {
        let (stage, imap, provider) =
            (Stage::new(), PretendImap::start().await, PretendProvider::start().await);
        let scopes = format!("openid email {MAIL}");
        let public_id = stage.registered_at(provider.address, imap.address, "google", &scopes);
        let (session_id, by) = stage.administrator("root@contoso.example");
        imap.state().token = Some("access-1".into());
        Gmail { stage, provider, imap, session: Session { session_id, by }, public_id }
    }

    /// Submit: what the address of the sign-in page carries.
    async fn leaves(&self) -> HashMap<String, String> {
        let (courier, id) = (&self.stage.courier, self.stage.mailbox_id);
        let address = authorize::begin(courier, &self.session, id, Side::Incoming).await.unwrap();
        address.query_pairs().into_owned().collect()
    }

    /// The way back, with what the token endpoint answers to the code.
    async fn comes_back(&self, sent: &HashMap<String, String>, iss: Option<&str>, answer: Value) -> Banner {
        let token = id_token(ADDRESS, &sent["nonce"], self.stage.clock.now());
        let mut body = json!({ "token_type": "Bearer", "expires_in": 3600, "id_token": token });
        body.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        self.provider.state().answers.clear();
        self.provider.answers(200, body);
        let query = CallbackQuery {
            code: Some("the-code".into()),
            state: sent.get("state").cloned(),
            iss: iss.map(str::to_owned),
            ..CallbackQuery::default()
        };
        let courier = &self.stage.courier;
        match authorize::callback(courier, &self.session, &self.public_id, query).await.unwrap() {
            Landing::Tab { banner, .. } => banner,
            Landing::Unknown { sentence } => panic!("{sentence}"),
        }
    }

    fn grant(&self) -> Option<Grant> {
        self.stage.read(|tx| grant::latest(tx, self.stage.mailbox_id, Side::Incoming))
    }
}

fn granted(scopes: &str) -> Value {
    json!({ "access_token": "access-1", "refresh_token": "refresh-1", "scope": scopes })
}

fn red(banner: Banner) -> (String, String) {
    match banner {
        Banner::Red { sentence, remedy, .. } => (sentence, remedy),
        green => panic!("{green:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_preset_says_of_requests_is_what_is_sent() {
    let gmail = Gmail::new().await;
    let sent = gmail.leaves().await;
    assert_eq!((sent["access_type"].as_str(), sent["prompt"].as_str()), ("offline", "consent"));
    assert_eq!(sent["scope"], format!("openid email {MAIL}"));
    let full = format!("openid https://www.googleapis.com/auth/userinfo.email {MAIL}");
    let banner = gmail.comes_back(&sent, Some("https://login.example"), granted(&full)).await;
    assert!(matches!(banner, Banner::Green { .. }), "{banner:?}");
    assert!(!gmail.provider.state().asked[0].contains_key("scope"), "one token is good for everything");

    // An answer to a refresh carries no new refresh token: the old one is asked with again.
    for number in [2, 3] {
        gmail.provider.state().answers.clear();
        gmail
            .provider
            .answers(200, json!({ "access_token": format!("access-{number}"), "expires_in": 3600 }));
        gmail.imap.state().token = Some(format!("access-{number}"));
        gmail.stage.clock.advance(60 * 60_000);
        assert!(probe::incoming(&gmail.stage.courier, gmail.stage.mailbox_id).await.unwrap().ok);
        let asked = gmail.provider.state().asked.last().unwrap().clone();
        assert_eq!(asked["refresh_token"], "refresh-1");
        assert!(!asked.contains_key("scope"), "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_was_not_ticked_is_seen_before_anything_is_stored() {
    let gmail = Gmail::new().await;
    let sent = gmail.leaves().await;
    let less = "openid https://www.googleapis.com/auth/userinfo.email";
    let (sentence, remedy) = red(gmail.comes_back(&sent, None, granted(less)).await);
    assert!(sentence.contains(MAIL) && remedy.contains("tick the box"), "{sentence} {remedy}");
    assert!(gmail.grant().is_none() && gmail.imap.log().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_consent_without_a_refresh_token_goes_on_with_the_first_ones() {
    let gmail = Gmail::new().await;
    let sent = gmail.leaves().await;
    let (sentence, remedy) = red(gmail.comes_back(&sent, None, json!({ "access_token": "access-1" })).await);
    assert!(sentence.contains("no refresh token") && remedy.contains("myaccount.google.com"), "{remedy}");

    let sent = gmail.leaves().await;
    gmail.comes_back(&sent, None, granted(MAIL)).await;
    let first = gmail.grant().unwrap();
    let sent = gmail.leaves().await;
    let banner = gmail.comes_back(&sent, None, json!({ "access_token": "access-1", "scope": MAIL })).await;
    assert!(matches!(banner, Banner::Green { .. }), "{banner:?}");
    let second = gmail.grant().unwrap();
    assert!(second.id != first.id && second.has_refresh_token, "{second:?}");
    gmail.provider.state().answers.clear();
    gmail.provider.answers(200, json!({ "access_token": "access-2", "expires_in": 3600 }));
    gmail.imap.state().token = Some("access-2".into());
    gmail.stage.clock.advance(60 * 60_000);
    assert!(probe::incoming(&gmail.stage.courier, gmail.stage.mailbox_id).await.unwrap().ok);
    assert_eq!(gmail.provider.state().asked.last().unwrap()["refresh_token"], "refresh-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_names_another_issuer_than_its_id_token_is_refused() {
    let gmail = Gmail::new().await;
    let sent = gmail.leaves().await;
    let (sentence, _) = red(gmail.comes_back(&sent, Some("https://evil.example"), granted(MAIL)).await);
    assert!(
        sentence.contains("https://evil.example") && sentence.contains("https://login.example"),
        "{sentence}"
    );
    assert!(gmail.grant().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_after_seven_days_is_told_as_the_testing_status() {
    for (days, is_testing) in [(7, true), (30, false)] {
        let gmail = Gmail::new().await;
        let sent = gmail.leaves().await;
        gmail.comes_back(&sent, None, granted(MAIL)).await;
        gmail.provider.state().answers.clear();
        gmail.provider.answers(
            400,
            json!({ "error": "invalid_grant", "error_description": "Token has been expired or revoked." }),
        );
        gmail.stage.clock.advance(days * DAY);
        assert!(!probe::incoming(&gmail.stage.courier, gmail.stage.mailbox_id).await.unwrap().ok);
        let lapsed = gmail.grant().unwrap();
        assert_eq!(lapsed.reason.contains("seven days after the sign-in"), is_testing, "{}", lapsed.reason);
        assert_eq!(lapsed.state, grant::State::Lapsed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_describes_itself_to_who_names_its_issuer() {
    let gmail = Gmail::new().await;
    let origin = format!("http://{}", gmail.provider.address);
    let document = json!({
        "issuer": format!("{origin}/realms/mail"), "authorization_endpoint": format!("{origin}/auth"),
        "token_endpoint": format!("{origin}/token"), "scopes_supported": ["openid", "email", "phone"],
    });
    gmail.provider.answers(200, document);
    for asked in ["/realms/mail", "/realms/mail/", "/realms/mail/.well-known/openid-configuration"] {
        let found = authorize::discover(&gmail.stage.courier, &format!("{origin}{asked}")).await.unwrap();
        assert_eq!(found.authorization_endpoint, format!("{origin}/auth"));
        assert_eq!(found.token_endpoint, format!("{origin}/token"));
        assert_eq!(found.scopes, ["openid", "email"], "only what the provider knows");
    }
    let other =
        authorize::discover(&gmail.stage.courier, &format!("{origin}/realms/else")).await.unwrap_err();
    assert!(other.to_string().contains("names another issuer"), "{other}");
    let plain = authorize::discover(&gmail.stage.courier, "http://id.example.org").await.unwrap_err();
    assert!(plain.to_string().contains("https://"), "{plain}");
}
