// Loaded into every function's process: notes each step of the protocol that is reached, and where one is armed, the
// process kills itself there, once.
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";

const dir = process.env["KILL_DIR"] ?? "";

subscribe("fedstratus:step", (message) => {
  const { step, moment } = message as { step: string; moment: string };
  // Which run or client a path names makes no difference.
  const kind = step.replace(/\/v1\/(runs|clients)\/[^/]+/, "/v1/$1/*").replace(/\/rounds\/\d+/, "/rounds/*");
  const point = `${process.env["FUNCTION_TARGET"]} ${moment} ${kind}`;
  appendFileSync(join(dir, "reached"), `${point}\n`);
  try {
    unlinkSync(join(dir, encodeURIComponent(point))); // One process gets it.
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  process.kill(process.pid, "SIGKILL");
});
