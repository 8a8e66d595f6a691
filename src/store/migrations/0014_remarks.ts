/** What is to be told about a message when it has gone out: known when it is made, which may be in a process before. */
export const remarks = `ALTER TABLE send ADD COLUMN remarks TEXT;`;
