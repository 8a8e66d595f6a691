/** How far a message to a group has come with each of its members; `reached` counts from 0, nothing heard, to 3, played. */
export const recipient = `
CREATE TABLE recipient (
  number_id TEXT NOT NULL,
  whatsapp_id TEXT NOT NULL,
  person TEXT NOT NULL,
  alias TEXT,
  reached INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (number_id, whatsapp_id, person)
) WITHOUT ROWID;
`;
