/**
 * The text of an answer, of which no more is read than `maxCharacters`: what is packed or has no end would else fill the
 * memory.
 *
 * @throws {Error} in one sentence, when it is larger; the rest is not waited for
 */
export async function boundedText({ body, url }: Response, maxCharacters: number): Promise<string> {
  let text = "";
  if (body === null) return text;
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.length > maxCharacters) throw new Error(`${url} is larger than ${maxCharacters} characters`);
  }
  return text;
}
