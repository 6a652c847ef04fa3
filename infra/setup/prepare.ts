// The second half of set-up, on the project's own Node: the parts named by `--with`, then one line of what
// there is.
import { fileURLToPath } from "node:url";
import { stopCommandsOnSignal } from "./command.mjs";
import { sentenceOf } from "./faults.mjs";
import { ensureData } from "./steps/data.ts";
import { ensureTensors } from "./steps/tensors.ts";

/** Each resolves to a few words for the last line. */
const parts: Readonly<Record<string, (root: string) => Promise<string>>> = {
  tensors: ensureTensors,
  data: ensureData,
};

async function main(args: readonly string[]): Promise<void> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const names = (args[0] === "--with" ? (args[1] ?? "") : "").split(",").filter((name) => name !== "");
  const found = [`Node ${process.versions.node}`];
  for (const name of names) {
    const ensure = parts[name];
    if (ensure === undefined) {
      throw new Error(`Set-up has no part "${name}"; it has ${Object.keys(parts).join(", ")}.`);
    }
    found.push(await ensure(root));
  }
  console.error(`Set up: ${found.join(" · ")}`);
}

stopCommandsOnSignal();
main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(sentenceOf(error) ?? (error instanceof Error ? error.message : error));
    process.exit(1);
  },
);
