-- Since when the mailbox is read at this account and server, where it was read at another one before. What lay there then is
-- old mail.
ALTER TABLE mailbox ADD COLUMN moved_at {int};
