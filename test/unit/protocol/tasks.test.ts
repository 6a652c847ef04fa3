// The protocol's table: what its rows promise each other, and what the steps and addresses make of them.
import { describe, expect, it } from "vitest";
import {
  CALL_SECONDS,
  CONTROL_DEADLINE_SECONDS,
  type FunctionName,
  TASKS,
  type TaskKind,
  WATCHDOG,
} from "../../../shared/core/protocol/tasks.ts";
import { STEPS } from "../../../shared/core/steps.ts";

const rows = Object.entries(TASKS);

describe("the table of tasks", () => {
  it("no two calls of a function have one path", () => {
    const addresses = [...rows.map(([, row]) => row), WATCHDOG].map(
      ({ function: name, path }) => name + path,
    );
    expect(new Set(addresses).size).toBe(addresses.length);
  });

  it("no two kinds of task share the first word of their names, and a word has no separator", () => {
    const words = rows.map(([, { name }]) => name[0]);
    expect(new Set(words).size).toBe(words.length);
    for (const word of words) expect(word).toMatch(/^[a-z]+$/);
  });

  it("every body names its run first, or the client where it is of no run", () => {
    for (const [kind, { body }] of rows) {
      const first = kind === "check" || kind === "check-client" ? "clientId" : "runId";
      expect(Object.keys(body.shape)[0], kind).toBe(first);
    }
  });

  it("every call may last as long as the queue takes", () => {
    const own = rows.flatMap(([, { callSeconds }]) => (typeof callSeconds === "number" ? [callSeconds] : []));
    for (const seconds of [...own, ...Object.values(CONTROL_DEADLINE_SECONDS)]) {
      expect(seconds).toBeGreaterThanOrEqual(CALL_SECONDS.least);
      expect(seconds).toBeLessThanOrEqual(CALL_SECONDS.most);
    }
  });
});

describe("the durable steps", () => {
  // By hand: a function that asks for a task and is not killed around that would go unnoticed.
  const asks: Readonly<Record<FunctionName, readonly TaskKind[]>> = {
    api: ["prepare", "open-round", "sweep", "check-client", "score"],
    coordinator: [
      "open-round",
      "close-round",
      "pass-on",
      "invoke",
      "aggregate",
      "prewarm",
      "warm",
      "sweep",
      "check-client",
      "check",
    ],
    client: [],
    aggregator: ["evaluate", "open-round"],
    evaluator: ["open-round"],
  };

  it.each(Object.entries(asks))("of the %s have one for each task that it asks for", (name, kinds) => {
    const asked = STEPS[name as FunctionName].filter((step) => step.startsWith("enqueue "));
    expect(asked.toSorted()).toEqual(kinds.map((kind) => `enqueue ${kind}`).toSorted());
  });

  it("of a client are its two calls around its upload, and those of a check", () => {
    const calls = ["call claim", "call claim-check", "call report", "call report-check"];
    expect(STEPS.client.toSorted()).toEqual([...calls, "upload"]);
  });

  it("are named once for each function", () => {
    for (const [name, steps] of Object.entries(STEPS)) expect(new Set(steps).size, name).toBe(steps.length);
  });
});
