/** WhatsApp Web's own page, as far as clients look at it: the script that says which revision is in use. */
import type { ServerResponse } from "node:http";
import { DEFAULT_CONNECTION_CONFIG } from "@whiskeysockets/baileys";

export const WEB_PAGE_PATH = "/sw.js";

/** The page of one stand-in; a test may change what it says, or how. */
export class WebPage {
  /** What it says is in use; at first what Baileys was published with. */
  revision: number = DEFAULT_CONNECTION_CONFIG.version[2];
  /** Answers instead. Whatever it leaves open is closed with the stand-in. */
  answer: ((response: ServerResponse) => void) | undefined;
  /** How often it was asked for. */
  requests = 0;

  serve(response: ServerResponse): void {
    this.requests++;
    if (this.answer !== undefined) return this.answer(response);
    const data = JSON.stringify({
      server_revision: this.revision,
      client_revision: this.revision,
      hsdp: false,
    });
    const script = `importScripts("/sw.bundle.js");self.__swData=JSON.parse(${JSON.stringify(data)});`;
    response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(script);
  }
}
