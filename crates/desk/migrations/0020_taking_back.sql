-- Where the provider is told when this ends, as it was while it was in use; empty: nowhere. The sealed refresh token is then
-- kept until that is done: by whoever ended it, and from take_back_at on by anybody.
ALTER TABLE consent ADD COLUMN take_back_to {text} NOT NULL DEFAULT '';
ALTER TABLE consent ADD COLUMN take_back_at {int};
-- Why that did not succeed the last time.
ALTER TABLE consent ADD COLUMN take_back_said {text} NOT NULL DEFAULT '';
CREATE INDEX consent_by_take_back ON consent (take_back_at);
-- What somebody has said the mailbox is (shared, alias), to be so when this is proved; empty: what it was.
ALTER TABLE consent ADD COLUMN answered {text} NOT NULL DEFAULT '';
