//! The address by which an administrator of a tenant consents for everybody (Microsoft's `adminconsent`).

use url::Url;

/// There is no code in the answer: `admin_consent=True`, or an error, and the state.
pub fn admin_consent_url(
    endpoint: &Url,
    client_id: &str,
    scopes: &str,
    redirect_uri: &str,
    state: &str,
) -> Url {
    let mut url = endpoint.clone();
    url.set_fragment(None);
    url.query_pairs_mut()
        .append_pair("client_id", client_id)
        .append_pair("scope", scopes)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("state", state);
    url
}
