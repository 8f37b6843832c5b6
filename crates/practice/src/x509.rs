//! Reads what an uploaded certificate says: its RSA key, its life, its thumbprints. Not a check of chains:
//! Entra takes self-signed ones.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::directory::Certificate;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// rsaEncryption, 1.2.840.113549.1.1.1.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// DER or PEM, as a `.cer`, `.pem` or `.crt` file holds it.
pub(crate) fn read(file: &[u8], id: String, description: String) -> Result<Certificate, &'static str> {
    let not_one = "This file is no X.509 certificate. Upload a .cer, .pem or .crt file.";
    let der = match file.starts_with(b"-----BEGIN") {
        true => CertificateDer::from_pem_slice(file).map_err(|_| not_one)?.to_vec(),
        false => file.to_vec(),
    };
    let fields = Fields::of(&der).ok_or(not_one)?;
    let key = fields.rsa_key().ok_or("Only certificates with an RSA key can be used.")?;
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &der);
    Ok(Certificate {
        id,
        description,
        thumbprint: sha1.as_ref().iter().map(|byte| format!("{byte:02X}")).collect(),
        x5t: URL_SAFE_NO_PAD.encode(sha1),
        x5t_s256: URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)),
        key: STANDARD.encode(key),
        starts_at: fields.starts_at,
        expires_at: fields.expires_at,
    })
}

struct Fields<'a> {
    starts_at: i64,
    expires_at: i64,
    public_key_info: &'a [u8],
}

impl<'a> Fields<'a> {
    fn of(der: &'a [u8]) -> Option<Fields<'a>> {
        let (SEQUENCE, certificate, _) = next(der)? else { return None };
        let (SEQUENCE, mut rest, _) = next(certificate)? else { return None };
        if rest.first() == Some(&EXPLICIT_VERSION) {
            rest = next(rest)?.2;
        }
        // Serial number, signature algorithm and issuer say nothing that is needed here.
        for _ in 0..3 {
            rest = next(rest)?.2;
        }
        let (SEQUENCE, validity, rest) = next(rest)? else { return None };
        let (kind, starts, more) = next(validity)?;
        let starts_at = time(kind, starts)?;
        let (kind, expires, _) = next(more)?;
        let expires_at = time(kind, expires)?;
        let rest = next(rest)?.2;
        let (SEQUENCE, public_key_info, _) = next(rest)? else { return None };
        Some(Fields { starts_at, expires_at, public_key_info })
    }

    fn rsa_key(&self) -> Option<&'a [u8]> {
        let (SEQUENCE, algorithm, rest) = next(self.public_key_info)? else { return None };
        if next(algorithm)?.1 != RSA {
            return None;
        }
        let (BIT_STRING, bits, _) = next(rest)? else { return None };
        // The first byte counts unused bits, of which a key has none.
        bits.strip_prefix(&[0])
    }
}

/// Tag, content, and what follows (X.690, definite lengths only).
fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` (1950 to 2049) or `YYYYMMDDHHMMSSZ`, in milliseconds.
fn time(kind: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let full = match kind {
        UTC_TIME if text.len() == 12 => {
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME if text.len() == 14 => text.to_owned(),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", full).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(time).ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_and_anything_else_is_not() {
        let der = include_bytes!("tests/keys/first.cer");
        let read_one = |file: &[u8]| read(file, String::new(), String::new());
        let certificate = read_one(der).unwrap();
        assert_eq!(certificate.thumbprint.len(), 40);
        assert_eq!(certificate.expires_at - certificate.starts_at, 7300 * 86_400_000);
        let pem =
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
        assert_eq!(read_one(pem.as_bytes()).unwrap().thumbprint, certificate.thumbprint);
        for cut in 0..der.len() {
            assert!(read_one(&der[..cut]).is_err(), "{cut}");
        }
        assert!(read_one(b"-----BEGIN CERTIFICATE-----\n!!").is_err());
    }
}
