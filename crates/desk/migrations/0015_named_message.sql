-- POP3 names its messages by texts that last (UIDL, RFC 1939 §7) and numbers them anew in each session. Each name gets
-- a number here, which stands where IMAP's UID does; the names of another server or account are those of another
-- uid_validity.
CREATE TABLE named_message (
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    folder {text} NOT NULL,
    uid_validity {int} NOT NULL,
    uid {int} NOT NULL,
    name {text} NOT NULL,
    PRIMARY KEY (mailbox_id, folder, uid_validity, uid),
    UNIQUE (mailbox_id, folder, uid_validity, name)
) {strict};
