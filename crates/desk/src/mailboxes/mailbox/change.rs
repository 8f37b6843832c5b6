//! The tabs *Remote Mailbox* and *Outgoing (SMTP)* are saved: rules, secrets, events.
use super::server::{check_security, checked_host, of_one_house};
use super::{Authentication, Completeness, EnteredServer, Fetched, Mailbox, OutgoingMailbox, RemoteMailbox};
use super::{ServerSide, Side, StartFrom, get};
use crate::db::Tx;
use crate::mailboxes::grant;
use crate::site::event::{self, Subject};
use crate::site::vault::{self, Vault};
use crate::{By, Refusal, Result, params};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

/// How often a mailbox may be asked, in seconds, and how many messages a batch may have.
pub const FREQUENCY_S: std::ops::RangeInclusive<i64> = 10..=86_400;
pub const BATCH: std::ops::RangeInclusive<i64> = 1..=500;

/// Rules: plain only to loopback; *Move to Folder* refuses the fetched folder; what fetching needs is
/// there before Status is on. `Draft` saves what is there without asking for completeness (*Config*).
pub fn change_remote(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    remote: &RemoteMailbox,
    completeness: Completeness,
    nonce: [u8; 24],
) -> Result<()> {
    let old = get(tx, id)?;
    let mut new = checked_remote(&old, remote)?;
    let secret = secret(tx, vault, &old, &remote.server, &new.incoming, Side::Incoming)?;
    new.incoming.has_password |= secret.is_some();
    if new.active {
        match (ready_to_fetch(&new), completeness) {
            (Ok(()), _) => {}
            (Err(_), Completeness::Draft) => new.active = false,
            (Err(refusal), Completeness::Complete) => return Err(refusal),
        }
    }
    let mut changed = differences(&fields_of_remote(&old), &fields_of_remote(&new));
    if secret.is_some() {
        changed.insert("password".into(), json!("entered"));
    }
    if changed.is_empty() {
        return Ok(());
    }
    store_remote(tx, by, &old, &new)?;
    store_secret(tx, vault, id, Side::Incoming, secret, nonce)?;
    event::append(tx, by, Subject::Mailbox(id), "changed", json!({ "side": "incoming", "fields": changed }))?;
    host_changed(tx, by, &old, &old.incoming, &new.incoming, Side::Incoming)?;
    tx.wake("mailbox");
    Ok(())
}

pub fn change_outgoing(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    outgoing: &OutgoingMailbox,
    completeness: Completeness,
    nonce: [u8; 24],
) -> Result<()> {
    let old = get(tx, id)?;
    let mut new = checked_outgoing(&old, outgoing)?;
    let secret = secret(tx, vault, &old, &outgoing.server, &new.outgoing, Side::Outgoing)?;
    new.outgoing.has_password |= secret.is_some();
    if new.outgoing_active {
        match (ready_to_send(&new), completeness) {
            (Ok(()), _) => {}
            (Err(_), Completeness::Draft) => new.outgoing_active = false,
            (Err(refusal), Completeness::Complete) => return Err(refusal),
        }
    }
    let mut changed = differences(&fields_of_outgoing(&old), &fields_of_outgoing(&new));
    if secret.is_some() {
        changed.insert("password".into(), json!("entered"));
    }
    if changed.is_empty() {
        return Ok(());
    }
    store_outgoing(tx, by, &new)?;
    store_secret(tx, vault, id, Side::Outgoing, secret, nonce)?;
    event::append(tx, by, Subject::Mailbox(id), "changed", json!({ "side": "outgoing", "fields": changed }))?;
    host_changed(tx, by, &old, &old.outgoing, &new.outgoing, Side::Outgoing)?;
    tx.wake("outbox");
    Ok(())
}

/// The password of a side, following *Same as Remote Mailbox*: only to a server of the same house.
pub fn password_for_system(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    side: Side,
) -> Result<Option<SecretString>> {
    let mailbox = get(tx, id)?;
    match (side, mailbox.outgoing.authentication) {
        (Side::Outgoing, Authentication::Same) if mailbox.shares_incoming() => {
            stored(tx, vault, id, Side::Incoming)
        }
        (Side::Outgoing, Authentication::Same) => Ok(None),
        (side, _) => stored(tx, vault, id, side),
    }
}

