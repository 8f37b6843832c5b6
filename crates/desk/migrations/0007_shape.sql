-- Whose mailbox an address opens: its own, one that several people share, or the one that it is a second address of.
ALTER TABLE mailbox ADD COLUMN shape {text} NOT NULL DEFAULT 'own' CHECK (shape IN ('own', 'shared', 'alias'));
ALTER TABLE mailbox ADD COLUMN opened_address {text} NOT NULL DEFAULT ''; -- alias: the mailbox that is opened
-- Somebody else than expected has signed in: the tokens are sealed and used for nothing until a person says what the
-- mailbox is, or this time has come. Such a try is still pending.
ALTER TABLE consent ADD COLUMN disputed_until {int};
