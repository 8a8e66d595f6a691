/** What the backend is told of messages that cannot be decrypted. Of those from before only their number is known. */
export const undecryptable = `
ALTER TABLE undecryptable ADD COLUMN from_me INTEGER NOT NULL DEFAULT 0;
ALTER TABLE undecryptable ADD COLUMN participant TEXT;
ALTER TABLE undecryptable ADD COLUMN push_name TEXT;
ALTER TABLE undecryptable ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE undecryptable ADD COLUMN reason TEXT;
ALTER TABLE undecryptable ADD COLUMN told INTEGER NOT NULL DEFAULT 1;
`;
