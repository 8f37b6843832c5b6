-- What the comparison came from, where that can be said in short: while it is the same, so is what it came to.
ALTER TABLE folder_balance ADD COLUMN standing {text} NOT NULL DEFAULT '';
