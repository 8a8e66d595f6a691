/** The first schema. Numbers of a session are kept as the text of their digits, ids of the backend as the JSON it wrote. */
export const initial = `
CREATE TABLE setting (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE session (
  number_id TEXT PRIMARY KEY,
  number_id_json TEXT NOT NULL,
  phone_number TEXT NOT NULL,
  backend_session_id_json TEXT,
  at_start TEXT NOT NULL CHECK (at_start IN ('open', 'closed', 'banned', 'forget')),
  command_id TEXT,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE credential (
  number_id TEXT NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (number_id, type, id)
) WITHOUT ROWID;

CREATE TABLE outbox (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  queue TEXT NOT NULL,
  message_id TEXT NOT NULL,
  type TEXT NOT NULL,
  correlation_id TEXT,
  body TEXT NOT NULL,
  collapse_key TEXT,
  expires_at INTEGER,
  created_at INTEGER NOT NULL
);
CREATE INDEX outbox_collapse ON outbox (collapse_key) WHERE collapse_key IS NOT NULL;

CREATE TABLE send (
  number_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  whatsapp_id TEXT NOT NULL,
  chat TEXT NOT NULL,
  answer_to TEXT,
  message_id_json TEXT,
  number_id_json TEXT NOT NULL,
  status TEXT NOT NULL,
  final INTEGER NOT NULL DEFAULT 0,
  answer_id TEXT,
  answer TEXT,
  content BLOB,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (number_id, fingerprint)
) WITHOUT ROWID;
CREATE UNIQUE INDEX send_whatsapp_id ON send (number_id, whatsapp_id);
CREATE INDEX send_age ON send (created_at);

CREATE TABLE received (
  number_id TEXT NOT NULL,
  chat TEXT NOT NULL,
  whatsapp_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (number_id, chat, whatsapp_id)
) WITHOUT ROWID;
CREATE INDEX received_age ON received (received_at);
`;
