// What the end of a relay's groups costs in reads of the database, however many clients the round has.
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeIfRelayOver } from "../../functions/coordinator/closeRound.ts";
import type { CoordinatorDeps } from "../../functions/coordinator/deps.ts";
import { databaseIndexes } from "../../infra/box/databaseIndexes.ts";
import { startFirestore } from "../../infra/box/firestore/index.ts";
import { UsageMeter } from "../../infra/box/usageMeter.ts";
import { connectStore } from "../../shared/cloud/store/firestoreStore.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Command } from "../../shared/core/protocol/commands.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import { buildInvocation, buildReported, buildRound, buildRun, buildSpec, T0 } from "../support/builders.ts";

const [GROUPS, MEMBERS, TURN_SECONDS] = [20, 5, 60];

const meter = new UsageMeter();
let store: ReturnType<typeof connectStore>;
let stop: () => Promise<void>;

beforeAll(async () => {
  const before = { ...process.env };
  const server = await startFirestore({ implementation: "embedded", indexes: databaseIndexes, meter });
  Object.assign(process.env, server.env, { METADATA_SERVER_DETECTION: "none" });
  store = connectStore({ projectId: "relay-reads", databaseId: "(default)" });
  stop = async () => {
    await store.close();
    await server.stop();
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  };
});

afterAll(() => stop());

const spec = buildSpec({
  selection: { strategy: "random", cohortSize: GROUPS * MEMBERS },
  round: { relay: { strategy: "chain", groupSize: MEMBERS }, deadlineSeconds: TURN_SECONDS },
});
const clientOf = (group: number, hop: number) => `client-${String(group).padStart(2, "0")}-${hop}`;

/**
 * Ends all groups of a round, one after the other.
 *
 * @param skipped of how many groups the first client was passed over.
 * @returns the reads at each end, and the commands of all.
 */
async function endGroups(runId: string, skipped: number, nowMs: number) {
  const range = (length: number) => Array.from({ length }, (_, i) => i + 1);
  const members = (group: number) =>
    range(MEMBERS).map((hop) => ({ clientId: clientOf(group, hop), tier: null, reason: "drawn" }));
  const groups = range(GROUPS).map((group) => ({ members: members(group) }));
  const cohort = groups.flatMap((group) => group.members.map(({ clientId }) => clientId));
  const round = buildRound({ runId, round: 1, status: "training", cohort, openedAt: T0, relay: { groups } });
  const run = buildRun({ runId, spec, round: 1, openRound: 1 });
  const turn = (group: number, hop: number, isLastDone: boolean): Invocation => {
    const at = { runId, round: 1, clientId: clientOf(group, hop) };
    const relay = { group, hop, from: [], dueAt: T0 + TURN_SECONDS * 1_000 };
    if (hop === 1 && group <= skipped)
      return buildInvocation({ ...at, relay: { ...relay, skippedAt: nowMs } });
    if (hop === MEMBERS && !isLastDone) return buildInvocation({ ...at, relay });
    return buildReported({ ...at, relay });
  };
  const put = (invocations: readonly Invocation[]) =>
    store.setAll(
      "open-round",
      invocations.map((value) => ({ ref: refs.invocation(runId, 1, value.clientId), value })),
    );
  await store.setAll("open-round", [{ ref: refs.round(runId, 1), value: round }]);
  await put(range(GROUPS).flatMap((group) => range(MEMBERS).map((hop) => turn(group, hop, false))));

  const asked: Command[] = [];
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => log };
  const deps = {
    ...{ store, log, nowMs: () => nowMs },
    dispatch: async (commands: readonly Command[]) => void asked.push(...commands),
  } as unknown as CoordinatorDeps;
  const reads: number[] = [];
  for (const group of range(GROUPS)) {
    expect(asked).toEqual([]);
    await put([turn(group, MEMBERS, true)]);
    meter.reset();
    await closeIfRelayOver(run, round, deps);
    reads.push(meter.read().firestore.reads);
  }
  expect(asked.map(({ kind }) => kind)).toEqual(["aggregate"]);
  return { before: reads.slice(0, -1), last: reads.at(-1) ?? 0 };
}

test("the end of a group is one read until it is the last, which looks at each client", async () => {
  const { before, last } = await endGroups("in-time", 0, T0 + 30_000);
  expect(before).toEqual(Array.from({ length: GROUPS - 1 }, () => 1));
  expect(last).toBeLessThan(GROUPS * MEMBERS + 10);
});

test("once turns are overdue it looks at those without an answer, and closes past those passed over", async () => {
  const { before, last } = await endGroups("overdue", 3, T0 + 90_000);
  // The count, those that have their turns still, and the three that were passed over.
  expect(before).toEqual(Array.from({ length: GROUPS - 1 }, (_, i) => 1 + (GROUPS - 1 - i) + 3));
  expect(last).toBeLessThan(GROUPS * MEMBERS + 10);
});
