// What people change over the API, what is refused of it, and what is written down of who did it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceAccount } from "../../infra/box/deployment.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { buildRun, T0 } from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { describer } from "../support/describer.ts";
import { accountOf } from "../support/scriptedClient.ts";

let cloud: TestCloud;
let operator = "";
let runs = 0;

beforeAll(async () => {
  cloud = await startTestCloud({
    trainer: async () => describer,
    evaluationData: () => Promise.reject(new Error("not here")),
  });
  operator = serviceAccount("operator", cloud.projectId);
});

afterAll(() => cloud.stop());

async function newRun(more: object = {}): Promise<string> {
  const runId = `changed-${++runs}`;
  const run = buildRun({ runId, createdAt: T0 + runs, ...more });
  await cloud.store.setAll("create-run", [{ ref: refs.run(runId), value: run }]);
  return runId;
}

const registration = (clientId: string) => ({
  clientId,
  url: "https://train.example.org",
  serviceAccount: accountOf(clientId),
  capacity: { memoryMib: 4_096 },
  dataCard: { samples: 10, description: "scans" },
  labels: { ward: "7", site: "north" },
});
const pathsOf = (answer: { body: { error: { problems: { path: string }[] } } }) =>
  answer.body.error.problems.map(({ path }) => path).toSorted();
const actionsOf = async (path: string) => {
  const { body } = await cloud.call("GET", `${path}/actions`);
  return body.items.map(({ action, changed, round }: Record<string, unknown>) => ({
    action,
    ...(JSON.stringify(changed) === "[]" ? {} : { changed }),
    ...(round === undefined ? {} : { round }),
  }));
};

describe("labels and notes of a run", () => {
  test("are changed one by one, and null takes one away", async () => {
    const runId = await newRun();
    const path = `/v1/runs/${runId}`;
    const first = await cloud.call("PATCH", path, {
      labels: { team: "cardio", phase: "1" },
      notes: "a\n\tb",
    });
    expect([first.status, first.body.labels, first.body.notes]).toEqual([
      200,
      { team: "cardio", phase: "1" },
      "a\n\tb",
    ]);
    const second = await cloud.call("PATCH", path, { labels: { phase: null, team: "neuro" } });
    expect([second.body.labels, second.body.notes]).toEqual([{ team: "neuro" }, "a\n\tb"]);
    expect((await cloud.call("PATCH", path, { notes: null })).body.notes).toBe("");
    expect((await cloud.call("GET", path)).body).toMatchObject({ labels: { team: "neuro" }, notes: "" });
    expect(await actionsOf(path)).toEqual([
      { action: "change-run", changed: ["notes"] },
      { action: "change-run", changed: ["labels.phase", "labels.team"] },
      { action: "change-run", changed: ["labels.phase", "labels.team", "notes"] },
    ]);
  });

  test("that are the same already change nothing, and are not written down", async () => {
    const path = `/v1/runs/${await newRun({ labels: { team: "cardio" } })}`;
    const before = await cloud.call("GET", path);
    for (const body of [
      {},
      { labels: {} },
      { labels: { team: "cardio" } },
      { notes: null },
      { labels: { no: null } },
    ]) {
      expect((await cloud.call("PATCH", path, body)).body).toEqual(before.body);
    }
    expect(await actionsOf(path)).toEqual([]);
  });

  test("are refused with every problem", async () => {
    const path = `/v1/runs/${await newRun({ labels: { kept: "x" } })}`;
    const bad = await cloud.call("PATCH", path, {
      labels: { __x: "1", ok: "x".repeat(64), bell: "\u0007", turned: "a\u202eb", number: 3 },
      notes: "x".repeat(10_001),
      status: "completed",
    });
    expect(bad.status).toBe(400);
    expect(pathsOf(bad)).toEqual(
      [
        "labels.__x",
        "labels.bell",
        "labels.number",
        "labels.ok",
        "labels.turned",
        "notes",
        "status",
      ].toSorted(),
    );
    const proto = await cloud.call("PATCH", path, '{ "labels": { "__proto__": "x" } }');
    expect([proto.status, pathsOf(proto)]).toEqual([400, ["labels.__proto__"]]);
    const coloured = await cloud.call("PATCH", path, { notes: "\u001b[31mred" });
    expect([coloured.status, pathsOf(coloured)]).toEqual([400, ["notes"]]);
    const many = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`l${i}`, "x"]));
    const more = await cloud.call("PATCH", path, { labels: many });
    expect([more.status, pathsOf(more)]).toEqual([400, ["labels"]]);
    expect((await cloud.call("PATCH", path, { labels: { ...many, kept: null } })).status).toBe(200);
    expect((await cloud.call("PATCH", "/v1/runs/nowhere", { notes: "x" })).status).toBe(404);
  });

  test("filter the list", async () => {
    const label = `set-${runs}`;
    const one = await newRun({ labels: { [label]: "a" }, status: "paused" });
    const two = await newRun({ labels: { [label]: "b" }, status: "completed", createdBy: "ada@example.org" });
    const idsOf = async (query: string) =>
      (await cloud.call("GET", `/v1/runs?${query}`)).body.items.map(({ runId }: { runId: string }) => runId);
    expect(await idsOf(`label=${label}`)).toEqual([two, one]);
    expect(await idsOf(`label=${label}%3Da`)).toEqual([one]);
    expect(await idsOf(`label=${label}&status=completed,failed`)).toEqual([two]);
    expect(await idsOf(`createdBy=ada@example.org&label=${label}`)).toEqual([two]);
    expect(await idsOf(`label=${label}&name=TES`)).toEqual([two, one]);
    expect(await idsOf(`label=${label}&name=other`)).toEqual([]);
    for (const query of ["status=odd", "label=%3Dx", "name=", "colour=red"]) {
      expect((await cloud.call("GET", `/v1/runs?${query}`)).status, query).toBe(400);
    }
  });
});

