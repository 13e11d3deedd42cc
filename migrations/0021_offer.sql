-- What is offered to an officer, found by the officer.

CREATE INDEX conversation_by_offer ON conversation (offered_to, id);
