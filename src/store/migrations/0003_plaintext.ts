/** What was decrypted lately has a table of its own: the newest of each number, where it was a place among its keys. */
export const plaintext = `
CREATE TABLE plaintext (
  number_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  ciphertext_hash BLOB NOT NULL,
  plaintext BLOB NOT NULL,
  PRIMARY KEY (number_id, position)
) WITHOUT ROWID;
CREATE INDEX plaintext_hash ON plaintext (number_id, ciphertext_hash);
DELETE FROM credential WHERE type = 'plaintext';
`;
