// Disturbed at every point: real processes that are killed, frozen, called twice or refused before and after
// each durable step and each answer, in every function. Each run ends as if nothing had happened.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLIENT_CALLS } from "../../shared/core/protocol/clientCalls.ts";
import { type FunctionName, TASKS, WATCHDOG } from "../../shared/core/protocol/tasks.ts";
import { STEPS } from "../../shared/core/steps.ts";
import type { Desk } from "../support/disturb/desk.ts";
import { type DisturbedStage, openDisturbed, pointsOf } from "../support/disturb/disturbed.ts";
import { faultsOf } from "../support/disturb/faults.ts";
import { SCENARIOS, type ScenarioName, type Stage } from "../support/disturb/scenarios.ts";
import { eventually } from "../support/scriptedClient.ts";
import { casesHere, describeHere, playsHere } from "../support/tier.ts";

/** Calls that are answered, by function. A new route of the api belongs here. */
const ANSWERS: Readonly<Record<FunctionName, readonly string[]>> = {
  api: [
    "/v1/clients",
    "/v1/clients/*",
    "/v1/clients/*/check",
    "/v1/runs",
    "/v1/runs/*",
    "/v1/runs/*/rounds",
    "/v1/runs/*/start",
    "/v1/runs/*/pause",
    "/v1/runs/*/resume",
    "/v1/runs/*/cancel",
    "/v1/runs/*/models/*/evaluate",
  ],
  coordinator: [
    ...tasksOf("coordinator"),
    ...Object.values(CLIENT_CALLS).map(({ path }) => path),
    WATCHDOG.path,
  ],
  client: tasksOf("client"),
  aggregator: tasksOf("aggregator"),
  evaluator: tasksOf("evaluator"),
};

function tasksOf(name: FunctionName): readonly string[] {
  return Object.values(TASKS).flatMap((task) => (task.function === name ? [task.path] : []));
}

const POINTS = (Object.keys(STEPS) as FunctionName[]).flatMap((name) =>
  pointsOf({ [name]: [...STEPS[name], ...ANSWERS[name].map((path) => `answer ${path}`)] }),
);

/**
 * Where a run's last score is recorded between two looks of the coordinator, it asks for it once more, which
 * does nothing. That takes a slow machine and luck, so that no run can be made to be disturbed there.
 */
const RARE = ["coordinator before enqueue evaluate", "coordinator after enqueue evaluate"];

/**
 * The scenarios in which functions are disturbed at these steps, both before and after: the others do not
 * reach them, or there is less to lose. All other steps are disturbed in `ordinary`.
 */
const SCENARIO_OF: Readonly<Record<string, ScenarioName>> = {
  "api register-client": "roster",
  "api retire-client": "roster",
  "api change-client": "roster",
  "api answer /v1/clients": "roster",
  "api answer /v1/clients/*": "roster",
  "api ask-check": "checked",
  "api enqueue check-client": "checked",
  "api answer /v1/clients/*/check": "checked",
  "coordinator change-check": "checked",
  "coordinator enqueue check-client": "checked",
  "coordinator enqueue check": "checked",
  "coordinator answer /check-client": "checked",
  "coordinator answer /claim-check": "checked",
  "coordinator answer /report-check": "checked",
  "client call claim-check": "checked",
  "client call report-check": "checked",
  "client answer /check": "checked",
  "api ask-evaluation": "evaluated",
  "api enqueue score": "evaluated",
  "api answer /v1/runs/*/models/*/evaluate": "evaluated",
  "evaluator answer /score": "evaluated",
  "evaluator record-evaluation": "evaluated",
  "api write-source": "unpreparable",
  "api write-topology": "unpreparable",
  "api trigger-round": "triggered",
  "api enqueue open-round": "triggered",
  "api answer /v1/runs/*/rounds": "triggered",
  "api enqueue sweep": "cancelled",
  "api change-run": "cancelled",
  "api answer /v1/runs/*": "cancelled",
  "api answer /v1/runs/*/pause": "cancelled",
  "api answer /v1/runs/*/resume": "cancelled",
  "api answer /v1/runs/*/cancel": "cancelled",
  "coordinator report": "stateful",
  "coordinator remove-update": "stateful",
  "coordinator sweep-invocation": "cancelled",
  "coordinator prewarm": "woken",
  "coordinator enqueue prewarm": "woken",
  "coordinator enqueue warm": "woken",
  "coordinator answer /prewarm": "woken",
  "coordinator answer /close-round": "missing",
  "coordinator pass-on": "relayed",
  "coordinator enqueue pass-on": "relayed",
  "coordinator answer /pass-on": "relayed",
  "coordinator answer /watchdog": "cancelled",
  "coordinator note-look": "cancelled",
  "client upload": "stateful",
  "client answer /warm": "woken",
  "aggregator fix-inputs": "robust",
  "aggregator write-state": "stateful",
  "aggregator write-model": "robust",
  "aggregator publish": "robust",
  "evaluator write-score": "robust",
  "evaluator fail-run": "unpreparable",
};

