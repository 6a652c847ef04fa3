// Ports that stay the same over restarts: addresses are in registered clients, in tasks and in signed URLs.

import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { FlError } from "../../../shared/core/errors.ts";
import type { State } from "./state.ts";

/** Below the ports that systems hand out by themselves, so that ours are still free after a restart. */
const firstPort = 20_000;
const lastPort = 32_000;
const maxTries = 200;

/**
 * The port of a service by its name: 0, any free one, when no state is kept; else the one that it had before.
 */
export type PortOf = (name: string) => Promise<number>;

/** @throws FlError("unavailable") from the function returned, when another program has taken the port */
export function keptPorts(state: State): PortOf {
  if (state.contentsDir === undefined) return async () => 0;
  const table = state.table<number>("ports");
  const known = new Map(table.entries());
  const taken = new Set(known.values());
  return async (name) => {
    const kept = known.get(name);
    if (kept !== undefined) {
      if (await isFree(kept)) return kept;
      throw new FlError(
        "unavailable",
        `Port ${kept}, which is ${name}'s in this data folder, is taken by another program: end that first.`,
      );
    }
    const port = await drawPort(taken);
    taken.add(port);
    known.set(name, port);
    table.put(name, port);
    return port;
  };
}

async function drawPort(taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < maxTries; tries++) {
    const port = randomInt(firstPort, lastPort + 1);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new FlError("unavailable", `No free port was found between ${firstPort} and ${lastPort}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
