-- Of two certificates of one registration never both are in use.
CREATE UNIQUE INDEX client_certificate_in_use ON client_certificate (client_id) WHERE state = 'in_use';
