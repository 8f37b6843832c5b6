-- device: the agent who acts in a try that ends when nobody waits for it; NULL: the command line.
ALTER TABLE consent ADD COLUMN begun_by {int} REFERENCES agent (id);
