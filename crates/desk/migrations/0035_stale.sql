-- Something has come or gone since the folder was compared, and it was too soon to compare it again.
ALTER TABLE folder_balance ADD COLUMN is_stale {int} NOT NULL DEFAULT 0;

-- What is in hand, and what is put off, is found without reading all that waits. SQLite takes another index of as many known
-- columns before these, so that the state is a column of theirs.
DROP INDEX inbox_in_hand;
CREATE INDEX inbox_in_hand ON inbox (state, leased_until) WHERE state = 'new';
DROP INDEX inbox_put_off;
CREATE INDEX inbox_put_off ON inbox (state, due_at, id) WHERE state = 'new' AND reason_code <> '';
