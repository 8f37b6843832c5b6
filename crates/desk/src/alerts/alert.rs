//! An alert: something that needs a person, from when it was seen until it has been well for a while.
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::mailboxes::mailbox::{LISTED_ANEW, NOT_DELIVERED, NOT_SETTLED, SOME_FOLDERS};
use crate::{Result, params};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Incoming,
    Outgoing,
    Silence,
    Secret,
    Certificate,
    /// Mail lies on the server that is not here.
    Unaccounted,
    /// Mail is stored here and does not become tickets.
    Filing,
}
impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Incoming,
        Kind::Outgoing,
        Kind::Silence,
        Kind::Secret,
        Kind::Certificate,
        Kind::Unaccounted,
        Kind::Filing,
    ];
    pub fn word(self) -> &'static str {
        match self {
            Kind::Incoming => "incoming",
            Kind::Outgoing => "outgoing",
            Kind::Silence => "silence",
            Kind::Secret => "secret",
            Kind::Certificate => "certificate",
            Kind::Unaccounted => "unaccounted",
            Kind::Filing => "filing",
        }
    }
    fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What is wrong, as it is seen now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Names it: two facts with one subject are the same matter.
    pub subject: String,
    pub kind: Kind,
    /// The side still works, by a token that is not replaced any more.
    pub is_ahead: bool,
    /// It is tried again by itself, and nothing has come of that for long.
    pub passes: bool,
    pub mailbox_id: Option<i64>,
    pub client_id: Option<i64>,
    pub consent_id: Option<i64>,
    pub name: String,
    pub code: String,
    pub reason: String,
    pub remedy: String,
    pub since: i64,
    /// When the secret or the certificate ends.
    pub until_at: Option<i64>,
}
impl Fact {
    /// What people read first: *support@contoso.example gets no mail*.
    pub fn headline(&self) -> String {
        match self.kind {
            Kind::Incoming if self.is_ahead => format!("{} will get no mail soon", self.name),
            Kind::Outgoing if self.is_ahead => format!("{} will send no mail soon", self.name),
            Kind::Incoming if [SOME_FOLDERS, NOT_DELIVERED].contains(&self.code.as_str()) => {
                format!("{} is not fetched whole", self.name)
            }
            Kind::Incoming if self.code == NOT_SETTLED => {
                format!("{} leaves fetched mail as it is on the server", self.name)
            }
            Kind::Incoming if self.code == LISTED_ANEW => {
                format!("{} is listed from the beginning at each look", self.name)
            }
            Kind::Incoming => format!("{} gets no mail", self.name),
            Kind::Outgoing => format!("{} sends no mail", self.name),
            Kind::Silence => format!("{} is unusually silent", self.name),
            Kind::Secret | Kind::Certificate => self.reason.trim_end_matches('.').to_owned(),
            Kind::Unaccounted => format!("{} lacks mail that is on its server", self.name),
            Kind::Filing => format!("{} has mail that does not become tickets", self.name),
        }
    }
    /// The same when it is over.
    pub fn well(&self) -> String {
        match self.kind {
            Kind::Incoming if [SOME_FOLDERS, NOT_DELIVERED].contains(&self.code.as_str()) => {
                format!("{} is fetched whole again", self.name)
            }
            Kind::Incoming if self.code == NOT_SETTLED => {
                format!("{} moves, deletes or marks fetched mail on the server again", self.name)
            }
            Kind::Incoming if self.code == LISTED_ANEW => {
                format!("{} is asked for what is new alone again", self.name)
            }
            Kind::Incoming => format!("{} gets mail again", self.name),
            Kind::Outgoing => format!("{} sends mail again", self.name),
            Kind::Silence => format!("{} is no longer silent", self.name),
            Kind::Secret => format!("{} has a new client secret", self.name),
            Kind::Certificate => format!("{} has a new certificate", self.name),
            Kind::Unaccounted => format!("{} has all mail of its server again", self.name),
            Kind::Filing => format!("Mail of {} becomes tickets again", self.name),
        }
    }
    /// The page where it is put right.
    pub fn path(&self) -> String {
        match (self.mailbox_id, self.kind) {
            (None, _) => "/mailboxes".to_owned(),
            (Some(id), Kind::Outgoing) => format!("/mailboxes/{id}/outgoing"),
            (Some(_), Kind::Filing) => "/inbox".to_owned(),
            (Some(id), Kind::Incoming | Kind::Silence | Kind::Unaccounted) => {
                format!("/mailboxes/{id}/remote")
            }
            (Some(id), Kind::Secret | Kind::Certificate) => format!("/mailboxes/{id}/remote/authorization"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Alert {
    pub id: i64,
    pub fact: Fact,
    pub begun_at: i64,
    /// Not found any more since: it ends when that has lasted.
    pub gone_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub again_at: Option<i64>,
    pub times: i64,
}

const SELECT: &str =
    "SELECT id, subject, kind, mailbox_id, client_id, consent_id, name, reason_code, reason, remedy,
    since, until_at, begun_at, gone_at, ended_at, again_at, times, passes,
    EXISTS (SELECT 1 FROM mailbox m WHERE m.id = alert.mailbox_id
            AND CASE alert.kind WHEN 'incoming' THEN m.state WHEN 'outgoing' THEN m.out_state ELSE '' END = 'ok')
    FROM alert";

impl FromRow for Alert {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        let mut alert = Alert {
            id: c.take()?,
            fact: Fact {
                subject: c.take()?,
                kind: {
                    let word: &str = c.take()?;
                    Kind::from_word(word)
                        .ok_or_else(|| db::Error::Decode(format!("the alert {word} is not known")))?
                },
                is_ahead: false,
                passes: false,
                mailbox_id: c.take()?,
                client_id: c.take()?,
                consent_id: c.take()?,
                name: c.take()?,
                code: c.take()?,
                reason: c.take()?,
                remedy: c.take()?,
                since: c.take()?,
                until_at: c.take()?,
            },
            begun_at: c.take()?,
            gone_at: c.take()?,
            ended_at: c.take()?,
            again_at: c.take()?,
            times: c.take()?,
        };
        alert.fact.passes = c.take()?;
        alert.fact.is_ahead = c.take()?;
        Ok(alert)
    }
}

/// Those that last, the oldest first.
pub fn open(tx: &mut Tx<'_>) -> Result<Vec<Alert>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE ended_at IS NULL ORDER BY id LIMIT 5000");
    Ok(tx.all(query.sql(), query.params())?)
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Alert>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE id = ").bind(id);
    Ok(tx.maybe(query.sql(), query.params())?)
}

/// `None`: another node was faster.
pub(super) fn begin(tx: &mut Tx<'_>, fact: &Fact, again_at: Option<i64>, now: i64) -> Result<Option<i64>> {
    let made: Option<(i64,)> = tx.maybe(
        "INSERT INTO alert (subject, kind, mailbox_id, client_id, consent_id, name, reason_code, reason, remedy, since,
                            until_at, begun_at, again_at, passes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (subject) WHERE ended_at IS NULL DO NOTHING RETURNING id",
        params![
            &fact.subject,
            fact.kind.word(),
            fact.mailbox_id,
            fact.client_id,
            fact.consent_id,
            &fact.name,
            &fact.code,
            &fact.reason,
            &fact.remedy,
            fact.since,
            fact.until_at,
            now,
            again_at,
            fact.passes
        ],
    )?;
    Ok(made.map(|(id,)| id))
}
/// It lasts; what is said about it may have changed.
pub(super) fn lasts(tx: &mut Tx<'_>, alert: &Alert, fact: &Fact, again_at: Option<i64>) -> Result<()> {
    if alert.fact == *fact && alert.gone_at.is_none() && alert.again_at == again_at {
        return Ok(());
    }
    tx.execute(
        "UPDATE alert SET mailbox_id = $2, consent_id = $3, name = $4, reason_code = $5, reason = $6, remedy = $7,
             since = $8, until_at = $9, again_at = $10, passes = $11, gone_at = NULL WHERE id = $1 AND ended_at IS NULL",
        params![
            alert.id,
            fact.mailbox_id,
            fact.consent_id,
            &fact.name,
            &fact.code,
            &fact.reason,
            &fact.remedy,
            fact.since,
            fact.until_at,
            again_at,
            fact.passes
        ],
    )?;
    Ok(())
}
/// Told once more; `false`: another node was faster.
pub(super) fn told_again(tx: &mut Tx<'_>, alert: &Alert) -> Result<bool> {
    let told = tx.execute(
        "UPDATE alert SET times = times + 1 WHERE id = $1 AND times = $2 AND ended_at IS NULL",
        params![alert.id, alert.times],
    )?;
    Ok(told == 1)
}
pub(super) fn gone(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<()> {
    tx.execute("UPDATE alert SET gone_at = $2 WHERE id = $1 AND gone_at IS NULL", params![id, now])?;
    Ok(())
}
/// `false`: another node was faster.
pub(super) fn end(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<bool> {
    let ended =
        tx.execute("UPDATE alert SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL", params![id, now])?;
    Ok(ended == 1)
}
