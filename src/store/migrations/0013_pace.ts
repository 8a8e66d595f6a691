/**
 * What a number's pace is kept by: when it has handed messages over, whom it knows, when its device was linked (whatever was
 * linked before this is old), which of its sends wait for a restriction to end, and until when that is.
 */
export const pace = `
CREATE TABLE handover (
  number_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  whatsapp_id TEXT NOT NULL,
  to_new INTEGER NOT NULL,
  PRIMARY KEY (number_id, at, whatsapp_id)
) WITHOUT ROWID;

CREATE TABLE contact (
  number_id TEXT NOT NULL,
  jid TEXT NOT NULL,
  PRIMARY KEY (number_id, jid)
) WITHOUT ROWID;
INSERT OR IGNORE INTO contact SELECT number_id, chat FROM send
  WHERE status IN ('SENT', 'DELIVERED', 'READ', 'PLAYED') AND chat NOT LIKE '%@g.us';
INSERT OR IGNORE INTO contact SELECT number_id, chat FROM received
  WHERE chat LIKE '%@s.whatsapp.net' OR chat LIKE '%@lid';

CREATE TABLE linked (
  number_id TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO linked SELECT number_id, 0 FROM credential
  WHERE type = 'creds' AND CASE WHEN json_valid(value) THEN json_extract(value, '$.me.id') END IS NOT NULL;

CREATE TABLE parked (
  number_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  position INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  since INTEGER NOT NULL,
  parked_at INTEGER NOT NULL,
  PRIMARY KEY (number_id, fingerprint)
) WITHOUT ROWID;

CREATE TABLE restriction (
  number_id TEXT PRIMARY KEY,
  until_at INTEGER
) WITHOUT ROWID;
`;
