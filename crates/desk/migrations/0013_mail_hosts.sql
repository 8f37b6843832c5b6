-- The mail servers (names, with blanks between) that a token may go to which is made without a person from what a registration
-- keeps: those of the mailboxes that it was entered for.
ALTER TABLE client ADD COLUMN secret_hosts {text} NOT NULL DEFAULT '';
ALTER TABLE client ADD COLUMN account_hosts {text} NOT NULL DEFAULT '';
ALTER TABLE client_certificate ADD COLUMN mail_hosts {text} NOT NULL DEFAULT '';
