//! The JSON objects of the command line's contract: which keys, and how times look.
use courier::authorize::{About, Question};
use desk::alerts::{alert::Alert, fleet, fleet::Member};
use desk::mailboxes::balance::Balance;
use desk::mailboxes::client::certificate;
use desk::mailboxes::mailbox::{Authentication, Health, Mailbox, Security, ServerSide, Side, State};
use desk::mailboxes::{client::Client, grant, grant::Grant, subscription, subscription::Subscription};
use desk::outgoing::delivery::{self, Delivery, Sending};
use desk::outgoing::outbox::Outbox;
use desk::site::mail_hold;
use desk::tickets::{entry, entry::Entry, queue::Line, ticket, ticket::Ticket};
use serde_json::{Value, json};
use std::collections::HashMap;

/// RFC 3339 in UTC, with milliseconds.
pub fn time(at: i64) -> Value {
    jiff::Timestamp::from_millisecond(at).map_or(Value::Null, |t| json!(format!("{t:.3}")))
}
pub fn maybe_time(at: Option<i64>) -> Value {
    at.map_or(Value::Null, time)
}
/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// A mailbox with what belongs to it.
#[derive(Debug)]
pub struct MailboxView {
    pub mailbox: Mailbox,
    pub department: String,
    pub grant: Option<Grant>,
    pub client: Option<Client>,
    /// Of the certificate that its registration shows.
    pub certificate_expires_at: Option<i64>,
    pub callback: Option<String>,
    /// What keeps it alive: grants, secrets, traffic, alerts.
    pub member: Member,
    /// Who has signed in otherwise than expected, and waits for a word.
    pub questions: Vec<Question>,
    /// When all this was so.
    pub now: i64,
    /// Mail is on hold: nothing is tried.
    pub on_hold: bool,
    /// What has ended, and its provider does not know of.
    pub untold: Vec<grant::Untold>,
    /// What the server was asked to tell of by itself.
    pub subscriptions: Vec<Subscription>,
}

