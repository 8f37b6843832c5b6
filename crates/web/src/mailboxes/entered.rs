//! The fields of the authorization page: stored, or as typed. A secret is never among them.
use super::preset::Preset;
use crate::form::Form;
use desk::mailboxes::client::{Authentication, Client, EnteredClient, Flow};

#[derive(Clone, Debug)]
pub struct ClientForm {
    pub active: bool,
    pub name: String,
    pub strict_matching: bool,
    pub notes: String,
    pub tenant: String,
    pub client_id: String,
    pub flow: Flow,
    pub authentication: Authentication,
    /// As a date field has it: `2028-01-31`, or empty.
    pub secret_expires_on: String,
    pub has_secret: bool,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub scopes: String,
    pub resource_details_endpoint: String,
    pub email_attribute: String,
}

impl ClientForm {
    pub fn stored(client: &Client, preset: &Preset) -> ClientForm {
        let Client { active, strict_matching, has_secret, .. } = *client;
        let client = client.clone();
        ClientForm {
            active,
            name: client.name,
            strict_matching,
            notes: client.notes,
            tenant: client.tenant,
            client_id: client.client_id,
            flow: client.flow,
            authentication: client.authentication,
            secret_expires_on: client.secret_expires_at.map(super::expiry::date).unwrap_or_default(),
            has_secret,
            // Until a tenant is known, the provider's own addresses stand there with `{tenant}` in its place.
            authorization_endpoint: or_preset(client.authorization_endpoint, &preset.authorization_endpoint),
            token_endpoint: or_preset(client.token_endpoint, &preset.token_endpoint),
            scopes: client.scopes,
            resource_details_endpoint: client.resource_details_endpoint,
            email_attribute: client.email_attribute,
        }
    }
    pub fn typed(form: &Form, has_secret: bool) -> ClientForm {
        ClientForm {
            active: form.text("status") != "disabled",
            name: form.text("name"),
            strict_matching: form.is_on("strict_matching"),
            notes: form.long_text("notes"),
            tenant: form.text("tenant"),
            client_id: form.text("client_id"),
            flow: Flow::from_word(&form.text("flow")).unwrap_or_default(),
            authentication: Authentication::from_word(&form.text("client_authentication"))
                .unwrap_or_default(),
            secret_expires_on: form.text("expires_on"),
            has_secret,
            authorization_endpoint: form.text("authorization_endpoint"),
            token_endpoint: form.text("token_endpoint"),
            scopes: form.text("scopes").split_whitespace().collect::<Vec<_>>().join(" "),
            resource_details_endpoint: form.text("resource_details_endpoint"),
            email_attribute: form.text("email_attribute"),
        }
    }
    pub fn entered(self, form: &Form) -> desk::Result<EnteredClient> {
        // The example that stands there until a tenant is known: the tenant takes its place.
        let with_tenant = |endpoint: String| match self.tenant.trim() {
            "" => endpoint,
            tenant => endpoint.replace("{tenant}", tenant),
        };
        let secret_expires_at = super::expiry::entered(&self.secret_expires_on)?;
        Ok(EnteredClient {
            flow: self.flow,
            authentication: self.authentication,
            secret_expires_at,
            entered_for: None,
            account_file: form.secret("account_secret"),
            authorization_endpoint: with_tenant(self.authorization_endpoint),
            token_endpoint: with_tenant(self.token_endpoint),
            name: self.name,
            active: self.active,
            tenant: self.tenant,
            client_id: self.client_id,
            client_secret: form.secret("client_secret"),
            scopes: self.scopes,
            resource_details_endpoint: self.resource_details_endpoint,
            email_attribute: self.email_attribute,
            strict_matching: self.strict_matching,
            notes: self.notes,
        })
    }
}

fn or_preset(stored: String, preset: &str) -> String {
    if stored.is_empty() { preset.to_owned() } else { stored }
}
