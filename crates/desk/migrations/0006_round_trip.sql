-- A letter that the Mailbox Doctor sent from a mailbox to itself: known by its mark when it comes back, and never a ticket.
CREATE TABLE round_trip (
    id {id},
    mailbox_id {int} NOT NULL REFERENCES mailbox (id),
    mark {text} NOT NULL,                  -- 128 random bits, in its subject and its Message-ID
    sent_at {int} NOT NULL,
    inbox_id {int} REFERENCES inbox (id)   -- what came first and bears the mark: the letter, or a report about it
) {strict};
CREATE UNIQUE INDEX round_trip_by_mark ON round_trip (mark);
