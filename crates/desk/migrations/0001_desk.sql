-- SITE ------------------------------------------------------------------------------------------
CREATE TABLE setting (
    name {text} PRIMARY KEY,
    value {text} NOT NULL
) {strict};

CREATE TABLE sequence (
    name {text} PRIMARY KEY,
    next {int} NOT NULL
) {strict};
INSERT INTO sequence (name, next) VALUES ('ticket', 10001);

-- Who did what to what: appended, never changed. `data` is a JSON object.
CREATE TABLE event (
    id {id},
    at {int} NOT NULL,
    actor_kind {text} NOT NULL CHECK (actor_kind IN ('agent', 'requester', 'rule', 'system')),
    actor_id {int},
    actor_name {text} NOT NULL,
    subject_kind {text} NOT NULL,
    subject_id {int} NOT NULL,
    kind {text} NOT NULL,
    data {text} NOT NULL
) {strict};
CREATE INDEX event_by_subject ON event (subject_kind, subject_id, id);

-- PEOPLE ----------------------------------------------------------------------------------------
CREATE TABLE department (
    id {id},
    name {text} NOT NULL UNIQUE
) {strict};
INSERT INTO department (name) VALUES ('Support');

CREATE TABLE agent (
    id {id},
    email {text} NOT NULL,                 -- as written
    email_key {text} NOT NULL UNIQUE,      -- normalised, for look-ups
    name {text} NOT NULL,
    role {text} NOT NULL CHECK (role IN ('agent', 'administrator')),
    password_hash {text},
    active {int} NOT NULL DEFAULT 1,
    language {text} NOT NULL DEFAULT 'en',
    time_zone {text} NOT NULL DEFAULT 'UTC',
    theme {text} NOT NULL DEFAULT 'auto',
    created_at {int} NOT NULL
) {strict};

-- The one-time link for the first administrator: at most one row, replaced at each start.
CREATE TABLE first_administrator (
    id {int} PRIMARY KEY CHECK (id = 1),
    token_hash {bytes} NOT NULL,
    expires_at {int} NOT NULL
) {strict};

CREATE TABLE session (
    id {id},
    token_hash {bytes} NOT NULL UNIQUE,    -- SHA-256 of the cookie
    form_token {text} NOT NULL,            -- the CSRF token of this session
    agent_id {int} NOT NULL REFERENCES agent (id),
    address {text} NOT NULL,
    created_at {int} NOT NULL,
    seen_at {int} NOT NULL,
    expires_at {int} NOT NULL
) {strict};
CREATE INDEX session_by_agent ON session (agent_id);

-- Failed sign-ins, for throttling: by account and by address.
CREATE TABLE sign_in (
    id {id},
    email_key {text} NOT NULL,
    address {text} NOT NULL,
    at {int} NOT NULL
) {strict};
CREATE INDEX sign_in_by_email ON sign_in (email_key, at);
CREATE INDEX sign_in_by_address ON sign_in (address, at);

-- A form's one-use id and the answer that its first use got (invariant 17).
CREATE TABLE form_use (
    id {text} PRIMARY KEY,
    agent_id {int} NOT NULL REFERENCES agent (id),
    answer {text} NOT NULL,
    at {int} NOT NULL
) {strict};

-- What was typed when a session had ended, given back after signing in again.
CREATE TABLE kept_form (
    id {text} PRIMARY KEY,
    agent_id {int} NOT NULL REFERENCES agent (id),
    place {text} NOT NULL,                 -- the path of the form
    fields {text} NOT NULL,                -- JSON: names and values
    blobs {text} NOT NULL DEFAULT '[]',    -- JSON: files that were attached, as in draft.files
    at {int} NOT NULL
) {strict};

CREATE TABLE requester (
    id {id},
    name {text},
    created_at {int} NOT NULL
) {strict};
CREATE TABLE requester_address (
    address_key {text} PRIMARY KEY,
    address {text} NOT NULL,
    requester_id {int} NOT NULL REFERENCES requester (id)
) {strict};
CREATE INDEX requester_address_by_requester ON requester_address (requester_id);

