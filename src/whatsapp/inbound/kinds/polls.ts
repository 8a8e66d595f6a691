import { createHash } from "node:crypto";
import { proto } from "@whiskeysockets/baileys";
import { type Content, numberOf } from "./content.ts";

/** A question with answers to choose from; `selectableCount` 0: as many as there are. */
export function poll(message: proto.Message.IPollCreationMessage): Content {
  const question = message.name ?? "";
  const options = optionsOf(message);
  const selectableCount = message.selectableOptionsCount ?? 0;
  return {
    type: "POLL",
    body: question,
    contextInfo: message.contextInfo,
    fields: { poll: { question, options, selectableCount } },
  };
}

/** How a poll in a channel stands. */
export function pollResult(
  { name, pollVotes, contextInfo }: proto.Message.IPollResultSnapshotMessage,
): Content {
  const votes = (pollVotes ?? []).map(({ optionName, optionVoteCount }) => ({
    option: optionName ?? "",
    count: numberOf(optionVoteCount) ?? 0,
  }));
  const question = name ?? "";
  return { type: "POLL_RESULT", body: question, contextInfo, fields: { pollResult: { question, votes } } };
}

/** What somebody has chosen. It names its options by their hashes, and is encrypted with the secret of the poll. */
export function pollVote(message: proto.Message.IPollUpdateMessage): Content {
  const { pollCreationMessageKey: key, vote } = message;
  const content = (options: readonly string[] | null): Content => ({
    type: "POLL_VOTE",
    body: options?.join(", ") ?? "",
    fields: { pollVote: { options } },
    ...(key?.id ? { target: { field: "pollVote", key, turned: true } } : {}),
  });
  return {
    ...content(null),
    ...(vote?.encPayload && vote.encIv
      ? {
        sealed: {
          use: "Poll Vote",
          payload: vote.encPayload,
          iv: vote.encIv,
          open: (plaintext, about) => content(chosen(plaintext, about)),
        },
      }
      : {}),
  };
}

/** The names of what was chosen; of an option that the poll does not have there is none. */
function chosen(plaintext: Uint8Array, about: proto.IMessage): string[] {
  const { selectedOptions } = proto.Message.PollVoteMessage.decode(plaintext);
  const hashes = new Set(selectedOptions.map((hash) => hex(hash)));
  return optionsOf(pollIn(about) ?? {}).filter((option) =>
    hashes.has(createHash("sha256").update(option).digest("hex"))
  );
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function optionsOf({ options }: proto.Message.IPollCreationMessage): string[] {
  return (options ?? []).map(({ optionName }) => optionName ?? "");
}

/** The poll in a message, whichever version of it. */
function pollIn(message: proto.IMessage): proto.Message.IPollCreationMessage | null | undefined {
  const wrapped = message.pollCreationMessageV4?.message ?? message.ephemeralMessage?.message;
  return message.pollCreationMessage ?? message.pollCreationMessageV2 ?? message.pollCreationMessageV3 ??
    message.pollCreationMessageV5 ?? (wrapped ? pollIn(wrapped) : undefined);
}
