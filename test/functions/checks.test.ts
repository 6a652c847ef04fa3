// Checks of clients through the real functions, and what follows from them: a client that could take part,
// one that could not and is left out until it can, and every way to hear nothing.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectCoordinator } from "../../functions/client/coordinator.ts";
import type { ClientDeps } from "../../functions/client/deps.ts";
import { clientHandler } from "../../functions/client/handler.ts";
import { download, upload } from "../../functions/client/links.ts";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { decodeDataset } from "../../shared/cloud/tensors/dataset.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Dataset, Trainer } from "../../shared/core/ports/trainer.ts";
import type { Check } from "../../shared/core/schemas/check.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";
import { requestListener } from "../../shared/http/listener.ts";
import { clientEnv } from "../support/clientServer.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { accountOf, eventually } from "../support/scriptedClient.ts";
import { wholeReads } from "../support/wholeReads.ts";

const dataOf = (features: number, labels: readonly number[]): Dataset =>
  decodeDataset(
    encodeSafetensors([
      floatTensor("x", [labels.length, features], new Float32Array(labels.length * features).fill(0.5)),
      floatTensor("y", [labels.length], Float32Array.from(labels)),
    ]),
  );
const GOOD = dataOf(4, [0, 1, 2, 0, 1, 0]);

/** What a client's function is like; it may change between two calls. */
interface Site {
  /** Whose token it sends. */
  readonly as?: string;
  readonly data?: () => Promise<Dataset>;
  readonly trainer?: () => Promise<Trainer>;
  readonly bounds?: ClientDeps["bounds"];
  /** Answers in the place of a client function. */
  readonly answer?: (response: ServerResponse) => void;
}

let cloud: TestCloud;
let trainer: Trainer;
let server: Server;
let origin: string;
const sites = new Map<string, Site>();
/** Calls by client and path. */
const called = new Map<string, number>();

beforeAll(async () => {
  trainer = await loadTrainer({ kind: "tensorflow", prefer: "auto" });
  cloud = await startTestCloud({
    trainer: async () => trainer,
    evaluationData: async () => GOOD,
    // A call that fails stays in the queue long enough to be looked at, as deployed.
    clientBackoffMs: 2_000,
  });
  server = createServer((request, response) => serve(request, response));
  origin = `http://${await listen(server)}`;
});

afterAll(async () => {
  await close(server);
  await cloud.stop();
});

function serve(request: IncomingMessage, response: ServerResponse): void {
  const [, clientId = "", path = "/"] = /^\/([\w-]+)(\/\w+)?$/.exec(request.url ?? "") ?? [];
  const key = `${clientId} ${path}`;
  called.set(key, (called.get(key) ?? 0) + 1);
  const site = sites.get(clientId) ?? {};
  if (site.answer !== undefined) {
    site.answer(response);
    return;
  }
  const url = `${origin}/${clientId}`;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => log };
  const account = site.as ?? accountOf(clientId);
  const deps: ClientDeps = {
    coordinator: connectCoordinator(
      cloud.urls.coordinator,
      {
        fetchIdToken: (audience: string) => cloud.token(account, audience),
        accessToken: () => Promise.reject(new Error("not here")),
      },
      0,
    ),
    download,
    downloadShared: wholeReads(download),
    upload: (link, parts, what) => {
      if (path === "/check") throw new Error("a check uploads nothing");
      return upload(link, parts, what);
    },
    bounds: site.bounds ?? {},
    readData: site.data ?? (async () => GOOD),
    trainer: site.trainer ?? (async () => trainer),
    log,
    nowMs: Date.now,
    takeColdStart: () => 700,
    peakRssMib: () => 321,
  };
  const handler = clientHandler(deps, clientEnv(cloud, url, "tensorflow"));
  request.url = path;
  requestListener({ handler: async () => handler, onError: () => undefined })(request, response);
}

