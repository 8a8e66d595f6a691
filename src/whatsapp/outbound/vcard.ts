import type { ContactCard } from "../../contract/commands.ts";

const MAX_LINE_BYTES = 75;
const encoder = new TextEncoder();

/**
 * A vCard 3.0 (RFC 2426) as WhatsApp writes them: lines end with a line feed, and each number names the account behind it
 * (`waid`), so that the recipient can write to it at once.
 */
export function vcard({ name, phoneNumbers, organization, email }: ContactCard): string {
  const lines = [
    "BEGIN:VCARD",
    "VERSION:3.0",
    `N:;${escaped(name)};;;`,
    `FN:${escaped(name)}`,
    ...(organization === undefined ? [] : [`ORG:${escaped(organization)}`]),
    ...phoneNumbers.map((digits) => `TEL;type=CELL;waid=${digits}:+${digits}`),
    ...(email === undefined ? [] : [`EMAIL;type=INTERNET:${escaped(email)}`]),
    "END:VCARD",
  ];
  return lines.map(folded).join("\n");
}

function escaped(value: string): string {
  return value.replace(/[\\,;]/g, "\\$&").replace(/\r\n?|\n/g, "\\n");
}

/** A long line goes on in the next one, behind a space; no character is torn apart. */
function folded(line: string): string {
  let folded = "";
  let bytes = 0;
  for (const character of line) {
    const size = encoder.encode(character).length;
    if (bytes + size > MAX_LINE_BYTES) {
      folded += "\n ";
      bytes = 1;
    }
    folded += character;
    bytes += size;
  }
  return folded;
}
