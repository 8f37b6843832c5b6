-- The ways to give a consent: the browser comes back, its last address is pasted, or a code is typed in elsewhere.
ALTER TABLE consent ADD COLUMN way {text} NOT NULL DEFAULT 'callback' CHECK (way IN ('callback', 'paste', 'device'));
-- device: what is polled with, what a person types in and where, and how often the provider may be asked.
ALTER TABLE consent ADD COLUMN device_code {bytes};             -- sealed: consent:{id}:device_code
ALTER TABLE consent ADD COLUMN user_code {text} NOT NULL DEFAULT '';
ALTER TABLE consent ADD COLUMN verification_uri {text} NOT NULL DEFAULT '';
ALTER TABLE consent ADD COLUMN poll_interval_s {int} NOT NULL DEFAULT 0;
ALTER TABLE consent ADD COLUMN poll_at {int};
