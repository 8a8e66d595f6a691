import { Buffer } from "node:buffer";
import { jidNormalizedUser, proto, type WASocket } from "@whiskeysockets/baileys";

/**
 * Asks the phone of an account for a sign: for a key of the app state that this device has already, as a message that only
 * the phone gets and nobody sees. A phone that is there receipts it.
 *
 * @see https://github.com/mautrix/whatsapp which does the same for phones it has not seen for ten days
 */
export async function askPhoneForSign(baileys: WASocket): Promise<void> {
  const { me, myAppStateKeyId } = baileys.authState.creds;
  if (me === undefined) return;
  const keyIds = myAppStateKeyId === undefined ? [] : [{ keyId: Buffer.from(myAppStateKeyId, "base64") }];
  await baileys.relayMessage(jidNormalizedUser(me.id), {
    protocolMessage: {
      type: proto.Message.ProtocolMessage.Type.APP_STATE_SYNC_KEY_REQUEST,
      appStateSyncKeyRequest: { keyIds },
    },
  }, {
    additionalAttributes: { category: "peer", push_priority: "high" },
    additionalNodes: [{ tag: "meta", attrs: { appdata: "default" } }],
  });
}
