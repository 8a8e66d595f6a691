/** A start of the worker as far as adoption goes, in a process of its own that a test can kill: `start.ts FOLDER`. */
import { StateFolder } from "./folders.ts";

const state = await StateFolder.make(Deno.args[0]);
console.log("adopting");
await state.adopt();
