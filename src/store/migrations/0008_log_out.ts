/** A session that is to be logged out is, after a restart too; one that waits for its phone goes on asking the same way. */
export const logOut = `
CREATE TABLE session_new (
  number_id TEXT PRIMARY KEY,
  number_id_json TEXT NOT NULL,
  phone_number TEXT NOT NULL,
  backend_session_id_json TEXT,
  at_start TEXT NOT NULL CHECK (at_start IN ('open', 'closed', 'banned', 'log_out', 'forget')),
  pairing_method TEXT NOT NULL DEFAULT 'qr' CHECK (pairing_method IN ('qr', 'code')),
  command_id TEXT,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO session_new
  (number_id, number_id_json, phone_number, backend_session_id_json, at_start, command_id, created_at)
  SELECT number_id, number_id_json, phone_number, backend_session_id_json, at_start, command_id, created_at FROM session;
DROP TABLE session;
ALTER TABLE session_new RENAME TO session;
`;
