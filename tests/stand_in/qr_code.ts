/** The pairing QR: what its text holds, and the text out of its picture. */
import { Buffer } from "node:buffer";
import jsQrModule from "jsqr";
// @ts-types="@types/pngjs"
import { PNG } from "pngjs";

/** jsQR's CommonJS default export arrives wrapped, whatever its type says. */
const jsQr = (jsQrModule as unknown as { default?: JsQr }).default ?? (jsQrModule as unknown as JsQr);
type JsQr = (pixels: Uint8ClampedArray, width: number, height: number) => { data: string } | null;

/** A pairing QR's parts; keys have 32 bytes. */
export interface QrContent {
  ref: string;
  noiseKey: Buffer;
  identityKey: Buffer;
  advSecret: Buffer;
}

/** Reads `https://wa.me/settings/linked_devices#ref,noise,identity,advSecret,clientType` (the link may be missing). */
export function readQr(qr: string): QrContent {
  const [ref, ...rest] = qr.slice(qr.indexOf("#") + 1).split(",");
  const [noiseKey, identityKey, advSecret] = rest.map((part) => Buffer.from(part, "base64"));
  if (!ref || noiseKey?.length !== 32 || identityKey?.length !== 32 || advSecret?.length !== 32) {
    throw new Error("This is no WhatsApp pairing QR code");
  }
  return { ref, noiseKey, identityKey, advSecret };
}

/** The text in a QR picture given as `data:image/png;base64,…`; throws when it is no PNG or shows no code. */
export function readQrPicture(dataUrl: string): string {
  const prefix = "data:image/png;base64,";
  if (!dataUrl.startsWith(prefix)) throw new Error("The QR picture is no PNG data URL");
  const { data, width, height } = PNG.sync.read(Buffer.from(dataUrl.slice(prefix.length), "base64"));
  const code = jsQr(new Uint8ClampedArray(data), width, height);
  if (!code) throw new Error("There is no QR code to be seen in the picture");
  return code.data;
}
