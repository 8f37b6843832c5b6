-- A Message-ID that is longer than any line of a letter is none that anybody looks up, and has no room in a page of an
-- index. This stands before the step that makes that index.
UPDATE inbox SET message_id = NULL WHERE octet_length(message_id) > 998;
