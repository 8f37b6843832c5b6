//! What stands on an access token, for a person who looks for a fault. Nothing decides by it: to a client a token is
//! opaque (RFC 6749 §1.4), and only the server that it is for can say whether it is good.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// Longer ones are not read.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// Of a token in the form of a JWT (RFC 9068 and Entra's).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Inscription {
    #[serde(default, rename = "aud", deserialize_with = "words")]
    pub audience: Option<String>,
    /// Entra's tenant.
    #[serde(default, rename = "tid")]
    pub tenant: Option<String>,
    /// What a person consented to.
    #[serde(default, rename = "scp", alias = "scope", deserialize_with = "words")]
    pub scopes: Option<String>,
    /// What the app may do without a person.
    #[serde(default, deserialize_with = "words")]
    pub roles: Option<String>,
    /// Seconds since 1970.
    #[serde(default, rename = "exp")]
    pub ends_at_s: Option<i64>,
}

/// One word, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Several(Vec<String>),
}

fn words<'de, D: serde::Deserializer<'de>>(claim: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Words>::deserialize(claim)?.map(|words| match words {
        Words::One(word) => word,
        Words::Several(words) => words.join(" "),
    }))
}

impl Inscription {
    /// `None` for a token that is no JWT, such as Google's.
    pub fn of(token: &SecretString) -> Option<Inscription> {
        let token = token.expose_secret();
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut parts = token.split('.');
        let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_on_a_token_is_read_and_an_opaque_one_has_nothing() {
        let jwt = |claims: &str| SecretString::from(format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims)));
        let entra = jwt(r#"{"aud":"https://outlook.office.com","tid":"t","scp":"SMTP.Send","exp":1}"#);
        let read = Inscription::of(&entra).unwrap();
        assert_eq!(read.audience.as_deref(), Some("https://outlook.office.com"));
        assert_eq!((read.tenant.as_deref(), read.scopes.as_deref()), (Some("t"), Some("SMTP.Send")));
        for opaque in ["ya29.abc", "", "a.b.c", "a.b.c.d"] {
            assert_eq!(Inscription::of(&SecretString::from(opaque)), None, "{opaque}");
        }
        assert_eq!(read.ends_at_s, Some(1));
        let app = Inscription::of(&jwt(r#"{"aud":["a","b"],"roles":["IMAP.AccessAsApp"]}"#)).unwrap();
        assert_eq!((app.audience.as_deref(), app.roles.as_deref()), (Some("a b"), Some("IMAP.AccessAsApp")));
        assert_eq!(Inscription::of(&jwt(r#"{"aud":7}"#)), None, "of another shape");
    }
}