async function register(clientId: string, site: Site, more: object = {}): Promise<void> {
  sites.set(clientId, site);
  const body = { clientId, url: `${origin}/${clientId}`, serviceAccount: accountOf(clientId), ...more };
  const answer = await cloud.call("POST", "/v1/clients", body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
}

async function readyRun(more: object = {}): Promise<string> {
  const { status, body } = await cloud.call("POST", "/v1/runs", {
    name: "Checked",
    model: { builtin: "tiny-mlp" },
    training: { batchSize: 2 },
    selection: { strategy: "random", cohortSize: 2, clients: { labels: { run: "none" } } },
    ...more,
  });
  expect(status, JSON.stringify(body)).toBe(201);
  await eventually("the run being ready", async () =>
    (await cloud.store.get(refs.run(body.runId)))?.status === "ready" ? true : null,
  );
  return body.runId;
}

const last = async (clientId: string) => (await cloud.call("GET", `/v1/clients/${clientId}`)).body.lastCheck;

/** Asks for a check, and waits for its end. */
async function checked(clientId: string, wish: object = {}) {
  const asked = await cloud.call("POST", `/v1/clients/${clientId}/check`, wish);
  expect(asked.status, JSON.stringify(asked.body)).toBe(202);
  return eventually<Check>(
    "the check being over",
    async () => {
      const check = await last(clientId);
      return check.number === asked.body.number && check.endedAt !== null ? check : null;
    },
    20_000,
  );
}

describe("a check", () => {
  test("says what a client has, by counts, sizes and times", async () => {
    await register("sound", {});
    expect(await last("sound"), "not checked yet").toBeNull();
    const check = await checked("sound", { runId: await readyRun() });
    expect(check).toMatchObject({ status: "passed", problems: [], attempts: 1, seen: null });
    expect(check.facts).toMatchObject({
      coldStart: true,
      backend: trainer.backend,
      memoryMib: 2_048,
      peakRssMib: 321,
      samples: 6,
      isStream: false,
      inputShape: [4],
      targetShape: [],
      classes: 3,
      rows: null,
      steps: 3,
    });
    expect(check.facts?.stepMs).toBeGreaterThan(0);
    expect(check.facts?.coldStartMs).toBeGreaterThanOrEqual(700);
    const { items } = (await cloud.call("GET", "/v1/clients/sound/checks")).body;
    expect(items).toEqual([check]);
  });

  test("reads the data alone where no run is named", async () => {
    const check = await checked("sound", { data: "scans" });
    expect(check).toMatchObject({ number: 2, status: "passed", data: "scans", runId: null });
    expect(check.facts).toMatchObject({ samples: 6, steps: 0, stepMs: null });
  });

  test("is one at a time; the same request with the same key is the same check", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await register("slow", { data: () => held.then(() => GOOD) });
    const key = { "idempotency-key": "once" };
    const first = await cloud.call("POST", "/v1/clients/slow/check", {}, key);
    const again = await cloud.call("POST", "/v1/clients/slow/check", {}, key);
    expect([first.status, again.status, again.body.number]).toEqual([202, 202, 1]);
    const other = await cloud.call("POST", "/v1/clients/slow/check", {});
    expect(other.status).toBe(409);
    expect(other.body.error.message).toContain("Check 1 of client slow is not over");
    release();
    await eventually("its end", async () => ((await last("slow")).status === "passed" ? true : null), 20_000);
    expect(called.get("slow /check")).toBe(1);
  });

  test("of nobody, of a run that is none, and of a run without a model is refused", async () => {
    expect((await cloud.call("POST", "/v1/clients/nobody/check", {})).status).toBe(404);
    expect((await cloud.call("GET", "/v1/clients/nobody/checks")).status).toBe(404);
    expect((await cloud.call("POST", "/v1/clients/sound/check", { runId: "none" })).status).toBe(404);
    expect((await cloud.call("POST", "/v1/clients/sound/check", { run: "x" })).status).toBe(400);
  });

  test("tells every problem at once", async () => {
    const noBackend = new FlError("failed-precondition", "no library", { retry: "needs-a-person" });
    await register("broken", {
      trainer: () => Promise.reject(noBackend),
      data: () => Promise.reject(new FlError("failed-precondition", "no file")),
      bounds: { maxBatchSize: 1 },
    });
    const check = await checked("broken", { runId: await readyRun() });
    expect(check.status).toBe("failed");
    expect(check.problems.map(({ reason }) => reason)).toEqual(["no-backend", "no-data", "owner-refuses"]);
    expect(check.facts).toMatchObject({ backend: null, samples: null, dataMs: null, steps: 0 });
  });

  test("tells of what may pass, and does not hold it against the client", async () => {
    await register("busy", {
      data: () => Promise.reject(new FlError("unavailable", "The storage is busy.")),
    });
    const { status, problems } = await checked("busy");
    expect([status, problems.map(({ reason }) => reason)]).toEqual(["failed", ["not-now"]]);
    expect((await cloud.store.get(refs.client("busy")))?.cannot).toBeUndefined();
  });

  test("uses the code of a round: data that do not fit the model fail here as there", async () => {
    await register("misfit", { data: async () => dataOf(5, [0, 1, 2]) });
    const { status, problems, facts } = await checked("misfit", { runId: await readyRun() });
    expect([status, problems[0]?.reason]).toEqual(["failed", "data-misfit"]);
    expect(problems[0]?.message).toBe("The samples x have the shape [3, 5], this model takes [3, 4].");
    expect(facts).toMatchObject({ samples: 3, inputShape: [5] });
  });
});

