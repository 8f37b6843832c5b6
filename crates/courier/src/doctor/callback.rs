//! Whether the registration has this site's Callback Endpoint, seen without signing anybody in: a provider that is asked
//! to show no page (`prompt=none`) leads back there with an error, if it would lead there at all (OpenID Connect Core
//! §3.1.2.6).
use crate::Courier;
use crate::registration::{endpoint, family};
use crate::trouble::Trouble;
use desk::mailboxes::client::Client;
use url::Url;
use wire::oauth::OAuthError;

const PAGE_BYTES_MAX: usize = 512 * 1024;
/// Entra's numbers for an address that is not registered; its page has no `error`.
const NUMBERS: [&str; 4] = ["AADSTS500113", "AADSTS50011", "AADSTS900971", "AADSTS70004"];
/// Google's word for it, in the address of its own page.
const MISMATCH: &str = "redirect_uri_mismatch";

pub(super) enum Registered {
    Yes,
    No(Trouble),
    Unseen,
}

pub(super) async fn registered(courier: &Courier, client: &Client, callback: &Url) -> Registered {
    let Ok(mut asked) = endpoint(courier, "Authorization Endpoint", &client.authorization_endpoint) else {
        return Registered::Unseen;
    };
    asked
        .query_pairs_mut()
        .append_pair("client_id", client.client_id.trim())
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", callback.as_str())
        .append_pair("scope", "openid")
        .append_pair("prompt", "none");
    match courier.net().get("ask whether the callback is registered", &asked, PAGE_BYTES_MAX).await {
        Ok(answer) => {
            let family = family(courier, &client.provider);
            judge(answer.location.as_deref(), &String::from_utf8_lossy(&answer.body), callback, family)
        }
        Err(_) => Registered::Unseen,
    }
}

fn judge(location: Option<&str>, page: &str, callback: &Url, family: &str) -> Registered {
    let led_to = location.and_then(|location| Url::parse(location).ok());
    let same = |url: &Url| url.origin() == callback.origin() && url.path() == callback.path();
    if led_to.as_ref().is_some_and(same) {
        return Registered::Yes;
    }
    let is_mismatch = location.is_some_and(|location| location.contains(MISMATCH));
    let number = NUMBERS.iter().find(|number| page.contains(**number));
    let refused = match number {
        Some(number) => OAuthError::from_callback("invalid_request", Some(&format!("{number}: "))),
        None if is_mismatch || page.contains(MISMATCH) => OAuthError::from_callback(MISMATCH, None),
        None => return Registered::Unseen,
    };
    Registered::No(Trouble::of_oauth(&refused, family, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_does_tells_whether_the_callback_is_registered() {
        let callback = Url::parse("https://help.example.org/oauth/callback/x").unwrap();
        for (location, page, word) in [
            (Some("https://help.example.org/oauth/callback/x?error=login_required"), "", "yes"),
            (Some("https://elsewhere.example/oauth/callback/x?error=login_required"), "", "unseen"),
            (Some("https://accounts.google.com/o/error?authError=redirect_uri_mismatch"), "", "no"),
            (None, "<p>AADSTS50011: The redirect URI specified in the request …</p>", "no"),
            (None, "<p>Sign in</p>", "unseen"),
        ] {
            let judged = match judge(location, page, &callback, "microsoft") {
                Registered::Yes => "yes",
                Registered::No(trouble) => {
                    assert!(trouble.remedy.contains("Callback Endpoint"), "{}", trouble.remedy);
                    "no"
                }
                Registered::Unseen => "unseen",
            };
            assert_eq!(judged, word, "{location:?} {page}");
        }
    }
}
