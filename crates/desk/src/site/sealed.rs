//! Every column that holds what the vault has sealed, and under which name each of its rows is sealed. Whoever changes
//! the key, drops what a lost key has sealed, or looks whether all of it opens, goes through this list: a column that
//! is not in it is lost with the first change of the key. A test reads the schema and finds what is missing here.
use super::vault::{self, DoesNotOpen, Vault};
use crate::db::{Db, Tx};
use crate::{Result, params};

/// A column of sealed values.
#[derive(Debug)]
pub struct Column {
    pub table: &'static str,
    pub column: &'static str,
    pub lost: Lost,
    /// The mailboxes that a row (`$1`) serves: how people know it.
    mailboxes: &'static str,
    page: &'static str,
    replace: &'static str,
    drop: &'static str,
}

/// What is to be done by a person when a value of it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It is entered again: what it is called on the page.
    Enter(&'static str),
    /// Another one is made: what it is called on the page. What is left of the row ends.
    MakeAnew(&'static str),
    /// The mailbox is authorized again: a column of `consent`, which ends.
    Authorize,
    /// The try to authorize is made again, by whoever is in the middle of it: a column of `consent`, which fails.
    TryAgain,
    /// Postern gets another one by itself.
    Nothing,
}

const OF_CLIENT: &str = "SELECT DISTINCT address FROM mailbox WHERE (in_client_id = $1 OR out_client_id = $1) AND removed_at IS NULL";
const OF_CERTIFICATE: &str = "SELECT DISTINCT address FROM mailbox m JOIN client_certificate c ON c.client_id IN (m.in_client_id, m.out_client_id) WHERE c.id = $1 AND m.removed_at IS NULL";
const OF_MAILBOX: &str = "SELECT address FROM mailbox WHERE id = $1 AND removed_at IS NULL";
const OF_CONSENT: &str = "SELECT m.address FROM mailbox m JOIN consent c ON c.mailbox_id = m.id WHERE c.id = $1 AND m.removed_at IS NULL";
/// Of what is kept only to be taken back nobody is asked for another.
const OF_GRANT: &str = "SELECT m.address FROM mailbox m JOIN consent c ON c.mailbox_id = m.id WHERE c.id = $1 AND m.removed_at IS NULL AND c.state NOT IN ('revoked', 'failed')";

/// Of the site as a whole.
const OF_NONE: &str = "SELECT address FROM mailbox WHERE id = $1 AND id IS NULL";

/// A column of a table with an `id`: its rows are sealed as `table:id:column`. It is dropped by being emptied.
#[rustfmt::skip]
macro_rules! sealed_column {
    ($table:literal, $column:literal, $mailboxes:expr, $lost:expr) => {
        Column {
            table: $table,
            column: $column,
            lost: $lost,
            mailboxes: $mailboxes,
            page: concat!("SELECT id, '', ", $column, " FROM ", $table,
                " WHERE ", $column, " IS NOT NULL AND id > $1 AND $2 = '' ORDER BY id LIMIT $3"),
            replace: concat!("UPDATE ", $table, " SET ", $column, " = $4",
                " WHERE id = $1 AND $2 = '' AND ", $column, " = $3"),
            drop: concat!("UPDATE ", $table, " SET ", $column, " = NULL",
                " WHERE id = $1 AND $2 = '' AND ", $column, " = $3"),
        }
    };
}
/// A column of a table with a key of two parts, a number and a word: its rows are sealed as `table:number:word`. It is
/// dropped with its row.
#[rustfmt::skip]
macro_rules! sealed_pair {
    ($table:literal, $id:literal, $part:literal, $column:literal, $mailboxes:expr, $lost:expr) => {
        Column {
            table: $table,
            column: $column,
            lost: $lost,
            mailboxes: $mailboxes,
            page: concat!("SELECT ", $id, ", ", $part, ", ", $column, " FROM ", $table,
                " WHERE (", $id, ", ", $part, ") > ($1, $2) ORDER BY ", $id, ", ", $part, " LIMIT $3"),
            replace: concat!("UPDATE ", $table, " SET ", $column, " = $4",
                " WHERE ", $id, " = $1 AND ", $part, " = $2 AND ", $column, " = $3"),
            drop: concat!("DELETE FROM ", $table,
                " WHERE ", $id, " = $1 AND ", $part, " = $2 AND ", $column, " = $3"),
        }
    };
}

pub const CLIENT_SECRET: Column = sealed_column!(
    "client",
    "client_secret",
    OF_CLIENT,
    Lost::Enter("the client secret of its registration")
);
pub const ACCOUNT_KEY: Column =
    sealed_column!("client", "account_key", OF_CLIENT, Lost::Enter("the key file of its service account"));
pub const CERTIFICATE_KEY: Column = sealed_column!(
    "client_certificate",
    "private_key",
    OF_CERTIFICATE,
    Lost::MakeAnew("another certificate of its registration, made anew and uploaded at the provider")
);
pub const IN_PASSWORD: Column =
    sealed_column!("mailbox", "in_password", OF_MAILBOX, Lost::Enter("the password of its remote mailbox"));
pub const OUT_PASSWORD: Column =
    sealed_column!("mailbox", "out_password", OF_MAILBOX, Lost::Enter("the password of its outgoing server"));
pub const VERIFIER: Column = sealed_column!("consent", "verifier", OF_CONSENT, Lost::TryAgain);
pub const DEVICE_CODE: Column = sealed_column!("consent", "device_code", OF_CONSENT, Lost::TryAgain);
pub const REFRESH_TOKEN: Column = sealed_column!("consent", "refresh_token", OF_GRANT, Lost::Authorize);
pub const ACCESS_TOKEN: Column =
    sealed_pair!("access_token", "consent_id", "resource", "token", OF_CONSENT, Lost::Nothing);
pub const WEBHOOK_SECRET: Column =
    sealed_column!("webhook", "secret", OF_NONE, Lost::Enter("a new secret of the webhook"));

/// All of them. What is destroyed together with another one stands before it, so that it is counted.
pub const ALL: &[&Column] = &[
    &CLIENT_SECRET,
    &ACCOUNT_KEY,
    &CERTIFICATE_KEY,
    &IN_PASSWORD,
    &OUT_PASSWORD,
    &WEBHOOK_SECRET,
    &VERIFIER,
    &DEVICE_CODE,
    &ACCESS_TOKEN,
    &REFRESH_TOKEN,
];

impl Column {
    /// The name that a value of this row is sealed under.
    pub fn row(&self, id: i64) -> String {
        self.row_of(id, "")
    }
    /// The same where the key has two parts.
    pub fn row_of(&self, id: i64, part: &str) -> String {
        format!("{}:{id}:{}", self.table, if part.is_empty() { self.column } else { part })
    }
    /// For the tests: composed here, so that the test over the source does not find them.
    #[cfg(any(test, feature = "testing"))]
    pub fn statements(&self) -> [&'static str; 4] {
        [self.mailboxes, self.page, self.replace, self.drop]
    }
    fn is(&self, other: &Column) -> bool {
        (self.table, self.column) == (other.table, other.column)
    }
}

/// One sealed value, where it stands.
#[derive(Clone, Debug)]
pub struct Value {
    pub of: &'static Column,
    pub id: i64,
    part: String,
    sealed: Vec<u8>,
}
impl Value {
    /// The name that it is sealed under.
    pub fn row(&self) -> String {
        self.of.row_of(self.id, &self.part)
    }
    pub fn is_of(&self, column: &Column) -> bool {
        self.of.is(column)
    }
    /// The fingerprint of the key that sealed it, if it opens; with no vault nothing does.
    pub fn sealed_by(&self, vault: Option<&Vault>) -> Result<String, DoesNotOpen> {
        match vault {
            Some(vault) => vault.sealed_by(&self.row(), &self.sealed),
            None => Err(vault::without_key(&self.sealed)),
        }
    }
    /// As it is kept.
    pub fn bytes(&self) -> &[u8] {
        &self.sealed
    }
    /// The addresses of the mailboxes that it serves.
    pub fn mailboxes(&self, tx: &mut Tx<'_>) -> Result<Vec<String>> {
        let found: Vec<(String,)> = tx.all(self.of.mailboxes, params![self.id])?;
        Ok(found.into_iter().map(|(address,)| address).collect())
    }
    /// Another value in its place; `false`: somebody else has put one there meanwhile.
    pub(crate) fn replace(&self, tx: &mut Tx<'_>, sealed: &[u8]) -> Result<bool> {
        let changed =
            tx.execute(self.of.replace, params![self.id, self.part.as_str(), &self.sealed, sealed])?;
        Ok(changed == 1)
    }
    /// Gone, if it is still this one.
    pub(crate) fn drop(&self, tx: &mut Tx<'_>) -> Result<bool> {
        let changed = tx.execute(self.of.drop, params![self.id, self.part.as_str(), &self.sealed])?;
        Ok(changed == 1)
    }
}

/// So many are read, or changed in one transaction, at once: others write in between.
const BATCH: i64 = 100;

/// Every sealed value there is, in batches, each of which is read at its time.
pub fn each_batch(db: &Db, mut f: impl FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
    for &column in ALL {
        let (mut id, mut part) = (i64::MIN, String::new());
        loop {
            let rows: Vec<(i64, String, Vec<u8>)> =
                db.read(|tx| tx.all(column.page, params![id, part.as_str(), BATCH]))?;
            let Some((last_id, last_part, _)) = rows.last() else { break };
            (id, part) = (*last_id, last_part.clone());
            let value = |(id, part, sealed)| Value { of: column, id, part, sealed };
            f(rows.into_iter().map(value).collect())?;
        }
    }
    Ok(())
}
