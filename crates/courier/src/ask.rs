//! How tokens are asked for: what a registration shows of itself, and the ways to a token set that need nobody.
use crate::Courier;
use crate::registration::{self, endpoint};
use crate::trouble::Trouble;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use desk::db::Tx;
use desk::mailboxes::client::{self, Authentication, Client, Flow, certificate};
use desk::site::vault::Vault;
use mail::explain::Class;
use secrecy::SecretString;
use url::Url;
use wire::oauth::{
    ClientAssertion, ClientAuthentication, ServiceAccountAssertion, SigningKey, TokenRequest, TokenSet,
    client_credentials, jwt_bearer,
};

/// What a registration shows at its token endpoint, made for one request.
pub(crate) enum Shown {
    Nothing,
    Secret(SecretString),
    Assertion(SecretString),
}

impl Shown {
    pub(crate) fn authentication(&self) -> ClientAuthentication<'_> {
        match self {
            Shown::Nothing => ClientAuthentication::None,
            Shown::Secret(secret) => ClientAuthentication::Secret(secret),
            Shown::Assertion(assertion) => ClientAuthentication::Assertion(assertion),
        }
    }
}

/// Its secret as it is now, or words signed with the certificate that is in use now.
pub(crate) async fn shown(
    courier: &Courier,
    client: &Client,
    token_endpoint: &Url,
) -> Result<Shown, Trouble> {
    match client.authentication {
        Authentication::Secret => {
            let secret = kept(courier, client, token_endpoint, client::secret_for_system).await?;
            Ok(secret.map_or(Shown::Nothing, Shown::Secret))
        }
        Authentication::Certificate => {
            let found = kept(courier, client, token_endpoint, certificate::in_use_for_system).await?;
            let (certificate, key) = found.ok_or_else(no_certificate)?;
            let key = SigningKey::from_pem(&key).ok_or_else(unusable_key)?;
            let assertion = ClientAssertion {
                client_id: client.client_id.trim(),
                audience: token_endpoint.as_str(),
                certificate: &certificate.der,
                jti: &URL_SAFE_NO_PAD.encode(courier.random::<16>()),
                now_at: courier.now(),
            };
            assertion.signed_by(&key).map(Shown::Assertion).ok_or_else(unusable_key)
        }
    }
}

/// What one token request of a registration holds, whatever is asked with it.
pub(crate) struct Prepared<'a> {
    client: &'a Client,
    endpoint: Url,
    shown: Shown,
    extra: Vec<(String, String)>,
}

/// Where it is asked, as whom, and what the provider wants besides.
pub(crate) async fn prepare<'a>(courier: &Courier, client: &'a Client) -> Result<Prepared<'a>, Trouble> {
    let endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
    let shown = shown(courier, client, &endpoint).await?;
    let extra = registration::of_token_request(&courier.desk().providers, client);
    Ok(Prepared { client, endpoint, shown, extra })
}

impl Prepared<'_> {
    pub(crate) fn request<'a>(&'a self, scope: Option<&'a str>) -> TokenRequest<'a> {
        TokenRequest {
            endpoint: &self.endpoint,
            client_id: self.client.client_id.trim(),
            authentication: self.shown.authentication(),
            scope,
            extra: &self.extra,
        }
    }

    /// The same at another endpoint. What was entered for one origin is not sent to another.
    pub(crate) fn request_at<'a>(&'a self, endpoint: &'a Url, scope: &'a str) -> TokenRequest<'a> {
        let authentication = match endpoint.origin() == self.endpoint.origin() {
            true => self.shown.authentication(),
            false => ClientAuthentication::None,
        };
        TokenRequest { endpoint, authentication, ..self.request(Some(scope)) }
    }
}