/// Binds a side to a registration; called by *Config*.
pub fn set_client(tx: &mut Tx<'_>, by: &By, id: i64, side: Side, client_id: i64) -> Result<()> {
    let old = get(tx, id)?;
    let before = match side {
        Side::Incoming => old.incoming.client_id,
        Side::Outgoing => old.outgoing.client_id,
    };
    if before == Some(client_id) {
        return Ok(());
    }
    let text = match side {
        Side::Incoming => "UPDATE mailbox SET in_client_id = $2 WHERE id = $1",
        Side::Outgoing => "UPDATE mailbox SET out_client_id = $2 WHERE id = $1",
    };
    tx.execute(text, params![id, client_id])?;
    if before.is_some() {
        grant::end_of_side(tx, by, id, side)?;
    }
    event::append(
        tx,
        by,
        Subject::Mailbox(id),
        "client_set",
        json!({ "side": side.word(), "client": client_id }),
    )
}

/// What fetching needs is there. (A consent may still be missing: the mailbox then says so itself.)
pub(super) fn ready_to_fetch(mailbox: &Mailbox) -> Result<()> {
    let side = &mailbox.incoming;
    if mailbox.removed_at.is_some() {
        return Err(Refusal::NotFound("mailbox").into());
    }
    if side.host.is_empty() {
        return Err(Refusal::Required("Hostname").into());
    }
    match side.authentication {
        Authentication::None | Authentication::Same => Err(Refusal::Required("Authentication").into()),
        Authentication::Password if !side.has_password => Err(Refusal::Required("Password").into()),
        Authentication::Password
        | Authentication::Microsoft
        | Authentication::Google
        | Authentication::Other => Ok(()),
    }
}

fn ready_to_send(mailbox: &Mailbox) -> Result<()> {
    let side = &mailbox.outgoing;
    match side.authentication {
        Authentication::None => return Err(Refusal::Required("Authentication").into()),
        Authentication::Same if mailbox.incoming.authentication == Authentication::None => {
            let sentence = "The Remote Mailbox has no authentication yet that could be shared. Set it first, or choose another one here.";
            return Err(Refusal::Other(sentence.into()).into());
        }
        Authentication::Password if !side.has_password => return Err(Refusal::Required("Password").into()),
        Authentication::Same
        | Authentication::Password
        | Authentication::Microsoft
        | Authentication::Google
        | Authentication::Other => {}
    }
    if side.host.is_empty() {
        return Err(Refusal::Required("Hostname").into());
    }
    Ok(())
}

fn checked_remote(old: &Mailbox, remote: &RemoteMailbox) -> Result<Mailbox> {
    if remote.server.authentication == Authentication::Same {
        return Err(Refusal::Required("Authentication").into());
    }
    let incoming = checked_side(&old.incoming, &remote.server)?;
    let folder = checked_folder("Mail Folder", &remote.folder)?;
    let fetched = match &remote.fetched {
        Fetched::Move(to) => {
            let to = checked_folder("Move to Folder", to)?;
            if to.is_empty() {
                return Err(Refusal::Required("Move to Folder").into());
            }
            // Servers may hold names that differ in case apart, but INBOX is one however it is written, and a mail
            // that is moved to where it is fetched from comes again and again.
            let from = if folder.is_empty() { "INBOX" } else { &folder };
            if to.to_lowercase() == from.to_lowercase() {
                return Err(Refusal::MoveToFetchedFolder(to).into());
            }
            Fetched::Move(to)
        }
        kept => kept.clone(),
    };
    within("Fetch Frequency", remote.frequency_s, &FREQUENCY_S, "seconds")?;
    within("Emails Per Fetch", remote.batch, &BATCH, "messages")?;
    if let StartFrom::Date(date) = &remote.start_from {
        let real = date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok();
        if !real {
            let why = format!("“{date}” is not a date. Write it as in 2026-01-31.");
            return Err(Refusal::BadEndpoint { field: "Start From", why }.into());
        }
    }
    Ok(Mailbox {
        incoming,
        folder,
        fetched,
        active: remote.active,
        frequency_s: remote.frequency_s,
        batch: remote.batch,
        start_from: remote.start_from.clone(),
        ..old.clone()
    })
}

