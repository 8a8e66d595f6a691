/** What others wrote to a number and its owner from elsewhere, for whoever answers it, forwards it or votes on it. */
export const message = `
CREATE TABLE message (
  number_id TEXT NOT NULL,
  whatsapp_id TEXT NOT NULL,
  chat TEXT NOT NULL,
  from_me INTEGER NOT NULL,
  participant TEXT,
  content BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (number_id, whatsapp_id, chat)
) WITHOUT ROWID;
CREATE INDEX message_age ON message (created_at, length(content));
`;
