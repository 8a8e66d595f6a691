import { isLidUser, type WAMessage } from "@whiskeysockets/baileys";

/**
 * Adds the phone number of who wrote to a message that names them by LID alone, if this device has ever been told it.
 *
 * @param phoneJidOf finds the phone-number JID of a LID; null when it is not known
 */
export async function addPhoneNumber(
  { key }: WAMessage,
  phoneJidOf: (lid: string) => Promise<string | null>,
): Promise<void> {
  const { remoteJid, participant } = key;
  if (remoteJid && isLidUser(remoteJid) && !key.remoteJidAlt) {
    const known = await phoneJidOf(remoteJid);
    if (known !== null) key.remoteJidAlt = known;
  }
  if (participant && isLidUser(participant) && !key.participantAlt) {
    const known = await phoneJidOf(participant);
    if (known !== null) key.participantAlt = known;
  }
}
