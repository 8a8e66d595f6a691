import { type GroupMetadata, type GroupParticipant } from "@whiskeysockets/baileys";
import type { ChatAction } from "../../contract/commands.ts";
import type { ChatResult } from "../../contract/command_result.ts";
import { isOwn, type Person, person } from "../identities.ts";
import type { Socket } from "../socket/socket.ts";
import type { ActionContext } from "./action_context.ts";
import { ActionFailed, type ActionFailure, refusalCodeOf } from "./failures.ts";

const NOT_IN_GROUP: ActionFailure = {
  code: "not_in_group",
  error: "WhatsApp tells this number nothing of the group as it is not in it",
  retryable: false,
};

/** What WhatsApp's server refuses to tell of a group, by its code. */
const REFUSALS: Readonly<Record<number, ActionFailure>> = {
  401: NOT_IN_GROUP,
  403: NOT_IN_GROUP,
  404: { code: "group_not_found", error: "WhatsApp knows no such group", retryable: false },
};

/** The groups that the number is in. */
export async function listGroups(
  _command: ChatAction<"GROUP_LIST">,
  { socket }: ActionContext,
): Promise<ChatResult<"GROUP_LIST">> {
  const all = await socket.baileys.groupFetchAllParticipating();
  return { groups: await Promise.all(Object.values(all).map((group) => summaryOf(group, socket))) };
}

/**
 * One group, and who is in it.
 *
 * @throws {ActionFailed} `not_in_group`, `group_not_found`
 */
export async function describeGroup(
  { to }: ChatAction<"GROUP_INFO">,
  { socket }: ActionContext,
): Promise<ChatResult<"GROUP_INFO">> {
  const group = await metadataOf(to, socket);
  const participants: ChatResult<"GROUP_INFO">["participants"] = [];
  for (const participant of group.participants) {
    const { address, phoneNumber, lid } = await whoIs(participant, socket);
    participants.push({ address, phoneNumber, lid, admin: rankOf(participant) });
  }
  return { ...await summaryOf(group, socket), description: group.desc ?? null, participants };
}

async function metadataOf(jid: string, { baileys }: Socket): Promise<GroupMetadata> {
  try {
    return await baileys.groupMetadata(jid);
  } catch (error) {
    const failure = REFUSALS[refusalCodeOf(error) ?? 0];
    if (failure === undefined) throw error;
    throw new ActionFailed(failure);
  }
}

async function summaryOf(group: GroupMetadata, socket: Socket) {
  const { id, subject, size, owner, ownerPn, creation, announce, restrict, participants } = group;
  const isAdmin = participants.some((participant) => {
    const { id, phoneNumber, lid } = participant;
    return rankOf(participant) !== null && isOwn(socket.account, id, phoneNumber, lid);
  });
  // Who is in it is named in full.
  const ownerAs = participants.find((participant) => participant.id === owner) ??
    (owner === undefined ? undefined : { id: owner, phoneNumber: ownerPn });
  return {
    id,
    subject: subject ?? "",
    size: size ?? participants.length,
    owner: ownerAs === undefined ? null : (await whoIs(ownerAs, socket)).address,
    createdAt: creation ? creation * 1000 : null,
    announce: announce === true,
    locked: restrict === true,
    isAdmin,
  };
}

/** Under every name that WhatsApp tells of them, or has told before. */
async function whoIs(
  { id, phoneNumber, lid }: {
    readonly id: string;
    readonly phoneNumber?: string | undefined;
    readonly lid?: string | undefined;
  },
  { identities }: Socket,
): Promise<Person> {
  return person(id, phoneNumber ?? lid ?? await identities.aliasOf(id));
}

function rankOf({ admin }: GroupParticipant): "admin" | "superadmin" | null {
  return admin === "admin" || admin === "superadmin" ? admin : null;
}
