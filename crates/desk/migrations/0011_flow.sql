-- How a registration comes by its tokens, and what it shows that it is the one that was registered.
ALTER TABLE client ADD COLUMN flow {text} NOT NULL DEFAULT 'code' CHECK (flow IN ('code', 'app_only', 'service_account'));
ALTER TABLE client ADD COLUMN authentication {text} NOT NULL DEFAULT 'secret' CHECK (authentication IN ('secret', 'certificate'));

-- A service account's key file, taken apart.
ALTER TABLE client ADD COLUMN account_address {text} NOT NULL DEFAULT '';
ALTER TABLE client ADD COLUMN account_key_id {text} NOT NULL DEFAULT '';
ALTER TABLE client ADD COLUMN account_key {bytes}; -- sealed: client:{id}:account_key

-- Certificates in place of a secret: one in use, and one that waits so that it can follow.
CREATE TABLE client_certificate (
    id {id},
    client_id {int} NOT NULL REFERENCES client (id),
    state {text} NOT NULL CHECK (state IN ('in_use', 'waiting', 'retired')),
    der {bytes} NOT NULL,
    private_key {bytes},                   -- sealed: client_certificate:{id}:private_key; a retired one has none
    thumbprint {text} NOT NULL,            -- SHA-256 of the DER in lower-case hexadecimal
    not_after {int} NOT NULL,
    created_at {int} NOT NULL
) {strict};
CREATE INDEX client_certificate_by_client ON client_certificate (client_id, state);
