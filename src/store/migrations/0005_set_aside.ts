/** Credentials that cannot be read are kept out of the way of those that can, until somebody forgets the number. */
export const setAside = `
CREATE TABLE credential_set_aside (
  position INTEGER PRIMARY KEY,
  number_id TEXT NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  value TEXT NOT NULL
);
CREATE INDEX credential_set_aside_number ON credential_set_aside (number_id, type);
`;
