-- What a notice said, whatever becomes of the matter later.
ALTER TABLE notice ADD COLUMN headline TEXT NOT NULL DEFAULT '';
