//! The row of a registration: read, stored, compared.
use super::{Authentication, Client, Flow};
use crate::db::{self, FromRow, Row, Tx};
use crate::{Result, params};
use serde_json::json;

/// Every column of a [`Client`], in the order that it is read in.
pub(super) const SELECT: &str =
    "SELECT id, public_id, provider, name, active, flow, authentication, tenant, client_id, client_secret IS NOT NULL,
    secret_expires_at, EXISTS (SELECT 1 FROM client_certificate c WHERE c.client_id = client.id AND c.state = 'in_use'),
    account_address, account_key_id, authorization_endpoint, token_endpoint, scopes, resource_details_endpoint,
    email_attribute, strict_matching, notes FROM client";

/// A change of these may mend what the provider refused, or break what it gave.
pub(super) const TOKENS_DEPEND_ON: [&str; 11] = [
    "active",
    "flow",
    "authentication",
    "tenant",
    "client_id",
    "client_secret",
    "account_key",
    "account_key_id",
    "account_address",
    "token_endpoint",
    "scopes",
];

pub(super) fn differences(old: &Client, new: &Client) -> serde_json::Map<String, serde_json::Value> {
    let of = |c: &Client| {
        [
            ("name", json!(c.name)),
            ("active", json!(c.active)),
            ("flow", json!(c.flow.word())),
            ("authentication", json!(c.authentication.word())),
            ("secret_expires_at", json!(c.secret_expires_at)),
            ("account_address", json!(c.account_address)),
            ("account_key_id", json!(c.account_key_id)),
            ("tenant", json!(c.tenant)),
            ("client_id", json!(c.client_id)),
            ("authorization_endpoint", json!(c.authorization_endpoint)),
            ("token_endpoint", json!(c.token_endpoint)),
            ("scopes", json!(c.scopes)),
            ("resource_details_endpoint", json!(c.resource_details_endpoint)),
            ("email_attribute", json!(c.email_attribute)),
            ("strict_matching", json!(c.strict_matching)),
            ("notes", json!(c.notes)),
        ]
    };
    let pairs = of(old).into_iter().zip(of(new));
    pairs
        .filter(|((_, was), (_, is))| was != is)
        .map(|((field, was), (_, is))| (field.into(), json!([was, is])))
        .collect()
}

pub(super) fn store(tx: &mut Tx<'_>, new: &Client) -> Result<()> {
    tx.execute(
        "UPDATE client SET name = $2, active = $3, tenant = $4, client_id = $5, authorization_endpoint = $6,
                token_endpoint = $7, scopes = $8, resource_details_endpoint = $9, email_attribute = $10,
                strict_matching = $11, notes = $12, flow = $13, authentication = $14,
                secret_expires_at = $15, account_address = $16, account_key_id = $17
         WHERE id = $1",
        params![
            new.id,
            &new.name,
            new.active,
            &new.tenant,
            &new.client_id,
            &new.authorization_endpoint,
            &new.token_endpoint,
            &new.scopes,
            &new.resource_details_endpoint,
            &new.email_attribute,
            new.strict_matching,
            &new.notes,
            new.flow.word(),
            new.authentication.word(),
            new.secret_expires_at,
            &new.account_address,
            &new.account_key_id
        ],
    )?;
    Ok(())
}

impl FromRow for Client {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        Ok(Client {
            id: c.take()?,
            public_id: c.take()?,
            provider: c.take()?,
            name: c.take()?,
            active: c.take()?,
            flow: Flow::take(c)?,
            authentication: Authentication::take(c)?,
            tenant: c.take()?,
            client_id: c.take()?,
            has_secret: c.take()?,
            secret_expires_at: c.take()?,
            has_certificate: c.take()?,
            account_address: c.take()?,
            account_key_id: c.take()?,
            authorization_endpoint: c.take()?,
            token_endpoint: c.take()?,
            scopes: c.take()?,
            resource_details_endpoint: c.take()?,
            email_attribute: c.take()?,
            strict_matching: c.take()?,
            notes: c.take()?,
        })
    }
}
