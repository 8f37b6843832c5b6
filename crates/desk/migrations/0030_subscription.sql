-- Whether the server is asked to tell of new mail by itself (Microsoft Graph's change notifications).
ALTER TABLE mailbox ADD COLUMN notified {int} NOT NULL DEFAULT 0;

-- What a server was asked to tell of, a folder each. Mail is looked for all the same.
CREATE TABLE subscription (
    id {id},
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    folder {text} NOT NULL,
    place {text} NOT NULL,                 -- account and server, and where it tells: user host:port address
    host {text} NOT NULL,                  -- where it was made, and is ended
    port {int} NOT NULL,
    security {text} NOT NULL,
    username {text} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('wanted', 'active', 'ending')),
    server_id {text},                      -- none: it is yet to be made
    secret_hash {bytes},                   -- SHA-256 of what comes back with each notification
    ends_at {int},
    told_at {int},                         -- the last notification that counted
    failures {int} NOT NULL DEFAULT 0,
    reason_code {text} NOT NULL DEFAULT '',
    reason {text} NOT NULL DEFAULT '',
    remedy {text} NOT NULL DEFAULT '',
    due_at {int} NOT NULL,
    leased_until {int} NOT NULL DEFAULT 0,
    leased_by {text} NOT NULL DEFAULT '',
    generation {int} NOT NULL DEFAULT 0,
    created_at {int} NOT NULL
) {strict};
CREATE UNIQUE INDEX subscription_of_folder ON subscription (mailbox_id, folder, place) WHERE state <> 'ending';
CREATE UNIQUE INDEX subscription_by_server_id ON subscription (server_id) WHERE server_id IS NOT NULL;
CREATE INDEX subscription_by_mailbox ON subscription (mailbox_id, id);
CREATE INDEX subscription_due ON subscription (due_at, id);
