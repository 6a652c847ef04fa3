// Rounds as the core makes them, and a stream that keeps what is written to it.
import { Writable } from "node:stream";
import fc from "fast-check";
import type { DemoInfo } from "../../../../infra/cli/view/demoView.ts";
import type { RoundSnapshot } from "../../../../infra/cli/view/roundSnapshot.ts";
import { createRun } from "../../../../shared/core/round/control.ts";
import { planRound } from "../../../../shared/core/round/open.ts";
import { Client } from "../../../../shared/core/schemas/client.ts";
import { CloseReason, RoundStatus } from "../../../../shared/core/schemas/round.ts";
import { RunSpec, StoredRunSpec } from "../../../../shared/core/schemas/spec.ts";

export const OPENED_AT = Date.UTC(2026, 10, 21, 9);

/** A run and its first round of three clients, just opened. */
export function openRun() {
  const spec = RunSpec.parse({
    name: "demo",
    model: { builtin: "tiny-mlp" },
    selection: { strategy: "random", cohortSize: 3 },
  });
  const run = createRun("demo-1", StoredRunSpec.parse(spec), "operator@example.com", OPENED_AT);
  const ids = ["client-1", "client-2", "client-3"];
  const clients = ids.map((clientId) => [clientId, clientOf(clientId)] as const);
  const considered = ids.map((clientId) => ({ clientId, chosen: true, reason: "drawn", rank: 1 }));
  const selection = { cohort: ids, considered };
  return planRound(
    run,
    { round: 1, baseVersion: 0 },
    { selection, clients: new Map(clients), rosterAsOfAt: OPENED_AT, openUsd: 0 },
    OPENED_AT,
  );
}

function clientOf(clientId: string): Client {
  const at = new Date(OPENED_AT).toISOString();
  return Client.parse({
    clientId,
    url: "http://127.0.0.1:9/",
    serviceAccount: `${clientId}@example.com`,
    retired: false,
    registeredAt: at,
    updatedAt: at,
  });
}

export const INFO: DemoInfo = {
  title: "mnist-cnn on Fashion-MNIST",
  backend: "native",
  firestore: { reason: "the embedded server (no Java found)" },
  clients: 20,
  cohort: 8,
  rounds: 3,
  strategy: "random",
  seed: 7,
};

/** A closed round in which everybody reported. */
export const CLOSED: RoundSnapshot = {
  round: 1,
  status: "closed",
  invoked: 8,
  training: 0,
  reported: 8,
  late: 0,
  failed: 0,
  missed: 0,
  coldStarts: 8,
  accuracy: 0.4125,
  loss: 1.5,
  eur: 1,
  costUsd: 0.00264,
  wallSeconds: 14.24,
  deadlineSeconds: 60,
  closeReason: "all-reported",
};

/** A closed round with one of everything that can go wrong. */
export const ROUGH: RoundSnapshot = {
  ...CLOSED,
  round: 2,
  reported: 6,
  late: 1,
  failed: 1,
  missed: 1,
  coldStarts: 0,
  accuracy: 0.6,
  loss: 1.1,
  eur: 0.75,
  wallSeconds: 60,
  closeReason: "deadline",
};

/** An open round: two have reported, two are at work, one has failed, three are queued. */
export const OPEN: RoundSnapshot = {
  ...CLOSED,
  round: 3,
  status: "training",
  training: 2,
  reported: 2,
  failed: 1,
  coldStarts: 1,
  accuracy: null,
  loss: null,
  eur: null,
  costUsd: null,
  wallSeconds: 4.9,
  closeReason: null,
};

const share = fc.double({ min: 0, max: 1, noNaN: true });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const count = fc.nat({ max: 5_000 });

const anyCounts = fc.record({
  round: fc.integer({ min: 1, max: 9_999 }),
  status: fc.constantFrom(...RoundStatus.options),
  invoked: count,
  training: count,
  reported: count,
  late: count,
  failed: count,
  missed: count,
  coldStarts: count,
  accuracy: maybe(share),
  loss: maybe(fc.double({ noNaN: true })),
  eur: maybe(share),
  costUsd: maybe(fc.double({ min: 0, max: 1e6, noNaN: true })),
  wallSeconds: fc.double({ min: 0, max: 1e5, noNaN: true }),
  deadlineSeconds: fc.double({ min: 1, max: 3_600, noNaN: true }),
  closeReason: maybe(fc.constantFrom(...CloseReason.options)),
});

const atClients = fc.record({
  metric: fc.constantFrom("accuracy", "loss"),
  mean: fc.double({ noNaN: true }),
  worst: maybe(fc.double({ noNaN: true })),
  spread: fc.double({ min: 0, noNaN: true }),
});

/** Any round, whether its counts make sense or not. */
export const anySnapshot: fc.Arbitrary<RoundSnapshot> = fc
  .tuple(anyCounts, fc.option(atClients, { nil: undefined }))
  .map(([counts, score]) => (score === undefined ? counts : { ...counts, atClients: score }));

/** A terminal, or a file where `isTTY` is false, whose text can be read. */
export class FakeStream extends Writable {
  text = "";
  isTTY = true;
  columns = 100;
  rows = 30;

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
