// Starts the runtime with the sample function, and asks it things.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { LogLine, RequestEvent, RuntimeEvent } from "../../../infra/box/runtime/events.ts";
import type { FunctionSpec } from "../../../infra/box/runtime/functionSpec.ts";
import {
  type FunctionsRuntime,
  type RuntimeOptions,
  startRuntime,
} from "../../../infra/box/runtime/startRuntime.ts";

export const sampleSpec: FunctionSpec = {
  name: "sample",
  sourceDir: fileURLToPath(new URL(".", import.meta.url)),
  target: "sample",
  concurrency: 80,
  maxInstances: 2,
  timeoutSeconds: 20,
};

/** What the sample says of itself. */
export interface Self {
  readonly pid: number;
  readonly served: number;
  readonly mostRunning: number;
}

export interface Sample {
  readonly runtime: FunctionsRuntime;
  readonly url: string;
  readonly events: RuntimeEvent[];
  readonly logs: LogLine[];
  /** The events of requests, in the order of their ends. */
  requests(): RequestEvent[];
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** Asks an action that answers with the sample's self. */
  self(path?: string, init?: RequestInit): Promise<Self>;
}

export async function startSample(
  spec: Partial<FunctionSpec> = {},
  options: Partial<RuntimeOptions> = {},
): Promise<Sample> {
  const events: RuntimeEvent[] = [];
  const logs: LogLine[] = [];
  const runtime = await startRuntime({
    functions: [{ ...sampleSpec, ...spec }],
    onEvent: (event) => events.push(event),
    onLog: (line) => logs.push(line),
    ...options,
  });
  const url = runtime.url("sample");
  const ask = (path: string, init?: RequestInit) => fetch(`${url}${path}`, { method: "POST", ...init });
  return {
    runtime,
    url,
    events,
    logs,
    requests: () => events.filter((event) => event.kind === "request"),
    ask,
    self: async (path = "/", init) => (await (await ask(path, init)).json()) as Self,
  };
}

/** Whether there is such a process; one that has ended and was not collected yet is none. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false; // ESRCH.
  }
  if (process.platform !== "linux") return true;
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false; // It ended in between.
  }
}
