import type { Fault } from "./fault.ts";
import type { Key } from "./settings.ts";

/** Where a setting's value came from; `secret file` is the one that a setting such as `RABBITMQ_URL_FILE` names. */
export type Source = "environment" | "file" | "secret file" | "default";

/** A text given for a setting, and where. */
export interface Given {
  key: Key;
  text: string;
  source: Source;
  place: Pick<Fault, "file" | "line" | "column">;
}
