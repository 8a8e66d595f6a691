/**
 * The contract with the backend: what it sends, read tolerantly, and what it is told, written exactly. Pure.
 *
 * @module
 */

export * from "./addresses.ts";
export * from "./commands.ts";
export * from "./events.ts";
export { CHAT_ACTION_TYPES, MESSAGE_TYPES } from "./messages.ts";
export { idText } from "./ids.ts";
export { decodeBody, MAX_BODY_BYTES, MAX_SEND_BYTES, parseJson, stringifyJson } from "./json.ts";
export { quote } from "./parsed.ts";