const scenarioOf = (point: string): ScenarioName =>
  SCENARIO_OF[point.replace(/ (before|after) /, " ")] ?? "ordinary";

/**
 * These register clients of their own, which other runs would invite, or check one, which is done once at a
 * time: they are played alone.
 */
const REGISTERING: readonly ScenarioName[] = ["waiting", "roster", "checked"];
const isAlone = (name: ScenarioName) => REGISTERING.includes(name);

const ALONE = POINTS.filter((point) => isAlone(scenarioOf(point)));
const OTHERS = POINTS.filter((point) => !ALONE.includes(point));

const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[];
const BESIDE = SCENARIO_NAMES.filter((name) => !isAlone(name));

/** The scenarios whose end this run compares others with: all of them where every point is to be reached. */
const PLAYED = new Set<ScenarioName>(
  playsHere()
    ? SCENARIO_NAMES
    : [
        ...casesHere(BESIDE),
        ...casesHere(REGISTERING),
        ...[...casesHere(ALONE), ...casesHere(OTHERS)].map(scenarioOf),
      ],
);

/**
 * Runs until every fault of a point has struck: a point that is reached once a run needs as many as it has
 * faults.
 */
const MAX_RUNS = 20;
const TIMEOUT_MS = 900_000;

let desk: Desk;
let stage: Stage;
let opened: DisturbedStage | undefined;
/** The end of each scenario that is played. */
const undisturbed = new Map<ScenarioName, unknown>();
/** What those reach that are played beside each other. */
let reachedBeside: ReadonlySet<string>;

beforeAll(async () => {
  opened = await openDisturbed();
  ({ desk, stage } = opened);
  // The stage has registered its clients, through points that are otherwise reached alone.
  const { length: opening } = await desk.reached();
  await Promise.all(BESIDE.filter((name) => PLAYED.has(name)).map(learn));
  reachedBeside = new Set((await desk.reached()).slice(opening));
  for (const name of REGISTERING) if (PLAYED.has(name)) await learn(name);
}, TIMEOUT_MS);

afterAll(async () => {
  const struck = (await opened?.desk.struck()) ?? [];
  process.stdout.write(`${struck.length} faults: ${JSON.stringify(countsOf(struck))}\n`);
  await opened?.close();
});

describe("undisturbed", () => {
  test.concurrent.each(casesHere(BESIDE))("%s has an end, the same each time", endsTheSame, TIMEOUT_MS);
});

describeHere("undisturbed, alone", [REGISTERING], () => {
  test.each(casesHere(REGISTERING))("%s has an end, the same each time", endsTheSame, TIMEOUT_MS);
});

if (playsHere())
  test("every point is reached, and no other", async () => {
    const known = new Set([...POINTS, ...RARE]);
    const all = await eventually("every point being reached", async () => {
      const now = new Set(await desk.reached());
      return POINTS.every((point) => now.has(point)) ? now : null;
    }).catch(async () => new Set(await desk.reached()));
    expect([...all].filter((point) => !known.has(point))).toEqual([]);
    expect(POINTS.filter((point) => !all.has(point))).toEqual([]);
    expect(ALONE.filter((point) => reachedBeside.has(point))).toEqual([]);
    const steps = new Set(POINTS.map((point) => point.replace(/ (before|after) /, " ")));
    expect(Object.keys(SCENARIO_OF).filter((step) => !steps.has(step))).toEqual([]);
  });

describe("disturbed, a run ends as if it had not been", () => {
  test.each(casesHere(ALONE))("%s", endsAlike, TIMEOUT_MS);
});

describe("disturbed beside other runs, a run ends as if it had not been", () => {
  test.concurrent.each(casesHere(OTHERS))("%s", endsAlike, TIMEOUT_MS);
});

async function learn(name: ScenarioName): Promise<void> {
  undisturbed.set(name, await SCENARIOS[name](stage, `undisturbed-${name}-00000001`));
}

async function endsTheSame(name: ScenarioName): Promise<void> {
  const end = undisturbed.get(name);
  expect(end).toBeDefined();
  expect(await SCENARIOS[name](stage, `undisturbed-${name}-00000002`)).toEqual(end);
}

async function endsAlike(point: string): Promise<void> {
  const name = scenarioOf(point);
  await desk.arm(point, faultsOf(point));
  try {
    for (let run = 1; run <= MAX_RUNS; run++) {
      const key = `${point}-${POINTS.indexOf(point)}-${run}`;
      expect(await SCENARIOS[name](stage, key)).toEqual(undisturbed.get(name));
      if (!(await desk.armed(point))) return await hasStruck(point);
      const isReached = (await desk.reached()).includes(point);
      expect(isReached, `${name} reaches the point, as SCENARIO_OF says`).toBe(true);
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
