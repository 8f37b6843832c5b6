-- One more kind of alert: mail is stored here and does not become tickets.
ALTER TABLE alert ADD COLUMN about {text} NOT NULL DEFAULT 'incoming'
    CHECK (about IN ('incoming', 'outgoing', 'silence', 'secret', 'certificate', 'unaccounted', 'filing'));
UPDATE alert SET about = kind;
ALTER TABLE alert DROP COLUMN kind;
ALTER TABLE alert RENAME COLUMN about TO kind;
