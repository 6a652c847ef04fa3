// Two hundred clients report within one second: none waits for another, and the round closes once.
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import type { TasksEvent } from "../../infra/box/tasks/events.ts";
import { UsageMeter } from "../../infra/box/usageMeter.ts";
import { loadTrainer } from "../../shared/cloud/tensors/loadTrainer.ts";
import { FlError } from "../../shared/core/errors.ts";
import { type Ref, refs, type Store } from "../../shared/core/ports/store.ts";
import { taskName } from "../../shared/core/protocol/commands.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import { buildRound } from "../support/builders.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { officialMissing } from "../support/firestoreServers.ts";
import {
  claim,
  eventually,
  type Place,
  put,
  registerClients,
  report,
  updateFile,
} from "../support/scriptedClient.ts";
import { withTransact } from "../support/withTransact.ts";

const CLIENTS = 200;
const BURST_MS = 1_000;
const MAX_ATTEMPTS = 3;
/** For a busy machine. */
const TIMEOUT_MS = 180_000;
/** So long after the clients have registered that a round does not look at them as new any more. */
const LATER_MS = 600_000;

interface Watched {
  readonly step: string;
  attempts: number;
  readonly read: Set<string>;
}

/** Notes every transaction: how often its body ran, and what it read. */
function watching(transactions: Watched[]): (store: Store) => Store {
  return (store) =>
    withTransact(store, (step, body) => {
      const watched: Watched = { step, attempts: 0, read: new Set() };
      transactions.push(watched);
      const noting = (wanted: Ref<unknown>) => watched.read.add(wanted.path);
      return store.transact(step, (transaction) => {
        watched.attempts++;
        return body({
          get: (ref) => {
            noting(ref);
            return transaction.get(ref);
          },
          getAll: (wanted) => {
            for (const ref of wanted) noting(ref);
            return transaction.getAll(wanted);
          },
          create: (ref, value) => transaction.create(ref, value),
          set: (ref, value) => transaction.set(ref, value),
        });
      });
    });
}

