/**
 * The answer to what was to be done in a number's chats: one event for each, with what came of it.
 *
 * @module
 */

import * as z from "zod";
import {
  address,
  common,
  count,
  e164,
  echoedId,
  lid,
  milliseconds,
  rowId,
  sentence,
  time,
  word,
} from "./event_fields.ts";
import { CHAT_ACTION_TYPES, type ChatActionType } from "./messages.ts";

const groupAddress = z.string().regex(/^[\d-]+@g\.us$/, "must be a group's address");

const group = {
  id: groupAddress.describe("The group's address"),
  subject: z.string().describe("Its name"),
  size: count.describe("How many are in it"),
  owner: address.nullable().describe("Who made it"),
  createdAt: milliseconds.nullable().describe("When, in milliseconds since the epoch"),
  announce: z.boolean().describe("Whether only admins write there"),
  locked: z.boolean().describe("Whether only admins change its name and picture"),
  isAdmin: z.boolean().describe("Whether the number is one of the admins"),
};

const participant = z.looseObject({
  address: address.describe("As messages name them"),
  phoneNumber: e164.nullable().describe("E.164, with +; null where it is not known"),
  lid: lid.nullable().describe("Their LID; null where it is not known"),
  admin: z.enum(["admin", "superadmin"]).nullable().describe("Whether they are an admin"),
});

/** The `data` of what was done, by its type. */
export const CHAT_RESULTS = {
  READ: z.looseObject({ read: count.describe("How many messages were marked") }),
  TYPING: z.looseObject({}),
  RECORDING: z.looseObject({}),
  PAUSED: z.looseObject({}),
  CHECK_NUMBER: z.looseObject({
    phoneNumber: e164.describe("The phone number that was asked about, with +"),
    exists: z.boolean().describe("Whether it is on WhatsApp"),
    jid: address.nullable().describe("Its address, when it is"),
    lid: lid.nullable().describe("Its LID; null where it is not known"),
    checkedAt: milliseconds.describe("When WhatsApp was asked, in milliseconds since the epoch"),
  }),
  GROUP_LIST: z.looseObject({
    groups: z.array(z.looseObject(group)).describe("The groups that the number is in"),
  }),
  GROUP_INFO: z.looseObject({
    ...group,
    description: z.string().nullable().describe("What stands about it"),
    participants: z.array(participant).describe("Who is in it"),
  }),
} satisfies Record<ChatActionType, z.ZodType>;

/** The `data` of one type. */
export type ChatResult<T extends ChatActionType = ChatActionType> = {
  [K in T]: z.output<(typeof CHAT_RESULTS)[K]>;
}[T];

/** What is at fault in a result that says it is done, or that it failed. */
const HAS: Readonly<Record<string, readonly string[]>> = {
  DONE: ["data"],
  FAILED: ["code", "error", "retryable"],
};

/** A `command_result`: `DONE` with its data, or `FAILED` with a code. */
export const commandResult = z.looseObject({
  action: z.literal("command_result"),
  ...common,
  numberId: rowId,
  messageId: z.exactOptional(echoedId.describe("The command's, as you wrote it")),
  type: z.enum(CHAT_ACTION_TYPES as [ChatActionType, ...ChatActionType[]]).describe("What was to be done"),
  status: z.enum(["DONE", "FAILED"]).describe("Whether it was"),
  data: z.exactOptional(z.looseObject({}).describe("Of DONE: what came of it, for each type as above")),
  code: z.exactOptional(word.describe("Of FAILED: why, as a stable word")),
  error: z.exactOptional(sentence.describe("Of FAILED: why, in words")),
  retryable: z.exactOptional(z.boolean().describe("Of FAILED: whether it may go well later")),
  retryAt: z.exactOptional(
    milliseconds.describe("Of FAILED: before when it would not, in milliseconds since the epoch"),
  ),
  ...time,
}).superRefine((result, context) => {
  for (const [status, fields] of Object.entries(HAS)) {
    for (const field of fields) {
      const there = result[field] !== undefined;
      if (there === (status === result.status)) continue;
      context.addIssue({
        code: "custom",
        path: [field],
        message: `must ${there ? "not " : ""}be there when it is ${result.status}`,
      });
    }
  }
  const data = result.data === undefined ? undefined : CHAT_RESULTS[result.type].safeParse(result.data);
  for (const { path, message } of data?.error?.issues ?? []) {
    context.addIssue({ code: "custom", path: ["data", ...path], message });
  }
});
