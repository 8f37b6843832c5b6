-- The same letter is looked for in one mailbox, and in all of them.
DROP INDEX inbox_by_content;
CREATE UNIQUE INDEX inbox_by_content ON inbox (content_key, mailbox_id);
