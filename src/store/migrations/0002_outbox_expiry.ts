/** Before every batch the outbox drops what has expired: without an index that reads all that waits, each time. */
export const outboxExpiry = `
CREATE INDEX outbox_expiry ON outbox (expires_at) WHERE expires_at IS NOT NULL;
`;
