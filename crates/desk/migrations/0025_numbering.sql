-- Whose UIDs are remembered of a folder. UIDVALIDITY tells folders of one account apart, not accounts.
CREATE TABLE numbering (
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    folder {text} NOT NULL,
    place {text} NOT NULL,            -- account and server: user host:port
    before {int} NOT NULL DEFAULT 0,  -- how many others have stood under this name
    PRIMARY KEY (mailbox_id, folder)
) {strict};