-- MAILBOXES -------------------------------------------------------------------------------------
-- The registration at a provider. `public_id` stands in the Callback Endpoint and never changes.
CREATE TABLE client (
    id {id},
    public_id {text} NOT NULL UNIQUE,
    provider {text} NOT NULL,              -- microsoft, later google, other
    name {text} NOT NULL DEFAULT '',
    active {int} NOT NULL DEFAULT 1,
    tenant {text} NOT NULL DEFAULT '',
    client_id {text} NOT NULL DEFAULT '',
    client_secret {bytes},                 -- sealed: client:{id}:client_secret
    secret_expires_at {int},
    authorization_endpoint {text} NOT NULL DEFAULT '',
    token_endpoint {text} NOT NULL DEFAULT '',
    scopes {text} NOT NULL DEFAULT '',
    resource_details_endpoint {text} NOT NULL DEFAULT '',
    email_attribute {text} NOT NULL DEFAULT '',
    strict_matching {int} NOT NULL DEFAULT 1,
    notes {text} NOT NULL DEFAULT '',
    created_at {int} NOT NULL
) {strict};

CREATE TABLE mailbox (
    id {id},
    address {text} NOT NULL,
    address_key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    department_id {int} NOT NULL REFERENCES department (id),
    notes {text} NOT NULL DEFAULT '',
    active {int} NOT NULL DEFAULT 0,       -- Status: fetching is on
    removed_at {int},

    in_protocol {text} NOT NULL DEFAULT 'imap',
    in_host {text} NOT NULL DEFAULT '',
    in_port {int} NOT NULL DEFAULT 993,
    in_security {text} NOT NULL DEFAULT 'tls' CHECK (in_security IN ('tls', 'starttls', 'plain')),
    in_folder {text} NOT NULL DEFAULT '',  -- empty: INBOX
    in_authentication {text} NOT NULL DEFAULT 'none' CHECK (in_authentication IN ('none', 'microsoft', 'google', 'other', 'password')),
    in_user {text} NOT NULL DEFAULT '',    -- empty: the address
    in_password {bytes},                   -- sealed: mailbox:{id}:in_password
    in_client_id {int} REFERENCES client (id),
    in_grant_id {int},

    out_host {text} NOT NULL DEFAULT '',
    out_port {int} NOT NULL DEFAULT 587,
    out_security {text} NOT NULL DEFAULT 'starttls' CHECK (out_security IN ('tls', 'starttls', 'plain')),
    out_authentication {text} NOT NULL DEFAULT 'none' CHECK (out_authentication IN ('none', 'same', 'microsoft', 'google', 'other', 'password')),
    out_active {int} NOT NULL DEFAULT 0,
    out_user {text} NOT NULL DEFAULT '',
    out_password {bytes},                  -- sealed: mailbox:{id}:out_password
    out_client_id {int} REFERENCES client (id),
    out_grant_id {int},
    header_spoofing {int} NOT NULL DEFAULT 0,

    fetched {text} NOT NULL DEFAULT 'nothing' CHECK (fetched IN ('nothing', 'read', 'move', 'delete')),
    fetched_folder {text} NOT NULL DEFAULT '',
    frequency_s {int} NOT NULL DEFAULT 60,
    batch {int} NOT NULL DEFAULT 50,
    start_from {text} NOT NULL DEFAULT 'now', -- now | everything | YYYY-MM-DD
    activated_at {int},                    -- when fetching was switched on first: what `now` means

    state {text} NOT NULL DEFAULT 'new',   -- new | ok | waiting | needs_person | paused
    state_since {int} NOT NULL,
    reason_code {text} NOT NULL DEFAULT '',
    reason {text} NOT NULL DEFAULT '',
    remedy {text} NOT NULL DEFAULT '',
    out_state {text} NOT NULL DEFAULT 'new',
    out_state_since {int} NOT NULL,
    out_reason_code {text} NOT NULL DEFAULT '',
    out_reason {text} NOT NULL DEFAULT '',
    out_remedy {text} NOT NULL DEFAULT '',
    failures {int} NOT NULL DEFAULT 0,
    last_fetch_at {int},
    last_mail_at {int},
    last_sent_at {int},

    due_at {int} NOT NULL DEFAULT 0,
    leased_until {int} NOT NULL DEFAULT 0,
    leased_by {text} NOT NULL DEFAULT '',
    generation {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL
) {strict};
CREATE INDEX mailbox_by_due ON mailbox (due_at);

-- How far each folder was read: the cursor.
CREATE TABLE folder (
    id {id},
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    name {text} NOT NULL,
    uid_validity {int} NOT NULL,
    uid_last {int} NOT NULL,               -- every UID up to this one was stored or is known
    start_after_uid {int} NOT NULL,        -- UIDs up to this one were there when reading began: filed silently, or not at all
    UNIQUE (mailbox_id, name)
) {strict};

-- The consent of one owner to one client, and its life. ("grant" is a reserved word of SQL.)
CREATE TABLE consent (
    id {id},
    client_id {int} NOT NULL REFERENCES client (id),
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    side {text} NOT NULL CHECK (side IN ('incoming', 'outgoing')),
    state {text} NOT NULL CHECK (state IN ('pending', 'unproved', 'fulfilled', 'lapsed', 'revoked', 'failed')),
    -- pending: one try of one session
    session_id {int},
    state_hash {bytes},
    verifier {bytes},                      -- sealed: consent:{id}:verifier
    nonce {text},
    pending_until {int},
    -- who authorized
    owner_subject {text},                  -- the provider's immutable ids: oid@tid, or sub
    owner_address {text},
    authorized_by {text} NOT NULL DEFAULT '', -- the administrator's name
    scopes {text} NOT NULL DEFAULT '',
    refresh_token {bytes},                 -- sealed: consent:{id}:refresh_token
    refreshed_at {int},
    refresh_due_at {int},
    -- trouble, in words
    reason_code {text} NOT NULL DEFAULT '',
    reason {text} NOT NULL DEFAULT '',
    remedy {text} NOT NULL DEFAULT '',
    failures {int} NOT NULL DEFAULT 0,
    state_since {int} NOT NULL,
    leased_until {int} NOT NULL DEFAULT 0,
    leased_by {text} NOT NULL DEFAULT '',
    generation {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL
) {strict};
CREATE UNIQUE INDEX consent_by_state_hash ON consent (state_hash);
CREATE INDEX consent_by_refresh ON consent (state, refresh_due_at);
CREATE INDEX consent_by_mailbox ON consent (mailbox_id, side, id);

-- One access token a resource.
CREATE TABLE access_token (
    consent_id {int} NOT NULL REFERENCES consent (id),
    resource {text} NOT NULL,              -- https://outlook.office.com
    token {bytes} NOT NULL,                -- sealed: access_token:{consent_id}:{resource}
    scopes {text} NOT NULL,
    expires_at {int} NOT NULL,
    PRIMARY KEY (consent_id, resource)
) {strict};

-- FILES -----------------------------------------------------------------------------------------
CREATE TABLE blob (
    id {id},
    hash {bytes} NOT NULL UNIQUE,          -- SHA-256 of the bytes
    size_bytes {int} NOT NULL,
    place {text} NOT NULL                  -- where the store keeps it
) {strict};

-- TICKETS ---------------------------------------------------------------------------------------
CREATE TABLE ticket (
    id {id},
    number {text} NOT NULL UNIQUE,
    subject {text} NOT NULL,
    subject_key {text} NOT NULL,           -- case folded, for finding
    state {text} NOT NULL CHECK (state IN ('open', 'closed')),
    department_id {int} NOT NULL REFERENCES department (id),
    mailbox_id {int} REFERENCES mailbox (id),
    requester_id {int} NOT NULL REFERENCES requester (id),
    requester_address {text} NOT NULL,     -- the address this ticket is answered to
    assignee_id {int} REFERENCES agent (id),
    refers_to_id {int} REFERENCES ticket (id), -- its first message carried that ticket's id, from someone else
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,             -- the last message, reply or note: the order of lists
    closed_at {int},
    last_entry_id {int},
    last_kind {text} NOT NULL DEFAULT 'message',
    last_name {text} NOT NULL DEFAULT '',  -- who wrote the last entry
    preview {text} NOT NULL DEFAULT '',    -- the beginning of the last message or reply
    entries {int} NOT NULL DEFAULT 0,
    unsent {int} NOT NULL DEFAULT 0,       -- deliveries that failed or bounced and nobody has dealt with
    joined_to_id {int} REFERENCES ticket (id)  -- after Join: this one is empty and leads there
) {strict};
CREATE INDEX ticket_by_update ON ticket (state, updated_at, id);
CREATE INDEX ticket_by_assignee ON ticket (assignee_id, state, updated_at, id);
CREATE INDEX ticket_by_requester ON ticket (requester_id, updated_at, id);
CREATE INDEX ticket_by_unsent ON ticket (updated_at, id) WHERE unsent > 0;
CREATE INDEX ticket_unassigned ON ticket (updated_at, id) WHERE assignee_id IS NULL AND state = 'open';

CREATE TABLE inbox (
    id {id},
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    folder {text} NOT NULL,
    uid_validity {int} NOT NULL,
    uid {int} NOT NULL,
    blob_id {int} NOT NULL REFERENCES blob (id),
    content_key {bytes} NOT NULL,          -- SHA-256 without trace headers: the same letter again
    message_id {text},
    size_bytes {int} NOT NULL,
    received_at {int} NOT NULL,            -- the server's internal date
    fetched_at {int} NOT NULL,
    silent {int} NOT NULL DEFAULT 0,       -- old mail: no notices, no news
    state {text} NOT NULL CHECK (state IN ('new', 'filed', 'ignored', 'held', 'failed')),
    reason_code {text} NOT NULL DEFAULT '',
    reason {text} NOT NULL DEFAULT '',
    ticket_id {int} REFERENCES ticket (id),
    entry_id {int},
    attempts {int} NOT NULL DEFAULT 0,
    due_at {int} NOT NULL,
    leased_until {int} NOT NULL DEFAULT 0,
    leased_by {text} NOT NULL DEFAULT '',
    generation {int} NOT NULL DEFAULT 0,
    settled_on_server_at {int},            -- moved, deleted or marked there, after the commit
    UNIQUE (mailbox_id, folder, uid_validity, uid)
) {strict};
CREATE UNIQUE INDEX inbox_by_content ON inbox (mailbox_id, content_key);
CREATE INDEX inbox_by_state ON inbox (state, id);
CREATE INDEX inbox_in_hand ON inbox (leased_until) WHERE state = 'new';
CREATE INDEX inbox_unsettled ON inbox (mailbox_id, folder, uid) WHERE settled_on_server_at IS NULL;

-- A UID whose letter was already held under another UID (the folder was rebuilt, moved, copied).
CREATE TABLE inbox_again (
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    folder {text} NOT NULL,
    uid_validity {int} NOT NULL,
    uid {int} NOT NULL,
    inbox_id {int} NOT NULL REFERENCES inbox (id),
    at {int} NOT NULL,
    settled_on_server_at {int},
    PRIMARY KEY (mailbox_id, folder, uid_validity, uid)
) {strict};

CREATE TABLE entry (
    id {id},
    ticket_id {int} NOT NULL REFERENCES ticket (id),
    kind {text} NOT NULL CHECK (kind IN ('message', 'reply', 'note')),
    at {int} NOT NULL,
    agent_id {int} REFERENCES agent (id),
    requester_id {int} REFERENCES requester (id),
    from_name {text},
    from_address {text},
    reply_to {text} NOT NULL DEFAULT '[]', -- JSON lists of {name, address}
    to_list {text} NOT NULL DEFAULT '[]',
    cc_list {text} NOT NULL DEFAULT '[]',
    subject {text} NOT NULL DEFAULT '',
    message_id {text},
    text {text} NOT NULL,
    reply_text {text} NOT NULL,            -- without quoted history and signature
    html_blob_id {int} REFERENCES blob (id), -- as it came
    raw_blob_id {int} REFERENCES blob (id),
    inbox_id {int} REFERENCES inbox (id),
    nature {text} NOT NULL DEFAULT 'none',
    may_answer {int} NOT NULL DEFAULT 1,
    defects {text} NOT NULL DEFAULT '[]'
) {strict};
CREATE INDEX entry_by_ticket ON entry (ticket_id, id);

CREATE TABLE attachment (
    id {id},
    entry_id {int} NOT NULL REFERENCES entry (id),
    blob_id {int} NOT NULL REFERENCES blob (id),
    position {int} NOT NULL,
    name {text} NOT NULL,
    media_type {text} NOT NULL,
    size_bytes {int} NOT NULL,
    inline {int} NOT NULL DEFAULT 0,
    content_id {text}
) {strict};
CREATE INDEX attachment_by_entry ON attachment (entry_id, position);

-- Who may write to a ticket besides its requester, and who is offered.
CREATE TABLE participant (
    ticket_id {int} NOT NULL REFERENCES ticket (id),
    address_key {text} NOT NULL,
    address {text} NOT NULL,
    name {text},
    standing {text} NOT NULL CHECK (standing IN ('participant', 'offered')),
    added_by {text} NOT NULL,              -- the opening message's Cc, an agent's name, a later message
    at {int} NOT NULL,
    PRIMARY KEY (ticket_id, address_key)
) {strict};

-- Every Message-ID seen, in or out. `proved`: it is ours and carries our 128 random bits.
CREATE TABLE reference (
    message_id {text} NOT NULL,
    ticket_id {int} NOT NULL REFERENCES ticket (id),
    entry_id {int} REFERENCES entry (id),
    ours {int} NOT NULL DEFAULT 0,
    PRIMARY KEY (message_id, ticket_id)
) {strict};
CREATE INDEX reference_by_ticket ON reference (ticket_id);

CREATE TABLE seen (
    agent_id {int} NOT NULL REFERENCES agent (id),
    ticket_id {int} NOT NULL REFERENCES ticket (id),
    entry_id {int} NOT NULL,
    at {int} NOT NULL,
    PRIMARY KEY (agent_id, ticket_id)
) {strict};

CREATE TABLE draft (
    agent_id {int} NOT NULL REFERENCES agent (id),
    ticket_id {int} NOT NULL REFERENCES ticket (id),
    kind {text} NOT NULL CHECK (kind IN ('reply', 'note')),
    text {text} NOT NULL,
    to_list {text} NOT NULL DEFAULT '',    -- as typed
    cc_list {text} NOT NULL DEFAULT '',
    files {text} NOT NULL DEFAULT '[]',    -- JSON list of {hash, name, media_type, size_bytes}
    saved_at {int} NOT NULL,
    PRIMARY KEY (agent_id, ticket_id, kind)
) {strict};

-- OUTGOING --------------------------------------------------------------------------------------
CREATE TABLE outbox (
    id {id},
    ticket_id {int} REFERENCES ticket (id),
    entry_id {int} REFERENCES entry (id),
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    message_id {text} NOT NULL UNIQUE,
    blob_id {int} REFERENCES blob (id),    -- the fixed bytes; set before the first attempt
    state {text} NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'cancelled')),
    attempts {int} NOT NULL DEFAULT 0,
    last_error {text} NOT NULL DEFAULT '',
    unsure {int} NOT NULL DEFAULT 0,       -- the link broke after the final dot: it may have arrived twice
    due_at {int} NOT NULL,
    give_up_at {int} NOT NULL,             -- what has not gone out by then counts as not sent
    leased_until {int} NOT NULL DEFAULT 0,
    leased_by {text} NOT NULL DEFAULT '',
    generation {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    settled_at {int}
) {strict};
CREATE INDEX outbox_by_due ON outbox (state, due_at, id);
CREATE INDEX outbox_by_entry ON outbox (entry_id);
CREATE INDEX outbox_by_ticket ON outbox (ticket_id);

CREATE TABLE delivery (
    id {id},
    outbox_id {int} NOT NULL REFERENCES outbox (id),
    recipient {text} NOT NULL,
    recipient_key {text} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('queued', 'sent', 'deferred', 'failed', 'bounced', 'cancelled')),
    answer {text} NOT NULL DEFAULT '',
    attempts {int} NOT NULL DEFAULT 0,
    at {int} NOT NULL,
    dismissed_at {int},                    -- an agent has dealt with its failure
    UNIQUE (outbox_id, recipient_key)
) {strict};
