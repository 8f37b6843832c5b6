-- A person has decided that this message becomes a ticket: it is not screened again.
ALTER TABLE inbox ADD COLUMN accepted {int} NOT NULL DEFAULT 0;
