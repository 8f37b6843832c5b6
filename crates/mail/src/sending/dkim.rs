//! DKIM (RFC 6376): the signature that a provider puts on a letter, and the key that the domain publishes for it.

use super::{tag, tags};

/// Who signed a letter, and where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// In lower case.
    pub domain: String,
    pub selector: String,
}

impl Signature {
    /// The name of the key's TXT record (§3.6.2.1).
    #[must_use]
    pub fn record(&self) -> String {
        record(&self.selector, &self.domain)
    }
}

#[must_use]
pub fn record(selector: &str, domain: &str) -> String {
    format!("{selector}._domainkey.{domain}")
}

/// The signatures among a message's header fields; at most ten.
#[must_use]
pub fn signatures(headers: &[(String, String)]) -> Vec<Signature> {
    let fields = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("DKIM-Signature"));
    let bodies = fields.map(|(_, body)| body.as_str());
    let signature = |body: &str| {
        let tags = tags(body);
        let name = |name| tag(&tags, name).map(str::to_ascii_lowercase).filter(|text| is_name(text));
        Some(Signature { domain: name("d")?, selector: name("s")? })
    };
    bodies.take(10).filter_map(signature).collect()
}

/// It goes into a question to a name server.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// What a key's TXT records say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    There,
    /// An empty `p=`: taken back (§3.6.1).
    Revoked,
    Missing,
}

#[must_use]
pub fn key(texts: &[String]) -> Key {
    let keys = texts.iter().map(|text| tags(text)).filter_map(|tags| tag(&tags, "p").map(str::to_owned));
    let keys: Vec<String> = keys.collect();
    match keys.iter().any(|key| !key.is_empty()) {
        true => Key::There,
        false if keys.is_empty() => Key::Missing,
        false => Key::Revoked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_of_a_letter_name_their_keys() {
        let raw = b"Received: by x\r\nDKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=Contoso.example;\r\n\ts=selector1; bh=x; b=y\r\n\
            dkim-signature: v=1; s=s 1; d=b.example\r\nSubject: DKIM-Signature: d=no.example; s=no\r\n\r\nDKIM-Signature: d=body.example; s=x\r\n";
        let found = signatures(&crate::message::parse(raw).headers);
        assert_eq!(found, [Signature { domain: "contoso.example".into(), selector: "selector1".into() }]);
        assert_eq!(found[0].record(), "selector1._domainkey.contoso.example");
        assert!(signatures(&[]).is_empty());
    }

    #[test]
    fn a_key_is_there_or_was_taken_back_or_is_missing() {
        for (texts, expected) in [
            (vec!["v=DKIM1; k=rsa; p=MIGf"], Key::There),
            (vec!["p=MIGf"], Key::There),
            (vec!["v=DKIM1; p="], Key::Revoked),
            (vec!["something else"], Key::Missing),
            (vec![], Key::Missing),
        ] {
            let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
            assert_eq!(key(&texts), expected, "{texts:?}");
        }
    }
}
