-- A link that an administrator of the tenant is sent, to consent for everybody. Nothing is trusted of what comes back.
CREATE TABLE admin_consent (
    id {id},
    client_id {int} NOT NULL REFERENCES client (id),
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    state_hash {bytes} NOT NULL UNIQUE,
    ends_at {int} NOT NULL,
    answered_at {int},
    created_at {int} NOT NULL
) {strict};
