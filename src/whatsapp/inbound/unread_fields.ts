import { proto } from "@whiskeysockets/baileys";

/**
 * The numbers of the fields of a message that Baileys does not know, and leaves out when it decodes one: what WhatsApp has
 * added since.
 *
 * @param bytes what `message` was decoded from
 */
export function unreadFields(bytes: Uint8Array, message: proto.IMessage): number[] {
  const known = new Set(fieldsOf(proto.Message.encode(message as proto.Message).finish()));
  return fieldsOf(bytes).filter((field) => !known.has(field));
}

/** The numbers of the fields of an encoded message. @throws {RangeError} when it is none */
function fieldsOf(bytes: Uint8Array): number[] {
  const fields: number[] = [];
  let position = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1;; factor *= 128) {
      const byte = bytes[position++];
      if (byte === undefined) throw new RangeError("Cannot read a message as it ends within a field");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (position < bytes.length) {
    const tag = varint();
    fields.push(Math.floor(tag / 8));
    switch (tag % 8) {
      case 0:
        varint();
        break;
      case 1:
        position += 8;
        break;
      case 2: {
        const length = varint();
        position += length;
        break;
      }
      case 5:
        position += 4;
        break;
      default:
        throw new RangeError(`Cannot read a message as wire type ${tag % 8} is none of its fields'`);
    }
  }
  return fields;
}