/// Why no token came: said by the provider, or seen before it was asked.
pub(crate) enum Refused {
    There(wire::Error),
    Here(Trouble),
}
impl From<wire::Error> for Refused {
    fn from(error: wire::Error) -> Refused {
        Refused::There(error)
    }
}
impl From<Trouble> for Refused {
    fn from(trouble: Trouble) -> Refused {
        Refused::Here(trouble)
    }
}
impl From<desk::Error> for Refused {
    fn from(error: desk::Error) -> Refused {
        Refused::Here(error.into())
    }
}

/// A token for the application itself, or for the mailbox that a service account acts for.
pub(crate) async fn unattended(
    courier: &Courier,
    client: &Client,
    mailbox_user: &str,
    scope: &str,
) -> Result<TokenSet, Refused> {
    let set = match client.flow {
        Flow::AppOnly => {
            let prepared = prepare(courier, client).await?;
            client_credentials(courier.net(), &prepared.request(Some(scope))).await?
        }
        Flow::ServiceAccount => {
            let endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
            let extra = registration::of_token_request(&courier.desk().providers, client);
            let key = kept(courier, client, &endpoint, client::account_key_for_system).await?;
            let key = key.ok_or_else(no_account)?;
            let assertion = ServiceAccountAssertion {
                issuer: &client.account_address,
                key_id: &client.account_key_id,
                subject: mailbox_user,
                scope,
                audience: endpoint.as_str(),
                now_at: courier.now(),
            };
            let key = SigningKey::from_pem(&key).ok_or_else(unusable_key)?;
            let assertion = assertion.signed_by(&key).ok_or_else(unusable_key)?;
            let request = TokenRequest {
                endpoint: &endpoint,
                client_id: "",
                authentication: ClientAuthentication::None,
                scope: None,
                extra: &extra,
            };
            jwt_bearer(courier.net(), &request, &assertion).await?
        }
        Flow::Code => return Err(crate::refused::no_refresh_token(courier, client).into()),
    };
    // One asks again: a refresh token that comes all the same would be one secret more.
    Ok(TokenSet { refresh_token: None, ..set })
}

/// What a registration keeps, read together with where it was entered for: between two reads it could have been entered
/// for another place.
async fn kept<T: Send + 'static>(
    courier: &Courier,
    client: &Client,
    at: &Url,
    read: fn(&mut Tx<'_>, &Vault, i64) -> desk::Result<T>,
) -> Result<T, Trouble> {
    let (vault, asked, at) = (courier.desk().vault.clone(), client.clone(), at.clone());
    let found = courier.read(move |tx| {
        if is_another(client::find(tx, asked.id)?.as_ref(), &asked, &at) {
            return Ok(None);
        }
        read(tx, &vault, asked.id).map(Some)
    });
    found.await?.ok_or_else(settings_changed)
}

/// What is kept now was entered for another place than the one that is to be asked.
fn is_another(now: Option<&Client>, asked: &Client, at: &Url) -> bool {
    let same = |now: &Client| {
        now.authentication == asked.authentication
            && now.flow == asked.flow
            && Url::parse(now.token_endpoint.trim()).is_ok_and(|endpoint| endpoint.origin() == at.origin())
    };
    !now.is_some_and(same)
}

fn settings_changed() -> Trouble {
    Trouble::new(
        Class::Retry,
        "settings_changed",
        "The registration was changed while a token was asked for.",
        crate::trouble::TRIES_AGAIN,
    )
}

fn no_certificate() -> Trouble {
    Trouble::new(
        Class::Configuration,
        "no_certificate",
        "This registration is to show a certificate, and there is none in use.",
        "Open Config, make a certificate and upload its .cer file at the provider.",
    )
}

fn no_account() -> Trouble {
    Trouble::new(
        Class::Configuration,
        "no_service_account",
        "This registration has no key of a service account.",
        "Open Config and enter the JSON key file.",
    )
}

fn unusable_key() -> Trouble {
    Trouble::new(
        Class::Configuration,
        "unusable_key",
        "The private key of this registration is no RSA key of 2048 to 4096 bits, so nothing can be signed with it.",
        "Open Config and enter another key file, or make another certificate.",
    )
}
