-- 1: it would pass by itself, and has not for a while. Once it needs a person that is told anew.
ALTER TABLE alert ADD COLUMN passes {int} NOT NULL DEFAULT 0;
-- device: the process that shows the code and waits for it; empty: a session does.
ALTER TABLE consent ADD COLUMN begun_in {text} NOT NULL DEFAULT '';