describe("where nothing is heard", () => {
  test.each<[string, Site, object, string, RegExp]>([
    [
      "the address is wrong",
      {},
      { url: "http://127.0.0.1:9" },
      "unreachable",
      /cannot be reached\. The queue's last call/,
    ],
    [
      "the function runs as another account",
      { as: accountOf("mallory") },
      {},
      "wrong-account",
      /runs as mallory@silo/,
    ],
    [
      "the function knows no checks",
      { answer: (to) => to.writeHead(404).end() },
      {},
      "knows-no-checks",
      /deploy this release/,
    ],
    [
      "the function does not let the queue in",
      { answer: (to) => to.writeHead(403).end() },
      {},
      "not-let-in",
      /CLIENT_URL/,
    ],
    [
      "the function fails before it claims",
      { answer: (to) => to.writeHead(500).end() },
      {},
      "fails-to-start",
      /before it claims/,
    ],
  ])("because %s, that is said", async (_, site, more, reason, message) => {
    const clientId = `mute-${reason}`;
    await register(clientId, site, more);
    const check = await checked(clientId);
    expect(check.status).toBe("unanswered");
    expect(check.problems[0]).toMatchObject({ reason, message: expect.stringMatching(message) });
    // No storm: the queue's own tries, and none once the answer is known.
    expect(called.get(`${clientId} /check`) ?? 0).toBeLessThanOrEqual(3);
  });

  test("because the function dies at work, that is said", async () => {
    await register("dying", { data: () => new Promise(() => undefined) });
    const asked = await cloud.call("POST", "/v1/clients/dying/check", {});
    await eventually(
      "its claim",
      async () => ((await last("dying")).status === "running" ? true : null),
      20_000,
    );
    sites.set("dying", { answer: (to) => to.writeHead(500).end() });
    const stored = await cloud.store.get(refs.checks("dying"));
    expect(stored?.checks[0]?.number).toBe(asked.body.number);
    // Its time passes; the answer says that nothing is to be expected any more.
    cloud.advance(700_000);
    const check = await last("dying");
    expect(check).toMatchObject({ status: "unanswered", problems: [{ reason: "no-report" }] });
  });
});

