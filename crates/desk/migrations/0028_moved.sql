-- The same letter under a new number, with another header: a server that a mailbox was moved to adds a field to each letter.
-- By which content it is known from now on; none: that of the first.
ALTER TABLE inbox_again ADD COLUMN content_key {bytes};
CREATE INDEX inbox_again_by_content ON inbox_again (content_key, mailbox_id) WHERE content_key IS NOT NULL;
-- For a server that names its messages: numbers up to this one were given before it named all of them anew.
ALTER TABLE folder ADD COLUMN begins_after {int} NOT NULL DEFAULT 0;

-- Messages that a server lists and does not deliver for now.
CREATE TABLE put_off (
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    folder {text} NOT NULL,
    uid_validity {int} NOT NULL,
    uid {int} NOT NULL,
    since {int} NOT NULL,
    said {text} NOT NULL,       -- the last answer, in words
    next_at {int} NOT NULL,     -- asked for again then
    PRIMARY KEY (mailbox_id, folder, uid_validity, uid)
) {strict};

-- What was done on the server, at settled_on_server_at: left, read, deleted, gone (it was not there any more), moved: and the
-- folder's name, or stays, of what is there alone, too large or not delivered. Empty: not written down. And why it was not done so far.
ALTER TABLE inbox ADD COLUMN settled_as {text} NOT NULL DEFAULT '';
ALTER TABLE inbox ADD COLUMN unsettled_why {text} NOT NULL DEFAULT '';
ALTER TABLE inbox_again ADD COLUMN settled_as {text} NOT NULL DEFAULT '';
ALTER TABLE inbox_again ADD COLUMN unsettled_why {text} NOT NULL DEFAULT '';
UPDATE inbox SET settled_as = 'stays' WHERE state = 'failed' AND reason_code = 'left_on_server';
-- They are counted apart from what is held.
CREATE INDEX inbox_stays ON inbox (mailbox_id, folder, uid_validity, uid) WHERE settled_as = 'stays';
ALTER TABLE folder_balance ADD COLUMN left_there {int} NOT NULL DEFAULT 0;
