//! The JSON key file of a service account, as Google gives it: taken apart, its key sealed. It opens every mailbox of the
//! domain that delegates to it.
use crate::Refusal;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// A key file is some two kilobytes.
const BYTES_MAX: usize = 64 * 1024;

/// What a key file holds.
#[derive(Clone, Debug)]
pub struct KeyFile {
    /// The service account's own address.
    pub address: String,
    /// What the administrator of the domain delegates to.
    pub client_id: String,
    pub key_id: String,
    /// PKCS#8 in PEM.
    pub key: SecretString,
}

#[derive(Deserialize)]
struct Json {
    r#type: String,
    client_email: String,
    client_id: String,
    private_key_id: String,
    private_key: SecretString,
}

impl KeyFile {
    /// A parser's error may name what it read, so it is not shown.
    pub fn read(text: &SecretString) -> Result<KeyFile, Refusal> {
        let text = text.expose_secret();
        let refused = |what: &str| {
            Err(Refusal::Other(format!(
                "This is no key file of a service account: {what}. Make a key of type JSON at the provider and enter the \
                 whole file."
            )))
        };
        if text.len() > BYTES_MAX {
            return refused("it is too long");
        }
        let Ok(json) = serde_json::from_str::<Json>(text) else {
            return refused("it is not JSON with client_email, client_id, private_key_id and private_key");
        };
        let is_line =
            |text: &str| !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
        if json.r#type != "service_account" {
            return refused("its type is another one");
        }
        if ![&json.client_email, &json.client_id, &json.private_key_id].iter().all(|text| is_line(text)) {
            return refused("client_email, client_id or private_key_id is empty or no word");
        }
        if !json.private_key.expose_secret().trim_start().starts_with("-----BEGIN PRIVATE KEY-----") {
            return refused("private_key is no key");
        }
        Ok(KeyFile {
            address: json.client_email,
            client_id: json.client_id,
            key_id: json.private_key_id,
            key: json.private_key,
        })
    }
}
