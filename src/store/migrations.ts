import { initial } from "./migrations/0001_initial.ts";
import { outboxExpiry } from "./migrations/0002_outbox_expiry.ts";
import { plaintext } from "./migrations/0003_plaintext.ts";
import { sendAge } from "./migrations/0004_send_age.ts";
import { setAside } from "./migrations/0005_set_aside.ts";
import { vitals } from "./migrations/0006_vitals.ts";
import { retry } from "./migrations/0007_retry.ts";
import { logOut } from "./migrations/0008_log_out.ts";
import { placeholder } from "./migrations/0009_placeholder.ts";
import { message } from "./migrations/0010_message.ts";
import { media } from "./migrations/0011_media.ts";
import { recipient } from "./migrations/0012_recipient.ts";
import { pace } from "./migrations/0013_pace.ts";
import { remarks } from "./migrations/0014_remarks.ts";
import { undecryptable } from "./migrations/0015_undecryptable.ts";

/** Schema changes in order: the state folder's `PRAGMA user_version` is how many of them it has seen. Only ever append. */
export const MIGRATIONS: readonly string[] = [
  initial,
  outboxExpiry,
  plaintext,
  sendAge,
  setAside,
  vitals,
  retry,
  logOut,
  placeholder,
  message,
  media,
  recipient,
  pace,
  remarks,
  undecryptable,
];
