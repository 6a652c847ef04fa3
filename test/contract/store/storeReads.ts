// What the api reads of runs beyond single documents: the contract of the store over every Firestore, with
// the reads that each call is billed for where the server counts them.
import { Firestore } from "@google-cloud/firestore";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { databaseIndexes } from "../../../infra/box/databaseIndexes.ts";
import { startFirestore } from "../../../infra/box/firestore/index.ts";
import { UsageMeter } from "../../../infra/box/usageMeter.ts";
import { connectStore } from "../../../shared/cloud/store/firestoreStore.ts";
import { type Ref, refs } from "../../../shared/core/ports/store.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import type { RunFilter } from "../../../shared/core/schemas/runFilter.ts";
import { buildInvocation, buildOutcome, buildRound, buildRun, T0 } from "../../support/builders.ts";
import { gathered } from "../../support/gathered.ts";

export interface StoreUnderTest {
  readonly store: ReturnType<typeof connectStore>;
  readonly db: Firestore;
  /** Documents read since the last call; null where the server does not count them. */
  reads(): number | null;
}

let runs = 0;
/** A run that no other test has. */
function freshRun(): string {
  return `run-${++runs}`;
}

export function storeReads(implementation: "embedded" | "official", missing?: string): void {
  describe.skipIf(missing !== undefined)(`the ${implementation} Firestore`, () => {
    const under = useStore(implementation);
    followsRuns(under);
    readsFigures(under);
    readsInvocations(under);
    teaches(under);
    searches(under);
  });
}

function useStore(implementation: "embedded" | "official"): () => StoreUnderTest {
  let under: StoreUnderTest | undefined;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const before = { ...process.env };
    const meter = new UsageMeter();
    const isCounted = implementation === "embedded";
    const server = await startFirestore({ implementation, indexes: databaseIndexes, meter });
    Object.assign(process.env, server.env, { METADATA_SERVER_DETECTION: "none" });
    const projectId = `store-reads-${implementation}`;
    const store = connectStore({ projectId, databaseId: "(default)" });
    const db = new Firestore({ projectId });
    const reads = () => {
      const counted = isCounted ? (meter.read().firestore?.reads ?? 0) : null;
      meter.reset();
      return counted;
    };
    under = { store, db, reads };
    stop = async () => {
      await Promise.all([store.close(), db.terminate()]);
      await server.stop();
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    };
  });
  afterAll(() => stop());
  return () => {
    if (under === undefined) throw new Error("not connected yet");
    return under;
  };
}

/** What a call gave and what it was billed for; the latter is looked at where it is counted. */
async function billed<T>({ reads }: StoreUnderTest, call: () => Promise<T>, expected: number): Promise<T> {
  reads();
  const given = await call();
  const counted = reads();
  if (counted !== null) expect(counted, "documents read").toBe(expected);
  return given;
}

