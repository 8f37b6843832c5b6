-- Of the head of a message, as far as it is looked up by: of one that is on a ticket, the ticket has both.
ALTER TABLE inbox ADD COLUMN sender_key {text} NOT NULL DEFAULT '';
ALTER TABLE inbox ADD COLUMN subject {text} NOT NULL DEFAULT '';
CREATE INDEX inbox_left_by_sender ON inbox (sender_key) WHERE state IN ('ignored', 'held', 'failed');
-- What could not be filed so far is counted on every page of an administrator.
CREATE INDEX inbox_put_off ON inbox (due_at, id) WHERE state = 'new' AND reason_code <> '';
