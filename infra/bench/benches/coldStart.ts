// Cold starts: from the start of a function's process to its first answer.
import { median } from "simple-statistics";
import { FlError } from "../../../shared/core/errors.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../box/deployment.ts";
import type { RuntimeEvent } from "../../box/runtime/events.ts";
import type { Bench, Figure } from "../bench.ts";
import { type LocalCloud, withLocalCloud } from "../cloud/localCloud.ts";

const REPEATS = 7;
const AIM_MS = 600;

interface Call {
  readonly function: FunctionName;
  readonly name: string;
  readonly note: string;
  /** The status that the call should be answered with. */
  readonly status: number;
  ask(cloud: LocalCloud): Promise<Response>;
}

/** A call that loads all that the function needs and is then refused: nobody else is asked. */
const refused: readonly Call[] = FUNCTION_NAMES.map((name) => ({
  function: name,
  name: `${name}: first answer`,
  note: name === "client" ? "before TensorFlow loads" : "libraries loaded, a caller without a token",
  status: 401,
  ask: ({ box }) => fetch(`${box.runtime.url(name)}/`, { method: "POST" }),
}));

const reading: Call = {
  function: "api",
  name: "api: first page of runs",
  note: "with keys fetched and the database asked",
  status: 200,
  ask: async ({ box, token }) =>
    fetch(`${box.apiUrl}/v1/runs`, { headers: { authorization: `Bearer ${await token(box.apiUrl)}` } }),
};

export const coldStart: Bench = {
  name: "cold-start",
  about: "each function from the start of its process to its first answer",
  async run({ signal, tell }) {
    const listening = new Map<string, number[]>();
    const onEvent = (event: RuntimeEvent) => {
      if (event.kind !== "cold-start") return;
      listening.set(event.function, [...(listening.get(event.function) ?? []), event.startMs]);
    };
    const clientFunctions = [{ name: "client", clientId: "all" }] as const;
    return withLocalCloud({ clientFunctions, onEvent }, signal, async (cloud) => {
      const figures: Figure[] = [];
      for (const call of [...refused, reading]) {
        tell(call.name);
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
