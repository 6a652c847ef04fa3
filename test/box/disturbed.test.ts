// Disturbed at every point: real processes that are killed, frozen, called twice or refused before and after
// each durable step and each answer, in every function. Each run ends as if nothing had happened.
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { STEPS } from "../../shared/core/steps.ts";
import { Desk } from "../support/disturb/desk.ts";
import { faultsOf } from "../support/disturb/faults.ts";
import { SCENARIOS, type ScenarioName, type Stage } from "../support/disturb/scenarios.ts";
import { type OpenStage, openStage } from "../support/disturb/stage.ts";
import { eventually } from "../support/scriptedClient.ts";
import { casesHere, playsHere } from "../support/tier.ts";

/**
 * Calls that are answered, by function. A new route belongs here: the suite fails on an answer it does not
 * know.
 */
const ANSWERS: Readonly<Record<keyof typeof STEPS, readonly string[]>> = {
  api: [
    "/v1/clients",
    "/v1/clients/*",
    "/v1/runs",
    "/v1/runs/*/rounds",
    "/v1/runs/*/start",
    "/v1/runs/*/pause",
    "/v1/runs/*/resume",
    "/v1/runs/*/cancel",
  ],
  coordinator: ["/open-round", "/close-round", "/prewarm", "/claim", "/report", "/sweep", "/watchdog"],
  client: ["/", "/warm"],
  aggregator: ["/aggregate"],
  evaluator: ["/prepare", "/evaluate"],
};

const POINTS = (Object.keys(STEPS) as (keyof typeof STEPS)[]).flatMap((name) =>
  [...STEPS[name], ...ANSWERS[name].map((path) => `answer ${path}`)].flatMap((step) => [
    `${name} before ${step}`,
    `${name} after ${step}`,
  ]),
);

/**
 * These register clients of their own, which other runs would invite: they are played only where no other
 * will do.
 */
const REGISTERING: readonly ScenarioName[] = ["waiting", "roster"];

/** The points that only those reach. */
const ALONE = POINTS.filter((point) => /(register|retire)-client|\/v1\/clients/.test(point));
const OTHERS = POINTS.filter((point) => !ALONE.includes(point));

const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[];

/**
 * Runs until every fault of a point has struck: a point that is reached once a run needs as many as it has
 * faults.
 */
const MAX_RUNS = 20;
const TIMEOUT_MS = 900_000;

let desk: Desk;
let stage: Stage;
let opened: OpenStage | undefined;
/** The end of each scenario, played twice. */
const undisturbed = new Map<ScenarioName, readonly [unknown, unknown]>();
/** The scenario in which a point is soonest reached. */
const cheapest = new Map<string, { readonly name: ScenarioName; readonly msATime: number }>();

beforeAll(async () => {
  desk = await Desk.open();
  const agent = resolve(import.meta.dirname, "../support/disturb/agent.ts");
  opened = await openStage({
    functionEnv: { DISTURB_DIR: desk.dir },
    functionExecArgv: ["--import", agent],
  });
  stage = opened.stage;
  desk.serve(stage.box);
  for (const name of SCENARIO_NAMES) await learn(name);
}, TIMEOUT_MS);

afterAll(async () => {
  const struck = await desk.struck();
  process.stdout.write(`${struck.length} faults: ${JSON.stringify(countsOf(struck))}\n`);
  await opened?.close();
  await desk.close();
});

describe("undisturbed", () => {
  test.each(casesHere(SCENARIO_NAMES))("%s has an end, the same each time", (name) => {
    const [first, second] = undisturbed.get(name) ?? [];
    expect(first).toBeDefined();
    expect(second).toEqual(first);
  });

  if (!playsHere()) return;
  test("every point is reached, and no other", async () => {
    const known = new Set(POINTS);
    const all = await eventually("every point being reached", async () => {
      const now = new Set(await desk.reached());
      return POINTS.every((point) => now.has(point)) ? now : null;
    }).catch(async () => new Set(await desk.reached()));
    expect([...all].filter((point) => !known.has(point))).toEqual([]);
    expect(POINTS.filter((point) => !all.has(point))).toEqual([]);
    const alone = [...cheapest].flatMap(([point, { name }]) => (REGISTERING.includes(name) ? [point] : []));
    expect(alone.sort()).toEqual([...ALONE].sort());
  });
});

describe("disturbed, a run ends as if it had not been", () => {
  test.each(casesHere(ALONE))("%s", endsAlike, TIMEOUT_MS);
});

describe("disturbed beside other runs, a run ends as if it had not been", () => {
  test.concurrent.each(casesHere(OTHERS))("%s", endsAlike, TIMEOUT_MS);
});

/** Plays a scenario twice: what its end is, and how soon it reaches which point. */
async function learn(name: ScenarioName): Promise<void> {
  const first = await SCENARIOS[name](stage, `undisturbed-${name}-00000001`);
  const before = (await desk.reached()).length;
  const startedMs = Date.now();
  const second = await SCENARIOS[name](stage, `undisturbed-${name}-00000002`);
  const tookMs = Date.now() - startedMs;
  undisturbed.set(name, [first, second]);
  const times = new Map<string, number>();
  for (const point of (await desk.reached()).slice(before)) times.set(point, (times.get(point) ?? 0) + 1);
  for (const [point, count] of times) {
    const msATime = tookMs / count + (REGISTERING.includes(name) ? 3_600_000 : 0);
    if (msATime < (cheapest.get(point)?.msATime ?? Number.POSITIVE_INFINITY)) {
      cheapest.set(point, { name, msATime });
    }
  }
}

async function endsAlike(point: string): Promise<void> {
  const name = cheapest.get(point)?.name ?? "ordinary";
  await desk.arm(point, faultsOf(point));
  try {
    for (let run = 1; run <= MAX_RUNS; run++) {
      const key = `${point}-${POINTS.indexOf(point)}-${run}`;
      expect(await SCENARIOS[name](stage, key)).toEqual(undisturbed.get(name)?.[0]);
      if (!(await desk.armed(point))) return await hasStruck(point);
    }
    throw new Error(`After ${MAX_RUNS} runs, not every fault has struck.`);
  } finally {
    await desk.disarm(point);
  }
}

/** Every fault of the point, and each call that was to fail did. */
async function hasStruck(point: string): Promise<void> {
  const ofPoint = (lines: readonly string[]) =>
    lines.filter((line) => line.startsWith(`${point} {`) || line.startsWith(`${point} "`));
  const wanted = faultsOf(point).map((fault) => `${point} ${JSON.stringify(fault)}`);
  expect(ofPoint(await desk.struck()).toSorted()).toEqual(wanted.toSorted());
  const trouble = async () => ofPoint(await desk.trouble());
  // The last call that is to fail may be made after the run has ended.
  await eventually("every call having failed", async () =>
    (await trouble()).length === 0 ? true : null,
  ).catch(() => undefined);
  expect(await trouble()).toEqual([]);
}

/** By kind; calls that fail by service. */
function countsOf(struck: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const line of struck) {
    const kind = /"service":"(\w+)"/.exec(line)?.[1] ?? /"(\w+)"$/.exec(line)?.[1] ?? "unknown";
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
