/** How much the contents of sends take together, and which are the oldest, is read from an index alone. */
export const sendAge = `
DROP INDEX send_age;
CREATE INDEX send_age ON send (created_at, length(content));
`;
