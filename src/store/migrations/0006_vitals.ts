/** What is known of a number's phone, and which of its messages could not be decrypted: both outlive the process. */
export const vitals = `
CREATE TABLE phone (
  number_id TEXT PRIMARY KEY,
  seen_at INTEGER,
  watched_since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE undecryptable (
  number_id TEXT NOT NULL,
  chat TEXT NOT NULL,
  whatsapp_id TEXT NOT NULL,
  noted_at INTEGER NOT NULL,
  PRIMARY KEY (number_id, chat, whatsapp_id)
) WITHOUT ROWID;
`;
