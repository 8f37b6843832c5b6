//! Who answers. Passwords are Argon2id hashes; hashing takes tens of milliseconds, so it is done
//! outside the transaction: [`hash_password`], then the write.
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::site::event::{self, Subject};
use crate::{By, Refusal, Result, params};
use serde_json::json;

pub use super::password::{check_password, hash_password};

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

/// Every column of an [`Agent`], in the order that it is read in.
const SELECT: &str = "SELECT id, email, name, role, active, language, time_zone, theme, created_at";

pub fn create(tx: &mut Tx<'_>, by: &By, new: &NewAgent) -> Result<i64> {
    let email = new.email.trim();
    if !mail::address::is_valid_mailbox(email) {
        return Err(Refusal::BadEmail(email.to_owned()).into());
    }
    let name = match new.name.trim() {
        "" => email,
        name => name,
    };
    if find_by_email(tx, email)?.is_some() {
        return Err(Refusal::AddressTaken(email.to_owned()).into());
    }
    let id = tx.insert(
        "INSERT INTO agent (email, email_key, name, role, password_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        params![email, mail::address::key(email), name, new.role.word(), &new.password_hash, by.at],
    )?;
    event::append(tx, by, Subject::Agent(id), "created", json!({ "email": email, "role": new.role.word() }))?;
    Ok(id)
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Agent>> {
    let mut query = Query::new(SELECT);
    query.push(" FROM agent WHERE id = ").bind(id);
    Ok(tx.maybe(query.sql(), query.params())?)
}

pub fn find_by_email(tx: &mut Tx<'_>, email: &str) -> Result<Option<(Agent, Option<String>)>> {
    let mut query = Query::new(SELECT);
    query.push(", password_hash FROM agent WHERE email_key = ").bind(mail::address::key(email));
    let found: Option<WithHash> = tx.maybe(query.sql(), query.params())?;
    Ok(found.map(|WithHash(agent, hash)| (agent, hash)))
}

pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Agent>> {
    let mut query = Query::new(SELECT);
    query.push(" FROM agent ORDER BY email_key LIMIT 10000");
    Ok(tx.all(query.sql(), query.params())?)
}

/// Name, role, active, language, time zone, theme. Never the last active administrator down; sessions of a
/// disabled agent end at once, its open tickets become unassigned.
pub fn change(tx: &mut Tx<'_>, by: &By, agent: &Agent) -> Result<()> {
    let old = find(tx, agent.id)?.ok_or(Refusal::NotFound("agent"))?;
    let name = match agent.name.trim() {
        "" => return Err(Refusal::Required("Name").into()),
        name => name,
    };
    let falls =
        old.active && old.role == Role::Administrator && !(agent.active && agent.role == Role::Administrator);
    if falls && others_in_charge(tx, agent.id)? == 0 {
        return Err(Refusal::LastAdministrator.into());
    }
    let mut changed = serde_json::Map::new();
    for (field, was, is) in [
        ("name", old.name.as_str(), name),
        ("role", old.role.word(), agent.role.word()),
        ("language", &old.language, &agent.language),
        ("time_zone", &old.time_zone, &agent.time_zone),
        ("theme", &old.theme, &agent.theme),
    ] {
        if was != is {
            changed.insert(field.into(), json!([was, is]));
        }
    }
    if old.active != agent.active {
        changed.insert("active".into(), json!([old.active, agent.active]));
    }
    if changed.is_empty() {
        return Ok(());
    }
    tx.execute(
        "UPDATE agent SET name = $2, role = $3, active = $4, language = $5, time_zone = $6, theme = $7 WHERE id = $1",
        params![agent.id, name, agent.role.word(), agent.active, &agent.language, &agent.time_zone, &agent.theme],
    )?;
    event::append(tx, by, Subject::Agent(agent.id), "changed", changed.into())?;
    if old.active && !agent.active {
        leave(tx, by, agent.id)?;
    }
    Ok(())
}

/// The same for oneself. Role and activity are not one's own to set: they stay as they are, whatever they were when
/// `agent` was read.
pub fn change_own(tx: &mut Tx<'_>, by: &By, agent: &Agent) -> Result<()> {
    let now = find(tx, agent.id)?.filter(|now| now.active).ok_or(Refusal::NotFound("agent"))?;
    change(tx, by, &Agent { role: now.role, active: now.active, ..agent.clone() })
}

/// Sets a new password and ends every session of the agent but `keep_session`.
pub fn set_password(tx: &mut Tx<'_>, by: &By, id: i64, hash: &str, keep_session: Option<i64>) -> Result<()> {
    let set = tx.execute("UPDATE agent SET password_hash = $2 WHERE id = $1", params![id, hash])?;
    if set == 0 {
        return Err(Refusal::NotFound("agent").into());
    }
    tx.execute(
        "DELETE FROM session WHERE agent_id = $1 AND id <> $2",
        params![id, keep_session.unwrap_or(0)],
    )?;
    event::append(tx, by, Subject::Agent(id), "password_set", json!({}))
}

pub fn has_administrator(tx: &mut Tx<'_>) -> Result<bool> {
    let (there,): (bool,) =
        tx.one("SELECT EXISTS (SELECT 1 FROM agent WHERE role = 'administrator' AND active = 1)", &[])?;
    Ok(there)
}

/// How many other administrators there are. Their rows are written, not only read: of two administrators who put
/// each other down at the same time, PostgreSQL then makes the second one look again.
fn others_in_charge(tx: &mut Tx<'_>, id: i64) -> Result<u64> {
    let all =
        tx.execute("UPDATE agent SET active = active WHERE role = 'administrator' AND active = 1", &[])?;
    let (this,): (i64,) = tx.one(
        "SELECT count(*) FROM agent WHERE id = $1 AND role = 'administrator' AND active = 1",
        params![id],
    )?;
    Ok(all.saturating_sub(u64::try_from(this).unwrap_or(0)))
}

/// Who no longer works here is signed out at once, and open tickets wait for somebody else.
fn leave(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    tx.execute("DELETE FROM session WHERE agent_id = $1", params![id])?;
    let open: Vec<(i64,)> = tx.all(
        "UPDATE ticket SET assignee_id = NULL WHERE assignee_id = $1 AND state = 'open' RETURNING id",
        params![id],
    )?;
    for (ticket,) in &open {
        event::append(
            tx,
            by,
            Subject::Ticket(*ticket),
            "unassigned",
            json!({ "why": "agent_disabled", "agent_id": id }),
        )?;
    }
    if !open.is_empty() {
        tx.wake("ticket");
    }
    Ok(())
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Administrator => "administrator",
        }
    }
    pub fn from_word(word: &str) -> Option<Role> {
        match word {
            "agent" => Some(Role::Agent),
            "administrator" => Some(Role::Administrator),
            _ => None,
        }
    }
}

impl FromRow for Agent {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        Ok(Agent {
            id: c.take()?,
            email: c.take()?,
            name: c.take()?,
            role: {
                let word: &str = c.take()?;
                Role::from_word(word)
                    .ok_or_else(|| db::Error::Decode(format!("the role {word} is not known")))?
            },
            active: c.take()?,
            language: c.take()?,
            time_zone: c.take()?,
            theme: c.take()?,
            created_at: c.take()?,
        })
    }
}
struct WithHash(Agent, Option<String>);
impl FromRow for WithHash {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(WithHash(Agent::from_row(row)?, row.get(9)?))
    }
}