function followsRuns(under: () => StoreUnderTest): void {
  describe("changesOf", () => {
    let runId = "";
    beforeEach(() => {
      runId = freshRun();
    });

    const put = <T>(ref: Ref<T>, value: T) => under().store.setAll("open-round", [{ ref, value }]);
    const putRun = (round: number, more = {}) =>
      put(refs.run(runId), buildRun({ runId, round, openRound: round === 0 ? null : round, ...more }));
    const putRound = (round: number, more = {}) =>
      put(refs.round(runId, round), buildRound({ runId, round, ...more }));
    const putInvocation = (round: number, clientId: string, more: Partial<Invocation> = {}) =>
      put(refs.invocation(runId, round, clientId), buildInvocation({ runId, round, clientId, ...more }));
    const look = async (cursor: string | undefined, reads: number) => {
      const changes = await billed(under(), () => under().store.changesOf(runId, cursor), reads);
      if (changes === null) throw new Error(`there is no ${runId}`);
      return changes;
    };
    const closed = {
      status: "closed",
      newVersion: 1,
      loss: 0.5,
      accuracy: 0.8,
      followedUp: true,
      closedAt: T0 + 60_000,
    } as const;

    it("is null without a run", async () => {
      expect(await billed(under(), () => under().store.changesOf(runId, undefined), 1)).toBeNull();
    });

    it("of a run without a round is the run, once", async () => {
      await putRun(0);
      const first = await look(undefined, 1);
      expect(first).toMatchObject({ run: { runId }, rounds: [], invocations: [] });
      const second = await look(first.cursor, 1);
      expect(second).toEqual({ run: null, rounds: [], invocations: [], cursor: first.cursor });
    });

    it("is everything at first, and then what has changed, with few reads where nothing has", async () => {
      await putRun(1);
      await putRound(1);
      for (const clientId of ["client-a", "client-b", "client-c"]) await putInvocation(1, clientId);
      const first = await look(undefined, 5);
      expect(first.run?.runId).toBe(runId);
      expect(first.rounds.map(({ round }) => round)).toEqual([1]);
      expect(first.invocations.map(({ clientId }) => clientId).toSorted()).toEqual([
        "client-a",
        "client-b",
        "client-c",
      ]);

      const idle = await look(first.cursor, 3);
      expect(idle).toEqual({ run: null, rounds: [], invocations: [], cursor: first.cursor });

      await putInvocation(1, "client-b", { status: "training", claimedAt: T0 + 1, updatedAt: T0 + 10_000 });
      const claimed = await look(first.cursor, 5); // The run, the round, the others within the margin.
      expect(claimed).toMatchObject({ run: null, rounds: [] });
      expect(claimed.invocations).toMatchObject([{ clientId: "client-b", status: "training" }]);
      expect(await look(claimed.cursor, 3)).toMatchObject({ invocations: [], cursor: claimed.cursor });

      await putRound(1, { extended: true });
      const extended = await look(claimed.cursor, 3);
      expect(extended).toMatchObject({ run: null, rounds: [{ round: 1, extended: true }], invocations: [] });
    });

    it("finds an invocation whose writer's clock is behind, within the margin", async () => {
      await putRun(1);
      await putRound(1);
      await putInvocation(1, "client-a", { updatedAt: T0 + 10_000 });
      await putInvocation(1, "client-b", { updatedAt: T0 + 10_000 });
      const { cursor } = await look(undefined, 4);
      await putInvocation(1, "client-a", { status: "training", updatedAt: T0 + 5_001 });
      await putInvocation(1, "client-c", { status: "training", updatedAt: T0 + 10_001 });
      const { invocations } = await look(cursor, 5);
      expect(invocations.map(({ clientId }) => clientId).toSorted()).toEqual(["client-a", "client-c"]);
    });

    it("leaves out what is long", async () => {
      await putRun(1);
      await putRound(1);
      await putInvocation(1, "client-a");
      const { rounds, invocations } = await look(undefined, 3);
      for (const field of ["cohort", "outcomes", "consumed", "notChosen", "selectionState"])
        expect(rounds[0]).not.toHaveProperty(field);
      expect(invocations[0]).not.toHaveProperty("url");
      expect(invocations[0]).not.toHaveProperty("serviceAccount");
    });

    it("goes from round to round: what came of the one before, and all of the next", async () => {
      await putRun(1);
      await putRound(1);
      await putInvocation(1, "client-a");
      const { cursor } = await look(undefined, 3);
      await putInvocation(1, "client-a", { status: "consumed", updatedAt: T0 + 60_000 });
      await putRound(1, closed);
      await putRound(2);
      await putInvocation(2, "client-a", { updatedAt: T0 + 60_000 });
      await putInvocation(2, "client-b", { updatedAt: T0 + 60_000 });
      await putRun(2);
      // The run, two rounds, one invocation and an empty margin, two invocations.
      const next = await look(cursor, 7);
      expect(next.run?.round).toBe(2);
      expect(next.rounds.map(({ round, status }) => [round, status])).toEqual([
        [1, "closed"],
        [2, "training"],
      ]);
      expect(next.invocations.map(({ round, clientId, status }) => [round, clientId, status])).toEqual([
        [1, "client-a", "consumed"],
        [2, "client-a", "invoked"],
        [2, "client-b", "invoked"],
      ]);
      expect(await look(next.cursor, 4)).toMatchObject({ run: null, rounds: [], invocations: [] });
    });

    it("shows the score of a round that came after later rounds", async () => {
      await putRun(3);
      await putRound(1, closed);
      await putRound(2, { ...closed, loss: null, accuracy: null });
      await putRound(3);
      let { cursor } = await look(undefined, 4);
      await putRun(5);
      await putRound(3, closed);
      await putRound(4, closed);
      await putRound(5);
      ({ cursor } = await look(cursor, 6));
      await putRound(2, { ...closed, loss: 0.25 });
      const scored = await look(cursor, 6);
      expect(scored.rounds).toMatchObject([{ round: 2, loss: 0.25 }]);
      await look(scored.cursor, 4); // From now on the last two alone.
    });

    it("reads no more than 20 rounds, the last ones, however long nobody looked", async () => {
      await putRun(1);
      await putRound(1);
      const { cursor } = await look(undefined, 3);
      const rounds = Array.from({ length: 30 }, (_, i) => i + 1);
      await under().store.setAll(
        "open-round",
        rounds.map((round) => ({ ref: refs.round(runId, round), value: buildRound({ runId, round }) })),
      );
      await putRun(30);
      const next = await look(cursor, 22);
      expect(next.rounds.map(({ round }) => round)).toEqual(rounds.slice(10));
    });

    it("leaves damaged rounds and invocations out", async () => {
      await putRun(1);
      await putRound(1);
      await putInvocation(1, "client-a");
      await putInvocation(1, "client-b");
      const { db } = under();
      await db.doc(refs.round(runId, 1).path).update({ status: "odd" });
      await db.doc(refs.invocation(runId, 1, "client-b").path).update({ status: "odd" });
      const { rounds, invocations, cursor } = await look(undefined, 4);
      expect(rounds).toEqual([]);
      expect(invocations.map(({ clientId }) => clientId)).toEqual(["client-a"]);
      expect(await look(cursor, 3)).toMatchObject({ rounds: [], invocations: [], cursor });
    });

    it.each(["", "x", "W10", Buffer.from("[1,2,3,4]").toString("base64url"), "a".repeat(150)])(
      "refuses %j as a cursor",
      async (cursor) => {
        await putRun(0);
        await expect(async () => under().store.changesOf(runId, cursor)).rejects.toMatchObject({
          code: "invalid-argument",
          problems: [{ path: "since", message: "use cursor of the look before" }],
        });
      },
    );
  });
}

