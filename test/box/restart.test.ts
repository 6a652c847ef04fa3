// A run in a local cloud with a data folder, whose every process is killed at one moment or another: it goes
// on by itself and ends with the bytes of an undisturbed run.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { bundleFunctions } from "../../infra/bundle/bundleFunctions.ts";
import { type ApiClient, apiClient } from "../../infra/cli/apiClient.ts";
import type { FunctionName } from "../../shared/core/protocol/tasks.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { eventually } from "../support/scriptedClient.ts";
import { casesHere } from "../support/tier.ts";
import type { HostMessage, HostOptions } from "./hostBox.ts";

const ROUNDS = 3;
const CLIENTS = ["clinic-a", "clinic-b", "clinic-c"];
const program = fileURLToPath(new URL("hostBox.ts", import.meta.url));
/** Seconds each; the bound only has to survive a busy machine. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });
const title = `restart-test-${process.pid}`;

interface Host extends HostMessage {
  readonly api: ApiClient;
  token(): Promise<string>;
  /** SIGKILL to the whole process group. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  end(): Promise<number | null>;
}

let bundles: Readonly<Record<FunctionName, { readonly dir: string }>>;
let folder: string;
let undisturbed: readonly string[];
let folders = 0;
const hosts: Host[] = [];
const lines: string[] = [];

beforeAll(async () => {
  const made = await bundleFunctions();
  bundles = {
    api: { dir: made.api.dir },
    coordinator: { dir: made.coordinator.dir },
    aggregator: { dir: made.aggregator.dir },
    evaluator: { dir: made.evaluator.dir },
    client: { dir: made.client.dir },
  };
  folder = await mkdtemp(join(tmpdir(), "restart-"));
  const host = await start(newFolder(), 0);
  const { runId } = await begin(host);
  await completed(host, runId);
  undisturbed = await modelBytes(host, runId);
  await host.end();
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.kill();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const newFolder = () => join(folder, String(folders++));

async function start(dataDir: string, delayMs = 150): Promise<Host> {
  const options: HostOptions = { dataDir, cacheDir: folder, bundles, clients: CLIENTS, title, delayMs };
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  const exited = once(child, "exit");
  const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await Promise.race([output.next(), exited.then(() => null)]);
  if (first === null) throw new Error(`The local cloud did not start:\n${lines.slice(-20).join("\n")}`);
  const message: HostMessage = JSON.parse(first.value ?? "");
  const token = async () => {
    const path = "computeMetadata/v1/instance/service-accounts/default/identity";
    const url = `http://${message.env["GCE_METADATA_HOST"]}/${path}?format=full&audience=${message.apiUrl}`;
    return (await fetch(url, { headers: { "metadata-flavor": "Google" } })).text();
  };
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  const host: Host = {
    ...message,
    api: apiClient(message.apiUrl, token),
    token,
    kill: async () => {
      if (isAlive() && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await exited;
    },
    end: async () => {
      child.kill("SIGTERM");
      await exited;
      return child.exitCode;
    },
  };
  hosts.push(host);
  return host;
}

/** Registers the clients and starts a run over them. */
async function begin({ api, clients }: Host): Promise<Run> {
  for (const client of clients) await api.register({ ...client, capacity: { timeoutSeconds: 30 } });
  const { runId } = await api.createRun({
    name: "restart",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: CLIENTS.length },
    round: { deadlineSeconds: 60 },
    stop: { rounds: ROUNDS },
    seed: 5,
  });
  return api.act(runId, "start");
}

function completed({ api }: Host, runId: string): Promise<Run> {
  return eventually(
    "the run being completed",
    async () => {
      const run = await api.run(runId);
      return run.status === "completed" && run.evaluatedVersion === ROUNDS ? run : null;
    },
    90_000,
  ).catch(async (error: unknown) => {
    const rounds = JSON.stringify(await api.rounds(runId));
    throw new Error(`${String(error)}\n${rounds}\n${lines.slice(-40).join("\n")}`);
  });
}

/** A link to each version of the model, good for some minutes. */
async function modelLinks({ apiUrl, token }: Host, runId: string, versions: number): Promise<string[]> {
  const links: string[] = [];
  for (let version = 0; version <= versions; version++) {
    const headers = { authorization: `Bearer ${await token()}` };
    const answer = await fetch(`${apiUrl}/v1/runs/${runId}/models/${version}`, { headers });
    const { url } = (await answer.json()) as { url?: string };
    if (url !== undefined) links.push(url);
  }
  return links;
}

/** The tensors of every version; what else is in the files names the run. */
async function modelBytes(host: Host, runId: string): Promise<readonly string[]> {
  const links = await modelLinks(host, runId, ROUNDS);
  return Promise.all(links.map(tensorsAt));
}

async function tensorsAt(url: string): Promise<string> {
  const { tensors } = decodeSafetensors(new Uint8Array(await (await fetch(url)).arrayBuffer()));
  return JSON.stringify(tensors.map(({ name, data }) => [name, Buffer.from(data).toString("base64")]));
}

