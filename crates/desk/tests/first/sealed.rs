//! The list of what is sealed holds all of it: nothing that a lost or changed key concerns is forgotten.
use desk::MIGRATIONS;
use desk::db::{Dialect, Error, Sql};
use desk::params;
use desk::site::sealed::{self, Column};
use desk::site::vault::Vault;
use desk::testing::TestDesk;
use std::collections::BTreeSet;

/// Bytes that are no secret. A new column of bytes stands here or in `sealed::ALL`.
const PLAIN: [&str; 9] = [
    "blob.hash",
    "admin_consent.state_hash",
    "consent.state_hash",
    "first_administrator.token_hash",
    "inbox.content_key",
    "inbox_again.content_key",
    "session.token_hash",
    "subscription.secret_hash",
    "client_certificate.der",
];

fn name(column: &Column) -> String {
    format!("{}.{}", column.table, column.column)
}
fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[test]
fn every_column_of_bytes_is_in_the_list_of_what_is_sealed_or_said_to_be_no_secret() {
    let desk = TestDesk::new();
    let all: Vec<(String,)> = desk
        .db
        .read(|tx| match tx.dialect() {
            Dialect::Sqlite => tx.all(
                "SELECT t.name || '.' || c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND c.type = 'BLOB' AND t.name NOT LIKE 'entry\\_words%' ESCAPE '\\'",
                &[],
            ),
            Dialect::Postgres => tx.all(
                "SELECT CAST(table_name || '.' || column_name AS TEXT) FROM information_schema.columns
                 WHERE table_schema = 'public' AND data_type = 'bytea'",
                &[],
            ),
        })
        .map_err(|e: Error| e)
        .unwrap();
    let there: BTreeSet<String> = all.into_iter().map(|(name,)| name).collect();
    let sealed = sealed::ALL.iter().map(|column| name(column));
    let known: BTreeSet<String> = sealed.chain(PLAIN.map(str::to_owned)).collect();
    assert_eq!(known.len(), sealed::ALL.len() + PLAIN.len(), "one stands in both lists");
    assert_eq!(
        there, known,
        "a column of bytes is to be named in desk's site/sealed.rs, or in this test's PLAIN"
    );
}

#[test]
fn what_the_migrations_call_sealed_is_sealed_under_the_name_that_they_say() {
    let mut said = BTreeSet::new();
    for line in MIGRATIONS.iter().flat_map(|m| m.sqlite.lines()) {
        let Some((_, name)) = line.split_once("-- sealed: ") else { continue };
        let name = name.split([' ', ';', ',']).next().unwrap();
        said.insert(name.replace(":1:", ":{id}:")); // a table of one row says its number
    }
    let listed: BTreeSet<String> = sealed::ALL
        .iter()
        .map(|column| column.row(7))
        .map(|row| {
            // A key of two parts says what its parts are.
            if row == "access_token:7:token" {
                "access_token:{consent_id}:{resource}".into()
            } else {
                row.replace(":7:", ":{id}:")
            }
        })
        .collect();
    assert_eq!(said, listed, "`-- sealed: table:{{id}}:column` in the migration, and desk's site/sealed.rs");
}

#[test]
fn every_statement_of_the_list_is_understood() {
    let desk = TestDesk::new();
    for statement in sealed::ALL.iter().flat_map(|column| column.statements()) {
        let done: Result<(), Error> = desk.db.write(|tx| tx.prepare(statement));
        done.unwrap_or_else(|e| panic!("{e}: {statement}"));
    }
}

/// One row of each table that holds something sealed.
const ROWS: &[&str] = &[
    "INSERT INTO client (id, public_id, provider, created_at) VALUES (1, 'c', 'other', 1)",
    "INSERT INTO mailbox (id, address, address_key, name, department_id, in_client_id, state_since, out_state_since, created_at)
     VALUES (1, 'support@example.org', 'support@example.org', 'Support', 1, 1, 1, 1, 1)",
    "INSERT INTO consent (id, client_id, mailbox_id, side, state, state_since, created_at)
     VALUES (1, 1, 1, 'incoming', 'fulfilled', 1, 1)",
    "INSERT INTO access_token (consent_id, resource, token, scopes, expires_at)
     VALUES (1, 'https://mail.example.org', $1, 's', 1)",
    "INSERT INTO client_certificate (id, client_id, state, der, thumbprint, not_after, created_at)
     VALUES (1, 1, 'in_use', $1, 't', 1, 1)",
    "INSERT INTO webhook (id, url) VALUES (1, 'https://hook.example.org')",
];

/// A desk whose every sealed column holds one value, `secret of table.column`, sealed by this vault.
pub fn with_every_secret(vault: &Vault) -> TestDesk {
    let desk = TestDesk::new();
    let fill = |value: Option<Vec<u8>>, column: &Column| {
        let sql = leaked(format!("UPDATE {} SET {} = $1", column.table, column.column));
        desk.db.write(|tx| tx.execute(Sql::from(sql), params![value.clone()])).map_err(|e: Error| e).unwrap();
    };
    for &row in ROWS {
        let bytes: &[desk::db::Value<'_>] = if row.contains("$1") { params![vec![0_u8]] } else { &[] };
        desk.db.write(|tx| tx.execute(Sql::from(row), bytes)).map_err(|e: Error| e).unwrap();
    }
    sealed::ALL.iter().for_each(|column| fill(Some(vec![0]), column));
    let mut rows = Vec::new();
    sealed::each_batch(&desk.db, |values| {
        rows.extend(values);
        Ok(())
    })
    .unwrap();
    for column in sealed::ALL {
        let of_it: Vec<_> = rows.iter().filter(|value| value.is_of(column)).collect();
        assert_eq!(of_it.len(), 1, "one row of {} is to be made in this test's ROWS", name(column));
        let secret = format!("secret of {}", name(column)).into();
        fill(Some(vault.seal(&of_it[0].row(), &secret, [3; 24])), column);
    }
    desk
}

#[test]
fn every_mailbox_that_a_secret_serves_is_named() {
    let vault = Vault::from_key([1; 32]);
    let desk = with_every_secret(&vault);
    let mut seen = 0;
    sealed::each_batch(&desk.db, |values| {
        for value in values {
            let served = desk.db.read(|tx| value.mailboxes(tx))?;
            let of_the_site = value.is_of(&sealed::WEBHOOK_SECRET);
            let expected: &[&str] = if of_the_site { &[] } else { &["support@example.org"] };
            assert_eq!(served, expected, "{}", value.row());
            assert_eq!(value.sealed_by(Some(&vault)).unwrap(), vault.fingerprint());
            seen += 1;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, sealed::ALL.len());
}
