// Names of tasks and objects: one a transition, none shared, all within what queues and buckets take.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Command, invocationOf, taskName } from "../../../shared/core/protocol/commands.ts";
import {
  modelObject,
  topologyObject,
  updateObject,
  updatesOf,
  updatesOfRound,
} from "../../../shared/core/round/objects.ts";
import { MAX_ROUND } from "../../../shared/core/schemas/ids.ts";

// Few of them, so that names meet.
const id = fc.oneof(
  fc.constantFrom("a", "a-1", "a-11", "1", "11", "a-0001"),
  fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
);
const round = fc.oneof(fc.constantFrom(1, 11, 111), fc.integer({ min: 1, max: MAX_ROUND }));
const count = fc.oneof(fc.constantFrom(1, 11, 111), fc.integer({ min: 1, max: 20_000 }));
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant("prepare" as const), runId: id }),
  fc.record({ kind: fc.constant("open-round" as const), runId: id, request: count }),
  fc.record({
    kind: fc.constant("invoke" as const),
    runId: id,
    round,
    clientId: id,
    url: fc.constant("https://c"),
    timeoutSeconds: fc.constant(60),
  }),
  fc.record({
    kind: fc.constant("close-round" as const),
    runId: id,
    round,
    pass: fc.constantFrom(1 as const, 2 as const),
    atMs: fc.constant(0),
  }),
  fc.record({ kind: fc.constant("aggregate" as const), runId: id, round }),
  fc.record({
    kind: fc.constant("pass-on" as const),
    runId: id,
    round,
    group: count,
    hop: count,
    atMs: fc.nat(),
  }),
  fc.record({ kind: fc.constant("prewarm" as const), runId: id, round }),
  fc.record({
    kind: fc.constant("warm" as const),
    runId: id,
    round,
    clientId: id,
    url: fc.constant("https://c"),
  }),
  fc.record({ kind: fc.constant("evaluate" as const), runId: id, round, version: count }),
  fc.record({ kind: fc.constant("score" as const), runId: id, version: count, number: count }),
  fc.record({ kind: fc.constant("sweep" as const), runId: id, pass: count }),
  fc.record({ kind: fc.constant("check-client" as const), clientId: id, number: count, pass: count }),
  fc.record({
    kind: fc.constant("check" as const),
    clientId: id,
    number: count,
    url: fc.constant("https://c"),
    timeoutSeconds: fc.constant(60),
  }),
);

/** What makes a transition another one; the rest of a command is how it is done. */
function transition(of: Command): string {
  switch (of.kind) {
    case "prepare":
      return JSON.stringify([of.kind, of.runId]);
    case "open-round":
      return JSON.stringify([of.kind, of.runId, of.request]);
    case "invoke":
    case "warm":
      return JSON.stringify([of.kind, of.runId, of.round, of.clientId]);
    case "close-round":
      return JSON.stringify([of.kind, of.runId, of.round, of.pass]);
    case "pass-on":
      return JSON.stringify([of.kind, of.runId, of.round, of.group, of.hop]);
    case "aggregate":
    case "prewarm":
      return JSON.stringify([of.kind, of.runId, of.round]);
    case "evaluate":
      return JSON.stringify([of.kind, of.runId, of.version]);
    case "score":
      return JSON.stringify([of.kind, of.runId, of.version, of.number]);
    case "check-client":
      return JSON.stringify([of.kind, of.clientId, of.number, of.pass]);
    case "check":
      return JSON.stringify([of.kind, of.clientId, of.number]);
    case "sweep":
      return JSON.stringify([of.kind, of.runId, of.pass]);
  }
}

describe("taskName", () => {
  it("is what a queue takes, and short", () => {
    fc.assert(
      fc.property(command, (of) => {
        expect(taskName(of)).toMatch(/^[A-Za-z0-9_-]{1,199}$/);
      }),
    );
  });

  it("is shared by no two transitions, and always the same for one", () => {
    fc.assert(
      fc.property(command, command, (one, other) => {
        expect(taskName(one) === taskName(other)).toBe(transition(one) === transition(other));
      }),
    );
    const tricky: Command[] = [
      { kind: "aggregate", runId: "a", round: 11 },
      { kind: "aggregate", runId: "a-0", round: 11 },
      { kind: "open-round", runId: "a-1", request: 1 },
      { kind: "open-round", runId: "a", request: 11 },
    ];
    expect(new Set(tricky.map(taskName)).size).toBe(tricky.length);
  });

  it("is readable", () => {
    expect(taskName({ kind: "close-round", runId: "fashion-20", round: 7, pass: 2, atMs: 5 })).toBe(
      "close_fashion-20_0007_2",
    );
  });
});

describe("object names", () => {
  it("are where the design says", () => {
    expect(topologyObject("r")).toBe("runs/r/model.json");
    expect(modelObject("r", 0)).toBe("runs/r/models/0.safetensors");
    expect(updateObject("r", { round: 7, clientId: "lab-1", attempt: 2 })).toBe(
      "runs/r/updates/0007/lab-1-2.safetensors",
    );
    expect(updatesOfRound("r", 7)).toBe("runs/r/updates/0007/");
    expect(updatesOf("r")).toBe("runs/r/updates/");
  });

  it("no two updates share one", () => {
    const update = fc.record({ round, clientId: id, attempt: count });
    fc.assert(
      fc.property(update, update, (one, other) => {
        const same =
          one.round === other.round && one.clientId === other.clientId && one.attempt === other.attempt;
        expect(updateObject("r", one) === updateObject("r", other)).toBe(same);
      }),
    );
    // A client's name may end in a number too.
    const first = updateObject("r", { round: 1, clientId: "lab", attempt: 11 });
    expect(first).not.toBe(updateObject("r", { round: 1, clientId: "lab-1", attempt: 1 }));
  });
});

describe("invocationOf", () => {
  it("reads the called client from a task's name, also from its second name; from other tasks nothing", () => {
    fc.assert(
      fc.property(command, fc.constantFrom("", "_2"), (one, suffix) => {
        const called =
          one.kind === "invoke" ? { runId: one.runId, round: one.round, clientId: one.clientId } : null;
        expect(invocationOf(`${taskName(one)}${suffix}`)).toEqual(called);
      }),
    );
  });
});