/** Every function's process and every host, and each address that still answers. */
async function leftOf({ addresses }: Host): Promise<readonly string[]> {
  const processes = execFileSync("ps", ["-eo", "pid,stat,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => /^\s*\d+ [^Z]/.test(line) && (line.includes(title) || line.includes(folder)));
  const open = await Promise.all(
    addresses.map(
      (address) =>
        new Promise<boolean>((resolve) => {
          const socket = connect(Number(address.split(":")[1]), "127.0.0.1");
          socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
          socket.once("connect", () => socket.destroy());
        }),
    ),
  );
  return [...processes, ...addresses.filter((_, index) => open[index])];
}

/** The states in which everything is killed, as the API shows them. */
const moments: readonly (readonly [string, (api: ApiClient, runId: string) => Promise<boolean>])[] = [
  [
    "while the run is prepared",
    async (api, runId) => ["preparing", "running"].includes((await api.run(runId)).status),
  ],
  [
    "while clients train",
    async (api, runId) => {
      const round = (await api.rounds(runId)).find(({ status }) => status === "training");
      return round !== undefined && (await api.invocations(runId, round.round)).length > 0;
    },
  ],
  [
    "when a client has reported and others have not",
    async (api, runId) => {
      const round = (await api.rounds(runId)).find(({ status }) => status === "training");
      if (round === undefined) return false;
      const invocations = await api.invocations(runId, round.round);
      return invocations.some(({ status }) => status === "reported");
    },
  ],
  [
    "while updates are aggregated",
    async (api, runId) => (await api.rounds(runId)).some(({ status }) => status === "aggregating"),
  ],
  ["right after a round", async (api, runId) => (await api.run(runId)).modelVersion === 1],
];

async function killedWhen(hasCome: (api: ApiClient, runId: string) => Promise<boolean>): Promise<void> {
  const dataDir = newFolder();
  const first = await start(dataDir);
  const { runId } = await begin(first);
  await eventually("the moment", async () => ((await hasCome(first.api, runId)) ? true : null), 60_000);
  const [link] = await modelLinks(first, runId, 0);
  await first.kill();

  const second = await start(dataDir);
  expect(second.apiUrl).toBe(first.apiUrl);
  const run = await completed(second, runId);
  expect(run).toMatchObject({ round: ROUNDS, modelVersion: ROUNDS, openRound: null });
  expect(await modelBytes(second, runId)).toEqual(undisturbed);
  // A run that is being prepared has no model to link to.
  if (link !== undefined) expect(await tensorsAt(link), "a URL signed before the kill").toBe(undisturbed[0]);
  const rounds = await second.api.rounds(runId);
  expect(rounds.map(({ counts }) => counts?.inTime)).toEqual(rounds.map(() => CLIENTS.length));
  expect(await second.end()).toBe(0);
  expect(await leftOf(second)).toEqual([]);
}

async function killedInEveryRound(): Promise<void> {
  const dataDir = newFolder();
  let host = await start(dataDir);
  const { runId } = await begin(host);
  for (let round = 1; round <= ROUNDS; round++) {
    await eventually(
      `round ${round}`,
      async () => ((await host.api.run(runId)).round >= round ? true : null),
      60_000,
    );
    await host.kill();
    host = await start(dataDir);
    await host.kill();
    host = await start(dataDir);
  }
  await completed(host, runId);
  expect(await modelBytes(host, runId)).toEqual(undisturbed);
  expect(await host.end()).toBe(0);
  expect(await leftOf(host)).toEqual([]);
}

async function pausedStaysSo(): Promise<void> {
  const dataDir = newFolder();
  const first = await start(dataDir);
  const { runId } = await begin(first);
  await eventually("a round", async () => ((await first.api.run(runId)).round >= 1 ? true : null), 60_000);
  await first.api.act(runId, "pause");
  await first.kill();

  const second = await start(dataDir);
  await eventually(
    "its open round being over",
    async () => ((await second.api.run(runId)).openRound === null ? true : null),
    60_000,
  );
  const paused = await second.api.run(runId);
  expect(paused).toMatchObject({ status: "paused", round: 1 });
  await second.kill();

  const third = await start(dataDir);
  expect((await third.api.run(runId)).status).toBe("paused");
  await third.api.act(runId, "resume");
  await completed(third, runId);
  expect(await modelBytes(third, runId)).toEqual(undisturbed);
  await third.end();
}

async function cancelledStaysSo(): Promise<void> {
  const dataDir = newFolder();
  const first = await start(dataDir, 600);
  const { runId } = await begin(first);
  await eventually("a round", async () => ((await first.api.run(runId)).round >= 1 ? true : null), 60_000);
  await first.api.act(runId, "cancel");
  await first.kill();

  const second = await start(dataDir, 0);
  await eventually(
    "every invocation having ended",
    async () => {
      const invocations = await second.api.invocations(runId, 1);
      const open = invocations.filter(({ status }) => ["invoked", "training", "reported"].includes(status));
      return open.length === 0 ? true : null;
    },
    60_000,
  );
  const run = await second.api.run(runId);
  expect(run).toMatchObject({ status: "cancelled", modelVersion: 0 });
  expect((await second.api.rounds(runId)).map(({ status }) => status)).toEqual(["cancelled"]);
  expect(await second.end()).toBe(0);
  expect(await leftOf(second)).toEqual([]);
}

const cases: readonly (readonly [string, () => Promise<void>])[] = [
  ...moments.map(
    ([when, hasCome]) =>
      [`killed ${when}, the run goes on and ends with the same model`, () => killedWhen(hasCome)] as const,
  ),
  ["killed in every round, and again right after it came back", killedInEveryRound],
  ["a run that is paused stays so over a restart, and goes on when it is resumed", pausedStaysSo],
  ["a run that is cancelled stays so, and its clients find that out", cancelledStaysSo],
];

test.each(casesHere(cases))("%s", (_, play) => play());