fn checked_outgoing(old: &Mailbox, outgoing: &OutgoingMailbox) -> Result<Mailbox> {
    let mut server = outgoing.server.clone();
    // Nothing was named: the server that the provider has for it.
    let preset = mail::provider::ALL.iter().find(|preset| preset.imap.host == old.incoming.host);
    if let Some(preset) = preset
        && server.authentication == Authentication::Same
        && server.host.trim().is_empty()
    {
        server.host = preset.smtp.host.to_owned();
        server.port = preset.smtp.port;
        server.security = preset.smtp.security.into();
    }
    let new = Mailbox {
        outgoing: checked_side(&old.outgoing, &server)?,
        outgoing_active: outgoing.active,
        header_spoofing: outgoing.header_spoofing,
        ..old.clone()
    };
    let side = &new.outgoing;
    let apart = !side.host.is_empty() && !old.incoming.host.is_empty() && !new.shares_incoming();
    if side.authentication == Authentication::Same && apart {
        return Err(Refusal::Other(format!(
            "What was entered for {} is not sent to {}. Choose an authentication of its own for the outgoing server.",
            old.incoming.host, side.host
        ))
        .into());
    }
    Ok(new)
}

fn checked_side(old: &ServerSide, entered: &EnteredServer) -> Result<ServerSide> {
    let host = checked_host(&entered.host)?;
    check_security(entered, &host)?;
    let user = entered.user.trim();
    if user.chars().any(char::is_control) || user.len() > 255 {
        let why = "a user name is one line of at most 255 characters.".into();
        return Err(Refusal::BadEndpoint { field: "Username", why }.into());
    }
    Ok(ServerSide {
        host,
        port: entered.port,
        security: entered.security,
        authentication: entered.authentication,
        user: user.to_owned(),
        ..old.clone()
    })
}

fn checked_folder(field: &'static str, folder: &str) -> Result<String> {
    let folder = folder.trim().trim_end_matches('/');
    if folder.chars().any(char::is_control) || folder.len() > 255 {
        let why = "the name of a folder is one line of at most 255 characters.".into();
        return Err(Refusal::BadEndpoint { field, why }.into());
    }
    Ok(folder.to_owned())
}

fn within(field: &'static str, value: i64, range: &std::ops::RangeInclusive<i64>, unit: &str) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let why = format!("it is between {} and {} {unit}.", range.start(), range.end());
    Err(Refusal::BadEndpoint { field, why }.into())
}

/// The password to store, if another one was entered. A kept one goes only to the host it was entered for.
fn secret(
    tx: &mut Tx<'_>,
    vault: &Vault,
    old: &Mailbox,
    entered: &EnteredServer,
    new: &ServerSide,
    side: Side,
) -> Result<Option<SecretString>> {
    let before = match side {
        Side::Incoming => &old.incoming,
        Side::Outgoing => &old.outgoing,
    };
    let given = entered.password.as_ref().filter(|password| !password.expose_secret().is_empty());
    // A host that is emptied asks for nothing, and takes the password with it (see `host_changed`).
    let moved = !before.host.is_empty() && !new.host.is_empty() && before.host != new.host;
    match given {
        Some(password) if vault::is_same(stored(tx, vault, old.id, side)?.as_ref(), password) => Ok(None),
        Some(password) => Ok(Some(password.clone())),
        None if moved && before.has_password && new.authentication == Authentication::Password => {
            Err(Refusal::SecretAgain { field: "Password", from: before.host.clone(), to: new.host.clone() }
                .into())
        }
        None => Ok(None),
    }
}

/// Another host: tokens of the old one end, a password that is not in use is not kept for it, and it is told.
fn host_changed(
    tx: &mut Tx<'_>,
    by: &By,
    old: &Mailbox,
    before: &ServerSide,
    after: &ServerSide,
    side: Side,
) -> Result<()> {
    if before.host.is_empty() || before.host == after.host {
        return Ok(());
    }
    grant::end_of_side(tx, by, old.id, side)?;
    if after.authentication != Authentication::Password || after.host.is_empty() {
        let text = match side {
            Side::Incoming => "UPDATE mailbox SET in_password = NULL WHERE id = $1",
            Side::Outgoing => "UPDATE mailbox SET out_password = NULL WHERE id = $1",
        };
        tx.execute(text, params![old.id])?;
    }
    let data = json!({ "side": side.word(), "from": before.host, "to": after.host });
    event::append(tx, by, Subject::Mailbox(old.id), "host_changed", data)
}

fn secret_row(id: i64, side: Side) -> String {
    match side {
        Side::Incoming => format!("mailbox:{id}:in_password"),
        Side::Outgoing => format!("mailbox:{id}:out_password"),
    }
}

fn stored(tx: &mut Tx<'_>, vault: &Vault, id: i64, side: Side) -> Result<Option<SecretString>> {
    let text = match side {
        Side::Incoming => "SELECT in_password FROM mailbox WHERE id = $1",
        Side::Outgoing => "SELECT out_password FROM mailbox WHERE id = $1",
    };
    let (sealed,): (Option<Vec<u8>>,) = tx.one(text, params![id])?;
    sealed.map(|sealed| vault.unseal(&secret_row(id, side), &sealed)).transpose()
}

