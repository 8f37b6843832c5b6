//! Who answers. Passwords are Argon2id hashes; hashing takes tens of milliseconds, so it is done
//! outside the transaction: [`hash_password`], then the write.
use crate::{By, Result, db::Tx};
use secrecy::SecretString;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Agent,
    Administrator,
}

#[derive(Clone, Debug)]
pub struct Agent {
    pub id: i64,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub active: bool,
    pub language: String,
    pub time_zone: String,
    pub theme: String,
    pub created_at: i64,
}

#[derive(Clone, Debug)]
pub struct NewAgent {
    pub email: String,
    pub name: String,
    pub role: Role,
    /// From [`hash_password`].
    pub password_hash: String,
}

/// Refuses what is shorter than 12 or longer than 256 characters.
pub fn hash_password(password: &SecretString, salt: [u8; 16]) -> Result<String> {
    let _ = (password, salt);
    todo!()
}
/// Constant work whether or not there is a hash (no user enumeration by time).
pub fn check_password(password: &SecretString, hash: Option<&str>) -> bool {
    let _ = (password, hash);
    todo!()
}

pub fn create(tx: &mut Tx<'_>, by: &By, new: &NewAgent) -> Result<i64> {
    let _ = (tx, by, new);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Agent>> {
    let _ = (tx, id);
    todo!()
}
pub fn find_by_email(tx: &mut Tx<'_>, email: &str) -> Result<Option<(Agent, Option<String>)>> {
    let _ = (tx, email);
    todo!()
}
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Agent>> {
    let _ = tx;
    todo!()
}
/// Name, role, active, time zone, theme. Never the last active administrator down; sessions of a
/// disabled agent end at once, its open tickets become unassigned.
pub fn change(tx: &mut Tx<'_>, by: &By, agent: &Agent) -> Result<()> {
    let _ = (tx, by, agent);
    todo!()
}
/// Sets a new password and ends every session of the agent but `keep_session`.
pub fn set_password(tx: &mut Tx<'_>, by: &By, id: i64, hash: &str, keep_session: Option<i64>) -> Result<()> {
    let _ = (tx, by, id, hash, keep_session);
    todo!()
}
pub fn has_administrator(tx: &mut Tx<'_>) -> Result<bool> {
    let _ = tx;
    todo!()
}