function readsFigures(under: () => StoreUnderTest): void {
  describe("roundFigures", () => {
    const runId = "figures";
    beforeAll(async () => {
      const rounds = [1, 2, 3, 4, 5].map((round) =>
        buildRound({ runId, round, outcomes: [buildOutcome({ round, signals: { loss: 0.5 } })] }),
      );
      await under().store.setAll(
        "open-round",
        rounds.map((value) => ({ ref: refs.round(runId, value.round), value })),
      );
      await under().db.doc(refs.round(runId, 3).path).update({ status: "odd" });
    });
    const figures = (range: { from: number; to: number }, withOutcomes: boolean, reads: number) =>
      billed(under(), () => gathered(under().store.roundFigures(runId, range, withOutcomes)), reads);

    it("are the rounds of a range, both ends inclusive, damaged ones left out", async () => {
      const all = await figures({ from: 1, to: 100 }, false, 5);
      expect(all.map(({ round }) => round)).toEqual([1, 2, 4, 5]);
      expect((await figures({ from: 2, to: 4 }, false, 3)).map(({ round }) => round)).toEqual([2, 4]);
      expect(await figures({ from: 6, to: 100 }, false, 1)).toEqual([]);
    });

    it("are without what is long; with outcomes where they are asked for", async () => {
      const [plain] = await figures({ from: 1, to: 1 }, false, 1);
      for (const field of ["cohort", "notChosen", "outcomes", "consumed"])
        expect(plain).not.toHaveProperty(field);
      const [detailed] = await figures({ from: 1, to: 1 }, true, 1);
      expect(detailed?.outcomes).toMatchObject([{ clientId: "client-a", signals: { loss: 0.5 } }]);
      expect(detailed).not.toHaveProperty("cohort");
    });
  });
}

function readsInvocations(under: () => StoreUnderTest): void {
  describe("invocations of many rounds", () => {
    const runId = "windowed";
    const at = ({ round, clientId }: { round: number; clientId: string }) => `${round} ${clientId}`;
    beforeAll(async () => {
      const all = [1, 2, 4].flatMap((round) =>
        ["a", "b", "c"].map((clientId) =>
          buildInvocation({
            runId,
            round,
            clientId,
            invokedAt: T0 + round,
            url: "https://secret.example.org",
          }),
        ),
      );
      const other = buildInvocation({ runId: "elsewhere", round: 9, clientId: "b", invokedAt: T0 + 2 });
      await under().store.setAll(
        "open-round",
        [...all, other].map((value) => ({
          ref: refs.invocation(value.runId, value.round, value.clientId),
          value,
        })),
      );
      await under()
        .db.doc(refs.invocation(runId, 2, "c").path)
        .update({ status: "odd" });
    });

    it("are those of a window, in pages, damaged ones named", async () => {
      const window = (range: { from: number; to: number }, limit: number, reads: number, cursor?: string) =>
        billed(under(), () => under().store.invocationFigures(runId, range, { limit, cursor }), reads);
      // An empty round is a query, and billed as one document.
      const all = await window({ from: 1, to: 4 }, 100, 10);
      expect(all.items.map(at)).toEqual(["1 a", "1 b", "1 c", "2 a", "2 b", "4 a", "4 b", "4 c"]);
      expect(all.unreadable.map(({ name }) => name)).toEqual(["c"]);
      expect(all.nextCursor).toBeNull();
      expect(all.items[0]).not.toHaveProperty("url");

      const first = await window({ from: 1, to: 4 }, 4, 4);
      expect(first.items.map(at)).toEqual(["1 a", "1 b", "1 c", "2 a"]);
      const second = await window({ from: 1, to: 4 }, 4, 5, first.nextCursor ?? "");
      expect(second.items.map(at)).toEqual(["2 b", "4 a", "4 b"]);
      const third = await window({ from: 1, to: 4 }, 4, 1, second.nextCursor ?? "");
      expect(third.items.map(at)).toEqual(["4 c"]);
      expect(third.nextCursor).toBeNull();
      expect((await window({ from: 3, to: 3 }, 4, 1)).items).toEqual([]);
    });

    it("are a client's in all runs, the last invited first", async () => {
      const of = (limit: number, reads: number, cursor?: string) =>
        billed(under(), () => under().store.clientInvocations("b", { limit, cursor }), reads);
      const all = await of(100, 4);
      const places = (items: typeof all.items) => items.map(({ runId, round }) => `${runId} ${round}`);
      expect(places(all.items)).toEqual(["windowed 4", "windowed 2", "elsewhere 9", "windowed 1"]);
      const first = await of(2, 2);
      const second = await of(2, 2, first.nextCursor ?? "");
      expect(places([...first.items, ...second.items])).toEqual(places(all.items));
      expect((await of(2, 1, second.nextCursor ?? "")).items).toEqual([]);
    });
  });
}

