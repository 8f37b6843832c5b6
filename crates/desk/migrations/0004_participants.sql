-- Whose copies a ticket goes to is looked up by address.
CREATE INDEX participant_by_address ON participant (address_key, ticket_id);
