// Documents there and back: every kind survives the way to Firestore and home, and a damaged one is reported
// apart by field.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromDocument, toDocument } from "../../../shared/cloud/store/documents.ts";
import { type Ref, refs, SCHEMA_VERSION } from "../../../shared/core/ports/store.ts";
import { InvocationStatus } from "../../../shared/core/schemas/invocation.ts";
import { RoundStatus } from "../../../shared/core/schemas/round.ts";
import { RunStatus } from "../../../shared/core/schemas/run.ts";
import {
  buildClient,
  buildClientState,
  buildEvaluation,
  buildInvocation,
  buildOutcome,
  buildRecord,
  buildReported,
  buildRound,
  buildRun,
  buildShard,
  deepFreeze,
  T0,
} from "../../support/builders.ts";
import { refusal } from "../../support/refusal.ts";

/** Stands for Firestore's timestamp. */
class FakeTimestamp {
  readonly #epochMs: number;
  constructor(epochMs: number) {
    this.#epochMs = epochMs;
  }
  toMillis(): number {
    return this.#epochMs;
  }
}
const write = <T>(ref: Ref<T>, value: T) => toDocument(ref, deepFreeze(value), (ms) => new FakeTimestamp(ms));

/** The paths at which a document has timestamps. */
function timestamps(value: unknown, path = ""): string[] {
  if (value instanceof FakeTimestamp) return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    timestamps(item, path === "" ? key : `${path}.${key}`),
  );
}

function thereAndBack<T>(ref: Ref<T>, value: T): void {
  const fields = write(ref, value);
  expect(fromDocument(ref, deepFreeze(fields))).toEqual(value);
}

const busy = buildRecord({
  invocations: 2,
  trainMsHistory: [1.5],
  missedRounds: [1, 2],
  busyUntilAt: T0 + 1,
});
const full = buildRound({
  status: "closed",
  newVersion: 3,
  closeReason: "quorum",
  notChosen: [{ clientId: "client-d", reason: "busy since round 4" }],
  consumed: [{ round: 1, clientId: "client-a", attempt: 1, samples: 9, staleness: 0, weight: 1 / 3 }],
  dropped: [{ round: 1, clientId: "client-b", attempt: 2, fate: "rejected", reason: "NaN" }],
  outcomes: [buildOutcome({ busyUntilAt: T0 + 7 }), buildOutcome({ clientId: "client-b", trainMs: null })],
  inputs: [{ round: 1, clientId: "client-a", attempt: 1 }],
  accuracy: 0.5,
  eur: 1,
  aggregatingAt: T0 + 3,
  closedAt: T0 + 4,
});

describe("every kind of document, there and back", () => {
  it.each(RunStatus.options)("a run that is %s", (status) => {
    thereAndBack(refs.run("run-1"), buildRun({ status }));
    const best = { version: 1, accuracy: 0.75, round: 1 };
    thereAndBack(
      refs.run("run-1"),
      buildRun({ status, best, startedAt: T0, endedAt: T0 + 1, statusReason: "x" }),
    );
  });

  it.each(RoundStatus.options)("a round that is %s", (status) => {
    thereAndBack(refs.round("run-1", 1), buildRound({ status }));
    thereAndBack(refs.round("run-1", 1), { ...full, status });
  });

  it.each(InvocationStatus.options)("an invocation that is %s", (status) => {
    thereAndBack(refs.invocation("run-1", 1, "client-a"), buildInvocation({ status }));
    thereAndBack(refs.invocation("run-1", 1, "client-a"), buildReported({ status }));
  });

  it("clients, what they keep, roster shards and idempotency records", () => {
    thereAndBack(refs.client("client-a"), buildClient());
    thereAndBack(
      refs.client("client-a"),
      buildClient({ labels: { site: "north" }, dataCard: { description: "x", samples: 0 } }),
    );
    thereAndBack(refs.rosterShard("run-1", 0), buildShard({ clients: { a: buildRecord(), b: busy } }));
    thereAndBack(refs.rosterShard("run-1", 0), buildShard({ clients: {} }));
    thereAndBack(refs.clientState("run-1", "client-a"), buildClientState());
    thereAndBack(refs.evaluation("run-1", 3), buildEvaluation({ metrics: { loss: 1 }, endedAt: T0 + 1 }));
    const record = {
      fingerprint: "f",
      runId: "run-1",
      round: 1,
      request: null,
      version: null,
      expiresAt: T0,
    };
    thereAndBack(refs.idempotency("k"), record);
  });
});

