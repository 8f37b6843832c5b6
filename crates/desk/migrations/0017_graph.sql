-- Microsoft Graph tells what has changed in a folder since a link that it handed out: where reading goes on. In the middle of
-- the first walk through a folder the messages are those that were there before, and the rules of old mail hold for them.
ALTER TABLE folder ADD COLUMN link {text} NOT NULL DEFAULT '';
ALTER TABLE folder ADD COLUMN is_first_walk {int} NOT NULL DEFAULT 1;
-- How the outgoing server is spoken to: smtp or graph.
ALTER TABLE mailbox ADD COLUMN out_protocol {text} NOT NULL DEFAULT 'smtp';
