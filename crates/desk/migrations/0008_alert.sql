-- What needs a person, from when it was seen until it has been well for a while.
CREATE TABLE alert (
    id {id},
    subject {text} NOT NULL,               -- mailbox:3:incoming, mailbox:3:silence, client:2:secret
    kind {text} NOT NULL CHECK (kind IN ('incoming', 'outgoing', 'silence', 'secret', 'certificate')),
    mailbox_id {int} REFERENCES mailbox (id),
    client_id {int} REFERENCES client (id),
    consent_id {int},                      -- the grant that is in trouble
    name {text} NOT NULL,                  -- the address, or what the registration is called
    reason_code {text} NOT NULL DEFAULT '',
    reason {text} NOT NULL DEFAULT '',
    remedy {text} NOT NULL DEFAULT '',
    since {int} NOT NULL,
    until_at {int},                        -- when the secret or certificate ends
    begun_at {int} NOT NULL,
    gone_at {int},                         -- not found any more since
    ended_at {int},
    again_at {int},                        -- when it is told again, while it lasts
    times {int} NOT NULL DEFAULT 1         -- how often it was told to begin, and to last
) {strict};
CREATE UNIQUE INDEX alert_open ON alert (subject) WHERE ended_at IS NULL;

-- Each time one is told, and by which way: a row for each, so that it happens once.
CREATE TABLE notice (
    id {id},
    alert_id {int} REFERENCES alert (id),  -- none: a test
    occasion {text} NOT NULL CHECK (occasion IN ('begun', 'again', 'ended', 'test')),
    number {int} NOT NULL,                 -- of the times an alert is told
    channel {text} NOT NULL CHECK (channel IN ('mail', 'webhook')),
    body {text} NOT NULL,                  -- webhook: the bytes that are sent, the same at each attempt
    state {text} NOT NULL CHECK (state IN ('waiting', 'told', 'failed', 'dropped')),
    attempts {int} NOT NULL DEFAULT 0,
    answer {text} NOT NULL DEFAULT '',     -- how the last attempt ended
    outbox_id {int} REFERENCES outbox (id),
    due_at {int} NOT NULL,
    leased_until {int} NOT NULL DEFAULT 0,
    leased_by {text} NOT NULL DEFAULT '',
    generation {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL,
    settled_at {int},
    UNIQUE (alert_id, occasion, number, channel)
) {strict};
CREATE INDEX notice_by_due ON notice (state, channel, due_at);

-- A letter of the desk's own, to no ticket: what its outbox row is made from.
CREATE TABLE letter (
    outbox_id {int} PRIMARY KEY REFERENCES outbox (id),
    kind {text} NOT NULL,                  -- alert
    subject {text} NOT NULL,
    text {text} NOT NULL,
    at {int} NOT NULL
) {strict};

-- Where alerts are posted to: one row, or none.
CREATE TABLE webhook (
    id {int} PRIMARY KEY CHECK (id = 1),
    url {text} NOT NULL,
    secret {bytes}                         -- sealed: webhook:1:secret; none: lost, nothing is posted until there is a new one
) {strict};
