//! Posts to an address that an administrator has named, signed so that its owner knows who posts.
//!
//! `Postern-Signature: t=<seconds>,v1=<hex>`: HMAC-SHA256 (RFC 2104) over the seconds, a full stop and the body. The time
//! is signed, so that what was posted once cannot be posted again later.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::net::{Net, host_of};
use crate::{Error, Kind, Result};

/// Taken with any status from 200 to 299. What the other side says beside that is read by nobody, so an answer that is
/// broken off behind its status counts too. `id` is the same at
/// every attempt, so that the other side can know what it has got already.
pub async fn post(
    net: &Net,
    url: &Url,
    secret: &SecretString,
    id: &str,
    body: &str,
    at_s: i64,
) -> Result<u16> {
    let tried = "post the alert";
    let signature = format!("t={at_s},v1={}", sign(secret, at_s, body));
    let headers = [("postern-signature", signature.as_str()), ("postern-id", id)];
    let answer = net.post_json(tried, url, &headers, body.to_owned()).await?;
    let host = host_of(url);
    match answer.status {
        status @ 200..300 => Ok(status),
        status @ 300..400 => Err(Error::rejected(tried, host).said(&format!("HTTP status {status}")).remedy(
            "the address answers with a redirect, which is not followed: enter the address it leads to",
        )),
        status => Err(Error::new(Kind::Transient { retry_after_ms: answer.retry_after_ms }, tried, host)
            .said(&format!("HTTP status {status}"))
            .remedy("look at what receives it")),
    }
}

/// Lower-case hexadecimal.
pub fn sign(secret: &SecretString, at_s: i64, body: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let tag = ring::hmac::sign(&key, format!("{at_s}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_any_hmac_says() {
        // printf '1795521600.{}' | openssl dgst -sha256 -hmac secret
        let signed = sign(&"secret".to_owned().into(), 1_795_521_600, "{}");
        assert_eq!(signed, "35c189809538889662afdbafadd09daf47bd1c0301263ece6ae09c92e030c251");
        assert_ne!(signed, sign(&"secret".to_owned().into(), 1_795_521_601, "{}"));
    }
}
