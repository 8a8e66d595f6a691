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
  id: groupAddress,
  subject: z.string(),
  size: count,
  owner: address.nullable(),
  createdAt: milliseconds.nullable(),
  announce: z.boolean(),
  locked: z.boolean(),
  isAdmin: z.boolean(),
};

const participant = z.looseObject({
  address,
  phoneNumber: e164.nullable(),
  lid: lid.nullable(),
  admin: z.enum(["admin", "superadmin"]).nullable(),
});

/** The `data` of what was done, by its type. */
export const CHAT_RESULTS = {
  READ: z.looseObject({ read: count }),
  TYPING: z.looseObject({}),
  RECORDING: z.looseObject({}),
  PAUSED: z.looseObject({}),
  CHECK_NUMBER: z.looseObject({
    phoneNumber: e164,
    exists: z.boolean(),
    jid: address.nullable(),
    lid: lid.nullable(),
    checkedAt: milliseconds,
  }),
  GROUP_LIST: z.looseObject({ groups: z.array(z.looseObject(group)) }),
  GROUP_INFO: z.looseObject({
    ...group,
    description: z.string().nullable(),
    participants: z.array(participant),
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
  messageId: z.exactOptional(echoedId),
  type: z.enum(CHAT_ACTION_TYPES as [ChatActionType, ...ChatActionType[]]),
  status: z.enum(["DONE", "FAILED"]),
  data: z.exactOptional(z.looseObject({})),
  code: z.exactOptional(word),
  error: z.exactOptional(sentence),
  retryable: z.exactOptional(z.boolean()),
  retryAt: z.exactOptional(milliseconds),
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
