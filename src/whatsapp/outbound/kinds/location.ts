import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import type { ComposeContext } from "../composition.ts";
import { inContext } from "../context_info.ts";

/** A place. Without a thumbnail: phones draw the map themselves. */
export async function locationMessage(
  command: Message<"LOCATION">,
  context: ComposeContext,
): Promise<proto.IMessage> {
  const { latitude: degreesLatitude, longitude: degreesLongitude, name, address } = command;
  const { contextInfo } = await inContext(command, "", context);
  return proto.Message.fromObject({
    locationMessage: { degreesLatitude, degreesLongitude, name, address, contextInfo },
  });
}