for (const firestore of ["embedded", "official"] as const) {
  const missing = firestore === "official" ? officialMissing : undefined;
  describe.skipIf(missing !== undefined)(
    `on the ${firestore} Firestore${missing === undefined ? "" : `: ${missing}`}`,
    () => {
      const transactions: Watched[] = [];
      const meter = new UsageMeter();
      const tasks: TasksEvent[] = [];
      let cloud: TestCloud;
      let places: readonly Place[];
      /** What the queue calls: the clients of this test act by themselves. */
      const called = createServer((_, response) => response.end());

      beforeAll(async () => {
        const trainer = await loadTrainer({ kind: "test", prefer: "auto" });
        cloud = await startTestCloud({
          firestore,
          meter,
          onTask: (event) => tasks.push(event),
          watched: watching(transactions),
          trainer: async () => trainer,
          evaluationData: () => Promise.reject(new FlError("failed-precondition", "not here")),
        });
        const clientIds = Array.from({ length: CLIENTS }, (_, i) => `client-${String(i).padStart(3, "0")}`);
        await registerClients(cloud, clientIds, `http://${await listen(called)}/`);
        cloud.advance(LATER_MS);
        const created = await cloud.call("POST", "/v1/runs", {
          name: "crowd",
          model: { builtin: "tiny-mlp" },
          selection: { strategy: "random", cohortSize: CLIENTS },
          round: { deadlineSeconds: 600 },
        });
        const { runId } = created.body;
        await eventually("the run being ready", async () =>
          (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
        );
        await cloud.call("POST", `/v1/runs/${runId}/rounds`);
        await eventually("all being invoked", async () =>
          (await cloud.store.countInvocations(runId, 1, ["invoked"])) === CLIENTS ? true : null,
        );
        places = clientIds.map((clientId) => ({ runId, round: 1, clientId }));
      }, TIMEOUT_MS);

      afterAll(async () => {
        await cloud.stop();
        await close(called);
      }, TIMEOUT_MS);

      test("of a run's rounds, those that await a score are found, and no other", async () => {
        const rounds = [
          buildRound({ status: "closed" }),
          buildRound({ status: "closed", accuracy: null, loss: 0.5 }),
          buildRound({ status: "closed", unscoredReason: "there is no evaluation data" }),
          buildRound({ status: "degraded" }),
          buildRound({ status: "closed" }),
        ].map((round, i) => ({ ...round, runId: "scores", round: i + 1 }));
        await cloud.store.setAll(
          "mark-settled",
          rounds.map((round) => ({ ref: refs.round("scores", round.round), value: round })),
        );
        const found = await cloud.store.unscoredRounds("scores");
        expect(found.map(({ round }) => round)).toEqual([1, 5]);
      });

      test(
        "claims, uploads and reports do not get into each other's way, and the round closes once",
        async () => {
          transactions.length = 0;
          meter.reset();
          const pauseMs = (place: number) => (BURST_MS * place) / CLIENTS;
          const done = await Promise.all(
            places.map(async (place, i) => {
              await sleep(pauseMs(i));
              const grant = Grant.parse((await claim(cloud, place)).body);
              const file = updateFile(grant, i / CLIENTS);
              expect(await put(grant, file)).toBe(200);
              return { place, grant, file };
            }),
          );
          const claimed = meter.read();
          const answers = await Promise.all(
            done.map(async ({ place, grant, file }, i) => {
              await sleep(pauseMs(i));
              return report(cloud, place, grant.attempt, { file, samples: 10 });
            }),
          );
          expect(answers.map(({ body }) => body.status)).toEqual(places.map(() => "reported"));

          for (const step of ["claim", "report"]) {
            const made = transactions.filter((transaction) => transaction.step === step);
            expect(made.length).toBe(CLIENTS);
            expect(Math.max(...made.map(({ attempts }) => attempts))).toBeLessThanOrEqual(MAX_ATTEMPTS);
            // What one transaction reads, no other does: there is nothing to wait for.
            expect(new Set(made.flatMap(({ read }) => [...read])).size).toBe(CLIENTS);
            expect(made.every(({ read }) => read.size === 1)).toBe(true);
          }
          const [first] = places;
          const runId = first?.runId ?? "";
          let looks = 0;
          const look = () => {
            looks++;
            return cloud.store.get(refs.round(runId, 1));
          };
          const round = await eventually(
            "the next version",
            async () => {
              const now = await look();
              return now?.followedUp === true ? now : null;
            },
            TIMEOUT_MS,
          );
          expect(round.consumed.length).toBe(CLIENTS);
          expect(transactions.filter(({ step }) => step === "fix-inputs").length).toBe(1);
          expect(transactions.filter(({ step }) => step === "publish").length).toBe(1);

          // The round is followed up before its version is scored.
          await eventually(
            "the version being looked at",
            async () => {
              const now = await look();
              return typeof now?.unscoredReason === "string" ? true : null;
            },
            TIMEOUT_MS,
          );
          const enqueued = (kind: "aggregate" | "evaluate") =>
            tasks.flatMap((event) =>
              event.kind === "created" && event.task.startsWith(kind) ? [event.task] : [],
            );
          expect(enqueued("aggregate")).toEqual([taskName({ kind: "aggregate", runId, round: 1 })]);
          expect(enqueued("evaluate")).toEqual([taskName({ kind: "evaluate", runId, round: 1, version: 1 })]);

          const { firestore: used, storage, tasks: queued } = meter.read();
          const each = (count: number) => (count / CLIENTS).toFixed(2);
          const attempts = transactions.filter(({ step }) => step === "report").map((made) => made.attempts);
          // The official emulator does not report what it was asked.
          const asked =
            used.reads === 0
              ? ""
              : `claims ${each(claimed.firestore.reads)} reads, ${each(claimed.firestore.writes)} writes; ` +
                `with reports and the fold ${each(used.reads - looks)} reads, ${each(used.writes)} writes, ${each(used.countQueries)} counts; `;
          process.stdout.write(
            `${firestore}, by invocation: ${asked}` +
              `Storage ${each(storage.classA)} A, ${each(storage.classB)} B, ${each(storage.free)} free; ` +
              `${queued.creates} tasks in all; at most ${Math.max(...attempts)} attempts a report\n`,
          );
        },
        TIMEOUT_MS,
      );
    },
  );
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
