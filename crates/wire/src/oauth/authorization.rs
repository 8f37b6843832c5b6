//! The first leg: the address that the administrator's browser is sent to (RFC 6749 §4.1.1, RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;

/// What goes into the authorization address. The scopes may name several resources on this leg.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest<'a> {
    pub endpoint: &'a Url,
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    /// Separated by one space; see [`crate::oauth::scope::correct`] for what people paste.
    pub scopes: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// `pkce(verifier)`.
    pub code_challenge: &'a str,
    pub login_hint: Option<&'a str>,
    /// What a provider wants besides. May not set a parameter of this struct again.
    pub extra: &'a [(String, String)],
}

/// The address for the browser. Parameters that the endpoint already carries are kept, save ours.
pub fn authorization_url(request: &AuthorizationRequest<'_>) -> Url {
    let mut ours = vec![
        ("client_id", request.client_id),
        ("response_type", "code"),
        ("redirect_uri", request.redirect_uri),
        ("response_mode", "query"),
        ("scope", request.scopes),
        ("state", request.state),
        ("nonce", request.nonce),
        ("code_challenge", request.code_challenge),
        ("code_challenge_method", "S256"),
    ];
    ours.extend(request.login_hint.map(|hint| ("login_hint", hint)));

    let mut url = request.endpoint.clone();
    let is_ours = |name: &str| ours.iter().any(|(ours, _)| *ours == name);
    let kept: Vec<(String, String)> = request
        .endpoint
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .chain(request.extra.iter().cloned())
        .filter(|(name, _)| !is_ours(name))
        .collect();
    url.set_fragment(None);
    url.query_pairs_mut().clear().extend_pairs(&kept).extend_pairs(&ours);
    url
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub fn pkce(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        assert_eq!(
            pkce("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn the_address_carries_every_parameter_once_and_encoded() {
        let endpoint = Url::parse("https://login.example/t/authorize?domain_hint=x&state=stale#f").unwrap();
        let url = authorization_url(&AuthorizationRequest {
            endpoint: &endpoint,
            client_id: "id",
            redirect_uri: "https://desk.example/oauth/callback/7?a=b",
            scopes: "openid https://outlook.office.com/SMTP.Send",
            state: "s&t",
            nonce: "n",
            code_challenge: "c",
            login_hint: Some("support+x@contoso.example"),
            extra: &[
                ("access_type".into(), "offline".into()),
                ("prompt".into(), "select_account".into()),
                ("state".into(), "forged".into()),
            ],
        });
        assert_eq!(
            url.as_str(),
            "https://login.example/t/authorize?domain_hint=x&access_type=offline&prompt=select_account&client_id=id&response_type=code\
             &redirect_uri=https%3A%2F%2Fdesk.example%2Foauth%2Fcallback%2F7%3Fa%3Db&response_mode=query\
             &scope=openid+https%3A%2F%2Foutlook.office.com%2FSMTP.Send&state=s%26t&nonce=n&code_challenge=c\
             &code_challenge_method=S256&login_hint=support%2Bx%40contoso.example"
        );
    }
}