fn store_secret(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    side: Side,
    secret: Option<SecretString>,
    nonce: [u8; 24],
) -> Result<()> {
    let Some(secret) = secret else { return Ok(()) };
    let text = match side {
        Side::Incoming => "UPDATE mailbox SET in_password = $2 WHERE id = $1",
        Side::Outgoing => "UPDATE mailbox SET out_password = $2 WHERE id = $1",
    };
    tx.execute(text, params![id, vault.seal(&secret_row(id, side), &secret, nonce)])?;
    Ok(())
}

/// A running round of the old settings loses its lease; the next one begins at once.
fn store_remote(tx: &mut Tx<'_>, by: &By, old: &Mailbox, new: &Mailbox) -> Result<()> {
    let state = match (old.active, new.active) {
        (false, true) => "new",
        (true, false) => "paused",
        _ => old.incoming_health.state.word(),
    };
    tx.execute(
        "UPDATE mailbox SET in_host = $2, in_port = $3, in_security = $4, in_authentication = $5, in_user = $6,
                in_folder = $7, active = $8, frequency_s = $9, batch = $10, fetched = $11, fetched_folder = $12,
                start_from = $13, activated_at = CASE WHEN $8 = 1 THEN COALESCE(activated_at, $15) ELSE activated_at END,
                state_since = CASE WHEN state = $14 THEN state_since ELSE $15 END, state = $14,
                due_at = $15, leased_until = 0, generation = generation + 1
         WHERE id = $1",
        params![
            new.id,
            &new.incoming.host,
            new.incoming.port,
            new.incoming.security.word(),
            new.incoming.authentication.word(),
            &new.incoming.user,
            &new.folder,
            new.active,
            new.frequency_s,
            new.batch,
            new.fetched.word(),
            new.fetched.folder(),
            new.start_from.word(),
            state,
            by.at
        ],
    )?;
    Ok(())
}

/// What it was red for may be mended: it is new until the next try to send.
fn store_outgoing(tx: &mut Tx<'_>, by: &By, new: &Mailbox) -> Result<()> {
    tx.execute(
        "UPDATE mailbox SET out_host = $2, out_port = $3, out_security = $4, out_authentication = $5, out_user = $6,
                out_active = $7, header_spoofing = $8,
                out_state = 'new', out_state_since = $9, out_reason_code = '', out_reason = '', out_remedy = ''
         WHERE id = $1",
        params![
            new.id,
            &new.outgoing.host,
            new.outgoing.port,
            new.outgoing.security.word(),
            new.outgoing.authentication.word(),
            &new.outgoing.user,
            new.outgoing_active,
            new.header_spoofing,
            by.at
        ],
    )?;
    Ok(())
}

type Fields = Vec<(&'static str, Value)>;

fn fields_of_side(side: &ServerSide) -> Fields {
    vec![
        ("host", json!(side.host)),
        ("port", json!(side.port)),
        ("security", json!(side.security.word())),
        ("authentication", json!(side.authentication.word())),
        ("user", json!(side.user)),
    ]
}
fn fields_of_remote(mailbox: &Mailbox) -> Fields {
    let mut fields = fields_of_side(&mailbox.incoming);
    fields.extend([
        ("folder", json!(mailbox.folder)),
        ("active", json!(mailbox.active)),
        ("frequency_s", json!(mailbox.frequency_s)),
        ("batch", json!(mailbox.batch)),
        ("fetched", json!([mailbox.fetched.word(), mailbox.fetched.folder()])),
        ("start_from", json!(mailbox.start_from.word())),
    ]);
    fields
}
fn fields_of_outgoing(mailbox: &Mailbox) -> Fields {
    let mut fields = fields_of_side(&mailbox.outgoing);
    fields.extend([
        ("active", json!(mailbox.outgoing_active)),
        ("header_spoofing", json!(mailbox.header_spoofing)),
    ]);
    fields
}
/// What changed, from what to what; for the event.
fn differences(old: &Fields, new: &Fields) -> Map<String, Value> {
    let pairs = old.iter().zip(new).filter(|((_, was), (_, is))| was != is);
    pairs.map(|((field, was), (_, is))| ((*field).to_owned(), json!([was, is]))).collect()
}

impl Mailbox {
    /// Whether the outgoing server may be given what was entered for the incoming one.
    pub fn shares_incoming(&self) -> bool {
        of_one_house(&self.incoming.host, &self.outgoing.host)
    }
}
