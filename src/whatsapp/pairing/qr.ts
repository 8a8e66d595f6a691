// @ts-types="@types/qrcode"
import QRCode from "qrcode";

/** A QR string as a PNG data URL: `data:image/png;base64,…`. */
export function qrDataUrl(qr: string): Promise<string> {
  return QRCode.toDataURL(qr, { errorCorrectionLevel: "M", margin: 4, scale: 6 });
}
