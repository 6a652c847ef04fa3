// Documents and messages of other releases: what is not known is passed by, at any depth, and nothing else is
// let through.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { Client } from "../../../shared/core/schemas/client.ts";
import { Invocation } from "../../../shared/core/schemas/invocation.ts";
import { readTolerantly } from "../../../shared/core/schemas/readTolerantly.ts";
import { RosterShard } from "../../../shared/core/schemas/roster.ts";
import { Round } from "../../../shared/core/schemas/round.ts";
import { Run } from "../../../shared/core/schemas/run.ts";
import {
  buildClient,
  buildOutcome,
  buildRecord,
  buildReported,
  buildRound,
  buildRun,
  buildShard,
  buildSpec,
  deepFreeze,
} from "../../support/builders.ts";
import { hostileNames } from "../../support/hostileNames.ts";

const documents: readonly [string, z.ZodType, unknown][] = [
  ["client", Client, buildClient({ dataCard: { samples: 3 } })],
  ["run", Run, buildRun({ spec: buildSpec({ aggregation: { norm: { action: "clip", max: 1 } } }) })],
  ["round", Round, buildRound({ outcomes: [buildOutcome()] })],
  ["invocation", Invocation, buildReported()],
  ["roster shard", RosterShard, buildShard({ clients: { a: buildRecord() } })],
];

/** The value with a key more in every object that has fields of its own, maps by outside words left alone. */
function withKey(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map((item) => withKey(item, key));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    name === "labels"
      ? item
      : name === "clients"
        ? mapValues(item, (part) => withKey(part, key))
        : withKey(item, key),
  ]);
  return Object.fromEntries([...entries, [key, { a: [1] }]]);
}

function mapValues(value: object, change: (item: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, change(item)]));
}

describe.each(documents)("a %s", (_kind, schema, value) => {
  const wire = deepFreeze(z.encode(schema, value));

  it("with keys of a later release at every depth reads as it would without", () => {
    // "name" is one of the spec's own.
    for (const key of ["note", "schema", ...hostileNames.filter((name) => name !== "name")]) {
      const read = readTolerantly(schema, deepFreeze(withKey(wire, key)));
      expect(read.success, key).toBe(true);
      expect(read.data, key).toEqual(value);
    }
  });

  it("that is wrong otherwise is refused, with what is wrong and nothing of what is unknown", () => {
    for (const field of Object.keys(wire as object)) {
      const { [field]: _missing, ...rest } = wire as Record<string, unknown>;
      const whole = schema.safeParse(rest);
      const read = readTolerantly(schema, { ...rest, note: 1 });
      expect(read.success, field).toBe(whole.success);
    }
  });
});

it("is the strict parse where nothing is unknown", async () => {
  const schema = z.strictObject({
    a: z.number().optional(),
    b: z.union([z.literal(1), z.strictObject({ c: z.string() })]),
  });
  await fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const strict = schema.safeParse(value);
      if (strict.success) expect(readTolerantly(schema, value)).toEqual(strict);
    }),
  );
});

it("ends for every input", async () => {
  const part = z.strictObject({ x: z.number() });
  const schema = z.union([part, z.strictObject({ y: z.array(part) }), z.record(z.string(), part)]);
  await fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const before = JSON.stringify(value);
      readTolerantly(schema, value);
      expect(JSON.stringify(value)).toBe(before);
    }),
  );
});
