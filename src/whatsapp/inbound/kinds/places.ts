import type { proto } from "@whiskeysockets/baileys";
import type { Content } from "./content.ts";

/** A place as the contract has it; what is not known of it is `null`. */
export function placeOf(
  message: proto.Message.ILocationMessage & proto.Message.ILiveLocationMessage,
  live: boolean,
) {
  return {
    latitude: degrees(message.degreesLatitude),
    longitude: degrees(message.degreesLongitude),
    name: message.name || null,
    address: message.address || null,
    url: message.url || null,
    accuracyMeters: message.accuracyInMeters ?? null,
    speedMetersPerSecond: message.speedInMps ?? null,
    headingDegrees: message.degreesClockwiseFromMagneticNorth ?? null,
    live,
  };
}

/** What is no number is nowhere, as what is not said. */
function degrees(value: number | null | undefined): number {
  return Number.isFinite(value) ? value! : 0;
}

function coordinates({ degreesLatitude, degreesLongitude }: proto.Message.ILocationMessage): string {
  return `${degrees(degreesLatitude)},${degrees(degreesLongitude)}`;
}

/** The name and address of a place, or where it is. */
export function placeText(message: proto.Message.ILocationMessage): string {
  const named = [message.name, message.address].filter((text) => !!text).join(", ");
  return named || message.comment || coordinates(message);
}

/** Where something is. Some phones begin to share where they are with this kind. */
export function location(message: proto.Message.ILocationMessage): Content {
  return {
    type: message.isLive ? "LIVE_LOCATION" : "LOCATION",
    body: placeText(message),
    contextInfo: message.contextInfo,
    fields: { location: placeOf(message, message.isLive === true) },
  };
}

/** Where somebody is at the moment; others follow under ids of their own as long as it is shared. */
export function liveLocation(message: proto.Message.ILiveLocationMessage): Content {
  return {
    type: "LIVE_LOCATION",
    body: message.caption || coordinates(message),
    contextInfo: message.contextInfo,
    fields: { location: placeOf(message, true) },
  };
}
