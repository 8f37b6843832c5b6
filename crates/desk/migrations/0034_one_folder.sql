-- What a folder's round looks up is found without reading the rows of all the others.
DROP INDEX inbox_unsettled;
CREATE INDEX inbox_unsettled ON inbox (mailbox_id, folder, uid_validity, uid) WHERE settled_on_server_at IS NULL;
CREATE INDEX inbox_again_unsettled ON inbox_again (mailbox_id, folder, uid_validity, uid)
    WHERE settled_on_server_at IS NULL;
-- Under which other UIDs a message came.
CREATE INDEX inbox_again_of ON inbox_again (inbox_id);