describe("a client's fields", () => {
  test("are changed one by one; what is wrong of the whole is refused", async () => {
    const path = "/v1/clients/clinic-a";
    const { body: before } = await cloud.call("POST", "/v1/clients", registration("clinic-a"));
    const changed = await cloud.call("PATCH", path, {
      url: "https://other.example.org/",
      capacity: { vcpu: 2 },
      dataCard: { samples: null, classes: 3 },
      labels: { ward: null, "on-call": "yes" },
    });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({
      clientId: "clinic-a",
      url: "https://other.example.org",
      capacity: { memoryMib: 4_096, vcpu: 2, timeoutSeconds: 540 },
      dataCard: { description: "scans", classes: 3 },
      labels: { site: "north", "on-call": "yes" },
      registeredAt: before.registeredAt,
      retired: false,
    });
    expect(changed.body.dataCard).not.toHaveProperty("samples");
    expect(Date.parse(changed.body.updatedAt)).toBeGreaterThanOrEqual(Date.parse(before.updatedAt));

    const refused = await cloud.call("PATCH", path, {
      clientId: "clinic-b",
      retired: true,
      url: "ftp://x",
      capacity: { memoryMib: 1 },
      dataCard: { description: "x".repeat(2_001) },
      labels: { "a b": "x", bell: "\u0007" },
    });
    expect(refused.status).toBe(400);
    expect(pathsOf(refused)).toEqual(
      [
        "capacity.memoryMib",
        "clientId",
        "dataCard.description",
        "labels.a b",
        "labels.bell",
        "retired",
        "url",
      ].toSorted(),
    );
    expect((await cloud.call("PATCH", "/v1/clients/nobody", {})).status).toBe(404);
    expect((await cloud.call("PATCH", path, {})).body).toEqual(changed.body);
    expect(await actionsOf(path)).toEqual([
      {
        action: "change-client",
        changed: [
          "capacity.vcpu",
          "dataCard.classes",
          "dataCard.samples",
          "labels.on-call",
          "labels.ward",
          "url",
        ],
      },
      { action: "register-client" },
    ]);
  });

  test("with control characters are refused at registration, too", async () => {
    const refused = await cloud.call("POST", "/v1/clients", {
      ...registration("clinic-c"),
      labels: { bell: "\u0007", fine: "x" },
      dataCard: { description: "\u001b[2J" },
    });
    expect([refused.status, pathsOf(refused)]).toEqual([400, ["dataCard.description", "labels.bell"]]);
  });
});

describe("who did what", () => {
  test("is listed for a run, each action once, by whom and when", async () => {
    const headers = { "idempotency-key": "audited" };
    const spec = {
      name: "audited",
      model: { builtin: "tiny-mlp" },
      selection: { strategy: "random", cohortSize: 1 },
    };
    const { runId } = (await cloud.call("POST", "/v1/runs", spec, headers)).body;
    await cloud.call("POST", "/v1/runs", spec, headers);
    const path = `/v1/runs/${runId}`;
    await cloud.call("POST", `${path}/start`, undefined, { "idempotency-key": "go" });
    await cloud.call("POST", `${path}/start`, undefined, { "idempotency-key": "go" });
    await cloud.call("POST", `${path}/cancel`);
    expect((await cloud.call("POST", `${path}/start`)).status, "not done, not written down").toBe(409);
    const { items } = (await cloud.call("GET", `${path}/actions`)).body;
    expect(items.map(({ action }: { action: string }) => action).toSorted()).toEqual([
      "cancel-run",
      "create-run",
      "start-run",
    ]);
    for (const item of items)
      expect(item).toMatchObject({ by: operator, runId, clientId: null, changed: [] });
    const page = (await cloud.call("GET", `${path}/actions?limit=2`)).body;
    const rest = (await cloud.call("GET", `${path}/actions?limit=2&cursor=${page.nextCursor}`)).body;
    expect([...page.items, ...rest.items]).toEqual(items);
  });

  test("is listed for a client, also for one that is retired, and holds no value", async () => {
    const path = "/v1/clients/clinic-d";
    await cloud.call("POST", "/v1/clients", { ...registration("clinic-d"), labels: { pin: "hunter2" } });
    await cloud.call("POST", "/v1/clients", { ...registration("clinic-d"), labels: { pin: "hunter2" } });
    await cloud.call("PATCH", path, { labels: { pin: "hunter3" } });
    await cloud.call("POST", `${path}/check`, {});
    await cloud.call("DELETE", path);
    const answer = await cloud.call("GET", `${path}/actions`);
    const kinds = answer.body.items.map(({ action }: { action: string }) => action);
    expect(kinds.toSorted()).toEqual(["change-client", "check-client", "register-client", "retire-client"]);
    expect(JSON.stringify(answer.body)).not.toContain("hunter");
    expect((await cloud.call("GET", "/v1/clients/nobody/actions")).status).toBe(404);
    expect((await cloud.call("GET", "/v1/runs/nowhere/actions")).status).toBe(404);
  });
});
