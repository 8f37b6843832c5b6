-- How much mail each mailbox gets, hour by hour (hours since 1970): what its usual traffic is learned from.
CREATE TABLE traffic (
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    hour {int} NOT NULL,
    messages {int} NOT NULL,
    last_at {int} NOT NULL,                -- when the last of them came to the server
    PRIMARY KEY (mailbox_id, hour)
) {strict};
INSERT INTO traffic (mailbox_id, hour, messages, last_at)
    SELECT mailbox_id, received_at / 3600000, count(*), max(received_at) FROM inbox
    WHERE received_at <= fetched_at GROUP BY mailbox_id, received_at / 3600000;

-- What was learned, and until when a silence is nothing unusual. It depends on `last_hour` alone, so it is learned anew
-- only when mail has come in a later hour.
CREATE TABLE usual (
    mailbox_id {int} PRIMARY KEY REFERENCES mailbox (id),
    watched {int} NOT NULL DEFAULT 1,      -- whether a silence is told
    last_hour {int},
    last_at {int},
    a_week {int},                          -- messages a week, rounded
    unusual_at {int}
) {strict};
