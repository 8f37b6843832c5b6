-- More than one folder of a mailbox is fetched: these beside in_folder, one a line. The first is the one whose server
-- announces news.
ALTER TABLE mailbox ADD COLUMN in_more_folders {text} NOT NULL DEFAULT '';

-- What stands in the way of one folder alone, and of counting it, while its mail comes in.
ALTER TABLE folder_balance ADD COLUMN trouble {text} NOT NULL DEFAULT '';
ALTER TABLE folder_balance ADD COLUMN uncounted {text} NOT NULL DEFAULT ''; -- the server does not list it: why
ALTER TABLE folder_balance ADD COLUMN uncounted_at {int};
ALTER TABLE folder_balance ADD COLUMN chosen_at {int};  -- after the mailbox was fetched already: what `now` means there