pub fn state(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Ok => "ok",
        State::Waiting => "waiting",
        State::NeedsPerson => "needs_person",
        State::Paused => "paused",
    }
}
pub fn authentication(of: Authentication) -> &'static str {
    match of {
        Authentication::None => "none",
        Authentication::Same => "same",
        Authentication::Microsoft => "microsoft",
        Authentication::Google => "google",
        Authentication::Other => "other",
        Authentication::Password => "password",
    }
}
pub fn security(of: Security) -> &'static str {
    match of {
        Security::Tls => "tls",
        Security::StartTls => "starttls",
        Security::Plain => "plain",
    }
}
fn health(health: &Health) -> [(&'static str, Value); 4] {
    [
        ("state", json!(state(health.state))),
        ("since", time(health.since)),
        ("reason", text_or_null(&health.reason)),
        ("remedy", text_or_null(&health.remedy)),
    ]
}
fn server(side: &ServerSide, user: &str, protocol: &str) -> serde_json::Map<String, Value> {
    let fields = [
        ("protocol", json!(protocol)),
        ("host", json!(side.host)),
        ("port", json!(side.port)),
        ("security", json!(security(side.security))),
        ("authentication", json!(authentication(side.authentication))),
        ("user", json!(user)),
    ];
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

pub fn mailbox(view: &MailboxView) -> Value {
    let m = &view.mailbox;
    let mut incoming = server(&m.incoming, m.user(Side::Incoming), m.protocol.word());
    incoming.insert("folder".into(), json!(m.folder_or_inbox()));
    incoming.insert("folders".into(), json!(m.folders().collect::<Vec<_>>()));
    incoming.insert("notifications".into(), json!(m.notified));
    let mut outgoing = server(&m.outgoing, m.user(Side::Outgoing), m.submission.word());
    outgoing.insert("active".into(), json!(m.outgoing_active));
    outgoing.extend(health(&m.outgoing_health).map(|(key, value)| (key.to_owned(), value)));
    outgoing.insert("next_try_at".into(), maybe_time(view.next_sending_at()));
    let mut object = json!({
        "address": m.address,
        "name": m.name,
        "department": view.department,
        "shape": m.shape.word(),
        "opens": m.opens(),
        "active": m.active,
        "next_try_at": maybe_time(view.next_try_at()),
        "last_mail_at": maybe_time(m.last_mail_at),
        "last_sent_at": maybe_time(m.last_sent_at),
        "last_fetch_at": maybe_time(m.last_fetch_at),
        "incoming": incoming,
        "outgoing": outgoing,
        "grant": view.grant.as_ref().map(grant),
        "client": view.client.as_ref().map(|of| client(of, view.certificate_expires_at)),
        "callback": view.callback,
        "folders": (!view.member.balances.is_empty())
            .then(|| view.member.balances.iter().map(folder).collect::<Vec<_>>()),
        "secret_expires_at": maybe_time(view.member.secret_expires_at()),
        "usual_a_week": view.member.usual.a_week,
        "silence_watched": view.member.usual.watched,
        "silence_unusual_at": maybe_time(view.member.usual.unusual_at),
        "alerts": view.member.alerts.iter().map(alert).collect::<Vec<_>>(),
        "questions": view.questions.iter().map(question).collect::<Vec<_>>(),
        "subscriptions": view.subscriptions.iter().map(of_subscription).collect::<Vec<_>>(),
        "untold": view.untold.iter().map(untold).collect::<Vec<_>>(),
    });
    for (key, value) in health(&m.incoming_health) {
        object[key] = value;
    }
    object
}

impl MailboxView {
    /// What is due is tried as soon as it is somebody's turn, which is never in the past.
    pub fn next_try_at(&self) -> Option<i64> {
        let m = &self.mailbox;
        let tries = m.active
            && m.incoming_health.state != State::Paused
            && !self.on_hold
            && !m.incoming.host.is_empty();
        tries.then(|| m.due_at.max(self.now))
    }
    pub fn next_sending_at(&self) -> Option<i64> {
        self.member.next_sending_at.filter(|_| !self.on_hold).map(|at| at.max(self.now))
    }
}

fn question(of: &Question) -> Value {
    let about = match of.about {
        About::Address => "address",
        About::Person => "person",
    };
    json!({
        "side": of.side.word(),
        "about": about,
        "signed_in": text_or_null(&of.signed_in),
        "answers": of.answers().iter().map(|answer| answer.word()).collect::<Vec<_>>(),
        "until": time(of.until),
    })
}

fn untold(of: &grant::Untold) -> Value {
    json!({ "side": of.side.word(), "next_try_at": time(of.next_at), "reason": text_or_null(&of.said) })
}

fn of_subscription(of: &Subscription) -> Value {
    json!({
        "folder": of.folder,
        "state": of.state.word(),
        "ends_at": maybe_time(of.ends_at),
        "told_at": maybe_time(of.told_at),
        "next_try_at": time(of.due_at),
        "reason": text_or_null(&of.reason),
        "remedy": text_or_null(&of.remedy),
    })
}

/// What a folder holds on its server, and here.
pub fn folder(balance: &Balance) -> Value {
    let counts = &balance.counts;
    json!({
        "folder": balance.folder,
        "on_server": counts.on_server(),
        "held": counts.held,
        "left": counts.left,
        "older": counts.older,
        "waiting": counts.waiting,
        "unaccounted": counts.unaccounted,
        "unaccounted_since": maybe_time(balance.unaccounted_since),
        "reason": text_or_null(&balance.reason),
        "compared_at": maybe_time(balance.compared_at),
        "trouble": text_or_null(&balance.trouble),
        "uncounted": text_or_null(&balance.uncounted),
    })
}

fn alert(of: &Alert) -> Value {
    json!({
        "about": of.fact.kind.word(),
        "code": text_or_null(&of.fact.code),
        "reason": text_or_null(&of.fact.reason),
        "remedy": text_or_null(&of.fact.remedy),
        "since": time(of.fact.since),
        "until": maybe_time(of.fact.until_at),
        "begun_at": time(of.begun_at),
    })
}

/// The incoming side's registration, without a secret.
fn client(of: &Client, certificate_expires_at: Option<i64>) -> Value {
    json!({
        "name": of.name,
        "provider": of.provider,
        "client_id": of.client_id,
        "flow": of.flow.word(),
        "authentication": of.authentication.word(),
        "secret_expires_at": maybe_time(of.secret_expires_at),
        "certificate_expires_at": maybe_time(certificate_expires_at),
    })
}

fn grant(of: &Grant) -> Value {
    let state = match of.state {
        grant::State::Pending => "pending",
        grant::State::Unproved => "unproved",
        grant::State::Fulfilled => "fulfilled",
        grant::State::Lapsed => "lapsed",
        grant::State::Revoked => "revoked",
        grant::State::Failed => "failed",
    };
    json!({
        "state": state,
        "owner": of.owner_address,
        "scopes": of.scopes,
        "expires_at": maybe_time(of.expires_at),
        "refreshed_at": maybe_time(of.refreshed_at),
        "next_refresh_at": maybe_time(of.refresh_due_at),
        "reason": text_or_null(&of.reason),
        "remedy": text_or_null(&of.remedy),
    })
}

pub fn ticket_state(state: ticket::State) -> &'static str {
    match state {
        ticket::State::Open => "open",
        ticket::State::Closed => "closed",
    }
}

pub fn ticket_line(line: &Line) -> Value {
    json!({
        "number": line.number,
        "subject": line.subject,
        "state": ticket_state(line.state),
        "requester": { "name": line.requester_name, "address": line.requester_address },
        "assignee": line.assignee,
        "department": line.department,
        "mailbox": line.mailbox,
        "created_at": time(line.created_at),
        "updated_at": time(line.updated_at),
        "entries": line.entries,
    })
}

pub fn ticket(
    t: &Ticket,
    entries: &[Entry],
    sendings: &HashMap<i64, Sending>,
    events: &[desk::site::event::Event],
) -> Value {
    let event = |e: &desk::site::event::Event| {
        let by = desk::By { actor: e.actor.clone(), at: e.at };
        json!({ "at": time(e.at), "actor": by.name(), "kind": e.kind, "data": e.data })
    };
    json!({
        "number": t.number,
        "subject": t.subject,
        "state": ticket_state(t.state),
        "requester": { "name": t.requester_name, "address": t.requester_address },
        "assignee": t.assignee.as_ref().map(|(_, name)| name),
        "department": t.department,
        "mailbox": t.mailbox,
        "created_at": time(t.created_at),
        "updated_at": time(t.updated_at),
        "refers_to": t.refers_to,
        "joined_to": t.joined_to,
        "entries": entries.iter().map(|e| entry(e, sendings.get(&e.id))).collect::<Vec<_>>(),
        "events": events.iter().map(event).collect::<Vec<_>>(),
    })
}

fn entry(e: &Entry, sending: Option<&Sending>) -> Value {
    let deliveries = sending.map(|sending| sending.deliveries.as_slice()).unwrap_or_default();
    let kind = match e.kind {
        entry::Kind::Message => "message",
        entry::Kind::Reply => "reply",
        entry::Kind::Note => "note",
    };
    let files = e
        .attachments
        .iter()
        .map(|a| json!({ "name": a.name, "type": a.media_type, "size": a.size_bytes, "inline": a.inline }));
    json!({
        "id": e.id,
        "kind": kind,
        "from": { "name": e.from_name, "address": e.from_address },
        "to": e.to,
        "cc": e.cc,
        "at": time(e.at),
        "message_id": e.message_id,
        "subject": e.subject,
        "text": e.text,
        "reply_text": e.reply_text,
        "has_html": e.has_html,
        "attachments": files.collect::<Vec<_>>(),
        "inbox_id": e.inbox_id,
        "deliveries": deliveries.iter().map(delivery).collect::<Vec<_>>(),
    })
}

pub fn delivery(d: &Delivery) -> Value {
    json!({
        "recipient": d.recipient,
        "state": delivery_state(d.state),
        "at": time(d.at),
        "answer": text_or_null(&d.answer),
        "attempts": d.attempts,
    })
}
pub fn delivery_state(state: delivery::State) -> &'static str {
    match state {
        delivery::State::Queued => "queued",
        delivery::State::Sent => "sent",
        delivery::State::Deferred => "deferred",
        delivery::State::Failed => "failed",
        delivery::State::Bounced => "bounced",
        delivery::State::Cancelled => "cancelled",
    }
}

