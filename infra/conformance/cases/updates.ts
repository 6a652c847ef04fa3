// Updates of other kinds than the plain one: encodings, roles of parameters, what a client keeps, parts of
// parameters, a deadline. A client may not know some of them; then it reports so.
import { createHash } from "node:crypto";
import { clientStateObject } from "../../../shared/core/round/objects.ts";
import { l2Norm } from "../../../shared/core/updates/norm.ts";
import {
  asFloat32,
  decodeSafetensors,
  encodeSafetensors,
  floatTensor,
} from "../../../shared/core/updates/safetensors.ts";
import type { ModelShape, Weight } from "../../../shared/core/updates/weights.ts";
import { play } from "../exchange.ts";
import {
  type Case,
  deltaOf,
  failureOf,
  knownOrRefused,
  notDone,
  refusedProblems,
  updateMissing,
  updateOf,
} from "../verdict.ts";

const CLIP_NORM = 1e-3;

/** How far values that are to be recognised lie from the version's. */
const OWN_OFFSET = 4;

/** From the claim to the deadline, and what a report may be late by. */
const DEADLINE_MS = 4_000;
const LATE_MS = 1_000;

export const updateCases: readonly Case[] = [
  ...(["f16", "int8"] as const).map(
    (encoding): Case => ({
      name: `encoding-${encoding}`,
      title: `sends an update encoded as ${encoding}, or reports that it cannot`,
      run: async (bench) => knownOrRefused(await play(bench, { encoding }), () => []),
    }),
  ),
  {
    name: "roles",
    title: "sends nothing of frozen parameters, and the values of statistics after training",
    run: async (bench) => {
      const [one, ...rest] = bench.run.parameters;
      if (one === undefined || rest.length === 0) return { skipped: "the model has one parameter" };
      const problems: string[] = [];
      for (const role of ["frozen", "statistic"] as const) {
        // The last, which is a bias in most models: the others still train.
        const parameters: ModelShape = bench.run.parameters.map((parameter, i, all) =>
          i === all.length - 1 ? { ...parameter, role } : parameter,
        );
        // Far from 0, so that a value is not taken for a difference.
        const weights = bench.run.weights.map((weight, i, all) =>
          i === all.length - 1
            ? { ...weight, values: weight.values.map((value) => value + OWN_OFFSET) }
            : weight,
        );
        const read = deltaOf(await play(bench, { parameters, weights }));
        if ("problems" in read) problems.push(...read.problems.map((problem) => `${role}: ${problem}`));
        else if (role === "statistic" && !isNear(read.delta.at(-1), weights.at(-1))) {
          problems.push("statistic: it sent something else than the values: send those after training");
        }
      }
      return { problems };
    },
  },
  {
    name: "local",
    title:
      "keeps parameters of its own from task to task, and sends nothing of them; or reports that it cannot",
    run: async (bench) => {
      const [own, ...rest] = bench.run.parameters;
      if (own === undefined || rest.length === 0) return { skipped: "the model has one parameter" };
      const parameters: ModelShape = [{ ...own, local: true }, ...rest];
      const kept = `local/${own.name}`;
      const problems: string[] = [];
      const one = await play(bench, { parameters });
      const verdict = knownOrRefused(one, () => []);
      const updated = updateOf(one);
      if (updated === undefined) return verdict;
      const { runId, round, clientId } = one.task;
      const object = clientStateObject(runId, { round, clientId, attempt: updated.request.attempt });
      const file = one.objects.get(object);
      const pointer = updated.result.clientState;
      if (file === undefined || pointer === undefined) {
        return { problems: ["it uploaded no state by clientState.next, or did not report it"] };
      }
      const sha256 = createHash("sha256").update(file).digest("hex");
      if (pointer.sha256 !== sha256 || pointer.sizeBytes !== file.byteLength) {
        problems.push("the state that it reports is not what it uploaded");
      }
      const puts = one.seen.filter(({ to, method }) => to === "storage" && method === "PUT");
      if (puts[0]?.object !== object) problems.push("it uploaded the update before its state");
      problems.push(...stateProblems(file, kept, own.shape));

      // What it has kept is far from the version's values: what it keeps next must be near the former.
      const values = Float32Array.from(bench.run.weights[0]?.values ?? [], (value) => value + OWN_OFFSET);
      const mine = encodeSafetensors([floatTensor(kept, own.shape, values)]);
      const clientState = { file: mine, sha256: createHash("sha256").update(mine).digest("hex") };
      const two = await play(bench, { parameters, clientState });
      const next = stateOf(two, kept);
      if (next === undefined) problems.push(...updateMissing(two), "it kept nothing the second time");
      else if (next.some((value, i) => Math.abs(value - (values[i] ?? 0)) > OWN_OFFSET / 2)) {
        problems.push("it did not start from what it had kept, which clientState.previous leads to");
      }
      if (updateOf(two) !== undefined) problems.push(...knownProblems(two));
      return { problems: [...("problems" in verdict ? verdict.problems : []), ...problems] };
    },
  },
  {
    name: "covers",
    title: "sends the parts of the parameters that it is assigned; or reports that it cannot",
    run: async (bench) => {
      const found = divisible(bench.run.parameters);
      if (found === undefined) return { skipped: "no parameter of the model can be divided" };
      // The second half of one along its first axis, and, if there is another one, the whole of that.
      const [length = 1, ...rest] = found.shape;
      const from = Math.floor(length / 2);
      const others = bench.run.parameters.filter(({ name }) => name !== found.name).slice(0, 1);
      const covers = [
        ...others.map(({ name, shape }) => ({ name, at: shape.map(() => 0), shape })),
        { name: found.name, at: [from, ...rest.map(() => 0)], shape: [length - from, ...rest] },
      ];
      const exchange = await play(bench, { covers });
      return knownOrRefused(exchange, (delta) =>
        delta.every(({ values }) => values.every((value) => value === 0))
          ? ["nothing of it has changed"]
          : [],
      );
    },
  },
  {
    name: "other-covers",
    title: "reports a failure where the parts that it is assigned are not within the parameters",
    run: async (bench) => {
      const [one] = bench.run.parameters;
      if (one === undefined) return { skipped: "the model has no parameters" };
      const { name, shape } = one;
      const problems: string[] = [];
      // A scalar has nothing outside.
      for (const [what, covers] of Object.entries({
        ...(shape.length === 0 ? {} : { "outside a parameter": [{ name, at: shape, shape }] }),
        "of no parameter": [{ name: `${name}/other`, at: shape.map(() => 0), shape }],
      })) {
        const found = refusedProblems(await play(bench, { covers }));
        problems.push(...found.map((problem) => `${what}: ${problem}`));
      }
      return { problems };
    },
  },
  {
    name: "clip",
    title: "shortens its update where transforms say so; or reports that it cannot",
    run: async (bench) =>
      knownOrRefused(
        await play(bench, { transforms: [{ transform: "clip", maxNorm: CLIP_NORM }] }),
        (delta) => {
          const norm = l2Norm(delta);
          return norm <= CLIP_NORM
            ? []
            : [`its update has the norm ${norm}, and transforms allow ${CLIP_NORM}`];
        },
      ),
  },
  {
    name: "evaluation",
    title:
      "scores the version it was given on a share of its rows, where it is asked to; or reports no score",
    run: async (bench) => {
      const asked = { share: 0.25, minSamples: 1, metrics: [], batchSize: 64 };
      const exchange = await play(bench, {
        baseVersion: 3,
        grant: (grant) => ({ ...grant, evaluation: asked }),
      });
      const problems = [...updateMissing(exchange), ...notDone(exchange)];
      const updated = updateOf(exchange);
      if (updated === undefined) return { problems };
      const { evaluation, evaluationLeftOut } = updated.request;
      if (evaluation === undefined)
        return { problems, note: `it reports no score: ${evaluationLeftOut ?? "it does not say why"}` };
      if (evaluation.version !== 3)
        problems.push(`its score is of version ${evaluation.version}, and it was given 3`);
      const plain = updateOf(await play(bench))?.result.training.samples;
      const { samples } = updated.result.training;
      if (plain !== undefined && samples + evaluation.samples !== plain) {
        problems.push(
          `it trained on ${samples} samples and scored ${evaluation.samples}, and it has ${plain}: never train on those that are scored`,
        );
      }
      return { problems };
    },
  },
  {
    name: "deadline",
    title: "stops in time for the deadline with submit-partial, and reports what is done as partial",
    run: async (bench) => {
      const training = { localEpochs: 1_000, batchSize: 1 };
      const exchange = await play(bench, {
        training,
        deadlineMs: DEADLINE_MS,
        onDeadline: "submit-partial",
        deliveries: 1,
      });
      const updated = updateOf(exchange);
      if (updated === undefined) {
        const failure = failureOf(exchange);
        return failure?.reason === "owner-refuses"
          ? { skipped: `it refuses so many epochs: ${failure.message.slice(0, 200)}` }
          : { problems: updateMissing(exchange) };
      }
      const report = exchange.seen.find(({ to }) => to === "report");
      const claim = exchange.seen.find(({ to }) => to === "claim");
      const lateMs = (report?.atMs ?? 0) - (claim?.atMs ?? 0) - DEADLINE_MS;
      const { partial } = updated.result.training;
      if (lateMs > LATE_MS) return { problems: [`it reported ${lateMs} ms after the deadline`] };
      if (!partial) {
        return { skipped: `its training of ${training.localEpochs} epochs was over before the deadline` };
      }
      return { problems: notDone(exchange) };
    },
  },
  {
    name: "unknown-keys",
    title: "passes over keys of a task and of a grant that it does not know",
    run: async (bench) => {
      const later = { someLaterKey: { of: ["another", "release"] } };
      const exchange = await play(bench, {
        task: later,
        grant: (grant) => ({ ...grant, ...later, model: { ...(grant["model"] as object), ...later } }),
      });
      return { problems: [...updateMissing(exchange), ...notDone(exchange)] };
    },
  },
];