test("nobody but the client reports its check", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await register("victim", { data: () => held.then(() => GOOD) });
  await cloud.call("POST", "/v1/clients/victim/check", {});
  await eventually(
    "its claim",
    async () => ((await last("victim")).status === "running" ? true : null),
    20_000,
  );
  const facts = {
    ...{ release: 2, coldStart: false, coldStartMs: 0, backend: null, memoryMib: null, peakRssMib: 0 },
    ...{ dataMs: null, samples: null, isStream: null, inputShape: null, targetShape: null, classes: null },
    ...{ rows: null, steps: 0, stepMs: null },
  };
  const problems = [{ code: "x", reason: "no-data", message: "Mallory says so." }];
  const report = { clientId: "victim", number: 1, facts, problems };
  const { coordinator } = cloud.urls;
  for (const [path, body] of [
    ["/report-check", report],
    ["/claim-check", { clientId: "victim", number: 1, release: 2 }],
    ["/report-check", { ...report, number: 7 }],
  ] as const) {
    expect((await cloud.callAs(accountOf("mallory"), coordinator, path, body)).status).toBe(403);
  }
  expect((await cloud.store.get(refs.client("victim")))?.cannot).toBeUndefined();
  release();
  await eventually("its end", async () => ((await last("victim")).status === "passed" ? true : null), 20_000);
});

describe("a client that cannot train for a run", () => {
  const labels = { run: "left-out" };
  const spec = {
    selection: { strategy: "random", cohortSize: 2, clients: { labels } },
    round: { minUpdates: 1, deadlineSeconds: 30 },
  };
  /** One round, to its end. */
  const roundOf = async (runId: string, round: number) => {
    const triggered = await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    expect(triggered.status, JSON.stringify(triggered.body)).toBe(202);
    return eventually(
      "the round's end",
      async () => {
        const found = await cloud.store.get(refs.round(runId, round));
        return found?.followedUp === true ? found : null;
      },
      30_000,
    );
  };

  test("is left out of its rounds, with the reason, until a check finds nothing any more", async () => {
    await register("able", {}, { labels });
    await register("unable", { data: async () => dataOf(5, [0]) }, { labels });
    const runId = await readyRun(spec);
    const first = await roundOf(runId, 1);
    expect(first.cohort).toEqual(["able", "unable"]);
    expect(first.outcomes.find(({ clientId }) => clientId === "unable")).toMatchObject({
      result: "failed",
      cannot: { reason: "data-misfit" },
    });
    const second = await roundOf(runId, 2);
    expect(second.cohort).toEqual(["able"]);
    expect(second.notChosen).toEqual([
      { clientId: "unable", reason: expect.stringMatching(/^left out until round 6, .*\(data-misfit\)$/) },
    ]);
    sites.set("unable", {});
    expect((await checked("unable", { runId })).status).toBe("passed");
    expect((await roundOf(runId, 3)).cohort).toEqual(["able", "unable"]);
  });

  test("is never invited where a check has said so before", async () => {
    sites.set("unable", { bounds: { maxBatchSize: 1 } });
    const runId = await readyRun(spec);
    const check = await checked("unable", { runId });
    expect(check.problems.map(({ reason }) => reason)).toEqual(["owner-refuses"]);
    const first = await roundOf(runId, 1);
    expect(first.cohort).toEqual(["able"]);
    expect(first.notChosen[0]?.reason).toContain("owner does not allow what the run asks for");
    expect((await cloud.call("GET", "/v1/clients/unable")).body.cannot).toMatchObject({
      runId,
      reason: "owner-refuses",
    });
  });

  test("is in the reason of a run that has too few others", async () => {
    const more = { ...spec, round: { ...spec.round, minUpdates: 2 } };
    const runId = await readyRun(more);
    sites.set("unable", { data: async () => dataOf(5, [0]) });
    await checked("unable", { runId });
    await cloud.call("POST", `/v1/runs/${runId}/rounds`);
    const reason = await eventually(
      "why",
      async () => (await cloud.store.get(refs.run(runId)))?.statusReason ?? null,
    );
    expect(reason).toMatch(/1 of the 2 clients .* 1 more cannot train: unable is left out .*data-misfit/);
  });
});
