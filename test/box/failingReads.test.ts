// Reads that fail: of documents, queries, counts and objects, in every function, with each retryable kind.
// Each run ends as if none had failed.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CallFaultInput, InjectedFault } from "../../infra/box/callFaults.ts";
import { buckets } from "../../infra/box/deployment.ts";
import { FailingReads, READS, type ReadKind } from "../support/disturb/failingReads.ts";
import { SCENARIOS, type ScenarioName, type Stage } from "../support/disturb/scenarios.ts";
import { type OpenStage, openStage } from "../support/disturb/stage.ts";
import { casesHere, describeHere, playsEverything } from "../support/tier.ts";

/** One in so many reads fails; as many runs, each beginning with another one, leave none out. */
const EVERY = 8;
/** Of each kind in a run; the test fails when that is too few. */
const MOST = 60;
/** In a row: so many that Firestore's library has given up once; objects are read again for longer. */
const FAILURES = 5;
/** Not `waiting`, whose rounds last a second: a read that is made again takes about as long. */
const BESIDE = ["ordinary", "triggered", "missing", "cancelled", "woken", "unpreparable"] as const;
/** They register a client of their own, which other runs would invite, or check one, once at a time. */
const ALONE = ["roster", "checked"] as const;
/** Documents and data sets that belong to no run. */
const NO_RUNS = `documents/(?!runs/)|/${buckets.data}/`;
const TIMEOUT_MS = 300_000;

let opened: OpenStage | undefined;
let stage: Stage;
const undisturbed = new Map<ScenarioName, Promise<unknown>>();
const struck: string[] = [];

beforeAll(async () => {
  opened = await openStage({ removesSignatures: true });
  stage = opened.stage;
});

afterAll(() => opened?.close());

describeHere("no read fails", [BESIDE, ALONE], () => {
  const ends = async (name: ScenarioName) => void expect(await undisturbedEnd(name)).toBeDefined();
  test.concurrent.each(casesHere(BESIDE))("%s", ends, TIMEOUT_MS);
  test.each(casesHere(ALONE))("%s", ends, TIMEOUT_MS);
});

describe("one in eight reads of a run fails", () => {
  // Of each scenario one after the other: some only wait, others work.
  const runs = Array.from({ length: EVERY }, (_, first) =>
    BESIDE.map((name, place) => ({ name, first, turn: first + place })),
  ).flat();
  test.concurrent.each(casesHere(runs))(
    "$name, from read $first on",
    async ({ name, first, turn }) => {
      const arm = (target: string) =>
        new FailingReads(stage.box, { target, first, every: EVERY, most: MOST, turn });
      await endsAlike(name, `run-${first}`, arm);
    },
    TIMEOUT_MS,
  );
});

const FROM = (["ordinary", ...ALONE] as const).flatMap((name) => [0, 1, 2].map((first) => ({ name, first })));

describeHere("reads that belong to no run fail", [FROM], () => {
  test.each(casesHere(FROM))(
    "$name, one in three from read $first on",
    async ({ name, first }) => {
      await undisturbedEnd(name);
      const reads = new FailingReads(stage.box, {
        target: NO_RUNS,
        first,
        every: 3,
        most: MOST,
        turn: first,
      });
      await endsAlike(name, `cloud-${first}`, () => reads, reads);
    },
    TIMEOUT_MS,
  );
});

describe("a read fails many times in a row", () => {
  const runs = (Object.keys(READS) as ReadKind[]).flatMap((kind) => [0, 3].map((skip) => ({ kind, skip })));
  test.concurrent.each(casesHere(runs))(
    "$kind, from read $skip on",
    async ({ kind, skip }) => {
      const [read] = READS[kind];
      let fault: InjectedFault | undefined;
      const onCreated = (target: string) => {
        fault = stage.box.inject({
          ...read,
          target,
          skip,
          times: FAILURES,
          applied: false,
        } as CallFaultInput);
      };
      const end = await SCENARIOS.ordinary({ ...stage, onCreated }, `in-a-row-${kind}-${skip}-0001`);
      expect(end).toEqual(await undisturbedEnd("ordinary"));
      expect(fault?.struck).toBe(FAILURES);
    },
    TIMEOUT_MS,
  );
});

// An eighth of the runs has not every kind.
if (playsEverything())
  test("every kind of read has failed in every way", () => {
    const wanted = (Object.keys(READS) as ReadKind[]).flatMap((kind) =>
      READS[kind].map(({ answer }) => `${kind} ${answer}`),
    );
    expect([...new Set(struck)].sort()).toEqual([...wanted].sort());
    process.stdout.write(`${struck.length} reads failed: ${JSON.stringify(countsOf(struck))}\n`);
  });

/** Played once, when it is first needed. */
function undisturbedEnd(name: ScenarioName): Promise<unknown> {
  const end = undisturbed.get(name) ?? SCENARIOS[name](stage, `undisturbed-${name}-00000001`);
  undisturbed.set(name, end);
  return end;
}

/** @param arm what fails once the run is there. @param before what fails already. */
async function endsAlike(
  name: ScenarioName,
  key: string,
  arm: (runId: string) => FailingReads,
  before?: FailingReads,
): Promise<void> {
  const armed = new Set(before === undefined ? [] : [before]);
  const disarm = () => {
    for (const reads of armed) reads.disarm();
  };
  const onCreated = (runId: string) => void armed.add(arm(runId));
  const expected = await undisturbedEnd(name);
  try {
    const end = await SCENARIOS[name]({ ...stage, onCreated, onEnded: disarm }, `${key}-${name}-00000001`);
    expect(end).toEqual(expected);
  } finally {
    disarm();
  }
  struck.push(...[...armed].flatMap((reads) => reads.struck()));
  expect([...armed].flatMap((reads) => reads.trouble())).toEqual([]);
}

/** By kind, and by answer. */
function countsOf(lines: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of lines.flatMap((line) => line.split(" "))) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