describe("instants", () => {
  it("are timestamps in the database, wherever they are, and nothing else is", () => {
    expect(timestamps(write(refs.round("run-1", 1), full)).toSorted()).toEqual([
      "aggregatingAt",
      "closedAt",
      "deadlineAt",
      "openedAt",
      "outcomes.0.busyUntilAt",
      "rosterAsOfAt",
    ]);
    expect(timestamps(write(refs.rosterShard("run-1", 0), buildShard({ clients: { b: busy } })))).toEqual([
      "clients.b.busyUntilAt",
    ]);
    expect(timestamps(write(refs.client("client-a"), buildClient()))).toEqual(["registeredAt", "updatedAt"]);
    expect(timestamps(write(refs.run("run-1"), buildRun()))).toEqual(["createdAt", "updatedAt"]);
    expect(timestamps(write(refs.invocation("run-1", 1, "a"), buildReported()))).toEqual([
      "invokedAt",
      "claimedAt",
      "reportedAt",
      "updatedAt",
      "deleteAt",
    ]);
    expect(timestamps(write(refs.clientState("run-1", "a"), buildClientState()))).toEqual(["updatedAt"]);
    const record = { fingerprint: "f", runId: null, round: null, request: 1, version: 0, expiresAt: T0 };
    expect(timestamps(write(refs.idempotency("k"), record)), "Firestore's time-to-live needs it").toEqual([
      "expiresAt",
    ]);
  });

  it("are exact to the millisecond, in every year that Firestore knows", () => {
    const [first, last] = [Date.parse("0001-01-01T00:00:00Z"), Date.parse("9999-12-31T23:59:59.999Z")];
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), (updatedAt) => {
        thereAndBack(refs.client("client-a"), buildClient({ updatedAt }));
      }),
    );
  });

  it("a label that looks like one comes back as it was", () => {
    const labels = { seenAt: "2026-03-01T12:00:00.000Z", at: "2026-03-01T12:00:00.000Z" };
    thereAndBack(refs.client("client-a"), buildClient({ labels }));
  });
});

describe("what is not as its schema says", () => {
  it("is not written", () => {
    expect(() => write(refs.run("run-1"), buildRun({ round: -1 }))).toThrow("round");
    expect(() => write(refs.round("run-1", 1), buildRound({ eur: 1.5 }))).toThrow("eur");
    expect(() => write(refs.round("run-1", 1), buildRound({ costUsd: Number.NaN }))).toThrow("costUsd");
    const painted = { ...buildRun(), colour: "red" };
    expect(() => write(refs.run("run-1"), painted)).toThrow("colour");
  });

  it("is not read: the error names the document and every field", () => {
    const ref = refs.round("run-1", 7);
    const { cohort: _missing, ...fields } = write(ref, buildRound({ round: 7 }));
    const damaged = { ...fields, status: "secret", openedAt: "yesterday" };
    const error = refusal(() => fromDocument(ref, damaged));
    expect(error).toMatchObject({ code: "data-loss", retry: "never" });
    expect(error.message).toContain("Document runs/run-1/rounds/0007 is not as expected");
    expect(error.message).toContain("repair these fields in the Firestore console");
    expect(error.message).not.toMatch(/secret|yesterday/);
    expect(error.problems.map(({ path }) => path).toSorted()).toEqual(["cohort", "openedAt", "status"]);
  });

  const { action, ...named } = refs;
  const all = {
    action: action({ clientId: "a" }, "b"),
    ...Object.fromEntries(
      Object.entries(named).map(([kind, ref]) => [kind, ref("a" as never, 1 as never, "b" as never)]),
    ),
  };
  it.each(Object.entries(all))("of a %s: the error says what to do", (_kind, ref) => {
    expect(refusal(() => fromDocument(ref as Ref<unknown>, {})).message).toMatch(/: (repair|use) .*\.$/);
  });

  it("an empty document", () => {
    expect(refusal(() => fromDocument(refs.client("a"), {})).problems.length).toBeGreaterThan(5);
  });
});

describe("the schema version", () => {
  const ref = refs.client("client-a");
  const fields = write(ref, buildClient());

  it("is written with every document", () => {
    expect(fields["schemaVersion"]).toBe(SCHEMA_VERSION);
  });

  it("may be missing, as in documents of 0.1, or any up to ours", () => {
    const { schemaVersion: _version, ...old } = fields;
    expect(fromDocument(ref, old)).toEqual(buildClient());
    expect(fromDocument(ref, { ...fields, schemaVersion: 1 })).toEqual(buildClient());
  });

  it("that is later than ours is refused, and the error says what to deploy", () => {
    const error = refusal(() => fromDocument(ref, { ...fields, schemaVersion: SCHEMA_VERSION + 1 }));
    expect(error).toMatchObject({ code: "data-loss", retry: "never" });
    expect(error.message).toMatch(/clients\/client-a .* later release .* deploy that release/);
  });

  it.each([0, -1, 1.5, "2", null, Number.NaN])("that is %s is refused", (schemaVersion) => {
    const error = refusal(() => fromDocument(ref, { ...fields, schemaVersion }));
    expect(error.problems).toEqual([{ path: "schemaVersion", message: "expected a whole number from 1" }]);
  });
});

