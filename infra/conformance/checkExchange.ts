// One check of a client under test: its task is delivered to /check, and what came of it is kept.
import * as z from "zod";
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import { CheckClaim, CheckGrant, CheckReport } from "../../shared/core/schemas/checkCalls.ts";
import { encodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../shared/core/updates/weights.ts";
import {
  type Bench,
  CLIENT_ID,
  type Delivery,
  deliver,
  deliverAll,
  jsonOf,
  linkOf,
  problemsOf,
  RUN_ID,
  written,
} from "./exchange.ts";
import { refusal, type Seen, type StageAnswer } from "./stage.ts";

/** What is unusual in a check; everything has a default. */
export interface CheckSetup {
  /** Whether the client is to train a few steps of the run. Default true. */
  readonly withRun?: boolean;
  /** In the place of the model's file. */
  readonly modelFile?: Uint8Array;
  /** In the place of a claim's answer; undefined leaves it. The first has the number 1. */
  readonly claim?: (number: number) => StageAnswer | undefined;
}

export interface CheckExchange {
  readonly deliveries: readonly Delivery[];
  readonly seen: readonly Seen[];
  /** The first that was taken. */
  readonly report: CheckReport | undefined;
  /** What is wrong with those that were not. */
  readonly refused: readonly string[];
}

export async function playCheck(bench: Bench, setup: CheckSetup = {}): Promise<CheckExchange> {
  const { stage, run } = bench;
  const task = { clientId: CLIENT_ID, number: bench.nextRound() };
  const isOurs = (asked: { readonly clientId: string; readonly number: number }) =>
    asked.clientId === task.clientId && asked.number === task.number;
  const { seen } = stage.begin({
    calls: {
      "claim-check": ({ body, number }) => {
        const scripted = setup.claim?.(number);
        if (scripted !== undefined) return scripted;
        const asked = CheckClaim.safeParse(body);
        if (!asked.success) return refusal(400, "invalid-argument", problemsOf(asked.error).join("; "));
        if (!isOurs(asked.data)) return refusal(404, "not-found", "There is no such check.");
        return { status: 200, body: z.encode(CheckGrant, grant()) };
      },
      "report-check": ({ body }) => {
        const told = CheckReport.safeParse(body);
        if (!told.success) return refusal(400, "invalid-argument", problemsOf(told.error).join("; "));
        if (!isOurs(told.data)) return refusal(404, "not-found", "There is no such check.");
        return { status: 200, body: { status: "taken" } };
      },
    },
  });
  stage.putObject(modelObject(RUN_ID, 0), setup.modelFile ?? encodeSafetensors(tensorsOf(run.weights)));
  if (run.topology !== null) {
    stage.putObject(topologyObject(RUN_ID), new TextEncoder().encode(JSON.stringify(run.topology)));
  }
  const grant = (): CheckGrant => ({
    untilAt: Date.now() + 600_000,
    ...(run.spec.data === undefined ? {} : { data: run.spec.data }),
    ...(setup.withRun === false
      ? {}
      : {
          run: {
            ...{ runId: RUN_ID, training: run.spec.training, seed: run.spec.seed },
            parameters: run.parameters.map(written),
            ...(run.topology === null ? {} : { topology: linkOf(stage.readLink(topologyObject(RUN_ID))) }),
            model: linkOf(stage.readLink(modelObject(RUN_ID, 0))),
          },
        }),
  });
  const deliveries = await deliverAll(undefined, async () => [
    await deliver(bench, task, { path: "/check" }),
  ]);
  const reports = seen
    .filter(({ to }) => to === "report-check")
    .map((entry) => ({ entry, told: CheckReport.safeParse(jsonOf(entry)) }));
  return {
    deliveries,
    seen,
    report: reports.find(({ entry }) => entry.answered === 200)?.told.data,
    refused: reports.flatMap(({ told }) => (told.success ? [] : problemsOf(told.error))),
  };
}