/** Whether values lie nearer to these than to 0. */
function isNear(found: Weight | undefined, of: Weight | undefined): boolean {
  return (
    found !== undefined &&
    found.name === of?.name &&
    found.values.every((value, i) => Math.abs(value - (of.values[i] ?? 0)) < OWN_OFFSET / 2)
  );
}

function divisible(parameters: ModelShape): ModelShape[number] | undefined {
  return parameters.find(({ shape }) => (shape[0] ?? 0) > 1);
}

function knownProblems(exchange: Parameters<typeof deltaOf>[0]): readonly string[] {
  const read = deltaOf(exchange);
  return "problems" in read ? read.problems : [];
}

function stateProblems(file: Uint8Array, name: string, shape: readonly number[]): readonly string[] {
  try {
    const { tensors } = decodeSafetensors(file);
    const found = tensors.find((tensor) => tensor.name === name);
    if (found === undefined) return [`its state lacks ${name}`];
    const isSame = found.dtype === "F32" && JSON.stringify(found.shape) === JSON.stringify(shape);
    return isSame ? [] : [`its state has ${name} of another shape or type: keep it as F32`];
  } catch (error) {
    return [`its state cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function stateOf(exchange: Parameters<typeof deltaOf>[0], name: string): readonly number[] | undefined {
  const updated = updateOf(exchange);
  if (updated === undefined) return undefined;
  const { runId, round, clientId } = exchange.task;
  const object = clientStateObject(runId, { round, clientId, attempt: updated.request.attempt });
  const file = exchange.objects.get(object);
  if (
    file === undefined ||
    stateProblems(file, name, []).some((problem) => /lacks|cannot be read/.test(problem))
  ) {
    return undefined;
  }
  const tensor = decodeSafetensors(file).tensors.find((one) => one.name === name);
  return tensor === undefined ? undefined : [...asFloat32(tensor)];
}