function teaches(under: () => StoreUnderTest): void {
  describe("runsTeaching", () => {
    it("is the runs of a group, ended ones too, by name, and no other; a damaged one is named apart", async () => {
      const group = "a-group";
      const put = (runId: string, more: Partial<Run>) =>
        under().store.setAll("create-run", [{ ref: refs.run(runId), value: buildRun({ runId, ...more }) }]);
      await put("taught-b", { teaches: group });
      await put("taught-a", { teaches: group, status: "completed", swept: true });
      await put("taught-c", { teaches: "another-group" });
      await put("taught-d", {});
      await under().db.doc("runs/taught-x").set({ teaches: group, round: "three" });
      const found = await billed(under(), () => under().store.runsTeaching(group, 3), 3);
      expect(found.items.map(({ runId }) => runId)).toEqual(["taught-a", "taught-b"]);
      expect(found.unreadable.map(({ name }) => name)).toEqual(["taught-x"]);
      expect(found.hasMore).toBe(false);
      // One more than asked for is read, which tells that there are more.
      const some = await billed(under(), () => under().store.runsTeaching(group, 1), 2);
      expect(some.items.map(({ runId }) => runId)).toEqual(["taught-a"]);
      expect(some.hasMore).toBe(true);
      await under().db.doc("runs/taught-x").delete();
      expect(await under().store.runsTeaching("nobody", 3)).toEqual({
        items: [],
        unreadable: [],
        hasMore: false,
      });
    });
  });
}

function searches(under: () => StoreUnderTest): void {
  describe("listRuns with a filter", () => {
    const teamOf = (i: number) => (i % 10 === 0 ? "rare" : "common");
    beforeAll(async () => {
      // Newer than those of other tests, and more than one call looks at.
      const runs = Array.from({ length: 620 }, (_, i) => {
        const runId = `searched-${String(i).padStart(4, "0")}`;
        const labels: Record<string, string> = { team: teamOf(i), ...(i === 0 ? { oldest: "yes" } : {}) };
        return { ref: refs.run(runId), value: buildRun({ runId, createdAt: T0 + 1_000 + i, labels }) };
      });
      await under().store.setAll("create-run", runs);
    });
    const list = (filter: RunFilter, limit: number, reads: number, cursor?: string) =>
      billed(under(), () => under().store.listRuns({ limit, cursor }, filter), reads);

    it("looks at a hundred at once, as long as the page is not full", async () => {
      const rare = { label: { name: "team", value: "rare" } };
      const first = await list(rare, 15, 200);
      expect(first.items.map(({ runId }) => runId)).toEqual(
        Array.from({ length: 15 }, (_, i) => `searched-${String(610 - 10 * i).padStart(4, "0")}`),
      );
      const second = await list(rare, 1, 100, first.nextCursor ?? "");
      expect(second.items.map(({ runId }) => runId)).toEqual(["searched-0460"]);
    });

    it("looks at 500 in one call, and goes on where it stopped", async () => {
      const oldest = { label: { name: "oldest" } };
      const first = await list(oldest, 10, 500);
      expect(first.items).toEqual([]);
      expect(first.nextCursor).not.toBeNull();
      const second = await under().store.listRuns({ limit: 10, cursor: first.nextCursor ?? "" }, oldest);
      expect(second.items.map(({ runId }) => runId)).toEqual(["searched-0000"]);
      expect(second.nextCursor).toBeNull();
    });

    it("without one reads what it gives", async () => {
      const { items } = await list({}, 7, 7);
      expect(items.map(({ runId }) => runId)).toEqual(
        Array.from({ length: 7 }, (_, i) => `searched-0${619 - i}`),
      );
    });
  });
}
