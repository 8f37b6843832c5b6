-- What a folder held when it was listed last, and the number of changes that its server had counted by then (CONDSTORE):
-- where the server tells what has changed since (QRESYNC), it is not listed again.
ALTER TABLE folder_balance ADD COLUMN listed_at {int};
ALTER TABLE folder_balance ADD COLUMN listed_mod_seq {int};
ALTER TABLE folder_balance ADD COLUMN listed_uids {text} NOT NULL DEFAULT '';
