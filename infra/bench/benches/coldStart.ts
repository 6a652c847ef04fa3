// Cold starts: from the start of a function's process to its first answer.
import { median } from "simple-statistics";
import { FlError } from "../../../shared/core/errors.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../../shared/core/protocol/tasks.ts";
import type { RuntimeEvent } from "../../box/runtime/events.ts";
import type { Bench, Figure } from "../bench.ts";
import { type LocalCloud, withLocalCloud } from "../cloud/localCloud.ts";

const REPEATS = 7;
const AIM_MS = 600;
const NO_RUN = "no-run-00000000";

interface Call {
  readonly function: FunctionName;
  readonly name: string;
  readonly note: string;
  /** The status that the call should be answered with. */
  readonly status: number;
  ask(cloud: LocalCloud): Promise<Response>;
}

/** A call of an allowed caller for what there is not: the region starts nothing for anybody else. */
const refused: readonly Call[] = FUNCTION_NAMES.map((name) => ({
  function: name,
  name: `${name}: first answer`,
  note: name === "client" ? "an unknown path; before TensorFlow loads" : "an unknown path",
  status: 404,
  ask: async ({ box, token }) => {
    const url = box.runtime.url(name);
    const callers = { api: token, client: box.clientQueueToken } as const;
    const caller = name === "api" || name === "client" ? callers[name] : box.queueToken;
    const authorization = `Bearer ${await caller(name === "api" ? box.apiUrl : url)}`;
    return fetch(`${url}/v1/nothing`, { method: "POST", headers: { authorization } });
  },
}));

/**
 * Calls by an allowed caller, with keys fetched and the database asked, which is most of what these functions
 * load.
 */
const served: readonly Call[] = [
  {
    function: "api",
    name: "api: first page of runs",
    note: "with keys fetched and the database asked",
    status: 200,
    ask: async ({ box, token }) =>
      fetch(`${box.apiUrl}/v1/runs`, { headers: { authorization: `Bearer ${await token(box.apiUrl)}` } }),
  },
  task("coordinator", "first look of the watchdog", "/watchdog", {}),
  task("aggregator", "first task", "/aggregate", { runId: NO_RUN, round: 1 }),
  task("evaluator", "first task", "/evaluate", { runId: NO_RUN, round: 1, version: 1 }),
];

/** A task that finds nothing to do in the database. */
function task(name: FunctionName, what: string, path: string, body: unknown): Call {
  return {
    function: name,
    name: `${name}: ${what}`,
    note: "as above",
    status: 200,
    ask: async ({ box }) => {
      const url = box.runtime.url(name);
      return fetch(`${url}${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${await box.queueToken(url)}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(body),
      });
    },
  };
}

export const coldStart: Bench = {
  name: "cold-start",
  about: "each function from the start of its process to its first answer",
  async run({ signal, show }) {
    const listening = new Map<string, number[]>();
    const onEvent = (event: RuntimeEvent) => {
      if (event.kind !== "cold-start") return;
      listening.set(event.function, [...(listening.get(event.function) ?? []), event.startMs]);
    };
    const clientFunctions = [{ name: "client", clientId: "all" }] as const;
    return withLocalCloud({ clientFunctions, onEvent }, signal, async (cloud) => {
      const figures: Figure[] = [];
      for (const call of [...refused, ...served]) {
        show(call.name);
        const times: number[] = [];
        // The first one warms the file system.
        for (let turn = 0; turn <= REPEATS; turn++) {
          signal.throwIfAborted();
          const elapsedMs = await coldCall(cloud, call);
          if (turn > 0) times.push(elapsedMs);
        }
        figures.push({
          name: call.name,
          value: median(times),
          unit: "ms",
          aim: { most: AIM_MS },
          note: call.note,
        });
      }
      const started = [...listening.values()].flat();
      const note = "spawn to listening: Node, the framework and our entry";
      return [...figures, { name: "all: listening", value: median(started), unit: "ms", note }];
    });
  },
};

async function coldCall(cloud: LocalCloud, { function: name, ask, status }: Call): Promise<number> {
  await cloud.box.runtime.scaleDown(name);
  const startedMs = performance.now();
  const answer = await ask(cloud);
  await answer.arrayBuffer();
  const elapsedMs = performance.now() - startedMs;
  if (answer.status === status) return elapsedMs;
  throw new FlError("internal", `The ${name} answered ${answer.status}, not ${status}.`);
}