pub fn inbox(row: &desk::intake::inbox::Inbox) -> Value {
    json!({
        "id": row.id,
        "mailbox": row.mailbox,
        "folder": row.folder,
        "uid": row.uid,
        "message_id": row.message_id,
        "sha256": hex(&row.sha256),
        "size": row.size_bytes,
        "received_at": time(row.received_at),
        "state": row.state.as_str(),
        "reason": text_or_null(&row.reason),
        "ticket": row.ticket_number,
        "entry": row.entry_id,
    })
}

pub fn outbox(row: &Outbox) -> Value {
    json!({
        "id": row.id,
        "ticket": row.ticket_number,
        "entry": row.entry_id,
        "mailbox": row.mailbox,
        "message_id": row.message_id,
        "sha256": row.sha256.as_deref().map(hex),
        "state": row.state.as_str(),
        "attempts": row.attempts,
        "due_at": time(row.due_at),
        "last_error": text_or_null(&row.last_error),
        "unsure": row.unsure,
        "deliveries": row.deliveries.iter().map(delivery).collect::<Vec<_>>(),
    })
}

/// What the mailbox commands read of one mailbox.
pub fn view(
    tx: &mut desk::db::Tx<'_>,
    mailbox: Mailbox,
    site: &url::Url,
    now: i64,
) -> desk::Result<MailboxView> {
    let departments = desk::people::department::list(tx)?;
    let department =
        departments.into_iter().find(|d| d.id == mailbox.department_id).map_or(String::new(), |d| d.name);
    // The one in use; a newer one that is not proved yet changes nothing until it is.
    let grant = match mailbox.grant_id(Side::Incoming) {
        Some(id) => grant::find(tx, id)?,
        None => grant::latest(tx, mailbox.id, Side::Incoming)?,
    };
    let client = match mailbox.incoming.client_id {
        Some(id) => desk::mailboxes::client::find(tx, id)?,
        None => None,
    };
    let callback = client.as_ref().map(|c| courier::authorize::callback_url(site, &c.public_id).to_string());
    let member = fleet::of(tx, mailbox.id)?.ok_or(desk::Refusal::NotFound("mailbox"))?;
    let in_use = match &client {
        Some(client) => certificate::in_use(tx, client.id)?,
        None => None,
    };
    let certificate_expires_at = in_use.map(|one| one.not_after);
    // One whose time has come is not discarded yet, and is none any more.
    let waiting = member.disputes.iter().filter(|dispute| dispute.until > now);
    let questions = waiting.map(Question::of).collect();
    let untold = grant::untold(tx, mailbox.id)?;
    let subscriptions = subscription::of_mailbox(tx, mailbox.id)?;
    Ok(MailboxView {
        mailbox,
        department,
        grant,
        client,
        certificate_expires_at,
        callback,
        member,
        questions,
        untold,
        subscriptions,
        now,
        on_hold: mail_hold::is_on(tx)?,
    })
}
