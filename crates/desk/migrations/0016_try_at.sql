-- A consent that needs nobody: when it is asked for, or proved, again by itself; NULL: it is not.
ALTER TABLE consent ADD COLUMN try_at {int};
CREATE INDEX consent_by_try ON consent (try_at);
