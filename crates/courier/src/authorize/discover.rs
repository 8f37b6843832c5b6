//! A provider that nothing is known of describes itself (OpenID Connect Discovery).
use crate::Courier;
use crate::registration::endpoint;
use crate::trouble::sentence;
use desk::Refusal;
use wire::oauth::discover_issuer;

/// What a registration needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    /// Those for who signs in; what opens the mail no document says.
    pub scopes: Vec<String>,
}

/// Asked with the address of the issuer, or of the document itself.
pub async fn discover(courier: &Courier, issuer: &str) -> desk::Result<Discovered> {
    const FIELD: &str = "Issuer";
    let url = endpoint(courier, FIELD, issuer)?;
    let refused = |why: String| Refusal::BadEndpoint { field: FIELD, why };
    let found =
        discover_issuer(courier.net(), &url).await.map_err(|error| refused(sentence(&error.to_string())))?;
    let named = |endpoint: Option<url::Url>, name: &str| {
        endpoint.ok_or_else(|| refused(format!("its document names no {name}. Type the endpoints.")))
    };
    let authorization = named(found.authorization_endpoint, "authorization_endpoint")?;
    let token = named(found.token_endpoint, "token_endpoint")?;
    let usual = ["openid", "email", "offline_access"].into_iter();
    let supported = |scope: &&str| {
        found.scopes_supported.is_empty() || found.scopes_supported.iter().any(|known| known == scope)
    };
    Ok(Discovered {
        authorization_endpoint: authorization.into(),
        token_endpoint: token.into(),
        scopes: usual.filter(supported).map(str::to_owned).collect(),
    })
}
