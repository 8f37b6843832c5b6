-- What names a content is found by it: where one is damaged, what it belongs to is asked, and whether anything names it still.
CREATE INDEX inbox_blob ON inbox (blob_id);
CREATE INDEX entry_raw_blob ON entry (raw_blob_id) WHERE raw_blob_id IS NOT NULL;
CREATE INDEX entry_html_blob ON entry (html_blob_id) WHERE html_blob_id IS NOT NULL;
CREATE INDEX attachment_blob ON attachment (blob_id);
CREATE INDEX outbox_blob ON outbox (blob_id) WHERE blob_id IS NOT NULL;
