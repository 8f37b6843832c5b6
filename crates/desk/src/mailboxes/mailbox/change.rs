//! The tabs *Remote Mailbox* and *Outgoing (SMTP)* are saved, and what changed becomes an event.
use super::rules::{
    authorized, checked_outgoing, checked_remote, ready_to_fetch, ready_to_send, with_folders,
};
use super::secret::{self, host_changed};
use super::{
    Completeness, Mailbox, OutgoingMailbox, RemoteMailbox, ServerSide, Side, fetched_by, get, in_one_folder,
};
use crate::db::Tx;
use crate::mailboxes::balance::{self, Asked};
use crate::mailboxes::{client, grant, numbering};
use crate::site::event::{self, Subject};
use crate::site::vault::Vault;
use crate::{By, Result, params};
use mail::provider::{Book, Preset};
use serde_json::{Map, Value, json};

/// Rules: plain only to loopback; *Move to Folder* refuses the fetched folders; what fetching needs is
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
    let mut new = checked_remote(&old, remote, by.at)?;
    let secret = secret::entered(tx, vault, &old, &remote.server, &new.incoming, Side::Incoming)?;
    new.incoming.has_password |= secret.is_some();
    if new.active {
        match (ready_to_fetch(&new), completeness) {
            (Ok(()), Completeness::Complete) if begins(&old, &new, Side::Incoming) => {
                authorized(&new, Side::Incoming)?;
            }
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
    secret::store(tx, vault, id, Side::Incoming, secret, nonce)?;
    moved(tx, by, &old)?;
    if old.activated_at.is_some() && new.start_from.is_before(&old.start_from) {
        // Reading has gone past it: it is fetched with the next round, silently.
        balance::want(tx, &new, Asked::Fetch)?;
    }
    event::append(tx, by, Subject::Mailbox(id), "changed", json!({ "side": "incoming", "fields": changed }))?;
    host_changed(tx, by, &old, &old.incoming, &new.incoming, Side::Incoming)?;
    tx.wake("mailbox");
    Ok(())
}

/// Other folders, and all else as it is.
pub fn change_folders(tx: &mut Tx<'_>, by: &By, id: i64, folders: &[String]) -> Result<()> {
    let old = get(tx, id)?;
    let new = with_folders(&old, folders)?;
    let changed = differences(&fields_of_remote(&old), &fields_of_remote(&new));
    if changed.is_empty() {
        return Ok(());
    }
    store_remote(tx, by, &old, &new)?;
    event::append(tx, by, Subject::Mailbox(id), "changed", json!({ "side": "incoming", "fields": changed }))?;
    tx.wake("mailbox");
    Ok(())
}

/// *Same as Remote Mailbox* without a server means the one that the incoming side's provider has for it.
pub fn change_outgoing(
    tx: &mut Tx<'_>,
    vault: &Vault,
    providers: &Book,
    by: &By,
    id: i64,
    outgoing: &OutgoingMailbox,
    completeness: Completeness,
    nonce: [u8; 24],
) -> Result<()> {
    let old = get(tx, id)?;
    let preset = provider_of(tx, providers, &old)?;
    let mut new = checked_outgoing(&old, outgoing, preset)?;
    let secret = secret::entered(tx, vault, &old, &outgoing.server, &new.outgoing, Side::Outgoing)?;
    new.outgoing.has_password |= secret.is_some();
    if new.outgoing_active {
        match (ready_to_send(&new), completeness) {
            (Ok(()), Completeness::Complete) if begins(&old, &new, Side::Outgoing) => {
                authorized(&new, Side::Outgoing)?;
            }
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
    secret::store(tx, vault, id, Side::Outgoing, secret, nonce)?;
    event::append(tx, by, Subject::Mailbox(id), "changed", json!({ "side": "outgoing", "fields": changed }))?;
    host_changed(tx, by, &old, &old.outgoing, &new.outgoing, Side::Outgoing)?;
    tx.wake("outbox");
    Ok(())
}

/// Who keeps the mailbox: as its registration says, for two providers may have one server, or by its server.
fn provider_of<'a>(tx: &mut Tx<'_>, providers: &'a Book, mailbox: &Mailbox) -> Result<Option<&'a Preset>> {
    let of_server = providers.of_incoming_host(&mailbox.incoming.host);
    let registered = mailbox.incoming.client_id.filter(|_| mailbox.incoming.authentication.is_oauth());
    let Some(client_id) = registered else { return Ok(of_server) };
    let client = client::find(tx, client_id)?;
    let host = &mailbox.incoming.host;
    let preset = client
        .and_then(|client| providers.find(&client.provider))
        .filter(|preset| host.is_empty() || preset.is_read_at(host));
    Ok(preset.or(of_server))
}

/// A side is switched on, or is to sign in in another way from now on.
fn begins(old: &Mailbox, new: &Mailbox, side: Side) -> bool {
    match side {
        Side::Incoming => !old.active || old.incoming.authentication != new.incoming.authentication,
        Side::Outgoing => !old.outgoing_active || old.outgoing.authentication != new.outgoing.authentication,
    }
}

/// Binds a side to a registration; called by *Config*.
pub fn set_client(tx: &mut Tx<'_>, by: &By, id: i64, side: Side, client_id: i64) -> Result<()> {
    let old = get(tx, id)?;
    let before = old.server(side).client_id;
    if before == Some(client_id) {
        return Ok(());
    }
    let text = match side {
        Side::Incoming => "UPDATE mailbox SET in_client_id = $2 WHERE id = $1",
        Side::Outgoing => "UPDATE mailbox SET out_client_id = $2 WHERE id = $1",
    };
    tx.execute(text, params![id, client_id])?;
    if before.is_some() {
        grant::end_of_side(tx, by, id, side, None)?;
    }
    event::append(
        tx,
        by,
        Subject::Mailbox(id),
        "client_set",
        json!({ "side": side.word(), "client": client_id }),
    )
}

/// What it was red for may be mended, and what is wrong now would stand behind it: it is new until the next round.
fn looks_elsewhere(old: &Mailbox, new: &Mailbox) -> bool {
    fields_of_side(&old.incoming) != fields_of_side(&new.incoming)
        || old.protocol != new.protocol
        || (&old.folder, &old.more_folders) != (&new.folder, &new.more_folders)
}

/// Notes that it is to be read at another account or server than it was, where it was read at all.
pub(super) fn moved(tx: &mut Tx<'_>, by: &By, old: &Mailbox) -> Result<()> {
    if numbering::whose(&get(tx, old.id)?) != numbering::whose(old) {
        tx.execute(
            "UPDATE mailbox SET moved_at = $2
             WHERE id = $1 AND EXISTS (SELECT 1 FROM folder WHERE folder.mailbox_id = mailbox.id)",
            params![old.id, by.at],
        )?;
    }
    Ok(())
}

/// A running round of the old settings loses its lease; the next one begins at once.
fn store_remote(tx: &mut Tx<'_>, by: &By, old: &Mailbox, new: &Mailbox) -> Result<()> {
    let state = match (old.active, new.active) {
        (false, true) => "new",
        (true, false) => "paused",
        (true, true) if looks_elsewhere(old, new) => "new",
        _ => old.incoming_health.state.word(),
    };
    tx.execute(
        "UPDATE mailbox SET in_host = $2, in_port = $3, in_security = $4, in_authentication = $5, in_user = $6,
                in_folder = $7, active = $8, frequency_s = $9, batch = $10, fetched = $11, fetched_folder = $12,
                start_from = $13, in_protocol = $16, in_more_folders = $17, notified = $18, activated_at = CASE WHEN $8 = 1 THEN COALESCE(activated_at, $15) ELSE activated_at END,
                state_since = CASE WHEN state = $14 THEN state_since ELSE $15 END, state = $14,
                reason_code = CASE WHEN $14 = 'new' THEN '' ELSE reason_code END,
                reason = CASE WHEN $14 = 'new' THEN '' ELSE reason END,
                remedy = CASE WHEN $14 = 'new' THEN '' ELSE remedy END,
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
            by.at,
            new.protocol.word(),
            new.more_folders.join("\n"),
            new.notified
        ],
    )?;
    let fresh: Vec<&str> = new.folders().filter(|folder| !old.fetches(folder)).collect();
    if new.activated_at.is_some() && !fresh.is_empty() {
        for reader in in_one_folder(tx, new)? {
            balance::chosen(tx, reader.id, &fresh, by.at)?;
        }
    }
    if !old.active && new.active {
        switched_on(tx, by, new)?;
    }
    Ok(())
}

/// Where another mailbox reads its folders, which was switched on earlier: from now on, and what lies there is old mail.
pub(super) fn switched_on(tx: &mut Tx<'_>, by: &By, mailbox: &Mailbox) -> Result<()> {
    let Some(reader) = fetched_by(tx, mailbox)? else { return Ok(()) };
    let for_it: Vec<&str> = mailbox.folders().filter(|folder| !reader.fetches(folder)).collect();
    balance::chosen(tx, reader.id, &for_it, by.at)
}

/// What it was red for may be mended: it is new until the next try to send.
fn store_outgoing(tx: &mut Tx<'_>, by: &By, new: &Mailbox) -> Result<()> {
    tx.execute(
        "UPDATE mailbox SET out_host = $2, out_port = $3, out_security = $4, out_authentication = $5, out_user = $6,
                out_active = $7, header_spoofing = $8, out_protocol = $10,
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
            by.at,
            new.submission.word()
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
        ("protocol", json!(mailbox.protocol.word())),
        ("folder", json!(mailbox.folder)),
        ("more_folders", json!(mailbox.more_folders)),
        ("active", json!(mailbox.active)),
        ("frequency_s", json!(mailbox.frequency_s)),
        ("batch", json!(mailbox.batch)),
        ("fetched", json!([mailbox.fetched.word(), mailbox.fetched.folder()])),
        ("start_from", json!(mailbox.start_from.word())),
        ("notified", json!(mailbox.notified)),
    ]);
    fields
}
fn fields_of_outgoing(mailbox: &Mailbox) -> Fields {
    let mut fields = fields_of_side(&mailbox.outgoing);
    fields.extend([
        ("protocol", json!(mailbox.submission.word())),
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
