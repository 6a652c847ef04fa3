// The command line's own time: help and a list of runs, each against bare Node, taken in turns.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { min } from "simple-statistics";
import { FlError } from "../../../shared/core/errors.ts";
import { bundleCli } from "../../bundle/bundleCli.ts";
import type { Bench, Figure } from "../bench.ts";

const REPEATS = 9;
const root = fileURLToPath(new URL("../../../", import.meta.url));

interface Timed {
  readonly name: string;
  readonly args: readonly string[];
  /** Above bare Node, at most. */
  readonly mostMs?: number;
}

export const commandLine: Bench = {
  name: "command-line",
  about: "fedstratus --help and run list, above what bare Node takes",
  async run({ signal, show }) {
    const folder = await mkdtemp(join(tmpdir(), "command-line-"));
    const api = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end('{"items":[],"nextCursor":null}');
    });
    api.listen(0, "127.0.0.1");
    await once(api, "listening");
    try {
      const { dir } = await bundleCli(root, join(folder, "cli"));
      const entry = join(dir, "fedstratus.js");
      const bare = join(folder, "bare.mjs");
      await writeFile(bare, "");
      const timed: readonly Timed[] = [
        { name: "bare Node", args: [bare] },
        { name: "--help", args: [entry, "--help"], mostMs: 60 },
        { name: "run list", args: [entry, "run", "list", "--json"], mostMs: 250 },
      ];
      const env = {
        ...process.env,
        HOME: folder,
        FEDSTRATUS_API: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
        FEDSTRATUS_TOKEN: "a.b.c",
      };
      const times = timed.map((): number[] => []);
      // The first turn warms the file system.
      for (let turn = 0; turn <= REPEATS; turn++) {
        show(`turn ${turn} of ${REPEATS}`);
        for (const [i, { args }] of timed.entries()) {
          signal.throwIfAborted();
          const elapsedMs = await timeOf(args, env);
          if (turn > 0) times[i]?.push(elapsedMs);
        }
      }
      // The fastest: what else the machine does only adds to it.
      const fastest = times.map((list) => min(list));
      const [bareMs = 0] = fastest;
      return timed.map(({ name, mostMs }, i): Figure => {
        const value = fastest[i] ?? 0;
        if (mostMs === undefined) return { name, value, unit: "ms", note: "an empty file" };
        return { name: `${name}: above bare Node`, value: value - bareMs, unit: "ms", aim: { most: mostMs } };
      });
    } finally {
      api.closeAllConnections();
      api.close();
      await rm(folder, { recursive: true });
    }
  },
};

async function timeOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: "ignore" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new FlError("internal", `${args.join(" ")} ended with ${code}.`);
  return performance.now() - startedMs;
}
