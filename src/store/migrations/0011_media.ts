/** Media of messages that came in: those to be fetched, and what has become of the others. */
export const media = `
CREATE TABLE media (
  id TEXT PRIMARY KEY,
  number_id TEXT NOT NULL,
  whatsapp_id TEXT NOT NULL,
  chat TEXT NOT NULL,
  from_me INTEGER NOT NULL,
  participant TEXT,
  about TEXT NOT NULL,
  type TEXT NOT NULL,
  mime_type TEXT NOT NULL,
  file_name TEXT,
  media_key BLOB,
  direct_path TEXT,
  file_sha256 BLOB,
  file_enc_sha256 BLOB,
  status TEXT NOT NULL CHECK (status IN ('PENDING', 'INLINE', 'STORED', 'FAILED')),
  error TEXT,
  size INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  attempted_at INTEGER,
  due_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  settled_at INTEGER
) WITHOUT ROWID;
CREATE INDEX media_message ON media (number_id, whatsapp_id);
CREATE INDEX media_due ON media (due_at, created_at, number_id) WHERE status = 'PENDING';
CREATE INDEX media_age ON media (settled_at, size) WHERE settled_at IS NOT NULL;
`;
