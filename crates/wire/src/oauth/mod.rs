//! OAuth 2.0 and the part of OpenID Connect that a mailbox needs: the address to send the administrator to,
//! codes and refresh tokens exchanged, and who it was that signed in.
//!
//! No token is kept here, no clock is read, no random value is made: the caller hands them in. (Salts of signatures are
//! ring's own, like the keys of TLS.)

pub mod access_token;
pub mod admin_consent;
pub mod assertion;
pub mod authorization;
pub mod details;
pub mod device;
pub mod discovery;
pub mod failure;
pub mod id_token;
pub mod revocation;
pub mod scope;
pub mod token;

pub use access_token::Inscription;
pub use admin_consent::admin_consent_url;
pub use assertion::{ClientAssertion, ServiceAccountAssertion, SigningKey, thumbprint_sha1};
pub use authorization::{AuthorizationRequest, authorization_url, pkce};
pub use details::resource_details;
pub use device::{DeviceCode, Polled, SLOWER_S, device_code, poll_device};
pub use discovery::{Discovery, Keys, discover, discover_issuer, discovery_url, keys, metadata};
pub use failure::OAuthError;
pub use id_token::{Expected, Flaw, Identity, identify, identify_by, is_same_issuer};
pub use revocation::revoke;
pub use scope::Protocol;
pub use token::{
    ClientAuthentication, TokenRequest, TokenSet, client_credentials, exchange_code, jwt_bearer, refresh,
};
