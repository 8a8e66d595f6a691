/**
 * Invitations, events and what is bought.
 *
 * @module
 */

import { proto } from "@whiskeysockets/baileys";
import { backendAddress } from "../../../contract/addresses.ts";
import { about, type Content, countOf, firstText, momentOf, numberOf, sealed } from "./content.ts";
import { placeOf, placeText } from "./places.ts";

/** An invitation to a group. */
export function groupInvite(message: proto.Message.IGroupInviteMessage): Content {
  const { groupJid, groupName, inviteCode, inviteExpiration, caption, contextInfo } = message;
  return {
    type: "GROUP_INVITE",
    body: firstText(caption, groupName),
    contextInfo,
    fields: {
      invite: {
        group: groupJid ?? null,
        name: groupName ?? "",
        code: inviteCode ?? "",
        expiresAt: momentOf(inviteExpiration),
      },
    },
  };
}

/** An event to come. */
export function event(message: proto.Message.IEventMessage): Content {
  const { name, description, location, joinLink, startTime, endTime, isCanceled, contextInfo } = message;
  return {
    type: "EVENT",
    body: name ?? "",
    contextInfo,
    fields: {
      event: {
        name: name ?? "",
        description: description || null,
        place: location ? placeText(location) : null,
        joinLink: joinLink || null,
        startsAt: momentOf(startTime),
        endsAt: momentOf(endTime),
        canceled: isCanceled === true,
      },
      ...(location ? { location: placeOf(location, false) } : {}),
    },
  };
}

/** Whether somebody comes to an event, encrypted with the secret of that. */
export function eventReply(message: proto.Message.IEncEventResponseMessage): Content {
  const content = (answer: string | null, guests: number): Content => ({
    type: "EVENT_REPLY",
    body: answer ?? "",
    fields: { eventReply: { answer, guests } },
    ...about("eventReply", message.eventCreationMessageKey),
  });
  return {
    ...content(null, 0),
    ...sealed("Event Response", message, (plaintext) => {
      const { response, extraGuestCount } = proto.Message.EventResponseMessage.decode(plaintext);
      const answer = proto.Message.EventResponseMessage.EventResponseType[response ?? 0];
      return content(answer ?? null, countOf(extraGuestCount));
    }),
  };
}

/** A product of a catalogue. */
export function product(
  { product, catalog, body, businessOwnerJid, contextInfo }: proto.Message.IProductMessage,
): Content {
  const title = firstText(product?.title, catalog?.title);
  const picture = product?.productImage ?? catalog?.catalogImage;
  return {
    type: "PRODUCT",
    body: firstText(body, title),
    contextInfo,
    fields: {
      product: {
        id: product?.productId ?? null,
        title,
        description: firstText(product?.description, catalog?.description) || null,
        ...money(product?.priceAmount1000, product?.currencyCode),
        retailerId: product?.retailerId ?? null,
        url: product?.url ?? null,
        seller: businessOwnerJid ? backendAddress(businessOwnerJid) : null,
      },
    },
    ...(picture?.mediaKey ? { media: { type: "image", message: picture } } : {}),
  };
}

/** A basket that was sent to a shop. */
export function order(message: proto.Message.IOrderMessage): Content {
  const { orderId, orderTitle, message: text, itemCount, totalAmount1000, totalCurrencyCode } = message;
  return {
    type: "ORDER",
    body: firstText(text, orderTitle),
    contextInfo: message.contextInfo,
    fields: {
      order: {
        id: orderId ?? "",
        title: orderTitle ?? "",
        itemCount: countOf(itemCount),
        ...money(totalAmount1000, totalCurrencyCode),
      },
    },
  };
}

/** WhatsApp counts in thousandths. */
function money(amount1000: Parameters<typeof numberOf>[0], currency: string | null | undefined) {
  const amount = numberOf(amount1000);
  const isKnown = amount !== undefined && Number.isSafeInteger(amount);
  return { price: isKnown ? amount / 1000 : null, currency: currency || null };
}

/** What announces several pictures and films, which come as messages of their own. */
export function album(message: proto.Message.IAlbumMessage): Content {
  const { expectedImageCount, expectedVideoCount, contextInfo } = message;
  return {
    type: "ALBUM",
    body: "",
    contextInfo,
    fields: { album: { images: expectedImageCount ?? 0, videos: expectedVideoCount ?? 0 } },
  };
}
