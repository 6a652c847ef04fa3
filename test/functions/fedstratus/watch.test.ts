// `fedstratus run watch` and `train` on runs that train: what is shown, how they end, and what does not end
// them.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refs } from "../../../shared/core/ports/store.ts";
import type { Ran, Surroundings } from "../../support/commandLine.ts";
import { startCutter } from "../../support/cutter.ts";
import { contribute, eventually, registerClients } from "../../support/scriptedClient.ts";
import { contributeTwoRounds } from "../../support/twoRounds.ts";
import { CLIENTS, SPEC, type Stage, setStage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
  await registerClients(stage.cloud, CLIENTS);
  await writeFile(join(stage.folder, "spec.json"), JSON.stringify(SPEC));
}, 60_000);
afterAll(() => stage.stop());

const FAST = ["--interval", "20ms"];
const start = (runId: string) => stage.cloud.call("POST", `/v1/runs/${runId}/start`);
const eventsOf = ({ stdout }: Ran) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Watches a run from before its start to its end, while its clients train. */
async function watched(flags: readonly string[], around: Partial<Surroundings> = {}): Promise<Ran> {
  const runId = await stage.newRun();
  const watching = stage.run(["run", "watch", runId, ...FAST, ...flags], around);
  await start(runId);
  await contributeTwoRounds(stage.cloud, runId);
  return watching;
}

describe("run watch", () => {
  test("prints a line as each round opens and as it closes, and what became of the run", async () => {
    const { code, stdout, stderr } = await watched([]);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^The run is completed: accuracy 0\.500, /),
    });
    const lines = stdout.trim().split("\n");
    expect(lines.filter((line) => /^round [12] opened: 4 invoked/.test(line))).toHaveLength(2);
    expect(lines.filter((line) => /^round [12] closed .*: 4\/4 reported/.test(line))).toHaveLength(2);
    expect(lines.at(-1)).toMatch(/^round 2 closed|^run .* is completed/);
  });

  test("as JSON prints a document for each change, none twice, and an end", async () => {
    const ran = await watched(["--json"]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const events = eventsOf(ran);
    expect(events.at(-1)).toMatchObject({
      type: "end",
      reason: "met",
      run: { status: "completed", accuracy: 0.5 },
    });
    expect(events.slice(0, -1).every(({ type }) => type === "run" || type === "round")).toBe(true);
    expect(new Set(events.map((event) => JSON.stringify(event))).size).toBe(events.length);
    const closed = events.filter(({ round }) => round?.status === "closed").map(({ round }) => round.round);
    expect([...new Set(closed)]).toEqual([1, 2]);
  });

  test("at a terminal redraws a table, and leaves the cursor visible", async () => {
    const { code, stdout } = await watched([], { isTerminal: true });
    expect(code).toBe(0);
    expect(stripVTControlCharacters(stdout)).toContain("●●●● 4/4");
    expect(stdout.lastIndexOf("\u001B[?25h")).toBeGreaterThan(stdout.lastIndexOf("\u001B[?25l"));
  });

  test("loses nothing while every connection is cut, and says so once", async () => {
    const runId = await stage.newRun();
    const proxy = await startCutter(new URL(stage.cloud.urls.api));
    try {
      let stderr = "";
      const watching = stage.run(["run", "watch", runId, ...FAST], {
        env: { FEDSTRATUS_API: proxy.url },
        onOutput: (text) => {
          stderr += text;
        },
      });
      await start(runId);
      await eventually("the first look", async () => (stderr.includes("round 1 opened") ? true : null));
      await proxy.cut();
      await eventually("the outage", async () => (stderr.includes("The api is away.") ? true : null));
      await contributeTwoRounds(stage.cloud, runId);
      await eventually("the end of the run", async () =>
        (await stage.cloud.store.get(refs.run(runId)))?.evaluatedVersion === 2 ? true : null,
      );
      await proxy.restore();
      const ran = await watching;
      expect(ran.code, ran.stderr).toBe(0);
      const told = ran.stdout.split("\n").map((line) => /^round \d (?:opened|closed)/.exec(line)?.[0] ?? []);
      expect(told.flat()).toEqual(["round 1 opened", "round 1 closed", "round 2 opened", "round 2 closed"]);
      expect(ran.stderr.match(/The api is (?:away|back)\./g)).toEqual([
        "The api is away.",
        "The api is back.",
      ]);
    } finally {
      await proxy.cut();
    }
  });

  test("is over once its round is, while the run goes on", async () => {
    const runId = await stage.newRun();
    const watching = stage.run(["run", "watch", runId, "--json", "--until", "round=1", ...FAST]);
    await start(runId);
    const { cohort } = await eventually("round 1", () => stage.cloud.store.get(refs.round(runId, 1)));
    for (const clientId of cohort) {
      await contribute(stage.cloud, { runId, round: 1, clientId }, { value: 0.01, samples: 10 });
    }
    const ran = await watching;
    expect(ran.code, ran.stderr).toBe(0);
    expect(eventsOf(ran).at(-1)).toMatchObject({ type: "end", reason: "met", run: { status: "running" } });
  });

  test("ends with 6 when its time is up, and with 1 when the run is cancelled", async () => {
    const runId = await stage.newRun();
    const late = await stage.run(["run", "watch", runId, "--json", "--timeout", "50ms", ...FAST]);
    expect(late.code).toBe(6);
    expect(JSON.parse(late.stderr).error.message).toContain(`run ${runId} is ready`);
    expect(eventsOf(late).at(-1)).toMatchObject({ type: "end", reason: "timeout" });
    const watching = stage.run(["run", "watch", runId, ...FAST]);
    await stage.cloud.call("POST", `/v1/runs/${runId}/cancel`);
    const cancelled = await watching;
    expect(cancelled.code).toBe(1);
    expect(cancelled.stderr).toContain(`error: Run ${runId} is cancelled: cancelled by an operator.`);
  });

  test("interrupted, leaves the run alone and says how to come back", async () => {
    const runId = await stage.newRun();
    await start(runId);
    const stop = new AbortController();
    const { code, stderr } = await stage.run(["run", "watch", runId, ...FAST], {
      signal: stop.signal,
      onOutput: () => stop.abort(),
    });
    expect(code).toBe(130);
    expect(stderr).toBe(`The run goes on. Come back to it with: fedstratus run watch ${runId}\n`);
    expect((await stage.cloud.store.get(refs.run(runId)))?.status).toBe("running");
  });
});

test("train creates a run, starts it and follows it to its end; @last is that run", async () => {
  const training = stage.run([
    "train",
    "spec.json",
    "--set",
    "name=Trained",
    "--json",
    ...FAST,
    "--key",
    "train-1",
  ]);
  const runId = await eventually("the run", async () => {
    const { items } = await stage.cloud.store.listRuns({ limit: 1 });
    const [latest] = items;
    return latest?.spec.name === "Trained" ? latest.runId : null;
  });
  await contributeTwoRounds(stage.cloud, runId);
  const ran = await training;
  expect(ran.code, ran.stderr).toBe(0);
  expect(eventsOf(ran).at(-1)).toMatchObject({ type: "end", run: { runId, status: "completed" } });
  expect((await stage.run(["run", "show", "@last", "--fields", "runId,status"])).stdout).toBe(
    `${runId}\tcompleted\n`,
  );
  const again = await stage.run([
    "train",
    "spec.json",
    "--set",
    "name=Trained",
    "--json",
    ...FAST,
    "--key",
    "train-1",
  ]);
  expect(eventsOf(again).at(-1)).toMatchObject({ run: { runId } });
}, 60_000);
