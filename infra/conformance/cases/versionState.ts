// What the server keeps beside a version: a client of a method that works with it trains by it. SCAFFOLD is
// such a method, and says to the digit what comes of it.

import { gotShape, methodTensor } from "../../../shared/core/methods/training/methodTensors.ts";
import { ScaffoldOptions } from "../../../shared/core/methods/training/scaffold/face.ts";
import { ClaimRequest } from "../../../shared/core/schemas/protocol.ts";
import { encodeSafetensors, floatTensor } from "../../../shared/core/updates/safetensors.ts";
import type { ModelShape, Weights } from "../../../shared/core/updates/weights.ts";
import { type Exchange, jsonOf, play } from "../exchange.ts";
import type { TheRun } from "../theRun.ts";
import { type Case, knownOrRefused, notDone, updateOf } from "../verdict.ts";

/** The first release whose clients get what is kept beside a version. */
const RELEASE = 4;

/** Every value of the server's control: each step goes so far against it, much farther than its gradient. */
const CONTROL = 1;

/** Of a value, and at the least: what single precision and the order of sums may differ by. */
const [RELATIVE, LEAST] = [1e-3, 1e-3];

export const versionStateCases: readonly Case[] = [
  {
    name: "version-state",
    title:
      "trains by what the server keeps beside the version, for a method that does; or reports that it cannot",
    run: async (bench) => {
      const { run } = bench;
      const training = scaffoldOf(run);
      const shape = gotShape(training, run.parameters);
      const versionState = encodeSafetensors(
        shape.map(({ name, shape: own }) =>
          floatTensor(name, own, new Float32Array(sizeOf(own)).fill(CONTROL)),
        ),
      );
      const exchange = await play(bench, {
        otherTraining: training,
        baseVersion: 2,
        versionState,
        release: RELEASE,
      });
      const known = knownRelease(exchange);
      if (known !== undefined && known < RELEASE) {
        return {
          problems: notDone(exchange),
          note: `it knows release ${known}: tasks that take ${RELEASE} are not granted to it`,
        };
      }
      return knownOrRefused(exchange, (sent) => [
        ...(updateOf(exchange)?.result.clientState === undefined
          ? ["it uploaded no state by clientState.next, or did not report it"]
          : []),
        ...problemsOf(sent, run.parameters, updateOf(exchange)?.result.training.steps ?? 0),
      ]);
    },
  },
];

/** The run's training with SCAFFOLD, in steps so small that the control decides where they go. */
function scaffoldOf({ spec }: TheRun): ScaffoldOptions {
  const { batchSize, loss } = spec.training;
  return ScaffoldOptions.parse({
    ...{ method: "scaffold", localEpochs: 1, batchSize, loss },
    optimizer: { name: "sgd", learningRate: 1e-3 },
  });
}

function knownRelease({ seen }: Exchange): number | undefined {
  const claim = seen.find(({ to }) => to === "claim");
  const asked = claim === undefined ? undefined : ClaimRequest.safeParse(jsonOf(claim));
  return asked?.success === true ? (asked.data.release ?? 1) : undefined;
}

/**
 * A first task's update: the client's control is its mean step, -delta / steps, less the server's control;
 * and its steps have gone against that.
 */
function problemsOf(sent: Weights, parameters: ModelShape, steps: number): readonly string[] {
  const byName = new Map(sent.map(({ name, values }) => [name, values]));
  const problems: string[] = [];
  for (const { name, role = "trained" } of parameters) {
    const [delta, control] = [byName.get(name), byName.get(methodTensor("control", name))];
    if (role !== "trained" || delta === undefined || control === undefined) continue;
    const mean = delta.reduce((sum, value) => sum + value, 0) / Math.max(1, delta.length);
    if (mean > (-steps * CONTROL) / 2) {
      problems.push(
        `${name}: its ${steps} steps did not go against the server's control, which versionState leads to`,
      );
    } else if (!delta.every((value, i) => isNear(control[i] ?? Number.NaN, -value / steps - CONTROL))) {
      problems.push(`${name}: the control that it sent is not its mean step less the server's control`);
    }
  }
  return problems;
}

function isNear(value: number, expected: number): boolean {
  return Math.abs(value - expected) <= LEAST + RELATIVE * Math.abs(expected);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
