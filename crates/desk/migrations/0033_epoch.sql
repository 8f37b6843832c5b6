-- Since when the mailbox is read at this account and server, where it was read at another one before. What lay there then is
-- old mail.
ALTER TABLE mailbox ADD COLUMN moved_at {int};

-- Names that a POP3 server was told to delete the messages of, and said that it did. One that is listed again all the same is
-- fetched once more, for it may be another message by now; after the second time it is left.
CREATE TABLE deleted_name (
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    folder {text} NOT NULL,
    uid_validity {int} NOT NULL,
    name {text} NOT NULL,
    times {int} NOT NULL,
    size_bytes {int},           -- when it was listed again, where the server says it
    PRIMARY KEY (mailbox_id, folder, uid_validity, name)
) {strict};