describe("unknown keys", () => {
  const ref = refs.round("run-1", 1);
  const { counts, ...fields } = write(ref, full);
  const noteAt = new FakeTimestamp(T0);
  const typed = deepFreeze({
    ...fields,
    counts: { ...counts, colour: "red" },
    note: { text: "look at this one", by: ["a", 1], at: noteAt },
    noteAt,
    nothing: null,
  });

  it("are passed by, wherever they are", () => {
    expect({ ...fromDocument(ref, typed), ...full }).toMatchObject(full);
    expect(JSON.parse(JSON.stringify(fromDocument(ref, typed)))).toEqual(JSON.parse(JSON.stringify(full)));
  });

  it("are written back as they were, with what has become of the value", () => {
    const read = fromDocument(ref, typed);
    expect(write(ref, read)).toEqual(typed);
    const changed = write(ref, { ...read, status: "closed", counts: { ...read.counts, late: 1 } });
    expect(changed).toEqual({
      ...typed,
      status: "closed",
      counts: { ...counts, late: 1, colour: "red" },
    });
    expect(changed["noteAt"]).toBe(noteAt);
    // The fields of one document are not those of another.
    expect(write(refs.run("run-1"), buildRun())).not.toHaveProperty("note");
  });

  it("never stand in the way of a field that the value has, and go with the map that they were in", () => {
    const shard = refs.rosterShard("run-1", 0);
    const before = write(shard, buildShard({ clients: { a: buildRecord(), b: busy } }));
    const clients = Object.fromEntries(
      Object.entries(before["clients"] as object).map(([id, record]) => [id, { ...record, grade: id }]),
    );
    const read = fromDocument(shard, { ...before, clients });
    const { b: _gone, ...stay } = read.clients;
    const after = write(shard, { ...read, clients: { ...stay, c: buildRecord() } });
    expect(after["clients"]).toEqual({
      a: { ...buildRecord(), busyUntilAt: null, grade: "a" },
      c: buildRecord(),
    });
  });

  it("of an optional field that is given up go with it", () => {
    const client = refs.client("client-a");
    const before = write(client, buildClient({ dataCard: { samples: 3 } }));
    const read = fromDocument(client, { ...before, dataCard: { samples: 3, hue: 1 }, owner: "x" });
    expect(write(client, { ...read, dataCard: {} })).toEqual({ ...before, dataCard: { hue: 1 }, owner: "x" });
  });

  it("in the items of a list are not kept: an item may have another place by now", () => {
    const outcomes = (fields["outcomes"] as object[]).map((outcome) => ({ ...outcome, colour: "red" }));
    const read = fromDocument(ref, { ...fields, counts, outcomes });
    expect(write(ref, { ...read, outcomes: [...read.outcomes].reverse() })["outcomes"]).toEqual(
      (fields["outcomes"] as object[]).toReversed(),
    );
  });

  it("may be of any type that Firestore has, looked into or not", () => {
    const reference = Object.assign(Object.create({ path: "clients/b" }), { firestore: {} as object });
    reference.firestore = { back: reference };
    const others = { reference, bytes: Buffer.from("abc"), list: [reference], deep: { point: reference } };
    const read = fromDocument(ref, { ...fields, counts, ...others });
    expect(write(ref, read)).toEqual({ ...fields, counts, ...others });
    const error = refusal(() => fromDocument(ref, { ...fields, counts, status: reference }));
    expect(error.problems.map(({ path }) => path)).toEqual(["status"]);
  });

  it("are not in what is reported of the value", () => {
    const read = fromDocument(ref, typed);
    expect(JSON.stringify(read)).not.toMatch(/look at this one|colour/);
    expect(Object.keys(read).toSorted()).toEqual(Object.keys(full).toSorted());
  });
});

describe("places of documents", () => {
  it("are as the design says, in the console's order", () => {
    expect(refs.client("c").path).toBe("clients/c");
    expect(refs.run("r").path).toBe("runs/r");
    expect(refs.round("r", 7).path).toBe("runs/r/rounds/0007");
    expect(refs.invocation("r", 7, "c").path).toBe("runs/r/rounds/0007/invocations/c");
    expect(refs.rosterShard("r", 0).path).toBe("runs/r/roster/0000");
    expect(refs.idempotency("k").path).toBe("idempotency/k");
  });
});
