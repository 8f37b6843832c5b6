-- What a fetched folder holds on its server, set against what is held of it here: as of the last time when both were
-- listed and compared.
CREATE TABLE folder_balance (
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    folder {text} NOT NULL,
    uid_validity {int} NOT NULL,
    compared_at {int},                     -- none: it was only asked for
    on_server {int} NOT NULL DEFAULT 0,    -- the sum of the next four
    held {int} NOT NULL DEFAULT 0,
    older {int} NOT NULL DEFAULT 0,        -- than Start From says
    waiting {int} NOT NULL DEFAULT 0,      -- for the next round
    unaccounted {int} NOT NULL DEFAULT 0,
    unaccounted_since {int},
    reason {text} NOT NULL DEFAULT '',     -- why they may be unaccounted
    asked {text} NOT NULL DEFAULT '' CHECK (asked IN ('', 'compare', 'fetch')), -- of the next round
    older_than {int},                      -- the moment by which these were found to be older:
    older_uids {text} NOT NULL DEFAULT '', -- as IMAP writes a set: 1:5000,5003
    PRIMARY KEY (mailbox_id, folder)
) {strict};

-- By which a message is looked up that is on no ticket; what is on one is found by the ticket's references.
CREATE INDEX inbox_left_by_message_id ON inbox (message_id) WHERE state IN ('ignored', 'held', 'failed');
CREATE INDEX inbox_by_mailbox ON inbox (mailbox_id, id);
CREATE INDEX delivery_by_recipient ON delivery (recipient_key, outbox_id);

-- One more kind of alert. SQLite changes no CHECK, but drops a column with its own.
ALTER TABLE alert ADD COLUMN about {text} NOT NULL DEFAULT 'incoming'
    CHECK (about IN ('incoming', 'outgoing', 'silence', 'secret', 'certificate', 'unaccounted'));
UPDATE alert SET about = kind;
ALTER TABLE alert DROP COLUMN kind;
ALTER TABLE alert RENAME COLUMN about TO kind;
