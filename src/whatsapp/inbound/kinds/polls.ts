import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { proto } from "@whiskeysockets/baileys";
import { about, type Content, countOf, type ReadContent, sealed } from "./content.ts";

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
    count: countOf(optionVoteCount),
  }));
  const question = name ?? "";
  return { type: "POLL_RESULT", body: question, contextInfo, fields: { pollResult: { question, votes } } };
}

/** What somebody has chosen. It names its options by their hashes, and is encrypted with the secret of the poll. */
export function pollVote(message: proto.Message.IPollUpdateMessage, read: ReadContent): Content {
  const { pollCreationMessageKey: key, vote } = message;
  const content = (options: readonly string[] | null): Content => ({
    type: "POLL_VOTE",
    body: options?.join(", ") ?? "",
    fields: { pollVote: { options } },
    ...about("pollVote", key, { turned: true }),
  });
  return {
    ...content(null),
    ...sealed("Poll Vote", vote ?? {}, (plaintext, poll) => content(chosen(plaintext, read(poll)))),
  };
}

/**
 * The names of what was chosen, in the order of the poll.
 *
 * @throws {RangeError} when the poll does not have it, or is none
 */
function chosen(plaintext: Uint8Array, poll: Content | undefined): string[] {
  const { selectedOptions } = proto.Message.PollVoteMessage.decode(plaintext);
  const hashes = new Set(selectedOptions.map((hash) => Buffer.from(hash).toString("hex")));
  const { options } = poll?.fields?.poll as { options: string[] } | undefined ?? {};
  const names = options?.filter((option) => hashes.has(createHash("sha256").update(option).digest("hex")));
  if (names?.length !== hashes.size) {
    throw new RangeError("Cannot name what a vote has chosen as it is no option of its poll");
  }
  return names;
}

function optionsOf({ options }: proto.Message.IPollCreationMessage): string[] {
  return (options ?? []).map(({ optionName }) => optionName ?? "");
}
