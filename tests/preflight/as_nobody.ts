/**
 * The program as an ordinary user: `as_nobody.ts ARGUMENTS of --check`. Started by root, whose files of Deno nobody else
 * may read: it loads everything first, and becomes user 65534 then.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { OPTIONS } from "../../src/cli/options.ts";
import { preflight } from "../../src/preflight/run.ts";
// What checks load later.
import "../../src/adoption/auth_folder.ts";
import "../../src/whatsapp/socket/greeting.ts";
import "../../src/whatsapp/socket/hardening.ts";
import "../../src/whatsapp/session/web_version.ts";

const NOBODY = 65534;

const { json = false, only, "env-file": envFile } = parseArgs({ args: Deno.args, options: OPTIONS }).values;
process.setgid!(NOBODY);
process.setuid!(NOBODY);
Deno.exit(await preflight({ envFile, json, only, strict: false, timeout: undefined }));
