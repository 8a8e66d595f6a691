/** How often each contact has asked again for a message it could not decrypt. */
export const retry = `
CREATE TABLE retry (
  number_id TEXT NOT NULL,
  request TEXT NOT NULL,
  count INTEGER NOT NULL,
  counted_at INTEGER NOT NULL,
  PRIMARY KEY (number_id, request)
) WITHOUT ROWID;
CREATE INDEX retry_age ON retry (counted_at);
`;
