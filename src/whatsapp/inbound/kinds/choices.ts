/**
 * Messages with buttons and lists, and what is chosen from them.
 *
 * @module
 */

import type { proto } from "@whiskeysockets/baileys";
import { isRecord } from "../../../contract/json.ts";
import { type Content, firstText, type ReadContent } from "./content.ts";

type ContextInfo = proto.IContextInfo | null | undefined;

function reply(
  type: "BUTTON_REPLY" | "LIST_REPLY",
  id: string,
  text: string,
  contextInfo: ContextInfo,
): Content {
  return { type, body: text || id, contextInfo, fields: { reply: { id, text } } };
}

/** A button that was pressed. */
export function buttonReply(message: proto.Message.IButtonsResponseMessage): Content {
  const { selectedButtonId, selectedDisplayText, contextInfo } = message;
  return reply("BUTTON_REPLY", selectedButtonId ?? "", selectedDisplayText ?? "", contextInfo);
}

/** A button of a template that was pressed. */
export function templateReply(message: proto.Message.ITemplateButtonReplyMessage): Content {
  const { selectedId, selectedDisplayText, contextInfo } = message;
  return reply("BUTTON_REPLY", selectedId ?? "", selectedDisplayText ?? "", contextInfo);
}

/** A row that was chosen from a list. */
export function listReply(
  { title, singleSelectReply, contextInfo }: proto.Message.IListResponseMessage,
): Content {
  return reply("LIST_REPLY", singleSelectReply?.selectedRowId ?? "", title ?? "", contextInfo);
}

/** What a native flow gave back: a button or row that was chosen, or a form that was filled in. */
export function interactiveReply(message: proto.Message.IInteractiveResponseMessage): Content {
  const { body, nativeFlowResponseMessage: flow, contextInfo } = message;
  const parameters = parametersOf(flow?.paramsJson);
  const chosen = typeof parameters?.id === "string" ? parameters.id : flow?.name ?? "";
  const content = reply("BUTTON_REPLY", chosen, body?.text ?? "", contextInfo);
  const { id, text } = content.fields!.reply as { id: string; text: string };
  return parameters === undefined ? content : { ...content, fields: { reply: { id, text, parameters } } };
}

function parametersOf(json: string | null | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json ?? "");
    return isRecord(value) ? value : undefined;
  } catch {
    // The sender's app makes it up; without it the rest says enough.
    return undefined;
  }
}

/** A text with buttons. */
export function buttons(message: proto.Message.IButtonsMessage, read: ReadContent): Content {
  const shown = (message.buttons ?? []).map(({ buttonId, buttonText }) => ({
    id: buttonId ?? "",
    text: buttonText?.displayText ?? "",
  }));
  return offer("BUTTONS", firstText(message.contentText, message.text), message, shown, read);
}

/** A text with a list to choose from. */
export function list(message: proto.Message.IListMessage, read: ReadContent): Content {
  const rows = (message.sections ?? []).flatMap(({ rows }) => rows ?? []);
  const shown = rows.map(({ rowId, title }) => ({ id: rowId ?? "", text: title ?? "" }));
  return offer("LIST", firstText(message.description, message.title), message, shown, read);
}

/** A business' text, as it had WhatsApp approve it. */
export function template(message: proto.Message.ITemplateMessage, read: ReadContent): Content {
  const { interactiveMessageTemplate } = message;
  if (interactiveMessageTemplate) return interactive(interactiveMessageTemplate, read);
  const filled = message.hydratedTemplate ?? message.hydratedFourRowTemplate ?? {};
  const shown = (filled.hydratedButtons ?? []).map(({ quickReplyButton, urlButton, callButton }) => ({
    id: firstText(quickReplyButton?.id, urlButton?.url, callButton?.phoneNumber),
    text: firstText(quickReplyButton?.displayText, urlButton?.displayText, callButton?.displayText),
  }));
  const text = firstText(filled.hydratedContentText, filled.hydratedTitleText);
  return offer("TEMPLATE", text, { ...filled, contextInfo: message.contextInfo ?? null }, shown, read);
}

/** A template by its name, from before they were filled in by who sends them. */
export function structured(
  { hydratedHsm, params }: proto.Message.IHighlyStructuredMessage,
  read: ReadContent,
): Content {
  if (hydratedHsm) return template(hydratedHsm, read);
  return { type: "TEMPLATE", body: (params ?? []).join(" ") };
}

/** A text with native flows. */
export function interactive(message: proto.Message.IInteractiveMessage, read: ReadContent): Content {
  const { header, body, footer, nativeFlowMessage, contextInfo } = message;
  const shown = (nativeFlowMessage?.buttons ?? []).map(({ name, buttonParamsJson }) => {
    const { id, display_text: text } = parametersOf(buttonParamsJson) ?? {};
    return {
      id: typeof id === "string" ? id : name ?? "",
      text: typeof text === "string" ? text : "",
    };
  });
  const text = firstText(body?.text, header?.title, footer?.text);
  return offer("INTERACTIVE", text, { ...header, contextInfo: contextInfo ?? null }, shown, read);
}

/** A text over which a medium may stand. */
function offer(
  type: string,
  body: string,
  around: proto.IMessage & { contextInfo?: ContextInfo },
  choices: { id: string; text: string }[],
  read: ReadContent,
): Content {
  const { imageMessage, videoMessage, documentMessage, contextInfo } = around;
  const { media } = read({ imageMessage, videoMessage, documentMessage } as proto.IMessage) ?? {};
  return { type, body, contextInfo, fields: { choices }, ...(media === undefined ? {} : { media }) };
}
