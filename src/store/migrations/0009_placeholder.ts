/** The messages that were announced without their content, until the phone has handed it on. */
export const placeholder = `
CREATE TABLE placeholder (
  number_id TEXT NOT NULL,
  chat TEXT NOT NULL,
  whatsapp_id TEXT NOT NULL,
  from_me INTEGER NOT NULL,
  participant TEXT,
  sent_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (number_id, chat, whatsapp_id)
) WITHOUT ROWID;
`;
